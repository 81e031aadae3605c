#!/usr/bin/env python3
"""EBS volumes of a lab that an instance writes to: sets and their copies, a lost home whose volumes are made anew of the newest complete
set, what is kept of the old ones, and what is refused."""

import base64
import hashlib
import os
import pathlib
import re
import unittest

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import CANNOT_REACH, DONE

SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 10m }
components:
  disks: { kind: ebs, tag: app=disks }
"""
BLOCK = 512 * 1024
DEVICES = ("/dev/sdf", "/dev/sdg")
# Writes a number to the first device, then to the second, a few times a second: as a log before its data. Run again it goes on.
WRITER = """#!/usr/bin/python3
import os, time
def device(path):
    while True:
        try:
            return os.open(path, os.O_RDWR)
        except OSError:
            time.sleep(0.02)
one, two = device("/dev/sdf"), device("/dev/sdg")
for number in range(int(os.pread(one, 7, 0).strip(b"\\0") or 1000000), 9999999):
    for file in (one, two):
        os.pwrite(file, str(number).encode(), 0)
    time.sleep(0.4)
"""


class Described(dict):
    """What one item of an answer says, with its tags."""

    def __init__(self, text):
        tags = dict(re.findall("<item><key>(.*?)</key><value>(.*?)</value></item>", text))
        flat = re.sub("<(tagSet|attachmentSet)>.*?</\\1>", "", text)
        super().__init__(re.findall("<(\\w+)>([^<]*)</\\1>", flat), tags=tags, attached="<attachmentSet><item>" in text)


class VolumesTest(FilesLab):
    SPEC = SPEC

    # --- what is there ---

    def described(self, region, action, first, **parameters):
        body = self.query(region, action, **parameters)
        return [Described(first + part) for part in body.split(first)[1:]]

    def volumes(self, region, tag="app=disks"):
        key, value = tag.split("=")
        told = self.described(region, "DescribeVolumes", "<item><volumeId>", **{"Filter.1.Name": f"tag:{key}", "Filter.1.Value.1": value})
        return [one for one in told if one["tags"]]

    def snapshots(self, region):
        told = self.described(region, "DescribeSnapshots", "<item><snapshotId>", **{
            "Owner.1": "self", "Filter.1.Name": "tag:leeward:component", "Filter.1.Value.1": "shop/disks"})
        return [one for one in told if one["tags"]]

    def sets(self, region):
        """The names of the sets, the oldest first, each with its snapshots."""
        sets = {}
        for one in sorted(self.snapshots(region), key=lambda one: one["tags"].get("leeward:started", one["startTime"])):
            sets.setdefault(one["tags"]["leeward:set"], []).append(one)
        return sets

    def state_of(self, region, volume):
        return self.described(region, "DescribeVolumes", "<item><volumeId>", **{"VolumeId.1": volume})[0]["status"]

    def make(self, region, *tags, **parameters):
        for number, (key, value) in enumerate((tag.split("=") for tag in tags), 1):
            parameters.update({"TagSpecification.1.ResourceType": "volume", f"TagSpecification.1.Tag.{number}.Key": key,
                               f"TagSpecification.1.Tag.{number}.Value": value})
        body = self.query(region, "CreateVolume", AvailabilityZone=region + "a", **parameters)
        volume = re.search("<volumeId>(.*?)</volumeId>", body).group(1)
        wait(lambda: self.state_of(region, volume) == "available", volume)
        return volume

    def make_home(self):
        """Two volumes with something on them, and the instance that writes to both."""
        self.home = [self.make(HOME, "app=disks", Size="1", VolumeType=kind) for kind in ("gp3", "gp2")]
        for volume in self.home:
            with open(self.path(HOME, volume), "r+b") as file:
                file.seek(3 * BLOCK)
                file.write(os.urandom(4 * BLOCK))
        image = re.search("<imageId>(.*?)</imageId>", self.query(HOME, "DescribeImages")).group(1)
        body = self.query(HOME, "RunInstances", ImageId=image, MinCount="1", MaxCount="1",
                          UserData=base64.b64encode(WRITER.encode()).decode())
        self.instance = re.search("<instanceId>(.*?)</instanceId>", body).group(1)
        wait(lambda: ">running<" in self.query(HOME, "DescribeInstances", **{"InstanceId.1": self.instance}), "an instance")
        for volume, device in zip(self.home, DEVICES):
            self.query(HOME, "AttachVolume", VolumeId=volume, InstanceId=self.instance, Device=device)
        wait(lambda: self.number(HOME, self.home[1]), "writes")

    def end_the_writer(self):
        self.query(HOME, "TerminateInstances", **{"InstanceId.1": self.instance})
        for volume in self.home:
            wait(lambda: self.state_of(HOME, volume) == "available", volume)

    def path(self, region, volume):
        return pathlib.Path(self.lab_state) / "regions" / region / "ebs" / "volumes" / volume

    def number(self, region, volume):
        with open(self.path(region, volume), "rb") as file:
            return int(file.read(7).strip(b"\0") or b"0")

    def digest(self, region, volume):
        with open(self.path(region, volume), "rb") as file:
            return hashlib.sha256(file.read(16 * BLOCK)).hexdigest()

    def by_source(self, region):
        return {one["tags"]["leeward:volume"]: one["volumeId"] for one in self.volumes(region)}

    def refused(self, action):
        done = self.leeward(action, self.spec, "--yes", "--state", self.state, timeout=180, **self.variables)
        self.assertNotEqual(done.returncode, DONE, done.stderr + done.stdout)
        return done.stderr + done.stdout

    def written_later(self):
        before = self.number(HOME, self.home[1])
        wait(lambda: self.number(HOME, self.home[1]) > before, "later writes")

    # --- what is tested ---

    def test_a_lost_home_is_left_with_the_newest_complete_set_and_loses_nothing_that_is_kept(self):
        self.make_home()
        for _ in range(3):
            self.act("protect")
            self.written_later()
        here, there = self.sets(HOME), self.sets(RECOVERY)
        self.assertEqual(list(here), list(there))
        self.assertEqual(len(there), 3)
        for members in (*here.values(), *there.values()):
            self.assertEqual([one["status"] for one in members], ["completed"] * 2)
        for members in here.values():
            self.assertEqual(len({one["startTime"] for one in members}), 1, "one instant")
        _, chosen, newest = there
        self.query(RECOVERY, "DeleteSnapshot", SnapshotId=there[newest][0]["snapshotId"])
        was = {one["volumeId"]: self.make(HOME, SnapshotId=one["snapshotId"]) for one in here[chosen]}
        was = {volume: (self.digest(HOME, restored), self.number(HOME, restored)) for volume, restored in was.items()}
        self.assertIn(was[self.home[0]][1] - was[self.home[1]][1], (0, 1), "of one instant, the log before its data")

        stores = self.stores()
        self.assertEqual((stores[HOME]["role"], stores[RECOVERY]["role"]), ("writer", "replica"))
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        looked = self.leeward("failover", self.spec, "--dry-run", "--state", self.state, timeout=180, **self.variables)
        self.assertIn("would make 2 volumes of the set that was begun at", looked.stdout + looked.stderr)
        self.assertEqual(self.volumes(RECOVERY), [], "a dry run makes nothing")
        told = self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertIn("by the start of the newest set that is complete", told)
        made = self.by_source(RECOVERY)
        self.assertEqual(set(made), set(self.home))
        for source, volume in made.items():
            self.assertEqual((self.digest(RECOVERY, volume), self.number(RECOVERY, volume)), was[source], source)
        self.assertEqual({one["tags"]["leeward:device"] for one in self.volumes(RECOVERY)}, set(DEVICES))
        self.assertEqual({one["volumeType"] for one in self.volumes(RECOVERY)}, {"gp3", "gp2"})
        self.assertEqual({one["tags"]["leeward:set"] for one in self.volumes(RECOVERY)}, {chosen})
        for volume in made.values():
            with open(self.path(RECOVERY, volume), "r+b") as file:
                file.write(b"7654321")

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        self.assertIn("old volumes are attached in us-east-1", self.refused("failback"), "the old instance is back, too")
        self.end_the_writer()
        late = {volume: self.number(HOME, volume) for volume in self.home}
        told = self.act("failback")
        self.assertIn("is not listed", told)
        for volume in self.home:
            self.assertEqual(self.state_of(HOME, volume), "available", "it is kept")
            self.assertEqual(self.number(HOME, volume), late[volume])
        self.assertGreater(late[self.home[0]], was[self.home[0]][1], "it has what it alone had")
        self.assertEqual([self.number(HOME, volume) for volume in self.by_source(HOME).values()], [7654321] * 2)
        self.assertEqual(self.volumes(RECOVERY), [], "what was left is put aside")
        for volume in made.values():
            self.assertEqual(self.state_of(RECOVERY, volume), "available")

    def test_a_planned_move_waits_for_nobody_and_takes_all_once_volumes_are_detached(self):
        self.make_home()
        self.act("protect")
        told = self.refused("switchover")
        self.assertIn("still attached in us-east-1", told)
        self.assertIn("detach-volume", told)
        self.assertEqual(self.volumes(RECOVERY), [])
        self.end_the_writer()
        last = {volume: self.digest(HOME, volume) for volume in self.home}
        self.act("switchover")
        self.assertEqual({source: self.digest(RECOVERY, volume) for source, volume in self.by_source(RECOVERY).items()}, last)
        self.assertEqual(self.volumes(HOME), [])
        self.assertEqual({volume: self.digest(HOME, volume) for volume in self.home}, last, "the old ones are kept")

    def test_bad_input_is_told_in_words_and_makes_nothing(self):
        missing = "EBS volume with the tag 'app=disks' in us-east-1"
        self.assertIn(missing, self.act("protect", code=CANNOT_REACH))
        self.make(RECOVERY, "app=disks", Size="1")
        self.assertIn(missing, self.act("protect", code=CANNOT_REACH), "it is in the wrong Region")
        bad = self.write("bad.yaml", SPEC.replace("app=disks", "vol-0123456789abcdef0"))
        refused = self.leeward("validate", bad, **self.variables)
        self.assertNotEqual(refused.returncode, DONE)
        self.assertIn("names a volume of one Region alone", refused.stderr + refused.stdout)
        self.assertEqual(self.snapshots(HOME) + self.snapshots(RECOVERY), [])

    def test_an_encrypted_set_arrives_encrypted(self):
        volume = self.make(HOME, "app=disks", Size="1", Encrypted="true")
        self.act("protect")
        self.assertEqual([one["encrypted"] for one in self.snapshots(RECOVERY)], ["true"])
        (members,) = self.sets(RECOVERY).values()
        self.assertEqual(members[0]["tags"]["leeward:volume"], volume)


if __name__ == "__main__":
    unittest.main(verbosity=2)

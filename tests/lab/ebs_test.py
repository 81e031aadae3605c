#!/usr/bin/env python3
"""Volumes of a lab: sets of snapshots of what an instance writes to, and copies that outlive a cut, a kill and their source."""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import subprocess
import sys
import os
import tempfile
import time
import unittest
import urllib.parse

import signed

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

PROGRAM = sys.argv.pop(1)
LIMIT = 60  # seconds that anything may take
A, B = "us-east-1", "us-west-2"
BLOCK = 512 * 1024
# Writes a number to the first device, then to the second, a few times a second: as a log before its data.
WRITER = """#!/usr/bin/python3
import os, time
def device(path):
    while True:
        try:
            return os.open(path, os.O_WRONLY)
        except OSError:
            time.sleep(0.02)
one, two = device("/dev/sdf"), device("/dev/sdg")
for number in range(1000000, 9999999):
    for file in (one, two):
        os.pwrite(file, str(number).encode(), 0)
    time.sleep(0.4)
"""


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def presign(host, region, parameters, secret="test"):
    """A GET whose query carries its signature, as the standard library alone makes it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    date, scope = now.strftime("%Y%m%d"), f"{now:%Y%m%d}/{region}/ec2/aws4_request"
    query = {**parameters, "Version": "2016-11-15", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"test/{scope}",
             "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"), "X-Amz-Expires": "3600", "X-Amz-SignedHeaders": "host"}
    text = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="-_.~")
    canonical = f"GET\n/\n{text}\nhost:{host}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (date, region, "ec2", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"https://{host}/?{text}&X-Amz-Signature={hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()}"


class EbsTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwebs-", dir="/tmp"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.addCleanup(self.end)
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))

    def end(self):
        self.run_lab("down")
        shutil.rmtree(self.base)

    def run_lab(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=180,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def ask(self, region, action, **parameters):
        return signed.call(self.lab["gateway"], region, action, service="ec2", version="2016-11-15", timeout=60,
                           parameters=parameters)

    def call(self, region, action, **parameters):
        status, body = self.ask(region, action, **parameters)
        self.assertEqual(status, 200, body)
        return body

    def refused(self, region, action, **parameters):
        status, body = self.ask(region, action, **parameters)
        self.assertNotEqual(status, 200, body)
        return re.search("<Code>(.*?)</Code>", body).group(1)

    @staticmethod
    def member(body, name):
        return re.search(f"<{name}>(.*?)</{name}>", body).group(1)

    def make(self, region, **parameters):
        volume = self.member(self.call(region, "CreateVolume", AvailabilityZone=region + "a", **parameters), "volumeId")
        until(lambda: self.member(self.call(region, "DescribeVolumes", **{"VolumeId.1": volume}), "status") == "available", volume)
        return volume

    def snapshot(self, region, name):
        return self.call(region, "DescribeSnapshots", **{"SnapshotId.1": name})

    def completed(self, region, name):
        """Waits for as long as it comes nearer."""
        seen = None
        while self.member(self.snapshot(region, name), "status") == "pending":
            seen = until(lambda: (now := self.progress(region, name)) != seen and now, f"{name} is more than {seen} done")
        self.assertEqual(self.member(self.snapshot(region, name), "status"), "completed", self.snapshot(region, name))
        return name

    def progress(self, region, name):
        body = self.snapshot(region, name)
        return self.member(body, "status"), self.member(body, "progress")

    def path(self, region, volume):
        return self.state / "regions" / region / "ebs" / "volumes" / volume

    def write(self, region, volume, block, data):
        with open(self.path(region, volume), "r+b") as file:
            file.seek(block * BLOCK)
            file.write(data)

    def digest(self, region, volume):
        with open(self.path(region, volume), "rb") as file:
            return hashlib.sha256(file.read(64 * BLOCK)).hexdigest()

    def blocks(self, region):
        return sum(1 for path in (self.state / "regions" / region / "ebs" / "blocks").rglob("*") if path.is_file())

    def take(self, volume):
        return self.completed(A, self.member(self.call(A, "CreateSnapshot", VolumeId=volume), "snapshotId"))

    def copy(self, snapshot, **parameters):
        return self.member(self.call(B, "CopySnapshot", SourceRegion=A, SourceSnapshotId=snapshot, **parameters), "snapshotId")

    def test_a_copy_is_whole_after_a_kill_and_without_its_source(self):
        volume = self.make(A, Size=1)
        for block in range(24):
            self.write(A, volume, block, os.urandom(BLOCK))
        first = self.take(volume)
        before = self.digest(A, volume)
        copied = self.copy(first)
        self.run_lab("kill", B)
        self.run_lab("heal", B)
        self.completed(B, copied)
        self.write(A, volume, 5, os.urandom(BLOCK))
        second = self.take(volume)
        self.assertEqual(self.blocks(A), 25, "what did not change is there once")
        after = self.digest(A, volume)
        again = self.completed(B, self.copy(second))
        self.assertEqual(self.blocks(B), 25)
        self.call(A, "DeleteSnapshot", SnapshotId=first)
        self.call(B, "DeleteSnapshot", SnapshotId=copied)
        until(lambda: (self.blocks(A), self.blocks(B)) == (24, 24), "blocks that nobody has are deleted")
        self.run_lab("kill", A)
        self.assertEqual(self.digest(B, self.make(B, SnapshotId=again)), after)
        self.assertNotEqual(before, after)

    def test_a_copy_waits_for_a_dark_source(self):
        volume = self.make(A, Size=1)
        for block in range(60):
            self.write(A, volume, block, os.urandom(BLOCK))
        copied = self.copy(self.take(volume))
        self.run_lab("dark", A)
        self.assertEqual(self.member(self.snapshot(B, copied), "status"), "pending")
        self.assertEqual(self.refused(B, "CreateVolume", AvailabilityZone=B + "a", SnapshotId=copied), "IncorrectState")
        self.run_lab("heal", A)
        self.assertEqual(self.digest(B, self.make(B, SnapshotId=self.completed(B, copied))), self.digest(A, volume))

    def test_an_encrypted_snapshot_is_copied_with_a_url_signed_for_its_region_alone(self):
        snapshot = self.take(self.make(A, Size=1, Encrypted="true"))
        asked = {"Action": "CopySnapshot", "SourceRegion": A, "SourceSnapshotId": snapshot, "DestinationRegion": B}
        copy = {"SourceRegion": A, "SourceSnapshotId": snapshot}
        host = "ec2.us-east-1.amazonaws.com"
        self.assertEqual(self.refused(B, "CopySnapshot", **copy), "MissingParameter")
        for url in (presign(host, B, asked), presign(host, A, asked, secret="other"),
                    presign(host, A, {**asked, "SourceSnapshotId": "snap-0123456789abcdef0"})):
            self.assertEqual(self.refused(B, "CopySnapshot", **copy, PresignedUrl=url), "InvalidParameterValue")
        copied = self.completed(B, self.copy(snapshot, PresignedUrl=presign(host, A, asked)))
        self.assertEqual(self.member(self.snapshot(B, copied), "encrypted"), "true")

    def test_a_set_of_what_an_instance_writes_to_is_of_one_instant(self):
        image = self.member(self.call(A, "DescribeImages"), "imageId")
        instance = self.member(self.call(A, "RunInstances", ImageId=image, MinCount=1, MaxCount=1,
                                         UserData=base64.b64encode(WRITER.encode()).decode()), "instanceId")
        volumes = [self.make(A, Size=1), self.make(A, Size=1)]
        until(lambda: ">running<" in self.call(A, "DescribeInstances", **{"InstanceId.1": instance}), "an instance")
        for volume, device in zip(volumes, ("/dev/sdf", "/dev/sdg")):
            self.call(A, "AttachVolume", VolumeId=volume, InstanceId=instance, Device=device)
        until(lambda: self.path(A, volumes[1]).read_bytes()[:1] == b"1", "the instance writes")
        body = self.call(A, "CreateSnapshots", **{"InstanceSpecification.InstanceId": instance})
        of = dict(zip(re.findall("<volumeId>(.*?)</volumeId>", body), re.findall("<snapshotId>(.*?)</snapshotId>", body)))
        self.assertEqual(set(of), set(volumes))
        numbers = []
        for volume in volumes:
            restored = self.make(A, SnapshotId=self.completed(A, of[volume]))
            with open(self.path(A, restored), "rb") as file:
                numbers.append(int(file.read(7)))
        self.assertIn(numbers[0] - numbers[1], (0, 1), numbers)
        self.call(A, "DetachVolume", VolumeId=volumes[0])
        self.assertIn("detaching", self.call(A, "DescribeVolumes", **{"VolumeId.1": volumes[0]}), "it is open")
        self.call(A, "TerminateInstances", **{"InstanceId.1": instance})
        for volume in volumes:
            until(lambda: self.member(self.call(A, "DescribeVolumes", **{"VolumeId.1": volume}), "status") == "available", volume)


if __name__ == "__main__":
    unittest.main(verbosity=2)

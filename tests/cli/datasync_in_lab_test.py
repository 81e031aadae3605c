#!/usr/bin/env python3
"""A file system that a DataSync task copies to another Region of a lab, while tasks write to it: what arrives, what is refused,
what ends a copy, and what an old side keeps."""

import unittest

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import CANNOT_REACH, DONE, FAILED

# What is being written has another name, which is not copied. No task stands by, since nothing would keep it from writing to the
# copy; those that a move starts ahead of the promotion do, under names of their own.
SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 2h }
components:
  uploads: { kind: datasync, security-group: nfs, exclude: ["/.*"] }
  writer: { kind: ecs, cluster: shop, service: writer, standby: 0, active: 1, needs: [uploads] }
"""


class DataSyncTest(FilesLab):
    SPEC = SPEC

    def sync(self, region, operation, **body):
        return self.json_call(region, "datasync", f"FmrsService.{operation}", body)

    def tasks(self, region):
        listed = self.sync(region, "ListTasks")["Tasks"]
        return [self.sync(region, "DescribeTask", TaskArn=one["TaskArn"]) for one in listed]

    def uri(self, arn):
        region = arn.split(":")[3]
        return self.sync(region, "DescribeLocationEfs", LocationArn=arn)["LocationUri"]

    def protect(self):
        self.act("protect")
        (task,) = self.tasks(RECOVERY)
        self.assertEqual(self.uri(task["SourceLocationArn"]), f"efs://{HOME}.{self.home}/")
        return self.uri(task["DestinationLocationArn"]).split(".")[1].rstrip("/")

    def written_in(self, region, where, name):
        return {one for one in self.names(where, name) if one.startswith(region)}

    def test_a_planned_move_and_the_way_home_lose_no_file(self):
        self.make_home()
        away = self.protect()
        copy = self.look(RECOVERY, away)
        self.assertEqual((copy["Encrypted"], copy.get("AvailabilityZoneName")), (True, None))
        self.assertEqual(self.protect(), away, "a second run makes nothing")
        stores = self.stores()
        self.assertEqual((stores[HOME]["role"], stores[RECOVERY]["role"]), ("writer", "replica"))
        self.assertLess(stores[RECOVERY]["newest_canary_age_s"], 60)

        self.act("switchover")
        written = self.written_in(HOME, HOME, self.home)
        self.assertGreater(len(written), 10)
        self.assertEqual(written - self.names(RECOVERY, away), set(), "every file has arrived")
        (there,), (here,) = self.tasks(RECOVERY), self.tasks(HOME)
        self.assertEqual((there["Schedule"]["Status"], here["Schedule"]["Status"]), ("DISABLED", "ENABLED"))
        wait(lambda: self.written_in(RECOVERY, RECOVERY, away), "files written away")

        self.act("failback")
        home = self.names(HOME, self.home)
        self.assertEqual(written - home, set())
        late = self.written_in(RECOVERY, RECOVERY, away)
        self.assertEqual(late - home, set(), "nor is any lost on the way home")
        (there,), (here,) = self.tasks(RECOVERY), self.tasks(HOME)
        self.assertEqual((there["Schedule"]["Status"], here["Schedule"]["Status"]), ("ENABLED", "DISABLED"), "what there was is used")
        self.assertEqual(self.uri(there["SourceLocationArn"]), f"efs://{HOME}.{self.home}/")

    def test_a_lost_home_keeps_what_it_alone_has_and_nothing_late_overwrites_what_was_written_away(self):
        self.make_home()
        away = self.protect()
        (task,) = self.tasks(RECOVERY)
        # So slow that it is under way when home is lost.
        self.sync(RECOVERY, "StartTaskExecution", TaskArn=task["TaskArn"], OverrideOptions={"BytesPerSecond": 1})
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        told = self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertIn("an execution was cut off", told)
        (task,) = self.tasks(RECOVERY)
        self.assertEqual((task["Status"], task["Schedule"]["Status"]), ("AVAILABLE", "DISABLED"))
        wait(lambda: self.written_in(RECOVERY, RECOVERY, away), "files written away")

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        wait(lambda: self.names(HOME, self.home) - self.names(RECOVERY, away), "files that home alone has")
        told = self.act("failback")
        self.assertIn("is not listed", told)
        kept = self.look(HOME, self.home)
        self.assertTrue(kept["Name"].startswith("uploads-before-"), kept)
        self.assertGreater(len(self.names(HOME, self.home) - self.names(RECOVERY, away)), 0, "it still has what it alone had")
        (task,) = self.tasks(RECOVERY)
        fresh = self.uri(task["SourceLocationArn"]).split(".")[1].rstrip("/")
        self.assertNotEqual(fresh, self.home)
        self.assertEqual(self.written_in(RECOVERY, RECOVERY, away) - self.names(HOME, fresh), set())
        wait(lambda: self.written_in(HOME, HOME, fresh) - self.names(HOME, self.home), "files written at home again")
        for region in (HOME, RECOVERY):
            for location in self.sync(region, "ListLocations")["Locations"]:
                self.assertNotIn(self.home, location["LocationUri"], "nothing reads or writes what is kept")

    def test_bad_input_is_told_in_words_and_overwrites_nothing(self):
        self.make_writer()  # so that the file system alone is amiss
        self.assertIn("EFS file system 'uploads' in us-east-1", self.act("protect", code=CANNOT_REACH))
        stranger = self.make_files(RECOVERY)
        self.assertIn("EFS file system 'uploads' in us-east-1", self.act("protect", code=CANNOT_REACH), "it is in the wrong Region")
        one_zone = self.efs(HOME, "POST", "file-systems", {"CreationToken": "uploads", "Encrypted": True,
                                                           "AvailabilityZoneName": f"{HOME}a"})["FileSystemId"]
        wait(lambda: self.look(HOME, one_zone)["LifeCycleState"] == "available", "a file system of one zone")
        self.assertIn("One Zone", self.act("protect", code=FAILED))
        self.efs(HOME, "DELETE", f"file-systems/{one_zone}")
        wait(lambda: not self.efs(HOME, "GET", "file-systems", query="CreationToken=uploads")["FileSystems"], "its end")

        self.make_home()
        self.assertIn("a task overwrites its destination", self.act("protect", code=FAILED))
        self.assertEqual(self.tasks(RECOVERY), [])
        self.efs(RECOVERY, "PUT", f"file-systems/{stranger}/protection", {"ReplicationOverwriteProtection": "DISABLED"})
        self.efs(HOME, "POST", f"file-systems/{self.home}/replication-configuration",
                 {"Destinations": [{"Region": RECOVERY, "FileSystemId": stranger}]})
        self.assertIn("The two are alternatives", self.act("protect", code=FAILED))
        self.efs(HOME, "DELETE", f"file-systems/{self.home}/replication-configuration")
        wait(lambda: not self.replications(RECOVERY), "the replication's end")
        self.efs(RECOVERY, "PUT", f"file-systems/{stranger}/protection", {"ReplicationOverwriteProtection": "DISABLED"})
        self.assertEqual(self.protect(), stranger)
        self.assertEqual(self.look(RECOVERY, stranger)["FileSystemProtection"]["ReplicationOverwriteProtection"], "ENABLED")

        (task,) = self.tasks(RECOVERY)
        self.sync(RECOVERY, "StartTaskExecution", TaskArn=task["TaskArn"])
        self.assertEqual(self.protect(), stranger, "an execution that is under way already is no matter")
        short = self.write("short.yaml", SPEC.replace("security-group: nfs,", "security-group: nfs, every: 5m,"))
        refused = self.leeward("validate", short, **self.variables)
        self.assertNotEqual(refused.returncode, DONE)
        self.assertIn("DataSync's least is an hour", refused.stderr + refused.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""A file system that moves between two Regions of a lab, while tasks write to it: what arrives, what is refused, and what an old
side keeps."""

import pathlib
import unittest

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import CANNOT_REACH, FAILED

SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 15m }
components:
  uploads: { kind: efs, security-group: nfs }
  writer: { kind: ecs, cluster: shop, service: writer, standby: 1, active: 1, needs: [uploads] }
"""


class FilesTest(FilesLab):
    SPEC = SPEC

    def replaced(self, region, name):
        """The paths that a reverse overwrote or deleted, which the lab writes down."""
        told = pathlib.Path(self.lab_state) / "regions" / region / "efs" / name / "replaced"
        return told.read_text() if told.exists() else ""

    def protect(self):
        self.act("protect")
        (replication,) = self.replications(RECOVERY)
        self.assertEqual(replication["SourceFileSystemId"], self.home)
        return replication["Destinations"][0]["FileSystemId"]

    def test_a_planned_move_and_the_way_home_lose_no_file(self):
        self.make_home()
        away = self.protect()
        self.assertEqual(self.protect(), away, "a second run makes nothing")
        stores = self.stores()
        self.assertEqual((stores[HOME]["role"], stores[RECOVERY]["role"]), ("writer", "replica"))
        self.assertLess(stores[RECOVERY]["newest_canary_age_s"], 60)

        self.act("switchover")
        written = {name for name in self.names(RECOVERY, away) if name.startswith(HOME)}
        self.assertGreater(len(written), 10)
        self.assertEqual(self.replaced(HOME, self.home), "", "home had nothing that had not arrived")
        (replication,) = self.replications(HOME)
        self.assertEqual((replication["SourceFileSystemId"], replication["Destinations"][0]["FileSystemId"]), (away, self.home))
        wait(lambda: any(name.startswith(RECOVERY) for name in self.names(RECOVERY, away)), "files written away")

        self.act("failback")
        (replication,) = self.replications(RECOVERY)
        self.assertEqual(replication["SourceFileSystemId"], self.home, "what followed is used again")
        self.assertEqual(self.replaced(RECOVERY, away), "", "nor had the other Region")
        home = self.names(HOME, self.home)
        self.assertEqual(written - home, set())
        self.assertTrue(any(name.startswith(RECOVERY) for name in home))

    def test_a_lost_home_keeps_what_it_alone_has_and_gets_a_new_file_system(self):
        self.make_home()
        away = self.protect()
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertEqual(self.replications(RECOVERY), [])
        self.assertEqual(self.look(RECOVERY, away)["FileSystemProtection"]["ReplicationOverwriteProtection"], "ENABLED")
        wait(lambda: any(name.startswith(RECOVERY) for name in self.names(RECOVERY, away)), "files written away")

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        wait(lambda: self.names(HOME, self.home) - self.names(RECOVERY, away), "files that home alone has")
        told = self.act("failback")
        self.assertIn("is not listed", told)
        self.assertIn("no backup was made", told)
        kept = self.look(HOME, self.home)
        self.assertTrue(kept["Name"].startswith("uploads-before-"), kept)
        self.assertGreater(len(self.names(HOME, self.home) - self.names(RECOVERY, away)), 0, "it still has what it alone had")
        (replication,) = self.replications(RECOVERY)
        fresh = replication["SourceFileSystemId"]
        self.assertNotEqual(fresh, self.home)
        self.assertEqual({name for name in self.names(RECOVERY, away) if name.startswith(RECOVERY)} - self.names(HOME, fresh), set())
        wait(lambda: any(name.startswith(HOME) for name in self.names(HOME, fresh) - self.names(HOME, self.home)), "files at home")

    def test_bad_file_systems_are_told_in_words_and_overwrite_nothing(self):
        self.make_writer()  # so that the file system alone is amiss
        self.assertIn("EFS file system 'uploads' in us-east-1", self.act("protect", code=CANNOT_REACH))
        self.make_home()
        stranger = self.make_files(RECOVERY)
        self.assertIn("overwrite protection", self.act("protect", code=FAILED))
        self.assertEqual(self.replications(RECOVERY), [])
        self.efs(RECOVERY, "PUT", f"file-systems/{stranger}/protection", {"ReplicationOverwriteProtection": "DISABLED"})
        self.assertEqual(self.protect(), stranger)


if __name__ == "__main__":
    unittest.main(verbosity=2)

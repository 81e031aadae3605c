#!/usr/bin/env python3
"""A file system of which a lab's other Region has AWS Backup's copies alone: what is restored when home is lost, by a run that was
cut off and the next, what comes home, and what is refused."""

import os
import pathlib
import signal
import subprocess
import unittest

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import LEEWARD

SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 2h, rpo: 2h }
components:
  uploads: { kind: efs, recovery: restore, security-group: nfs }
  writer: { kind: ecs, cluster: shop, service: writer, standby: 0, active: 1, needs: [uploads] }
"""
OVERRIDE = ("--override-fence", "ANA: this test killed it")


class BackedFilesTest(FilesLab):
    SPEC = SPEC

    def systems(self, region):
        return self.efs(region, "GET", "file-systems")["FileSystems"]

    def current(self, region):
        """The one of the component; None where there is none."""
        found = [one for one in self.systems(region) if "uploads" in (one.get("Name"), one["CreationToken"])
                 and not any(tag["Key"] == "leeward:aside" for tag in one["Tags"])]
        self.assertLess(len(found), 2, found)
        return found[0] if found else None

    def restored(self, region, name):
        """What the tasks find there."""
        tree = pathlib.Path(self.lab_state) / "regions" / region / "efs" / name / "tree"
        self.assertEqual([path.name for path in tree.iterdir()], ["leeward-restored"])
        names = {path.name for path in (tree / "leeward-restored").iterdir() if not path.name.startswith(".")}
        self.assertNotIn("leeward-restored", names, "it nests")
        return names

    def killed_while_restoring(self):
        running = subprocess.Popen(
            [LEEWARD, "failover", self.spec, "--yes", "--state", self.state, *OVERRIDE], stderr=subprocess.STDOUT, text=True,
            stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "HOME": self.folder, **self.variables})
        try:
            told = ""
            for line in running.stdout:
                told += line
                if "start    restore uploads" in line:
                    break
            self.assertIn("start    restore uploads", told)
            self.assertNotIn("done     restore uploads", told)
        finally:
            running.send_signal(signal.SIGKILL)
            running.communicate()

    def lose_home(self):
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)

    def written(self, region, name, by):
        return {one for one in self.restored(region, name) if one.startswith(by)}

    def test_a_lost_home_is_restored_comes_home_and_is_lost_again(self):
        self.make_home()
        before = self.names(HOME, self.home)
        self.act("protect")
        self.assertEqual(self.systems(RECOVERY), [], "there are backups alone")
        self.lose_home()
        self.assertIn("would restore uploads in us-west-2 of ", self.act("failover", "--dry-run", *OVERRIDE))
        self.assertEqual(self.systems(RECOVERY), [])
        self.killed_while_restoring()
        self.act("failover", *OVERRIDE)
        away = self.current(RECOVERY)
        self.assertTrue(away["Encrypted"])
        self.assertEqual(before - self.restored(RECOVERY, away["FileSystemId"]), set())
        wait(lambda: self.written(RECOVERY, away["FileSystemId"], RECOVERY), "files written away")

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        self.assertIn("would rename uploads (" + self.home + ") in us-east-1", self.act("failback", "--dry-run"))
        told = self.act("failback")
        self.assertIn("is not listed", told)
        self.assertTrue(self.look(HOME, self.home)["Name"].startswith("uploads-before-"))
        self.assertTrue(self.look(RECOVERY, away["FileSystemId"])["Name"].startswith("uploads-left-"))
        self.assertIsNone(self.current(RECOVERY), "there are backups alone")
        fresh = self.current(HOME)["FileSystemId"]
        self.assertEqual(self.restored(RECOVERY, away["FileSystemId"]) - self.restored(HOME, fresh), set())
        wait(lambda: len(self.written(HOME, fresh, HOME) - before) > 10, "files at home")

        # What is lost now was itself restored, and its copy is of the end of the way home.
        self.lose_home()
        self.act("failover", *OVERRIDE)
        again = self.current(RECOVERY)["FileSystemId"]
        self.assertNotEqual(again, away["FileSystemId"])
        self.assertEqual(before - self.restored(RECOVERY, again), set())
        wait(lambda: self.written(RECOVERY, again, RECOVERY), "files written away")

    def test_what_cannot_be_restored_is_told_in_words(self):
        self.make_home()
        stranger = self.make_files(RECOVERY)
        self.assertIn("is to be restored only when it is needed", self.refused("protect"))
        self.efs(RECOVERY, "DELETE", f"file-systems/{stranger}")
        wait(lambda: not self.systems(RECOVERY), "the stranger to be gone")
        self.act("protect")
        self.lose_home()
        self.spec = self.write("shop.yaml", SPEC.replace("restore,", "restore, vault: elsewhere,"))
        self.assertIn("there is no backup vault elsewhere in us-west-2", self.refused("failover", *OVERRIDE))
        self.assertEqual(self.systems(RECOVERY), [])

    def refused(self, action, *arguments):
        done = self.leeward(action, self.spec, "--yes", "--state", self.state, *arguments, timeout=180, **self.variables)
        self.assertNotEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stderr + done.stdout


if __name__ == "__main__":
    unittest.main(verbosity=2)

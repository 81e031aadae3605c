#!/usr/bin/env python3
"""A replicated file system in a lab that is broken: what has arrived, who can write, and what the reverse destroys."""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import signed

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

PROGRAM = sys.argv.pop(1)
LIMIT = 40  # seconds that anything may take
A, B = "us-east-1", "us-west-2"
SIZE = 3000  # of each file


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Writer:
    """Writes a new file every few milliseconds, as an application does: under another name, then moved."""

    def __init__(self, tree):
        self.tree, self.written, self.ending = tree, {}, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending.wait(0.005):
            name = f"{len(self.written):06}"
            (self.tree / f".{name}").write_bytes(name.encode() * (SIZE // 6))
            os.rename(self.tree / f".{name}", self.tree / name)
            self.written[name] = time.time()

    def end(self):
        self.ending.set()
        self.thread.join()


class EfsTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwfs-", dir="/tmp"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.addCleanup(self.end)
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))

    def end(self):
        self.run_lab("down")
        shutil.rmtree(self.base)

    def run_lab(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def ask(self, region, method, path, body=None, query="", timeout=20):
        return signed.rest(self.lab["gateway"], region, method, "/2015-02-01/" + path, "elasticfilesystem", query, body, timeout)

    def call(self, region, method, path, body=None, query=""):
        status, answer = self.ask(region, method, path, body, query)
        self.assertLess(status, 300, answer)
        return answer

    def make(self):
        made = self.call(A, "POST", "file-systems", {"CreationToken": "uploads", "Encrypted": True})["FileSystemId"]
        until(lambda: self.look(A, made)["LifeCycleState"] == "available", "a file system")
        return made

    def look(self, region, name):
        return self.call(region, "GET", "file-systems", query=f"FileSystemId={name}")["FileSystems"][0]

    def replications(self, region):
        return self.call(region, "GET", "file-systems/replication-configurations")["Replications"]

    def replicate(self, region, source, destination):
        made = self.call(region, "POST", f"file-systems/{source}/replication-configuration", {"Destinations": [destination]})
        return made["Destinations"][0]["FileSystemId"]

    def status(self, region):
        found = self.replications(region)
        return found[0]["Destinations"][0]["Status"] if found else None

    def synced(self):
        return self.replications(B)[0]["Destinations"][0]["LastReplicatedTimestamp"]

    def tree(self, region, name):
        return self.state / "regions" / region / "efs" / name / "tree"

    def whole(self, tree):
        """The names in the tree; each file has to be whole, whenever it is looked at."""
        names = set()
        for path in tree.iterdir():
            if not path.name.startswith("."):
                self.assertEqual(path.stat().st_size, SIZE, path)
            names.add(path.name)
        return names

    # What it sent is on its way until the Region is back, and is done then.
    def test_a_dark_home_holds_up_the_delete_of_both_sides(self):
        source = self.make()
        away = self.tree(B, self.replicate(A, source, {"Region": B}))
        until(lambda: self.status(B) == "ENABLED", "the first copy")
        self.run_lab("dark", A)
        self.assertRaises(TimeoutError, self.ask, B, "DELETE", f"file-systems/{source}/replication-configuration", timeout=3)
        self.assertEqual((self.status(B), away.stat().st_mode & 0o222), ("ENABLED", 0))
        self.run_lab("heal", A)
        for region in (A, B):
            until(lambda region=region: self.status(region) is None, f"no replication in {region}")
        self.assertEqual(away.stat().st_mode & 0o777, 0o755)

    def test_a_dark_home_holds_up_no_delete_of_one_side(self):
        source = self.make()
        destination = self.replicate(A, source, {"Region": B})
        home, away = self.tree(A, source), self.tree(B, destination)
        until(lambda: self.status(B) == "ENABLED", "the first copy")
        writer = Writer(home)
        self.addCleanup(writer.end)
        until(lambda: len(self.whole(away)) > 50, "files away")
        until(lambda: self.synced() > min(dict(writer.written).values()), "a copy that is whole since the first file")
        self.run_lab("dark", A)
        synced = self.synced()
        self.call(B, "DELETE", f"file-systems/{source}/replication-configuration", query="deletionMode=LOCAL_CONFIGURATION_ONLY")
        until(lambda: self.status(B) is None, "no replication away")
        self.assertEqual(away.stat().st_mode & 0o777, 0o755)
        arrived = self.whole(away)
        before = {name for name, when in dict(writer.written).items() if when < synced}
        self.assertGreater(len(before), 0)
        self.assertEqual(before - arrived, set(), f"written before {datetime.datetime.fromtimestamp(synced)}")

        self.run_lab("heal", A)
        until(lambda: self.status(A) == "ERROR", "what is left at home")
        writer.end()
        late = set(writer.written) - arrived
        self.assertGreater(len(late), 0)
        self.come_home(source, destination, late)

    def come_home(self, source, destination, late):
        back = {"Region": A, "FileSystemId": source}
        status, refusal = self.ask(B, "POST", f"file-systems/{destination}/replication-configuration", {"Destinations": [back]})
        self.assertEqual((status, refusal["ErrorCode"]), (409, "ReplicationAlreadyExists"))
        self.call(A, "DELETE", f"file-systems/{source}/replication-configuration", query="deletionMode=LOCAL_CONFIGURATION_ONLY")
        until(lambda: self.status(A) is None, "no replication at home")
        status, refusal = self.ask(B, "POST", f"file-systems/{destination}/replication-configuration", {"Destinations": [back]})
        self.assertEqual((status, refusal["ErrorCode"]), (409, "ConflictException"))
        self.call(A, "PUT", f"file-systems/{source}/protection", {"ReplicationOverwriteProtection": "DISABLED"})
        self.replicate(B, destination, back)
        until(lambda: self.status(B) == "ENABLED", "the reverse")
        self.assertEqual(self.whole(self.tree(A, source)), self.whole(self.tree(B, destination)))
        replaced = (self.tree(A, source).parent / "replaced").read_text().split("\n")
        self.assertEqual({line.split(" ")[1] for line in replaced if line}, late)

    def test_a_recovery_region_that_is_killed_goes_on_and_shows_no_part_of_a_file(self):
        source = self.make()
        destination = self.replicate(A, source, {"Region": B})
        until(lambda: self.status(B) == "ENABLED", "the first copy")
        home, away = self.tree(A, source), self.tree(B, destination)
        writer = Writer(home)
        self.addCleanup(writer.end)
        for _ in range(2):
            seen = len(self.whole(away))
            until(lambda: len(self.whole(away)) > seen + 20, "more files away")
            self.run_lab("kill", B)
            self.whole(away)
            self.run_lab("heal", B)
            self.assertEqual(away.stat().st_mode & 0o222, 0)
        writer.end()
        until(lambda: self.whole(away) == set(writer.written), "all files away")
        for name in writer.written:
            self.assertEqual((away / name).read_bytes(), (home / name).read_bytes())


if __name__ == "__main__":
    unittest.main(verbosity=2)

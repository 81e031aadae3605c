#!/usr/bin/env python3
"""A whole lab on free ports: up, asked, broken in every way, healed, down, and nothing left."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import signed
from items_ask import wait

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

PROGRAM = sys.argv.pop(1)


def run(*arguments, state, check=True):
    done = subprocess.run([PROGRAM, *arguments, "--state", str(state)], capture_output=True, text=True, timeout=90)
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr}")
    return done


def processes_of(state):
    """Ids of the processes whose arguments name the state directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(state).encode() in arguments:
            found.append((int(entry.name), arguments[1].decode()))
    return found


class LabTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="leeward-lab-test-"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.addCleanup(self.end)

    def end(self):
        run("down", state=self.state, check=False)
        try:
            self.assertEqual(processes_of(self.state), [])
        finally:
            shutil.rmtree(self.base)

    def up(self, *arguments):
        done = run("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", *arguments, state=self.state)
        self.lab = json.loads(done.stdout)
        self.gateway = self.lab["gateway"]

    def caller(self, region, **keys):
        return signed.call(self.gateway, region, "GetCallerIdentity", **keys)

    def assert_silent(self, region):
        """A connect attempt to the Region's API meets neither yes nor no."""
        host, port = self.lab["regions"][region]["api"].removeprefix("http://").split(":")
        with self.assertRaises(TimeoutError):
            socket.create_connection((host, int(port)), timeout=0.5).close()

    def test_every_region_answers_and_refuses_as_aws_does(self):
        start = time.monotonic()
        self.up()
        self.assertLess(time.monotonic() - start, 10)
        for region in self.lab["regions"]:
            status, body = self.caller(region)
            self.assertEqual(status, 200, body)
            self.assertIn("<Arn>arn:aws:iam::123456789012:user/lab</Arn>", body)
        for expected, keys in [("InvalidClientTokenId", {"key": "AKIAOTHER"}), ("SignatureDoesNotMatch", {"secret": "x"})]:
            status, body = self.caller("us-east-1", **keys)
            self.assertEqual((status, f"<Code>{expected}</Code>" in body), (403, True), body)
        self.assertIn("valid region", self.caller("ap-south-1")[1])
        status, body = signed.call(self.gateway, "us-east-1", "DecodeAuthorizationMessage")
        self.assertIn("DecodeAuthorizationMessage", body)
        self.assertGreaterEqual(status, 400)
        stale = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)
        self.assertIn("Signature expired", self.caller("us-east-1", now=stale)[1])
        again = run("up", state=self.state, check=False)
        self.assertEqual((again.returncode, again.stderr.count("\n")), (2, 1), again.stderr)

    def test_killed_region_times_out_and_comes_back(self):
        self.up()
        before = time.time_ns()
        killed = json.loads(run("kill", "us-east-1", "--json", state=self.state).stdout)
        self.assertTrue(before <= killed["at_ns"] <= time.time_ns())
        self.assert_silent("us-east-1")
        with self.assertRaises(OSError):
            self.caller("us-east-1", timeout=0.5)
        self.assertEqual(self.caller("us-west-2")[0], 200)
        self.assertNotIn("us-east-1", [argument for _, argument in processes_of(self.state)])
        run("heal", "us-east-1", state=self.state)
        self.assertEqual(self.caller("us-east-1")[0], 200)

    def test_dark_control_plane_and_clock(self):
        self.up()
        run("dark", "eu-west-1", state=self.state)
        self.assert_silent("eu-west-1")
        run("control-plane", "us-west-2", "down", state=self.state)
        self.assertEqual(self.caller("us-west-2")[0], 503)
        run("clock", "us-east-1", "+20m", state=self.state)
        self.assertIn("Signature expired", self.caller("us-east-1")[1])
        status = json.loads(run("status", "--json", state=self.state).stdout)
        self.assertEqual([entry["state"] for entry in status["regions"].values()], ["up", "up", "dark"])
        run("heal", "all", state=self.state)
        for region in self.lab["regions"]:
            self.assertEqual(self.caller(region)[0], 200)

    def test_two_labs_side_by_side(self):
        self.up()
        other = self.base / "other"
        done = run("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", state=other)
        try:
            mine = {entry["network"] for entry in self.lab["regions"].values()}
            theirs = {entry["network"] for entry in json.loads(done.stdout)["regions"].values()}
            self.assertFalse(mine & theirs)
            taken = self.gateway.removeprefix("http://")
            refused = run("up", "--gateway", taken, "--dns", "127.0.0.1:0", state=self.base / "third", check=False)
            self.assertEqual((refused.returncode, refused.stderr.count("\n")), (4, 1), refused.stderr)
            self.assertIn(taken, refused.stderr)
            self.assertFalse((self.base / "third").exists())
        finally:
            run("down", state=other)
        self.assertFalse(other.exists())
        self.assertEqual(self.caller("us-east-1")[0], 200)

    def test_whoever_is_killed_nothing_stays(self):
        for victim in ("__keeper", "__supervisor", "__network"):
            with self.subTest(victim=victim):
                self.up()
                pid = next(pid for pid, argument in processes_of(self.state) if argument == victim)
                os.kill(pid, signal.SIGKILL)
                wait(lambda: not processes_of(self.state), f"the end of the lab after {victim}")
                run("down", state=self.state)
                self.assertFalse(self.state.exists())

    def test_a_lab_ends_with_its_owner(self):
        owner = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        try:
            self.up("--owner", str(owner.pid))
            self.assertEqual(self.caller("us-east-1")[0], 200)
        finally:
            owner.kill()
            owner.communicate()
        wait(lambda: not processes_of(self.state), "the end of the lab after its owner")
        self.assertFalse(self.state.exists())
        refused = run("up", "--owner", str(owner.pid), state=self.state, check=False)
        self.assertEqual((refused.returncode, refused.stderr.count("\n")), (2, 1), refused.stderr)
        self.assertIn(str(owner.pid), refused.stderr)
        self.assertFalse(self.state.exists())

    def test_crashed_region_refuses_until_healed(self):
        self.up()
        pid = self.lab["regions"]["us-west-2"]["pid"]
        os.kill(pid, signal.SIGKILL)
        host, port = self.lab["regions"]["us-west-2"]["api"].removeprefix("http://").split(":")

        def refused():
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:  # made just before the address was closed
                return False
            return False

        wait(refused, "a refusal")
        run("heal", "us-west-2", state=self.state)
        wait(lambda: self.caller("us-west-2")[0] == 200, "the Region's return")

    def test_bad_usage_is_one_line(self):
        for arguments in (["kill"], ["up", "--regions", "a,a"], ["up", "--gateway", "nowhere"], ["fly"],
                          ["up", "--pace", "slow"]):
            done = run(*arguments, state=self.state, check=False)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), (arguments, done.stderr))
        self.assertEqual(run("kill", "us-east-1", state=self.state, check=False).returncode, 4)
        self.assertFalse(self.state.exists())


if __name__ == "__main__":
    unittest.main()

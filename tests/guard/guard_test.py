#!/usr/bin/env python3
"""`leeward guard LEEWARD` before a real PostgreSQL: stopped, killed, started again, handed over."""

import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402
from ports import free_port  # noqa: E402

POSTGRES = "/usr/lib/postgresql/15/bin/"
HOST = "127.84.0.1"
LEASE = 1.0  # seconds
PATIENCE = 30.0
SECRET = "planted-in-the-guards-environment"
SCHEMA = "leeward/inventory/v1"
LEEWARD = ""

SPEC = """apiVersion: leeward/v1
application: shop
regions: {{ home: us-east-1, recovery: us-west-2 }}
objectives: {{ rto: 15m, rpo: 5s }}
components:
  orders: {{ kind: rds, database: shop, user: owner }}
failover: {{ lease: 1s, store: "sqlite:{store}" }}
"""


def await_true(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("in vain: " + (what() if callable(what) else what))


def alive(pid):
    """Whether there is such a process that is not only waiting to be taken off the table."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Server:
    """A PostgreSQL of its own, on loopback, with a database `shop` of a login `owner`."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "pg")
        os.mkdir(self.folder)
        self.user = None
        if os.geteuid() == 0:
            self.user = "postgres"
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        self.port = free_port(HOST)
        data = os.path.join(self.folder, "data")
        self.run("initdb", "-D", data, "-U", "root_of_test", "-A", "trust", "--no-sync", "--locale=C")
        self.process = subprocess.Popen(
            [POSTGRES + "postgres", "-D", data, "-k", self.folder, "-p", str(self.port), "-c", "fsync=off",
             "-c", f"listen_addresses={HOST}", "-c", "shared_buffers=16MB"],
            user=self.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        await_true(lambda: self.sql("postgres", "select 1") == "1", "PostgreSQL starts")
        for statement in ("create role owner login", "grant pg_signal_backend to owner",
                          "create database shop owner owner"):
            self.sql("postgres", statement)
        self.sql("shop", "create table written (at timestamptz default clock_timestamp(), epoch int)")
        self.sql("shop", "grant insert, select on written to owner")

    def run(self, program, *arguments):
        subprocess.run([POSTGRES + program, *arguments], user=self.user, check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sql(self, database, statement, user="root_of_test"):
        """The answer, or None when it was refused."""
        done = subprocess.run([POSTGRES + "psql", "-h", HOST, "-p", str(self.port), "-U", user, "-d", database,
                               "-qAtc", statement], capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else None

    def writes(self):
        return self.sql("shop", "insert into written default values returning 1", "owner") == "1"

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=PATIENCE)


class GuardTest(cleaned.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="leeward-guard-test-")
        os.chmod(self.folder, 0o755)
        self.guards = []
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = Server(self.folder)
        self.addCleanup(self.server.stop)
        self.addCleanup(self.end_guards)
        self.store = os.path.join(self.folder, "store.db")
        self.spec = os.path.join(self.folder, "shop.yaml")
        with open(self.spec, "w", encoding="utf-8") as file:
            file.write(SPEC.format(store="store.db"))
        self.state = os.path.join(self.folder, "state")
        os.mkdir(self.state)
        facts = {"endpoint.address": HOST, "endpoint.port": str(self.server.port)}
        with open(os.path.join(self.state, "inventory.json"), "w", encoding="utf-8") as file:
            json.dump({"schema": SCHEMA, "refreshed": "2026-11-23T08:20:53.123Z",
                       "facts": [{"component": "orders", "region": "us-east-1", "name": name, "value": value}
                                 for name, value in facts.items()]}, file)

    def end_guards(self):
        for guard in self.guards:
            if guard.poll() is None:
                guard.send_signal(signal.SIGCONT)
                guard.kill()
                guard.wait(timeout=PATIENCE)

    def hook(self, script, within="5s"):
        """A program of that text, which the guards run when they fence."""
        path = os.path.join(self.folder, "fenced")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncd '%s'\n%s\n" % (self.folder, script))
        os.chmod(path, 0o755)
        self.add_hook(path, within)

    def add_hook(self, path, within="5s"):
        with open(self.spec, "a", encoding="utf-8") as file:
            file.write('guard: { on-fence: { run: ["%s", "an argument"], within: %s } }\n' % (path, within))

    def left(self, name):
        """What a hook has left in that file, whole lines only."""
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return [line[:-1] for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def told(self, guard):
        """What the guard tells of its hook."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{guard.port}/writable", timeout=5) as answer:
                return json.load(answer)["hook"]
        except urllib.error.HTTPError as error:
            return json.load(error)["hook"]
        except OSError:
            return {"state": "no answer"}

    def start(self, output=None):
        port = free_port(HOST)
        log = open(os.path.join(self.folder, f"guard{len(self.guards)}.log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        guard = subprocess.Popen(
            [LEEWARD, "guard", self.spec, "--state", self.state, "--region", "us-east-1", "--listen",
             f"{HOST}:{port}"], stdout=output or log, stderr=log,
            env={"PATH": "/usr/bin:/bin", "HOME": self.folder, "AWS_REGION": "us-east-1",
                 "AWS_SECRET_ACCESS_KEY": SECRET})
        guard.port = port
        self.guards.append(guard)
        return guard

    def writable(self, guard):
        """The epoch, or None."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{guard.port}/writable", timeout=5) as answer:
                return json.load(answer)["epoch"]
        except urllib.error.HTTPError as error:
            self.assertEqual(error.code, 503)
            return None
        except OSError:
            return None

    def log(self):
        text = ""
        for index in range(len(self.guards)):
            with open(os.path.join(self.folder, f"guard{index}.log"), encoding="utf-8") as file:
                text += file.read()
        return text

    def record(self):
        with sqlite3.connect(self.store) as database:
            row = database.execute("select value from entry").fetchone()
        return json.loads(row[0])

    def await_epoch(self, guard, epoch):
        await_true(lambda: self.writable(guard) == epoch, lambda: f"epoch {epoch}; {self.log()}")
        self.assertTrue(self.server.writes())

    def await_shut(self):
        """How long until nobody can write any more."""
        began = time.monotonic()
        await_true(lambda: not self.server.writes(), "the door shuts")
        return time.monotonic() - began

    def test_a_stopped_guard_closes_its_database_and_opens_it_again_later(self):
        guard = self.start()
        self.await_epoch(guard, 1)
        inside = subprocess.Popen([POSTGRES + "psql", "-h", HOST, "-p", str(self.server.port), "-U", "owner", "-d",
                                   "shop", "-c", "select pg_sleep(60)"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        guard.send_signal(signal.SIGSTOP)
        self.assertLess(self.await_shut(), LEASE + 0.5)
        inside.wait(timeout=PATIENCE)  # its session was ended
        guard.send_signal(signal.SIGCONT)
        self.await_epoch(guard, 2)

    def test_one_that_cannot_listen_closes_nothing(self):
        self.hook("echo closed >> runs")
        guard = self.start()
        self.await_epoch(guard, 1)
        await_true(lambda: self.left("runs") == ["closed"], lambda: f"a run at the start; {self.log()}")
        inside = subprocess.Popen([POSTGRES + "psql", "-h", HOST, "-p", str(self.server.port), "-U", "owner", "-d",
                                   "shop", "-c", "select pg_sleep(5)"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        await_true(lambda: self.server.sql("postgres", "select count(*) from pg_stat_activity where query like "
                                           "'select pg_sleep(5)%'") == "1", "somebody is inside")
        for _ in range(50):  # one that began to close would have to be quick to be seen
            second = subprocess.run([LEEWARD, "guard", self.spec, "--state", self.state, "--region", "us-east-1",
                                     "--listen", f"{HOST}:{guard.port}"], capture_output=True, text=True, timeout=20,
                                    env={"HOME": self.folder, "AWS_REGION": "us-east-1"})
            self.assertNotEqual(second.returncode, 0)
            self.assertIn(f"{HOST}:{guard.port}", second.stderr)
        self.assertEqual(inside.wait(timeout=PATIENCE), 0, "its session was ended")
        self.assertEqual(self.left("runs"), ["closed"], "the hook was run")
        self.assertEqual(self.writable(guard), 1)

    def test_a_killed_guard_takes_the_right_to_write_with_it_until_another_starts(self):
        guard = self.start()
        self.await_epoch(guard, 1)
        guard.kill()
        guard.wait(timeout=PATIENCE)
        self.assertLess(self.await_shut(), LEASE + 0.5)
        self.await_epoch(self.start(), 2)

    def test_that_nobody_reads_what_it_says_costs_no_lease(self):
        guard = self.start(subprocess.PIPE)
        self.await_epoch(guard, 1)
        guard.stdout.close()
        for epoch in (2, 3):  # so that there is something to say: it fences, and opens again
            guard.send_signal(signal.SIGSTOP)
            self.await_shut()
            guard.send_signal(signal.SIGCONT)
            self.await_epoch(guard, epoch)
        self.assertIsNone(guard.poll())

    def test_a_handed_over_lease_is_not_taken_back(self):
        guard = self.start()
        self.await_epoch(guard, 1)
        guard.send_signal(signal.SIGUSR1)
        await_true(lambda: self.record()["released"], "the lease is released")
        self.assertFalse(self.server.writes())
        end = time.monotonic() + 2 * LEASE
        while time.monotonic() < end:
            self.assertIsNone(self.writable(guard))
            self.assertTrue(self.record()["released"])
            time.sleep(0.02)

    def test_the_specs_own_hook_is_run_at_each_fence(self):
        self.hook('env >> env.log; echo "$LEEWARD_APPLICATION|$LEEWARD_REGION|$LEEWARD_EPOCH|$LEEWARD_REASON|$1" >> runs')
        started = "shop|us-east-1||a guard that starts does not know what an earlier one left open|an argument"
        handed = "shop|us-east-1|1|the lease is handed over|an argument"
        guard = self.start()
        self.await_epoch(guard, 1)
        await_true(lambda: self.left("runs") == [started], lambda: f"a run at the start; {self.log()}")
        await_true(lambda: self.told(guard) == {"state": "done", "runs": 1, "failures": 0, "detail": "exit code 0"},
                   lambda: str(self.told(guard)))
        guard.send_signal(signal.SIGUSR1)
        await_true(lambda: self.record()["released"], "the lease is released")
        await_true(lambda: self.left("runs") == [started, handed], lambda: f"a run at the fence; {self.log()}")
        # A guard that starts cannot know whether the one before it came to run the hook.
        guard.kill()
        guard.wait(timeout=PATIENCE)
        self.start()
        await_true(lambda: self.left("runs") == [started, handed, started], lambda: f"a run more; {self.log()}")
        self.assertNotIn(SECRET, "\n".join(self.left("env.log")))
        self.assertEqual({line.split("=")[0] for line in self.left("env.log")} - {"PWD", "OLDPWD", "_", "SHLVL"},
                         {"PATH", "LEEWARD_APPLICATION", "LEEWARD_REGION", "LEEWARD_EPOCH", "LEEWARD_REASON"})

    def test_a_hook_that_hangs_is_ended_and_delays_no_fence(self):
        self.hook("sleep 1000 & echo $! >> pids; echo $$ >> pids; wait", within="8s")
        guard = self.start()
        self.await_epoch(guard, 1)
        await_true(lambda: len(self.left("pids")) == 2, lambda: f"the hook has begun; {self.log()}")
        self.assertEqual(self.told(guard)["state"], "running")
        guard.send_signal(signal.SIGUSR1)
        self.assertLess(self.await_shut(), LEASE)
        await_true(lambda: self.record()["released"], "the lease is released")
        self.assertEqual(self.told(guard)["runs"], 1, "the first hook was waited for")
        first = self.left("pids")[:2]
        await_true(lambda: not any(alive(pid) for pid in first), "what hangs is ended")
        await_true(lambda: self.told(guard)["runs"] == 2, "the fence's own run follows")
        await_true(lambda: self.told(guard)["state"] == "timed-out", lambda: str(self.told(guard)))
        self.assertEqual(self.told(guard)["failures"], 2)
        self.assertIn("did not end within 8s and was ended", self.log())
        await_true(lambda: not any(alive(pid) for pid in self.left("pids")), "what hangs is ended")

    def test_a_hook_that_does_not_exist_is_told_of_and_the_guard_guards(self):
        self.add_hook("/nonexistent/fenced")
        guard = self.start()
        self.await_epoch(guard, 1)
        await_true(lambda: self.told(guard)["state"] == "failed", lambda: str(self.told(guard)))
        self.assertIn("cannot start /nonexistent/fenced: No such file or directory", self.told(guard)["detail"])
        self.assertIn("hook /nonexistent/fenced failed: cannot start", self.log())
        guard.send_signal(signal.SIGSTOP)
        self.assertLess(self.await_shut(), LEASE + 0.5)
        guard.send_signal(signal.SIGCONT)
        self.await_epoch(guard, 2)
        await_true(lambda: self.told(guard)["failures"] == 2, lambda: str(self.told(guard)))

    def test_bad_usage_is_named(self):
        for arguments, code, word in ((["--region", "eu-west-1"], 2, "takes no writes"),
                                      (["--region", "us-west-2"], 4, "leeward protect")):
            done = subprocess.run([LEEWARD, "guard", self.spec, "--state", self.state, "--listen", f"{HOST}:0",
                                   *arguments], capture_output=True, text=True, timeout=20,
                                  env={"HOME": self.folder, "AWS_REGION": "us-east-1"})
            self.assertIn(word, done.stderr)
            self.assertEqual(done.returncode, code, done.stderr)


if __name__ == "__main__":
    LEEWARD = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)

#!/usr/bin/env python3
"""MariaDB for RDS in a lab that is broken: through the lab's network, with a client that is not ours."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

import signed

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

PROGRAM = sys.argv.pop(1)
LIMIT = 60  # seconds that anything may take
A, B = "us-east-1", "us-west-2"
ARN = "arn:aws:rds:us-east-1:123456789012:db:orders"


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class MySqlTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwmy-", dir="/tmp"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.addCleanup(self.end)
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))

    def end(self):
        self.run_lab("down")
        left = subprocess.run(["pgrep", "-f", f"mariadbd.*{self.state}/"], capture_output=True, text=True, check=False)
        shutil.rmtree(self.base)
        self.assertEqual(left.stdout, "", "servers that outlive their lab")

    def run_lab(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def call(self, region, action, **parameters):
        status, body = signed.call(self.lab["gateway"], region, action, "rds", "2014-10-31", timeout=20, parameters=parameters)
        self.assertEqual(status, 200, body)
        return xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", body, count=1))

    def instance(self, region, name):
        return self.call(region, "DescribeDBInstances", DBInstanceIdentifier=name).find(".//DBInstance")

    def available(self, region, name):
        """The address of its endpoint."""
        def look():
            found = self.instance(region, name)
            self.assertNotEqual(found.findtext("DBInstanceStatus"), "failed", self.events(region))
            return found.findtext("Endpoint/Address") if found.findtext("DBInstanceStatus") == "available" else None
        return until(look, f"{name} available")

    def events(self, region):
        return [event.findtext("Message") for event in self.call(region, "DescribeEvents").iter("Event")]

    def ask(self, address, statement, check=True):
        done = subprocess.run(["mariadb", "--no-defaults", "--skip-ssl", "-h", address, "-P", "3306", "-u", "leeward",
                               "--connect-timeout=3", "-N", "-B", "-e", statement, "shop"],
                              env={**os.environ, "MYSQL_PWD": "correct-horse"}, capture_output=True, text=True, timeout=60, check=False)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()

    def make(self):
        self.call(A, "CreateDBInstance", DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine="mysql",
                  AllocatedStorage="20", DBName="shop", MasterUsername="leeward", MasterUserPassword="correct-horse")
        home = self.available(A, "orders")
        self.ask(home, "CREATE TABLE t (x INT PRIMARY KEY)")
        self.ask(home, "INSERT INTO t VALUES (1)")
        self.call(B, "CreateDBInstanceReadReplica", DBInstanceIdentifier="orders-b", SourceDBInstanceIdentifier=ARN)
        return home, self.available(B, "orders-b")

    def test_region_is_lost_its_replica_takes_over_and_it_comes_back(self):
        home, away = self.make()
        self.assertIn("127.0.0.1", self.ask(home, "SELECT user()"), "the server is told who connects")
        self.ask(home, "INSERT INTO t VALUES (2)")
        until(lambda: self.ask(away, "SELECT max(x) FROM t") == "2", "the replica follows")
        self.assertIn("read-only", self.ask(away, "INSERT INTO t VALUES (3)", check=False))

        self.run_lab("kill", A)
        self.assertIn("orders-b", self.instance(B, "orders-b").findtext("DBInstanceIdentifier"))
        self.call(B, "PromoteReadReplica", DBInstanceIdentifier="orders-b")
        asked = time.monotonic()
        until(lambda: self.ask(away, "INSERT INTO t VALUES (3)", check=False) == "", "the promoted replica takes writes", 20)
        print(f"writable {time.monotonic() - asked:.2f} s after the promotion was asked for", file=sys.stderr)
        until(lambda: self.instance(B, "orders-b").findtext("ReadReplicaSourceDBInstanceIdentifier") is None, "the link is gone")

        self.run_lab("heal", A)
        self.assertEqual(self.available(A, "orders"), home)
        self.assertEqual(self.ask(home, "SELECT max(x) FROM t"), "2")
        self.ask(home, "INSERT INTO t VALUES (4)")
        until(lambda: not self.instance(A, "orders").findall("ReadReplicaDBInstanceIdentifiers/*"), "nobody follows it any more")
        self.assertEqual(self.ask(away, "SELECT max(x) FROM t"), "3")

    def test_dark_source_is_followed_again_when_it_is_back(self):
        home, away = self.make()
        self.run_lab("dark", A)
        until(lambda: self.instance(B, "orders-b").findtext("StatusInfos/DBInstanceStatusInfo/Status") == "error", "the link's error")
        self.run_lab("heal", A)
        self.ask(home, "INSERT INTO t VALUES (5)")
        until(lambda: self.ask(away, "SELECT max(x) FROM t") == "5", "the replica follows again")
        until(lambda: self.instance(B, "orders-b").findtext("StatusInfos/DBInstanceStatusInfo/Status") == "replicating", "the link")


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""Automated backups that are replicated to another Region of a lab: what is lost with the home Region, and what is not."""

import datetime
import json
import os
import pathlib
import re
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
PSQL = "/usr/lib/postgresql/15/bin/psql"
PASSWORD = "correct-horse"
LIMIT = 60  # seconds that anything may take
A, B = "us-east-1", "us-west-2"


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def member(body, name):
    """The first member of this name in an answer's XML."""
    found = re.search(f"<{name}>([^<]*)</{name}>", body)
    return found.group(1) if found else None


def when(body, name):
    text = member(body, name)
    return text and datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Postgres:
    name = "postgres"

    @staticmethod
    def sql(address, statement):
        return client([PSQL, "-XqAt", "-h", address, "-U", "leeward", "-d", "shop", "-c", statement], PGPASSWORD=PASSWORD,
                      PGCONNECT_TIMEOUT="20")


class MariaDb:
    name = "mariadb"

    @staticmethod
    def sql(address, statement):
        return client(["/usr/bin/mariadb", "--no-defaults", "--skip-ssl", "-h", address, "-P", "3306", "-u", "leeward",
                       "--connect-timeout=20", "-N", "-B", "-e", statement, "shop"], MYSQL_PWD=PASSWORD)


def client(arguments, **environment):
    done = subprocess.run(arguments, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, timeout=30,
                          check=False)
    if done.returncode:
        raise OSError(done.stderr)
    return done.stdout.strip()


class Writer:
    """Commits one number after the other, and remembers when each was acknowledged."""

    def __init__(self, engine, address):
        self.acknowledged, self.ending = {}, threading.Event()
        self.engine, self.address, self.thread = engine, address, threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            number = len(self.acknowledged) + 1
            try:
                self.engine.sql(self.address, f"INSERT INTO t VALUES ({number})")
            except (OSError, subprocess.TimeoutExpired):
                return
            self.acknowledged[number] = time.time()

    def end(self):
        self.ending.set()
        self.thread.join()


class BackupsTest(cleaned.TestCase):
    engine = Postgres

    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwb-", dir="/tmp"))
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

    def ask(self, region, action, **parameters):
        return signed.call(self.lab["gateway"], region, action, "rds", "2014-10-31", timeout=20, parameters=parameters)

    def call(self, region, action, **parameters):
        status, body = self.ask(region, action, **parameters)
        self.assertLess(status, 300, body)
        return body

    def code(self, region, action, **parameters):
        return member(self.ask(region, action, **parameters)[1], "Code")

    def available(self, region, name):
        def look():
            body = self.call(region, "DescribeDBInstances", DBInstanceIdentifier=name)
            self.assertNotEqual(member(body, "DBInstanceStatus"), "failed", body)
            return body if member(body, "DBInstanceStatus") == "available" else None
        return until(look, f"{name} in {region} to be available")

    def sql(self, address, statement):
        return self.engine.sql(address, statement)

    def make(self):
        self.call(A, "CreateDBInstance", DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine=self.engine.name,
                  AllocatedStorage=20, DBName="shop", MasterUsername="leeward", MasterUserPassword=PASSWORD)
        body = self.available(A, "orders")
        address = member(body, "Address")
        self.sql(address, "CREATE TABLE t (x int)")
        return member(body, "DBInstanceArn"), address

    def backup(self, region):
        return self.call(region, "DescribeDBInstanceAutomatedBackups")

    def restorable(self, region):
        """Until what is committed before the call can be restored there."""
        now = time.time()
        return until(lambda: (when(self.backup(region), "LatestTime") or 0) > now, f"a backup in {region} newer than this call")

    def test_a_lost_home_is_restored_to_the_latest_time_that_was_told(self):
        arn, home = self.make()
        self.assertEqual(self.code(B, "StartDBInstanceAutomatedBackupsReplication", SourceDBInstanceArn=arn + "x"),
                         "DBInstanceNotFound")
        self.call(B, "StartDBInstanceAutomatedBackupsReplication", SourceDBInstanceArn=arn, BackupRetentionPeriod=7)
        writer = Writer(self.engine, home)
        self.addCleanup(writer.end)
        self.restorable(B)
        until(lambda: len(writer.acknowledged) > 30, "writes")
        self.restorable(B)
        self.run_lab("kill", A)
        writer.end()
        body = self.backup(B)
        latest = when(body, "LatestTime")
        self.assertEqual(member(body, "Status"), "replicating")
        self.call(B, "RestoreDBInstanceToPointInTime", TargetDBInstanceIdentifier="orders", UseLatestRestorableTime="true",
                  SourceDBInstanceAutomatedBackupsArn=member(body, "DBInstanceAutomatedBackupsArn"))
        away = member(self.available(B, "orders"), "Address")
        there = set(map(int, self.sql(away, "SELECT x FROM t").split()))
        due = {number for number, at in writer.acknowledged.items() if at <= latest}
        self.assertGreater(len(due), 30)
        self.assertEqual(due - there, set(), "acknowledged before the latest restorable time")
        self.assertEqual(self.sql(away, "INSERT INTO t VALUES (0) RETURNING x"), "0")

        self.run_lab("heal", A)
        self.available(A, "orders")
        self.sql(home, "INSERT INTO t VALUES (-1)")
        until(lambda: (when(self.backup(B), "LatestTime") or 0) > latest + 1, "the copy to go on")

    def test_a_mariadb_s_home_is_lost(self):
        self.engine = MariaDb
        self.test_a_lost_home_is_restored_to_the_latest_time_that_was_told()

    def test_a_copied_snapshot_outlives_its_region(self):
        arn, home = self.make()
        self.sql(home, "INSERT INTO t VALUES (1)")
        self.call(A, "CreateDBSnapshot", DBInstanceIdentifier="orders", DBSnapshotIdentifier="by-hand")
        source = arn.replace(":db:orders", ":snapshot:by-hand")

        def status(region, name):
            return member(self.call(region, "DescribeDBSnapshots", DBSnapshotIdentifier=name), "Status")
        until(lambda: status(A, "by-hand") == "available", "a snapshot")
        self.assertEqual(self.code(B, "CopyDBSnapshot", SourceDBSnapshotIdentifier="by-hand", TargetDBSnapshotIdentifier="copied"),
                         "DBSnapshotNotFound")
        self.call(B, "CopyDBSnapshot", SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier="copied")
        until(lambda: status(B, "copied") == "available", "its copy")
        self.run_lab("kill", A)
        self.call(B, "RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier="restored", DBSnapshotIdentifier="copied")
        body = self.available(B, "restored")
        self.assertEqual(member(body, "AvailabilityZone"), "us-west-2a")
        self.assertEqual(self.sql(member(body, "Address"), "SELECT x FROM t"), "1")

    def test_a_cut_between_the_regions_stops_the_copy_and_no_more(self):
        arn, home = self.make()
        self.call(B, "StartDBInstanceAutomatedBackupsReplication", SourceDBInstanceArn=arn)
        self.restorable(B)
        self.run_lab("isolate", A, B)
        self.sql(home, "INSERT INTO t VALUES (1)")
        self.restorable(A)
        stopped = when(self.backup(B), "LatestTime")
        self.assertLess(stopped, when(self.backup(A), "LatestTime"))
        self.assertEqual(self.code(B, "RestoreDBInstanceToPointInTime", TargetDBInstanceIdentifier="late",
                                   SourceDBInstanceAutomatedBackupsArn=member(self.backup(B), "DBInstanceAutomatedBackupsArn"),
                                   RestoreTime=datetime.datetime.now(datetime.timezone.utc).isoformat()),
                         "InvalidParameterValue")
        self.run_lab("heal", A)
        self.restorable(B)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""AWS Backup in a lab that is broken: files, a table, a database and a volume, backed up, copied away, restored when their Region is gone."""

import datetime
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
from items_ask import ask as ask_items

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

PROGRAM = sys.argv.pop(1)
LIMIT = 60  # seconds that anything may take
A, B = "us-east-1", "us-west-2"
ROLE = "arn:aws:iam::123456789012:role/backup"
KEY = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "of", "AttributeType": "S"}],
       "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
       "GlobalSecondaryIndexes": [{"IndexName": "by-of", "KeySchema": [{"AttributeName": "of", "KeyType": "HASH"}],
                                   "Projection": {"ProjectionType": "ALL"}}]}
ITEMS = 1500


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class BackupTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwbk-", dir="/tmp"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.ahead = {}  # what Regions' clocks are off
        self.addCleanup(self.end)
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))
        for region in (A, B):
            self.call(region, "PUT", "/backup-vaults/vault", {})

    def end(self):
        self.run_lab("down")
        shutil.rmtree(self.base)

    def run_lab(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def ask(self, region, method, path, body=None, service="backup", query=""):
        now = datetime.datetime.now(datetime.timezone.utc) + self.ahead.get(region, datetime.timedelta())
        return signed.rest(self.lab["gateway"], region, method, path, service, query, body, 20, now)

    def call(self, region, method, path, body=None, service="backup", query=""):
        status, answer = self.ask(region, method, path, body, service, query)
        self.assertLess(status, 300, answer)
        return answer

    def items(self, region, operation, body):
        status, answer = ask_items(self.lab["gateway"].removeprefix("http://"), region, operation, body, timeout=20)
        self.assertEqual(status, 200, answer)
        return answer

    def efs(self, region, method, path, body=None, query=""):
        return self.call(region, method, "/2015-02-01/" + path, body, "elasticfilesystem", query)

    def tree(self, region, name):
        return self.state / "regions" / region / "efs" / name / "tree"

    def job(self, region, kind, name, state="State"):
        """The job as it is when it has ended."""
        def ended():
            found = self.call(region, "GET", f"/{kind}/{name}")
            found = found.get("CopyJob", found)
            return found if "CompletionDate" in found else None
        done = until(ended, f"the end of {kind} {name}")
        self.assertEqual(done[state], "COMPLETED", done)
        return done

    def back_up(self, region, resource):
        made = self.call(region, "PUT", "/backup-jobs", {"BackupVaultName": "vault", "ResourceArn": resource, "IamRoleArn": ROLE})
        return self.job(region, "backup-jobs", made["BackupJobId"])["RecoveryPointArn"]

    def copy(self, point):
        made = self.call(A, "PUT", "/copy-jobs", {
            "RecoveryPointArn": point, "SourceBackupVaultName": "vault", "IamRoleArn": ROLE,
            "DestinationBackupVaultArn": f"arn:aws:backup:{B}:123456789012:backup-vault:vault"})
        return self.job(A, "copy-jobs", made["CopyJobId"])["DestinationRecoveryPointArn"]

    def restore(self, region, point, metadata):
        made = self.call(region, "PUT", "/restore-jobs", {"RecoveryPointArn": point, "IamRoleArn": ROLE, "Metadata": metadata})
        return self.job(region, "restore-jobs", made["RestoreJobId"], "Status")["CreatedResourceArn"]

    def turn(self, region, hours):
        self.run_lab("clock", region, f"{hours}h")
        self.ahead[region] = datetime.timedelta(hours=hours)

    def make_files(self):
        made = self.efs(A, "POST", "file-systems", {"CreationToken": "uploads", "Encrypted": True})["FileSystemId"]
        until(lambda: self.efs(A, "GET", "file-systems", query=f"FileSystemId={made}")["FileSystems"][0]["LifeCycleState"]
              == "available", "a file system")
        tree = self.tree(A, made)
        written = {"plain": b"text", "empty": b"", "deep/er/still": os.urandom(3 << 20), "deep/\u00e9 odd": b"odd"}
        for name, text in written.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(text)
        (tree / "link").symlink_to("deep/er")
        return made, written

    def make_table(self):
        self.items(A, "CreateTable", {"TableName": "carts", **KEY})
        until(lambda: self.items(A, "DescribeTable", {"TableName": "carts"})["Table"]["TableStatus"] == "ACTIVE", "a table")
        for first in range(0, ITEMS, 25):
            self.items(A, "BatchWriteItem", {"RequestItems": {"carts": [
                {"PutRequest": {"Item": {"id": {"S": str(n)}, "of": {"S": str(n % 7)}, "text": {"S": "x" * (n % 900)}}}}
                for n in range(first, first + 25)]}})

    def scan(self, region, table):
        found, more = {}, {}
        while True:
            page = self.items(region, "Scan", {"TableName": table, **more})
            found.update({item["id"]["S"]: item for item in page["Items"]})
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def test_copies_are_restored_when_the_home_region_is_killed(self):
        system, written = self.make_files()
        self.make_table()
        before = self.scan(A, "carts")
        self.assertEqual(len(before), ITEMS)
        files = self.back_up(A, f"arn:aws:elasticfilesystem:{A}:123456789012:file-system/{system}")
        table = self.back_up(A, f"arn:aws:dynamodb:{A}:123456789012:table/carts")
        # What is written later is in no recovery point.
        (self.tree(A, system) / "later").write_text("later")
        self.items(A, "PutItem", {"TableName": "carts", "Item": {"id": {"S": "0"}, "of": {"S": "later"}}})
        files, table = self.copy(files), self.copy(table)
        self.run_lab("kill", A)

        restored = self.restore(B, files, {"newFileSystem": "true", "CreationToken": "again", "Encrypted": "true",
                                           "PerformanceMode": "generalPurpose"})
        tree = self.tree(B, restored.rsplit("/", 1)[1])
        folders = list(tree.iterdir())
        self.assertEqual(len(folders), 1, folders)
        self.assertRegex(folders[0].name, r"^aws-backup-restore_[0-9T:Z-]+$")
        found = {str(path.relative_to(folders[0])): path.read_bytes() for path in folders[0].rglob("*")
                 if path.is_file() and not path.is_symlink()}
        self.assertEqual(found, written)
        self.assertEqual(os.readlink(folders[0] / "link"), "deep/er")

        # Two restores of one point at once.
        jobs = [self.call(B, "PUT", "/restore-jobs", {"RecoveryPointArn": table, "IamRoleArn": ROLE, "Metadata": {"targetTableName": name}})
                for name in ("carts-again", "carts-twice")]
        made = [self.job(B, "restore-jobs", job["RestoreJobId"], "Status")["CreatedResourceArn"] for job in jobs]
        self.assertEqual(made, [f"arn:aws:dynamodb:{B}:123456789012:table/{name}" for name in ("carts-again", "carts-twice")])
        for name in ("carts-again", "carts-twice"):
            self.assertEqual(self.scan(B, name), before)
        by_index = self.items(B, "Query", {"TableName": "carts-again", "IndexName": "by-of", "Select": "COUNT",
                                           "KeyConditionExpression": "#of = :of", "ExpressionAttributeNames": {"#of": "of"},
                                           "ExpressionAttributeValues": {":of": {"S": "3"}}})
        self.assertEqual(by_index["Count"], sum(1 for item in before.values() if item["of"]["S"] == "3"))

    def rds(self, region, action, **parameters):
        status, body = signed.call(self.lab["gateway"], region, action, "rds", "2014-10-31", timeout=20, parameters=parameters)
        self.assertEqual(status, 200, body)
        return xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", body, count=1))

    def psql(self, region, name, statement):
        found = self.rds(region, "DescribeDBInstances", DBInstanceIdentifier=name).find(".//DBInstance")
        address, port = found.findtext("Endpoint/Address"), found.findtext("Endpoint/Port")
        done = subprocess.run(["psql", "-X", "-A", "-t", "-h", address, "-p", port, "-U", "leeward", "-d", "shop", "-c", statement],
                              env={**os.environ, "PGPASSWORD": "correct-horse", "PGCONNECT_TIMEOUT": "5"}, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_a_database_is_restored_away_when_its_region_is_killed(self):
        self.rds(A, "CreateDBInstance", DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine="postgres",
                 AllocatedStorage="20", DBName="shop", MasterUsername="leeward", MasterUserPassword="correct-horse", StorageEncrypted="true")
        until(lambda: self.rds(A, "DescribeDBInstances", DBInstanceIdentifier="orders").findtext(".//DBInstanceStatus")
              == "available", "a database")
        self.psql(A, "orders", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
        until(lambda: self.rds(A, "DescribeDBInstances", DBInstanceIdentifier="orders").findtext(".//DBInstanceStatus")
              == "available", "its first own backup")
        point = self.back_up(A, f"arn:aws:rds:{A}:123456789012:db:orders")
        self.psql(A, "orders", "DELETE FROM t")
        point = self.copy(point)
        (kept,) = self.call(B, "GET", "/backup-vaults/vault/recovery-points/")["RecoveryPoints"]
        self.assertTrue(kept["EncryptionKeyArn"].startswith(f"arn:aws:kms:{B}:"), kept)
        self.run_lab("kill", A)
        self.assertEqual(self.restore(B, point, {"DBInstanceIdentifier": "orders-again", "DBInstanceClass": "db.t3.micro"}),
                         f"arn:aws:rds:{B}:123456789012:db:orders-again")
        self.assertEqual(self.psql(B, "orders-again", "SELECT count(*), sum(x) FROM t"), "1000|500500")

    def ec2(self, region, action, status=200, **parameters):
        answered, body = signed.call(self.lab["gateway"], region, action, "ec2", "2016-11-15", timeout=20, parameters=parameters)
        self.assertEqual(answered, status, body)
        return xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", body, count=1))

    def volume(self, region, name):
        return self.state / "regions" / region / "ebs" / "volumes" / name

    def test_a_volume_is_restored_away_when_its_region_is_killed(self):
        made = self.ec2(A, "CreateVolume", AvailabilityZone=A + "a", Size="1", Encrypted="true").findtext("volumeId")
        until(lambda: self.ec2(A, "DescribeVolumes", **{"VolumeId.1": made}).findtext(".//item/status") == "available", "a volume")
        text = os.urandom(3 << 20)
        with self.volume(A, made).open("r+b") as file:
            file.seek(5 << 20)
            file.write(text)
        point = self.back_up(A, f"arn:aws:ec2:{A}:123456789012:volume/{made}")
        self.assertRegex(point, rf"^arn:aws:ec2:{A}::snapshot/snap-[0-9a-f]{{17}}$")
        refused = self.ec2(A, "DeleteSnapshot", 400, SnapshotId=point.rsplit("/", 1)[1])
        self.assertIn("managed by the AWS Backup service", refused.findtext(".//Message"))
        with self.volume(A, made).open("r+b") as file:
            file.seek(5 << 20)
            file.write(b"later")
        point = self.copy(point)
        self.run_lab("kill", A)
        restored = self.restore(B, point, {"availabilityZone": B + "a", "volumeType": "gp3"})
        self.assertTrue(restored.startswith(f"arn:aws:ec2:{B}:123456789012:volume/vol-"), restored)
        restored = restored.rsplit("/", 1)[1]
        with self.volume(B, restored).open("rb") as file:
            self.assertEqual(file.read(5 << 20), bytes(5 << 20))
            self.assertEqual(file.read(3 << 20), text)
        told = self.ec2(B, "DescribeVolumes", **{"VolumeId.1": restored})
        self.assertEqual((told.findtext(".//volumeType"), told.findtext(".//encrypted")), ("gp3", "true"))

    def test_a_killed_region_ends_its_copy_without_a_point(self):
        system, _ = self.make_files()
        point = self.back_up(A, f"arn:aws:elasticfilesystem:{A}:123456789012:file-system/{system}")
        self.run_lab("isolate", A, B)
        made = self.call(A, "PUT", "/copy-jobs", {
            "RecoveryPointArn": point, "SourceBackupVaultName": "vault", "IamRoleArn": ROLE,
            "DestinationBackupVaultArn": f"arn:aws:backup:{B}:123456789012:backup-vault:vault"})["CopyJobId"]
        self.run_lab("kill", A)
        self.assertEqual(self.call(B, "GET", "/backup-vaults/vault/recovery-points/")["RecoveryPoints"], [])
        self.run_lab("heal")
        # It had not begun there, and does now.
        self.job(A, "copy-jobs", made)
        self.assertEqual(len(self.call(B, "GET", "/backup-vaults/vault/recovery-points/")["RecoveryPoints"]), 1)

    def test_a_rule_that_is_due_backs_up_copies_and_its_lifecycle_deletes(self):
        self.make_table()
        vault = f"arn:aws:backup:{B}:123456789012:backup-vault:vault"
        plan = self.call(A, "PUT", "/backup/plans/", {"BackupPlan": {"BackupPlanName": "daily", "Rules": [{
            "RuleName": "noon", "TargetBackupVaultName": "vault", "ScheduleExpression": "cron(0 12 * * ? *)",
            "StartWindowMinutes": 1500,
            "Lifecycle": {"DeleteAfterDays": 2},
            "CopyActions": [{"DestinationBackupVaultArn": vault, "Lifecycle": {"DeleteAfterDays": 9}}]}]}})
        self.call(A, "PUT", f"/backup/plans/{plan['BackupPlanId']}/selections/", {"BackupSelection": {
            "SelectionName": "tables", "IamRoleArn": ROLE, "Resources": ["arn:aws:dynamodb:*:*:table/*"]}})
        points = "/backup-vaults/vault/recovery-points/"
        self.assertEqual(self.call(A, "GET", points)["RecoveryPoints"], [])
        self.turn(A, 24)
        made = until(lambda: self.call(A, "GET", points)["RecoveryPoints"], "a recovery point")
        self.assertEqual(len(made), 1)
        self.assertEqual(made[0]["CreatedBy"]["BackupRuleName"], "noon")
        until(lambda: self.call(B, "GET", points)["RecoveryPoints"], "its copy")
        until(lambda: not [job for job in self.call(A, "GET", "/copy-jobs/")["CopyJobs"] if job["State"] != "COMPLETED"], "the copy job")
        self.turn(A, 96)
        until(lambda: made[0]["RecoveryPointArn"] not in
              [point["RecoveryPointArn"] for point in self.call(A, "GET", points)["RecoveryPoints"]], "the end of its life")


if __name__ == "__main__":
    unittest.main(verbosity=2)

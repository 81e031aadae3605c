#!/usr/bin/env python3
"""The lab's DynamoDB from outside: where it answers, what a killed store says, and a global table over Regions that break."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402
from items_ask import ask, wait  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAM = sys.argv.pop(1)
A, B, C = "us-east-1", "us-west-2", "eu-west-1"
KEY = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
       "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}


class ItemsTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="leeward-items-test-"))
        self.base.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.base, True)
        self.state = self.base / "lab"
        self.run_lab("up", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0")
        self.addCleanup(lambda: self.run_lab("down", check=False))
        self.gateway = self.status()["gateway"].removeprefix("http://")

    def run_lab(self, *arguments, check=True):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def status(self):
        return json.loads(self.run_lab("status", "--json"))

    def ask(self, region, operation, body, **more):
        return ask(self.gateway, region, operation, body, **more)

    def good(self, region, operation, body):
        status, answer = self.ask(region, operation, body)
        self.assertEqual(status, 200, answer)
        return answer

    def make_table(self, region, name="carts"):
        self.good(region, "CreateTable", {"TableName": name, **KEY})
        wait(lambda: self.table_status(region, name) == "ACTIVE", "the table is ACTIVE")

    def table_status(self, region, name="carts"):
        return self.ask(region, "DescribeTable", {"TableName": name})[1].get("Table", {}).get("TableStatus")

    def put(self, region, key, value="v"):
        self.good(region, "PutItem", {"TableName": "carts", "Item": {"id": {"S": key}, "v": {"S": value}}})

    def get(self, region, key):
        return self.ask(region, "GetItem", {"TableName": "carts", "Key": {"id": {"S": key}}})[1].get("Item", {}).get("v", {}).get("S")

    def part(self, region):
        return self.status()["regions"][region]["parts"].get("dynamodb", "")

    def store_pid(self, region):
        options = str(self.state / "regions" / region / "dynamodb" / "options.json")
        found = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()
                 and options.encode() in self.arguments(entry)]
        self.assertEqual(len(found), 1)
        return found[0]

    @staticmethod
    def arguments(entry):
        try:
            return (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return []

    def test_it_answers_by_the_gateway_by_the_regions_api_and_by_itself(self):
        self.make_table(A)
        self.put(A, "k")
        region = self.status()["regions"][A]
        for endpoint in (self.gateway, region["api"].removeprefix("http://"), region["dynamodb"].removeprefix("http://")):
            self.assertEqual(ask(endpoint, A, "ListTables", {})[1], {"TableNames": ["carts"]}, endpoint)
            self.assertEqual(ask(endpoint, A, "ListStreams", {}, api="DynamoDBStreams_20120810")[1]["Streams"], [])
            status, answer = ask(endpoint, "mars-1", "ListTables", {})
            self.assertEqual((status, answer["__type"]), (400, "com.amazon.coral.service#InvalidSignatureException"))
        self.assertEqual(self.ask(B, "ListTables", {})[1], {"TableNames": []}, "each Region has its own")
        self.assertIn(region["dynamodb"], self.run_lab("env"))
        self.assertIn("dynamodb: up", self.run_lab("status"))

    def test_a_killed_store_is_reported_answers_promptly_and_comes_back_with_its_items(self):
        self.make_table(A)
        self.put(A, "k")
        pid = self.store_pid(A)
        os.kill(pid, signal.SIGKILL)
        seen = set()
        begun = time.monotonic()

        def answered():
            before = time.monotonic()
            status, answer = self.ask(A, "GetItem", {"TableName": "carts", "Key": {"id": {"S": "k"}}})
            self.assertLess(time.monotonic() - before, 2, "it does not hang")
            seen.add((status, answer.get("__type", "")))
            return status == 200

        wait(answered, "the store answers again")
        self.assertLessEqual(seen, {(200, ""), (500, "com.amazonaws.dynamodb.v20120810#InternalServerError")})
        self.assertEqual(self.get(A, "k"), "v")
        wait(lambda: self.part(A) == "up, replaced 1 time", "status says so")
        self.assertLess(time.monotonic() - begun, 5)
        os.kill(self.store_pid(A), signal.SIGSTOP)
        wait(lambda: "does not answer" in self.part(A), "a silent store is reported")

    def test_faults_of_the_region_reach_it(self):
        self.make_table(A)
        self.run_lab("clock", A, "+20m")
        self.assertIn("Signature expired", self.ask(A, "ListTables", {})[1]["message"])
        self.run_lab("clock", A, "+0s")
        self.run_lab("control-plane", A, "down")
        self.assertEqual(self.ask(A, "ListTables", {})[0], 503)
        self.put(A, "k")
        self.run_lab("heal")
        self.assertEqual(self.ask(A, "ListTables", {})[0], 200)
        self.run_lab("kill", A)
        with self.assertRaises(OSError):
            self.ask(A, "ListTables", {}, timeout=1)
        self.run_lab("heal")
        self.assertEqual(self.get(A, "k"), "v")

    def test_a_global_table_over_regions_that_break(self):
        self.make_table(A)
        self.put(A, "before")
        for region in (B, C):
            self.good(A, "UpdateTable", {"TableName": "carts", "ReplicaUpdates": [{"Create": {"RegionName": region}}]})
            wait(lambda: self.table_status(A) == "ACTIVE", f"{region} has a replica")
        for region in (B, C):
            self.assertEqual(self.get(region, "before"), "v")
        self.put(B, "from b")
        wait(lambda: self.get(A, "from b") == self.get(C, "from b") == "v", "it is everywhere")
        self.run_lab("isolate", A, B)
        self.put(A, "k", "early")
        time.sleep(0.5)
        self.assertIsNone(self.get(B, "k"))
        self.put(B, "k", "late")
        os.kill(self.store_pid(A), signal.SIGKILL)
        self.run_lab("kill", C)
        self.run_lab("heal")
        wait(lambda: [self.get(region, "k") for region in (A, B, C)] == ["late"] * 3, "all hold the last write")


class AloneTest(cleaned.TestCase):
    def test_it_is_ready_at_once_keeps_its_items_and_ends_when_told(self):
        with tempfile.TemporaryDirectory(prefix="leeward-items-test-") as folder:
            for expected in ([], ["carts"]):
                port = free_port()
                with subprocess.Popen([PROGRAM, "items", "--listen", f"127.0.0.1:{port}", "--state", folder], stdout=subprocess.PIPE,
                                      text=True) as process:
                    try:
                        self.assertIn(f"http://127.0.0.1:{port}", process.stdout.readline())
                        endpoint = f"127.0.0.1:{port}"
                        self.assertEqual(ask(endpoint, A, "ListTables", {})[1]["TableNames"], expected)
                        if not expected:
                            self.assertEqual(ask(endpoint, A, "CreateTable", {"TableName": "carts", **KEY})[0], 200)
                    finally:
                        process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(10), 0)


if __name__ == "__main__":
    unittest.main()

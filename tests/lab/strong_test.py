#!/usr/bin/env python3
"""STRONG global tables over Regions that are lost, from outside: the store of leases, and writers in three Regions at once.

    strong_test.py LEEWARD_LAB STORE_TEST LEASE_IN_LAB_TEST LEEWARD

The tables are made by a current boto3 where there is one (Debian's does not know MultiRegionConsistency).
"""

import base64
import collections
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), *(os.path.join(os.path.dirname(HERE), folder) for folder in ("parties", "guard"))]
import cleaned  # noqa: E402
import clients  # noqa: E402
from guard_test import HOST, Server  # noqa: E402
from items_ask import ask, wait  # noqa: E402
from ports import free_port  # noqa: E402

LAB, STORE_TEST, LEASE_TEST, LEEWARD = [os.path.abspath(path) for path in sys.argv[1:5]]
del sys.argv[1:5]
A, B, C = "us-east-1", "us-east-2", "us-west-2"
REGIONS = (A, B, C)
CONTRACT_TESTS = 7  # of src/store/contract_test.cc
SECONDS = float(os.environ.get("LEEWARD_STRONG_SECONDS", "4"))  # of writing before the loss, and after it
SEED = int(os.environ.get("LEEWARD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
# A client that others wrote makes one call: service, operation and input are the words after it.
BY_BOTO3 = """
import json, sys, boto3
client = boto3.client("dynamodb", region_name=sys.argv[1])
getattr(client, sys.argv[2])(**json.loads(sys.argv[3]))
"""


def schema(*keys):
    return {"AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"))],
            "BillingMode": "PAY_PER_REQUEST"}


class StrongCase(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lws-", dir="/tmp"))
        self.base.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.base, True)
        self.state = self.base / "lab"
        self.run_lab("up", "--regions", ",".join(REGIONS), "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0")
        self.addCleanup(lambda: self.run_lab("down", check=False))
        self.gateway = json.loads(self.run_lab("status", "--json"))["gateway"].removeprefix("http://")
        self.variables = {"PATH": "/usr/bin:/bin", "HOME": str(self.base), "AWS_ENDPOINT_URL": "http://" + self.gateway,
                          "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        self.boto3 = clients.find_current()["boto3"]
        if self.boto3 is None:
            print("no current boto3 on this machine: the tables are made by requests of this test's own", flush=True)

    def run_lab(self, *arguments, check=True):
        done = subprocess.run([LAB, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def call(self, region, operation, body):
        if self.boto3 is None:
            status, answer = ask(self.gateway, region, operation, body)
            self.assertEqual(status, 200, answer)
            return
        name = re.sub("(?<!^)([A-Z])", r"_\1", operation).lower()
        done = subprocess.run([self.boto3, "-c", BY_BOTO3, region, name, json.dumps(body)], env=self.variables, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def described(self, region, name):
        status, answer = ask(self.gateway, region, "DescribeTable", {"TableName": name})
        return answer["Table"] if status == 200 else {}

    def make(self, name, *keys, replicas=(), strong=False):
        self.call(A, "CreateTable", {"TableName": name, **schema(*keys)})
        wait(lambda: self.described(A, name).get("TableStatus") == "ACTIVE", f"{name} is ACTIVE")
        if not replicas:
            return
        update = {"TableName": name, "ReplicaUpdates": [{"Create": {"RegionName": region}} for region in replicas]}
        self.call(A, "UpdateTable", {**update, "MultiRegionConsistency": "STRONG"} if strong else update)
        for region in (A, *replicas):
            wait(lambda: self.described(region, name).get("TableStatus") == "ACTIVE", f"{name} is ACTIVE in {region}")
        wait(lambda: all(replica["ReplicaStatus"] == "ACTIVE" for replica in self.described(A, name)["Replicas"]), "all replicas are")
        self.assertEqual(self.described(A, name).get("MultiRegionConsistency", "EVENTUAL"), "STRONG" if strong else "EVENTUAL")


class LeaseStoreTest(StrongCase):
    """`dynamodb:TABLE@REGION,...`: what every store promises, and what is left of it when Regions are lost."""

    def setUp(self):
        super().setUp()
        self.make("leases", "space", "key", replicas=(B, C), strong=True)
        self.variables.update(LEEWARD_STORE_IN_LAB="leases@" + ",".join(REGIONS), LEEWARD_LAB=LAB, LEEWARD_LAB_STATE=str(self.state))

    def run_tests(self, program, pattern, least):
        done = subprocess.run([program, "--gtest_filter=" + pattern], env=self.variables, capture_output=True, text=True, timeout=240,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        passed = int(re.search(r"\[  PASSED  \] (\d+) test", done.stdout).group(1))
        self.assertGreaterEqual(passed, least, "the tests that were meant are there")

    def test_the_contract_of_every_store(self):
        self.run_tests(STORE_TEST, "*dynamodb_in_lab", CONTRACT_TESTS)

    def test_leases_over_regions_that_are_lost(self):
        self.make("carts", "space", "key", replicas=(C,))
        self.make("plain", "space", "key")
        self.variables.update(LEEWARD_EVENTUAL_IN_LAB=f"carts@{A},{C}", LEEWARD_PLAIN_IN_LAB=f"plain@{A},{C}")
        self.run_tests(LEASE_TEST, "*", 4)


class GuardTest(StrongCase):
    """`leeward guard` before a real PostgreSQL, with its lease in the table."""

    SPEC = f"""apiVersion: leeward/v1
application: shop
regions: {{ home: {A}, recovery: {C} }}
objectives: {{ rto: 15m, rpo: 5s }}
components:
  orders: {{ kind: rds, database: shop, user: owner }}
failover: {{ lease: 2s, store: "dynamodb:leases@{A},{B},{C}" }}
"""

    def setUp(self):
        super().setUp()
        self.make("leases", "space", "key", replicas=(B, C), strong=True)
        self.server = Server(str(self.base))
        self.addCleanup(self.server.stop)
        (self.base / "shop.yaml").write_text(self.SPEC, encoding="utf-8")
        (self.base / "state").mkdir()
        facts = {"endpoint.address": HOST, "endpoint.port": str(self.server.port)}
        (self.base / "state" / "inventory.json").write_text(json.dumps(
            {"schema": "leeward/inventory/v1", "refreshed": "2026-11-23T08:20:53.123Z",
             "facts": [{"component": "orders", "region": A, "name": name, "value": value} for name, value in facts.items()]}),
            encoding="utf-8")
        self.port = free_port(HOST)
        with open(self.base / "guard.log", "w", encoding="utf-8") as log:
            self.guard = subprocess.Popen(
                [LEEWARD, "guard", str(self.base / "shop.yaml"), "--state", str(self.base / "state"), "--region", A, "--listen",
                 f"{HOST}:{self.port}"], stdout=log, stderr=log, env={**self.variables, "AWS_REGION": A})
        self.addCleanup(self.guard.wait, 30)
        self.addCleanup(self.guard.kill)

    def epoch(self):
        """While it may be written."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/writable", timeout=5) as answer:
                return json.load(answer)["epoch"]
        except OSError:
            return None

    def record(self):
        status, answer = ask(self.gateway, A, "GetItem", {"TableName": "leases", "ConsistentRead": True, "Key": {
            "space": {"S": "leeward"}, "key": {"S": "leeward/shop/lease"}}})
        return json.loads(base64.b64decode(answer["Item"]["value"]["B"])) if status == 200 else {}

    def test_its_door_stays_open_without_one_region_and_shuts_without_two(self):
        wait(lambda: self.epoch() == 1, (self.base / "guard.log").read_text)
        self.run_lab("kill", B)
        end, open_at = time.monotonic() + 4, 0
        while time.monotonic() < end:
            open_at += self.epoch() is not None
            time.sleep(0.05)
        self.assertGreater(open_at, 10)
        wait(lambda: self.epoch() is not None and self.server.writes(), "two Regions are enough")
        self.run_lab("kill", C)
        wait(lambda: not self.server.writes(), "no session is let in any more")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            self.assertIsNone(self.epoch(), "one Region is no majority")
            time.sleep(0.05)
        self.run_lab("heal")
        wait(lambda: (self.epoch() or 0) > 1 and self.server.writes(), "it takes the lease anew")
        self.guard.send_signal(signal.SIGUSR1)
        wait(lambda: self.record().get("released"), "it hands the lease over")
        self.assertFalse(self.server.writes())


class Writer(threading.Thread):
    """Writes in one Region until told to stop: an item of its own each time, and one that all want, on a condition."""

    def __init__(self, gateway, region, seed):
        super().__init__(daemon=True)
        self.gateway, self.region, self.chance = gateway, region, random.Random(seed)
        self.acknowledged, self.unknown = [], set()
        self.numbers = collections.Counter()  # of the shared items: (item, number) that was acknowledged
        self.stopped = threading.Event()
        self.wrong = []
        self.count = 0

    def ask(self, operation, body):
        """(status, answer); (None, {}) when there was none."""
        try:
            return ask(self.gateway, self.region, operation, {"TableName": "strong", **body}, timeout=3)
        except (OSError, http.client.HTTPException):
            return None, {}

    def run(self):
        while not self.stopped.is_set():
            self.own()
            self.shared()

    def own(self):
        key = f"{self.region}/{self.count}"
        self.count += 1
        status, answer = self.ask("PutItem", {"Item": {"id": {"S": key}, "v": {"S": key}}, "ConditionExpression": "attribute_not_exists(id)"})
        if status == 200:
            self.acknowledged.append(key)
        else:
            self.unknown.add(key)
            self.is_allowed(status, answer, ("InternalServerError",))

    def shared(self):
        item = f"shared/{self.chance.randrange(3)}"
        status, answer = self.ask("GetItem", {"Key": {"id": {"S": item}}, "ConsistentRead": True})
        if status != 200:
            return self.is_allowed(status, answer, ("InternalServerError",))
        seen = int(answer.get("Item", {}).get("n", {"N": "0"})["N"])
        condition = "n = :seen" if seen else "attribute_not_exists(id)"
        values = {":next": {"N": str(seen + 1)}, ":who": {"S": self.region}, **({":seen": {"N": str(seen)}} if seen else {})}
        status, answer = self.ask("UpdateItem", {"Key": {"id": {"S": item}}, "UpdateExpression": "SET n = :next, who = :who",
                                                 "ConditionExpression": condition, "ExpressionAttributeValues": values})
        if status == 200:
            self.numbers[item, seen + 1] += 1
        else:
            self.is_allowed(status, answer, ("ConditionalCheckFailedException", "ReplicatedWriteConflictException", "InternalServerError"))
        return None

    def is_allowed(self, status, answer, codes):
        if status is not None and not answer.get("__type", "").endswith(codes):
            self.wrong.append((status, answer))


class WritersTest(StrongCase):
    def test_a_region_is_lost_under_writers_in_three(self):
        self.make("strong", "id", replicas=(B, C), strong=True)
        lost = random.Random(SEED).choice(REGIONS)
        left = [region for region in REGIONS if region != lost]
        with self.subTest(seed=SEED, lost=lost):
            writers = {region: Writer(self.gateway, region, f"{SEED} {region}") for region in REGIONS}
            for writer in writers.values():
                writer.start()
            time.sleep(SECONDS)
            self.run_lab("kill", lost)
            before = {region: len(writers[region].acknowledged) for region in REGIONS}
            time.sleep(SECONDS)
            wait(lambda: all(len(writers[region].acknowledged) > before[region] + 5 for region in left), "the others go on")
            for writer in writers.values():
                writer.stopped.set()
            for writer in writers.values():
                writer.join(30)
                self.assertFalse(writer.is_alive())
                self.assertEqual(writer.wrong, [])
            self.assertGreater(min(before.values()), 5, "all wrote before the loss")
            for region in left:
                self.judge(writers, region)
            self.run_lab("heal")
            # Alone in saying what it holds, until it has asked another.
            wait(lambda: self.read(lost, "shared/0") is not None, f"{lost} answers again")
            self.judge(writers, lost)
            print(f"seed {SEED}, {lost} lost: {sum(len(writer.acknowledged) for writer in writers.values())} items and "
                  f"{sum(sum(writer.numbers.values()) for writer in writers.values())} numbers acknowledged, "
                  f"{sum(len(writer.unknown) for writer in writers.values())} items unknown", flush=True)

    def read(self, region, key):
        status, answer = ask(self.gateway, region, "GetItem", {"TableName": "strong", "Key": {"id": {"S": key}}, "ConsistentRead": True})
        return answer.get("Item", {}) if status == 200 else None

    def scan(self, region):
        items, body = {}, {"TableName": "strong", "ConsistentRead": True}
        while True:
            status, answer = ask(self.gateway, region, "Scan", body, timeout=20)
            self.assertEqual(status, 200, answer)
            items.update({item["id"]["S"]: item for item in answer["Items"]})
            if "LastEvaluatedKey" not in answer:
                return items
            body["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def judge(self, writers, region):
        """Every acknowledged write is read in the Region, and no number of an item was given to two."""
        items = self.scan(region)
        unknown = set().union(*(writer.unknown for writer in writers.values()))
        acknowledged = {key for writer in writers.values() for key in writer.acknowledged}
        own = {key for key in items if not key.startswith("shared/")}
        self.assertEqual(acknowledged - own, set(), f"acknowledged and not in {region}")
        self.assertEqual(own - acknowledged - unknown, set(), f"never written and in {region}")
        numbers = sum((writer.numbers for writer in writers.values()), collections.Counter())
        self.assertGreater(len(numbers), 10)
        self.assertEqual([number for number, times in numbers.items() if times > 1], [], "both conditions were met")
        for item in {item for item, _ in numbers}:
            highest = max(number for name, number in numbers if name == item)
            for place in (items[item], self.read(region, item)):
                self.assertGreaterEqual(int(place["n"]["N"]), highest, f"an acknowledged number of {item} is gone in {region}")


if __name__ == "__main__":
    unittest.main(verbosity=1)

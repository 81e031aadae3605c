#!/usr/bin/env python3
"""Bad input for tables and caches, in a lab: absent, in the wrong Region, of the wrong engine, in the wrong state, denied,
throttled, left half made. Each is told in words, and the same command goes through once it was put right.

LEEWARD_THROTTLED_SECONDS says how long AWS throttles (default 6).
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import signed  # noqa: E402
from items_ask import ask, wait  # noqa: E402
from one_line import CANNOT_REACH, DONE, FAILED, LEEWARD, USAGE, OneLine  # noqa: E402
from refusing import DENIED, THROTTLED, Refusing  # noqa: E402

HOME, RECOVERY = "us-east-1", "us-west-2"
THROTTLED_SECONDS = float(os.environ.get("LEEWARD_THROTTLED_SECONDS", "6"))
TABLE, CACHE = "carts", "sessions"
ELASTICACHE = "2015-02-02"
SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 5s }
components:
  carts: { kind: dynamodb, table: carts }
  sessions: { kind: elasticache, replication-group: sessions, security-group: cache }
"""


class StoresCase(OneLine):
    def setUp(self):
        super().setUp()
        self.gateway, self.variables = self.begin_lab()
        self.between = Refusing(self.gateway)
        self.addCleanup(self.between.close)
        self.variables["AWS_ENDPOINT_URL"] = self.between.url
        self.spec = self.write("shop.yaml", SPEC)

    # --- what is there ---

    def query(self, region, service, action, version, **parameters):
        status, body = signed.call(self.gateway, region, action, service=service, version=version, parameters=parameters)
        self.assertEqual(status, 200, body)
        return body

    def items(self, region, operation, body):
        status, answer = ask(self.gateway.removeprefix("http://"), region, operation, body)
        return answer if status == 200 else {}

    def make_table(self, region=HOME):
        self.items(region, "CreateTable", {
            "TableName": TABLE, "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"})
        wait(lambda: self.table(region).get("TableStatus") == "ACTIVE", "the table is there")

    def table(self, region):
        return self.items(region, "DescribeTable", {"TableName": TABLE}).get("Table", {})

    def open_security_groups(self):
        for region in (HOME, RECOVERY):
            body = self.query(region, "ec2", "CreateSecurityGroup", "2016-11-15", GroupName="cache", GroupDescription="the cache")
            group = re.search("<groupId>(.*?)</groupId>", body).group(1)
            self.query(region, "ec2", "AuthorizeSecurityGroupIngress", "2016-11-15", **{
                "GroupId": group, "IpPermissions.1.IpProtocol": "tcp", "IpPermissions.1.FromPort": "6379",
                "IpPermissions.1.ToPort": "6379", "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0"})
            if region == HOME:
                self.security = group

    def begin_cache(self, region=HOME, engine="redis"):
        self.query(region, "elasticache", "CreateReplicationGroup", ELASTICACHE, **{
            "ReplicationGroupId": CACHE, "ReplicationGroupDescription": "sessions", "Engine": engine,
            "CacheNodeType": "cache.r6g.large", "NumCacheClusters": "1", "AutomaticFailoverEnabled": "false",
            **({"SecurityGroupIds.SecurityGroupId.1": self.security} if region == HOME else {})})

    def make_cache(self, region=HOME, engine="redis"):
        self.begin_cache(region, engine)
        wait(lambda: "<Status>available</Status>" in self.cache(region), "the cache is there")

    def cache(self, region):
        return signed.call(self.gateway, region, "DescribeReplicationGroups", service="elasticache", version=ELASTICACHE)[1]

    def make_both(self):
        self.open_security_groups()
        self.make_table()
        self.make_cache()

    def protect(self, timeout=180):
        return self.leeward("protect", self.spec, "--yes", "--state", self.state, timeout=timeout, **self.variables)

    def says(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        for word in words:
            self.assertIn(word, done.stderr + done.stdout)

    def is_protected_by_the_next_run(self):
        """Nothing in the way any more, the same command ends what was begun, and each thing is there once."""
        self.between.clear()
        done = self.protect()
        self.assertEqual(done.returncode, DONE, done.stderr + done.stdout)
        self.assertEqual([(one["RegionName"], one["ReplicaStatus"]) for one in self.table(HOME)["Replicas"]], [(RECOVERY, "ACTIVE")])
        secondary = self.cache(RECOVERY)
        self.assertIn("<GlobalReplicationGroupMemberRole>SECONDARY</GlobalReplicationGroupMemberRole>", secondary)
        self.assertEqual(secondary.count("<ReplicationGroupId>"), 1)
        stores = self.query(HOME, "elasticache", "DescribeGlobalReplicationGroups", ELASTICACHE)
        self.assertEqual(len(set(re.findall("<GlobalReplicationGroupId>(.*?)<", stores))), 1, stores)


class WhatIsThereTest(StoresCase):
    def test_what_is_absent_is_named_and_nothing_is_begun(self):
        words = [self.spec, "make it there first"]
        self.refuses(CANNOT_REACH, ["there is no DynamoDB table 'carts' in us-east-1", *words], "protect", self.spec, "--yes",
                     "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.make_table(RECOVERY)
        self.refuses(CANNOT_REACH, ["there is no DynamoDB table 'carts' in us-east-1", "there is one in us-west-2"], "protect",
                     self.spec, "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.items(RECOVERY, "DeleteTable", {"TableName": TABLE})
        self.make_table()
        self.refuses(CANNOT_REACH, ["there is no ElastiCache replication group 'sessions' in us-east-1", *words], "protect",
                     self.spec, "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.open_security_groups()
        self.make_cache(RECOVERY)
        self.refuses(CANNOT_REACH, ["there is no ElastiCache replication group 'sessions' in us-east-1", "there is one in us-west-2"],
                     "protect", self.spec, "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.assertFalse(os.path.exists(self.state))
        self.assertNotIn("Replicas", self.table(HOME))

    def test_the_wrong_engine(self):
        memcached = self.write("memcached.yaml", SPEC.replace("kind: elasticache,", "kind: elasticache, engine: memcached,"))
        self.refuses(USAGE, ["memcached.yaml:7", "'memcached', which has no replication between Regions", "redis or valkey"],
                     "protect", memcached, "--yes", "--state", self.state, **self.variables)
        self.open_security_groups()
        self.make_table()
        self.make_cache(engine="valkey")
        done = self.protect()
        self.says(done, FAILED, "sessions in us-east-1 runs valkey, the spec says redis")
        self.assertNotIn("GlobalReplicationGroupId", self.cache(HOME))
        self.assertNotIn("ReplicationGroupId", self.cache(RECOVERY))
        self.write("shop.yaml", SPEC.replace("kind: elasticache,", "kind: elasticache, engine: valkey,"))
        self.is_protected_by_the_next_run()

    def test_a_stranger_in_the_recovery_region_is_left_alone(self):
        self.make_both()
        self.make_table(RECOVERY)
        done = self.protect()
        self.says(done, FAILED, "carts in us-west-2 exists and is no replica of the one in us-east-1", "delete that table")
        self.assertNotIn("Replicas", self.table(RECOVERY))
        self.items(RECOVERY, "DeleteTable", {"TableName": TABLE})
        wait(lambda: not self.table(RECOVERY), "it is gone")
        self.is_protected_by_the_next_run()

    def test_a_table_that_is_being_deleted_is_told(self):
        self.between.change = lambda call, answer: answer.replace(b'"TableStatus":"ACTIVE"', b'"TableStatus":"DELETING"')
        self.is_told("carts in us-east-1 is DELETING")

    def test_a_cache_that_is_being_deleted_is_told(self):
        self.between.change = lambda call, answer: (
            answer.replace(b"<Status>available</Status>", b"<Status>deleting</Status>") if call.region == HOME else answer)
        self.is_told("sessions in us-east-1 is deleting")

    def is_told(self, words):
        """And a cache that is still being made is waited for."""
        self.open_security_groups()
        self.make_table()
        self.begin_cache()
        self.says(self.protect(), FAILED, words, "run the same command again")
        self.is_protected_by_the_next_run()


class RefusedTest(StoresCase):
    def setUp(self):
        super().setUp()
        self.make_both()

    def refuse(self, how, service, *operations):
        self.between.clear()
        self.between.refuse = lambda call: how if call.service == service and (not operations or call.operation in operations) else None

    def test_what_may_not_be_looked_at_is_named_before_anything_is_begun(self):
        for service, first in (("dynamodb", "DescribeTable"), ("elasticache", "DescribeReplicationGroups")):
            self.refuse(DENIED, service, first)
            self.refuses(CANNOT_REACH, [f"{service} {first} in us-east-1", "not authorized to perform", "use a role that may"],
                         "protect", self.spec, "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)

    def test_what_may_not_be_done_with_a_table_is_named_and_done_once_it_may(self):
        self.are_denied("dynamodb", "UpdateTable", "PutItem")

    def test_what_may_not_be_done_with_a_cache_is_named_and_done_once_it_may(self):
        self.are_denied("elasticache", "CreateGlobalReplicationGroup", "CreateReplicationGroup")

    def are_denied(self, service, *operations):
        for operation in operations:
            with self.subTest(operation=operation):
                self.refuse(DENIED, service, operation)
                self.says(self.protect(), CANNOT_REACH, f"{service} {operation} in ", "not authorized to perform")
                self.assertEqual(len(self.between.refused), 1, "that is not asked again")
        self.is_protected_by_the_next_run()

    def test_a_policy_that_denies_writes_is_named(self):
        arn = self.table(HOME)["TableArn"]
        deny = {"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Deny", "Principal": "*",
                                                        "Action": "dynamodb:PutItem", "Resource": arn}]}
        self.items(HOME, "PutResourcePolicy", {"ResourceArn": arn, "Policy": json.dumps(deny)})
        done = self.protect()
        self.says(done, CANNOT_REACH, "dynamodb PutItem in us-east-1", "AccessDeniedException")
        self.items(HOME, "DeleteResourcePolicy", {"ResourceArn": arn})
        # A copy of the policy went to the replica, as all that AWS does not copy.
        self.items(RECOVERY, "DeleteResourcePolicy", {"ResourceArn": arn.replace(HOME, RECOVERY)})
        self.is_protected_by_the_next_run()

    def test_who_is_throttled_all_the_time_is_told_what_and_nothing_is_begun(self):
        self.refuse(THROTTLED, "dynamodb")
        self.refuses(CANNOT_REACH, ["dynamodb DescribeTable in us-east-1", "ThrottlingException", "try again"], "protect", self.spec,
                     "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.refuse(THROTTLED, "elasticache")
        self.refuses(CANNOT_REACH, ["elasticache DescribeReplicationGroups in us-east-1", "Throttling", "try again"], "protect",
                     self.spec, "--yes", "--state", self.state, watched=self.state, timeout=60, **self.variables)
        self.is_protected_by_the_next_run()

    def test_throttling_that_ends_is_waited_out(self):
        self.is_waited_out("dynamodb", "UpdateTable")

    def test_throttling_of_caches_is_waited_out(self):
        self.is_waited_out("elasticache", "CreateGlobalReplicationGroup")

    def is_waited_out(self, service, first):
        """From the first change on, so that the step that makes it is under way."""
        begun = []

        def refuse(call):
            if call.operation == first and not begun:
                begun.append(time.monotonic())
            return THROTTLED if call.service == service and begun and time.monotonic() - begun[0] < THROTTLED_SECONDS else None
        self.between.refuse = refuse
        began = time.monotonic()
        done = self.protect(timeout=180 + THROTTLED_SECONDS)
        self.assertEqual(done.returncode, DONE, done.stderr + done.stdout)
        self.assertGreater(time.monotonic() - began, THROTTLED_SECONDS)
        self.assertGreater(len(self.between.refused), 2)
        self.is_protected_by_the_next_run()


class FencedTest(StoresCase):
    def test_a_home_that_was_fenced_takes_writes_again_once_it_is_home(self):
        """It answered when it was left, so its cache holds writes for a day and its table denies them."""
        self.make_both()
        self.is_protected_by_the_next_run()
        home = self.endpoint(HOME)
        self.moves("failover", "--accept-loss", "1h", "--override-fence", "test: nobody else writes")
        self.assertIn("LeewardFence", self.items(HOME, "GetResourcePolicy", {"ResourceArn": self.table(HOME)["TableArn"]})["Policy"])
        self.moves("failback")
        wait(lambda: "<GlobalReplicationGroupMemberRole>PRIMARY<" in self.cache(HOME), "home has the primary")
        self.assertEqual(self.redis(home, "SET", "after", "home"), "OK")
        wait(lambda: self.redis(self.endpoint(RECOVERY), "GET", "after") == "home", "and the other Region follows it")
        item = {"TableName": TABLE, "Item": {"id": {"S": "after"}}}
        self.assertEqual(self.items(HOME, "PutItem", item), {})
        wait(lambda: "Item" in self.items(RECOVERY, "GetItem", {"TableName": TABLE, "Key": item["Item"]}), "so does its table")

    def moves(self, *arguments):
        done = self.leeward(arguments[0], self.spec, "--yes", "--state", self.state, *arguments[1:], timeout=120, **self.variables)
        self.assertEqual(done.returncode, DONE, done.stderr + done.stdout)

    def endpoint(self, region):
        return re.search("<PrimaryEndpoint>.*?<Address>(.*?)</Address>|<ReaderEndpoint>.*?<Address>(.*?)</Address>", self.cache(region),
                         re.DOTALL).group(1, 2)

    def redis(self, endpoint, *command):
        done = subprocess.run(["redis-cli", "-h", next(filter(None, endpoint)), *command], capture_output=True, text=True, timeout=10,
                              check=False)
        return done.stdout.strip()


class HalfMadeTest(StoresCase):
    """`leeward protect` killed before a call is handed on, or after it was and before the answer."""

    # In the order of their steps; the second word tells calls of one operation apart.
    CALLS = (("UpdateTable", "StreamSpecification"), ("UpdateTable", "ReplicaUpdates"), ("UpdateContinuousBackups", ""),
             ("CreateGlobalReplicationGroup", ""), ("CreateReplicationGroup", ""))

    def test_a_run_that_was_killed_between_its_steps_is_ended_by_the_next(self):
        self.make_both()
        self.items(HOME, "UpdateContinuousBackups", {"TableName": TABLE,
                                                     "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
        for index in range(len(self.CALLS)):
            for moment in ("before", "after"):
                with self.subTest(call=self.CALLS[index], moment=moment):
                    self.kill_at(index, moment)
        self.is_protected_by_the_next_run()

    def kill_at(self, index, moment):
        """What comes later in the list is held back meanwhile."""
        run = subprocess.Popen([LEEWARD, "protect", self.spec, "--yes", "--state", self.state], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={"PATH": "/usr/bin:/bin", "HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true", **self.variables})
        hit = []

        def of(call):
            return next((place for place, (operation, word) in enumerate(self.CALLS)
                         if call.operation == operation and word in call.text), None)

        def kill(call):
            hit.append(call)
            run.send_signal(signal.SIGKILL)
            run.wait(30)

        def refuse(call):
            if moment == "before" and of(call) == index and not hit:
                kill(call)
            if hit and moment == "before":
                raise ConnectionError("the program is gone")
            return THROTTLED if (of(call) or 0) > index else None

        self.between.clear()
        self.between.refuse = refuse
        if moment == "after":
            self.between.after = lambda call: kill(call) if of(call) == index and not hit else None
        try:
            code = run.wait(120)
        finally:
            run.kill()
            run.wait(30)
        self.assertEqual((code, len(hit)), (-signal.SIGKILL, 1))


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("bad_stores_in_lab_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

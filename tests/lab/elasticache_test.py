#!/usr/bin/env python3
"""A Global Datastore in a lab that is broken: what is lost, who writes, and what is told of a server that dies."""

import datetime
import json
import os
import pathlib
import re
import shutil
import signal
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
LIMIT = 30  # seconds that anything may take
A, B = "us-east-1", "us-west-2"
GROUP = {A: "sessions", B: "sessions-b"}


def until(condition, what, seconds=LIMIT):
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def redis(address, *command):
    """What the server said, or nothing when there is no answer."""
    done = subprocess.run(["timeout", "2", "redis-cli", "-h", address, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


class ElastiCacheTest(cleaned.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwec-", dir="/tmp"))
        self.base.chmod(0o755)
        self.state = self.base / "state"
        self.addCleanup(self.end)
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))

    def end(self):
        self.run_lab("down")
        left = subprocess.run(["pgrep", "-f", f"redis-server unixsocket:{self.state}/"], capture_output=True, text=True, check=False)
        shutil.rmtree(self.base)
        self.assertEqual(left.stdout, "", "servers that outlive their lab")

    def run_lab(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=90,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def call(self, region, action, service="elasticache", version="2015-02-02", **parameters):
        status, body = signed.call(self.lab["gateway"], region, action, service, version, timeout=20, parameters=parameters)
        self.assertEqual(status, 200, body)
        return xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", body, count=1))

    def group(self, region):
        return self.call(region, "DescribeReplicationGroups", ReplicationGroupId=GROUP[region]).find(".//ReplicationGroup")

    def writer(self, region):
        def look():
            group = self.group(region)
            return group.findtext("NodeGroups/NodeGroup/PrimaryEndpoint/Address") if group.findtext("Status") == "available" else None
        return until(look, f"{GROUP[region]} available")

    def datastore(self, region, status):
        def look():
            found = self.call(region, "DescribeGlobalReplicationGroups", ShowMemberInfo="true").find(".//GlobalReplicationGroup")
            return found if found is not None and found.findtext("Status") == status else None
        found = until(look, f"the datastore {status} in {region}")
        return {member.findtext("ReplicationGroupRegion"): member.findtext("Role") for member in found.iter("GlobalReplicationGroupMember")}

    def events(self, region):
        return [event.findtext("Message") for event in self.call(region, "DescribeEvents").iter("Event")]

    def make(self, nodes):
        replicated = {"NumCacheClusters": nodes, "AutomaticFailoverEnabled": str(nodes > 1).lower()}
        self.call(A, "CreateReplicationGroup", ReplicationGroupId="sessions", ReplicationGroupDescription="sessions",
                  Engine="redis", CacheNodeType="cache.r6g.large", **replicated)
        here = self.writer(A)
        made = self.call(A, "CreateGlobalReplicationGroup", GlobalReplicationGroupIdSuffix="shop", PrimaryReplicationGroupId="sessions")
        self.id = made.findtext(".//GlobalReplicationGroupId")
        self.datastore(A, "primary-only")
        self.call(B, "CreateReplicationGroup", ReplicationGroupId="sessions-b", ReplicationGroupDescription="sessions",
                  GlobalReplicationGroupId=self.id, **replicated)
        there = self.writer(B)
        self.assertEqual(self.datastore(A, "available"), {A: "PRIMARY", B: "SECONDARY"})
        self.assertEqual(redis(here, "set", "before", "1"), "OK")
        until(lambda: redis(there, "get", "before") == "1", "the key in the other Region")
        return here, there

    def fail_over(self, region):
        self.call(region, "FailoverGlobalReplicationGroup", GlobalReplicationGroupId=self.id, PrimaryRegion=region,
                  PrimaryReplicationGroupId=GROUP[region])

    def test_a_region_that_was_killed_comes_back_as_the_secondary_and_writes_nothing(self):
        here, there = self.make(nodes=2)
        self.run_lab("kill", A)
        self.fail_over(B)
        until(lambda: redis(there, "set", "after", "1") == "OK", "a writer in B", 5)
        self.run_lab("heal", A)
        said = set()

        def caught_up():
            said.add(redis(here, "set", "stray", "1"))
            return redis(here, "get", "after") == "1"
        until(caught_up, "the new writer's key in A")
        self.assertFalse("OK" in said, said)
        self.assertEqual(redis(here, "get", "before"), "1")
        self.assertEqual(self.datastore(A, "available"), {A: "SECONDARY", B: "PRIMARY"})
        self.fail_over(A)
        until(lambda: redis(here, "set", "back", "1") == "OK", "a writer in A", 5)
        until(lambda: redis(there, "get", "back") == "1", "its key in B")

    def test_what_had_not_crossed_is_lost_and_the_old_primary_writes_until_it_hears(self):
        here, there = self.make(nodes=1)
        self.run_lab("isolate", A, B)
        self.assertEqual(redis(here, "set", "stray", "1"), "OK")
        self.fail_over(B)
        until(lambda: redis(there, "set", "after", "1") == "OK", "a writer in B", 5)
        self.assertEqual(redis(here, "set", "stray", "2"), "OK")
        self.run_lab("heal")
        until(lambda: "READONLY" in redis(here, "set", "stray", "3"), "an old primary that has heard", 10)
        until(lambda: redis(here, "get", "after") == "1", "the new writer's key in A")
        self.assertEqual((redis(here, "exists", "stray"), redis(there, "exists", "stray")), ("0", "0"))

    def test_a_server_that_is_killed_is_told_of_and_replaced(self):
        here, there = self.make(nodes=2)
        pid = int(re.search(r"process_id:(\d+)", redis(here, "info", "server"))[1])
        os.kill(pid, signal.SIGKILL)
        until(lambda: "Cache node 0001 has failed: its server ended with signal 9" in self.events(A), "word of it", 5)
        until(lambda: "Finished recovery for cache nodes 0001" in self.events(A), "another in its place")
        self.assertEqual(self.writer(A), here)
        roles = [member.findtext("CurrentRole") for member in self.group(A).iter("NodeGroupMember")]
        self.assertEqual(roles, ["replica", "primary"])
        self.assertEqual(redis(here, "get", "before"), "1")
        until(lambda: redis(here, "set", "after", "1") == "OK", "a writer in A")
        until(lambda: redis(there, "get", "after") == "1", "its key in B, by the new node")

    def test_a_server_that_cannot_be_replaced_never_reads_as_healthy(self):
        here, _ = self.make(nodes=1)
        pid = int(re.search(r"process_id:(\d+)", redis(here, "info", "server"))[1])
        # Its folder cannot be written to any more: no server can take the place.
        folder = next((self.state / "regions" / A / "elasticache").glob("*/redis.conf")).parent
        shutil.rmtree(folder)
        folder.write_text("in the way", encoding="utf-8")
        os.kill(pid, signal.SIGKILL)
        until(lambda: any(text.startswith("Failed to recover") for text in self.events(A)), "that it is not replaced")
        self.assertEqual(self.group(A).findtext("Status"), "modifying")
        cluster = self.call(A, "DescribeCacheClusters", ShowCacheNodeInfo="true").find(".//CacheNode")
        self.assertEqual(cluster.findtext("CacheNodeStatus"), "restore-failed")
        self.assertRegex(self.run_lab("status"), rf"{A} +{re.escape(here)}:6379 +closed +elasticache:sessions\n")

    def test_the_lag_is_that_of_the_link(self):
        here, there = self.make(nodes=1)
        self.run_lab("slow", A, B, "3s")

        def newest():
            redis(here, "incr", "count")
            now = datetime.datetime.now(datetime.timezone.utc)
            told = self.call(B, "GetMetricStatistics", "monitoring", "2010-08-01", Namespace="AWS/ElastiCache",
                             MetricName="GlobalDatastoreReplicationLag", Period="60",
                             StartTime=(now - datetime.timedelta(minutes=5)).isoformat(),
                             EndTime=(now + datetime.timedelta(minutes=1)).isoformat(),
                             **{"Statistics.member.1": "Maximum", "Dimensions.member.1.Name": "CacheClusterId",
                                "Dimensions.member.1.Value": "sessions-b-001"})
            return max((float(value.text) for value in told.iter("Maximum")), default=0.0)
        until(lambda: newest() > 1.5, "a lag like the link's")
        self.assertLess(newest(), 20)
        until(lambda: redis(there, "get", "count") not in ("", "0"), "what was written, later")


if __name__ == "__main__":
    unittest.main(verbosity=1)

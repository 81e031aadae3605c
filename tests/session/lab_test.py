#!/usr/bin/python3
"""Session services in a lab whose home Region is killed under mixed traffic: a Global Datastore, a global table, and tokens on each.

Figures go to standard output, a line of JSON a mode.
LEEWARD_SESSION_RATE (500) operations a second for LEEWARD_SESSION_SECONDS (4) before the loss and after it.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import boto3
from botocore.config import Config

from regions import AWAY, HOME, Load, Service, TwoRegions, free_port, make_global_table, make_table, until

LAB, LEEWARD, LOAD = sys.argv[1], sys.argv[2], sys.argv[3]
RATE = int(os.environ.get("LEEWARD_SESSION_RATE", "500"))
SECONDS = float(os.environ.get("LEEWARD_SESSION_SECONDS", "4"))
KEY, SECRET = "test", "test"
TABLE = "user-sessions"


class LabTest(unittest.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lwss-", dir="/tmp"))
        self.base.chmod(0o755)
        self.addCleanup(self.end)
        self.services, self.load = [], None
        self.lab = json.loads(self.run_lab("up", "--json", "--gateway", os.environ.get("LEEWARD_GATEWAY", "127.0.0.1:0"), "--dns",
                                           os.environ.get("LEEWARD_DNS", "127.0.0.1:0")))
        gateway = self.lab["gateway"]
        self.gateway = gateway if gateway.startswith("http") else "http://" + gateway
        self.secret = str(self.base / "secret")
        with open(os.open(self.secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex())

    def end(self):
        if self.load:
            self.load.close()
        for service in self.services:
            if service.process.poll() is None:
                service.kill()
        self.run_lab("down")
        shutil.rmtree(self.base, ignore_errors=True)

    def run_lab(self, *arguments):
        done = subprocess.run([LAB, *arguments, "--state", str(self.base / "lab")], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def client(self, service, region):
        return boto3.client(service, region_name=region, endpoint_url=self.gateway, aws_access_key_id=KEY,
                            aws_secret_access_key=SECRET,
                            config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30))

    def source(self, region):
        """An address of the Region's block, so that the lab's network knows where a service stands."""
        return self.lab["regions"][region]["network"].split("/")[0].rsplit(".", 2)[0] + ".9.9"

    def start(self, mode, more):
        ports = free_port(), free_port()
        environment = {"AWS_ENDPOINT_URL": self.gateway, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                       "AWS_EC2_METADATA_DISABLED": "true"}
        for region, own, other in ((HOME, ports[0], ports[1]), (AWAY, ports[1], ports[0])):
            self.services.append(Service(LEEWARD, region, mode, self.secret, own, other,
                                         more[region] + ["--source", self.source(region)], environment))
        for service in self.services:
            until(lambda one=service: TwoRegions.peer_answers(one), "the peers know one another")

    def lose_under_load(self, mode, what, fail_over):
        self.load = Load(LOAD, RATE, self.services)
        time.sleep(SECONDS)
        # Its stores first: what was acknowledged and had not crossed is really lost.
        self.run_lab("kill", HOME)
        self.services[0].kill()
        fail_over()
        self.load.tell("use 1")
        time.sleep(SECONDS)
        counts = self.load.tell("stop")
        verdict = self.load.tell("verify 1 90")
        print(json.dumps({"mode": mode, "in": what, "rate": RATE, "counts": counts, "verdict": verdict}), flush=True)
        self.assertGreater(verdict["live"], 100, "there was hardly any traffic")
        self.assertGreater(verdict["revoked"], 10)
        self.assertEqual(verdict["unknown"] + verdict["revoked_unknown"], 0)
        self.assertEqual(verdict["back_alive"], 0, "a revocation was undone that was answered as crossed")
        self.assertGreater(verdict["survived_share"], 0.9)
        return verdict

    def datastore(self):
        """A Global Datastore; the services' options, and its failover."""
        home, away = self.client("elasticache", HOME), self.client("elasticache", AWAY)

        def writer(client, name):
            group = client.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
            if group["Status"] != "available":
                return None
            endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
            return f"{endpoint['Address']}:{endpoint['Port']}"

        home.create_replication_group(ReplicationGroupId="sessions", ReplicationGroupDescription="sessions", Engine="redis",
                                      CacheNodeType="cache.r6g.large", NumCacheClusters=1, AutomaticFailoverEnabled=False)
        first = until(lambda: writer(home, "sessions"), "the group of the home Region")
        made = home.create_global_replication_group(GlobalReplicationGroupIdSuffix="shop", PrimaryReplicationGroupId="sessions")
        name = made["GlobalReplicationGroup"]["GlobalReplicationGroupId"]

        def status(client):
            return client.describe_global_replication_groups(GlobalReplicationGroupId=name)["GlobalReplicationGroups"][0]["Status"]

        until(lambda: status(home) == "primary-only", "the datastore")
        away.create_replication_group(ReplicationGroupId="sessions-b", ReplicationGroupDescription="sessions",
                                      GlobalReplicationGroupId=name, NumCacheClusters=1, AutomaticFailoverEnabled=False)
        second = until(lambda: writer(away, "sessions-b"), "the group of the other Region")
        until(lambda: status(home) == "available", "the datastore with both")
        options = {HOME: ["--redis", first, "--redis-other", second], AWAY: ["--redis", second, "--redis-other", first]}
        return options, lambda: away.failover_global_replication_group(
            GlobalReplicationGroupId=name, PrimaryRegion=AWAY, PrimaryReplicationGroupId="sessions-b")

    def table(self):
        """A global one in both Regions; the services' options."""
        make_global_table(self.client("dynamodb", HOME), self.client("dynamodb", AWAY), TABLE)
        return {HOME: ["--table", TABLE], AWAY: ["--table", TABLE]}

    def test_a_table_of_each_region(self):
        """What holds without a global table: one Region's sessions, and revocations that the services tell one another."""
        for region in (HOME, AWAY):
            make_table(self.client("dynamodb", region), TABLE)
        self.start("dynamodb", {HOME: ["--table", TABLE], AWAY: ["--table", TABLE]})
        home, away = self.services
        status, made = home.ask("POST", "/v1/sessions", body={"subject": "ann", "data": {"cart": "7"}})
        self.assertEqual(status, 201)
        session = made["session"]
        self.assertEqual(home.ask("PATCH", "/v1/session", session, {"cart": "8"})[1]["data"], {"cart": "8"})
        self.assertEqual(home.ask("POST", "/v1/session/touch", session)[0], 200)
        self.assertEqual(away.ask("GET", "/v1/session", session)[0], 404)
        revoked = home.ask("DELETE", "/v1/session", session)[1]
        self.assertEqual((revoked["revoked"], revoked["regions"]), ("everywhere", [HOME, AWAY]))
        self.assertEqual([service.ask("GET", "/v1/session", session)[0] for service in self.services], [410, 410])
        self.run_lab("kill", HOME)
        until(lambda: home.ask("GET", "/healthz")[0] == 503, "a store that does not answer is not healthy")
        self.assertEqual(away.ask("GET", "/healthz")[0], 200)
        self.assertEqual(away.ask("GET", "/v1/session", session)[0], 410)

    def test_sessions_in_a_global_datastore(self):
        options, fail_over = self.datastore()
        self.start("redis", options)
        self.lose_under_load("redis", "global datastore", fail_over)

    def test_tokens_with_a_global_datastore(self):
        options, fail_over = self.datastore()
        self.start("tokens", options)
        verdict = self.lose_under_load("tokens", "global datastore", fail_over)
        self.assertEqual(verdict["lost"] + verdict["stale"], 0)

    def test_sessions_in_a_global_table(self):
        self.start("dynamodb", self.table())
        self.lose_under_load("dynamodb", "global table", lambda: None)

    def test_tokens_with_a_global_table(self):
        self.start("tokens", self.table())
        verdict = self.lose_under_load("tokens", "global table", lambda: None)
        self.assertEqual(verdict["lost"] + verdict["stale"], 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2, warnings="ignore")

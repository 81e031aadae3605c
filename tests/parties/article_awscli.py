"""The same parts of the article with the stock AWS CLI: Debian's by --endpoint-url, a current one by AWS_ENDPOINT_URL alone.

    article_awscli.py PROGRAM Rds|Route53|ElastiCache
"""

import json
import os
import re
import subprocess
import sys
import unittest

from tools import PASSWORD, Site, curl, dig, psql, redis, until

AWS = sys.argv.pop(1)
VERSION = subprocess.run([AWS, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
MAJOR = int(re.match(r"aws-cli/(\d+)", VERSION)[1])
BY_VARIABLE = "AWS_ENDPOINT_URL" in os.environ
# Each look costs half a second of a processor.
PAUSE = 1.0
# Version 1 sends RDS calls of us-east-1 to AWS itself whatever AWS_ENDPOINT_URL says (it knows --endpoint-url alone there).
HOME, AWAY = "eu-west-1" if BY_VARIABLE and MAJOR == 1 else "us-east-1", "us-west-2"


class Case(unittest.TestCase):
    def call(self, region, *arguments):
        endpoint = [] if BY_VARIABLE else ["--endpoint-url", os.environ["LAB_ENDPOINT"]]
        pager = ["--no-cli-pager"] if MAJOR > 1 else []
        return subprocess.run([AWS, *endpoint, *pager, "--region", region, "--output", "json", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def aws(self, region, *arguments):
        done = self.call(region, *arguments)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, region, expected, *arguments):
        """Checks that the CLI fails and says `expected`, a regular expression."""
        done = self.call(region, *arguments)
        self.assertNotEqual(done.returncode, 0, arguments)
        self.assertRegex(done.stderr, expected)

    def open_group(self, region, port=5432):
        group = self.aws(region, "ec2", "create-security-group", "--group-name", "db", "--description", "clients")["GroupId"]
        self.aws(region, "ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", str(port),
                 "--cidr", "0.0.0.0/0")
        return group


def error(code, operation):
    return rf"An error occurred \({code}\) when calling the {operation} operation: \S"


class Rds(Case):
    def test_a_replica_in_another_region_is_made_and_promoted(self):
        self.aws(HOME, "rds", "create-db-instance", "--db-instance-identifier", "production-db", "--engine", "postgres",
                 "--db-instance-class", "db.t3.medium", "--allocated-storage", "20", "--master-username", "shop",
                 "--master-user-password", PASSWORD, "--db-name", "shop", "--backup-retention-period", "7",
                 "--vpc-security-group-ids", self.open_group(HOME))
        source = self.available(HOME, "production-db")
        psql(source, "create table orders(id int primary key); insert into orders select generate_series(1, 100)")
        self.aws(AWAY, "rds", "create-db-instance-read-replica", "--db-instance-identifier", "production-db-dr",
                 "--source-db-instance-identifier", source["DBInstanceArn"], "--source-region", HOME,
                 "--copy-tags-to-snapshot", "--no-publicly-accessible", "--vpc-security-group-ids", self.open_group(AWAY))
        replica = self.available(AWAY, "production-db-dr")
        self.assertEqual(replica["ReadReplicaSourceDBInstanceIdentifier"], source["DBInstanceArn"])
        self.assertEqual(replica["StatusInfos"][0]["Status"], "replicating")
        until(lambda: psql(replica, "select count(*) from orders") == "100", 20, "the source's rows in the replica")
        with self.assertRaisesRegex(RuntimeError, "read-only"):
            psql(replica, "insert into orders values (101)")
        self.mistakes()
        self.aws(AWAY, "rds", "promote-read-replica", "--db-instance-identifier", "production-db-dr",
                 "--backup-retention-period", "7", "--preferred-backup-window", "03:00-04:00")
        until(lambda: "ReadReplicaSourceDBInstanceIdentifier" not in self.available(AWAY, "production-db-dr"), 60, "promotion",
              PAUSE)
        psql(replica, "insert into orders values (101)")
        self.assertEqual(psql(replica, "select max(id), pg_is_in_recovery() from orders"), "101|f")
        self.refused(AWAY, error("InvalidDBInstanceState", "PromoteReadReplica"), "rds", "promote-read-replica",
                     "--db-instance-identifier", "production-db-dr")

    def available(self, region, name):
        def look():
            found = self.aws(region, "rds", "describe-db-instances", "--db-instance-identifier", name)["DBInstances"][0]
            return found if found["DBInstanceStatus"] == "available" else None
        return until(look, 60, f"{name} available", PAUSE)

    def mistakes(self):
        # Each in the words of its own: the program knows no such option, the other engine has no such log.
        modify = ["rds", "modify-db-instance", "--db-instance-identifier", "production-db", "--backup-retention-period", "7"]
        self.refused(HOME, "Unknown options: --enable-cloudwatch-logs-exports", *modify,
                     "--enable-cloudwatch-logs-exports", "audit", "error", "slowquery")
        self.refused(HOME, error("InvalidParameterCombination", "ModifyDBInstance"), *modify,
                     "--cloudwatch-logs-export-configuration", '{"EnableLogTypes": ["audit", "error", "slowquery"]}')
        self.refused(HOME, error("InvalidDBInstanceState", "StopDBInstance"), "rds", "stop-db-instance",
                     "--db-instance-identifier", "production-db")


class Route53(Case):
    NAME = "api.example.org"

    def record(self, failover, **members):
        return {"Action": "UPSERT", "ResourceRecordSet": {
            "Name": self.NAME, "Type": "A", "SetIdentifier": failover.title(), "Failover": failover, **members}}

    def site(self, failover, address, check):
        return self.record(failover, TTL=1, ResourceRecords=[{"Value": address}], HealthCheckId=check)

    def change(self, zone, *records):
        return ["route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch",
                json.dumps({"Changes": list(records)})]

    def check(self, site, address, reference):
        return self.aws(HOME, "route53", "create-health-check", "--caller-reference", reference, "--health-check-config",
                        json.dumps({"IPAddress": address, "Port": site.port, "Type": "HTTP", "ResourcePath": "/health",
                                    "RequestInterval": 10, "FailureThreshold": 1}))["HealthCheck"]["Id"]

    def test_the_name_follows_the_health_checks(self):
        primary = Site("127.0.0.2")
        secondary = Site("127.0.0.3", primary.port)
        self.addCleanup(secondary.close)
        zone = self.aws(HOME, "route53", "create-hosted-zone", "--name", "example.org", "--caller-reference", "zone")
        zone = zone["HostedZone"]["Id"].split("/")[-1]
        check = self.check(primary, "127.0.0.2", "primary")
        change = self.aws(HOME, *self.change(zone, self.site("PRIMARY", "127.0.0.2", check), self.site(
            "SECONDARY", "127.0.0.3", self.check(secondary, "127.0.0.3", "secondary"))))["ChangeInfo"]
        self.assertEqual(change["Status"], "PENDING")
        until(lambda: self.aws(HOME, "route53", "get-change", "--id", change["Id"])["ChangeInfo"]["Status"] == "INSYNC", 70,
              "INSYNC", PAUSE)
        for options in (["+notcp"], ["+tcp"]):
            self.assertEqual(dig(self.NAME, *options), ["127.0.0.2"])
        self.assertEqual(curl(self.NAME, primary.port, "/"), "127.0.0.2")
        primary.close()
        self.mistakes(zone)
        until(lambda: dig(self.NAME) == ["127.0.0.3"], 30, "the other address, the check having failed")
        self.assertEqual(dig(self.NAME, "+tcp"), ["127.0.0.3"])
        self.assertEqual(curl(self.NAME, primary.port, "/"), "127.0.0.3")
        seen = self.aws(HOME, "route53", "get-health-check-status", "--health-check-id", check)["HealthCheckObservations"]
        self.assertTrue(any(one["StatusReport"]["Status"].startswith("Failure: ") for one in seen), seen)

    def mistakes(self, zone):
        self.refused(HOME, error("InvalidInput", "CreateHealthCheck"), "route53", "create-health-check", "--caller-reference",
                     "article", "--health-check-config", json.dumps({
                         "IPAddress": "primary-elb-1234567890.us-east-1.elb.amazonaws.com", "Port": 443, "Type": "HTTPS",
                         "ResourcePath": "/health", "RequestInterval": 30, "FailureThreshold": 2, "MeasureLatency": True,
                         "EnableSNI": True}))
        front = self.aws(HOME, "elbv2", "create-load-balancer", "--name", "api")["LoadBalancers"][0]
        for name in (front["DNSName"], "primary-elb-1234567890.us-east-1.elb.amazonaws.com"):
            self.refused(HOME, error("InvalidChangeBatch", "ChangeResourceRecordSets") + ".*does not lie within the target zone",
                         *self.change(zone, self.record("PRIMARY", AliasTarget={
                             "HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": name, "EvaluateTargetHealth": True})))


class ElastiCache(Case):
    """The article's one line: "ElastiCache Global Datastore: Cross-region Redis/Memcached replication"."""

    def cache(self, region, *arguments):
        return self.aws(region, "elasticache", *arguments)

    def group(self, region, name):
        return self.cache(region, "describe-replication-groups", "--replication-group-id", name)["ReplicationGroups"][0]

    def writer(self, region, name):
        def look():
            found = self.group(region, name)
            return found["NodeGroups"][0]["PrimaryEndpoint"] if found["Status"] == "available" else None
        return until(look, 60, f"{name} available", PAUSE)

    def settled(self, region, status):
        def look():
            found = self.cache(region, "describe-global-replication-groups", "--global-replication-group-id", self.datastore,
                               "--show-member-info")["GlobalReplicationGroups"][0]
            return found if found["Status"] == status else None
        found = until(look, 60, f"{self.datastore} {status} in {region}", PAUSE)
        return {member["ReplicationGroupRegion"]: member["Role"] for member in found["Members"]}

    def test_a_global_datastore_is_made_and_failed_over(self):
        self.cache(HOME, "create-replication-group", "--replication-group-id", "sessions", "--replication-group-description",
                   "sessions", "--engine", "valkey", "--cache-node-type", "cache.m6g.large", "--num-cache-clusters", "1",
                   "--security-group-ids", self.open_group(HOME, 6379))
        home = self.writer(HOME, "sessions")
        self.assertEqual(redis(home, "set", "user:1", "ana"), "OK")
        self.datastore = self.cache(HOME, "create-global-replication-group", "--global-replication-group-id-suffix", "sessions",
                                    "--primary-replication-group-id", "sessions")["GlobalReplicationGroup"]["GlobalReplicationGroupId"]
        self.assertEqual(self.settled(HOME, "primary-only"), {HOME: "PRIMARY"})
        self.mistakes()
        self.cache(AWAY, *self.secondary(), "--security-group-ids", self.open_group(AWAY, 6379))
        away = self.writer(AWAY, "sessions-dr")
        self.assertEqual(self.settled(HOME, "available"), {HOME: "PRIMARY", AWAY: "SECONDARY"})
        until(lambda: redis(away, "get", "user:1") == "ana", 20, "the primary's key in the secondary")
        self.assertIn("READONLY", redis(away, "set", "user:1", "eva"))
        promote = ["failover-global-replication-group", "--global-replication-group-id", self.datastore, "--primary-region", AWAY,
                   "--primary-replication-group-id", "sessions-dr"]
        self.assertEqual(self.cache(AWAY, *promote)["GlobalReplicationGroup"]["Status"], "modifying")
        until(lambda: redis(away, "set", "writer", AWAY) == "OK", 20, "the writer away")
        self.assertEqual(self.settled(HOME, "available"), {HOME: "SECONDARY", AWAY: "PRIMARY"})
        until(lambda: redis(home, "get", "writer") == AWAY, 20, "the new writer's key at home")
        self.assertIn("READONLY", redis(home, "set", "writer", HOME))
        self.refused(AWAY, error("InvalidParameterValue", "FailoverGlobalReplicationGroup"), "elasticache", *promote)

    def secondary(self, *more):
        return ["create-replication-group", "--replication-group-id", "sessions-dr", "--replication-group-description", "away",
                "--global-replication-group-id", self.datastore, *more]

    def mistakes(self):
        create = error("InvalidParameterValue", "CreateReplicationGroup")
        self.refused(HOME, create + ".*memcached", "elasticache", "create-replication-group", "--replication-group-id", "wrong",
                     "--replication-group-description", "wrong", "--engine", "memcached", "--cache-node-type", "cache.m6g.large")
        self.refused(AWAY, error("InvalidParameterCombination", "CreateReplicationGroup"), "elasticache",
                     *self.secondary("--engine", "valkey"))
        self.refused(HOME, error("InvalidReplicationGroupState", "DeleteReplicationGroup"), "elasticache",
                     "delete-replication-group", "--replication-group-id", "sessions")


if __name__ == "__main__":
    print(f"{VERSION} of {AWS}, home {HOME}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

"""The RDS, Route 53 and ElastiCache parts of a well-known article on cross-Region recovery, with boto3, against a running lab.

With the article's mistakes put right, each call does what the article says, and psql, redis-cli, dig and curl see it. With the mistakes
left in, each is refused as AWS refuses it. A boto3 too old for AWS_ENDPOINT_URL is given LAB_ENDPOINT as an argument.
"""

import datetime
import os
import ssl
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ParamValidationError

from tools import PASSWORD, Site, curl, dig, psql, redis, until

HOME, AWAY = "us-east-1", "us-west-2"
HERE = os.path.dirname(os.path.abspath(__file__))


def client(service, region=HOME, **options):
    endpoint = None if "AWS_ENDPOINT_URL" in os.environ else os.environ["LAB_ENDPOINT"]
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=Config(read_timeout=20), **options)


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, code, call, status=400, **arguments):
        """Checks the error as it came over the wire; answers its message."""
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["Error"]["Type"], answer["ResponseMetadata"]["HTTPStatusCode"]),
                             (code, "Sender", status), answer)
            self.assertRegex(answer["ResponseMetadata"]["RequestId"], "^[0-9a-f-]{36}$")
            return answer["Error"]["Message"]
        return self.fail(f"not refused with {code}: {arguments}")

    # The article leaves the groups out: its replica could not have been reached.
    def open_group(self, region, port=5432):
        ec2 = client("ec2", region)
        group = ec2.create_security_group(GroupName="db", Description="the application's clients")["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        return group


class Rds(Case):
    @classmethod
    def setUpClass(cls):
        cls.home, cls.away = client("rds", HOME), client("rds", AWAY)

    def instance(self, rds, name):
        return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def test_a_replica_in_another_region_is_made_and_promoted(self):
        source = self.create()
        psql(source, "create table orders(id int primary key); insert into orders select generate_series(1, 100)")
        self.log_exports(source)
        self.refusals_before_there_is_a_replica(source)
        replica = self.replicate(source)
        until(lambda: psql(replica, "select count(*) from orders") == "100", 20, "the source's rows in the replica")
        with self.assertRaisesRegex(RuntimeError, "read-only"):
            psql(replica, "insert into orders values (101)")
        self.refused("InvalidDBInstanceState", self.home.stop_db_instance, DBInstanceIdentifier="production-db")
        self.promote(source, replica)
        self.remove()

    def create(self):
        made = self.home.create_db_instance(
            DBInstanceIdentifier="production-db", Engine="postgres", DBInstanceClass="db.t3.medium", AllocatedStorage=20,
            MasterUsername="shop", MasterUserPassword=PASSWORD, DBName="shop", BackupRetentionPeriod=7,
            VpcSecurityGroupIds=[self.open_group(HOME)])["DBInstance"]
        self.assertEqual(made["DBInstanceStatus"], "creating")
        self.home.get_waiter("db_instance_available").wait(DBInstanceIdentifier="production-db",
                                                           WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return self.instance(self.home, "production-db")

    def log_exports(self, source):
        wrong = {"DBInstanceIdentifier": "production-db", "BackupRetentionPeriod": 14, "CopyTagsToSnapshot": True,
                 "EnableCloudwatchLogsExports": ["audit", "error", "slowquery"]}
        with self.assertRaisesRegex(ParamValidationError, 'Unknown parameter in input: "EnableCloudwatchLogsExports"'):
            self.home.modify_db_instance(**wrong)
        self.raw_query_is_refused()
        unchanged = self.instance(self.home, "production-db")
        self.assertEqual((unchanged["BackupRetentionPeriod"], unchanged["CopyTagsToSnapshot"]), (7, False))
        # Put right; the log types of the article are another engine's.
        right = {"DBInstanceIdentifier": "production-db", "BackupRetentionPeriod": 14, "CopyTagsToSnapshot": True}
        message = self.refused("InvalidParameterCombination", self.home.modify_db_instance, **right,
                               CloudwatchLogsExportConfiguration={"EnableLogTypes": ["audit", "error", "slowquery"]})
        self.assertIn("audit", message)
        self.home.modify_db_instance(**right, CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql", "upgrade"]})
        until(lambda: self.instance(self.home, "production-db")["BackupRetentionPeriod"] == 14, 20, "the new retention")
        changed = self.instance(self.home, "production-db")
        self.assertEqual((changed["CopyTagsToSnapshot"], sorted(changed["EnabledCloudwatchLogsExports"])),
                         (True, ["postgresql", "upgrade"]))
        until(lambda: self.instance(self.home, "production-db")["DBInstanceStatus"] == "available", 20, "the end of the change")

    # What boto3 does not let through, sent by hand.
    def raw_query_is_refused(self):
        body = ("Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=production-db&BackupRetentionPeriod=14"
                "&CopyTagsToSnapshot=true&EnableCloudwatchLogsExports.member.1=audit&EnableCloudwatchLogsExports.member.2=error")
        request = AWSRequest("POST", os.environ["LAB_ENDPOINT"] + "/", data=body,
                             headers={"Content-Type": "application/x-www-form-urlencoded"})
        SigV4Auth(Credentials("test", "test"), "rds", HOME).add_auth(request)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(request.url, body.encode(), dict(request.headers.items())), timeout=10)
        text = refused.exception.read().decode()
        self.assertEqual(refused.exception.code, 400, text)
        self.assertRegex(text, r"<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type>"
                               r"<Code>\w+</Code><Message>[^<]*EnableCloudwatchLogsExports[^<]*</Message></Error>")

    def refusals_before_there_is_a_replica(self, source):
        self.refused("DBInstanceAlreadyExists", self.home.create_db_instance, DBInstanceIdentifier="production-db",
                     Engine="postgres", DBInstanceClass="db.t3.medium", AllocatedStorage=20, MasterUsername="shop",
                     MasterUserPassword=PASSWORD)
        self.refused("DBInstanceNotFound", self.away.create_db_instance_read_replica, 404, DBInstanceIdentifier="production-db-dr",
                     SourceDBInstanceIdentifier=source["DBInstanceArn"].replace("production", "absent"))
        # A key that does not exist, and any key at all for a source that is not encrypted.
        for code, key in (("KMSKeyNotAccessibleFault", "your-dr-region-kms-key-id"), ("InvalidParameterCombination", "alias/aws/rds")):
            self.refused(code, self.away.create_db_instance_read_replica, DBInstanceIdentifier="production-db-dr",
                         SourceDBInstanceIdentifier=source["DBInstanceArn"], KmsKeyId=key, DeletionProtection=True)
        self.refused("InvalidDBInstanceState", self.home.promote_read_replica, DBInstanceIdentifier="production-db")
        self.refused("DBInstanceNotFound", self.home.describe_db_instances, 404, DBInstanceIdentifier="absent")

    def replicate(self, source):
        self.away.create_db_instance_read_replica(
            DBInstanceIdentifier="production-db-dr", SourceDBInstanceIdentifier=source["DBInstanceArn"], SourceRegion=HOME,
            CopyTagsToSnapshot=True, PubliclyAccessible=False, DeletionProtection=True,
            VpcSecurityGroupIds=[self.open_group(AWAY)])
        self.away.get_waiter("db_instance_available").wait(DBInstanceIdentifier="production-db-dr",
                                                           WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        replica = self.instance(self.away, "production-db-dr")
        self.assertEqual(replica["ReadReplicaSourceDBInstanceIdentifier"], source["DBInstanceArn"])
        self.assertEqual((replica["StatusInfos"][0]["StatusType"], replica["StatusInfos"][0]["Status"]),
                         ("read replication", "replicating"))
        # Backups are off in a new replica, whatever the source has.
        self.assertEqual(replica["BackupRetentionPeriod"], 0)
        self.assertIn(replica["DBInstanceArn"],
                      self.instance(self.home, "production-db")["ReadReplicaDBInstanceIdentifiers"])
        return replica

    # The article takes the answer for the end; the end is a replica without a source that takes writes.
    def promote(self, source, replica):
        self.away.promote_read_replica(DBInstanceIdentifier="production-db-dr", BackupRetentionPeriod=7,
                                       PreferredBackupWindow="03:00-04:00")

        def promoted():
            now = self.instance(self.away, "production-db-dr")
            return now if "ReadReplicaSourceDBInstanceIdentifier" not in now and now["DBInstanceStatus"] == "available" else None

        now = until(promoted, 60, "an available instance without a source")
        self.assertEqual((now["BackupRetentionPeriod"], now["Endpoint"]), (7, replica["Endpoint"]))
        self.assertEqual(psql(replica, "select pg_is_in_recovery()"), "f")
        psql(replica, "insert into orders values (101)")
        # Promotion fences nobody: the old source still takes writes, and the new one does not see them.
        psql(source, "insert into orders values (-1)")
        self.assertEqual(psql(replica, "select min(id), max(id) from orders"), "1|101")
        self.refused("InvalidDBInstanceState", self.away.promote_read_replica, DBInstanceIdentifier="production-db-dr")

    # Deletion protection, as the article sets it, has to be lifted before a drill can clean up.
    def remove(self):
        delete = {"DBInstanceIdentifier": "production-db-dr", "SkipFinalSnapshot": True}
        self.refused("InvalidParameterCombination", self.away.delete_db_instance, **delete)
        self.away.modify_db_instance(DBInstanceIdentifier="production-db-dr", DeletionProtection=False, ApplyImmediately=True)
        until(lambda: self.instance(self.away, "production-db-dr")["DBInstanceStatus"] == "available", 20, "the end of the change")
        self.away.delete_db_instance(**delete)
        until(lambda: not self.away.describe_db_instances()["DBInstances"], 20, "the end of the replica")

    def test_strangers_and_unserved_operations_are_refused_by_name(self):
        stranger = client("sts", aws_access_key_id="AKIAWRONG", aws_secret_access_key="wrong")
        self.refused("InvalidClientTokenId", stranger.get_caller_identity, 403)
        liar = client("sts", aws_access_key_id="test", aws_secret_access_key="wrong")
        self.refused("SignatureDoesNotMatch", liar.get_caller_identity, 403)
        self.assertRegex(client("sts").get_caller_identity()["Account"], r"^\d{12}$")
        with self.assertRaisesRegex(ClientError, "DescribeReservedDBInstances"):
            self.home.describe_reserved_db_instances()


class Route53(Case):
    NAME, PORT = "api.example.com", 8080

    @classmethod
    def setUpClass(cls):
        cls.route53 = client("route53")

    def front(self, region):
        """A load balancer with a task behind it. Its own checks ask for "/", which is well while "/health" may not be."""
        elb, ecs = client("elbv2", region), client("ecs", region)
        front = elb.create_load_balancer(Name="api")["LoadBalancers"][0]
        group = elb.create_target_group(Name="api", Protocol="HTTP", Port=self.PORT, TargetType="ip", VpcId=front["VpcId"],
                                        HealthCheckPath="/", HealthCheckIntervalSeconds=5,
                                        HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        elb.create_listener(LoadBalancerArn=front["LoadBalancerArn"], Protocol="HTTP", Port=self.PORT,
                            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
        with open(os.path.join(HERE, "app.py"), encoding="utf-8") as file:
            command = ["/usr/bin/python3", "-c", file.read()]
        ecs.create_cluster(clusterName="api")
        ecs.register_task_definition(family="api", containerDefinitions=[
            {"name": "api", "image": "api:1", "memory": 64, "command": command, "portMappings": [{"containerPort": self.PORT}]}])
        ecs.create_service(cluster="api", serviceName="api", taskDefinition="api", desiredCount=1, loadBalancers=[
            {"targetGroupArn": group, "containerName": "api", "containerPort": self.PORT}])
        until(lambda: [one["TargetHealth"]["State"] for one in
                       elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]] == ["healthy"],
              30, f"a healthy target in {region}")
        return front

    def check(self, region, front):
        return self.route53.create_health_check(CallerReference="check-" + region, HealthCheckConfig={
            "FullyQualifiedDomainName": front["DNSName"], "Port": self.PORT, "Type": "HTTP", "ResourcePath": "/health",
            "RequestInterval": 10, "FailureThreshold": 1, "MeasureLatency": True})["HealthCheck"]["Id"]

    def alias(self, failover, front, zone, check):
        return {"Action": "UPSERT", "ResourceRecordSet": {
            "Name": self.NAME, "Type": "A", "SetIdentifier": failover.title(), "Failover": failover, "HealthCheckId": check,
            "AliasTarget": {"HostedZoneId": zone, "DNSName": front["DNSName"], "EvaluateTargetHealth": True}}}

    def test_the_name_follows_the_health_checks(self):
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference="zone")["HostedZone"]["Id"].split("/")[-1]
        home, away = self.front(HOME), self.front(AWAY)
        checks = {HOME: self.check(HOME, home), AWAY: self.check(AWAY, away)}
        change = self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
            self.alias("PRIMARY", home, home["CanonicalHostedZoneId"], checks[HOME]),
            self.alias("SECONDARY", away, away["CanonicalHostedZoneId"], checks[AWAY])]})["ChangeInfo"]
        self.assertEqual(change["Status"], "PENDING")
        self.route53.get_waiter("resource_record_sets_changed").wait(Id=change["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        for options in (["+notcp"], ["+tcp"]):
            self.assertEqual(dig(self.NAME, *options), [home["DNSName"]])
        self.assertEqual(curl(self.NAME, self.PORT, "/"), HOME)
        self.assertEqual(len(self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]), 4)

        curl(self.NAME, self.PORT, "/sick", "-X", "POST")
        self.mistakes(zone, home, checks)
        self.https_check()
        until(lambda: dig(self.NAME) == [away["DNSName"]], 30, "the other Region's address, the check having failed")
        for options in (["+notcp"], ["+tcp"]):
            self.assertEqual(dig(self.NAME, *options), [away["DNSName"]])
        self.assertEqual(curl(self.NAME, self.PORT, "/"), AWAY)
        self.assertIn("Failure: HTTP Status Code 503", self.seen(checks[HOME]))
        self.assertEqual(set(self.seen(checks[AWAY])), {"Success: HTTP Status Code 200"})
        # The article does not say it: the name returns by itself, to a database that may have stayed behind.
        urllib.request.urlopen(f"http://{home['DNSName']}:{self.PORT}/well", b"", timeout=5).close()
        until(lambda: dig(self.NAME) == [home["DNSName"]], 30, "the return, the check being well again")

    def seen(self, check):
        """What the checkers last saw."""
        observations = self.route53.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
        return [one["StatusReport"]["Status"] for one in observations]

    def mistakes(self, zone, home, checks):
        elb_name = "primary-elb-1234567890.us-east-1.elb.amazonaws.com"
        article = {"IPAddress": elb_name, "Port": 443, "Type": "HTTPS", "ResourcePath": "/health", "RequestInterval": 30,
                   "FailureThreshold": 2, "MeasureLatency": True, "EnableSNI": True}
        message = self.refused("InvalidInput", self.route53.create_health_check, CallerReference="article",
                               HealthCheckConfig=article)
        self.assertIn(elb_name, message)

        def change(*changes):
            return {"HostedZoneId": zone, "ChangeBatch": {"Changes": list(changes)}}

        cloudfront = self.alias("PRIMARY", home, "Z2FDTNDATAQYW2", checks[HOME])
        message = self.refused("InvalidChangeBatch", self.route53.change_resource_record_sets, **change(cloudfront))
        self.assertEqual(message, f"[Tried to create an alias that targets {home['DNSName']}., type A in zone Z2FDTNDATAQYW2, "
                                  "but the alias target name does not lie within the target zone]")
        # Each load balancer's zone is its Region's.
        away_zone = client("elbv2", AWAY).describe_load_balancers()["LoadBalancers"][0]["CanonicalHostedZoneId"]
        self.refused("InvalidChangeBatch", self.route53.change_resource_record_sets,
                     **change(self.alias("PRIMARY", home, away_zone, checks[HOME])))
        # A plain record cannot stand beside failover records of its name.
        self.refused("InvalidChangeBatch", self.route53.change_resource_record_sets, **change(
            {"Action": "UPSERT", "ResourceRecordSet": {"Name": self.NAME, "Type": "A", "TTL": 60,
                                                       "ResourceRecords": [{"Value": "127.0.0.1"}]}}))
        self.assertEqual(len(self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]), 4)

    # The article's own check, with the address where an address belongs and the name where a name does.
    def https_check(self):
        site = Site("127.0.0.1")
        self.addCleanup(site.close)
        folder = os.environ["LAB_FOLDER"]
        files = {option: os.path.join(folder, option + ".pem") for option in ("keyout", "out")}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                        "-subj", "/CN=api.example.com", "-keyout", files["keyout"], "-out", files["out"]],
                       check=True, capture_output=True, timeout=20)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["out"], files["keyout"])
        site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
        check = self.route53.create_health_check(CallerReference="article-put-right", HealthCheckConfig={
            "IPAddress": "127.0.0.1", "FullyQualifiedDomainName": self.NAME, "Port": site.port, "Type": "HTTPS",
            "ResourcePath": "/health", "RequestInterval": 30, "FailureThreshold": 2, "MeasureLatency": True,
            "EnableSNI": True})["HealthCheck"]["Id"]
        until(lambda: "Success: HTTP Status Code 200" in self.seen(check), 20, "a checker's success over TLS")


class ElastiCache(Case):
    """The article has one line on this: "ElastiCache Global Datastore: Cross-region Redis/Memcached replication"."""

    SECONDARY = {"ReplicationGroupId": "sessions-dr", "ReplicationGroupDescription": "the shop's sessions, away"}

    @classmethod
    def setUpClass(cls):
        cls.home, cls.away = client("elasticache", HOME), client("elasticache", AWAY)

    def group(self, elasticache, name):
        return elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def writer(self, elasticache, name):
        return self.group(elasticache, name)["NodeGroups"][0]["PrimaryEndpoint"]

    def available(self, elasticache, name):
        elasticache.get_waiter("replication_group_available").wait(ReplicationGroupId=name,
                                                                   WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def datastore(self, elasticache):
        return elasticache.describe_global_replication_groups(
            GlobalReplicationGroupId=self.datastore_id, ShowMemberInfo=True)["GlobalReplicationGroups"][0]

    def roles(self, elasticache):
        return {member["ReplicationGroupRegion"]: member["Role"] for member in self.datastore(elasticache)["Members"]}

    def test_a_global_datastore_is_made_failed_over_and_back(self):
        self.create()
        home = self.writer(self.home, "sessions")
        self.assertEqual(redis(home, "set", "user:1", "ana"), "OK")
        self.mistakes()
        self.join()
        away = self.writer(self.away, "sessions-dr")
        until(lambda: redis(away, "get", "user:1") == "ana", 20, "the primary's key in the secondary")
        self.assertIn("READONLY", redis(away, "set", "user:1", "eva"))
        self.lag()
        self.fail_over(self.away, AWAY, "sessions-dr", HOME, (away, home))
        self.fail_over(self.home, HOME, "sessions", AWAY, (home, away))
        self.remove()

    def create(self):
        made = self.home.create_replication_group(
            ReplicationGroupId="sessions", ReplicationGroupDescription="the shop's sessions", Engine="redis",
            CacheNodeType="cache.r6g.large", NumCacheClusters=2, AutomaticFailoverEnabled=True, MultiAZEnabled=True,
            SecurityGroupIds=[self.open_group(HOME, 6379)])["ReplicationGroup"]
        self.assertEqual(made["Status"], "creating")
        self.available(self.home, "sessions")
        made = self.home.create_global_replication_group(GlobalReplicationGroupIdSuffix="sessions",
                                                         PrimaryReplicationGroupId="sessions")["GlobalReplicationGroup"]
        # The Region's five letters come first: an id is read, never made.
        type(self).datastore_id = made["GlobalReplicationGroupId"]
        self.assertRegex(self.datastore_id, "^[a-z]{5}-sessions$")
        until(lambda: self.datastore(self.home)["Status"] == "primary-only", 60, "a datastore of one")

    def mistakes(self):
        new = {"ReplicationGroupId": "wrong", "ReplicationGroupDescription": "wrong", "CacheNodeType": "cache.t3.micro"}
        message = self.refused("InvalidParameterValue", self.home.create_replication_group, Engine="memcached", **new)
        self.assertIn("memcached", message)
        self.home.create_replication_group(**{**new, "ReplicationGroupId": "small"}, Engine="valkey")
        self.available(self.home, "small")
        other = {"GlobalReplicationGroupIdSuffix": "other"}
        self.refused("InvalidParameterValue", self.home.create_global_replication_group, PrimaryReplicationGroupId="small", **other)
        self.refused("ReplicationGroupNotFoundFault", self.home.create_global_replication_group, 404,
                     PrimaryReplicationGroupId="absent", **other)
        # A secondary decides nothing that its primary has decided, and is never a group that was there before.
        self.refused("InvalidParameterCombination", self.away.create_replication_group, **self.SECONDARY, Engine="redis",
                     CacheNodeType="cache.r6g.large", GlobalReplicationGroupId=self.datastore_id)
        self.refused("ReplicationGroupAlreadyExists", self.home.create_replication_group,
                     **{**self.SECONDARY, "ReplicationGroupId": "small"}, GlobalReplicationGroupId=self.datastore_id)
        self.refused("GlobalReplicationGroupNotFoundFault", self.away.create_replication_group, 404, **self.SECONDARY,
                     GlobalReplicationGroupId=self.datastore_id.replace("sessions", "absent"))
        self.refused("InvalidReplicationGroupState", self.home.delete_replication_group, ReplicationGroupId="sessions")

    def join(self):
        self.away.create_replication_group(**self.SECONDARY, GlobalReplicationGroupId=self.datastore_id, NumCacheClusters=2,
                                           AutomaticFailoverEnabled=True, SecurityGroupIds=[self.open_group(AWAY, 6379)])
        self.available(self.away, "sessions-dr")
        for side in (self.home, self.away):
            until(lambda: self.datastore(side)["Status"] == "available", 20, "a datastore of two")
            self.assertEqual(self.roles(side), {HOME: "PRIMARY", AWAY: "SECONDARY"})

    # The article promises alarms on the lag and names no metric.
    def lag(self):
        def newest():
            now = datetime.datetime.now(datetime.timezone.utc)
            return client("cloudwatch", AWAY).get_metric_statistics(
                Namespace="AWS/ElastiCache", MetricName="GlobalDatastoreReplicationLag", Period=60, Statistics=["Maximum"],
                Dimensions=[{"Name": "CacheClusterId", "Value": "sessions-dr-001"}],
                StartTime=now - datetime.timedelta(minutes=5), EndTime=now + datetime.timedelta(minutes=1))["Datapoints"]
        self.assertLess(until(newest, 20, "a figure for the lag")[0]["Maximum"], 10)

    # From the Region that is to lead, as it would be with the other one gone.
    def fail_over(self, elasticache, region, group, old, writers):
        new_writer, old_writer = writers
        to = {"GlobalReplicationGroupId": self.datastore_id, "PrimaryRegion": region, "PrimaryReplicationGroupId": group}
        begun = elasticache.failover_global_replication_group(**to)["GlobalReplicationGroup"]
        self.assertEqual(begun["Status"], "modifying")
        until(lambda: redis(new_writer, "set", "writer", region) == "OK", 20, f"a writer in {region}")
        for side in (self.home, self.away):
            until(lambda: self.roles(side) == {region: "PRIMARY", old: "SECONDARY"}, 20, "the new roles")
        until(lambda: redis(old_writer, "get", "writer") == region, 20, "the new writer's key in the other Region")
        self.assertIn("READONLY", redis(old_writer, "set", "writer", old))
        self.assertEqual(redis(new_writer, "get", "user:1"), "ana")
        self.refused("InvalidParameterValue", elasticache.failover_global_replication_group, **to)

    def remove(self):
        delete = {"GlobalReplicationGroupId": self.datastore_id, "RetainPrimaryReplicationGroup": False}
        self.refused("InvalidGlobalReplicationGroupState", self.home.delete_global_replication_group, **delete)
        self.home.disassociate_global_replication_group(GlobalReplicationGroupId=self.datastore_id,
                                                        ReplicationGroupId="sessions-dr", ReplicationGroupRegion=AWAY)
        away = self.writer(self.away, "sessions-dr")
        until(lambda: redis(away, "set", "alone", "1") == "OK", 20, "a writer of its own")
        until(lambda: self.datastore(self.home)["Status"] == "primary-only", 20, "a datastore of one")
        self.home.delete_global_replication_group(**delete)
        self.away.delete_replication_group(ReplicationGroupId="sessions-dr")
        for side, name in ((self.home, "sessions"), (self.away, "sessions-dr")):
            side.get_waiter("replication_group_deleted").wait(ReplicationGroupId=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
            self.refused("ReplicationGroupNotFoundFault", side.describe_replication_groups, 404, ReplicationGroupId=name)


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

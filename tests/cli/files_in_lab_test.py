#!/usr/bin/env python3
"""A file system that moves between two Regions of a lab, while tasks write to it: what arrives, what is refused, and what an old
side keeps."""

import http.client
import json
import os
import pathlib
import re
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import signed  # noqa: E402
from items_ask import wait  # noqa: E402
from one_line import CANNOT_REACH, DONE, FAILED, KEYS, LAB, OneLine  # noqa: E402

HOME, RECOVERY = "us-east-1", "us-west-2"
SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 15m }
components:
  uploads: { kind: efs, security-group: nfs }
  writer: { kind: ecs, cluster: shop, service: writer, standby: 1, active: 1, needs: [uploads] }
"""
# A new file every few milliseconds, where that is allowed: under another name, then moved.
WRITER = """import itertools, os, time
place, region = os.environ["UPLOADS"], os.environ["AWS_REGION"]
for number in itertools.count():
    name = f"{region}-{os.getpid()}-{number:06}"
    try:
        with open(f"{place}/.{name}", "w") as file:
            file.write(name)
        os.rename(f"{place}/.{name}", f"{place}/{name}")
    except OSError:
        pass
    time.sleep(0.02)
"""


class FilesTest(OneLine):
    def setUp(self):
        super().setUp()
        self.lab_state = os.path.join(self.folder, "lab")
        self.addCleanup(self.run_program, LAB, "down", "--state", self.lab_state)
        up = self.run_program(LAB, "up", "--json", "--state", self.lab_state, "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0",
                              timeout=120)
        self.assertEqual(up.returncode, DONE, up.stderr)
        info = json.loads(up.stdout)
        self.gateway = info["gateway"]
        self.variables = {**KEYS, "AWS_ENDPOINT_URL": self.gateway, "LEEWARD_RESOLVER": info["dns"]}
        self.spec = self.write("shop.yaml", SPEC)

    # --- what is there ---

    def query(self, region, action, **parameters):
        status, body = signed.call(self.gateway, region, action, service="ec2", version="2016-11-15", parameters=parameters)
        self.assertEqual(status, 200, body)
        return body

    def efs(self, region, method, path, body=None, query=""):
        status, answer = signed.rest(self.gateway, region, method, "/2015-02-01/" + path, "elasticfilesystem", query, body, 20)
        self.assertLess(status, 300, answer)
        return answer

    def ecs(self, region, operation, body):
        host, text = urllib.parse.urlparse(self.gateway).netloc, json.dumps(body)
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request("POST", "/", text, {**signed.headers(host, region, "ecs", text),
                                                   "Content-Type": "application/x-amz-json-1.1",
                                                   "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}"})
            answer = connection.getresponse()
            told = answer.read().decode()
            self.assertEqual(answer.status, 200, told)
            return json.loads(told)
        finally:
            connection.close()

    def open_security_groups(self):
        groups = {}
        for region in (HOME, RECOVERY):
            body = self.query(region, "CreateSecurityGroup", GroupName="nfs", GroupDescription="the uploads")
            groups[region] = re.search("<groupId>(.*?)</groupId>", body).group(1)
            self.query(region, "AuthorizeSecurityGroupIngress", **{
                "GroupId": groups[region], "IpPermissions.1.IpProtocol": "tcp", "IpPermissions.1.FromPort": "2049",
                "IpPermissions.1.ToPort": "2049", "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0"})
        return groups

    def make_files(self, region=HOME):
        made = self.efs(region, "POST", "file-systems", {"CreationToken": "uploads", "Encrypted": True})["FileSystemId"]
        wait(lambda: self.look(region, made)["LifeCycleState"] == "available", "a file system")
        return made

    def look(self, region, name):
        return self.efs(region, "GET", "file-systems", query=f"FileSystemId={name}")["FileSystems"][0]

    def make_home(self):
        """The file system, and the service that writes to it, as the application's owner would have made them."""
        self.home = self.make_files()
        group = self.open_security_groups()[HOME]
        for subnet in re.findall("<subnetId>(.*?)</subnetId>", self.query(HOME, "DescribeSubnets")):
            self.efs(HOME, "POST", "mount-targets", {"FileSystemId": self.home, "SubnetId": subnet, "SecurityGroups": [group]})
        wait(lambda: all(one["LifeCycleState"] == "available" for one in self.mounts(HOME, self.home)), "mount targets")
        self.ecs(HOME, "CreateCluster", {"clusterName": "shop"})
        definition = self.ecs(HOME, "RegisterTaskDefinition", {
            "family": "writer", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "volumes": [{"name": "uploads", "efsVolumeConfiguration": {"fileSystemId": self.home}}],
            "containerDefinitions": [{
                "name": "writer", "image": "writer:1", "command": ["/usr/bin/python3", "-c", WRITER],
                "environment": [{"name": "UPLOADS", "value": "/mnt/uploads"}],
                "mountPoints": [{"sourceVolume": "uploads", "containerPath": "/mnt/uploads"}]}]})
        self.ecs(HOME, "CreateService", {
            "cluster": "shop", "serviceName": "writer", "desiredCount": 1, "launchType": "FARGATE",
            "taskDefinition": definition["taskDefinition"]["taskDefinitionArn"],
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}})
        wait(lambda: len(self.names(HOME, self.home)) > 10, "files")

    def mounts(self, region, name):
        return self.efs(region, "GET", "mount-targets", query=f"FileSystemId={name}")["MountTargets"]

    def replications(self, region):
        return self.efs(region, "GET", "file-systems/replication-configurations")["Replications"]

    def names(self, region, name):
        tree = pathlib.Path(self.lab_state) / "regions" / region / "efs" / name / "tree"
        return {path.name for path in tree.iterdir() if not path.name.startswith(".")}

    def replaced(self, region, name):
        """The paths that a reverse overwrote or deleted, which the lab writes down."""
        told = pathlib.Path(self.lab_state) / "regions" / region / "efs" / name / "replaced"
        return told.read_text() if told.exists() else ""

    # --- what is done ---

    def act(self, action, *arguments, code=DONE):
        done = self.leeward(action, self.spec, "--yes", "--state", self.state, *arguments, timeout=180, **self.variables)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stderr + done.stdout

    def protect(self):
        self.act("protect")
        (replication,) = self.replications(RECOVERY)
        self.assertEqual(replication["SourceFileSystemId"], self.home)
        return replication["Destinations"][0]["FileSystemId"]

    def stores(self):
        told = self.leeward("status", self.spec, "--json", "--state", self.state, **self.variables)
        return {store["region"]: store for store in json.loads(told.stdout)["stores"]}

    def test_a_planned_move_and_the_way_home_lose_no_file(self):
        self.make_home()
        away = self.protect()
        self.assertEqual(self.protect(), away, "a second run makes nothing")
        stores = self.stores()
        self.assertEqual((stores[HOME]["role"], stores[RECOVERY]["role"]), ("writer", "replica"))
        self.assertLess(stores[RECOVERY]["newest_canary_age_s"], 60)

        self.act("switchover")
        written = {name for name in self.names(RECOVERY, away) if name.startswith(HOME)}
        self.assertGreater(len(written), 10)
        self.assertEqual(self.replaced(HOME, self.home), "", "home had nothing that had not arrived")
        (replication,) = self.replications(HOME)
        self.assertEqual((replication["SourceFileSystemId"], replication["Destinations"][0]["FileSystemId"]), (away, self.home))
        wait(lambda: any(name.startswith(RECOVERY) for name in self.names(RECOVERY, away)), "files written away")

        self.act("failback")
        (replication,) = self.replications(RECOVERY)
        self.assertEqual(replication["SourceFileSystemId"], self.home, "what followed is used again")
        self.assertEqual(self.replaced(RECOVERY, away), "", "nor had the other Region")
        home = self.names(HOME, self.home)
        self.assertEqual(written - home, set())
        self.assertTrue(any(name.startswith(RECOVERY) for name in home))

    def test_a_lost_home_keeps_what_it_alone_has_and_gets_a_new_file_system(self):
        self.make_home()
        away = self.protect()
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertEqual(self.replications(RECOVERY), [])
        self.assertEqual(self.look(RECOVERY, away)["FileSystemProtection"]["ReplicationOverwriteProtection"], "ENABLED")
        wait(lambda: any(name.startswith(RECOVERY) for name in self.names(RECOVERY, away)), "files written away")

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        wait(lambda: self.names(HOME, self.home) - self.names(RECOVERY, away), "files that home alone has")
        told = self.act("failback")
        self.assertIn("is not listed", told)
        self.assertIn("no backup was made", told)
        kept = self.look(HOME, self.home)
        self.assertTrue(kept["Name"].startswith("uploads-before-"), kept)
        self.assertGreater(len(self.names(HOME, self.home) - self.names(RECOVERY, away)), 0, "it still has what it alone had")
        (replication,) = self.replications(RECOVERY)
        fresh = replication["SourceFileSystemId"]
        self.assertNotEqual(fresh, self.home)
        self.assertEqual({name for name in self.names(RECOVERY, away) if name.startswith(RECOVERY)} - self.names(HOME, fresh), set())
        wait(lambda: any(name.startswith(HOME) for name in self.names(HOME, fresh) - self.names(HOME, self.home)), "files at home")

    def test_bad_file_systems_are_told_in_words_and_overwrite_nothing(self):
        self.assertIn("EFS file system 'uploads' in us-east-1", self.act("protect", code=CANNOT_REACH))
        self.make_home()
        stranger = self.make_files(RECOVERY)
        self.assertIn("overwrite protection", self.act("protect", code=FAILED))
        self.assertEqual(self.replications(RECOVERY), [])
        self.efs(RECOVERY, "PUT", f"file-systems/{stranger}/protection", {"ReplicationOverwriteProtection": "DISABLED"})
        self.assertEqual(self.protect(), stranger)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""A lab with a file system in its home Region, and a service that writes to it all the time."""

import http.client
import json
import os
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import signed  # noqa: E402
from items_ask import wait  # noqa: E402
from one_line import DONE, LAB, OneLine  # noqa: E402,F401  (LAB for those who use this)

HOME, RECOVERY = "us-east-1", "us-west-2"
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


class FilesLab(OneLine):
    """`SPEC` is the class's own."""

    def setUp(self):
        super().setUp()
        self.gateway, self.variables = self.begin_lab()
        self.spec = self.write("shop.yaml", self.SPEC)

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
        return self.json_call(region, "ecs", f"AmazonEC2ContainerServiceV20141113.{operation}", body)

    def json_call(self, region, service, target, body):
        host, text = urllib.parse.urlparse(self.gateway).netloc, json.dumps(body)
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request("POST", "/", text, {**signed.headers(host, region, service, text),
                                                   "Content-Type": "application/x-amz-json-1.1",
                                                   "X-Amz-Target": target})
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
        self.make_writer(self.home)
        wait(lambda: len(self.names(HOME, self.home)) > 10, "files")

    def make_writer(self, name=None):
        """The service with a task that writes to the file system; without one, with none: what it needs is not there yet."""
        self.ecs(HOME, "CreateCluster", {"clusterName": "shop"})
        definition = self.ecs(HOME, "RegisterTaskDefinition", {
            "family": "writer", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "volumes": [{"name": "uploads", "efsVolumeConfiguration": {"fileSystemId": name}}] if name else [],
            "containerDefinitions": [{
                "name": "writer", "image": "writer:1", "command": ["/usr/bin/python3", "-c", WRITER],
                "environment": [{"name": "UPLOADS", "value": "/mnt/uploads"}],
                "mountPoints": [{"sourceVolume": "uploads", "containerPath": "/mnt/uploads"}] if name else []}]})
        chosen = {"cluster": "shop", "desiredCount": 1 if name else 0,
                  "taskDefinition": definition["taskDefinition"]["taskDefinitionArn"]}
        if self.ecs(HOME, "DescribeServices", {"cluster": "shop", "services": ["writer"]})["services"]:
            self.ecs(HOME, "UpdateService", {"service": "writer", **chosen})
        else:
            self.ecs(HOME, "CreateService", {
                "serviceName": "writer", "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}, **chosen})

    def mounts(self, region, name):
        return self.efs(region, "GET", "mount-targets", query=f"FileSystemId={name}")["MountTargets"]

    def replications(self, region):
        return self.efs(region, "GET", "file-systems/replication-configurations")["Replications"]

    def names(self, region, name):
        tree = pathlib.Path(self.lab_state) / "regions" / region / "efs" / name / "tree"
        return {path.name for path in tree.iterdir() if not path.name.startswith(".")}

    # --- what is done ---

    def act(self, action, *arguments, code=DONE):
        done = self.leeward(action, self.spec, "--yes", "--state", self.state, *arguments, timeout=180, **self.variables)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stderr + done.stdout

    def stores(self):
        told = self.leeward("status", self.spec, "--json", "--state", self.state, **self.variables)
        return {store["region"]: store for store in json.loads(told.stdout)["stores"]}

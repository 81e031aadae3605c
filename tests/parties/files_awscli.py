"""The EFS and DataSync parts of the article with the stock AWS CLI.

    files_awscli.py PROGRAM Efs|DataSync
"""

import json
import unittest

from article_awscli import AWAY, AWS, HOME, PAUSE, VERSION, Case, error
from files_trees import ACCOUNT, read, write
from tools import until


class Files(Case):
    def efs(self, region, *arguments):
        return self.aws(region, "efs", *arguments)

    def make(self, region, *options):
        made = self.efs(region, "create-file-system", *options)["FileSystemId"]
        until(lambda: self.look(region, made)["LifeCycleState"] == "available", 30, "a file system", PAUSE)
        return made

    def look(self, region, name):
        return self.efs(region, "describe-file-systems", "--file-system-id", name)["FileSystems"][0]

    def network(self, region):
        return (self.aws(region, "ec2", "describe-subnets")["Subnets"][0]["SubnetId"],
                self.aws(region, "ec2", "describe-security-groups")["SecurityGroups"][0]["GroupId"])

    def mount(self, region, name):
        subnet, group = self.network(region)
        self.efs(region, "create-mount-target", "--file-system-id", name, "--subnet-id", subnet, "--security-groups", group)
        until(lambda: self.efs(region, "describe-mount-targets", "--file-system-id", name)["MountTargets"][0]["LifeCycleState"]
              == "available", 30, "a mount target", PAUSE)


class Efs(Files):
    def test_a_file_system_is_replicated_and_failed_over(self):
        source = self.make(HOME, "--creation-token", "shared-data", "--encrypted")
        write(HOME, source, "a/b", "before")
        create = ["efs", "create-replication-configuration", "--source-file-system-id", source, "--destinations"]
        self.refused(HOME, error("BadRequest", "CreateReplicationConfiguration") + ".*alias/aws/elasticfilesystem", *create,
                     json.dumps([{"Region": AWAY, "AvailabilityZoneName": AWAY + "a", "KmsKeyId": "alias/aws/efs"}]))
        destination = self.aws(HOME, *create, json.dumps([{"Region": AWAY}]))["Destinations"][0]["FileSystemId"]
        until(lambda: self.replication(AWAY, source)["Status"] == "ENABLED", 30, "a replication", PAUSE)
        self.assertEqual(read(AWAY, destination, "a/b"), "before")
        self.assertIn("LastReplicatedTimestamp", self.replication(HOME, source))
        self.refused(AWAY, error("FileSystemInUse", "DeleteFileSystem"), "efs", "delete-file-system", "--file-system-id",
                     destination)
        self.efs(AWAY, "delete-replication-configuration", "--source-file-system-id", source)
        until(lambda: not self.efs(AWAY, "describe-replication-configurations")["Replications"], 30, "no replication", PAUSE)
        self.assertEqual(self.look(AWAY, destination)["FileSystemProtection"], {"ReplicationOverwriteProtection": "ENABLED"})
        self.refused(AWAY, error("FileSystemNotFound", "DeleteReplicationConfiguration"), "efs",
                     "delete-replication-configuration", "--source-file-system-id", source, "--deletion-mode",
                     "LOCAL_CONFIGURATION_ONLY")

    def replication(self, region, name):
        return self.efs(region, "describe-replication-configurations", "--file-system-id", name)["Replications"][0]["Destinations"][0]


class DataSync(Files):
    def location(self, region, file_system):
        subnet, group = self.network(region)
        network = {"SubnetArn": f"arn:aws:ec2:{region}:{ACCOUNT}:subnet/{subnet}",
                   "SecurityGroupArns": [f"arn:aws:ec2:{region}:{ACCOUNT}:security-group/{group}"]}
        return self.aws(region, "datasync", "create-location-efs", "--efs-filesystem-arn",
                        f"arn:aws:elasticfilesystem:{region}:{ACCOUNT}:file-system/{file_system}", "--ec2-config",
                        json.dumps(network))["LocationArn"]

    def test_files_are_copied_by_tasks(self):
        source, target = self.make(HOME, "--creation-token", "source"), self.make(AWAY, "--creation-token", "target")
        self.mount(HOME, source)
        self.mount(AWAY, target)
        write(HOME, source, "a/b", "text")
        create = ["datasync", "create-task", "--source-location-arn", self.location(HOME, source), "--destination-location-arn",
                  self.location(AWAY, target), "--options", "VerifyMode=POINT_IN_TIME_CONSISTENT,PreserveDeletedFiles=REMOVE",
                  "--schedule"]
        self.refused(HOME, error("InvalidRequestException", "CreateTask") + ".*1 hour", *create,
                     "ScheduleExpression=rate(5 minutes)")
        task = self.aws(AWAY, *create, "ScheduleExpression=rate(1 hour)")["TaskArn"]
        execution = self.aws(AWAY, "datasync", "start-task-execution", "--task-arn", task)["TaskExecutionArn"]

        def ended():
            seen = self.aws(AWAY, "datasync", "describe-task-execution", "--task-execution-arn", execution)
            return seen if seen["Status"] in ("SUCCESS", "ERROR") else None
        seen = until(ended, 60, "an execution", PAUSE)
        self.assertEqual((seen["Status"], seen["FilesTransferred"], seen["FilesVerified"]), ("SUCCESS", 1, 1), seen)
        self.assertEqual(read(AWAY, target, "a/b"), "text")


if __name__ == "__main__":
    print(f"{VERSION} of {AWS}, home {HOME}", flush=True)
    unittest.main(verbosity=2)

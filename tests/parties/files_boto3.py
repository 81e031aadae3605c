"""The EFS and DataSync parts of the article, with boto3, against a running lab.

With the article's mistakes put right, files arrive in the other Region and come back; with the mistakes left in, each is refused as AWS
refuses it.
"""

import sys
import unittest

import boto3
from botocore.exceptions import ClientError

from article_boto3 import AWAY, HOME, Case, client
from files_trees import ACCOUNT, read, tree, write
from tools import until


class Files(Case):
    @classmethod
    def setUpClass(cls):
        cls.home, cls.away = client("efs", HOME), client("efs", AWAY)

    # Neither service says whose fault an error is.
    def refused(self, code, call, status=400, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
            self.assertRegex(answer["ResponseMetadata"]["RequestId"], "^[0-9a-f-]{36}$")
            return answer["Error"]["Message"]
        return self.fail(f"not refused with {code}: {arguments}")

    def make(self, efs, **options):
        made = efs.create_file_system(**options)["FileSystemId"]
        until(lambda: self.look(efs, made)["LifeCycleState"] == "available", 20, "a file system")
        return made

    def look(self, efs, name):
        return efs.describe_file_systems(FileSystemId=name)["FileSystems"][0]

    # The article's two subnets and groups do not exist, neither here nor there.
    def network(self, region):
        ec2 = client("ec2", region)
        return ec2.describe_subnets()["Subnets"][0]["SubnetId"], ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]

    def mount(self, efs, region, name):
        subnet, group = self.network(region)
        efs.create_mount_target(FileSystemId=name, SubnetId=subnet, SecurityGroups=[group])
        until(lambda: efs.describe_mount_targets(FileSystemId=name)["MountTargets"][0]["LifeCycleState"] == "available", 20,
              "a mount target")


class Efs(Files):
    def test_a_file_system_is_replicated_failed_over_and_back(self):
        source = self.make(self.home, CreationToken="shared-data", Encrypted=True, Tags=[{"Key": "Name", "Value": "shared-data"}])
        self.mount(self.home, HOME, source)
        self.assertEqual((self.look(self.home, source)["Name"], self.look(self.home, source)["NumberOfMountTargets"]),
                         ("shared-data", 1))
        write(HOME, source, "a/b", "before")
        self.mistakes(source)
        destination = self.replicate(source)
        self.assertEqual(read(AWAY, destination, "a/b"), "before")
        write(HOME, source, "a/b", "later")
        until(lambda: read(AWAY, destination, "a/b") == "later", 20, "a change")
        self.fail_over(source, destination)
        self.fail_back(source, destination)

    def mistakes(self, source):
        # A key alias that exists nowhere, and a zone, which would make a One Zone file system.
        wrong = {"Region": AWAY, "AvailabilityZoneName": AWAY + "a", "KmsKeyId": "alias/aws/efs"}
        message = self.refused("BadRequest", self.home.create_replication_configuration, SourceFileSystemId=source,
                               Destinations=[wrong])
        self.assertIn("alias/aws/elasticfilesystem", message)
        self.assertEqual(self.away.describe_file_systems()["FileSystems"], [])
        self.refused("FileSystemNotFound", self.home.create_replication_configuration, 404, SourceFileSystemId="fs-12345678",
                     Destinations=[{"Region": AWAY}])
        self.refused("ReplicationNotFound", self.home.describe_replication_configurations, 404, FileSystemId=source)

    def replication(self, efs, name):
        return efs.describe_replication_configurations(FileSystemId=name)["Replications"][0]["Destinations"][0]

    def replicate(self, source):
        made = self.home.create_replication_configuration(SourceFileSystemId=source, Destinations=[{"Region": AWAY}])
        destination = made["Destinations"][0]["FileSystemId"]
        self.assertEqual(made["Destinations"][0]["Status"], "ENABLING")
        for efs in (self.home, self.away):
            until(lambda: self.replication(efs, source)["Status"] == "ENABLED", 20, "a replication")
        seen = self.look(self.away, destination)
        self.assertNotIn("AvailabilityZoneName", seen)
        self.assertEqual((seen["Encrypted"], seen["NumberOfMountTargets"], seen["FileSystemProtection"]),
                         (True, 0, {"ReplicationOverwriteProtection": "REPLICATING"}))
        self.refused("FileSystemInUse", self.away.delete_file_system, 409, FileSystemId=destination)
        self.refused("ReplicationAlreadyExists", self.away.update_file_system_protection, 409, FileSystemId=destination,
                     ReplicationOverwriteProtection="DISABLED")
        self.refused("ReplicationAlreadyExists", self.away.create_replication_configuration, 409, SourceFileSystemId=destination,
                     Destinations=[{"Region": HOME}])
        return destination

    # From the destination's Region, as it would be with the other one gone.
    def fail_over(self, source, destination):
        self.away.delete_replication_configuration(SourceFileSystemId=source)
        until(lambda: not self.away.describe_replication_configurations()["Replications"], 20, "no replication away")
        until(lambda: not self.home.describe_replication_configurations()["Replications"], 20, "no replication at home")
        self.assertEqual(self.look(self.away, destination)["FileSystemProtection"]["ReplicationOverwriteProtection"], "ENABLED")
        self.assertEqual(tree(AWAY, destination).stat().st_mode & 0o777, 0o755)

    def fail_back(self, source, destination):
        write(AWAY, destination, "made-away", "away")
        write(HOME, source, "late", "destroyed by the reverse")
        back = {"SourceFileSystemId": destination, "Destinations": [{"Region": HOME, "FileSystemId": source}]}
        self.refused("ConflictException", self.away.create_replication_configuration, 409, **back)
        self.home.update_file_system_protection(FileSystemId=source, ReplicationOverwriteProtection="DISABLED")
        self.away.create_replication_configuration(**back)
        until(lambda: self.replication(self.away, destination)["Status"] == "ENABLED", 20, "the reverse")
        self.assertEqual((read(HOME, source, "made-away"), read(HOME, source, "late")), ("away", None))
        # The side that is called alone: what is left on the other one says so.
        self.home.delete_replication_configuration(SourceFileSystemId=destination, DeletionMode="LOCAL_CONFIGURATION_ONLY")
        until(lambda: self.replication(self.away, destination)["Status"] == "ERROR", 20, "what is left")
        self.refused("BadRequest", self.away.delete_replication_configuration, SourceFileSystemId=destination)
        self.away.delete_replication_configuration(SourceFileSystemId=destination, DeletionMode="LOCAL_CONFIGURATION_ONLY")


class DataSync(Files):
    OPTIONS = {"VerifyMode": "POINT_IN_TIME_CONSISTENT", "OverwriteMode": "ALWAYS", "PreserveDeletedFiles": "REMOVE",
               "PreserveDevices": "NONE", "PosixPermissions": "PRESERVE", "BytesPerSecond": 125829120, "TaskQueueing": "ENABLED",
               "LogLevel": "TRANSFER", "TransferMode": "CHANGED"}

    def location(self, region, file_system):
        subnet, group = self.network(region)
        return client("datasync", region).create_location_efs(
            EfsFilesystemArn=f"arn:aws:elasticfilesystem:{region}:{ACCOUNT}:file-system/{file_system}",
            Ec2Config={"SubnetArn": f"arn:aws:ec2:{region}:{ACCOUNT}:subnet/{subnet}",
                       "SecurityGroupArns": [f"arn:aws:ec2:{region}:{ACCOUNT}:security-group/{group}"]},
            Tags=[{"Key": "Environment", "Value": "DR-Replication"}])["LocationArn"]

    def task(self, region, every):
        return {"SourceLocationArn": self.location(HOME, self.source), "DestinationLocationArn": self.location(AWAY, self.target),
                "CloudWatchLogGroupArn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/datasync", "Name": "EFS-DR-Replication",
                "Options": self.OPTIONS, "Schedule": {"ScheduleExpression": every},
                "Tags": [{"Key": "Purpose", "Value": "Disaster-Recovery"}]}

    def run_task(self, datasync, task):
        execution = datasync.start_task_execution(TaskArn=task)["TaskExecutionArn"]

        def ended():
            seen = datasync.describe_task_execution(TaskExecutionArn=execution)
            return seen if seen["Status"] in ("SUCCESS", "ERROR") else None
        return until(ended, 30, "an execution")

    def test_files_are_copied_by_tasks(self):
        self.source, self.target = self.make(self.home, CreationToken="source"), self.make(self.away, CreationToken="target")
        self.mount(self.home, HOME, self.source)
        self.mount(self.away, AWAY, self.target)
        datasync = client("datasync", AWAY)
        message = self.refused("InvalidRequestException", client("datasync", HOME).create_task,
                               **self.task(HOME, "rate(5 minutes)"))
        self.assertIn("1 hour", message)
        # Put right: an hour, and in the Region that is to survive.
        task = datasync.create_task(**self.task(AWAY, "rate(1 hour)"))["TaskArn"]
        write(HOME, self.source, "a/b", "text")
        write(AWAY, self.target, "extra", "removed, as the options say")
        seen = self.run_task(datasync, task)
        self.assertEqual((seen["Status"], seen["FilesTransferred"], seen["FilesDeleted"], seen["FilesVerified"]),
                         ("SUCCESS", 1, 1, 1), seen)
        self.assertEqual((read(AWAY, self.target, "a/b"), read(AWAY, self.target, "extra")), ("text", None))
        self.into_a_replication(datasync, task)

    # The two methods are alternatives: the destination of a replication is read-only.
    def into_a_replication(self, datasync, task):
        self.away.update_file_system_protection(FileSystemId=self.target, ReplicationOverwriteProtection="DISABLED")
        self.home.create_replication_configuration(SourceFileSystemId=self.source,
                                                   Destinations=[{"Region": AWAY, "FileSystemId": self.target}])
        seen = self.run_task(datasync, task)
        self.assertEqual(seen["Status"], "ERROR", seen)
        self.assertIn("read-only file system", seen["Result"]["ErrorDetail"])


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

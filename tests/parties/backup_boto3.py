"""AWS Backup with boto3, against a running lab: plans, jobs, copies, restores, and what is refused."""

import sys
import unittest

import boto3

from article_boto3 import AWAY, HOME, client
from files_boto3 import Files
from files_trees import ACCOUNT, tree, write
from tools import until

ROLE = f"arn:aws:iam::{ACCOUNT}:role/backup"
ENDS = {"COMPLETED", "FAILED", "ABORTED", "EXPIRED"}


class Backup(Files):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.backup, cls.elsewhere = client("backup", HOME), client("backup", AWAY)

    def ended(self, look, state="State"):
        seen = until(lambda: (lambda job: job if job[state] in ENDS else None)(look()), 40, "the end of a job")
        self.assertEqual(seen[state], "COMPLETED", seen)
        return seen

    def test_a_file_system_is_backed_up_copied_and_restored(self):
        for backup in (self.backup, self.elsewhere):
            backup.create_backup_vault(BackupVaultName="vault", BackupVaultTags={"team": "shop"})
        self.refused("AlreadyExistsException", self.backup.create_backup_vault, BackupVaultName="vault")
        vault = self.elsewhere.describe_backup_vault(BackupVaultName="vault")["BackupVaultArn"]
        self.assertEqual(self.elsewhere.list_tags(ResourceArn=vault)["Tags"], {"team": "shop"})
        self.plan(vault)

        system = self.look(self.home, self.make(self.home, CreationToken="uploads"))
        write(HOME, system["FileSystemId"], "a/b", "text")
        job = self.backup.start_backup_job(BackupVaultName="vault", ResourceArn=system["FileSystemArn"], IamRoleArn=ROLE)
        self.ended(lambda: self.backup.describe_backup_job(BackupJobId=job["BackupJobId"]))
        point = job["RecoveryPointArn"]
        seen = self.backup.describe_recovery_point(BackupVaultName="vault", RecoveryPointArn=point)
        self.assertEqual((seen["Status"], seen["ResourceType"], seen["BackupSizeInBytes"]), ("COMPLETED", "EFS", 4))
        by_resource = self.backup.list_recovery_points_by_resource(ResourceArn=system["FileSystemArn"])["RecoveryPoints"]
        self.assertEqual([each["RecoveryPointArn"] for each in by_resource], [point])
        self.refused("InvalidRequestException", self.backup.delete_backup_vault, BackupVaultName="vault")

        copy = self.backup.start_copy_job(RecoveryPointArn=point, SourceBackupVaultName="vault", IamRoleArn=ROLE,
                                          DestinationBackupVaultArn=vault)["CopyJobId"]
        away = self.ended(lambda: self.backup.describe_copy_job(CopyJobId=copy)["CopyJob"])["DestinationRecoveryPointArn"]
        metadata = self.elsewhere.get_recovery_point_restore_metadata(BackupVaultName="vault", RecoveryPointArn=away)["RestoreMetadata"]
        self.assertEqual(metadata["file-system-id"], system["FileSystemId"])
        asked = {"newFileSystem": "true", "CreationToken": "again", "Encrypted": "false", "PerformanceMode": metadata["PerformanceMode"]}
        restore = self.elsewhere.start_restore_job(RecoveryPointArn=away, IamRoleArn=ROLE, Metadata=asked)["RestoreJobId"]
        made = self.ended(lambda: self.elsewhere.describe_restore_job(RestoreJobId=restore), "Status")["CreatedResourceArn"]
        folder = next(tree(AWAY, made.rsplit("/", 1)[1]).iterdir())
        self.assertEqual((folder / "a/b").read_text(encoding="utf-8"), "text")

        self.backup.delete_recovery_point(BackupVaultName="vault", RecoveryPointArn=point)
        self.backup.delete_backup_vault(BackupVaultName="vault")
        self.refused("AccessDeniedException", self.backup.describe_backup_vault, 403, BackupVaultName="vault")

    def plan(self, vault):
        rule = {"RuleName": "daily", "TargetBackupVaultName": "vault", "ScheduleExpression": "cron(0 5 ? * * *)",
                "Lifecycle": {"DeleteAfterDays": 35}, "CopyActions": [{"DestinationBackupVaultArn": vault}]}
        made = self.backup.create_backup_plan(BackupPlan={"BackupPlanName": "daily", "Rules": [rule]})
        plan = made["BackupPlanId"]
        self.assertEqual(self.backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"][0]["Lifecycle"], {"DeleteAfterDays": 35})
        selection = self.backup.create_backup_selection(BackupPlanId=plan, BackupSelection={
            "SelectionName": "tagged", "IamRoleArn": ROLE,
            "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}]})["SelectionId"]
        self.refused("InvalidRequestException", self.backup.delete_backup_plan, BackupPlanId=plan)
        message = self.refused("InvalidParameterValueException", self.backup.create_backup_plan, BackupPlan={
            "BackupPlanName": "wrong", "Rules": [{**rule, "Lifecycle": {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60}}]})
        self.assertIn("90 days", message)
        self.backup.delete_backup_selection(BackupPlanId=plan, SelectionId=selection)
        self.backup.delete_backup_plan(BackupPlanId=plan)


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

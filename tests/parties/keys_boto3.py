"""Secrets and keys in two Regions, with boto3, against a running lab: what the other Region has when the home Region is killed."""

import os
import pathlib
import stat
import subprocess
import sys
import unittest

import boto3
from botocore.exceptions import ClientError

from article_boto3 import AWAY, HOME, Case, client
from tools import until

STATE = pathlib.Path(os.environ["LAB_FOLDER"]) / "lab"
LIMIT = 30  # seconds that anything may take


def lab(*arguments):
    subprocess.run([os.environ["LEEWARD_LAB"], *arguments, "--state", str(STATE)], check=True, capture_output=True, timeout=90)


class Keys(Case):
    # Neither service says whose fault an error is.
    def refused(self, code, call, status=400, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
            return answer["Error"]["Message"]
        return self.fail(f"not refused with {code}: {arguments}")

    def status(self, secrets, name):
        found = secrets.describe_secret(SecretId=name).get("ReplicationStatus")
        return found[0]["Status"] if found else None

    def test_what_the_other_region_has_when_home_is_killed(self):
        secrets, away = client("secretsmanager", HOME), client("secretsmanager", AWAY)
        keys, keys_away = client("kms", HOME), client("kms", AWAY)

        key = keys.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        keys.replicate_key(KeyId=key, ReplicaRegion=AWAY)
        until(lambda: keys_away.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled", LIMIT, "a replica of the key")
        keys_away.create_alias(AliasName="alias/shop", TargetKeyId=key)
        context = {"app": "shop"}
        sealed = keys.encrypt(KeyId=key, Plaintext=b"of home", EncryptionContext=context)["CiphertextBlob"]

        made = secrets.create_secret(Name="shop/db", SecretString="first", KmsKeyId=key,
                                     AddReplicaRegions=[{"Region": AWAY, "KmsKeyId": "alias/shop"}])
        until(lambda: self.status(secrets, "shop/db") == "InSync", LIMIT, "a replica of the secret")
        replica = away.describe_secret(SecretId="shop/db")
        self.assertEqual((replica["ARN"], replica["PrimaryRegion"], replica["KmsKeyId"]),
                         (made["ARN"].replace(HOME, AWAY), HOME, "alias/shop"))
        secrets.put_secret_value(SecretId="shop/db", SecretString="second")
        until(lambda: away.get_secret_value(SecretId="shop/db")["SecretString"] == "second", LIMIT, "the new value")
        self.refused("InvalidParameterException", away.put_secret_value, SecretId="shop/db", SecretString="x")
        self.at_rest()

        lab("kill", HOME)
        self.assertEqual(away.get_secret_value(SecretId="shop/db", VersionStage="AWSPREVIOUS")["SecretString"], "first")
        opened = keys_away.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
        self.assertEqual((opened["Plaintext"], opened["KeyId"].split(":")[3]), (b"of home", AWAY))
        self.refused("InvalidCiphertextException", keys_away.decrypt, CiphertextBlob=sealed)
        self.refused("UnsupportedOperationException", keys_away.update_primary_region, KeyId=key, PrimaryRegion=AWAY)
        away.stop_replication_to_replica(SecretId="shop/db")
        away.put_secret_value(SecretId="shop/db", SecretString="of away")

        lab("heal", HOME)
        until(lambda: self.status(secrets, "shop/db") is None, LIMIT, "home knows that its replica has gone its own way")
        self.assertEqual(secrets.get_secret_value(SecretId="shop/db")["SecretString"], "second")
        away.replicate_secret_to_regions(SecretId="shop/db", AddReplicaRegions=[{"Region": HOME}], ForceOverwriteReplicaSecret=True)
        until(lambda: self.status(away, "shop/db") == "InSync", LIMIT, "home as the replica")
        self.assertEqual(secrets.get_secret_value(SecretId="shop/db")["SecretString"], "of away")
        keys.update_primary_region(KeyId=key, PrimaryRegion=AWAY)
        until(lambda: self.kind(keys_away, key) == "PRIMARY" and self.kind(keys, key) == "REPLICA", LIMIT, "the primary away")

    def test_secrets_as_boto3_reads_them(self):
        secrets = client("secretsmanager", HOME)
        for name in ("a", "b", "c"):
            secrets.create_secret(Name=f"list/{name}", SecretBinary=name.encode(), Tags=[{"Key": "of", "Value": name}])
        self.refused("ResourceExistsException", secrets.create_secret, Name="list/a", SecretString="x")
        self.refused("ValidationException", secrets.create_secret, Name="no blanks", SecretString="x")
        pages = secrets.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": ["list/"]}], SortBy="name", SortOrder="desc", PaginationConfig={"PageSize": 2})
        self.assertEqual([[each["Name"] for each in page["SecretList"]] for page in pages], [["list/c", "list/b"], ["list/a"]])
        secrets.update_secret(SecretId="list/a", Description="first of them", SecretString="text")
        seen = secrets.list_secret_version_ids(SecretId="list/a")["Versions"]
        stages = {each["VersionStages"][0]: each["VersionId"] for each in seen}
        self.assertEqual(set(stages), {"AWSCURRENT", "AWSPREVIOUS"})
        secrets.update_secret_version_stage(SecretId="list/a", VersionStage="AWSCURRENT", MoveToVersionId=stages["AWSPREVIOUS"],
                                            RemoveFromVersionId=stages["AWSCURRENT"])
        value = secrets.get_secret_value(SecretId="list/a")
        self.assertEqual((value["SecretBinary"], value["VersionId"]), (b"a", stages["AWSPREVIOUS"]))
        secrets.untag_resource(SecretId="list/a", TagKeys=["of"])
        secrets.tag_resource(SecretId="list/a", Tags=[{"Key": "now", "Value": "this"}])
        shown = secrets.describe_secret(SecretId="list/a")
        self.assertEqual((shown["Tags"], shown["Description"], len(shown["VersionIdsToStages"])),
                         ([{"Key": "now", "Value": "this"}], "first of them", 2))
        self.assertNotIn("ResourcePolicy", secrets.get_resource_policy(SecretId="list/a"))
        self.assertEqual(len(secrets.get_random_password(PasswordLength=20)["RandomPassword"]), 20)
        gone = secrets.delete_secret(SecretId="list/a", RecoveryWindowInDays=7)
        self.assertEqual(round((gone["DeletionDate"] - value["CreatedDate"]).total_seconds() / 86400), 7)
        self.refused("InvalidRequestException", secrets.get_secret_value, SecretId="list/a")
        secrets.restore_secret(SecretId="list/a")
        self.refused("NotImplemented", secrets.rotate_secret, 501, SecretId="list/a")

    def test_keys_as_boto3_reads_them(self):
        keys = client("kms", HOME)
        made = keys.create_key(Description="one", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
        self.assertEqual((made["KeyState"], made["MultiRegion"], made["KeyManager"]), ("Enabled", False, "CUSTOMER"))
        key = made["KeyId"]
        self.assertIn(key, [each["KeyId"] for page in keys.get_paginator("list_keys").paginate(Limit=3) for each in page["Keys"]])
        aliases = {each["AliasName"] for page in keys.get_paginator("list_aliases").paginate(Limit=3) for each in page["Aliases"]}
        self.assertLessEqual({"alias/aws/elasticfilesystem", "alias/aws/rds"}, aliases)
        policy = keys.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        keys.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
        self.assertEqual(keys.list_key_policies(KeyId=key)["PolicyNames"], ["default"])
        keys.tag_resource(KeyId=key, Tags=[{"TagKey": "c", "TagValue": "d"}])
        keys.untag_resource(KeyId=key, TagKeys=["a"])
        self.assertEqual(keys.list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "c", "TagValue": "d"}])
        data = keys.generate_data_key(KeyId=key, KeySpec="AES_128")
        other = keys.create_key()["KeyMetadata"]["KeyId"]
        again = keys.re_encrypt(CiphertextBlob=data["CiphertextBlob"], DestinationKeyId=other,
                                DestinationEncryptionContext={"x": "y"})
        self.assertEqual(keys.decrypt(CiphertextBlob=again["CiphertextBlob"], EncryptionContext={"x": "y"})["Plaintext"],
                         data["Plaintext"])
        self.refused("IncorrectKeyException", keys.decrypt, CiphertextBlob=again["CiphertextBlob"], KeyId=key)
        keys.disable_key(KeyId=key)
        self.refused("DisabledException", keys.encrypt, KeyId=key, Plaintext=b"x")
        asked = keys.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        self.assertEqual(asked["KeyState"], "PendingDeletion")
        self.refused("KMSInvalidStateException", keys.enable_key, KeyId=key)
        keys.cancel_key_deletion(KeyId=key)
        self.refused("NotFoundException", keys.describe_key, KeyId="alias/none")
        self.refused("NotImplemented", keys.create_grant, 501, KeyId=key, GranteePrincipal=made["Arn"], Operations=["Decrypt"])

    def kind(self, keys, key):
        return keys.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"]

    def at_rest(self):
        for service in ("secretsmanager", "kms"):
            for region in (HOME, AWAY):
                file = STATE / "regions" / region / service / "state.json"
                self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)
        for log in (path for path in STATE.rglob("*") if path.is_file() and path.suffix == ".log"):
            self.assertNotIn(b"second", log.read_bytes(), log)


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

#!/usr/bin/env python3
"""Secrets of a lab beside volumes: replicated under a key of the recovery Region, promoted when their home is lost, and brought home
again without losing what either Region changed."""

import json
import os
import unittest

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import CANNOT_REACH, DONE

SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 10m }
components:
  disks: { kind: ebs, tag: app=disks }
  login: { kind: secretsmanager, secret: shop/login, kms-key: alias/shop }
"""
NAME, ALIAS = "shop/login", "alias/shop"


class SecretsLab(FilesLab):
    SPEC = SPEC

    # --- what is there ---

    def secret(self, region, operation, **body):
        return self.json_call(region, "secretsmanager", f"secretsmanager.{operation}", body)

    def kms(self, region, operation, **body):
        return self.json_call(region, "kms", f"TrentService.{operation}", body)

    def value(self, region, name=NAME):
        return self.secret(region, "GetSecretValue", SecretId=name)["SecretString"]

    def primary(self, region):
        return self.secret(region, "DescribeSecret", SecretId=NAME).get("PrimaryRegion", region)

    def make_key(self, region):
        key = self.kms(region, "CreateKey")["KeyMetadata"]["KeyId"]
        self.kms(region, "CreateAlias", AliasName=ALIAS, TargetKeyId=key)
        return key

    def make_home(self, value):
        self.query(HOME, "CreateVolume", AvailabilityZone=HOME + "a", Size="1", **{
            "TagSpecification.1.ResourceType": "volume", "TagSpecification.1.Tag.1.Key": "app", "TagSpecification.1.Tag.1.Value": "disks"})
        wait(lambda: ">available<" in self.query(HOME, "DescribeVolumes"), "a volume")
        self.secret(HOME, "CreateSecret", Name=NAME, SecretString=value, ClientRequestToken="1" * 32)

    def store(self, region):
        told = self.leeward("status", self.spec, "--json", "--state", self.state, **self.variables)
        return next(one for one in json.loads(told.stdout)["stores"] if one["component"] == "login" and one["region"] == region)

    def written(self):
        """All that Leeward has written down, as bytes."""
        kept = b""
        for folder, _, files in os.walk(self.state):
            for file in files:
                with open(os.path.join(folder, file), "rb") as opened:
                    kept += opened.read()
        return kept


class SecretsTest(SecretsLab):
    def test_a_secret_follows_the_application_and_nothing_that_either_region_changed_is_lost(self):
        values = [f"do-not-tell-{number}" for number in range(4)]
        told = ""
        self.make_home(values[0])
        self.make_key(HOME), self.make_key(RECOVERY)
        told += self.act("protect")
        self.assertEqual(self.value(RECOVERY), values[0])
        self.assertEqual(self.secret(RECOVERY, "DescribeSecret", SecretId=NAME)["KmsKeyId"], ALIAS)
        store = self.store(RECOVERY)
        self.assertEqual((store["role"], store["standing"], store["in_sync"]), ("replica", "replica, InSync", True))
        self.assertEqual(self.store(HOME)["role"], "writer")

        self.secret(HOME, "PutSecretValue", SecretId=NAME, SecretString=values[1], ClientRequestToken="2" * 32)
        wait(lambda: self.value(RECOVERY) == values[1], "the change to arrive")
        told += self.act("protect")

        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        self.assertIn("sync unknown", self.store(RECOVERY)["standing"])
        self.assertFalse(self.store(RECOVERY)["in_sync"])
        told += self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertEqual(self.primary(RECOVERY), RECOVERY)
        self.secret(RECOVERY, "PutSecretValue", SecretId=NAME, SecretString=values[2], ClientRequestToken="3" * 32)

        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        wait(lambda: "ReplicationStatus" not in self.secret(HOME, "DescribeSecret", SecretId=NAME), "the old primary to hear of it")
        self.secret(HOME, "PutSecretValue", SecretId=NAME, SecretString=values[3], ClientRequestToken="4" * 32)
        told += self.act("failback")
        self.assertEqual([self.value(region) for region in (HOME, RECOVERY)], [values[2]] * 2, "what was changed away counts")
        self.assertEqual(self.value(HOME, NAME + "/leeward-aside/" + "4" * 32), values[3], "and what home alone had is kept")
        self.assertEqual([self.primary(region) for region in (HOME, RECOVERY)], [HOME] * 2)

        for value in values:
            self.assertNotIn(value, told)
            self.assertNotIn(value.encode(), self.written())

    def test_a_planned_move_and_back(self):
        self.make_home("first")
        self.make_key(HOME), self.make_key(RECOVERY)
        self.act("protect")
        self.act("switchover")
        self.assertEqual([self.primary(region) for region in (HOME, RECOVERY)], [RECOVERY] * 2)
        self.secret(RECOVERY, "PutSecretValue", SecretId=NAME, SecretString="second", ClientRequestToken="2" * 32)
        self.act("failback")
        self.assertEqual([self.value(region) for region in (HOME, RECOVERY)], ["second"] * 2)
        self.assertEqual([self.primary(region) for region in (HOME, RECOVERY)], [HOME] * 2)

    def test_a_key_that_is_of_the_other_region_alone_is_told_before_anything_is_made(self):
        self.make_home("first")
        self.make_key(HOME)
        told = self.act("protect", code=CANNOT_REACH)
        self.assertIn("there is no KMS key 'alias/shop' in us-west-2 (there is one in us-east-1)", told)
        self.assertNotIn("ReplicationStatus", self.secret(HOME, "DescribeSecret", SecretId=NAME))
        key = self.make_key(RECOVERY)
        self.kms(RECOVERY, "DisableKey", KeyId=key)
        done = self.leeward("protect", self.spec, "--yes", "--state", self.state, timeout=180, **self.variables)
        self.assertNotEqual(done.returncode, DONE)
        self.assertIn("KMS key 'alias/shop' of login is Disabled in us-west-2", done.stderr + done.stdout)
        bad = self.write("bad.yaml", SPEC.replace(ALIAS, "alias/aws/secrets"))
        refused = self.leeward("validate", bad, **self.variables)
        self.assertNotEqual(refused.returncode, DONE)
        self.assertIn("alias/aws/secretsmanager", refused.stderr + refused.stdout)


class KeyTest(SecretsLab):
    """The key is a component too, made at home alone."""

    SPEC = SPEC + "  key: { kind: kms, key: alias/shop }\n"

    def make_home_key(self):
        key = self.kms(HOME, "CreateKey", MultiRegion=True)["KeyMetadata"]["KeyId"]
        self.kms(HOME, "CreateAlias", AliasName=ALIAS, TargetKeyId=key)

    def key(self, region):
        return self.kms(region, "DescribeKey", KeyId=ALIAS)["KeyMetadata"]

    def test_a_key_of_one_region_is_refused(self):
        self.make_home("first")
        key = self.kms(HOME, "CreateKey")["KeyMetadata"]["KeyId"]
        self.kms(HOME, "CreateAlias", AliasName=ALIAS, TargetKeyId=key)
        done = self.leeward("protect", self.spec, "--yes", "--state", self.state, timeout=180, **self.variables)
        self.assertNotEqual(done.returncode, DONE)
        self.assertIn("is a key of one Region", done.stderr + done.stdout)
        self.assertNotIn("ReplicationStatus", self.secret(HOME, "DescribeSecret", SecretId=NAME))

    def test_what_was_encrypted_at_home_is_read_where_the_application_went(self):
        self.make_home("first")
        self.make_home_key()
        sealed = self.kms(HOME, "Encrypt", KeyId=ALIAS, Plaintext="c2hvcA==")["CiphertextBlob"]
        self.act("protect")
        self.assertEqual(self.key(RECOVERY)["KeyId"], self.key(HOME)["KeyId"])
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        looked = self.leeward("failover", self.spec, "--dry-run", "--state", self.state, timeout=180, **self.variables)
        self.assertIn("works alone: there is nothing to do", looked.stdout + looked.stderr)
        self.act("failover", "--override-fence", "ANA: this test killed it")
        self.assertEqual(self.kms(RECOVERY, "Decrypt", CiphertextBlob=sealed)["Plaintext"], "c2hvcA==")
        self.assertEqual(self.key(RECOVERY)["MultiRegionConfiguration"]["PrimaryKey"]["Region"], HOME)


if __name__ == "__main__":
    unittest.main(verbosity=2)

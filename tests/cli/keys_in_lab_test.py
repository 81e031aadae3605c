#!/usr/bin/env python3
"""Stores of a lab that are encrypted under keys of their own: their copies are made under a key of the recovery Region, which is looked
for before anything is made."""

import unittest
import urllib.parse

from files_lab import HOME, LAB, RECOVERY, wait
from one_line import CANNOT_REACH, DONE
from items_ask import ask as ask_items
from secrets_in_lab_test import ALIAS, SecretsLab
import signed

SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 1h }
components:
  disks: { kind: ebs, tag: app=disks, kms-key: alias/shop }
  uploads: { kind: efs, kms-key: alias/shop }
  orders: { kind: rds, database: shop, user: owner, password-env: SHOP_DB_PASSWORD, kms-key: alias/shop }
  carts: { kind: dynamodb, kms-key: alias/shop }
  sessions: { kind: elasticache, kms-key: alias/shop }
  writer: { kind: ecs, cluster: shop, service: writer, standby: 0, needs: [uploads] }
"""
PASSWORD = "correct-horse-battery"


class KeysTest(SecretsLab):
    SPEC = SPEC

    def setUp(self):
        super().setUp()
        self.variables["SHOP_DB_PASSWORD"] = PASSWORD

    def rds(self, region, action, **parameters):
        status, body = signed.call(self.gateway, region, action, service="rds", version="2014-10-31", parameters=parameters)
        self.assertEqual(status, 200, body)
        return body

    def instance(self, region):
        return self.rds(region, "DescribeDBInstances", DBInstanceIdentifier="orders")

    def items(self, region, operation, **body):
        status, answer = ask_items(urllib.parse.urlparse(self.gateway).netloc, region, operation, body, timeout=20)
        self.assertEqual(status, 200, answer)
        return answer

    def table(self, region):
        return self.items(region, "DescribeTable", TableName="carts")["Table"]

    def cache(self, region, action, **parameters):
        status, body = signed.call(self.gateway, region, action, service="elasticache", version="2015-02-02",
                                   parameters={"ReplicationGroupId": "sessions", **parameters})
        self.assertEqual(status, 200, body)
        return body

    def make_table_and_cache(self):
        self.items(HOME, "CreateTable", TableName="carts", BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                   SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": ALIAS})
        self.cache(HOME, "CreateReplicationGroup", ReplicationGroupDescription="sessions", Engine="redis",
                   CacheNodeType="cache.r6g.large", NumCacheClusters="1", AtRestEncryptionEnabled="true", KmsKeyId=ALIAS)
        wait(lambda: self.table(HOME)["TableStatus"] == "ACTIVE", "a table")
        wait(lambda: "<Status>available<" in self.cache(HOME, "DescribeReplicationGroups"), "a cache")

    def make_stores(self):
        self.query(HOME, "CreateVolume", AvailabilityZone=HOME + "a", Size="1", Encrypted="true", KmsKeyId=ALIAS, **{
            "TagSpecification.1.ResourceType": "volume", "TagSpecification.1.Tag.1.Key": "app", "TagSpecification.1.Tag.1.Value": "disks"})
        wait(lambda: ">available<" in self.query(HOME, "DescribeVolumes"), "a volume")
        self.home = self.efs(HOME, "POST", "file-systems", {"CreationToken": "uploads", "Encrypted": True, "KmsKeyId": ALIAS})["FileSystemId"]
        wait(lambda: self.look(HOME, self.home)["LifeCycleState"] == "available", "a file system")
        self.make_writer()
        self.rds(HOME, "CreateDBInstance", DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine="postgres",
                 AllocatedStorage="20", DBName="shop", MasterUsername="owner", MasterUserPassword=PASSWORD, StorageEncrypted="true",
                 KmsKeyId=ALIAS)
        wait(lambda: "<DBInstanceStatus>available<" in self.instance(HOME), "a database")

    def test_copies_are_encrypted_under_the_key_of_their_own_region(self):
        home = self.make_key(HOME)
        self.make_table_and_cache()
        self.make_stores()
        told = self.act("protect", code=CANNOT_REACH)
        self.assertIn("there is no KMS key 'alias/shop' in us-west-2 (there is one in us-east-1)", told)
        self.assertEqual(self.replications(HOME), [])
        there = self.make_key(RECOVERY)
        self.act("protect")
        self.assertIn(f"key/{home}<", self.instance(HOME))
        self.assertIn(f"key/{there}<", self.instance(RECOVERY))
        self.assertIn("<StorageEncrypted>true<", self.instance(RECOVERY))
        (replica,) = self.efs(RECOVERY, "GET", "file-systems")["FileSystems"]
        self.assertTrue(replica["KmsKeyId"].endswith("key/" + there), replica)
        for region, key in ((HOME, home), (RECOVERY, there)):
            self.assertTrue(self.table(region)["SSEDescription"]["KMSMasterKeyArn"].endswith("key/" + key), self.table(region))
            self.assertIn(f"key/{key}<", self.cache(region, "DescribeReplicationGroups"))
        self.assertIn(f"key/{home}<", self.query(HOME, "DescribeSnapshots", **{"Owner.1": "self"}))
        self.assertIn(f"key/{there}<", self.query(RECOVERY, "DescribeSnapshots", **{"Owner.1": "self"}))

        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        self.act("failover", "--override-fence", "ANA: this test killed it", "--accept-loss", "1h")
        self.assertIn(f"key/{there}<", self.query(RECOVERY, "DescribeVolumes"))
        self.assertNotIn("ReadReplicaSourceDBInstanceIdentifier>a", self.instance(RECOVERY))


if __name__ == "__main__":
    unittest.main(verbosity=2)

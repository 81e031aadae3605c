#!/usr/bin/env python3
"""Each operation that an action asks of AWS is denied until a run has named it, so that it can be allowed. The same command goes on
from what was half done each time, up to the end; and the plan named all the operations beforehand.

LEEWARD_DENIED_TELL=1 prints what was said of each.
"""

import json
import os
import re
import sys
import unittest

from one_line import CANNOT_REACH, DONE, FAILED, LAB, ROOT, OneLine
from refusing import DENIED, Refusing

HOME, RECOVERY = "us-east-1", "us-west-2"
SHOP = os.path.join(ROOT, "examples", "shop")
TELL = os.environ.get("LEEWARD_DENIED_TELL")
MOST = 60  # runs: each comes further
OTHERS = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 2h }
components:
  pages:    { kind: datasync, file-system: pages, security-group: nfs }
  disks:    { kind: ebs, tag: app=disks }
  pictures: { kind: s3, home-bucket: shop-pictures-east, recovery-bucket: shop-pictures-west, role: "arn:aws:iam::000000000000:role/copier", batch-role: "arn:aws:iam::123456789012:role/batch" }
  login:    { kind: secretsmanager, secret: shop/login }
  seal:     { kind: kms, key: alias/seal }
  writer:   { kind: ecs, cluster: shop, service: writer, standby: 1, active: 1, needs: [pages, pictures] }
lab: { stage: stage.yaml }
"""
STAGE = """apiVersion: leeward/stage/v1
calls:
  - { region: "${home}", service: ec2, operation: CreateSecurityGroup, input: { GroupName: nfs, Description: nfs }, save: { home_nfs: GroupId } }
  - { region: "${recovery}", service: ec2, operation: CreateSecurityGroup, input: { GroupName: nfs, Description: nfs }, save: { recovery_nfs: GroupId } }
  - { region: "${home}", service: ec2, operation: AuthorizeSecurityGroupIngress,
      input: { GroupId: "${home_nfs}", IpPermissions: [{ IpProtocol: tcp, FromPort: 2049, ToPort: 2049, IpRanges: [{ CidrIp: 0.0.0.0/0 }] }] } }
  - { region: "${recovery}", service: ec2, operation: AuthorizeSecurityGroupIngress,
      input: { GroupId: "${recovery_nfs}", IpPermissions: [{ IpProtocol: tcp, FromPort: 2049, ToPort: 2049, IpRanges: [{ CidrIp: 0.0.0.0/0 }] }] } }
  - { region: "${home}", service: ec2, operation: DescribeSubnets, save: { subnet: "Subnets[0].SubnetId" } }
  - { region: "${home}", service: efs, operation: CreateFileSystem, input: { CreationToken: pages, Encrypted: true }, save: { pages: FileSystemId } }
  - { region: "${home}", service: efs, operation: DescribeFileSystems, input: { FileSystemId: "${pages}" },
      until: { "FileSystems[0].LifeCycleState": available } }
  - { region: "${home}", service: efs, operation: CreateMountTarget,
      input: { FileSystemId: "${pages}", SubnetId: "${subnet}", SecurityGroups: ["${home_nfs}"] } }
  - { region: "${home}", service: efs, operation: DescribeMountTargets, input: { FileSystemId: "${pages}" },
      until: { "MountTargets[0].LifeCycleState": available } }
  - { region: "${home}", service: ec2, operation: CreateVolume,
      input: { AvailabilityZone: us-east-1a, Size: 1, TagSpecifications: [{ ResourceType: volume, Tags: [{ Key: app, Value: disks }] }] } }
  - { region: "${home}", service: s3, operation: CreateBucket, input: { Bucket: shop-pictures-east } }
  - { region: "${recovery}", service: s3, operation: CreateBucket,
      input: { Bucket: shop-pictures-west, CreateBucketConfiguration: { LocationConstraint: us-west-2 } } }
  - { region: "${home}", service: s3, operation: PutObject, input: { Bucket: shop-pictures-east, Key: old.png } }
  - { region: "${home}", service: secretsmanager, operation: CreateSecret, input: { Name: shop/login, SecretString: do-not-tell } }
  - { region: "${home}", service: kms, operation: CreateKey, input: { MultiRegion: true }, save: { seal: KeyMetadata.KeyId } }
  - { region: "${home}", service: kms, operation: CreateAlias, input: { AliasName: alias/seal, TargetKeyId: "${seal}" } }
  - { region: "${home}", service: ecs, operation: CreateCluster, input: { clusterName: shop } }
  - region: "${home}"
    service: ecs
    operation: RegisterTaskDefinition
    input:
      family: writer
      networkMode: awsvpc
      requiresCompatibilities: [FARGATE]
      cpu: "256"
      memory: "512"
      volumes: [{ name: pages, efsVolumeConfiguration: { fileSystemId: "${pages}" } }]
      containerDefinitions:
        - { name: writer, image: "writer:1", command: [/bin/sleep, "1000"], environment: [{ name: PAGES, value: /mnt/pages }],
            mountPoints: [{ sourceVolume: pages, containerPath: /mnt/pages }] }
    save: { definition: taskDefinition.taskDefinitionArn }
  - region: "${home}"
    service: ecs
    operation: CreateService
    input:
      cluster: shop
      serviceName: writer
      launchType: FARGATE
      desiredCount: 1
      taskDefinition: "${definition}"
      networkConfiguration: { awsvpcConfiguration: { subnets: ["${subnet}"] } }
"""
REFUSED = re.compile("not authorized to perform|HTTP status 403")  # the latter to HEAD, whose answers have no body
# Before a plan is begun: who asks, and what there is.
BEFORE = {("sts", "GetCallerIdentity")}


class DeniedTest(OneLine):
    maxDiff = None

    def setUp(self):
        super().setUp()
        gateway, self.variables = self.begin_lab()
        self.between = Refusing(gateway)
        self.addCleanup(self.between.close)

    def done(self, *arguments, **variables):
        return self.leeward(*arguments, timeout=180, **{**self.variables, **variables})

    def staged(self, spec):
        done = self.done("stage", spec)
        self.assertEqual(done.returncode, DONE, done.stderr)

    def run_denied(self, action, known):
        """Denies each operation that no run has named yet; (what was denied, how the run ended)."""
        self.between.clear()
        self.between.refuse = lambda call: DENIED if (call.service, call.operation) not in known else None
        done = self.done(*action, "--yes", "--state", self.state, AWS_ENDPOINT_URL=self.between.url)
        return {(call.service, call.operation) for call in self.between.refused}, done

    def each_is_denied_once(self, *action):
        planned = self.planned(*action[:2])
        known = set()
        for _ in range(MOST):
            denied, done = self.run_denied(action, known)
            told = done.stderr + done.stdout
            if TELL:
                print(f"{done.returncode}: {sorted(denied)}\n{told}", file=sys.stderr)
            if not denied:
                break
            self.assertIn(done.returncode, (CANNOT_REACH, FAILED), told)
            named = {one for one in denied if any(f"{' '.join(one)} in " in line and REFUSED.search(line) for line in told.splitlines())}
            self.assertTrue(named, f"{sorted(denied)} were denied, and none is said to be: {told}")
            known |= named
        self.assertFalse(denied, f"after {MOST} runs there are others")
        self.assertEqual(done.returncode, DONE, told)
        self.assertGreater(len(known), 10)
        self.assertEqual(sorted(known - planned - BEFORE), [], "no step says that it may ask that")

    def planned(self, action, spec):
        told = self.done("plan", action, spec, "--format", "json", "--state", self.state)
        self.assertEqual(told.returncode, DONE, told.stderr)
        return {(call["service"], call["operation"]) for step in json.loads(told.stdout)["steps"] for call in step["calls"]}

    def test_of_the_shop(self):
        spec = os.path.join(SHOP, "shop.yaml")
        self.staged(spec)
        self.each_is_denied_once("protect", spec)
        self.each_is_denied_once("switchover", spec, "--to", RECOVERY)
        self.each_is_denied_once("failback", spec)

    def test_of_the_shop_that_is_restored_of_backups(self):
        spec = os.path.join(SHOP, "backup-restore.yaml")
        self.staged(spec)
        self.each_is_denied_once("protect", spec)
        self.assertEqual(self.run_program(LAB, "kill", HOME, "--state", self.lab_state).returncode, DONE)
        self.each_is_denied_once("failover", spec, "--override-fence", "ANA: this test killed it")

    def test_of_disks_synced_files_buckets_secrets_and_keys(self):
        self.write("stage.yaml", STAGE)
        spec = self.write("shop.yaml", OTHERS)
        self.staged(spec)
        self.each_is_denied_once("protect", spec)
        self.each_is_denied_once("switchover", spec, "--to", RECOVERY)
        self.each_is_denied_once("failback", spec)


if __name__ == "__main__":
    unittest.main(verbosity=2)

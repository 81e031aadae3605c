#!/usr/bin/env python3
"""Trims Amazon's service models, as botocore ships them, into aws_models/.

    tools/trim_models.py BOTOCORE_DATA_FOLDER [SERVICE...]

Kept: wire protocol, operations we list, the shapes they reach, where members travel, what is required, enums,
ranges, patterns, error codes, pagination, waiters, and the name and route of every other operation. Left out:
documentation, examples, everything else. One operation or shape a line, so that a refresh reads as a diff.
"""

import gzip
import json
import pathlib
import sys

ALL = object()

# Operations whose shapes are kept, per service. ALL: the service is small or wholly used.
SERVICES = {
    "sts": ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo",
            "GetFederationToken", "DecodeAuthorizationMessage"],
    "rds": """
        AddTagsToResource AuthorizeDBSecurityGroupIngress CopyDBClusterSnapshot CopyDBParameterGroup CopyDBSnapshot
        CreateDBCluster CreateDBClusterParameterGroup CreateDBClusterSnapshot CreateDBInstance
        CreateDBInstanceReadReplica CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup CreateGlobalCluster
        DeleteDBCluster DeleteDBClusterSnapshot DeleteDBInstance DeleteDBInstanceAutomatedBackup
        DeleteDBParameterGroup DeleteDBSnapshot DeleteDBSubnetGroup DeleteGlobalCluster DescribeAccountAttributes
        DescribeCertificates DescribeDBClusterSnapshots DescribeDBClusters DescribeDBEngineVersions
        DescribeDBInstanceAutomatedBackups DescribeDBInstances DescribeDBParameterGroups DescribeDBParameters
        DescribeDBSnapshots DescribeDBSubnetGroups DescribeEvents DescribeGlobalClusters
        DescribeOrderableDBInstanceOptions DescribePendingMaintenanceActions DescribeSourceRegions
        FailoverDBCluster FailoverGlobalCluster ListTagsForResource ModifyDBCluster ModifyDBInstance
        ModifyDBParameterGroup ModifyDBSnapshot ModifyDBSubnetGroup ModifyGlobalCluster PromoteReadReplica
        PromoteReadReplicaDBCluster RebootDBInstance RemoveFromGlobalCluster RemoveTagsFromResource
        ResetDBParameterGroup RestoreDBClusterFromSnapshot RestoreDBClusterToPointInTime
        RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime StartDBCluster StartDBInstance
        StartDBInstanceAutomatedBackupsReplication StopDBCluster StopDBInstance
        StopDBInstanceAutomatedBackupsReplication SwitchoverGlobalCluster SwitchoverReadReplica""".split(),
    "route53": """
        ChangeResourceRecordSets ChangeTagsForResource CreateHealthCheck CreateHostedZone
        AssociateVPCWithHostedZone DeleteHealthCheck DeleteHostedZone DisassociateVPCFromHostedZone GetAccountLimit
        GetChange GetCheckerIpRanges GetHealthCheck GetHealthCheckCount GetHealthCheckLastFailureReason
        GetHealthCheckStatus GetHostedZone GetHostedZoneCount GetHostedZoneLimit ListHealthChecks ListHostedZones
        ListHostedZonesByName ListHostedZonesByVPC ListResourceRecordSets ListTagsForResource
        ListTagsForResources TestDNSAnswer UpdateHealthCheck UpdateHostedZoneComment
        UpdateHostedZoneFeatures""".split(),
    "route53-recovery-cluster": ALL,
    "route53-recovery-control-config": ALL,
    "ecs": """
        CreateCluster CreateService DeleteCluster DeleteService DeleteTaskDefinitions DeregisterTaskDefinition
        DescribeClusters DescribeServices DescribeTaskDefinition DescribeTasks ListClusters ListServices
        ListTagsForResource ListTaskDefinitionFamilies ListTaskDefinitions ListTasks RegisterTaskDefinition RunTask
        StopTask TagResource UntagResource UpdateCluster UpdateService""".split(),
    "elbv2": """
        AddListenerCertificates AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup
        DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets DescribeListeners
        DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeRules DescribeTags
        DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth ModifyListener
        ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes RegisterTargets
        RemoveTags SetSecurityGroups SetSubnets""".split(),
    "cloudwatch": """
        DeleteAlarms DescribeAlarmHistory DescribeAlarms DescribeAlarmsForMetric DisableAlarmActions
        EnableAlarmActions GetMetricData GetMetricStatistics ListMetrics ListTagsForResource PutCompositeAlarm
        PutMetricAlarm PutMetricData SetAlarmState TagResource UntagResource""".split(),
    "ec2": """
        AttachVolume AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CopyImage CopySnapshot
        CreateSecurityGroup CreateSnapshot CreateSnapshots CreateTags CreateVolume DeleteSecurityGroup
        DeleteSnapshot DeleteTags DeleteVolume DescribeAvailabilityZones DescribeFastSnapshotRestores
        DescribeImages DescribeInstances DescribeRegions DescribeSecurityGroupRules DescribeSecurityGroups
        DescribeSnapshotAttribute DescribeSnapshots DescribeSubnets DescribeTags DescribeVolumes DescribeVpcs
        DetachVolume DisableFastSnapshotRestores EnableFastSnapshotRestores ModifySecurityGroupRules
        ModifySnapshotAttribute RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances
        TerminateInstances""".split(),
    "iam": """
        AttachRolePolicy CreateRole CreateServiceLinkedRole DeleteRole DeleteRolePolicy DetachRolePolicy GetRole
        GetRolePolicy GetUser ListAccountAliases ListAttachedRolePolicies ListRolePolicies ListRoles
        PutRolePolicy SimulatePrincipalPolicy UpdateAssumeRolePolicy""".split(),
    "dynamodb": """
        BatchGetItem BatchWriteItem CreateBackup CreateTable DeleteBackup DeleteItem DeleteResourcePolicy
        DeleteTable DescribeBackup DescribeContinuousBackups DescribeEndpoints DescribeGlobalTable
        DescribeGlobalTableSettings DescribeLimits DescribeTable DescribeTableReplicaAutoScaling
        DescribeTimeToLive GetItem GetResourcePolicy ListBackups ListGlobalTables ListTables ListTagsOfResource
        PutItem PutResourcePolicy Query RestoreTableFromBackup RestoreTableToPointInTime Scan TagResource
        TransactGetItems TransactWriteItems UntagResource UpdateContinuousBackups UpdateItem UpdateTable
        UpdateTimeToLive""".split(),
    "dynamodbstreams": ALL,
    "elasticache": """
        AddTagsToResource CopySnapshot CreateCacheSubnetGroup CreateGlobalReplicationGroup CreateReplicationGroup
        CreateSnapshot DecreaseNodeGroupsInGlobalReplicationGroup DeleteCacheSubnetGroup
        DeleteGlobalReplicationGroup DeleteReplicationGroup DeleteSnapshot DescribeCacheClusters
        DescribeCacheEngineVersions DescribeCacheParameterGroups DescribeCacheSubnetGroups DescribeEvents
        DescribeGlobalReplicationGroups DescribeReplicationGroups DescribeSnapshots
        DisassociateGlobalReplicationGroup FailoverGlobalReplicationGroup
        IncreaseNodeGroupsInGlobalReplicationGroup ListTagsForResource ModifyGlobalReplicationGroup
        ModifyReplicationGroup RebalanceSlotsInGlobalReplicationGroup RemoveTagsFromResource TestFailover""".split(),
    "efs": ALL,
    "datasync": """
        CancelTaskExecution CreateLocationEfs CreateLocationNfs CreateLocationS3 CreateTask DeleteLocation DeleteTask
        DescribeLocationEfs DescribeLocationNfs DescribeLocationS3 DescribeTask DescribeTaskExecution ListLocations
        ListTagsForResource ListTaskExecutions ListTasks StartTaskExecution TagResource UntagResource UpdateTask
        UpdateTaskExecution""".split(),
    "backup": """
        CreateBackupPlan CreateBackupSelection CreateBackupVault DeleteBackupPlan DeleteBackupSelection
        DeleteBackupVault DeleteBackupVaultLockConfiguration DeleteRecoveryPoint DescribeBackupJob
        DescribeBackupVault DescribeCopyJob DescribeProtectedResource DescribeRecoveryPoint DescribeRegionSettings
        DescribeRestoreJob GetBackupPlan GetBackupSelection GetRecoveryPointRestoreMetadata
        GetSupportedResourceTypes ListBackupJobs ListBackupPlanVersions ListBackupPlans ListBackupSelections
        ListBackupVaults ListCopyJobs ListProtectedResources ListRecoveryPointsByBackupVault
        ListRecoveryPointsByResource ListRestoreJobs ListTags PutBackupVaultAccessPolicy
        PutBackupVaultLockConfiguration StartBackupJob StartCopyJob StartRestoreJob StopBackupJob TagResource
        UntagResource UpdateBackupPlan UpdateRecoveryPointLifecycle UpdateRegionSettings""".split(),
    "kms": """
        CancelKeyDeletion CreateAlias CreateGrant CreateKey Decrypt DeleteAlias DescribeKey DisableKey EnableKey
        Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyPolicy ListAliases ListGrants ListKeyPolicies
        ListKeys ListResourceTags PutKeyPolicy ReEncrypt ReplicateKey ScheduleKeyDeletion Sign TagResource
        UntagResource UpdateAlias UpdatePrimaryRegion Verify""".split(),
    "secretsmanager": ALL,
    "s3": """
        AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload DeleteBucket
        DeleteBucketPolicy DeleteBucketReplication DeleteObject DeleteObjects GetBucketLocation GetBucketPolicy
        GetBucketReplication GetBucketVersioning GetObject GetObjectTagging HeadBucket HeadObject ListBuckets
        ListMultipartUploads ListObjectVersions ListObjectsV2 ListParts PutBucketPolicy PutBucketReplication
        PutBucketVersioning PutObject PutObjectTagging UploadPart""".split(),
    "s3control": "CreateJob DescribeJob ListJobs UpdateJobPriority UpdateJobStatus".split(),
    "application-autoscaling": """
        DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget DescribeScalableTargets
        DescribeScalingActivities DescribeScalingPolicies ListTagsForResource PutScalingPolicy
        RegisterScalableTarget TagResource UntagResource""".split(),
    "autoscaling": """
        CreateAutoScalingGroup DeleteAutoScalingGroup DescribeAutoScalingGroups DescribeAutoScalingInstances
        DescribeScalingActivities ResumeProcesses SetDesiredCapacity SuspendProcesses
        UpdateAutoScalingGroup""".split(),
    "arc-region-switch": ALL,
    "fis": """
        CreateExperimentTemplate DeleteExperimentTemplate GetAction GetExperiment GetExperimentTemplate
        GetSafetyLever ListActions ListExperimentTemplates ListExperiments ListTagsForResource StartExperiment
        StopExperiment TagResource UntagResource UpdateExperimentTemplate UpdateSafetyLeverState""".split(),
    "ssm": """
        DeleteParameter DeleteParameters DescribeParameters GetParameter GetParameters GetParametersByPath
        PutParameter""".split(),
}

# Hosts that do not follow {endpoint_prefix}.{region}.{dns_suffix}.
HOST_TEMPLATES = {"arc-region-switch": "arc-region-switch.{region}.api.aws"}
# Operations with a host of their own: (host, signing Region).
CONTROL_PLANE_HOSTS = {
    "arc-region-switch": ("arc-region-switch-control-plane.us-east-1.api.aws", "us-east-1"),
}
# Services whose partition endpoint is a real one and not a left-over of older SDKs.
GLOBAL_SERVICES = {"route53", "iam", "route53-recovery-control-config"}
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")

METADATA_KEYS = ("apiVersion", "endpointPrefix", "globalEndpoint", "jsonVersion", "protocol", "protocols", "serviceId",
                 "signingName", "targetPrefix", "xmlNamespace", "awsQueryCompatible")
OPERATION_KEYS = ("name", "http", "input", "output", "endpoint", "httpChecksum", "httpChecksumRequired", "auth",
                  "authtype", "unsignedPayload")
MEMBER_KEYS = ("shape", "location", "locationName", "queryName", "flattened", "xmlAttribute", "xmlNamespace",
               "timestampFormat", "idempotencyToken", "hostLabel", "jsonvalue")
SHAPE_KEYS = ("type", "required", "payload", "enum", "min", "max", "pattern", "error", "exception", "fault", "union",
              "document", "streaming", "flattened", "locationName", "timestampFormat", "xmlNamespace", "eventstream",
              "sensitive")


def pick(source, keys):
    # `0 in (None, False)` holds, and 0 is a bound like any other.
    return {key: source[key] for key in keys if key in source and source[key] is not None and source[key] is not False}


def trim_member(member):
    return pick(member, MEMBER_KEYS)


def trim_shape(shape):
    out = pick(shape, SHAPE_KEYS)
    if "members" in shape:
        out["members"] = {name: trim_member(member) for name, member in shape["members"].items()}
    for key in ("member", "key", "value"):
        if key in shape:
            out[key] = trim_member(shape[key])
    return out


def trim_operation(service, operation):
    out = pick(operation, OPERATION_KEYS)
    checksum = out.pop("httpChecksum", {})
    if checksum.get("requestChecksumRequired") or out.pop("httpChecksumRequired", False):
        out["checksumRequired"] = True
    if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
        out["unsigned"] = True
    out.pop("auth", None)
    out.pop("authtype", None)
    for side in ("input", "output"):
        if side in out:
            out[side].pop("documentation", None)
    out["errors"] = [error["shape"] for error in operation.get("errors", [])]
    uses_control_plane = operation.get("staticContextParams", {}).get("UseControlPlaneEndpoint", {})
    if uses_control_plane.get("value") and service in CONTROL_PLANE_HOSTS:
        out["host"], out["signingRegion"] = CONTROL_PLANE_HOSTS[service]
    return out


def reached_shapes(operations, shapes):
    queue = []
    for operation in operations.values():
        queue += [operation[side]["shape"] for side in ("input", "output") if side in operation]
        queue += operation["errors"]
    seen = set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = shapes[name]
        queue += [member["shape"] for member in shape.get("members", {}).values()]
        queue += [shape[key]["shape"] for key in ("member", "key", "value") if key in shape]
    return sorted(seen)


def as_list(value):
    return value if isinstance(value, list) else [value] if value is not None else []


def trim_pagination(entry):
    out = {"input_token": as_list(entry.get("input_token")), "output_token": as_list(entry.get("output_token")),
           "result_key": as_list(entry.get("result_key"))}
    return {**out, **pick(entry, ("limit_key", "more_results"))}


def trim_waiter(waiter):
    acceptors = [pick(a, ("state", "matcher", "argument")) | {"expected": a["expected"]} for a in waiter["acceptors"]]
    return {**pick(waiter, ("operation", "delay", "maxAttempts")), "acceptors": acceptors}


def partition_endpoints(service, endpoint_prefix, endpoints):
    out = {}
    if service not in GLOBAL_SERVICES:
        return out
    for partition in endpoints["partitions"]:
        entry = partition["services"].get(endpoint_prefix)
        if partition["partition"] not in PARTITIONS or entry is None:
            continue
        name = entry.get("partitionEndpoint") or next(iter(entry["endpoints"]))
        endpoint = entry["endpoints"][name]
        out[partition["partition"]] = {"host": endpoint["hostname"], "region": endpoint["credentialScope"]["region"]}
    return out


def load(folder, stem):
    for path in (folder / f"{stem}.json.gz", folder / f"{stem}.json"):
        if path.exists():
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return json.loads(text)
    return {}


def trim_service(service, wanted, data):
    folder = sorted(path for path in (data / service).iterdir() if path.is_dir())[-1]
    model = load(folder, "service-2")
    every = model["operations"]
    names = sorted(every) if wanted is ALL else sorted(name for name in wanted if name in every)
    operations = {name: trim_operation(service, every[name]) for name in names}
    unlisted = {name: {"method": op["http"]["method"], "uri": op["http"]["requestUri"]}
                for name, op in sorted(every.items()) if name not in operations}
    metadata = pick(model["metadata"], METADATA_KEYS)
    if "awsQueryCompatible" in model["metadata"]:
        metadata["awsQueryCompatible"] = True
    if service in HOST_TEMPLATES:
        metadata["hostTemplate"] = HOST_TEMPLATES[service]
    endpoints = partition_endpoints(service, metadata["endpointPrefix"], load(data, "endpoints"))
    if endpoints:
        metadata["partitionEndpoints"] = endpoints
    pagination = load(folder, "paginators-1").get("pagination", {})
    waiters = load(folder, "waiters-2").get("waiters", {})
    return {
        "metadata": metadata,
        "operations": operations,
        "unlisted": unlisted,
        "shapes": {name: trim_shape(model["shapes"][name]) for name in reached_shapes(operations, model["shapes"])},
        "pagination": {name: trim_pagination(entry) for name, entry in sorted(pagination.items()) if name in operations},
        "waiters": {name: trim_waiter(entry) for name, entry in sorted(waiters.items())
                    if entry["operation"] in operations},
    }


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def render(trimmed):
    lines = ["{", f'"metadata":{compact(trimmed["metadata"])},']
    sections = [key for key in trimmed if key != "metadata"]
    for section in sections:
        lines.append(f'"{section}":{{')
        entries = list(trimmed[section].items())
        for index, (name, entry) in enumerate(entries):
            comma = "," if index + 1 < len(entries) else ""
            lines.append(f"{compact(name)}:{compact(entry)}{comma}")
        lines.append("}" if section == sections[-1] else "},")
    lines.append("}")
    return "\n".join(lines) + "\n"


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    data = pathlib.Path(arguments[1])
    if not (data / "endpoints.json").exists() and not (data / "endpoints.json.gz").exists():
        print(f"{data}: not botocore's data folder (it has no endpoints.json)", file=sys.stderr)
        return 2
    target = pathlib.Path(__file__).resolve().parent.parent / "aws_models"
    for service in arguments[2:] or sorted(SERVICES):
        folder = target / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.json").write_text(render(trim_service(service, SERVICES[service], data)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

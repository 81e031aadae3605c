// DataSync with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone: a task copies files to the other Region.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import {
  CreateLocationEfsCommand, CreateTaskCommand, DataSyncClient, DescribeTaskExecutionCommand, StartTaskExecutionCommand,
} from "@aws-sdk/client-datasync";
import {
  CreateFileSystemCommand, CreateMountTargetCommand, DescribeFileSystemsCommand, DescribeMountTargetSecurityGroupsCommand,
  DescribeMountTargetsCommand, EFSClient,
} from "@aws-sdk/client-efs";

import { away, home, refused, until } from "./tools.mjs";
import { account, read, write } from "./trees.mjs";

const clients = [];
const made = (client) => (clients.push(client), client);
const efs = Object.fromEntries([home, away].map((region) => [region, made(new EFSClient({ region }))]));
const datasync = Object.fromEntries([home, away].map((region) => [region, made(new DataSyncClient({ region }))]));
test.after(() => clients.forEach((client) => client.destroy()));

// Of the default VPC, whose ids are the same in every lab (lab/services/ec2_vpc.h).
const subnetOf = (region) =>
  `subnet-${createHash("sha256").update(`${account}/${region}/${region}a`).digest("hex").slice(0, 17)}`;

async function location(region) {
  const { FileSystemId: id } = await efs[region].send(new CreateFileSystemCommand({ CreationToken: `files of ${region}` }));
  await until("a file system", 20, async () =>
    (await efs[region].send(new DescribeFileSystemsCommand({ FileSystemId: id }))).FileSystems[0].LifeCycleState === "available");
  const { MountTargetId } = await efs[region].send(new CreateMountTargetCommand({ FileSystemId: id, SubnetId: subnetOf(region) }));
  await until("a mount target", 20, async () =>
    (await efs[region].send(new DescribeMountTargetsCommand({ MountTargetId }))).MountTargets[0].LifeCycleState === "available");
  const { SecurityGroups } = await efs[region].send(new DescribeMountTargetSecurityGroupsCommand({ MountTargetId }));
  const { LocationArn } = await datasync[region].send(new CreateLocationEfsCommand({
    EfsFilesystemArn: `arn:aws:elasticfilesystem:${region}:${account}:file-system/${id}`,
    Ec2Config: {
      SubnetArn: `arn:aws:ec2:${region}:${account}:subnet/${subnetOf(region)}`,
      SecurityGroupArns: SecurityGroups.map((group) => `arn:aws:ec2:${region}:${account}:security-group/${group}`),
    },
  }));
  return { id, LocationArn };
}

test("a task copies what there is, at most once an hour by itself", async () => {
  const [source, target] = [await location(home), await location(away)];
  write(home, source.id, "a/b", "text");
  write(away, target.id, "extra", "removed, as the options say");
  const task = (every) => new CreateTaskCommand({
    SourceLocationArn: source.LocationArn, DestinationLocationArn: target.LocationArn, Name: "EFS-DR-Replication",
    Options: { VerifyMode: "POINT_IN_TIME_CONSISTENT", PreserveDeletedFiles: "REMOVE", BytesPerSecond: 125829120 },
    Schedule: { ScheduleExpression: every },
  });
  assert.match(await refused("InvalidRequestException", 400, datasync[home].send(task("rate(5 minutes)"))), /1 hour/);
  const { TaskArn } = await datasync[away].send(task("rate(1 hour)"));
  const { TaskExecutionArn } = await datasync[away].send(new StartTaskExecutionCommand({ TaskArn }));
  const seen = await until("an execution", 30, async () => {
    const now = await datasync[away].send(new DescribeTaskExecutionCommand({ TaskExecutionArn }));
    return ["SUCCESS", "ERROR"].includes(now.Status) ? now : null;
  });
  assert.deepEqual([seen.Status, seen.FilesTransferred, seen.FilesDeleted, seen.FilesVerified], ["SUCCESS", 1, 1, 1]);
  assert.deepEqual([read(away, target.id, "a/b"), read(away, target.id, "extra")], ["text", null]);
});

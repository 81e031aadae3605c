// EFS with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone: a file system is replicated, failed over and back.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CreateFileSystemCommand, CreateReplicationConfigurationCommand, DeleteFileSystemCommand, DeleteReplicationConfigurationCommand,
  DescribeFileSystemsCommand, DescribeReplicationConfigurationsCommand, EFSClient, UpdateFileSystemProtectionCommand,
} from "@aws-sdk/client-efs";

import { away, home, refused, until } from "./tools.mjs";
import { read, write } from "./trees.mjs";

const [efs, efsAway] = [home, away].map((region) => new EFSClient({ region }));
test.after(() => [efs, efsAway].forEach((client) => client.destroy()));

const look = async (client, id) =>
  (await client.send(new DescribeFileSystemsCommand({ FileSystemId: id }))).FileSystems[0];
const replications = async (client) =>
  (await client.send(new DescribeReplicationConfigurationsCommand({}))).Replications;
const enabled = (client) => until("a replication", 30, async () =>
  (await replications(client))[0]?.Destinations[0].Status === "ENABLED");
const replicate = (client, id, destination) => client.send(new CreateReplicationConfigurationCommand({
  SourceFileSystemId: id, Destinations: [destination] }));

test("a file system is replicated, failed over and back", async () => {
  const { FileSystemId: source } = await efs.send(new CreateFileSystemCommand({ CreationToken: "shared-data", Encrypted: true }));
  await until("a file system", 20, async () => (await look(efs, source)).LifeCycleState === "available");
  const again = efs.send(new CreateFileSystemCommand({ CreationToken: "shared-data" }));
  assert.equal((await again.catch((error) => error)).FileSystemId, source);
  write(home, source, "a/b", "before");

  // As the article has it.
  const wrong = { Region: away, AvailabilityZoneName: `${away}a`, KmsKeyId: "alias/aws/efs" };
  assert.match(await refused("BadRequest", 400, replicate(efs, source, wrong)), /alias\/aws\/elasticfilesystem/);
  const { Destinations: [{ FileSystemId: destination }] } = await replicate(efs, source, { Region: away });
  await Promise.all([enabled(efs), enabled(efsAway)]);
  assert.equal(read(away, destination, "a/b"), "before");
  assert.ok((await replications(efs))[0].Destinations[0].LastReplicatedTimestamp instanceof Date);
  await refused("FileSystemInUse", 409, efsAway.send(new DeleteFileSystemCommand({ FileSystemId: destination })));

  await efsAway.send(new DeleteReplicationConfigurationCommand({ SourceFileSystemId: source }));
  for (const client of [efs, efsAway]) {
    await until("no replication", 20, async () => (await replications(client)).length === 0);
  }
  write(away, destination, "made-away", "away");
  const back = { Region: home, FileSystemId: source };
  await refused("ConflictException", 409, replicate(efsAway, destination, back));
  await efs.send(new UpdateFileSystemProtectionCommand({ FileSystemId: source, ReplicationOverwriteProtection: "DISABLED" }));
  await replicate(efsAway, destination, back);
  await enabled(efsAway);
  assert.equal(read(home, source, "made-away"), "away");
  assert.equal((await look(efs, source)).FileSystemProtection.ReplicationOverwriteProtection, "REPLICATING");
});

// DynamoDB with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone: a table of sessions in three Regions.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CreateGlobalTableCommand, CreateTableCommand, DescribeContinuousBackupsCommand, DescribeTableCommand, DescribeTimeToLiveCommand,
  DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, TransactWriteItemsCommand, UpdateContinuousBackupsCommand,
  UpdateItemCommand, UpdateTableCommand, UpdateTimeToLiveCommand, waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";

import { away, home, refused, until } from "./tools.mjs";

const third = "eu-west-1";
const regions = [home, away, third];
const clients = Object.fromEntries(regions.map((region) => [region, new DynamoDBClient({ region })]));
const streams = new DynamoDBStreamsClient({ region: away });
test.after(() => [...Object.values(clients), streams].forEach((client) => client.destroy()));

const TableName = "user-sessions";
const key = (pk) => ({ PK: { S: pk }, SK: { S: "profile" } });
const send = (region, command) => clients[region].send(command);
const table = async (region) => (await send(region, new DescribeTableCommand({ TableName }))).Table;
const item = async (region, pk) => (await send(region, new GetItemCommand({ TableName, Key: key(pk) }))).Item;
const put = (region, pk, attributes = {}) => send(region, new PutItemCommand({ TableName, Item: { ...key(pk), ...attributes } }));

test("a table in three Regions takes writes in each", async () => {
  await send(home, new CreateTableCommand({
    TableName, BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "PK", AttributeType: "S" }, { AttributeName: "SK", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "PK", KeyType: "HASH" }, { AttributeName: "SK", KeyType: "RANGE" }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" } }));
  const waited = await waitUntilTableExists({ client: clients[home], maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { TableName });
  assert.equal(waited.state, "SUCCESS");
  await mistakes();
  for (const RegionName of [away, third]) await replicate(RegionName);

  for (const region of regions) {
    await put(region, `from-${region}`, { note: { S: region }, bytes: { B: new Uint8Array([0, 255]) } });
    for (const other of regions) await until(`an item of ${region} in ${other}`, 60, async () => (await item(other, `from-${region}`))?.note.S === region);
  }
  assert.deepEqual([...(await item(third, `from-${home}`)).bytes.B], [0, 255]);
  await send(away, new UpdateItemCommand({
    TableName, Key: key(`from-${home}`), UpdateExpression: "SET note = :n", ExpressionAttributeValues: { ":n": { S: "changed" } } }));
  await until("a change at home", 60, async () => (await item(home, `from-${home}`)).note.S === "changed");
  const { Count } = await send(third, new QueryCommand({
    TableName, KeyConditionExpression: "PK = :p", ExpressionAttributeValues: { ":p": { S: `from-${away}` } } }));
  assert.equal(Count, 1);
  await conditions();
  await timeToLive();
  await recovery();
  await records();
});

// The article's call is the 2017 version's; and replicas are made one a call, elsewhere.
async function mistakes() {
  const call = new CreateGlobalTableCommand({ GlobalTableName: TableName, ReplicationGroup: regions.map((RegionName) => ({ RegionName })) });
  const error = await send(home, call).then(() => assert.fail("not refused"), (reason) => reason);
  assert.match(error.name, /^(TableNotFoundException|UnknownOperationException)$/);
  await refused("ResourceNotFoundException", 400, table(away));
  const update = (...created) => send(home, new UpdateTableCommand({ TableName, ReplicaUpdates: created.map((RegionName) => ({ Create: { RegionName } })) }));
  await refused("ValidationException", 400, update(home));
  await refused("ValidationException", 400, update(away, third));
  await refused("ResourceInUseException", 400, send(home, new CreateTableCommand({
    TableName, BillingMode: "PAY_PER_REQUEST", AttributeDefinitions: [{ AttributeName: "PK", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "PK", KeyType: "HASH" }] })));
}

async function replicate(RegionName) {
  await send(home, new UpdateTableCommand({ TableName, ReplicaUpdates: [{ Create: { RegionName } }] }));
  await until(`an active replica in ${RegionName}`, 60, async () => {
    const { Replicas = [], TableStatus } = await table(home);
    return TableStatus === "ACTIVE" && Replicas.some((one) => one.RegionName === RegionName && one.ReplicaStatus === "ACTIVE");
  });
  const there = await table(RegionName);
  assert.deepEqual([there.TableStatus, there.GlobalTableVersion], ["ACTIVE", "2019.11.21"]);
}

async function conditions() {
  const check = { TableName, Key: key("absent"), ConditionExpression: "attribute_exists(PK)" };
  const write = new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName, Item: key("never") } }, { ConditionCheck: check }] });
  const error = await send(away, write).then(() => assert.fail("not refused"), (reason) => reason);
  assert.equal(error.name, "TransactionCanceledException");
  assert.deepEqual(error.CancellationReasons.map((reason) => reason.Code), ["None", "ConditionalCheckFailed"]);
  const message = await refused("ConditionalCheckFailedException", 400, send(away, new PutItemCommand({
    TableName, Item: key("never"), ConditionExpression: "attribute_exists(PK)" })));
  assert.equal(message, "The conditional request failed");
  assert.equal(await item(away, "never"), undefined);
}

async function timeToLive() {
  await send(home, new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: "expires" } }));
  await until("time to live elsewhere", 60, async () =>
    (await send(third, new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription.TimeToLiveStatus === "ENABLED");
  await put(home, "session", { expires: { N: String(Math.floor(Date.now() / 1000) - 60) } });
  for (const region of regions) await until(`the end of an old session in ${region}`, 60, async () => !(await item(region, "session")));
}

// Each Region has to turn it on for itself.
async function recovery() {
  await send(away, new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }));
  const told = await Promise.all(regions.map(async (region) =>
    (await send(region, new DescribeContinuousBackupsCommand({ TableName }))).ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus));
  assert.deepEqual(told, ["DISABLED", "ENABLED", "DISABLED"]);
}

async function records() {
  const { LatestStreamArn: StreamArn } = await table(away);
  const { StreamDescription: { Shards } } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const told = new Set();
  for (const { ShardId } of Shards) {
    const { ShardIterator } = await streams.send(new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" }));
    const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
    for (const record of Records) told.add(record.dynamodb.Keys.PK.S);
  }
  for (const region of regions) assert.ok(told.has(`from-${region}`), [...told].join());
}

// ElastiCache with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone: a Global Datastore moves its writer.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CreateGlobalReplicationGroupCommand, CreateReplicationGroupCommand, DeleteGlobalReplicationGroupCommand,
  DeleteReplicationGroupCommand, DescribeGlobalReplicationGroupsCommand, DescribeReplicationGroupsCommand,
  DisassociateGlobalReplicationGroupCommand, ElastiCacheClient, FailoverGlobalReplicationGroupCommand,
  waitUntilReplicationGroupAvailable,
} from "@aws-sdk/client-elasticache";

import { away, home, redis, refused, until } from "./tools.mjs";

const [cache, cacheAway] = [home, away].map((region) => new ElastiCacheClient({ region }));
test.after(() => [cache, cacheAway].forEach((client) => client.destroy()));

const writer = async (client, id) => {
  const waiting = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  assert.equal((await waitUntilReplicationGroupAvailable(waiting, { ReplicationGroupId: id })).state, "SUCCESS");
  const [group] = (await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))).ReplicationGroups;
  return group.NodeGroups[0].PrimaryEndpoint;
};

const settled = (client, id, status, roles) => until(`${id} ${status}: ${JSON.stringify(roles)}`, 60, async () => {
  const [one] = (await client.send(new DescribeGlobalReplicationGroupsCommand({
    GlobalReplicationGroupId: id, ShowMemberInfo: true }))).GlobalReplicationGroups;
  const now = Object.fromEntries(one.Members.map((member) => [member.ReplicationGroupRegion, member.Role]));
  return one.Status === status && Object.keys(roles).every((region) => now[region] === roles[region]);
});

test("a datastore is made, failed over and taken apart", async () => {
  await cache.send(new CreateReplicationGroupCommand({
    ReplicationGroupId: "sessions", ReplicationGroupDescription: "sessions", Engine: "redis", CacheNodeType: "cache.r6g.large",
    NumCacheClusters: 2, AutomaticFailoverEnabled: true }));
  const here = await writer(cache, "sessions");
  assert.equal(redis(here, "set", "user:1", "ana"), "OK");
  const { GlobalReplicationGroup: made } = await cache.send(new CreateGlobalReplicationGroupCommand({
    GlobalReplicationGroupIdSuffix: "sessions", PrimaryReplicationGroupId: "sessions" }));
  const id = made.GlobalReplicationGroupId;
  await settled(cache, id, "primary-only", { [home]: "PRIMARY" });
  await mistakes(id);

  await cacheAway.send(new CreateReplicationGroupCommand({
    ReplicationGroupId: "sessions-dr", ReplicationGroupDescription: "away", GlobalReplicationGroupId: id }));
  const there = await writer(cacheAway, "sessions-dr");
  await settled(cache, id, "available", { [home]: "PRIMARY", [away]: "SECONDARY" });
  await until("the primary's key in the secondary", 20, () => redis(there, "get", "user:1") === "ana");
  assert.match(redis(there, "set", "user:1", "eva"), /READONLY/);

  const promote = new FailoverGlobalReplicationGroupCommand({
    GlobalReplicationGroupId: id, PrimaryRegion: away, PrimaryReplicationGroupId: "sessions-dr" });
  await cacheAway.send(promote);
  await until("a writer away", 20, () => redis(there, "set", "writer", away) === "OK");
  await settled(cache, id, "available", { [home]: "SECONDARY", [away]: "PRIMARY" });
  await until("the new writer's key at home", 20, () => redis(here, "get", "writer") === away);
  assert.match(redis(here, "set", "writer", home), /READONLY/);
  await refused("InvalidParameterValueException", 400, cacheAway.send(promote));
  await apart(id);
});

async function mistakes(id) {
  const group = { ReplicationGroupId: "wrong", ReplicationGroupDescription: "wrong" };
  const message = await refused("InvalidParameterValueException", 400, cache.send(new CreateReplicationGroupCommand({
    ...group, Engine: "memcached", CacheNodeType: "cache.r6g.large" })));
  assert.match(message, /memcached/);
  await refused("InvalidParameterCombinationException", 400, cacheAway.send(new CreateReplicationGroupCommand({
    ...group, GlobalReplicationGroupId: id, Engine: "redis", CacheNodeType: "cache.r6g.large" })));
  await refused("InvalidReplicationGroupStateFault", 400, cache.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: "sessions" })));
  await refused("ReplicationGroupNotFoundFault", 404, cache.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: "absent" })));
}

async function apart(id) {
  const remove = new DeleteGlobalReplicationGroupCommand({ GlobalReplicationGroupId: id, RetainPrimaryReplicationGroup: true });
  await refused("InvalidGlobalReplicationGroupStateFault", 400, cacheAway.send(remove));
  await cacheAway.send(new DisassociateGlobalReplicationGroupCommand({
    GlobalReplicationGroupId: id, ReplicationGroupId: "sessions", ReplicationGroupRegion: home }));
  await settled(cacheAway, id, "primary-only", { [away]: "PRIMARY" });
  await until("a writer of its own at home", 20, async () => redis(await writer(cache, "sessions"), "set", "alone", "1") === "OK");
  await cacheAway.send(remove);
  await until("the end of the datastore", 20, () => cacheAway.send(new DescribeGlobalReplicationGroupsCommand({
    GlobalReplicationGroupId: id })).then(() => false, (error) => error.name === "GlobalReplicationGroupNotFoundFault"));
}

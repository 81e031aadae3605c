// RDS with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CreateDBInstanceCommand, CreateDBInstanceReadReplicaCommand, DescribeDBInstancesCommand, ModifyDBInstanceCommand,
  PromoteReadReplicaCommand, RDSClient, StopDBInstanceCommand, waitUntilDBInstanceAvailable,
} from "@aws-sdk/client-rds";

import { away, home, listenIn, password, psql, refused, until } from "./tools.mjs";

const wire = await listenIn();
const [rds, rdsAway] = [home, away].map((region) => new RDSClient({ region }));
const look = async (client, id) => (await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }))).DBInstances[0];
const available = async (client, id) => {
  const waiting = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  assert.equal((await waitUntilDBInstanceAvailable(waiting, { DBInstanceIdentifier: id })).state, "SUCCESS");
  return look(client, id);
};

test("a replica in another Region is made and promoted", async () => {
  await rds.send(new CreateDBInstanceCommand({
    DBInstanceIdentifier: "production-db", Engine: "postgres", DBInstanceClass: "db.t3.medium", AllocatedStorage: 20,
    MasterUsername: "shop", MasterUserPassword: password, DBName: "shop", BackupRetentionPeriod: 7 }));
  const source = await available(rds, "production-db");
  psql(source, "create table orders(id int primary key); insert into orders select generate_series(1, 100)");
  await refused("DBInstanceNotFoundFault", 404, look(rds, "absent"));
  await logExports();

  await rdsAway.send(new CreateDBInstanceReadReplicaCommand({
    DBInstanceIdentifier: "production-db-dr", SourceDBInstanceIdentifier: source.DBInstanceArn, CopyTagsToSnapshot: true,
    PubliclyAccessible: false }));
  const replica = await available(rdsAway, "production-db-dr");
  assert.equal(replica.ReadReplicaSourceDBInstanceIdentifier, source.DBInstanceArn);
  assert.equal(replica.StatusInfos[0].Status, "replicating");
  await until("the source's rows in the replica", 20, () => psql(replica, "select count(*) from orders") === "100");
  assert.throws(() => psql(replica, "insert into orders values (101)"), /read-only/);
  await refused("InvalidDBInstanceStateFault", 400, rds.send(new StopDBInstanceCommand({ DBInstanceIdentifier: "production-db" })));

  const promote = new PromoteReadReplicaCommand({
    DBInstanceIdentifier: "production-db-dr", BackupRetentionPeriod: 7, PreferredBackupWindow: "03:00-04:00" });
  await rdsAway.send(promote);
  const promoted = await until("an available instance without a source", 60, async () => {
    const now = await look(rdsAway, "production-db-dr");
    return now.DBInstanceStatus === "available" && !now.ReadReplicaSourceDBInstanceIdentifier && now;
  });
  psql(promoted, "insert into orders values (101)");
  assert.equal(psql(promoted, "select max(id), pg_is_in_recovery() from orders"), "101|f");
  await refused("InvalidDBInstanceStateFault", 400, rdsAway.send(promote));
});

// The SDK refuses nothing by itself: it leaves out what the operation does not have. The log types are another engine's.
async function logExports() {
  const modify = (members) => rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: "production-db", ...members }));
  await modify({ EnableCloudwatchLogsExports: ["audit", "error", "slowquery"] });
  assert.match(wire.heard.at(-1), /Action=ModifyDBInstance/);
  assert.doesNotMatch(wire.heard.at(-1), /EnableCloudwatchLogsExports/);
  const message = await refused("InvalidParameterCombination", 400, modify({
    CloudwatchLogsExportConfiguration: { EnableLogTypes: ["audit", "error", "slowquery"] } }));
  assert.match(message, /audit/);
}

test.after(() => [rds, rdsAway].forEach((client) => client.destroy()));

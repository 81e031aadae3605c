// Route 53 with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import {
  ChangeResourceRecordSetsCommand, CreateHealthCheckCommand, CreateHostedZoneCommand, GetHealthCheckStatusCommand, Route53Client,
  waitUntilResourceRecordSetsChanged,
} from "@aws-sdk/client-route-53";

import { curl, dig, home, refused, until } from "./tools.mjs";

const name = "api.example.net";
const route53 = new Route53Client({ region: home });
test.after(() => route53.destroy());

/** A web site in this process that answers its own address. */
async function site(address, port = 0) {
  const server = createServer((_, response) => response.end(address)).unref();
  await new Promise((resolve, reject) => server.on("error", reject).listen(port, address, resolve));
  return server;
}

const close = (server) => new Promise((resolve) => {
  server.close(resolve);
  server.closeAllConnections();
});

const check = async (address, port) => (await route53.send(new CreateHealthCheckCommand({
  CallerReference: address, HealthCheckConfig: {
    IPAddress: address, Port: port, Type: "HTTP", ResourcePath: "/health", RequestInterval: 10, FailureThreshold: 1 } }))).HealthCheck.Id;

const change = (zone, ...sets) => route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: {
  Changes: sets.map((set) => ({ Action: "UPSERT", ResourceRecordSet: { Name: name, Type: "A", SetIdentifier: set.Failover, ...set } })) } }));

test("the name follows the health checks", async () => {
  const primary = await site("127.0.0.2");
  const { port } = primary.address();
  const secondary = await site("127.0.0.3", port);
  const zone = (await route53.send(new CreateHostedZoneCommand({ Name: "example.net", CallerReference: "zone" }))).HostedZone.Id;
  const checks = [await check("127.0.0.2", port), await check("127.0.0.3", port)];
  const record = (Failover, address, HealthCheckId) => ({ Failover, HealthCheckId, TTL: 1, ResourceRecords: [{ Value: address }] });
  const { ChangeInfo } = await change(zone, record("PRIMARY", "127.0.0.2", checks[0]), record("SECONDARY", "127.0.0.3", checks[1]));
  assert.equal(ChangeInfo.Status, "PENDING");
  await waitUntilResourceRecordSetsChanged({ client: route53, maxWaitTime: 70, minDelay: 1, maxDelay: 1 }, { Id: ChangeInfo.Id });
  for (const transport of ["+notcp", "+tcp"]) assert.deepEqual(dig(name, transport), ["127.0.0.2"]);
  assert.equal(await curl(name, port, "/"), "127.0.0.2");

  await close(primary);
  await mistakes(zone);
  await until("the other address, the check having failed", 30, () => dig(name)[0] === "127.0.0.3");
  assert.deepEqual(dig(name, "+tcp"), ["127.0.0.3"]);
  assert.equal(await curl(name, port, "/"), "127.0.0.3");
  const seen = (await route53.send(new GetHealthCheckStatusCommand({ HealthCheckId: checks[0] }))).HealthCheckObservations;
  assert.ok(seen.some((one) => one.StatusReport.Status.startsWith("Failure: ")), JSON.stringify(seen));
  await close(secondary);
});

async function mistakes(zone) {
  const elb = "primary-elb-1234567890.us-east-1.elb.amazonaws.com";
  await refused("InvalidInput", 400, route53.send(new CreateHealthCheckCommand({ CallerReference: "article", HealthCheckConfig: {
    IPAddress: elb, Port: 443, Type: "HTTPS", ResourcePath: "/health", RequestInterval: 30, FailureThreshold: 2,
    MeasureLatency: true, EnableSNI: true } })));
  await refused("InvalidChangeBatch", 400, change(zone, { Failover: "PRIMARY", AliasTarget: {
    HostedZoneId: "Z2FDTNDATAQYW2", DNSName: elb, EvaluateTargetHealth: true } }));
}

// CloudWatch with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone, in each of the three protocols that it speaks.
// Which one a request was really in is read off the wire.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CloudWatchClient, DescribeAlarmsCommand, GetMetricDataCommand, PutMetricAlarmCommand, PutMetricDataCommand, SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";

import { home, listenIn, refused, until } from "./tools.mjs";

const wire = await listenIn();
const protocols = {
  "JSON 1.0, which this version chooses by itself": [{}, /^POST \/ .*content-type: application\/x-amz-json-1\.0/is],
  // Not compressed: this version then sends the length of what it had before.
  CBOR: [{ protocol: AwsSmithyRpcV2CborProtocol, disableRequestCompression: true }, /^POST \/service\/GraniteServiceVersion20100801\/operation\/\w+ .*smithy-protocol: rpc-v2-cbor/is],
  query: [{ protocol: AwsQueryProtocol }, /^POST \/ .*content-type: application\/x-www-form-urlencoded/is],
};

for (const [name, [options, onTheWire]] of Object.entries(protocols)) {
  test(`data comes back and an alarm really evaluates: ${name}`, async (t) => {
    const cloudwatch = new CloudWatchClient({ region: home, ...options });
    t.after(() => cloudwatch.destroy());
    const from = wire.heard.length;
    const namespace = `shop/${name.split(",")[0]}`;
    await data(cloudwatch, namespace);
    if (!options.disableRequestCompression) assert.match(wire.heard.slice(from).join(), /content-encoding: gzip/i);
    await alarm(cloudwatch, namespace);
    await refused("ResourceNotFound", 404, cloudwatch.send(new SetAlarmStateCommand({
      AlarmName: "absent", StateValue: "OK", StateReason: "asked" })));
    const requests = wire.heard.slice(from);
    assert.ok(requests.length >= 5, `${requests.length} requests heard`);
    for (const request of requests) assert.match(request, onTheWire);
  });
}

async function data(cloudwatch, Namespace) {
  const now = new Date();
  const lag = (Value) => ({ MetricName: "lag", Value, Unit: "Seconds", Timestamp: now, Dimensions: [{ Name: "db", Value: "orders" }] });
  await cloudwatch.send(new PutMetricDataCommand({ Namespace, MetricData: [lag(41.5), lag(3)] }));
  const many = Array.from({ length: 200 }, (_, i) => ({ ...lag(i), MetricName: "many" }));
  await cloudwatch.send(new PutMetricDataCommand({ Namespace, MetricData: many }));
  const ask = (Id, MetricName, Stat) => ({ Id, MetricStat: { Period: 60, Stat, Metric: {
    Namespace, MetricName, Dimensions: [{ Name: "db", Value: "orders" }] } } });
  const answer = await cloudwatch.send(new GetMetricDataCommand({
    MetricDataQueries: [ask("most", "lag", "Maximum"), ask("count", "many", "SampleCount")],
    StartTime: new Date(now - 300e3), EndTime: new Date(now.getTime() + 300e3) }));
  const [most, count] = answer.MetricDataResults;
  assert.deepEqual([most.Id, most.Values, count.Values], ["most", [41.5], [200]]);
  assert.ok(most.Timestamps[0] instanceof Date && Math.abs(most.Timestamps[0] - now) <= 60e3, String(most.Timestamps[0]));
}

async function alarm(cloudwatch, Namespace) {
  const AlarmName = `lag of ${Namespace}`;
  await cloudwatch.send(new PutMetricAlarmCommand({ AlarmName, Namespace, MetricName: "lag", Statistic: "Maximum", Period: 60,
    Dimensions: [{ Name: "db", Value: "orders" }], EvaluationPeriods: 1, Threshold: 10,
    ComparisonOperator: "GreaterThanThreshold" }));
  const seen = await until("ALARM", 60, async () => {
    const [one] = (await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: [AlarmName] }))).MetricAlarms;
    return one.StateValue === "ALARM" && one;
  });
  assert.match(seen.StateReason, /^Threshold Crossed: 1 out of the last 1 datapoints /);
}

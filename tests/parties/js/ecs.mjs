// ECS with the AWS SDK for JavaScript, found by AWS_ENDPOINT_URL alone: tasks are processes that come, answer and go.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  CreateClusterCommand, CreateServiceCommand, DescribeServicesCommand, DescribeTasksCommand, ECSClient, ListTasksCommand,
  RegisterTaskDefinitionCommand, StopTaskCommand, UpdateServiceCommand,
} from "@aws-sdk/client-ecs";

import { away, refused, until } from "./tools.mjs";

const ecs = new ECSClient({ region: away });
test.after(() => ecs.destroy());
const service = { cluster: "shop", service: "web" };
const source = readFileSync(new URL("app.py", import.meta.url), "utf8");

const running = (count) => until(`${count} running`, 60, async () => {
  const [web] = (await ecs.send(new DescribeServicesCommand({ cluster: "shop", services: ["web"] }))).services;
  return web.runningCount === count && web.pendingCount === 0 && web;
});

async function tasks() {
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: "shop", serviceName: "web" }));
  return taskArns.length === 0 ? [] : (await ecs.send(new DescribeTasksCommand({ cluster: "shop", tasks: taskArns }))).tasks;
}

const address = (task) => task.attachments[0].details.find((one) => one.name === "privateIPv4Address").value;

function ask(host) {
  try {
    return execFileSync("curl", ["-sS", "--max-time", "2", `http://${host}:8080/`], { encoding: "utf8", stdio: "pipe" });
  } catch {
    return "nothing";
  }
}

test("a service's tasks are processes that answer, come back and go", async () => {
  await ecs.send(new CreateClusterCommand({ clusterName: "shop" }));
  const { taskDefinition } = await ecs.send(new RegisterTaskDefinitionCommand({ family: "web", containerDefinitions: [{
    name: "web", image: "web:1", memory: 64, command: ["/usr/bin/python3", "-c", source], portMappings: [{ containerPort: 8080 }] }] }));
  assert.match(taskDefinition.taskDefinitionArn, /^arn:aws:ecs:us-west-2:\d{12}:task-definition\/web:1$/);
  await ecs.send(new CreateServiceCommand({ cluster: "shop", serviceName: "web", taskDefinition: "web", desiredCount: 1 }));
  await running(1);
  await ecs.send(new UpdateServiceCommand({ ...service, desiredCount: 3 }));
  await running(3);
  const three = await tasks();
  assert.equal(new Set(three.map(address)).size, 3);
  for (const task of three) await until("an answer of each task", 20, () => ask(address(task)) === away);

  // One that is stopped is replaced; its like comes with an id of its own.
  await ecs.send(new StopTaskCommand({ cluster: "shop", task: three[0].taskArn, reason: "to see it come back" }));
  await until("another in its place", 30, async () => {
    const now = (await tasks()).filter((task) => task.lastStatus === "RUNNING").map((task) => task.taskArn);
    return now.length === 3 && !now.includes(three[0].taskArn);
  });
  const last = await tasks();
  await ecs.send(new UpdateServiceCommand({ ...service, desiredCount: 0 }));
  await running(0);
  for (const task of last) await until("silence of each task", 20, () => ask(address(task)) === "nothing");
});

test("what is not there is refused by name", async () => {
  await refused("ServiceNotFoundException", 400, ecs.send(new UpdateServiceCommand({ cluster: "shop", service: "absent", desiredCount: 1 })));
  await refused("ClusterNotFoundException", 400, ecs.send(new UpdateServiceCommand({ ...service, cluster: "absent", desiredCount: 1 })));
});

// What a person looks with, waiting for a thing by looking again, and a listener on the wire.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

export const [home, away] = ["us-east-1", "us-west-2"];
export const password = "correct-horse-battery";

/** Looks until `condition` answers something true, and answers that; fails by name after `seconds`. */
export async function until(what, seconds, condition) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${what}`);
    await pause(100);
  }
}

/** Checks that the call is refused with the error `name`, as the service's own fault or the caller's; answers its message. */
export async function refused(name, status, promise) {
  const error = await promise.then(() => assert.fail(`not refused with ${name}`), (reason) => reason);
  assert.deepEqual([error.name, error.$fault, error.$metadata?.httpStatusCode], [name, "client", status], error.message);
  return error.message;
}

const run = (program, parameters) => execFileSync(program, parameters, { encoding: "utf8", timeout: 20_000, stdio: "pipe" }).trim();

export function psql({ Endpoint: { Address, Port } }, sql) {
  process.env.PGPASSWORD = password;
  return run("psql", ["-h", Address, "-p", Port, "-U", "shop", "-d", "shop", "-AtXq", "-c", sql]);
}

/** The answer of redis-cli, or of the server behind it when that refuses. */
export function redis({ Address, Port }, ...command) {
  return run("timeout", ["5", "redis-cli", "-h", Address, "-p", String(Port), ...command]);
}

export function dig(name, ...options) {
  const [host, port] = process.env.LAB_DNS.split(":");
  return run("dig", [`@${host}`, "-p", port, "+short", "+time=2", "+tries=1", ...options, name, "A"]).split("\n");
}

/** As a visitor would: the address of `name` is the one that the lab's DNS answers now. The site may be in this process. */
export async function curl(name, port, path) {
  const address = `${name}:${port}:${dig(name)[0]}`;
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--max-time", "5", "--resolve", address, `http://${name}:${port}${path}`]);
  return stdout.trim();
}

/** Stands between AWS_ENDPOINT_URL and the lab, and keeps what each request began with. */
export async function listenIn() {
  const { hostname, port } = new URL(process.env.LAB_ENDPOINT);
  const heard = [];
  const server = createServer((client) => {
    const lab = connect(port, hostname);
    client.on("data", (bytes) => {
      if (/^[A-Z]+ \/\S* HTTP/.test(bytes.toString("latin1"))) heard.push(bytes.toString("latin1"));
    });
    client.pipe(lab).pipe(client);
    // Connections that are kept open for a next request do not keep this process.
    for (const socket of [client, lab]) socket.unref().on("error", () => [client, lab].forEach((one) => one.destroy()));
  }).unref();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${server.address().port}`;
  return { heard };
}

"""Two Regions of session services on this machine: real redis-servers, real services, and their loss."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from ports import free_port  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = ROOT / "examples" / "shop" / "shop.yaml"
HOME, AWAY = "us-east-1", "us-west-2"
PATIENCE = 30  # seconds


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def described(client, table):
    try:
        return client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return {}


def make_table(client, table):
    """A table of sessions in one Region, the article's."""
    client.create_table(TableName=table, BillingMode="PAY_PER_REQUEST",
                        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
                        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
                        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    until(lambda: described(client, table).get("TableStatus") == "ACTIVE", "the table")


def make_global_table(home, away, table):
    """One with a replica in the other Region, ready in both."""
    make_table(home, table)
    home.update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    until(lambda: any(replica.get("RegionName") == AWAY and replica.get("ReplicaStatus") == "ACTIVE"
                      for replica in described(home, table).get("Replicas", [])), "the replica")
    until(lambda: described(away, table).get("TableStatus") == "ACTIVE", "the replica's table")


class Redis:
    """A redis-server without files that matter; with `of` a replica of that one."""

    def __init__(self, folder, name, of=None):
        self.port = free_port()
        program = shutil.which("redis-server")
        if not program:
            raise SystemExit("redis-server is not there; scripts/setup installs it")
        arguments = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", folder,
                     "--repl-diskless-sync-delay", "0", "--logfile", os.path.join(folder, f"{name}.log")]
        if of:
            arguments += ["--replicaof", "127.0.0.1", str(of.port)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: "PONG" in self.do("PING"), "redis answers")
        if of:
            until(lambda: "master_link_status:up" in self.do("INFO", "replication"), "the replica follows")

    def do(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, timeout=10,
                              check=False)
        return done.stdout

    def promote(self):
        assert "OK" in self.do("REPLICAOF", "NO", "ONE")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Service:
    """`leeward session` in one Region."""

    def __init__(self, program, region, mode, secret_file, peer_port, other_peer_port, more, environment=None):
        self.region, self.peer_port = region, peer_port
        arguments = [program, "session", str(SPEC), "--region", region, "--mode", mode, "--listen", "127.0.0.1:0",
                     "--peer-listen", f"127.0.0.1:{peer_port}", "--peer", f"http://127.0.0.1:{other_peer_port}",
                     "--secret-file", secret_file, *more]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise AssertionError(f"the service did not start: {line}{self.process.stderr.read()}")
        self.url = "http://" + line.split("http://")[1].split("/")[0]
        until(lambda: self.ask("GET", "/healthz")[0] == 200, f"the service of {region} is well")

    def ask(self, method, path, session=None, body=None):
        headers = {"Content-Type": "application/json"}
        if session:
            headers["Leeward-Session"] = session
        request = urllib.request.Request(self.url + path, method=method, headers=headers,
                                         data=json.dumps(body).encode() if body is not None else None)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        said = self.process.stderr.read()
        self.process.stderr.close()
        return code, said


class Load:
    """session_load, told what to do."""

    def __init__(self, program, rate, services):
        places = [word for service in services for word in ("--place", f"{service.region}={service.url}")]
        self.process = subprocess.Popen([program, "drill", "--rate", str(rate), *places], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class TwoRegions:
    """The services of a mode, with what they need; gone afterwards."""

    def __init__(self, leeward, mode, table=None):
        self.folder = tempfile.mkdtemp(prefix="leeward-sessions-")
        self.secret = os.path.join(self.folder, "secret")
        with open(os.open(self.secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex())
        self.redis = []
        self.services = []
        home_more, away_more = [], []
        if mode == "dynamodb":
            home_more = away_more = ["--table", table]
        elif mode != "sync":
            primary = Redis(self.folder, "home")
            self.redis.append(primary)
            replica = Redis(self.folder, "away", primary)
            self.redis.append(replica)
            home_more = ["--redis", f"127.0.0.1:{primary.port}", "--redis-other", f"127.0.0.1:{replica.port}"]
            away_more = ["--redis", f"127.0.0.1:{replica.port}", "--redis-other", f"127.0.0.1:{primary.port}"]
        ports = free_port(), free_port()
        self.services.append(Service(leeward, HOME, mode, self.secret, ports[0], ports[1], home_more))
        self.services.append(Service(leeward, AWAY, mode, self.secret, ports[1], ports[0], away_more))
        for service in self.services:
            until(lambda one=service: self.peer_answers(one), "the peers know one another")

    @staticmethod
    def peer_answers(service):
        with urllib.request.urlopen(service.url + "/metrics", timeout=10) as response:
            text = response.read().decode()
        return any(line.startswith("leeward_session_peer_up") and line.endswith(" 1") for line in text.splitlines())

    def lose_home(self):
        if self.redis:  # first: what had not crossed is really lost
            self.redis[0].kill()
        self.services[0].kill()

    def promote_away(self):
        if self.redis:
            self.redis[1].promote()

    def close(self):
        for service in self.services:
            if service.process.poll() is None:
                service.kill()
        for redis in self.redis:
            if redis.process.poll() is None:
                redis.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

"""What the tests of DynamoDB's behaviour share: the server, tables that many cases use, and cases as rows of tables.

LEEWARD_LAB names the lab's program; its item store is started for each test program. DYNAMODB_ENDPOINT (with
DYNAMODB_REGION, DYNAMODB_KEY and DYNAMODB_SECRET) sends the same cases to whatever answers there instead.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from wire import Client

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from ports import free_port  # noqa: E402

LAB = os.environ.get("LEEWARD_LAB", os.path.join(ROOT, "build", "leeward-lab"))
START_SECONDS, TABLE_SECONDS = 20, 60
VALIDATION = "com.amazon.coral.validate#ValidationException"
SERIALIZATION = "com.amazon.coral.service#SerializationException"
OWN = "com.amazonaws.dynamodb.v20120810#"
NOT_FOUND, IN_USE = OWN + "ResourceNotFoundException", OWN + "ResourceInUseException"
FAILED, CANCELED = OWN + "ConditionalCheckFailedException", OWN + "TransactionCanceledException"


class Server:
    """The item store on a free port, with its state in a temporary folder."""

    def __init__(self):
        self.process = None
        self.folder = ""
        self.endpoint = os.environ.get("DYNAMODB_ENDPOINT")
        if not self.endpoint:
            self.start()
        self.client = self.connect()

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="lwd-", dir="/tmp")
        listen = f"127.0.0.1:{free_port()}"
        self.endpoint = "http://" + listen
        self.process = subprocess.Popen([LAB, "items", "--listen", listen, "--state", os.path.join(self.folder, "state")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{LAB} items does not answer on {listen}")
            time.sleep(0.05)

    def answers(self):
        client = self.connect()
        try:
            return client.call("ListTables", {}).status == 200
        except OSError:
            return False
        finally:
            client.close()

    def connect(self, **options):
        return Client(self.endpoint, **{"region": os.environ.get("DYNAMODB_REGION", "us-east-1"),
                                        "key": os.environ.get("DYNAMODB_KEY", "test"),
                                        "secret": os.environ.get("DYNAMODB_SECRET", "test"), **options})

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


server = None
_count = 0


def fresh(prefix="T"):
    """A table name that nobody has."""
    global _count
    _count += 1
    return f"{prefix}.{os.getpid()}-{_count}"


def until(condition, what, seconds=TABLE_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Constraints:
    """The parts of "N validation errors detected: ...": their order, and that of an enum's values, is not promised."""

    def __init__(self, *parts):
        self.parts = parts

    @staticmethod
    def tidy(part):
        return re.sub(r"\[([A-Z_, ]+)\]", lambda enum: str(sorted(enum[1].split(", "))), part)

    def matches(self, message):
        count = len(self.parts)
        head = f"{count} validation error{'' if count == 1 else 's'} detected: "
        got = message[len(head):].split("; Value ") if message.startswith(head) else []
        got = [part if at == 0 else "Value " + part for at, part in enumerate(got)]
        return sorted(map(self.tidy, got)) == sorted(map(self.tidy, self.parts))

    def __repr__(self):
        return f"{len(self.parts)} validation errors: {self.parts}"


def constraint(value, place, what):
    return f"Value {value} at '{place}' failed to satisfy constraint: Member must {what}"


def missing(place):
    return constraint("null", place, "not be null")


# The wording AWS uses is not known to us: the type and the status are checked.
UNKNOWN = re.compile("")


def matches(expected, message):
    if isinstance(expected, str):
        return message == expected
    if isinstance(expected, Constraints):
        return expected.matches(message)
    return expected.fullmatch(message) is not None if expected is not UNKNOWN else bool(message)


class Case(unittest.TestCase):
    maxDiff = None

    def send(self, operation, body, service="dynamodb"):
        return server.client.call(operation, body, service)

    def ok(self, operation, body, service="dynamodb"):
        answer = self.send(operation, body, service)
        self.assertEqual(answer.status, 200, f"{operation} {str(body)[:500]}: {answer.type} {answer.message}")
        return answer.body

    def refused(self, operation, body, message=UNKNOWN, type=VALIDATION, service="dynamodb", status=400):
        answer = self.send(operation, body, service)
        shown = f"{operation} {str(body)[:500]}"
        self.assertEqual((answer.status, answer.type), (status, type), f"{shown}: {answer.message or str(answer.body)[:300]}")
        if message is not None:
            self.assertTrue(matches(message, answer.message), f"{shown}:\n got      {answer.message}\n expected {message}")
        return answer.body

    def table(self, **members):
        """Makes a table of its own and answers its name; it is gone afterwards."""
        name = members.setdefault("TableName", fresh())
        self.ok("CreateTable", {"BillingMode": "PAY_PER_REQUEST", **members} if "ProvisionedThroughput" not in members else members)
        self.addCleanup(self.send, "DeleteTable", {"TableName": name})
        self.active(name)
        return name

    def active(self, name):
        def look():
            table = self.ok("DescribeTable", {"TableName": name})["Table"]
            indexes = table.get("GlobalSecondaryIndexes", [])
            done = table["TableStatus"] == "ACTIVE" and all(one["IndexStatus"] == "ACTIVE" for one in indexes)
            return table if done else None
        return until(look, f"{name} ACTIVE")

    def put(self, table, *items):
        for item in items:
            self.ok("PutItem", {"TableName": table, "Item": item})


def keys(hash_name, hash_type, range_name=None, range_type=None, **others):
    """KeySchema and AttributeDefinitions; `others` are attributes of indexes."""
    schema = [{"AttributeName": hash_name, "KeyType": "HASH"}]
    types = {hash_name: hash_type, **others}
    if range_name:
        schema.append({"AttributeName": range_name, "KeyType": "RANGE"})
        types[range_name] = range_type
    return {"KeySchema": schema, "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]}


def index(name, hash_name, range_name=None, projection="ALL", **members):
    if isinstance(projection, list):
        projected = {"ProjectionType": "INCLUDE", "NonKeyAttributes": projection}
    else:
        projected = {"ProjectionType": projection}
    schema = keys(hash_name, "S", range_name, "S")["KeySchema"]
    return {"IndexName": name, "KeySchema": schema, "Projection": projected, **members}


SHARED = {
    "Hash": keys("pk", "S"),
    "HashN": keys("pk", "N"),
    "HashB": keys("pk", "B"),
    "Range": keys("pk", "S", "sk", "S"),
    "RangeN": keys("pk", "S", "sk", "N"),
    "RangeB": keys("pk", "S", "sk", "B"),
    "Indexed": {
        **keys("pk", "S", "sk", "S", gk="S", gs="N", ls="N", lt="S"),
        "LocalSecondaryIndexes": [index("lsi-all", "pk", "ls"), index("lsi-keys", "pk", "ls", "KEYS_ONLY"),
                                  index("lsi-some", "pk", "lt", ["x", "y"])],
        "GlobalSecondaryIndexes": [index("gsi-all", "gk", "gs"), index("gsi-keys", "gk", None, "KEYS_ONLY"),
                                   index("gsi-some", "gk", "gs", ["x", "y"])]},
}


def set_up(*names):
    """For setUpModule: the server, and the shared tables that the module uses."""
    global server
    server = Server()
    unittest.addModuleCleanup(server.stop)
    maker = Case()
    for name in names:
        maker.ok("CreateTable", {"TableName": name, "BillingMode": "PAY_PER_REQUEST", **SHARED[name]})
        unittest.addModuleCleanup(remove, name)
    for name in names:
        maker.active(name)


def remove(name):
    """For the endpoints that stay when the tests are done."""
    if os.environ.get("DYNAMODB_ENDPOINT"):
        server.client.call("DeleteTable", {"TableName": name})
        until(lambda: server.client.call("DescribeTable", {"TableName": name}).status == 400, f"the end of {name}")


def rows(cls, prefix, cases, check):
    """Makes each row a test of `cls`: its first member names it, the rest is given to check(self, ...)."""
    for at, (name, *rest) in enumerate(cases):
        def test(self, rest=rest):
            check(self, *rest)
        test.__doc__ = name
        slug = re.sub(r"\W+", "_", name).strip("_")[:90]
        setattr(cls, f"test_{prefix}_{at:03}_{slug}", test)


def refusals(cls, operation, cases, **fixed):
    """Rows (name, body, message or None) of requests that `operation` refuses as invalid."""
    def check(self, body, message, **options):
        self.refused(operation, body, message, **{**fixed, **options})
    rows(cls, operation, cases, check)


def S(text):
    return {"S": text}


def N(text):
    return {"N": str(text)}


def main():
    print(f"{os.environ.get('DYNAMODB_ENDPOINT', LAB)}", flush=True)
    unittest.main(verbosity=int(os.environ.get("DYNAMODB_VERBOSE", "1")), warnings="ignore")


def dump(value):
    return json.dumps(value, sort_keys=True)

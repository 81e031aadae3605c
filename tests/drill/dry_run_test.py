#!/usr/bin/env python3
"""Dry runs in a lab: what they say of a healthy shop and of one whose home is lost, and that they change nothing."""

import hashlib
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import unittest
import urllib.parse

from labs import HOME, KEY, LEEWARD, PASSWORD, RECOVERY, SPEC, Shop, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import signed  # noqa: E402

READS = ("Describe", "List", "Get")


class Recorder(http.server.ThreadingHTTPServer):
    """Stands before the gateway and writes down the operation of every request."""

    daemon_threads = True

    def __init__(self, gateway):
        super().__init__(("127.0.0.1", 0), Relay)
        self.gateway = urllib.parse.urlparse(gateway).netloc
        self.operations = []
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_port

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.operations.append(self.operation(body))
        inner = http.client.HTTPConnection(self.server.gateway, timeout=5)
        try:
            inner.request(self.command, self.path, body, dict(self.headers))
            answer = inner.getresponse()
            content = answer.read()
        except OSError:  # as the lost Region is silent, so is this
            self.close_connection = True
            return
        finally:
            inner.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = relay

    def operation(self, body):
        """The operation by name; for protocols that have none on the wire, what the method says of it."""
        target = self.headers.get("X-Amz-Target")
        if target:
            return target.rsplit(".", 1)[-1]
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return urllib.parse.parse_qs(body.decode())["Action"][0]
        return ("Get " if self.command == "GET" else self.command + " ") + self.path

    def log_message(self, *_):
        pass


class DryRunTest(unittest.TestCase):
    def test_it_looks_and_changes_nothing(self):
        with Shop() as shop:
            gateway = shop.environment["AWS_ENDPOINT_URL"]
            recorder = Recorder(gateway)
            self.addCleanup(recorder.stop)
            until(lambda: self.backed_up(shop, gateway), 60, "home's first backup, which nobody asked for, is over")
            before = self.everything(shop, gateway, (HOME, RECOVERY))
            shop.environment["AWS_ENDPOINT_URL"] = recorder.url
            self.healthy(shop)
            shop.environment["AWS_ENDPOINT_URL"] = gateway
            self.same(before, self.everything(shop, gateway, (HOME, RECOVERY)))

            shop.lab("kill", HOME)
            before = self.everything(shop, gateway, (RECOVERY,))
            shop.environment["AWS_ENDPOINT_URL"] = recorder.url
            self.home_lost(shop)
            shop.environment["AWS_ENDPOINT_URL"] = gateway
            self.same(before, self.everything(shop, gateway, (RECOVERY,)))

            self.assertGreater(len(recorder.operations), 20)
            changing = [name for name in recorder.operations if not name.startswith(READS)]
            self.assertEqual(changing, [], "all of: %s" % sorted(set(recorder.operations)))

    def same(self, before, after):
        self.assertEqual(set(before), set(after))
        for name, value in before.items():
            self.assertEqual(value, after[name], name)

    def healthy(self, shop):
        answer = self.dry(shop, 0, "switchover")
        self.assertEqual((answer["schema"], answer["outcome"]), ("leeward/dry-run/v1", "passes"))
        steps = {step["id"]: step for step in answer["steps"]}
        self.say(steps, "rds.quiesce/orders", "act", "would close shop and end")
        self.say(steps, "rds.promote/orders", "act", "would promote orders in us-west-2: replica, ")
        # Sessions of the server itself write, too; when they do not, nothing is left to be replayed.
        until(lambda: "replica, 0 B behind" in self.promotion(shop), 30, lambda: self.promotion(shop))
        self.say(steps, "rds.open/orders", "not-looked-at", "after rds.promote/orders: not looked at")
        self.say(steps, "ecs.scale/web@us-west-2", "act", "would go from 1 to 3 tasks")
        self.say(steps, "route53.shift/traffic", "act", "5 of 5 cluster endpoints answer")
        answer = self.dry(shop, 0, "protect")
        would = {step["id"]: step["would"] for step in answer["steps"]}
        self.assertEqual(would.pop("inventory.refresh"), "act")
        self.assertEqual(set(would.values()), {"nothing-to-do"}, answer)
        text = shop.leeward("switchover", SPEC, "--state", shop.state, "--dry-run")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("nothing that can be seen now would stop it", text.stdout)

    def promotion(self, shop):
        answer = self.dry(shop, 0, "switchover")
        return {step["id"]: step["detail"] for step in answer["steps"]}["rds.promote/orders"]

    def home_lost(self, shop):
        answer = self.dry(shop, 3, "failover", "--accept-loss", "1h")
        self.assertEqual((answer["outcome"], answer["stopped_by"]), ("stops", "gate.fence-proof"))
        steps = {step["id"]: step for step in answer["steps"]}
        self.say(steps, "gate.fence-proof", "stop", "was not reached")
        self.assertEqual(steps["gate.fence-proof"]["code"], "refused")
        self.say(steps, "gate.loss", "pass", "orders may lose up to")
        self.say(steps, "route53.shift/traffic", "act", "4 of 5 cluster endpoints answer")
        answer = self.dry(shop, 0, "failover", "--accept-loss", "1h", "--override-fence", "ann: its power is off")
        self.assertEqual(answer["outcome"], "passes")
        text = shop.leeward("failover", SPEC, "--state", shop.state, "--dry-run", "--accept-loss", "1h")
        self.assertEqual(text.returncode, 3, text.stdout)
        self.assertEqual(len(text.stderr.splitlines()), 1, text.stderr)
        self.assertIn("would stop at gate.fence-proof", text.stderr)
        self.assertEqual(self.run_dry(shop, "switchover").returncode, 4)

    def run_dry(self, shop, action, *more):
        return shop.leeward(action, SPEC, "--state", shop.state, "--dry-run", "--json", *more)

    def dry(self, shop, code, action, *more):
        done = self.run_dry(shop, action, *more)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["exit_code"], code)
        return answer

    def say(self, steps, step, would, words):
        self.assertEqual(steps[step]["would"], would, steps[step])
        self.assertIn(words, steps[step]["detail"])

    def everything(self, shop, gateway, regions):
        """What a dry run must leave as it is: files, databases, and what AWS tells of the Regions."""
        seen = {"files": self.files(shop.state)}
        for region in regions:
            seen[region, "dump"] = self.dump(shop, region)
            seen[region, "database"] = shop.sql(
                region, "select d.datallowconn, d.datconnlimit, d.datdba, s.setconfig from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid "
                "where d.datname = 'shop'")
            for action, service, version in (("DescribeDBInstances", "rds", "2014-10-31"),
                                             ("DescribeTargetGroups", "elasticloadbalancing", "2015-12-01")):
                told = self.described(shop, gateway, region, action, service, version)
                # Which goes on by itself: backups follow the writer, whether or not anybody looks.
                seen[region, action] = re.sub("<LatestRestorableTime>[^<]*<", "<LatestRestorableTime><", told)
        status = json.loads(shop.check("status", SPEC, "--state", shop.state, "--json"))
        seen["routing"] = [region.get("routing_control") for region in status["regions"]]
        seen["active"] = status["active"]
        return seen

    def described(self, shop, gateway, region, action, service, version):
        status, body = signed.call(gateway, region, action, service, version, key=KEY, secret=shop.aws_secret)
        self.assertEqual(status, 200, body)
        return body.split("<ResponseMetadata>")[0]

    def backed_up(self, shop, gateway):
        body = self.described(shop, gateway, HOME, "DescribeDBInstances", "rds", "2014-10-31")
        return "<LatestRestorableTime>" in body and "<DBInstanceStatus>available<" in body

    @staticmethod
    def files(folder):
        digests = {}
        for at, folders, names in os.walk(folder):
            digests[at] = sorted(folders)
            for name in names:
                with open(os.path.join(at, name), "rb") as file:
                    digests[os.path.join(at, name)] = hashlib.sha256(file.read()).hexdigest()
        return digests

    def dump(self, shop, region):
        done = subprocess.run(["pg_dump", "-h", shop.facts["orders", region, "endpoint.address"], "-p",
                               shop.facts["orders", region, "endpoint.port"], "-U", "shop", "-d", "shop"],
                              env={**shop.environment, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        # A word that is new in every dump.
        return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("dry_run_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

#!/usr/bin/env python3
"""`leeward serve` in a lab: one failover when home is lost, none for less, and an API that refuses."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from watched import HOME, LEEWARD, PATIENCE, RECOVERY, WITNESS, WatchedShop, cleaned, free_port, secret, until

TOKEN = secret("t0ken")
CUT = 6.0  # seconds
MOVED = 120


class Controller:
    def __init__(self, shop, name, state):
        self.shop, self.name, self.state, self.port = shop, name, state, free_port()
        self.process = None

    def start(self):
        self.process = self.shop.run(self.name, "serve", self.shop.spec, "--state", self.state, "--listen",
                                     "127.0.0.1:%d" % self.port)
        until(lambda: self.ask("GET", "/healthz", token=None)[0] == 200, PATIENCE, lambda: self.shop.said(self.name))
        return self

    def ask(self, method, path, body=None, token=TOKEN):
        """Status and body; 0: no answer."""
        headers = {} if token is None else {"Authorization": "Bearer " + token}
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), method=method, headers=headers,
                                         data=None if body is None else body.encode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                code, text, headers = answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            code, text, headers = error.code, error.read().decode(), error.headers
        except OSError:
            return 0, ""
        self.shop.planted.heard("an answer to %s %s" % (method, path), text, str(headers))
        return code, text

    def status(self):
        code, body = self.ask("GET", "/v1/applications/shop/status")
        return json.loads(body) if code == 200 else {}

    def health(self, region):
        return {each["region"]: each["health"] for each in self.status().get("regions", [])}.get(region)

    def executions(self):
        path = os.path.join(self.state, "journal", "journal.lwj")
        if not os.path.exists(path):
            return 0
        with open(path, "rb") as file:
            return file.read().count(b"execution-started")


class ServedShop(WatchedShop):
    """Beside the observers a guard in each Region, and two controllers with state of their own."""

    def __init__(self, objective="rpo: 5m"):
        # What is lost grows with the time a takeover takes; most of these tests are not about the loss.
        self.objective = objective

    def __enter__(self):
        super().__enter__()
        try:
            self.environment["LEEWARD_API_TOKEN"] = TOKEN
            self.planted.plant("API's token", TOKEN)
            self.guards = {region: self.guard(region) for region in (HOME, RECOVERY)}
            until(lambda: "open, epoch" in self.said("guard-" + HOME), PATIENCE, "home's guard holds the lease")
            until(lambda: self.order(HOME, "first") in (200, 201), PATIENCE, "the guard lets home write")
            self.protected = self.count(self.state)
            other = os.path.join(self.folder, "other")
            shutil.copytree(self.state, other)
            self.private.append(other)
            self.controllers = [Controller(self, "serve-%d" % number, state).start()
                                for number, state in enumerate((self.state, other))]
        except BaseException:
            self.__exit__()
            raise
        return self

    def with_store(self, text):
        return super().with_store(text).replace("rpo: 5s", self.objective)

    def count(self, state):
        return Controller(self, "", state).executions()

    def failovers(self):
        """How many were begun, in all journals."""
        return sum(each.executions() - self.protected for each in self.controllers)

    def leader(self):
        leading = [each for each in self.controllers if each.status().get("leading")]
        return leading[0] if len(leading) == 1 else None

    def lose_home(self):
        """Everything of the Region at once: what the lab runs, and Leeward's own there."""
        self.end(self.guards[HOME])
        self.lab("kill", HOME)
        self.end(self.observers[HOME])

    def told(self):
        return "\n".join(self.said(each.name) for each in self.controllers)

    def await_calm(self):
        def calm():
            return all(each.health(HOME) == "up" and each.status()["active"].get("orders") == HOME
                       for each in self.controllers) and self.leader()
        return until(calm, PATIENCE, self.told)

    def await_move(self):
        until(lambda: any((each.status().get("move") or {}).get("state") == "done" for each in self.controllers),
              MOVED, self.told)
        until(lambda: self.order(RECOVERY, "after") in (200, 201), PATIENCE, "the recovery Region serves")


class EtcdShop(ServedShop):
    """With three etcd members in place of the file; the first stands in the home Region."""

    def with_store(self, text):
        ports = [(free_port(), free_port()) for _ in range(3)]
        urls = ["http://127.0.0.1:%d" % client for client, _ in ports]
        cluster = ",".join("m%d=http://127.0.0.1:%d" % (number, peer) for number, (_, peer) in enumerate(ports))
        self.members = []
        for number, (_, peer) in enumerate(ports):
            with open(os.path.join(self.folder, "etcd-%d" % number), "w", encoding="utf-8") as log:
                self.members.append(subprocess.Popen(
                    ["/usr/bin/etcd", "--name", "m%d" % number, "--data-dir", os.path.join(self.folder, "m%d" % number),
                     "--listen-client-urls", urls[number], "--advertise-client-urls", urls[number],
                     "--listen-peer-urls", "http://127.0.0.1:%d" % peer, "--initial-advertise-peer-urls",
                     "http://127.0.0.1:%d" % peer, "--initial-cluster", cluster, "--unsafe-no-fsync"],
                    env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))
        self.processes.extend(self.members)
        until(lambda: all(self.is_healthy(url) for url in urls), PATIENCE, "etcd has a leader")
        text = super().with_store(text)
        changed = text.replace('"sqlite:%s"' % os.path.join(self.folder, "store.db"), '"etcd:%s"' % ",".join(urls))
        assert changed != text, "the store's place is not what it was"
        return changed

    def is_healthy(self, url):
        try:
            with urllib.request.urlopen(url + "/health", timeout=2) as answer:
                return json.load(answer)["health"] == "true"
        except (OSError, ValueError):
            return False

    def lose_home(self):
        self.end(self.members[0])
        super().lose_home()


class ServeTest(cleaned.TestCase):
    def test_a_lost_home_is_left_once_and_nothing_less_moves_it(self):
        with ServedShop() as shop:
            leader = shop.await_calm()
            self.refusals(leader)
            until(lambda: "stores that get a canary: 1" in shop.said("observer-" + HOME), PATIENCE, "home's canary")
            until(lambda: "no canary: the writer lease is %s's" % HOME in shop.said("observer-" + RECOVERY), PATIENCE,
                  "no canary elsewhere")
            shop.lab("isolate", HOME, WITNESS)  # one observer's link
            end = time.monotonic() + CUT
            while time.monotonic() < end:
                self.assertIn(leader.health(HOME), ("up", "suspect"))
            shop.lab("heal")
            shop.await_calm()
            self.assertEqual(shop.failovers(), 0)
            began = time.monotonic()
            shop.lose_home()
            shop.await_move()
            sys.stderr.write("lost home to serving again: %.1f s\n" % (time.monotonic() - began))
            self.assertEqual(shop.failovers(), 1, shop.told())
            self.assertIs(shop.writer(RECOVERY), True)
            until(lambda: "stores that get a canary: 1" in shop.said("observer-" + RECOVERY), PATIENCE, "recovery's canary")
            until(lambda: leader.status()["active"].get("orders") == RECOVERY, PATIENCE, shop.told)
            self.assertIn('leeward_moves_total{application="shop",outcome="done"} 1',
                          leader.ask("GET", "/metrics", token=None)[1])
            shop.check("journal", "verify", shop.spec, "--state", leader.state)
            self.everything_is_told(shop, leader)

    def everything_is_told(self, shop, leader):
        """For the search for secrets: each page that can be written about the move that was made."""
        page = os.path.join(shop.folder, "report.html")
        for arguments in (("report", shop.spec, "--json", "--html", page), ("report", shop.spec), ("status", shop.spec),
                          ("status", shop.spec, "--json")):
            shop.check(*arguments, "--state", leader.state)
        for form in ("text", "json", "dot"):
            shop.check("plan", "failback", shop.spec, "--format", form, "--state", leader.state)
        self.assertTrue(os.path.getsize(page) > 0)
        for path in ("", "/plan", "/status", "/nothing?token=" + TOKEN):
            leader.ask("GET", "/v1/applications/shop" + path)

    def test_a_controller_that_dies_with_home_is_replaced(self):
        with ServedShop() as shop:
            leader = shop.await_calm()
            shop.end(leader.process)
            shop.lose_home()
            shop.await_move()
            self.assertEqual(shop.failovers(), 1, shop.told())

    def test_etcd_loses_its_member_with_home(self):
        with EtcdShop() as shop:
            shop.await_calm()
            shop.lose_home()
            shop.await_move()
            self.assertEqual(shop.failovers(), 1, shop.told())

    def test_a_failover_whose_controller_dies_is_ended_by_that_controller(self):
        with ServedShop() as shop:
            leader = shop.await_calm()
            other = next(each for each in shop.controllers if each is not leader)
            shop.lose_home()
            until(lambda: "step-done rds.promote/orders" in shop.said(leader.name), MOVED, shop.told)
            shop.end(leader.process)  # the database has moved, the traffic may have not
            until(lambda: "its journal is not here" in other.status().get("doing", ""), MOVED, shop.told)
            self.assertEqual(shop.failovers(), 1)
            leader.start()
            shop.await_move()
            self.assertEqual(shop.failovers(), 1, shop.told())

    def test_what_a_gate_refuses_waits_for_a_person(self):
        with ServedShop("rpo: 100ms") as shop:
            leader = shop.await_calm()
            shop.lose_home()
            until(lambda: (leader.status().get("move") or {}).get("state") == "refused", MOVED, shop.told)
            until(lambda: "a person has to start it again" in leader.status()["doing"], PATIENCE, shop.told)
            self.assertEqual(leader.ask("POST", "/v1/applications/shop/start",
                                        '{"action":"failover","accept_loss":"1h"}')[0], 202)
            shop.await_move()
            self.assertEqual(shop.failovers(), 2, shop.told())  # the refused one, and the one that was asked for

    def refusals(self, leader):
        for token in (None, "", "wrong", TOKEN + "x"):
            self.assertEqual(leader.ask("GET", "/v1/applications", token=token)[0], 401)
            self.assertEqual(leader.ask("POST", "/v1/applications/shop/start", '{"action":"failover"}', token)[0], 401)
        self.assertEqual(json.loads(leader.ask("GET", "/v1/applications")[1]), {"applications": ["shop"]})
        plan = json.loads(leader.ask("GET", "/v1/applications/shop/plan")[1])
        self.assertEqual((plan["action"], plan["from"], plan["to"]), ("failover", HOME, RECOVERY))
        for method, path, body, code in (
                ("POST", "/v1/applications/shop/start", '{"action":"failover"}', 409),
                ("POST", "/v1/applications/shop/start", '{"action":"failback"}', 501),
                ("POST", "/v1/applications/shop/approve", "{}", 501),
                ("POST", "/v1/applications/shop/abort", "", 409),
                ("POST", "/v1/applications/shop/start", "{", 400),
                ("POST", "/v1/applications/shop/start", " " * 5000, 413),
                ("GET", "/v1/applications/another/status", None, 404),
                ("DELETE", "/v1/applications/shop/status", None, 405)):
            self.assertEqual(leader.ask(method, path, body)[0], code, (method, path, body))
        for raw, code in ((b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n", b"431"),
                          (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400")):
            with socket.create_connection(("127.0.0.1", leader.port), timeout=10) as connection:
                connection.sendall(raw)
                self.assertEqual(connection.recv(4096).split(b" ")[1], code, raw[:40])


class BadUsageTest(cleaned.TestCase):
    def test_a_stop_and_readiness_are_told_and_bad_usage_is_named(self):
        with WatchedShop() as shop:
            self.bad_usage(shop)
            path = os.path.join(shop.folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(path)
                manager.settimeout(PATIENCE)
                shop.environment["NOTIFY_SOCKET"] = path
                daemon = shop.run("serve", "serve", shop.spec, "--state", shop.state, "--listen", "127.0.0.1:0")
                self.assertEqual(manager.recv(100), b"READY=1")
                daemon.send_signal(signal.SIGTERM)
                self.assertEqual(manager.recv(100), b"STOPPING=1")
                self.assertEqual(daemon.wait(timeout=PATIENCE), 0)

    def bad_usage(self, shop):
        token = os.path.join(shop.folder, "token")
        with open(token, "w", encoding="utf-8") as file:
            file.write(TOKEN)
        os.chmod(token, 0o644)
        state = ("--state", shop.state)
        for arguments, code, word in (((shop.spec, "--token-file", token, *state), 4, "chmod 600"),
                                      ((shop.spec, "--token-file", token + "x", *state), 4, "no file"),
                                      ((shop.spec, "--listen", "here", *state), 2, "here"),
                                      ((shop.spec, "--state", token + "y"), 4, "leeward protect"),
                                      ((os.path.join(os.path.dirname(shop.spec), "shop.yaml"), *state), 2, "store")):
            done = shop.leeward("serve", *arguments, timeout=30)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (code, 1), done.stderr)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("serve_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=2)

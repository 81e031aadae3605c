#!/usr/bin/env python3
"""`leeward serve` in a lab: one failover when home is lost, none for less, and an API that refuses."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from watched import (GuardedShop, HOME, LEEWARD, PATIENCE, RECOVERY, WITNESS, WatchedShop, cleaned, free_port, secret,
                     until)

TOKEN = secret("t0ken")
CUT = 6.0  # seconds
MOVED = 120
STEPS = ("rds.measure/orders", "gate.loss", "lease.take", "gate.fence-proof", "rds.drain/orders", "gate.final-loss",
         "ecs.scale/web", "rds.promote/orders", "ecs.ready/web", "route53.shift/traffic", "route53.confirm/traffic",
         "ecs.settle/web", "app.verify")  # of the shop's failover, in the order in which they begin


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

    def records(self):
        """Of its journal, as far as they are whole: docs/formats/journal.md."""
        path = os.path.join(self.state, "journal", "journal.lwj")
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            rest = file.read()[16:]
        found = []
        while len(rest) > 44:
            end = 44 + int.from_bytes(rest[:4], "little")
            found.append(json.loads(rest[44:end]))
            rest = rest[end:]
        return found

    def executions(self):
        return {each["execution"] for each in self.records() if each["kind"] == "execution-started"}

    def of_step(self, kind, step):
        return sum(each["kind"] == kind and each.get("step") == step for each in self.records())


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
            until(lambda: "open, epoch" in self.said("guard-" + HOME), PATIENCE, lambda: self.said("guard-" + HOME))
            until(lambda: self.order(HOME, "first") in (200, 201), PATIENCE, "the guard lets home write")
            self.protected = Controller(self, "", self.state).executions()
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

    def failovers(self):
        """How many were begun, in all journals; one that was gone on with elsewhere is in two."""
        return len(set().union(*(each.executions() for each in self.controllers)) - self.protected)

    def promotions(self):
        """Of the recovery Region's database: each begins a timeline."""
        return int(self.sql(RECOVERY, "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16) - 1

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
        self.await_move_by(*self.controllers)

    def await_move_by(self, *controllers):
        until(lambda: any((each.status().get("move") or {}).get("state") == "done" for each in controllers),
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
            self.what_counted_is_told(leader)
            self.assertIs(shop.writer(RECOVERY), True)
            until(lambda: "stores that get a canary: 1" in shop.said("observer-" + RECOVERY), PATIENCE, "recovery's canary")
            until(lambda: leader.status()["active"].get("orders") == RECOVERY, PATIENCE, shop.told)
            self.assertIn('leeward_moves_total{application="shop",outcome="done"} 1',
                          leader.ask("GET", "/metrics", token=None)[1])
            shop.check("journal", "verify", shop.spec, "--state", leader.state)
            self.everything_is_told(shop, leader)

    def what_counted_is_told(self, leader):
        """The spec says nothing of it; the decision says which signals made home count as lost."""
        self.assertEqual(leader.status()["down_when"], ["application and store"])
        begun = [each for each in leader.records() if each["kind"] == "execution-started"
                 and each["fields"]["action"] == "failover"]
        self.assertEqual(len(begun), 1)
        self.assertIn("; counted: application and store", begun[0]["fields"]["reason"])

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

    def test_a_failover_whose_controller_is_lost_for_good_is_ended_by_another(self):
        with EtcdShop() as shop:
            leader = shop.await_calm()
            other = next(each for each in shop.controllers if each is not leader)
            shop.lose_home()
            self.await_line(shop, leader, "step-intended rds.promote/orders")
            shop.end(leader.process)
            before = leader.records()
            shop.await_move()
            self.ended_once(shop, other)
            self.assertIn("wrote were fetched from the store", shop.said(other.name))
            self.assertEqual(len(leader.records()), len(before))
            # Started again it does nothing, and says why.
            leader.start()
            until(lambda: "gone on with by serve:" in shop.said(leader.name), PATIENCE, shop.told)
            until(lambda: leader.status().get("doing"), PATIENCE, shop.told)
            self.assertEqual([each["kind"] for each in leader.records()[len(before):]], ["execution-finished"])
            self.ended_once(shop, other)
            shop.check("journal", "verify", shop.spec, "--state", leader.state)

    def test_a_controller_that_wakes_up_late_does_nothing_more(self):
        seed = int(os.environ.get("LEEWARD_SEED", "0")) or random.randrange(1, 1 << 30)
        sys.stderr.write("LEEWARD_SEED=%d " % seed)
        # A process that is stopped while it writes to the one-machine store keeps that locked for everybody.
        with EtcdShop() as shop:
            leader = shop.await_calm()
            other = next(each for each in shop.controllers if each is not leader)
            begun = len(leader.records())
            shop.lose_home()
            self.await_line(shop, leader, "step-intended " + random.Random(seed).choice(STEPS))
            leader.process.send_signal(signal.SIGSTOP)
            self.assertNotIn("execution-finished", [each["kind"] for each in leader.records()[begun:]])
            try:
                shop.await_move_by(other)
                before = len(leader.records())
            finally:
                leader.process.send_signal(signal.SIGCONT)
            until(lambda: "gone on with by serve:" in shop.said(leader.name), PATIENCE, shop.told)
            self.assertIn("left to be gone on with", shop.said(leader.name))
            # A record goes to the store first: what reached that before the stop may reach the file after it, and nothing else.
            known = self.intents(other.records())
            self.assertEqual([each for each in self.intents(leader.records()[before:]) if each not in known], [])
            self.ended_once(shop, other)

    @staticmethod
    def intents(records):
        """Without their numbers: the same one may have another in another's file."""
        return [{name: value for name, value in each.items() if name != "seq"} for each in records if each["kind"] == "step-intended"]

    def await_line(self, shop, controller, line):
        """As soon as it is said, to be quicker than the step is."""
        with open(os.path.join(shop.folder, controller.name), encoding="utf-8") as log:
            end, said = time.monotonic() + MOVED, ""
            while line not in said:
                self.assertLess(time.monotonic(), end, shop.told())
                said += log.read()
                time.sleep(0.001)

    def ended_once(self, shop, survivor):
        self.assertEqual(shop.failovers(), 1, shop.told())
        self.assertEqual(shop.promotions(), 1, shop.told())
        self.assertEqual(survivor.of_step("step-done", "rds.promote/orders"), 1)
        self.assertEqual(survivor.records()[-1]["fields"]["outcome"], "done")
        shop.check("journal", "verify", shop.spec, "--state", survivor.state)

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
                ("POST", "/v1/applications/shop/approve", "{}", 400),
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


class HandTest(cleaned.TestCase):
    def test_what_one_machine_left_half_done_is_ended_from_another(self):
        with GuardedShop() as shop:
            home, _ = [shop.guard(region) for region in (HOME, RECOVERY)]
            until(lambda: "open, epoch" in shop.said("guard-" + HOME), PATIENCE, lambda: shop.said("guard-" + HOME))
            other = os.path.join(shop.folder, "other")
            shutil.copytree(shop.state, other)
            first, second = Controller(shop, "", shop.state), Controller(shop, "", other)
            before = len(second.records())
            shop.end(home)
            shop.lab("kill", HOME)
            move = ("failover", shop.spec, "--yes", "--accept-loss", "1h", "--state")
            running = shop.run("first", *move, first.state)
            until(lambda: first.of_step("step-intended", "rds.promote/orders"), MOVED, lambda: shop.said("first"))
            shop.end(running)
            shop.run("serve", "serve", shop.spec, "--state", first.state, "--listen", "127.0.0.1:0")
            until(lambda: "begun by hand" in shop.said("serve"), PATIENCE, lambda: shop.said("serve"))
            dry = json.loads(shop.leeward("failover", shop.spec, "--dry-run", "--json", "--state", second.state).stdout)
            self.assertEqual({dry.get("execution")}, first.executions() - second.executions())
            self.assertEqual(len(second.records()), before, "a dry run writes nothing")
            told = shop.leeward(*move, second.state, timeout=MOVED)
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assertIn("wrote were fetched from the store", told.stderr)
            records = second.records()[before:]
            self.assertEqual([each["kind"] for each in records if each["kind"].startswith("execution")],
                             ["execution-started", "execution-resumed", "execution-finished"])
            self.assertEqual(int(shop.sql(RECOVERY, "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16), 2)
            shop.check("journal", "verify", shop.spec, "--state", second.state)
            # The first finds it ended, and has nothing to go on with or to give up; its daemon waits for nobody's hands.
            ended = ("fetched from the store", "in that one's journal")
            until(lambda: any(each in shop.said("serve") for each in ended), PATIENCE, lambda: shop.said("serve"))
            again = shop.leeward("abandon", shop.spec, "--by", "ann: a try", "--state", first.state)
            self.assertEqual(again.returncode, 1, again.stderr)
            self.assertIn("everything that was begun has ended", again.stderr)
            self.assertEqual(first.records()[-1]["fields"]["outcome"], "done")


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

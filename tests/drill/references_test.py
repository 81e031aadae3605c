#!/usr/bin/env python3
"""Stores that stop at different instants: what orders name beyond the recovery line is listed to the last one, nothing of it is
deleted, and what makes it good is run once.

The recovery Region's tables, or its files, stand still for ten seconds before the home Region is lost, so that there are
orders whose carts or uploads never came. Which these are the test finds out for itself, by asking the application for every
one of them, and by looking at the recovery Region's files.
"""

import glob
import json
import os
import re
import signal
import socket
import stat
import sys
import time
import unittest
import urllib.error
import urllib.request

import labs

labs.SPEC = os.path.join(labs.ROOT, "examples", "shop", "shop.yaml")
sys.path.insert(0, os.path.join(labs.ROOT, "tests", "observe"))
from watched import HOME, LEEWARD, PATIENCE, RECOVERY, WatchedShop, until  # noqa: E402

HELD = 10.0  # seconds
RATE = 10    # orders a second, while files are held
VOUCHED = ("--override-fence", "test: the lab killed it")
REFERENCES = """
references:
  - { name: orders name their carts, from: orders, at: created_at, to: carts, key: "{id}",
      sql: "select id, created_at from orders where created_at > {line} - interval '1 hour'" }
  - { name: orders name their sessions, from: orders, at: created_at, to: sessions, get: "/sessions/{id}",
      sql: "select id, created_at from orders" }
sagas:
  - { name: tell the customer, for: orders name their carts, compensate: { run: [/bin/sh, %s], within: 10s } }
"""
# Writes down what it was given; once, it ends whoever started it before they can write down that it is done.
SAGA = """read entry
echo "$entry" >> %(told)s
if [ -e %(crash)s ]; then rm %(crash)s; kill -9 $PPID; sleep 5; fi
"""


class AskedShop(WatchedShop):
    """Its customers look at what they have, in a Region of their choice."""

    def has(self, region, path):
        """Whether the application in the Region has it; nothing but yes and no is an answer."""
        try:
            with urllib.request.urlopen("http://%s:8080%s" % (self.front(region), path), timeout=5) as answer:
                assert answer.status == 200, answer.status
                return True
        except urllib.error.HTTPError as error:
            assert error.code == 404, (path, error.code, error.read()[:200])
            return False

    def orders(self, region):
        return set(until(lambda: self.sql(region, "select id from orders"), PATIENCE, "the database answers").split())

    def beyond(self, line):
        return set(self.sql(RECOVERY, "select id from orders where created_at > '%s'" % line).split())


class CartsShop(AskedShop):
    """With references and a saga of its own."""

    def with_store(self, text):
        self.told, self.crash = os.path.join(self.folder, "told"), os.path.join(self.folder, "crash")
        saga = os.path.join(self.folder, "saga.sh")
        with open(saga, "w", encoding="utf-8") as file:
            file.write(SAGA % {"told": self.told, "crash": self.crash})
        for key in ("references", "sagas"):
            text = re.sub(r"(?ms)^%s:.*?(?=^[a-z]|\Z)" % key, "", text)
        return super().with_store(text) + REFERENCES % saga

    def tables(self, region):
        """The process that keeps the Region's tables."""
        found = []
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    words = file.read().decode().split("\0") if name.isdigit() else []
            except OSError:
                continue
            if "__items" in words and any(word.startswith(self.lab_state) and "/%s/" % region in word for word in words):
                found.append(int(name))
        assert len(found) == 1, found
        return found[0]


class FilesShop(AskedShop):
    """With the references that the example has."""

    def files(self, region):
        """The orders whose uploads are among the Region's files."""
        (tree,) = glob.glob(os.path.join(self.lab_state, "regions", region, "efs", "fs-*", "tree"))
        return {re.fullmatch("order-(.*)[.]json", name).group(1) for name in os.listdir(tree) if name.startswith("order-")}

    def hold_files(self):
        """Home's API answers nobody in the recovery Region any more. EFS's copy asks there before anything crosses; databases,
        tables and caches have ways of their own, which stay open."""
        others = [self.blocks[region] for region in self.blocks if region != RECOVERY]
        with socket.socket(socket.AF_UNIX) as network:
            network.settimeout(PATIENCE)
            network.connect(os.path.join(self.lab_state, "run", "network"))
            lines = network.makefile("rw", encoding="utf-8")
            for question in ({"op": "hello", "party": HOME}, {"op": "ingress", "name": "api", "cidrs": others}):
                lines.write(json.dumps(question) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                assert answer.get("ok"), answer


class ReferencesTest(unittest.TestCase):
    def test_what_orders_name_beyond_the_line_is_listed_and_made_good_once(self):
        with CartsShop() as shop:
            self.lose_home_with_carts_behind(shop)
            shop.check("failover", shop.spec, "--yes", "--accept-loss", "1h", *VOUCHED, "--state", shop.state)
            missing = self.judge_list(shop)
            self.judge_report(shop, missing)
            self.compensate(shop, missing)

    def lose_home_with_carts_behind(self, shop):
        self.early = {"early-%d" % number for number in range(10)}
        self.late = {"late-%d" % number for number in range(40)}
        for order in sorted(self.early):
            until(lambda: shop.order(HOME, order) in (200, 201), PATIENCE, "the shop serves at home")
        until(lambda: all(shop.has(RECOVERY, "/carts/" + order) for order in self.early), PATIENCE, "their carts have come")
        tables = shop.tables(RECOVERY)
        os.kill(tables, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for order in sorted(self.late):
                until(lambda: shop.order(HOME, order) in (200, 201), PATIENCE, "home takes orders")
                # As a customer would, over the whole time.
                until(lambda: time.monotonic() - began >= HELD / len(self.late) * len(shop.orders(HOME) - self.early), HELD,
                      "ten seconds")
            until(lambda: shop.orders(RECOVERY) == self.early | self.late, PATIENCE, "the replica has the orders")
            shop.lab("kill", HOME)
        finally:
            # What was sent to it stands in its sockets, and goes with them; the lab starts another.
            os.kill(tables, signal.SIGKILL)
        shop.end(shop.observers[HOME])
        until(lambda: self.answers(shop), PATIENCE, "the recovery Region's tables answer")

    def answers(self, shop):
        try:
            return shop.has(RECOVERY, "/carts/" + min(self.early))
        except (AssertionError, OSError):
            return False

    def judge_list(self, shop):
        """The orders whose cart is missing, as the test itself finds them."""
        self.assertEqual(shop.orders(RECOVERY), self.early | self.late, "none is deleted")
        carts = {order for order in shop.orders(RECOVERY) if shop.has(RECOVERY, "/carts/" + order)}
        missing = (self.early | self.late) - carts
        self.assertGreater(len(missing), 20, "the carts were held")
        self.assertFalse(missing & self.early)
        self.list = json.loads(shop.check("repair-list", shop.spec, "--json", "--state", shop.state))
        entries = [entry for entry in self.list["entries"] if entry["to"] == "carts"]
        self.assertEqual({entry["names"] for entry in entries if entry["found"] == "missing"}, missing)
        self.assertEqual(len(entries), len({entry["names"] for entry in entries}), "none is there twice")
        self.assertFalse([entry for entry in entries if entry["found"] == "unverified"])
        beyond = shop.beyond(self.list["line"])
        self.assertLessEqual(missing, beyond)
        self.assertLessEqual(beyond, {entry["row"]["id"] for entry in self.list["entries"]}, "every order beyond the line is listed")
        self.assertTrue(self.list["complete"])
        counts = {one["to"]: one for one in self.list["references"]}
        self.assertEqual(counts["carts"]["rows"], len(self.early | self.late))
        self.assertEqual((counts["carts"]["missing"], counts["carts"]["unverified"]), (len(missing), 0))
        self.assertEqual(counts["sessions"]["missing"],
                         sum(not shop.has(RECOVERY, "/sessions/" + order) for order in self.early | self.late))
        self.assertEqual(counts["sessions"]["unverified"], 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.list["file"]).st_mode), 0o600)
        return missing

    def judge_report(self, shop, missing):
        report = json.loads(shop.check("report", shop.spec, "--json", "--state", shop.state))
        consistency = report["consistency"]
        self.assertEqual(consistency["line"], self.list["line"])
        points = consistency["points"]
        self.assertEqual(set(points), {"orders", "carts", "sessions", "uploads"})
        self.assertEqual((points[consistency["line_of"]], min(points.values())), (consistency["line"], consistency["line"]), points)
        self.assertLess(points["carts"], min(one["at"] for one in self.list["entries"] if one["found"] == "missing"), points)
        self.assertEqual(consistency["list_sha256"], self.list["sha256"])
        self.assertEqual(consistency["entries"], len(self.list["entries"]))
        self.assertEqual(len(consistency["first"]), 5)
        text = shop.check("report", shop.spec, "--state", shop.state)
        self.assertIn(self.list["file"], text)
        self.assertIn("%d missing" % len(missing), text)

    def compensate(self, shop, missing):
        def run(code, *more):
            done = shop.leeward("compensate", shop.spec, "--json", "--state", shop.state, *more)
            self.assertEqual(done.returncode, code, done.stderr + done.stdout)
            return done

        def told():
            with open(shop.told, encoding="utf-8") as file:
                return [json.loads(line)["names"] for line in file]
        self.assertIn("say --yes", run(2).stderr)
        with open(shop.crash, "w", encoding="utf-8"):
            pass
        run(-signal.SIGKILL, "--yes")
        self.assertEqual(len(told()), 1)
        self.assertIn("may or may not have been done", run(3, "--yes").stderr)
        self.assertEqual(len(told()), 1, "it is not run again by itself")
        done = json.loads(run(0, "--yes", "--settled", "ANA: I looked").stdout)
        self.assertEqual((done["total"], done["done"], done["settled"]), (len(missing), len(missing) - 1, 1))
        order = [entry["names"] for entry in self.list["entries"] if entry["to"] == "carts" and entry["found"] == "missing"]
        self.assertEqual(told(), order)
        run(0, "--yes")
        self.assertEqual(told(), order, "each is run once")


class HeldFilesTest(unittest.TestCase):
    def test_orders_whose_files_were_held_for_ten_seconds_are_all_listed(self):
        with FilesShop() as shop:
            self.lose_home_with_files_behind(shop)
            shop.check("failover", shop.spec, "--yes", "--accept-loss", "1h", *VOUCHED, "--state", shop.state)
            self.judge(shop, json.loads(shop.check("repair-list", shop.spec, "--json", "--state", shop.state)))

    def lose_home_with_files_behind(self, shop):
        self.early = {"early-%d" % number for number in range(10)}
        self.late = {"late-%d" % number for number in range(int(HELD * RATE))}
        guard = shop.guard(HOME)
        shop.guard(RECOVERY)
        until(lambda: "stores that get a canary: 3" in shop.said("observer-" + HOME), PATIENCE, "rows, carts and sessions are vouched for")
        for order in sorted(self.early):
            until(lambda: shop.order(HOME, order) in (200, 201), PATIENCE, "the shop serves at home")
        until(lambda: shop.files(RECOVERY) >= self.early, PATIENCE, "their uploads have come")
        shop.hold_files()
        began = time.monotonic()
        for number, order in enumerate(sorted(self.late)):
            until(lambda: time.monotonic() - began >= number / RATE, HELD, "its turn has come")
            until(lambda: shop.order(HOME, order) in (200, 201), PATIENCE, "home takes orders")
        until(lambda: time.monotonic() - began >= HELD, HELD, "ten seconds")
        until(lambda: shop.orders(RECOVERY) == self.early | self.late, PATIENCE, "the replica has the orders")
        until(lambda: all(shop.has(RECOVERY, "/carts/" + order) for order in self.late), PATIENCE, "their carts have come, too")
        shop.lab("kill", HOME)
        self.held = time.monotonic() - began
        for lost in (guard, shop.observers[HOME]):
            shop.end(lost)

    def judge(self, shop, told):
        placed = self.early | self.late
        self.assertEqual({order for order in placed if shop.has(RECOVERY, "/orders/" + order)}, placed, "none is deleted")
        self.assertEqual(shop.orders(RECOVERY), placed, "and none is more")
        found = {order for order in placed if shop.has(RECOVERY, "/uploads/" + order)}
        self.assertEqual(found, shop.files(RECOVERY), "the application finds what is there")
        lost = placed - found
        self.assertGreater(len(lost), HELD * RATE * 0.9, "the files were held")
        entries = [entry for entry in told["entries"] if entry["to"] == "uploads"]
        listed = {entry["row"]["id"] for entry in entries}
        self.assertEqual(len(entries), len(listed), "none is there twice")
        self.assertEqual({entry["row"]["id"] for entry in entries if entry["found"] == "missing"}, lost)
        self.assertEqual({entry["names"] for entry in entries}, {"/uploads/" + order for order in listed})
        report = json.loads(shop.check("report", shop.spec, "--json", "--state", shop.state))
        self.assertEqual((report["consistency"]["line_of"], report["consistency"]["line"]), ("uploads", told["line"]))
        beyond = shop.beyond(told["line"])
        self.assertEqual(beyond - listed, set(), "every order beyond the line is listed")
        self.assertEqual(lost - beyond, set(), "what is lost is beyond it")
        self.assertTrue(told["complete"])
        counts = {one["to"]: one for one in told["references"]}
        self.assertEqual((counts["uploads"]["missing"], counts["uploads"]["unverified"]), (len(lost), 0))
        self.assertEqual((counts["carts"]["missing"], counts["carts"]["unverified"]), (0, 0), "carts came all the time")
        print("files held %.1f s: %d orders, %d beyond the line, %d uploads lost; listed %d, of them missing %d; 0 orders deleted" % (
            self.held, len(placed), len(beyond), len(lost), len(listed), counts["uploads"]["missing"]))


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("references_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

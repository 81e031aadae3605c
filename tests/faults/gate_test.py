#!/usr/bin/env python3
"""The loss gate, with a replica that is far behind: what it refuses, what it lets pass, and that it never states too little.

LEEWARD_GATE_RUNS says how many losses are counted (default 1), LEEWARD_GATE_DELAY how many seconds replication is
delayed in the first, which asks every way (default 6; the RPO is a quarter of it); the delays of the others are drawn
by LEEWARD_SEED. The last line on standard output is a summary as JSON.
"""

import json
import os
import random
import sys
import time
import unittest

import history
import journals
import regional  # noqa: F401  (its path to the others)
from table import HOME, RECOVERY
from watched import LEEWARD, PATIENCE, WatchedShop, cleaned, until
from writers import Writers

RUNS = int(os.environ.get("LEEWARD_GATE_RUNS", "1"))
DELAY = float(os.environ.get("LEEWARD_GATE_DELAY", "6"))
SEED = int(os.environ.get("LEEWARD_SEED", "1"))
ENOUGH = 30.0  # seconds of loss that are accepted in the end


class GateShop(WatchedShop):
    """Guarded and observed; nobody fails it over but by hand."""

    def __init__(self, policy):
        self.policy = policy

    def with_store(self, text):
        text = super().with_store(text)
        for what, by in (("rpo: 5s", "rpo: %dms" % (DELAY * 250)),
                         ("when-loss-over-rpo: ask", "when-loss-over-rpo: " + self.policy)):
            assert what in text, what
            text = text.replace(what, by)
        return text

    def writable(self, _):
        """Two Regions' epochs are not what this test is about."""
        return None

    def leased(self, _):
        return None

    def failover(self, *more):
        return self.leeward("failover", self.spec, "--state", self.state, "--yes", "--json", *more)

    def lose_home(self):
        self.end(self.home_guard)
        self.lab("kill", HOME)
        self.end(self.observers[HOME])

    def await_delay(self, seconds):
        """The replica shows no canary that is younger."""
        def behind():
            answer = self.leeward("status", self.spec, "--state", self.state, "--json")
            stores = {each["region"]: each for each in json.loads(answer.stdout.splitlines()[0])["stores"]}
            return stores.get(RECOVERY, {}).get("newest_canary_age_s", 0.0) >= seconds
        until(behind, PATIENCE + seconds, "the replica is %.1f s behind" % seconds)


class GateTest(cleaned.TestCase):
    def test_what_is_lost_is_within_what_was_stated(self):
        self.said = []
        for number in range(RUNS):
            chance = random.Random("gate/%d/%d" % (SEED, number))
            delay = DELAY if number == 0 else round(chance.uniform(0.1, DELAY), 2)
            began = time.monotonic()
            said = {"number": number, "delay_s": delay, "problems": []}
            try:
                self.one(said, delay, every_way=number == 0)
            except Exception as problem:  # what cannot be told is no pass
                said["problems"].append("%s: %s" % (type(problem).__name__, problem))
            said["took_s"] = round(time.monotonic() - began, 1)
            sys.stderr.write(json.dumps(said) + "\n")
            self.said.append(said)
        print(json.dumps({"schema": "leeward-test/loss-gate/v1", "seed": SEED, "runs": len(self.said),
                          "failed": sum(1 for each in self.said if each["problems"]),
                          "counted": [[each.get("lost_s"), each.get("bound_s")] for each in self.said],
                          "trials": self.said}), flush=True)
        self.assertTrue(self.said, "nothing was tried")
        self.assertEqual([], [each for each in self.said if each["problems"]])

    def one(self, said, delay, every_way):
        with GateShop("refuse" if every_way else "ask") as shop:
            shop.home_guard = shop.guard(HOME)
            shop.guard(RECOVERY)
            until(lambda: shop.order(HOME, "first") in (200, 201), PATIENCE, "home takes orders")
            until(lambda: shop.sql(RECOVERY, "select count(*) from orders where id = 'first'") == "1", PATIENCE,
                  "the replica has the order")
            with Writers(shop) as writers:
                shop.lab("slow", HOME, RECOVERY, "%dms" % (delay * 1000))
                shop.await_delay(delay)
                until(lambda: len(writers.by(HOME)) > 20, PATIENCE, "home takes orders")
                shop.lose_home()
                if every_way:
                    self.refused(said, shop)
                done = shop.failover("--accept-loss", "%ds" % ENOUGH)
                self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-2000:])
                until(lambda: writers.by(RECOVERY), PATIENCE, "the recovery Region takes orders")
            self.count(said, shop, writers, json.loads(done.stdout)["execution"])

    def refused(self, said, shop):
        """Without a word, and with one that is too small."""
        for more in ((), ("--accept-loss", "%dms" % (DELAY * 500))):
            done = shop.failover(*more)
            self.assertEqual(done.returncode, 3, (more, done.stderr, done.stdout[-2000:]))
            self.assertIn("the policy is to refuse", done.stderr + done.stdout)
            self.assertIsNot(shop.writer(RECOVERY), True, "promoted all the same")
        said["refused"] = 2

    def count(self, said, shop, writers, execution):
        stated = journals.bound(shop.state, execution)
        found = set(until(lambda: shop.sql(RECOVERY, "select id from orders"), PATIENCE,
                          "the recovery Region's orders can be read").split())
        missing = history.lost(writers.writes(), HOME, found)
        said["problems"] += history.over_bound(missing, stated)
        said["problems"] += history.wrong_order(writers.writes(), HOME, RECOVERY)
        self.assertIsNotNone(stated, "no bound was stated")
        self.assertTrue(missing, "nothing was lost: the delay did nothing")
        said.update(lost=len(missing), lost_s=round(stated.at - missing[0].wall, 3), bound_s=round(stated.seconds, 3))


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("gate_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

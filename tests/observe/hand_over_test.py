#!/usr/bin/env python3
"""Planned moves of a guarded shop: the guard hands the lease over when it is asked, and nothing is lost."""

import json
import os
import re
import signal
import threading
import time
import unittest

from watched import HOME, LEEWARD, PATIENCE, RECOVERY, GuardedShop, cleaned, until


class Orders:
    """Sends orders to both Regions, one after the other, and remembers which were acknowledged, where and when."""

    def __init__(self, shop):
        self.shop, self.acknowledged, self.stopping = shop, [], threading.Event()
        self.thread = threading.Thread(target=self.send)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def send(self):
        number = 0
        while not self.stopping.is_set():
            for region in (HOME, RECOVERY):
                number += 1
                order_id = "order-%d" % number
                if self.shop.order(region, order_id) == 201:
                    self.acknowledged.append((region, order_id, time.monotonic()))
            self.stopping.wait(0.01)

    def by(self, region):
        return [order_id for where, order_id, _ in self.acknowledged if where == region]

    def missing(self, region):
        """Acknowledged ids that the Region's database has not."""
        found = set(self.shop.sql(region, "select id from orders").split())
        return [order_id for _, order_id, _ in self.acknowledged if order_id not in found]

    def turns(self):
        """The Regions that acknowledged, in order, each as often as it began to."""
        turns = []
        for region, _, _ in self.acknowledged:
            if turns[-1:] != [region]:
                turns.append(region)
        return turns


class HandOverTest(cleaned.TestCase):
    def move(self, shop, action):
        done = shop.leeward(action, shop.spec, "--state", shop.state, "--yes", "--json")
        self.assertEqual(done.returncode, 0, "\n".join([done.stderr, done.stdout, *(shop.said("guard-" + region) for region in (HOME, RECOVERY))]))
        document = json.loads(done.stdout)
        self.assertEqual(document["outcome"], "done")
        return {step["id"]: step["detail"] for step in document["steps"]}

    def dry(self, shop, action):
        """What a dry run of the action says of each step, when nothing would stop it."""
        done = shop.leeward(action, shop.spec, "--state", shop.state, "--dry-run", "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], "leeward/dry-run/v1")
        return {step["id"]: (step["would"], step["detail"]) for step in document["steps"]}, document.get("execution")

    def test_guards_hand_over_there_and_back(self):
        with GuardedShop() as shop:
            guards = {region: shop.guard(region) for region in (HOME, RECOVERY)}
            until(lambda: "open, epoch 1" in shop.said("guard-" + HOME), PATIENCE,
                  lambda: shop.said("guard-" + HOME))
            with Orders(shop) as orders:
                until(lambda: len(orders.by(HOME)) > 20, PATIENCE, "home takes orders")
                steps, _ = self.dry(shop, "switchover")
                self.assertEqual(steps["lease.hand-over"][0], "act")
                self.assertIn("would ask the guard of epoch 1, us-east-1", steps["lease.hand-over"][1])
                self.assertEqual(steps["lease.take"], ("not-looked-at", "after lease.hand-over: not looked at"))
                details = self.move(shop, "switchover")
                self.assertIn("given up: epoch 1, us-east-1", details["lease.hand-over"])
                self.assertIn("was released", details["lease.take"])
                until(lambda: "open, epoch 2" in shop.said("guard-" + RECOVERY), PATIENCE, "recovery's guard opens")
                until(lambda: len(orders.by(RECOVERY)) > 20, PATIENCE, "the recovery Region takes orders")
                details = self.move(shop, "failback")
                self.assertIn("given up: epoch 2, us-west-2", details["lease.hand-over"])
                until(lambda: "open, epoch 3" in shop.said("guard-" + HOME), PATIENCE,
                      lambda: shop.said("guard-" + HOME))
                back = len(orders.by(HOME))
                until(lambda: len(orders.by(HOME)) > back + 20, PATIENCE, "home takes orders again")
            self.assertEqual(orders.turns(), [HOME, RECOVERY, HOME])
            self.assertEqual(orders.missing(HOME), [])
            self.assertTrue(all(guard.poll() is None for guard in guards.values()))

    def test_a_move_that_cannot_complete_is_called_off_and_home_writes_again(self):
        with GuardedShop() as shop:
            for region in (HOME, RECOVERY):
                shop.guard(region)
            until(lambda: "open, epoch 1" in shop.said("guard-" + HOME), PATIENCE,
                  lambda: shop.said("guard-" + HOME))
            until(lambda: shop.order(HOME, "first") == 201, PATIENCE, "home takes orders")
            nothing = shop.leeward("call-off", shop.spec, "--state", shop.state, "--yes")
            self.assertEqual(nothing.returncode, 1, nothing.stderr)
            self.assertIn("nothing to call off", nothing.stderr)
            shop.lab("isolate", HOME, RECOVERY)  # the replica cannot catch up any more
            until(lambda: shop.order(HOME, "behind") == 201, PATIENCE, "home still takes orders")
            moving = shop.run("switchover", "switchover", shop.spec, "--state", shop.state, "--yes")
            until(lambda: self.has_begun(shop, "rds.drain-to/orders"), PATIENCE, lambda: shop.said("switchover"))
            self.assertEqual(shop.order(HOME, "during"), 503)
            moving.send_signal(signal.SIGINT)
            self.assertEqual(moving.wait(timeout=PATIENCE), 1, shop.said("switchover"))
            self.assertIn("`leeward call-off` puts it back", shop.said("switchover"))
            steps, execution = self.dry(shop, "switchover")
            self.assertTrue(execution, "it would go on with what was begun")
            self.assertTrue(steps["rds.quiesce/orders"][1].startswith("done before: closed"), steps)
            steps, execution = self.dry(shop, "call-off")
            self.assertEqual((execution, steps["rds.open/orders"]), (None, ("act", "would open shop for connections")))
            shop.lab("dark", RECOVERY)  # and now it is lost
            off = shop.leeward("call-off", shop.spec, "--state", shop.state, "--yes")
            self.assertEqual(off.returncode, 0, off.stderr + off.stdout)
            until(lambda: shop.order(HOME, "after") == 201, PATIENCE, "home takes orders again")
            shop.lab("heal")
            self.assertEqual(shop.sql(HOME, "select string_agg(id, ' ' order by id) from orders"), "after behind first")
            self.assertFalse(shop.writer(RECOVERY))
            self.move(shop, "switchover")
            until(lambda: shop.order(RECOVERY, "later") == 201, PATIENCE, "the recovery Region takes orders")

    @staticmethod
    def has_begun(shop, step):
        with open(os.path.join(shop.state, "journal", "journal.lwj"), "rb") as file:
            return re.search(rb'"step-intended"[^}]*"%s"' % re.escape(step.encode()), file.read()) is not None


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        raise SystemExit("hand_over_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

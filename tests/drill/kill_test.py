#!/usr/bin/env python3
"""leeward killed at random moments of a failover and started again: one writing Region, and the shop serves.

LEEWARD_KILLS says how many times (default 3), LEEWARD_KILL_SEED where chance begins.
"""

import json
import os
import random
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from labs import HOME, LEEWARD, RECOVERY, SPEC, Shop, until

KILLS = int(os.environ.get("LEEWARD_KILLS", "3"))
SEED = int(os.environ.get("LEEWARD_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
# A failover by hand takes about this long; moments are drawn over it and a little more.
LONGEST = float(os.environ.get("LEEWARD_KILL_WITHIN", "2.5"))
FAILOVER = ("failover", SPEC, "--yes", "--json", "--accept-loss", "1h", "--override-fence", "kill_test: the lab killed it")


class KillTest(unittest.TestCase):
    def test_killed_at_random_moments_it_comes_to_the_same_end(self):
        chance = random.Random(SEED)
        for number in range(KILLS):
            moment = chance.uniform(0.0, LONGEST)
            with self.subTest(seed=SEED, number=number, moment=moment):
                self.one_life(moment)

    def one_life(self, moment):
        with Shop() as shop:
            until(lambda: shop.order(HOME, "before") in (200, 201), 20, "the shop serves at home")
            self.wait_for_replica(shop)
            shop.lab("kill", HOME)
            run = shop.start(*FAILOVER, "--state", shop.state)
            try:
                run.wait(moment)
            except subprocess.TimeoutExpired:
                run.kill()
            run.communicate()
            ended = self.has_ended(shop)
            done = shop.leeward(*FAILOVER, "--state", shop.state)
            # The first life may have come to its end, if only in the journal: then there is nothing to move any more.
            if not ended:
                self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-2000:])
                self.assertEqual(json.loads(done.stdout)["outcome"], "done")
            self.check_end(shop)

    def has_ended(self, shop):
        done = shop.leeward("status", SPEC, "--json", "--state", shop.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        last = json.loads(done.stdout)["last"]
        return last.startswith("failover ") and ": done " in last

    def wait_for_replica(self, shop):
        until(lambda: shop.writer(RECOVERY) is False, 20, "the replica answers")
        # An order that the standby shows: what is acknowledged from here on may be lost, this may not.
        until(lambda: self.sees(shop, "before"), 20, "the replica has the order")

    def sees(self, shop, order_id):
        try:
            with urllib.request.urlopen("http://%s:8080/orders/%s" % (shop.front(RECOVERY), order_id), timeout=3) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def check_end(self, shop):
        self.assertIs(shop.writer(RECOVERY), True, "the recovery Region writes")
        self.assertIsNone(shop.writer(HOME), "the lost Region does not answer")
        self.assertEqual(shop.addresses(), [shop.front(RECOVERY)])
        until(lambda: shop.order(RECOVERY, "after-%f" % time.time()) in (200, 201), 20, "the shop serves")
        self.assertTrue(self.sees(shop, "before"), "what was replicated is there")
        verified = shop.leeward("journal", "verify", SPEC, "--state", shop.state)
        self.assertEqual(verified.returncode, 0, verified.stderr)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("kill_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

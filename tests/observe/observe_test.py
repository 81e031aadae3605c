#!/usr/bin/env python3
"""Three observers of one application: what they agree on when they, their links or a Region are lost."""

import json
import os
import signal
import sys
import time
import unittest

from watched import HOME, LEEWARD, PATIENCE, RECOVERY, REGIONS, WITNESS, WatchedShop, cleaned, until

CUT = 5.0  # seconds that a link stays cut: more than three times what makes a target down


class ObserveTest(cleaned.TestCase):
    def test_verdicts_are_the_quorums(self):
        with WatchedShop() as shop:
            self.both_are_up(shop)
            self.views_are_lines(shop)
            self.an_observer_that_sees_only_its_own_cut_link(shop)
            self.an_observer_that_is_stopped(shop)
            self.an_api_that_does_not_answer(shop)
            self.home_that_is_lost(shop)

    def both_are_up(self, shop):
        def up():
            quorum = shop.quorum()
            return ([each["health"] for each in quorum["verdicts"]] == ["up", "up"]
                    and [each["standing"] for each in quorum["observers"]] == ["fresh"] * 3)
        until(up, PATIENCE, "both Regions are up")
        self.assertEqual(shop.quorum()["down_when"], ["application and store"])

    def views_are_lines(self, shop):
        views = [json.loads(line) for line in shop.said("observer-" + WITNESS).splitlines() if line.startswith("{")]
        self.assertGreater(len(views), 2)
        self.assertEqual([each["from"] for each in views], [WITNESS] * len(views))
        sequences = [each["sequence"] for each in views]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual({(each["region"], each["signal"]) for each in views[-1]["targets"]},
                         {(region, signal) for region in (HOME, RECOVERY)
                          for signal in ("application", "store", "control-plane")})

    def an_observer_that_sees_only_its_own_cut_link(self, shop):
        shop.lab("isolate", HOME, WITNESS)
        end, seen = time.monotonic() + CUT, 0
        while time.monotonic() < end:
            self.assertIn(shop.verdict(HOME)["health"], ("up", "suspect"))
            seen += 1
        self.assertGreater(seen, 1)
        views = [json.loads(line) for line in shop.said("observer-" + WITNESS).splitlines() if line.startswith("{")]
        self.assertIn("down", [each["health"] for each in views[-1]["targets"]], "the cut was seen by nobody")
        shop.lab("heal")
        until(lambda: shop.verdict(HOME)["votes"] == 3, PATIENCE, "all three see home again")

    def an_observer_that_is_stopped(self, shop):
        shop.observers[WITNESS].send_signal(signal.SIGSTOP)
        until(lambda: shop.standing(WITNESS) in ("stale", "beginning"), PATIENCE, "a stopped observer grows old")
        verdict = shop.verdict(HOME)
        self.assertEqual((verdict["health"], verdict["fresh"]), ("up", 2))
        shop.observers[WITNESS].send_signal(signal.SIGCONT)
        until(lambda: shop.standing(WITNESS) == "fresh", PATIENCE, "it goes on")

    def an_api_that_does_not_answer(self, shop):
        shop.lab("control-plane", HOME, "down")
        def api_alone_is_down():
            verdict = self.whose_api_is(shop, "down")
            return verdict and (verdict["health"], verdict["application"]) == ("up", "up")
        until(api_alone_is_down, PATIENCE, "the API alone is seen to be down")
        shop.lab("control-plane", HOME, "up")
        until(lambda: self.whose_api_is(shop, "up"), PATIENCE, "the API is seen to be up")

    def whose_api_is(self, shop, health):
        verdict = shop.verdict(HOME)
        return verdict if verdict["control_plane"] == health else None

    def home_that_is_lost(self, shop):
        shop.lab("kill", HOME)
        shop.end(shop.observers[HOME])
        verdict = until(lambda: self.that_is_down(shop), PATIENCE, "home is down by quorum")
        self.assertEqual((verdict["votes"], verdict["fresh"]), (2, 2))
        self.assertIn("; counted: application and store", verdict["reason"])
        self.assertEqual(shop.verdict(RECOVERY)["health"], "up")
        told = shop.leeward("status", shop.spec, "--state", shop.state).stdout
        self.assertIn("2 of 2 fresh views", told)
        self.assertRegex(told, r"(?m)^ *down when +application and store$")

    def that_is_down(self, shop):
        verdict = shop.verdict(HOME)
        return verdict if verdict["health"] == "down" and verdict["fresh"] == 2 else None


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("observe_test: %s is not built; run cmake --build build" % LEEWARD)
    assert len(REGIONS) == 3
    unittest.main(verbosity=1)

#!/usr/bin/env python3
"""The home Region is lost under mixed session traffic: what survives in each mode, and who stays revoked.

LEEWARD_SESSION_RATE (500) operations a second for LEEWARD_SESSION_SECONDS (4) before the loss and after it.
"""

import json
import os
import sys
import time
import unittest

from regions import Load, TwoRegions, until

LEEWARD, LOAD = sys.argv[1], sys.argv[2]
RATE = int(os.environ.get("LEEWARD_SESSION_RATE", "500"))
SECONDS = float(os.environ.get("LEEWARD_SESSION_SECONDS", "4"))
DETECTION = 1.0  # seconds between the loss and the promotion


def lose_under_load(mode):
    regions = TwoRegions(LEEWARD, mode)
    load = Load(LOAD, RATE, regions.services)
    try:
        time.sleep(SECONDS)
        regions.lose_home()
        time.sleep(DETECTION)
        regions.promote_away()
        load.tell("use 1")
        time.sleep(SECONDS)
        counts = load.tell("stop")
        verdict = load.tell("verify 1 60")
    finally:
        load.close()
        regions.close()
    print(json.dumps({"mode": mode, "rate": RATE, "counts": counts, "verdict": verdict}), flush=True)
    return counts, verdict


class LossTest(unittest.TestCase):
    def check(self, mode, least_share):
        counts, verdict = lose_under_load(mode)
        self.assertGreater(verdict["live"], 100, "there was hardly any traffic")
        self.assertGreater(verdict["revoked"], 10, "hardly anything was revoked")
        self.assertGreater(counts["read"]["done"], 100)
        self.assertEqual(verdict["unknown"], 0)
        self.assertEqual(verdict["revoked_unknown"], 0)
        self.assertEqual(verdict["back_alive"], 0, "a revocation was undone that was answered as crossed")
        self.assertEqual(counts["revoked_served"], 0)
        self.assertGreaterEqual(verdict["survived_share"], least_share)
        return verdict

    def test_redis(self):
        self.check("redis", 0.95)

    def test_sync(self):
        self.check("sync", 0.95)

    def test_tokens_survive_all(self):
        verdict = self.check("tokens", 1.0)
        self.assertEqual(verdict["lost"], 0)
        self.assertEqual(verdict["stale"], 0)

    def test_one_by_hand(self):
        regions = TwoRegions(LEEWARD, "redis")
        try:
            home, away = regions.services
            status, kept = home.ask("POST", "/v1/sessions", body={"subject": "ann", "data": {"cart": "7"}})
            self.assertEqual(status, 201)
            _, gone = home.ask("POST", "/v1/sessions", body={"subject": "bob"})
            until(lambda: away.ask("GET", "/v1/session", gone["session"])[0] == 200, "it is in the other Region")
            status, revoked = home.ask("DELETE", "/v1/session", gone["session"])
            self.assertEqual(status, 200)
            self.assertIn(revoked["revoked"], ("everywhere", "held"))
            regions.lose_home()
            self.assertEqual(away.ask("GET", "/v1/session", kept["session"])[0], 200)
            self.assertEqual(away.ask("GET", "/v1/session", gone["session"])[0], 410)
            self.assertEqual(away.ask("POST", "/v1/sessions", body={"subject": "carl"})[0], 503)
            regions.promote_away()
            until(lambda: away.ask("POST", "/v1/sessions", body={"subject": "carl"})[0] == 201, "it takes writes")
            self.assertEqual(away.ask("GET", "/v1/session", gone["session"])[0], 410)
            self.assertEqual(away.ask("PATCH", "/v1/session", kept["session"], {"cart": "8"})[0], 200)
            code, said = away.stop()
            self.assertEqual((code, said), (0, ""))
        finally:
            regions.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

#!/usr/bin/env python3
"""The home Region is lost under mixed session traffic: what survives in each mode, and who stays revoked.

LEEWARD_SESSION_RATE (500) operations a second for LEEWARD_SESSION_SECONDS (4) before the loss and after it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from regions import SPEC, Load, TwoRegions, until

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

    def refused(self, *more, environment=None):
        done = subprocess.run([LEEWARD, "session", str(SPEC), *more], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, **(environment or {})})
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.returncode, done.stderr

    def test_what_is_missing_is_said_in_a_line(self):
        cases = (
            (("--region", "eu-north-1", "--mode", "sync"), 2, "none of the application's Regions"),
            (("--region", "us-east-1", "--mode", "redis"), 2, "--redis HOST:PORT"),
            (("--region", "us-east-1", "--mode", "redis", "--redis", "nowhere"), 2, "no HOST:PORT"),
            (("--region", "us-east-1", "--mode", "dynamodb"), 2, "--table NAME"),
            (("--region", "us-east-1", "--mode", "tokens"), 2, "keys and revocations"),
            (("--region", "us-east-1", "--mode", "sync"), 2, "--peer URL"),
            (("--region", "us-east-1", "--mode", "sync", "--peer", "ftp://x"), 2, "no peer"),
            (("--region", "us-east-1", "--mode", "sync", "--peer", "http://127.0.0.1:9"), 4, "--secret-file"),
            (("--region", "us-east-1", "--mode", "redis", "--redis", "127.0.0.1:9", "--listen", "0.0.0.0:0"), 4, "a token"),
            (("--region", "us-east-1", "--mode", "redis", "--redis", "127.0.0.1:9", "--idle", "2d", "--life", "1d"), 2, "31 d"),
            (("--region", "us-east-1", "--mode", "memcached"), 2, "--mode"),
        )
        for more, code, said in cases:
            with self.subTest(more):
                ended, line = self.refused(*more)
                self.assertIn(said, line)
                self.assertEqual(ended, code, line)

    def test_a_secret_that_others_can_read_is_refused_and_not_repeated(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "secret")
            with open(path, "w", encoding="ascii") as file:
                file.write("planted-" + "s" * 40)
            os.chmod(path, 0o644)
            code, line = self.refused("--region", "us-east-1", "--mode", "sync", "--peer", "http://127.0.0.1:9", "--secret-file",
                                      path)
        self.assertEqual(code, 4, line)
        self.assertIn("chmod 600", line)
        self.assertNotIn("planted", line)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

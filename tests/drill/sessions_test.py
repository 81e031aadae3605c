#!/usr/bin/env python3
"""A drill of the shop with session traffic: in each way of keeping sessions the report has the share that survived.

LEEWARD_SESSION_MODES (redis,dynamodb,sync,tokens) says which, LEEWARD_SESSION_RATE (50) how many requests a second each gets.
What the report has of them goes to standard output, a line of JSON a mode.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from labs import LEEWARD, PASSWORD, ROOT
from planted import Planted, open_to_others

SHOP = os.path.join(ROOT, "examples", "shop")
MODES = os.environ.get("LEEWARD_SESSION_MODES", "redis,dynamodb,sync,tokens").split(",")
SLOW = int(os.environ.get("LEEWARD_DRILL_RATE", "200")) < 200  # a sanitizer's build
RATE = int(os.environ.get("LEEWARD_SESSION_RATE", "10" if SLOW else "50"))
LEAST = 0.9  # of the sessions, in a mode that may lose some


def spec_in(folder):
    """The example's spec with the modes and the rate of this run, beside what it names."""
    for name in ("shop.py", "orders.py", "orders_postgres.py", "stage-sessions.yaml"):
        shutil.copy(os.path.join(SHOP, name), folder)
    with open(os.path.join(SHOP, "sessions.yaml"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    kept = []
    for line in lines:
        mode = re.search(r"- \{ mode: (\w+)", line)
        if not mode or mode[1] in MODES:
            kept.append(re.sub(r"rate: [\d.]+/s \}", "rate: %d/s }" % RATE, line))
    path = os.path.join(folder, "sessions.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(kept) + "\n")
    return path


class SessionsTest(unittest.TestCase):
    maxDiff = None

    def test_sessions_survive_a_lost_region_and_the_revoked_stay_so(self):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            page = os.path.join(folder, "drill.html")
            planted = Planted(password=PASSWORD)
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "SHOP_DB_PASSWORD": PASSWORD}
            done = subprocess.run([LEEWARD, "drill", spec_in(folder), "--lab", "--json", "--no-failback", "--report", page],
                                  env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
            report = json.loads(done.stdout)
            for mode, sessions in report["sessions"].items():
                print(json.dumps({"mode": mode, "rate": RATE, "rto_s": report["rto"]["total_s"], **sessions}), flush=True)
            self.judge(report)
            with open(page, encoding="utf-8") as file:
                self.assertIn("<h2>Sessions</h2>", file.read())
            self.assertEqual(planted.leaks(folder) + open_to_others(os.path.join(folder, ".local")), [])

    def judge(self, report):
        self.assertEqual(report["verdict"], "pass", report["problems"])
        self.assertEqual(sorted(report["sessions"]), sorted(MODES))
        verdicts = {one["name"]: one["verdict"] for one in report["objectives"]}
        for mode, sessions in report["sessions"].items():
            with self.subTest(mode):
                self.assertEqual(verdicts["sessions by %s survive" % mode], "pass")
                self.assertEqual(verdicts["revoked sessions by %s stay revoked" % mode], "pass")
                self.assertGreater(sessions["live"], RATE / 5, "there was hardly any traffic")
                self.assertGreater(sessions["revoked"], RATE / 50)
                self.assertEqual(sessions["still_revoked"], sessions["revoked"])
                self.assertEqual(sessions["live"], sessions["survived"] + sessions["lost"])
                self.assertGreaterEqual(sessions["survived_share"], 1 if mode == "tokens" else LEAST)
        if "redis" in MODES and "tokens" in MODES:  # then the spec's other stores have sessions, and `read` is of the orders
            self.assertIsNotNone(report["components"]["orders"]["acknowledged"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

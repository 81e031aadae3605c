#!/usr/bin/env python3
"""One whole drill in its own lab, judged by what its JSON says."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from labs import LEEWARD, PASSWORD, ROOT, SPEC
from planted import Planted, open_to_others, secret

IN_MARIADB = os.path.join(ROOT, "examples", "shop", "orders-mariadb.yaml")
RATE = int(os.environ.get("LEEWARD_DRILL_RATE", "200"))  # requests a second


class DrillTest(unittest.TestCase):
    def test_a_lost_region_and_home_again(self):
        self.drill(SPEC)

    def test_a_lost_region_and_home_again_with_mariadb(self):
        self.drill(IN_MARIADB)

    def drill(self, spec):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            page = os.path.join(folder, "drill.html")
            # The drill is in its lab with the lab's keys: those of the account have nothing to do with it.
            planted = Planted(password=PASSWORD, key=secret("k3y"), token=secret("t0ken"))
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "SHOP_DB_PASSWORD": PASSWORD,
                           "AWS_ACCESS_KEY_ID": "AKIDOFTHISTESTONLY00", "AWS_SECRET_ACCESS_KEY": planted.named["key"],
                           "AWS_SESSION_TOKEN": planted.named["token"]}
            before = set(os.listdir("/tmp"))
            done = subprocess.run([LEEWARD, "drill", spec, "--lab", "--json", "--report", page,
                                   "--rate", str(RATE)], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
            self.judge(json.loads(done.stdout))
            with open(page, encoding="utf-8") as file:
                self.assertIn("<svg", file.read())
            verified = subprocess.run([LEEWARD, "journal", "verify", json.loads(done.stdout)["journal"]["path"]],
                                      env=environment, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(verified.returncode, 0, verified.stderr)
            self.assertIn(json.loads(done.stdout)["journal"]["last_hash"], verified.stdout)
            planted.heard("what the drill says", done.stdout, done.stderr, verified.stdout, verified.stderr)
            self.assertEqual(planted.leaks(folder) + open_to_others(folder), [])
            self.assertEqual(self.labs(before), [], "the lab's folder is left behind")

    def test_a_drill_that_is_killed_leaves_no_lab(self):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"}
            before = set(os.listdir("/tmp"))
            drill = subprocess.Popen([LEEWARD, "drill", SPEC, "--lab", "--json"], env=environment,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.wait(lambda: any("journal.lwj" in files for _, _, files in os.walk(folder)), "a journal")
                lab = self.labs(before)[0]
                self.assertGreater(self.processes(lab), 3)
            finally:
                drill.kill()
                drill.wait()
            self.wait(lambda: self.processes(lab) == 0, "the lab's end")
            self.wait(lambda: not self.labs(before), "the end of the lab's folder")

    def wait(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, f"not in 60 s: {what}")
            time.sleep(0.02)

    def labs(self, before):
        return [name for name in set(os.listdir("/tmp")) - before if name.startswith("lwd-")]

    def processes(self, lab):
        count = 0
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    count += b"leeward-lab" in (line := file.read()) and lab.encode() in line
            except OSError:
                pass
        return count

    def judge(self, report):
        self.assertEqual(report["verdict"], "pass", report["problems"])
        checked = [(row["state"], row["detail"]) for row in report["timeline"] if row["step"] == "app.verify"]
        self.assertEqual(checked, [("done", "1 check is true")] * 2, "away and at home")
        self.assertEqual([execution["action"] for execution in report["executions"]], ["protect", "failover", "failback"])
        self.assertEqual({execution["outcome"] for execution in report["executions"]}, {"done"})
        rto = report["rto"]
        parts = sum(rto[part] for part in ("detect_s", "decide_s", "fence_s", "promote_s", "scale_s", "traffic_s", "client_tail_s"))
        self.assertAlmostEqual(parts, rto["total_s"], places=3)
        self.assertGreater(rto["detect_s"], 0.5)
        self.assertLess(rto["total_s"], 15)
        rpo = report["rpo"]
        self.assertGreater(rpo["acknowledged"], RATE)
        self.assertLessEqual(rpo["lost_s"], rpo["bound_s"])
        self.assertGreater(report["failback"]["acknowledged"], RATE / 2)
        self.assertEqual(report["failback"]["lost"], 0)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("drill_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

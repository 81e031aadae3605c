#!/usr/bin/env python3
"""One whole drill of the shop with several stores: each acknowledged write is looked for in every one of them."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from labs import HOME, LAB, LEEWARD, PASSWORD, RECOVERY, ROOT
from planted import Planted, open_to_others

SPEC = os.path.join(ROOT, "examples", "shop", "shop.yaml")
RATE = int(os.environ.get("LEEWARD_DRILL_RATE", "200"))  # requests a second
# By store.
PROMOTIONS = {"orders": "rds.promote/orders", "carts": "dynamodb.ready/carts", "sessions": "elasticache.promote/sessions",
              "uploads": "efs.promote/uploads"}


class StoresTest(unittest.TestCase):
    def test_a_lost_region_and_home_again_with_several_stores(self):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            planted = Planted(password=PASSWORD)
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "SHOP_DB_PASSWORD": PASSWORD}
            done = subprocess.run([LEEWARD, "drill", SPEC, "--lab", "--json", "--rate", str(RATE)], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
            self.judge(json.loads(done.stdout))
            self.assertEqual(planted.leaks(folder) + open_to_others(folder), [])

    def test_files_that_are_counted_as_lost_are_those_that_the_lost_home_alone_has(self):
        folder = tempfile.mkdtemp(prefix="lwt-", dir="/tmp")
        os.chmod(folder, 0o755)  # engines have to get through it
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        lab = os.path.join(folder, "lab")
        self.addCleanup(subprocess.run, [LAB, "down", "--state", lab], capture_output=True, timeout=60, check=False)
        done = subprocess.run([LEEWARD, "drill", SPEC, "--lab", "--json", "--rate", str(RATE), "--no-failback", "--keep",
                               "--lab-state", lab], env={"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
        lost = json.loads(done.stdout)["components"]["uploads"]["lost"]
        only_home = len(self.files(lab, HOME) - self.files(lab, RECOVERY))
        self.assertGreater(lost, 0)
        # Of the others nobody was told before the end that they are there: at most what is under way.
        self.assertGreaterEqual(only_home, lost)
        self.assertLess(only_home - lost, RATE / 2)

    def files(self, lab, region):
        (tree,) = glob.glob(os.path.join(lab, "regions", region, "efs", "fs-*", "tree"))
        return {name for name in os.listdir(tree) if name.startswith("order-")}

    def judge(self, report):
        self.assertEqual(report["verdict"], "pass", report["problems"])
        self.assertEqual([execution["action"] for execution in report["executions"]], ["protect", "failover", "failback"])
        for name in PROMOTIONS:
            store = report["components"][name]
            self.assertEqual(store["acknowledged"], report["rpo"]["acknowledged"], name)
            self.assertLessEqual(store["lost"], report["rpo"]["lost"], name)
            self.assertIsNotNone(store["bound_s"], name)
            self.assertLessEqual(store["lost_s"], store["bound_s"], name)
        self.assertGreaterEqual(sum(report["components"][name]["lost"] for name in PROMOTIONS), report["rpo"]["lost"])
        self.assertGreater(report["failback"]["acknowledged"], 0)
        self.assertEqual(report["failback"]["lost"], 0)
        self.kept(report)
        self.listed(report)
        self.beside_each_other(report)

    def kept(self, report):
        """The way home is a new file system: the old one, with what it alone may hold, is there under another name."""
        (aside,) = [row for row in report["timeline"] if row["step"] == "efs.preserve-old/uploads"]
        self.assertEqual(aside["state"], "done", aside)
        self.assertIn("kept as uploads-before-", aside["detail"])

    def listed(self, report):
        """An acknowledged order that is there, and whose cart or upload was lost, is in the repair list."""
        consistency = report["consistency"]
        counts = {one["to"]: one for one in consistency["references"]}
        for name in ("carts", "uploads"):
            lost = report["components"][name]["lost"] - report["components"]["orders"]["lost"]
            self.assertGreaterEqual(counts[name]["missing"], lost, name)
            self.assertEqual(counts[name]["unverified"], 0, name)
        self.assertTrue(consistency["complete"])
        self.assertEqual(consistency["entries"], sum(one["listed"] for one in counts.values()))

    def beside_each_other(self, report):
        """Stores are promoted in parallel: the longest chain has the promotion of one of them."""
        failover = [execution["execution"] for execution in report["executions"] if execution["action"] == "failover"][0]
        rows = {row["step"]: row for row in report["timeline"] if row["execution"] == failover}
        for step in PROMOTIONS.values():
            self.assertEqual(rows[step]["state"], "done", rows[step])
        chain = [link["step"] for link in report["longest_chain"]["steps"]]
        self.assertEqual(sum(step in chain for step in PROMOTIONS.values()), 1, chain)
        self.assertEqual(chain[-1], "route53.shift/traffic")
        self.assertLess(report["longest_chain"]["length_s"], report["rto"]["total_s"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""A drill in which the recovery Region holds backups alone: what is lost is within what was said before, and the way home
loses nothing."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from labs import LEEWARD, PASSWORD, ROOT

SHOP = os.path.join(ROOT, "examples", "shop")
SPEC = os.path.join(SHOP, "backup-restore.yaml")
IN_MARIADB = os.path.join(SHOP, "backup-restore-mariadb.yaml")
RATE = int(os.environ.get("LEEWARD_DRILL_RATE", "200")) // 4  # requests a second


STEPS = {"orders": {f"rds.{verb}/orders" for verb in ("copy-backups", "measure-backup", "restore")},
         "carts": {f"dynamodb.{verb}/carts" for verb in ("copy-backups", "measure-backup", "restore", "preserve-old", "final-backup",
                                                         "retire-old")}}


class RestoreTest(unittest.TestCase):
    def test_a_lost_region_is_restored_and_home_again(self):
        self.drill(SPEC, ("orders", "carts"))

    def test_so_is_a_mariadb(self):
        self.drill(IN_MARIADB, ("orders",))

    def drill(self, spec, stores):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "SHOP_DB_PASSWORD": PASSWORD}
            done = subprocess.run([LEEWARD, "drill", spec, "--lab", "--json", "--rate", str(RATE)], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=250, check=False)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
            self.judge(json.loads(done.stdout), stores)

    def judge(self, report, stores):
        self.assertEqual(report["verdict"], "pass", report["problems"])
        self.assertEqual([execution["action"] for execution in report["executions"]], ["protect", "failover", "failback"])
        rpo = report["rpo"]
        self.assertGreater(rpo["acknowledged"], RATE)
        self.assertGreater(rpo["bound_s"], 0)
        self.assertLessEqual(rpo["lost_s"], rpo["bound_s"])
        steps = {row["step"].split("@")[0] for row in report["timeline"]}
        self.assertLessEqual({"ecs.readdress/web"}.union(*(STEPS[name] for name in stores)), steps)
        self.assertEqual(set(report["components"]), set(stores))
        for name in stores:
            store = report["components"][name]
            self.assertGreater(store["acknowledged"], RATE, name)
            self.assertGreater(store["bound_s"], 0, name)
            self.assertLessEqual(store["lost_s"], store["bound_s"], name)
            self.assertGreater(report["rto"]["restores"][name]["took_s"], 0, name)
        if "carts" in stores:
            # The load began behind the one backup of the carts, so all of them are lost: it is counted, and it was stated.
            self.assertGreater(report["components"]["carts"]["lost"], 0)
        self.assertEqual(report["failback"]["lost"], 0)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("restore_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

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


class RestoreTest(unittest.TestCase):
    def test_a_lost_region_is_restored_and_home_again(self):
        report = self.drill(SPEC)
        self.judge(report, ("orders", "carts", "uploads"))
        self.expect_steps(report, {"rds.copy-backups/orders", "rds.measure-backup/orders", "rds.restore/orders"})
        for store in ("dynamodb.%s/carts", "efs.%s/uploads"):
            self.expect_steps(report, {store % step for step in (
                "copy-backups", "measure-backup", "restore", "preserve-old", "final-backup", "retire-old")})
        # The load began behind the one backup of both, so all that was written is lost: it is counted, and it was stated.
        for name in ("carts", "uploads"):
            self.assertGreater(report["components"][name]["lost"], 0, name)

    def test_so_is_a_mariadb(self):
        report = self.drill(IN_MARIADB)
        self.judge(report, ("orders",))
        self.expect_steps(report, {"rds.copy-backups/orders", "rds.measure-backup/orders", "rds.restore/orders"})

    def drill(self, spec):
        with tempfile.TemporaryDirectory(prefix="leeward-drill-") as folder:
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "SHOP_DB_PASSWORD": PASSWORD}
            done = subprocess.run([LEEWARD, "drill", spec, "--lab", "--json", "--rate", str(RATE)], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=250, check=False)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-4000:])
            return json.loads(done.stdout)

    def expect_steps(self, report, expected):
        self.assertLessEqual(expected | {"ecs.readdress/web"}, {row["step"].split("@")[0] for row in report["timeline"]})

    def judge(self, report, stores):
        self.assertEqual(report["verdict"], "pass", report["problems"])
        self.assertEqual([execution["action"] for execution in report["executions"]], ["protect", "failover", "failback"])
        rpo = report["rpo"]
        self.assertGreater(rpo["acknowledged"], RATE)
        self.assertGreater(rpo["bound_s"], 0)
        self.assertLessEqual(rpo["lost_s"], rpo["bound_s"])
        self.assertEqual(set(report["components"]), set(stores))
        for name in stores:
            store = report["components"][name]
            self.assertGreater(store["acknowledged"], RATE, name)
            self.assertGreater(store["bound_s"], 0, name)
            self.assertLessEqual(store["lost_s"], store["bound_s"], name)
            self.assertGreater(report["rto"]["restores"][name]["took_s"], 0, name)
        self.assertEqual(report["failback"]["lost"], 0)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("restore_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

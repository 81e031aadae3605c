#!/usr/bin/env python3
"""Orders that never left the lost Region: kept, listed to the last one, before and after the way home."""

import json
import os
import sys
import unittest

from labs import HOME, LEEWARD, RECOVERY, SPEC, Shop, until

LATE = ["late-%d" % number for number in range(7)]


class LateWritesTest(unittest.TestCase):
    def test_what_only_the_lost_writer_holds_is_listed(self):
        with Shop() as shop:
            until(lambda: shop.order(HOME, "before") in (200, 201), 20, "the shop serves at home")
            until(lambda: self.replicated(shop), 20, "the replica has the order")
            shop.lab("isolate", HOME, RECOVERY)
            for order in LATE:
                self.assertIn(shop.order(HOME, order), (200, 201))
            shop.lab("kill", HOME)
            shop.check("failover", SPEC, "--yes", "--accept-loss", "1h", "--override-fence", "test: the lab killed it",
                       "--state", shop.state)
            again = shop.leeward("failover", SPEC, "--yes", "--state", shop.state)
            self.assertEqual(again.returncode, 4, again.stderr)
            self.assertIn("the application is active in us-west-2; a failover from there needs us-east-1", again.stderr)
            # The recovery goes on with transaction numbers that the lost writer gave out too.
            for number in range(20):
                self.assertIn(shop.order(RECOVERY, "after-%d" % number), (200, 201))
            shop.lab("heal")
            self.assertEqual(self.late_orders(shop, "orders"), LATE)
            shop.check("failback", SPEC, "--yes", "--state", shop.state)
            self.assertEqual(self.late_orders(shop, "orders-before-"), LATE)
            self.assertIs(shop.writer(HOME), True)

    def replicated(self, shop):
        return shop.sql(RECOVERY, "select count(*) from orders where id = 'before'") == "1"

    def late_orders(self, shop, instance):
        export = os.path.join(shop.folder, "late.jsonl")
        listed = until(lambda: self.listing(shop, export), 30, "the returned writer can be read")
        store = listed["stores"][0]
        self.assertTrue(store["instance"].startswith(instance), store)
        self.assertEqual(store["region"], HOME)
        self.assertEqual({table["table"]: table["inserted"] for table in store["tables"]},
                         {"public.orders": len(LATE), "public.order_lines": len(LATE)})
        with open(export, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.assertTrue(all(row["kind"] == "inserted" for row in rows), rows)
        return sorted(row["row"]["id"] for row in rows if row["table"] == "public.orders")

    def listing(self, shop, export):
        done = shop.leeward("late-writes", SPEC, "--json", "--export", export, "--state", shop.state)
        self.assertIn(done.returncode, (0, 1, 4), done.stderr)
        return json.loads(done.stdout) if done.returncode == 0 else None


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("late_writes_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

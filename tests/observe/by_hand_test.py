#!/usr/bin/env python3
"""Moves by hand that do not go through at once: held behind the fence, given up, and ended without a last record."""

import json
import os
import shutil
import signal
import sys
import time
import unittest

from serve_test import Controller, ServedShop
from watched import HOME, LEEWARD, PATIENCE, RECOVERY, GuardedShop, cleaned, until

RPO, LEASE = 9, 14  # seconds


class TightShop(GuardedShop):
    """Whose lease takes longer to end than the RPO allows to be lost."""

    def with_store(self, text):
        changed = super().with_store(text).replace("rpo: 5s", "rpo: %ds" % RPO).replace("lease: 2s,", "lease: %ds," % LEASE)
        assert "lease: %ds," % LEASE in changed and "rpo: %ds" % RPO in changed, "the shop's spec is not what it was"
        return changed


class HeldTest(cleaned.TestCase):
    def test_a_loss_that_grows_over_the_rpo_until_the_fence_is_held_and_gone_on_with(self):
        with TightShop() as shop:
            home, _ = [shop.guard(region) for region in (HOME, RECOVERY)]
            controller = Controller(shop, "", shop.state)
            until(lambda: "open, epoch" in shop.said("guard-" + HOME), PATIENCE, lambda: shop.said("guard-" + HOME))
            protected = controller.executions()
            failover = ("failover", shop.spec, "--state", shop.state, "--yes", "--json")
            until(lambda: shop.order(HOME, "last") in (200, 201), PATIENCE, "home takes orders")
            until(lambda: shop.sql(RECOVERY, "select count(*) from orders where id = 'last'") == "1", PATIENCE,
                  "the replica has the order")
            shop.end(home)
            shop.lab("kill", HOME)
            held = shop.leeward(*failover)
            answer = json.loads(held.stdout)
            self.assertEqual((held.returncode, answer["outcome"], answer["exit_code"]), (3, "held", 3), held.stderr)
            self.assertRegex(answer["reason"], "^orders may lose up to .* s, the RPO is 9.00 s; run again with --accept-loss "
                                               r"\d+s to accept that; us-east-1 is fenced and nothing is promoted, so nobody "
                                               "writes until this is decided$")
            states = {step["id"]: step["state"] for step in answer["steps"]}
            self.assertEqual((states["gate.loss"], states["gate.fence-proof"], states["gate.final-loss"]),
                             ("done", "done", "failed"), "before the fence it was within the RPO")
            self.assertIs(shop.writer(RECOVERY), False)
            other = shop.leeward("switchover", shop.spec, "--state", shop.state, "--yes")
            self.assertIn("has not ended", other.stderr)
            # The sentence that it gives is enough, however much later: nothing was written since.
            enough = answer["reason"].split("--accept-loss ")[1].split(" ")[0]
            time.sleep(3)
            small = shop.leeward(*failover, "--accept-loss", "%ds" % RPO)
            self.assertEqual((small.returncode, json.loads(small.stdout)["outcome"]), (3, "held"), small.stderr)
            done = shop.leeward(*failover, "--accept-loss", enough)
            self.assertEqual((done.returncode, json.loads(done.stdout)["outcome"]), (0, "done"), done.stderr + done.stdout)
            self.assertIs(shop.writer(RECOVERY), True)
            self.assertEqual(len(controller.executions() - protected), 1, "the same execution went on")
            shop.check("journal", "verify", shop.spec, "--state", shop.state)
            self.without_its_last_record(shop, controller, failover)

    def without_its_last_record(self, shop, controller, failover):
        """As a full disk leaves the file: the store alone knows that it is done."""
        path = os.path.join(controller.state, "journal", "journal.lwj")
        before = controller.records()
        self.assertEqual(before[-1]["fields"]["outcome"], "done")
        with open(path, "r+b") as file:
            data, at = file.read(), 16
            for _ in before[:-1]:
                at += 44 + int.from_bytes(data[at:at + 4], "little")
            file.truncate(at)
        again = shop.leeward(*failover)
        answer = json.loads(again.stdout)
        self.assertEqual((again.returncode, answer["outcome"], answer["to"]), (0, "done", RECOVERY), again.stderr)
        self.assertEqual({answer["execution"]}, {before[-1]["execution"]}, "no other was planned from there")
        self.assertEqual(controller.records()[-1]["fields"]["outcome"], "done")
        self.assertIs(shop.writer(RECOVERY), True)
        shop.check("journal", "verify", shop.spec, "--state", shop.state)


class ElsewhereTest(cleaned.TestCase):
    """Two people with journals of their own: one leaves home, the other would bring the application back."""

    def test_what_the_old_writer_holds_is_told_by_the_journal_that_knows_and_by_no_other(self):
        with GuardedShop() as shop:
            for region in (HOME, RECOVERY):
                shop.guard(region)
            until(lambda: "open, epoch" in shop.said("guard-" + HOME), PATIENCE, lambda: shop.said("guard-" + HOME))
            other = os.path.join(shop.folder, "other")
            os.makedirs(other, 0o700)
            shop.private.append(other)
            shutil.copy2(os.path.join(shop.state, "inventory.json"), other)
            until(lambda: shop.order(HOME, "before") in (200, 201), PATIENCE, "home takes orders")
            until(lambda: shop.sql(RECOVERY, "select count(*) from orders where id = 'before'") == "1", PATIENCE,
                  "the replica has the order")
            shop.lab("isolate", HOME, RECOVERY)
            self.assertIn(shop.order(HOME, "late"), (200, 201))
            shop.lab("kill", HOME)
            shop.end(shop.processes[0])
            shop.check("failover", shop.spec, "--yes", "--accept-loss", "1h", "--state", shop.state)
            move = Controller(shop, "", shop.state).records()[-1]["execution"]
            shop.lab("heal")
            self.asked_of_the_other(shop, other, move)
            # Where it is known all goes on, and the other says so from then on too.
            shop.guard(HOME)
            shop.check("failback", shop.spec, "--yes", "--state", shop.state)
            self.assertIn("public.orders", shop.check("late-writes", shop.spec, "--state", shop.state))
            told = shop.leeward("late-writes", shop.spec, "--state", other)
            self.assertEqual(told.returncode, 1, told.stdout)
            self.assertRegex(told.stderr, "^leeward: the failback [^ ]+ was carried out by cli:[^ ]+, whose journal alone says .*\n$")

    def asked_of_the_other(self, shop, other, move):
        for command in (("late-writes", shop.spec), ("failback", shop.spec, "--dry-run"), ("failback", shop.spec, "--yes")):
            told = shop.leeward(*command, "--state", other)
            self.assertEqual(told.returncode, 1, told.stdout)
            self.assertRegex(told.stderr, "^leeward: the failover %s was carried out by cli:[^ ]+, whose journal alone says what "
                                          "the old Region may hold that never left it; run `leeward %s` there, with that "
                                          "journal's --state\n$" % (move, command[0]))
        unsigned = shop.leeward("failback", shop.spec, "--dry-run", "--forgo-late-writes", "ana", "--state", other)
        self.assertEqual((unsigned.returncode, unsigned.stdout), (2, ""), unsigned.stderr)
        self.assertIn('"NAME: REASON"', unsigned.stderr)
        signed = shop.leeward("failback", shop.spec, "--dry-run", "--json", "--forgo-late-writes", "ana: that machine is lost",
                              "--state", other)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        self.assertIn("without late writes, by ana: that machine is lost", json.loads(signed.stdout)["reason"])
        self.assertIs(shop.writer(RECOVERY), True)

class AbandonTest(cleaned.TestCase):
    def test_what_is_given_up_is_in_nobodys_way(self):
        with ServedShop() as shop:
            leader = shop.await_calm()
            hand = Controller(shop, "hand", os.path.join(shop.folder, "by-hand"))
            os.makedirs(hand.state, 0o700)
            shop.private.append(hand.state)
            shutil.copy2(os.path.join(shop.state, "inventory.json"), hand.state)
            self.begin_and_stop(shop, hand)
            until(lambda: "by hand" in leader.status().get("doing", ""), PATIENCE, shop.told)
            refused = shop.leeward("failback", shop.spec, "--state", hand.state, "--yes")
            self.assertIn("`leeward abandon`", refused.stderr)
            self.give_up(shop, hand)
            until(lambda: "by hand" not in leader.status().get("doing", "by hand"), PATIENCE, shop.told)
            shop.await_calm()
            self.assertEqual(shop.failovers(), 0)
            # What was given up does not keep the daemon from its work.
            shop.lose_home()
            shop.await_move()
            self.assertEqual(shop.failovers(), 1, shop.told())

    def begin_and_stop(self, shop, hand):
        move = shop.run("hand", "switchover", shop.spec, "--state", hand.state, "--yes", "--json")
        until(lambda: any(each["kind"] == "step-intended" for each in hand.records()), PATIENCE, lambda: shop.said("hand"))
        move.send_signal(signal.SIGINT)
        self.assertEqual(move.wait(timeout=PATIENCE), 1, shop.said("hand"))
        self.assertEqual(hand.records()[-1]["fields"]["outcome"], "aborted")

    def give_up(self, shop, hand):
        abandon = ("abandon", shop.spec, "--state", hand.state, "--by")
        done = shop.leeward(*abandon, "ana: home is well")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("switchover from %s to %s is abandoned" % (HOME, RECOVERY), done.stdout)
        self.assertIn("What it did stays as it is:", done.stdout)
        last = hand.records()[-1]
        self.assertEqual((last["kind"], last["fields"]["outcome"], last["fields"]["reason"]),
                         ("execution-finished", "abandoned", "ana: home is well"))
        again = shop.leeward(*abandon, "ana: home is well")
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertIn("nothing to give up", again.stderr)
        shop.check("journal", "verify", shop.spec, "--state", hand.state)


class LostOnTheWayTest(cleaned.TestCase):
    """A planned move whose old Region is lost when a store is promoted and the rest is not."""

    def test_it_is_given_up_and_a_failover_brings_the_rest(self):
        with GuardedShop() as shop:
            home, _ = [shop.guard(region) for region in (HOME, RECOVERY)]
            until(lambda: "open, epoch" in shop.said("guard-" + HOME), PATIENCE, lambda: shop.said("guard-" + HOME))
            hand = Controller(shop, "hand", shop.state)
            until(lambda: shop.order(HOME, "last") in (200, 201), PATIENCE, "home takes orders")
            self.begin_and_stop(shop, hand)
            abandon = ("abandon", shop.spec, "--state", shop.state, "--by", "ana: home is lost")
            refused = shop.leeward(*abandon)
            self.assertEqual(refused.returncode, 3, refused.stdout)
            self.assertIn("has begun rds.promote/orders; run `leeward switchover` again", refused.stderr)
            shop.lab("kill", HOME)
            shop.end(home)
            failover = ("failover", shop.spec, "--state", shop.state, "--yes", "--json", "--accept-loss", "1h", "--to", RECOVERY)
            self.assertIn("has not ended", shop.leeward(*failover).stderr)
            given_up = shop.leeward(*abandon)
            self.assertEqual((given_up.returncode, given_up.stderr), (0, ""), given_up.stdout)
            self.assertIn("%s does not answer from here. To serve in %s, also what is not promoted there yet: `leeward failover "
                          "--to %s`" % (HOME, RECOVERY, RECOVERY), given_up.stdout)
            promoted = shop.writer(RECOVERY)
            done = shop.leeward(*failover)
            answer = json.loads(done.stdout)
            self.assertEqual((done.returncode, answer["outcome"]), (0, "done"), done.stderr + done.stdout)
            measured = {step["id"]: step for step in answer["steps"]}["rds.measure/orders"]["detail"]
            if promoted:
                self.assertIn("takes writes already, promoted by", measured)
            self.assertIs(shop.writer(RECOVERY), True)
            self.assertEqual(shop.sql(RECOVERY, "select count(*) from orders where id = 'last'"), "1", "nothing is lost")
            until(lambda: shop.order(RECOVERY, "first") in (200, 201), PATIENCE, "the recovery Region takes orders")
            shop.check("journal", "verify", shop.spec, "--state", shop.state)

    def begin_and_stop(self, shop, hand):
        move = shop.run("move", "switchover", shop.spec, "--state", shop.state, "--yes", "--json")
        until(lambda: hand.of_step("step-intended", "rds.promote/orders"), PATIENCE, lambda: shop.said("move"))
        move.send_signal(signal.SIGINT)
        self.assertEqual(move.wait(timeout=PATIENCE), 1, shop.said("move"))
        self.assertEqual(hand.records()[-1]["fields"]["outcome"], "aborted")
        self.assertEqual(hand.of_step("step-intended", "route53.shift/traffic"), 0, "it was stopped before traffic moved")


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("by_hand_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=2)

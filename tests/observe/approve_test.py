#!/usr/bin/env python3
"""Approvals in a lab: a loss over the RPO by hand, and a failover that the daemon would begin."""

import json
import os
import shutil
import sys
import unittest

from serve_test import MOVED, ServedShop
from watched import HOME, LEEWARD, PATIENCE, RECOVERY, cleaned, until

from labs import SPEC, Shop

APPROVE = "/v1/applications/shop/approve"
ANN = json.dumps({"by": "ann", "reason": "I see it too"})


class AskedShop(Shop):
    """Whose every loss is over the RPO."""

    def spec(self, name, people, within):
        folder = os.path.join(self.folder, "app")
        if not os.path.exists(folder):
            shutil.copytree(os.path.dirname(SPEC), folder)
        with open(SPEC, encoding="utf-8") as file:
            text = file.read().replace("rpo: 5s", "rpo: 0s")
        changed = text.replace("lease: 2s }", "lease: 2s, approval: { people: %d, within: %s } }" % (people, within))
        assert changed != text, "the shop's failover line is not what it was"
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(changed)
        return path

    def failover(self, spec):
        return self.start("failover", spec, "--yes", "--json", "--state", self.state, "--override-fence",
                          "approve_test: the lab killed it")

    def approve(self, spec, by, *more):
        return self.leeward("approve", spec, "--state", self.state, "--by", by, *more, timeout=30)

    def asked(self, spec):
        return json.loads(self.check("status", spec, "--state", self.state, "--json")).get("approval")

    def await_asked(self, spec, run):
        def asks():
            assert run.poll() is None, run.communicate()
            return self.asked(spec)
        return until(asks, PATIENCE, "people are asked")

    def journal(self):
        with open(os.path.join(self.state, "journal", "journal.lwj"), "rb") as file:
            return file.read().decode("utf-8", "replace")


class ByHandTest(cleaned.TestCase):
    def test_a_loss_over_the_rpo_waits_for_people_in_this_plan_and_in_time(self):
        with AskedShop() as shop:
            until(lambda: shop.writer(RECOVERY) is False, PATIENCE, "the replica answers")
            two = shop.spec("two.yaml", 2, "5m")
            done = shop.approve(two, "ann: I see it too")
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
            self.assertIn("nothing waits for an approval", done.stderr)
            shop.lab("kill", HOME)
            self.time_is_up(shop)
            self.another_plan(shop, two)
            self.two_people(shop, two)

    def time_is_up(self, shop):
        run = shop.failover(shop.spec("short.yaml", 1, "2s"))
        out, _ = run.communicate(timeout=PATIENCE)
        answer = json.loads(out)
        self.assertEqual((run.returncode, answer["outcome"], answer["exit_code"]), (3, "refused", 3))
        self.assertRegex(answer["reason"], r"^orders may lose up to .*, the RPO is 0 .*: had 0 of 1 approval when time "
                                           r"was up at 2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ; start it again to ask again$")

    def another_plan(self, shop, spec):
        """What ann approved is given up; the next execution, of the same spec, begins with nobody's approval."""
        run = shop.failover(spec)
        first = shop.await_asked(spec, run)
        self.assertIn("waits for 2 of 2 approvals until ", first["standing"])
        self.assertEqual(shop.approve(spec, "ann: I see it too").returncode, 0)
        run.kill()
        run.communicate()
        self.assertIn("is abandoned", shop.check("abandon", spec, "--state", shop.state, "--by", "ann: another plan"))
        run = shop.failover(spec)
        second = until(lambda: [each for each in [shop.asked(spec)] if each and each["execution"] != first["execution"]],
                       PATIENCE, "the new execution asks")[0]
        self.assertEqual((second["given"], second["plan"] == first["plan"]), ([], False))
        late = shop.approve(spec, "bob: I meant the first", "--execution", first["execution"])
        self.assertEqual(late.returncode, 1, late.stdout)
        self.assertIn("waits for no approval", late.stderr)
        self.assertEqual(shop.asked(spec)["given"], [])
        self.waiting = run

    def two_people(self, shop, spec):
        done = shop.approve(spec, "ann: I see it too")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("waits for 1 of 2 approvals until ", done.stdout)
        self.waiting.kill()
        self.waiting.communicate()
        text = shop.leeward("status", spec, "--state", shop.state)
        self.assertIn("waits for 1 of 2 approvals", text.stdout)
        again = shop.approve(spec, "Ann : and again")
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertIn("has approved already", again.stderr)
        run = shop.failover(spec)  # goes on with what was killed
        self.assertEqual([each["name"] for each in shop.await_asked(spec, run)["given"]], ["ann"])
        self.assertIs(shop.writer(RECOVERY), False)
        self.assertEqual(shop.approve(spec, "bob: the power is off").returncode, 0)
        out, err = run.communicate(timeout=MOVED)
        self.assertEqual((run.returncode, json.loads(out)["outcome"]), (0, "done"), err)
        self.assertIs(shop.writer(RECOVERY), True)
        journal = shop.journal()
        self.assertEqual(journal.count('"kind":"approval"'), 2)
        for part in ('"who":"ann"', '"reason":"I see it too"', '"who":"bob"', '"reason":"the power is off"'):
            self.assertIn(part, journal)
        shop.check("journal", "verify", spec, "--state", shop.state)


class AskingServedShop(ServedShop):
    def with_store(self, text):
        text = super().with_store(text)
        changed = text.replace("lease: 2s,", "lease: 2s, approval: { people: 1, within: 2m },")
        assert changed != text, "the shop's failover line is not what it was"
        return changed


class DaemonTest(cleaned.TestCase):
    def test_an_automatic_failover_waits_and_is_not_wanted_when_home_is_back(self):
        with AskingServedShop() as shop:
            leader = shop.await_calm()
            self.assertEqual(leader.ask("POST", APPROVE, ANN)[0], 409)  # nothing waits
            shop.lab("dark", HOME)
            first = self.await_asked(shop)
            self.assertEqual(shop.failovers(), 1)
            shop.lab("heal")
            until(lambda: HOME + " is up again" in ((leader.status().get("move") or {}).get("why") or ""), PATIENCE,
                  shop.told)
            self.assertEqual(leader.status()["move"]["state"], "refused")
            self.assertEqual(leader.ask("POST", APPROVE, ANN)[0], 409)
            shop.await_calm()
            until(lambda: not any("approval" in each.status() for each in shop.controllers), PATIENCE, "nobody is asked")
            shop.lose_home()
            second = self.await_asked(shop)
            self.assertNotEqual(first["execution"], second["execution"])
            self.assertIs(shop.writer(RECOVERY), False)
            self.approve(shop, leader, first)
            shop.await_move()
            self.assertEqual(shop.failovers(), 2, shop.told())
            shop.check("journal", "verify", shop.spec, "--state", leader.state)

    def await_asked(self, shop):
        """Both controllers tell of it, the one that acts and the one that watches."""
        until(lambda: all(each.status().get("approval") for each in shop.controllers), MOVED, shop.told)
        told = [each.status()["approval"] for each in shop.controllers]
        self.assertEqual(told[0]["execution"], told[1]["execution"])
        self.assertIn("waits for 1 of 1 approval until ", told[0]["standing"])
        return told[0]

    def approve(self, shop, leader, first):
        other = next(each for each in shop.controllers if each is not leader)
        for token in (None, "", "wrong"):
            self.assertEqual(other.ask("POST", APPROVE, ANN, token)[0], 401)
        self.assertEqual(other.ask("POST", APPROVE, "{}")[0], 400)
        stale = json.dumps({"by": "bob", "reason": "late", "execution": first["execution"]})
        self.assertEqual(other.ask("POST", APPROVE, stale)[0], 409)
        self.assertIs(shop.writer(RECOVERY), False)
        code, body = other.ask("POST", APPROVE, ANN)
        self.assertEqual((code, json.loads(body).get("lacking")), (200, 0), body)
        until(lambda: "approval gate.approval: I see it too" in shop.told(), PATIENCE, shop.told)
        until(lambda: "approved by ann (I see it too)" in shop.told(), PATIENCE, shop.told)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("approve_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=2)

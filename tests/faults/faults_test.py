#!/usr/bin/env python3
"""Random faults against the shop that fails over by itself: one writer, no needless failover, each lost Region left once.

LEEWARD_FAULTS says how many (default 2), LEEWARD_SEED from which seed, LEEWARD_FAULT_KINDS which kinds of table.py,
LEEWARD_FAULT_FIRST with which number to begin. The last line on standard output is a summary as JSON.
"""

import json
import os
import statistics
import sys
import threading
import time
import unittest

import history
import journals
from regional import CONTROLLERS, RegionalShop
from table import HOME, KINDS, RECOVERY, RESTART, TAKES, choose
from watched import LEEWARD, PATIENCE, cleaned, until
from writers import Writers

COUNT = int(os.environ.get("LEEWARD_FAULTS", "2"))
SEED = int(os.environ.get("LEEWARD_SEED", "1"))
FIRST = int(os.environ.get("LEEWARD_FAULT_FIRST", "0"))
ONLY = tuple(filter(None, os.environ.get("LEEWARD_FAULT_KINDS", "").split(","))) or KINDS
MOVED = 60     # seconds within which a lost Region is left, however slow the machine
SETTLED = 3.0   # what is watched for after a move: a second one, an old writer that goes on
RETURNED = 5.0  # and after home has come back ...
LOOK = 0.2      # ... so often


class Trial:
    """One fault: what happens, and what is wrong with it."""

    def __init__(self, shop, fault):
        self.shop, self.fault, self.problems = shop, fault, []
        self.said = {"number": fault.number, "kind": fault.kind, "where": [each for each in (fault.a, fault.b) if each],
                     "expected": "one failover" if TAKES[fault.kind] else "no failover"}
        if fault.extra:
            self.said["extra_s"] = fault.extra
        if fault.also:
            self.said["also"] = list(fault.also)

    def run(self):
        shop, fault = self.shop, self.fault
        shop.await_calm()
        self.before = {each.name: set(journals.moves(each.state)) for each in shop.controllers}
        with Writers(shop) as writers:
            self.writers = writers
            for via in ("inside", "outside", "name"):
                until(lambda via=via: len(writers.by(HOME, via=via)) > 5, PATIENCE, "orders by %s" % via)
            shop.pause(fault.moment)
            self.calmly = time.monotonic()
            self.began = shop.inject(fault)
            self.also = threading.Timer(fault.also[2], self.end_another) if fault.also else None
            if self.also:
                self.also.start()
            try:
                self.taken() if TAKES[fault.kind] else self.passed()
            finally:
                if self.also:
                    self.also.join()
        self.problems += history.two_writers(writers.writes())

    def end_another(self):
        kind, region, _ = self.fault.also
        self.shop.end(self.shop.process_of(kind, region))
        self.shop.pause(RESTART)
        self.shop.start_again(kind, region)

    def moves(self):
        """Failovers since the fault: (controller, execution, what became of it). One that another controller went on
        with is in two journals; the one that counts has its end."""
        found = {}
        for each in self.shop.controllers:
            for execution, move in journals.moves(each.state).items():
                if execution in self.before[each.name]:
                    continue
                if execution not in found or self.worth(move) > self.worth(found[execution][2]):
                    found[execution] = (each, execution, move)
        return list(found.values())

    @staticmethod
    def worth(move):
        return move.promoted, move.outcome == "done"

    def done(self):
        return [each for each in self.moves() if each[2].outcome == "done"]

    def expect(self, truth, problem):
        if not truth:
            self.problems.append(problem)

    # --- what must move nothing

    def passed(self):
        shop, fault = self.shop, self.fault
        shop.pause(max(0.0, self.began + fault.lasts - time.monotonic()))
        shop.heal_all()
        healed = time.monotonic()
        shop.await_calm()
        for via in ("inside", "outside", "name"):
            until(lambda via=via: self.writers.by(HOME, healed, via), PATIENCE, "orders by %s again" % via)
        acknowledged = [self.calmly, *(write.acked for write in self.writers.by(HOME, self.calmly, "name")),
                        time.monotonic()]
        self.said["longest_gap_s"] = round(max(b - a for a, b in zip(acknowledged, acknowledged[1:])), 2)
        moves = self.moves()
        self.said["happened"] = "%d failovers" % len(moves) if moves else "no failover"
        self.expect(not moves, "failed over for nothing: %s" % [each[2] for each in moves])
        self.expect(history.turns(self.writers.writes()) == [HOME],
                    "acknowledged by %s in turn" % history.turns(self.writers.writes()))

    # --- what takes the Region

    def taken(self):
        shop, writers = self.shop, self.writers
        until(lambda: writers.by(RECOVERY, via="name"), MOVED, lambda: "orders in the recovery Region\n" + shop.told())
        until(self.done, MOVED, shop.told)
        shop.pause(SETTLED)
        first = writers.by(RECOVERY, via="name")[0]
        self.said["rto_s"] = round(first.acked - self.began, 3)
        self.said["last_home_s"] = round(writers.by(HOME)[-1].acked - self.began, 3)
        self.said["last_inside_s"] = round(writers.by(HOME, via="inside")[-1].acked - self.began, 3)
        self.said["first_recovery_s"] = round(writers.by(RECOVERY)[0].acked - self.began, 3)
        self.bound_and_phases()
        self.returned()
        # One that another controller began and left before it promoted anything has moved nothing.
        moves = [each[2] for each in self.moves()]
        once = len(self.done()) == 1 and sum(1 for move in moves if move.promoted) == 1
        self.said["happened"] = "one failover" if once else "failovers: %s" % moves
        if len(moves) > 1:
            self.said["begun"] = len(moves)
        self.expect(once, "failed over: %s" % moves)
        self.problems += history.wrong_order(writers.writes(), HOME, RECOVERY)
        self.expect(history.turns(writers.writes()) == [HOME, RECOVERY],
                    "acknowledged by %s in turn" % history.turns(writers.writes()))

    def bound_and_phases(self):
        self.mover, execution, _ = self.done()[0]
        stated = journals.bound(self.mover.state, execution)
        # A guard that renews late on a slow machine shuts its door, and opens it again.
        found = set(until(lambda: self.shop.sql(RECOVERY, "select id from orders"), PATIENCE,
                          lambda: "the recovery Region's orders can be read\n" + self.shop.told()).split())
        self.missing = history.lost(self.writers.writes(), HOME, found)
        self.problems += history.over_bound(self.missing, stated)
        gone = history.lost(self.writers.writes(), RECOVERY, found | {each.id for each in self.writers.by(
            RECOVERY, time.monotonic() - 1.0)})
        self.expect(not gone, "the recovery Region lost %s" % [each.id for each in gone])
        self.said["lost"] = len(self.missing)
        self.said["lost_s"] = round(stated.at - self.missing[0].wall, 3) if stated and self.missing else 0.0
        self.said["bound_s"] = round(stated.seconds, 3) if stated else None
        offset = time.time() - time.monotonic()
        self.said["steps_s"] = {name: round(at - offset - self.began, 2)
                                for name, at in journals.phases(self.mover.state, execution).items()}

    def returned(self):
        """Home comes back: nothing goes there, nothing is written there, and what only it had is listed."""
        shop, writers = self.shop, self.writers
        shop.heal_all()
        back = time.monotonic()
        listed = until(self.late_ids, PATIENCE, "the late writes can be listed")
        while time.monotonic() < back + RETURNED:
            self.expect(shop.addresses() in ([], [shop.front(RECOVERY)]), "the name leads to %s" % shop.addresses())
            self.expect(shop.writer(HOME) is not True or shop.sql(HOME, "insert into orders values ('%s', 0)" %
                                                                  time.monotonic()) is None, "home can be written")
            shop.pause(LOOK)
        until(lambda: writers.by(RECOVERY, time.monotonic() - 1.0, "name"), PATIENCE, "the recovery Region still serves")
        at_home = writers.by(HOME, back)
        self.expect(not at_home, "home acknowledged %s after its return" % [each.id for each in at_home])
        self.problems += history.unlisted(self.missing, listed)
        self.said["late"] = len(listed) - 1

    def late_ids(self):
        export = os.path.join(self.shop.folder, "late-%d.jsonl" % self.fault.number)
        done = self.shop.leeward_in(CONTROLLERS[self.mover.name], "late-writes", self.shop.spec, "--json", "--export", export,
                                    "--state", self.mover.state)
        if done.returncode != 0:
            self.said["late_writes"] = done.stderr.strip()
            return None
        self.said.pop("late_writes", None)
        with open(export, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return {row["row"]["id"] for row in rows if row["table"] == "public.orders"} | {""}  # never empty


class FaultsTest(cleaned.TestCase):
    def test_one_writer_and_each_lost_region_left_once(self):
        self.shop, self.trials = None, []
        self.addCleanup(self.leave)
        for fault in choose(SEED, COUNT, ONLY)[FIRST:]:
            self.trials.append(self.one(fault))
        print(json.dumps(self.summary()), flush=True)
        self.assertTrue(self.trials, "nothing was tried")
        self.assertEqual([], [trial for trial in self.trials if trial["problems"]])

    def leave(self, why=None):
        shop, self.shop = self.shop, None
        if shop is not None:
            shop.__exit__(why)

    def one(self, fault):
        began = time.monotonic()
        trial = Trial(self.shop, fault)
        try:
            if self.shop is None:
                shop = RegionalShop()
                shop.__enter__()
                self.shop = trial.shop = shop
            trial.run()
        except Exception as problem:  # what cannot be told is no pass; the next begin in a new lab
            trial.problems.append("%s: %s" % (type(problem).__name__, problem))
            self.keep(fault)
        if trial.problems or TAKES[fault.kind]:
            self.leave(AssertionError if trial.problems else None)
        said = {**trial.said, "problems": trial.problems, "took_s": round(time.monotonic() - began, 1)}
        sys.stderr.write(json.dumps(said) + "\n")
        return said

    def keep(self, fault):
        """What everybody said, where LEEWARD_FAULT_LOGS asks for it."""
        folder = os.environ.get("LEEWARD_FAULT_LOGS")
        if not folder or self.shop is None:
            return
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(self.shop.folder):
            path = os.path.join(self.shop.folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file, open(os.path.join(folder, "%d-%s" % (fault.number, name)), "wb") as copy:
                    copy.write(file.read())

    def summary(self):
        taking = [trial for trial in self.trials if TAKES[trial["kind"]]]
        rto = [trial["rto_s"] for trial in taking if "rto_s" in trial]
        alone = [trial["rto_s"] for trial in taking if "rto_s" in trial and "also" not in trial]
        return {"schema": "leeward-test/faults/v1", "seed": SEED, "faults": len(self.trials), "taking": len(taking),
                "left_once": sum(1 for trial in taking if trial.get("happened") == "one failover"),
                "passing": len(self.trials) - len(taking),
                "moved_for_nothing": sum(1 for trial in self.trials if not TAKES[trial["kind"]]
                                         and trial.get("happened") != "no failover"),
                "rto_median_s": round(statistics.median(rto), 3) if rto else None,
                "rto_median_alone_s": round(statistics.median(alone), 3) if alone else None,  # nothing else ended
                "rto_max_s": max(rto, default=None), "failed": sum(1 for trial in self.trials if trial["problems"]),
                "trials": self.trials}


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("faults_test: %s is not built; run cmake --build build" % LEEWARD)
    assert set(ONLY) <= set(KINDS) and set(CONTROLLERS.values()), ONLY
    unittest.main(verbosity=1)

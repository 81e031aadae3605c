#!/usr/bin/env python3
"""The choice of faults: by the seed alone, every kind, as many that take the Region as the table's text says."""

import unittest

from table import HOME, KINDS, TAKES, choose


class TableTest(unittest.TestCase):
    def test_a_seed_chooses_the_same_faults_however_many_are_asked_for(self):
        self.assertEqual(choose(7, 50)[:9], choose(7, 9))
        self.assertNotEqual(choose(7, 50), choose(8, 50))

    def test_fifty_faults_are_of_every_kind_and_a_third_takes_the_region(self):
        for seed in range(20):
            faults = choose(seed, 50)
            self.assertEqual({fault.kind for fault in faults}, set(KINDS))
            self.assertEqual(sum(1 for fault in faults if TAKES[fault.kind]), 17)

    def test_what_takes_a_region_takes_home(self):
        self.assertEqual({fault.a for fault in choose(1, 50) if TAKES[fault.kind]}, {HOME})

    def test_some_losses_come_with_the_end_of_another_process(self):
        also = [fault.also for fault in choose(1, 50) if fault.also]
        self.assertTrue(also)
        self.assertNotIn(HOME, [where for _, where, _ in also])

    def test_kinds_can_be_chosen(self):
        self.assertEqual({fault.kind for fault in choose(1, 5, ("kill",))}, {"kill"})
        self.assertEqual({fault.kind for fault in choose(1, 5, ("slow", "cut"))}, {"slow", "cut"})


if __name__ == "__main__":
    unittest.main(verbosity=1)

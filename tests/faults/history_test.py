#!/usr/bin/env python3
"""The checkers of histories, alive: each planted violation is found, and a sound history is not accused."""

import unittest

from history import Bound, Write, lost, over_bound, turns, two_writers, unlisted, wrong_order

A, B = "us-east-1", "us-west-2"


def write(name, region, epoch, acked):
    return Write(name, region, epoch, acked - 0.01, acked, 1000 + acked, "test")


SOUND = [write("a1", A, 1, 1.0), write("a2", A, 1, 2.0), write("a3", A, 2, 3.0), write("b1", B, 3, 5.0),
         write("b2", B, 3, 6.0)]


class HistoryTest(unittest.TestCase):
    def test_a_sound_history_is_not_accused(self):
        self.assertEqual(two_writers(SOUND), [])
        self.assertEqual(wrong_order(SOUND, A, B), [])
        self.assertEqual(turns(reversed(SOUND)), [A, B])
        self.assertEqual(lost(SOUND, A, {"a1", "a2", "a3"}), [])
        self.assertEqual(over_bound([], None), [])

    def test_two_regions_that_write_at_once_are_found(self):
        planted = SOUND + [write("late", A, 2, 5.5)]
        self.assertEqual(two_writers(planted),
                         ["late of us-east-1 (epoch 2) was acknowledged 0.500 s after b1 of us-west-2 (epoch 3)"])
        self.assertEqual(wrong_order(planted, A, B), ["late of us-east-1 was acknowledged 0.500 s after b1 of us-west-2"])
        self.assertEqual(turns(planted), [A, B, A, B])

    def test_the_same_instant_is_not_before(self):
        planted = SOUND + [write("late", A, 2, 5.0)]
        self.assertEqual(len(two_writers(planted)), 1)
        self.assertEqual(len(wrong_order(planted, A, B)), 1)

    def test_one_epoch_in_two_regions_is_found(self):
        self.assertEqual(two_writers(SOUND + [write("b0", B, 2, 4.0)])[0], "epoch 2 wrote in us-east-1 and us-west-2")

    def test_an_epoch_that_falls_is_found(self):
        self.assertEqual(len(two_writers([write("a", A, 7, 1.0), write("b", B, 6, 2.0)])), 1)

    def test_a_write_without_an_epoch_is_found(self):
        self.assertEqual(two_writers([write("a", A, None, 1.0)]), ["a of us-east-1 carries no epoch"])

    def test_a_history_of_one_region_proves_no_order(self):
        self.assertEqual(wrong_order(SOUND[:3], A, B), ["nobody wrote in us-west-2"])
        self.assertEqual(wrong_order(SOUND[3:], A, B), ["nobody wrote in us-east-1"])

    def test_a_lost_write_is_counted_and_held_against_the_bound(self):
        missing = lost(SOUND, A, {"a1"})
        self.assertEqual([each.id for each in missing], ["a2", "a3"])
        self.assertEqual(over_bound(missing, Bound(1005.0, 3.0)), [])
        self.assertEqual(over_bound(missing, Bound(1005.0, 2.9)),
                         ["a2 was lost and was 3.000 s old when the bound was 2.900 s"])
        self.assertEqual(over_bound(missing, None), ["2 writes were lost and no bound was stated"])

    def test_a_lost_write_that_is_no_late_write_is_found(self):
        self.assertEqual(unlisted(lost(SOUND, A, {"a1"}), {"a2"}), ["a3 was lost and is no late write"])


if __name__ == "__main__":
    unittest.main(verbosity=1)

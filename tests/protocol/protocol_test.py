#!/usr/bin/env python3
"""Has spin go through every behaviour of docs/protocol/lease.pml, with and without the request to hand over, and find each
planted mistake."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "docs", "protocol", "lease.pml")
MISTAKES = ["NO_MARGIN", "NO_DRIFT", "FROM_ANSWER", "NO_FENCE_WAIT", "FROM_READ_SENT"]
# With the request: one renewal on its way is enough for all of it, and two take half a minute and more.
HAND_OVER = ["HAND_OVER", "RENEWALS=1"]
HAND_OVER_MISTAKES = ["RELEASE_FIRST", "ANSWER_COUNTS", "OUTRUN", "OBEYS_STALE", "OTHER_EPOCH"]
SETTINGS = {"RENEWALS", "HAND_OVER", "ASKS"}
FEWEST_STATES = 500_000  # of the whole model; far fewer would mean that little of it can happen


def check(*defines):
    """(errors, states, whole output) of one run over all states."""
    with tempfile.TemporaryDirectory(prefix="leeward-spin-") as folder:
        def run(*command):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
            if done.returncode != 0:
                raise AssertionError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")
            return done.stdout

        run("spin", *[f"-D{define}" for define in defines], "-a", MODEL)
        run("gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000", "-o", "pan", "pan.c")
        out = run("./pan", "-m100000", "-w22")
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+) states, stored", out)
    if not errors or not states or "max search depth too small" in out or "memory limit" in out:
        raise AssertionError("the search did not come to an end:\n" + out)
    return int(errors.group(1)), int(states.group(1)), out


class ProtocolTest(unittest.TestCase):
    def clean(self, *defines):
        errors, states, out = check(*defines)
        self.assertEqual(errors, 0, out)
        self.assertGreater(states, FEWEST_STATES)
        print(f"{' '.join(defines) or 'as it is'}: {states} states, no error", file=sys.stderr)

    def found(self, *defines):
        errors, states, out = check(*defines)
        self.assertEqual(errors, 1, out)
        self.assertIn("assertion violated", out)
        print(f"{defines[-1]}: found after {states} states", file=sys.stderr)

    def test_two_regions_never_write(self):
        self.clean()

    def test_two_regions_never_write_when_the_lease_is_asked_for(self):
        self.clean(*HAND_OVER)

    def test_every_planted_mistake_is_named(self):
        with open(MODEL, encoding="utf-8") as file:
            named = set(re.findall(r"^#if(?:n?def)? (\w+)", file.read(), re.M)) - SETTINGS
        self.assertEqual(named, set(MISTAKES) | set(HAND_OVER_MISTAKES), "the model and this test name other mistakes")

    def test_every_planted_mistake_is_found(self):
        for mistake in MISTAKES:
            with self.subTest(mistake):
                self.found(mistake)

    def test_every_planted_mistake_of_the_request_is_found(self):
        for mistake in HAND_OVER_MISTAKES:
            with self.subTest(mistake):
                self.found(*HAND_OVER, mistake)


if __name__ == "__main__":
    unittest.main(verbosity=1)

#!/usr/bin/env python3
"""Has spin go through every behaviour of docs/protocol/lease.pml, and find each planted mistake."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "docs", "protocol", "lease.pml")
MISTAKES = ["NO_MARGIN", "NO_DRIFT", "FROM_ANSWER", "NO_FENCE_WAIT", "FROM_READ_SENT"]
FEWEST_STATES = 500_000  # of the whole model; far fewer would mean that little of it can happen


def check(define=None):
    """(errors, states, whole output) of one run over all states."""
    with tempfile.TemporaryDirectory(prefix="leeward-spin-") as folder:
        def run(*command):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
            if done.returncode != 0:
                raise AssertionError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")
            return done.stdout

        run("spin", *([f"-D{define}"] if define else []), "-a", MODEL)
        run("gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000", "-o", "pan", "pan.c")
        out = run("./pan", "-m100000", "-w22")
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+) states, stored", out)
    if not errors or not states or "max search depth too small" in out or "memory limit" in out:
        raise AssertionError("the search did not come to an end:\n" + out)
    return int(errors.group(1)), int(states.group(1)), out


class ProtocolTest(unittest.TestCase):
    def test_two_regions_never_write(self):
        errors, states, out = check()
        self.assertEqual(errors, 0, out)
        self.assertGreater(states, FEWEST_STATES)
        print(f"{states} states, no error", file=sys.stderr)

    def test_every_planted_mistake_is_found(self):
        with open(MODEL, encoding="utf-8") as file:
            named = set(re.findall(r"^#if(?:n?def) (\w+)", file.read(), re.M)) - {"RENEWALS"}
        self.assertEqual(named, set(MISTAKES), "the model and this test name other mistakes")
        for mistake in MISTAKES:
            with self.subTest(mistake):
                errors, states, out = check(mistake)
                self.assertEqual(errors, 1, out)
                self.assertIn("assertion violated", out)
                print(f"{mistake}: found after {states} states", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)

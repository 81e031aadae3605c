#!/usr/bin/python3
"""How many seeds a second the simulator goes through, on one core: by the clock, and by the processor's time that it took.

  bench/simulator.py [--seeds N] [--rounds N]
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import BUILD, spread  # noqa: E402


def once(seeds):
    """One thread through seeds 1 to `seeds`; none may break a rule."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([os.path.join(BUILD, "leeward-sim"), "--seeds", f"1..{seeds}", "--jobs", "1"],
                          capture_output=True, text=True, timeout=3600, check=False)
    took, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0 or not re.match(rf"{seeds} seeds, .*; 0 with violations", done.stdout):
        raise RuntimeError(f"leeward-sim ended with {done.returncode}: {done.stdout}{done.stderr}")
    busy = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"seeds": seeds, "per_second": seeds / took, "per_cpu_second": seeds / busy}


def text(rounds):
    return (f"simulator, one core: seeds/s by the clock {spread([one['per_second'] for one in rounds])}, "
            f"by processor time {spread([one['per_cpu_second'] for one in rounds])}, {rounds[0]['seeds']} seeds, n {len(rounds)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5000, help="in each round (default 5000)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(text([once(arguments.seeds) for _ in range(arguments.rounds)]))

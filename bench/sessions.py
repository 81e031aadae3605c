#!/usr/bin/python3
"""Session services: operations per second and p99 of each mode, with N clients that each wait for their answers.

  bench/sessions.py [--modes redis,sync,tokens] [--threads N] [--seconds N] [--json FILE]

Two Regions of services stand on this machine as in tests/session: for redis and tokens a redis-server and its replica, for sync the
services' memory. All clients ask the home Region's. Its peer takes part: a revocation is answered when the other Region has it.
With --table NAME the mode dynamodb is measured too, against AWS_ENDPOINT_URL.
"""

import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(ROOT, "tests", "session")]
from regions import TwoRegions  # noqa: E402

BUILD = os.environ.get("LEEWARD_BUILD", os.path.join(ROOT, "build"))
OPERATIONS = ("create", "read", "touch", "change", "revoke")


def once(mode, arguments):
    regions = TwoRegions(os.path.join(BUILD, "leeward"), mode, arguments.table)
    try:
        done = subprocess.run([os.path.join(BUILD, "session_load"), "bench", "--url", regions.services[0].url, "--threads",
                               str(arguments.threads), "--seconds", str(arguments.seconds)], capture_output=True, text=True,
                              check=False)
        return json.loads(done.stdout)
    finally:
        regions.close()


def text(results):
    lines = [f"{'mode':10} {'ops/s':>8} {'failed':>7}  " + "  ".join(f"{name + ' p50/p99 ms':>20}" for name in OPERATIONS)]
    for mode, result in results.items():
        figures = []
        for name in OPERATIONS:
            of = result["of"].get(name, {"p50_ms": 0, "p99_ms": 0})
            figures.append(f"{of['p50_ms']:9.2f} / {of['p99_ms']:8.2f}")
        lines.append(f"{mode:10} {result['operations_per_second']:8.0f} {result['failed']:7}  " + "  ".join(figures))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modes", default="redis,sync,tokens")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--table", help="a DynamoDB table with the keys PK and SK")
    parser.add_argument("--json", help="write every figure to this file")
    arguments = parser.parse_args()
    modes = arguments.modes.split(",") + (["dynamodb"] if arguments.table else [])
    results = {mode: once(mode, arguments) for mode in modes}
    print(text(results))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

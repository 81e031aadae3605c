#!/usr/bin/python3
"""Session services: operations per second and p99 of each mode, with N clients that each wait for their answers.

  bench/sessions.py [--modes redis,sync,tokens,dynamodb] [--threads N] [--seconds N] [--table NAME] [--json FILE]

Two Regions of services stand on this machine as in tests/session: for redis and tokens a redis-server and its replica, for sync the
services' memory, for dynamodb a global table of a lab of its own. All clients ask the home Region's. Its peer takes part: a revocation
is answered when the other Region has it.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(ROOT, "tests", "session")]
from regions import AWAY, HOME, TwoRegions, make_global_table  # noqa: E402

BUILD = os.environ.get("LEEWARD_BUILD", os.path.join(ROOT, "build"))
OPERATIONS = ("create", "read", "touch", "change", "revoke")


TABLE = "user-sessions"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def lab_said(verb, *arguments):
    """(whether it went well, its words) of leeward-lab."""
    done = subprocess.run([os.path.join(BUILD, "leeward-lab"), verb, *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return True, done.stdout
    return False, f"bench: leeward-lab {verb} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"


@contextlib.contextmanager
def lab_with_table():
    """A lab whose first two Regions hold one global table; yields its gateway's URL. The lab is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="leeward-sessions-lab-", dir="/tmp")
    os.chmod(folder, 0o755)
    state = ["--state", os.path.join(folder, "lab")]
    try:
        well, said = lab_said("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", *state)
        if not well:
            raise SystemExit(said)
        gateway = json.loads(said)["gateway"]
        url = gateway if gateway.startswith("http") else f"http://{gateway}"
        make_global_table(client(url, HOME), client(url, AWAY), TABLE)
        yield url
    finally:
        well, said = lab_said("down", *state)
        if well:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(said, file=sys.stderr)  # what still runs there is ended by the state in the folder, which stays


def client(url, region):
    import boto3  # the other modes need none

    return boto3.client("dynamodb", region_name=region, endpoint_url=url, aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


def load(mode, arguments):
    regions = TwoRegions(os.path.join(BUILD, "leeward"), mode, arguments.table or TABLE)
    try:
        done = subprocess.run([os.path.join(BUILD, "session_load"), "bench", "--url", regions.services[0].url, "--threads",
                               str(arguments.threads), "--seconds", str(arguments.seconds)], capture_output=True, text=True,
                              check=False)
        return json.loads(done.stdout)
    finally:
        regions.close()


def once(mode, arguments):
    if mode != "dynamodb" or arguments.table:
        return load(mode, arguments)
    with lab_with_table() as url:
        os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=url)
        return load(mode, arguments)


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
    parser.add_argument("--modes", default="redis,sync,tokens,dynamodb")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--table", help="a DynamoDB table with the keys PK and SK, of AWS_ENDPOINT_URL, in place of a lab's")
    parser.add_argument("--json", help="write every figure to this file")
    arguments = parser.parse_args()
    modes = arguments.modes.split(",")
    results = {mode: once(mode, arguments) for mode in modes}
    print(text(results))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

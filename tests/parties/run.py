#!/usr/bin/env python3
"""Runs one part of the work with one client that others wrote, on a lab of its own.

    run.py setup current|js      finds or installs the clients that Debian does not have (once, before the tests)
    run.py CLIENT PART           boto3_debian, boto3_current, awscli_debian, awscli_current or js; rds, route53, ...

LEEWARD_LAB names the lab's program, LEEWARD_PARTIES a folder in the build where clients are installed. Exits 77, after one
line that says why, where this machine lacks the client.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import clients

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.environ.get("LEEWARD_LAB", os.path.join(ROOT, "build", "leeward-lab"))
UP_SECONDS = 30
# Below the limit of ctest, which kills without leaving time to take the lab down.
PART_SECONDS = 240


class Lab:
    """A lab on free ports with its state in a temporary folder; gone afterwards, whatever happened."""

    def __enter__(self):
        # Unix socket paths are short, so the folder stays near the root; engines have to get through it.
        self.folder = tempfile.mkdtemp(prefix="lwp-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.state = os.path.join(self.folder, "lab")
        try:
            done = subprocess.run([LAB, "up", "--state", self.state, "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--json"],
                                  capture_output=True, text=True, timeout=UP_SECONDS, check=False)
            if done.returncode != 0:
                raise SystemExit("the lab did not start: " + done.stderr.strip())
            self.info = json.loads(done.stdout)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([LAB, "down", "--state", self.state], capture_output=True, timeout=60, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, by_variable):
        """Nothing of the caller's AWS settings; `by_variable` says whether the client finds AWS_ENDPOINT_URL by itself."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment.update(
            AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true",
            AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
            LAB_ENDPOINT=self.info["gateway"], LAB_DNS=self.info["dns"], LAB_FOLDER=self.folder)
        if by_variable:
            environment["AWS_ENDPOINT_URL"] = self.info["gateway"]
        return environment


def run(client, part):
    command = clients.command(client, part)
    with Lab() as lab:
        environment = lab.environment(by_variable=not client.endswith("_debian"))
        try:
            with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as child:
                try:
                    return child.wait(PART_SECONDS)
                finally:
                    child.kill()
        except subprocess.TimeoutExpired:
            print(f"{client} {part}: not done within {PART_SECONDS} s", flush=True)
            return 1


def main(first, second):
    # Ending this process ends the lab too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return clients.setup(second) if first == "setup" else run(first, second)
    except clients.Absent as reason:
        print(f"{first} {second}: this part did not run: {reason}", flush=True)
        return 77


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

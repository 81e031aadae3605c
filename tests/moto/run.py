#!/usr/bin/env python3
"""Starts moto on a free port with whichever Python has it, runs the given test program against it, ends it.

LEEWARD_MOTO_PYTHON names a Python to try first. Without moto this says so in one line and ends with 77: skipped.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

# Lives as long as its standard input: it cannot be left behind.
SERVER = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""
PROBE_SECONDS = 60
TEST_SECONDS = 240


def candidates():
    seen = set()
    named = [os.environ.get("LEEWARD_MOTO_PYTHON"), sys.executable]
    on_path = [shutil.which(name, path=folder) for folder in os.environ.get("PATH", "").split(os.pathsep)
               for name in ("python3", "python")]
    pyenv = sorted(str(path) for path in pathlib.Path.home().glob(".pyenv/versions/*/bin/python3"))
    for python in named + on_path + pyenv:
        if python and os.path.exists(python) and python not in seen:
            seen.add(python)
            # A shim is a script that starts others; what it leads to is among pyenv's versions.
            if "shims" not in pathlib.Path(python).parts:
                yield python


def has_moto(python):
    """Whatever the probe starts is ended with it, and no file beside the caller is taken for moto."""
    try:
        probe = subprocess.Popen([python, "-c", "import moto.server, flask, flask_cors"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/")
    except OSError:
        return False
    try:
        return probe.wait(PROBE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        try:
            os.killpg(probe.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        probe.wait()


def run(python, program):
    with subprocess.Popen([python, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as server:
        try:
            place = server.stdout.readline().split()
            if len(place) != 2:
                print(f"moto of {python} did not start")
                return 1
            environment = {"PATH": os.environ.get("PATH", ""), "LEEWARD_MOTO": f"http://{place[0]}:{place[1]}"}
            return subprocess.run([program], env=environment, timeout=TEST_SECONDS, check=False).returncode
        finally:
            server.stdin.close()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


def main():
    python = next((python for python in candidates() if has_moto(python)), None)
    if python is None:
        print("moto is on no Python here (set LEEWARD_MOTO_PYTHON): the client was not run against it")
        return 77
    return run(python, sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())

"""Where the clients are on this machine, and how the missing ones are installed into the build folder, pinned."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.environ.get("LEEWARD_PARTIES", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "tests", "parties"))
FOUND = os.path.join(FOLDER, "clients.json")
VENV = os.path.join(FOLDER, "venv")
SDK = os.path.join(FOLDER, "js")
PINNED = ["boto3==1.43.11", "awscli==1.45.11"]
INSTALL_SECONDS = 180
PROBE_SECONDS = 30
# The first that read AWS_ENDPOINT_URL.
FIRST_BOTOCORE = (1, 31)
FIRST_CLI = {1: (1, 29), 2: (2, 13)}


class Absent(Exception):
    """This machine lacks the client; the text says what and why."""


def output(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def on_path(name):
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = [shutil.which(name, path=folder) for folder in [os.path.join(VENV, "bin"), *folders]]
    return [path for path in dict.fromkeys(found) if path]


def boto3_is_current(python):
    text = output([python, "-c", "import boto3, botocore; print(botocore.__version__)"])
    return bool(text) and tuple(map(int, text.split(".")[:2])) >= FIRST_BOTOCORE


def cli_is_current(program):
    match = re.search(r"aws-cli/(\d+)\.(\d+)", output([program, "--version"]))
    return bool(match) and (int(match[1]), int(match[2])) >= FIRST_CLI.get(int(match[1]), (99, 0))


def find_current():
    pythons = [os.environ.get("LEEWARD_BOTO3_PYTHON"), *on_path("python3"),
               *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3"))]
    programs = [os.environ.get("LEEWARD_AWSCLI"), *on_path("aws"),
                *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/aws"))]
    return {"boto3": next((path for path in pythons if path and boto3_is_current(path)), None),
            "awscli": next((path for path in programs if path and cli_is_current(path)), None)}


def install(command, folder, what):
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{what} could not be installed: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise Absent(f"{what} could not be installed: {lines[-1]}")


def setup_current():
    found = find_current()
    reason = ""
    if not all(found.values()):
        try:
            install([sys.executable, "-m", "venv", VENV], FOLDER, "a venv")
            install([os.path.join(VENV, "bin", "python3"), "-m", "pip", "install", "--quiet", "--no-cache-dir", "--retries", "1", "--timeout", "10",
                     *PINNED], FOLDER, " and ".join(PINNED))
        except Absent as error:
            shutil.rmtree(VENV, ignore_errors=True)
            reason = str(error)
        found = find_current()
        reason = reason or "the pinned ones were installed and do not run"
    with open(FOUND, "w", encoding="utf-8") as file:
        json.dump({**found, "reason": reason}, file)
    missing = [name for name, path in found.items() if not path]
    if missing:
        raise Absent(f"no current {' and '.join(missing)} here; {reason}")
    print(f"current clients: {found['boto3']}, {found['awscli']}")
    return 0


def setup_js():
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Absent(f"there is no {program} on this machine")
    copy_js()
    stamp = os.path.join(SDK, "node_modules", ".package-lock.json")
    lock = os.path.join(HERE, "js", "package-lock.json")
    if not os.path.exists(stamp) or os.path.getmtime(stamp) < os.path.getmtime(lock):
        try:
            install(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries", "1",
                     "--cache", os.path.join(SDK, ".npm")], SDK, "the SDK (npm ci)")
        except Absent:
            shutil.rmtree(os.path.join(SDK, "node_modules"), ignore_errors=True)
            raise
    print("SDK for JavaScript:", output(["node", "--version"]).strip(), "in", SDK)
    return 0


# Node looks for packages beside the file that imports them, and the source tree stays clean.
def copy_js():
    shutil.copytree(os.path.join(HERE, "js"), SDK, dirs_exist_ok=True)
    shutil.copy(os.path.join(HERE, "app.py"), SDK)


def setup(what):
    os.makedirs(FOLDER, exist_ok=True)
    return setup_current() if what == "current" else setup_js()


def current(name):
    if not os.path.exists(FOUND):
        raise Absent("run.py setup current has not run")
    with open(FOUND, encoding="utf-8") as file:
        found = json.load(file)
    if not found[name]:
        raise Absent(f"no current {name} here; {found['reason']}")
    return found[name]


def command(client, part):
    """The command line that runs `part` with `client`."""
    if client == "js":
        if not os.path.isdir(os.path.join(SDK, "node_modules")):
            raise Absent("the SDK for JavaScript is not installed")
        copy_js()
        return ["node", "--test-reporter=spec", os.path.join(SDK, part + ".mjs")]
    name, version = client.split("_")
    file, part = {"rds": ("article", "Rds"), "route53": ("article", "Route53"), "elasticache": ("article", "ElastiCache"),
                  "dynamodb": ("dynamodb", "DynamoDB"), "efs": ("files", "Efs"), "datasync": ("files", "DataSync"),
                  "backup": ("backup", "Backup"), "keys": ("keys", "Keys"), "objects": ("objects", "Objects")}[part]
    if name == "boto3":
        python = "/usr/bin/python3" if version == "debian" else current(name)
        return [python, os.path.join(HERE, file + "_boto3.py"), part]
    program = "/usr/bin/aws" if version == "debian" else current(name)
    return [sys.executable, os.path.join(HERE, file + "_awscli.py"), program, part]

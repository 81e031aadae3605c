#!/usr/bin/env python3
"""The lab's file systems at the size of real ones: a replication, and then a DataSync task, of a million small files and one large one.

  bench/files.py [--files N] [--large MB] [--changes N] [--rounds N] [--without replication|datasync] [--in FOLDER] [--json FILE]

A lab is started, a file system made in us-east-1 and filled; it is replicated to us-west-2 through EFS's own API, and synced after changes. Then a
DataSync task of us-west-2 copies it to a second file system there: all, nothing new, and after changes. Beside everything, DescribeFileSystems and
DescribeReplicationConfigurations are asked all the time, as a controller would, and how long they took is told for each part, with the memory and
processor time of the lab's processes, and the processor time of everybody else on the machine: figures are worth comparing when that is next to none.
A copy that differs from its source (by rsync's look at sizes and times) ends the run.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests", "lab")]
from common import BUILD, until  # noqa: E402
import signed  # noqa: E402
import trees  # noqa: E402

LAB = os.path.join(BUILD, "leeward-lab")
HOME, AWAY = "us-east-1", "us-west-2"
ACCOUNT = "123456789012"
TICKS = os.sysconf("SC_CLK_TCK")
LIMIT = 4 * 3600  # seconds of one part
ASK_EVERY = 0.1


class Lab:
    """A lab of its own, gone afterwards."""

    def __init__(self, folder):
        self.state = os.path.join(folder, "lab")
        self.gateway = json.loads(self.run("up", "--json", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0"))["gateway"]

    def run(self, *arguments):
        done = subprocess.run([LAB, *arguments, "--state", self.state], capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"leeward-lab {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def efs(self, region, method, path, body=None, query="", timeout=60):
        status, answer = signed.rest(self.gateway, region, method, "/2015-02-01/" + path, "elasticfilesystem", query, body, timeout)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def sync(self, region, operation, **body):
        host, text = urllib.parse.urlparse(self.gateway).netloc, json.dumps(body)
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request("POST", "/", text, {**signed.headers(host, region, "datasync", text), "X-Amz-Target": "FmrsService." + operation,
                                                   "Content-Type": "application/x-amz-json-1.1"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{operation}: {answer.status} {told}")
        return told

    def query(self, region, action, **parameters):
        status, body = signed.call(self.gateway, region, action, service="ec2", version="2016-11-15", parameters=parameters)
        if status != 200:
            raise RuntimeError(f"{action}: {body}")
        return body

    def tree(self, region, name):
        return os.path.join(self.state, "regions", region, "efs", name, "tree")

    def make(self, region, token):
        name = self.efs(region, "POST", "file-systems", {"CreationToken": token})["FileSystemId"]
        until(lambda: self.look(region, name)["LifeCycleState"] == "available", 30, "a file system")
        return name

    def look(self, region, name):
        return self.efs(region, "GET", "file-systems", query=f"FileSystemId={name}")["FileSystems"][0]

    def processes(self):
        """pid -> name of the lab's own processes: all that were started with its state."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(self.state in part for part in command) and "leeward-lab" in command[0]:
                found[int(entry)] = " ".join(part for part in command[1:4] if part and self.state not in part)
        return found


class Watcher:
    """Asks the lab and looks at its processes until it is closed. What it sees is told by parts of the run."""

    def __init__(self, lab):
        self.lab, self.parts, self.over, self.lock = lab, [], threading.Event(), threading.Lock()
        self.forget()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.ask, self.measure)]
        for thread in self.threads:
            thread.start()

    def forget(self):
        with self.lock:
            self.asked, self.failed, self.rss = {}, [], {}

    def begin(self, name):
        self.forget()
        self.name, self.cpu_before, self.begun = name, self.cpu(), time.monotonic()

    def end(self, **more):
        seconds = time.monotonic() - self.begun
        lab, everybody, ours = (now - before for now, before in zip(self.cpu(), self.cpu_before))
        with self.lock:
            part = {"part": self.name, "seconds": round(seconds, 2), "lab_cpu_s": round(lab, 1), "others_cpu_s": round(everybody - lab - ours, 1),
                    "rss_mb": self.rss, "asked": {what: spread(values) for what, values in sorted(self.asked.items())}, "failed": self.failed, **more}
        self.parts.append(part)
        print(f"{self.name}: {seconds:.2f} s" + "".join(f", {name} {value}" for name, value in more.items()))
        print(f"   cpu: lab {part['lab_cpu_s']} s, others {part['others_cpu_s']} s; MB in memory at most: "
              + ", ".join(f"{name} {value}" for name, value in sorted(part["rss_mb"].items())))
        for what, figures in part["asked"].items():
            print(f"   {what}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
        if part["failed"]:
            print(f"   {len(part['failed'])} questions failed, the first: {part['failed'][0]}")
        sys.stdout.flush()

    def ask(self):
        while not self.over.wait(ASK_EVERY):
            for region in (HOME, AWAY):
                for what, path in (("file systems", "file-systems"), ("replications", "file-systems/replication-configurations")):
                    self.ask_once(f"{what} of {region}", region, path)

    def ask_once(self, what, region, path):
        begun = time.monotonic()
        try:
            self.lab.efs(region, "GET", path)
        except (RuntimeError, OSError) as error:
            with self.lock:
                self.failed.append(f"{what}: {error}")
            return
        with self.lock:
            self.asked.setdefault(what, []).append(1000 * (time.monotonic() - begun))

    def measure(self):
        while not self.over.wait(0.5):
            for pid, name in self.lab.processes().items():
                try:
                    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                        megabytes = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
                except (OSError, IndexError):
                    continue
                with self.lock:
                    self.rss[name] = max(self.rss.get(name, 0), megabytes)

    def cpu(self):
        """Processor seconds of the lab, of the whole machine, and of this process with its children."""
        lab = 0
        for pid in self.lab.processes():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            lab += int(fields[11]) + int(fields[12])
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, *interrupts = (int(value) for value in file.readline().split()[1:8])
        own = os.times()
        return lab / TICKS, (user + nice + system + sum(interrupts)) / TICKS, own.user + own.system + own.children_user + own.children_system

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)


def spread(values):
    ordered = sorted(values)
    at = {"median ms": len(ordered) // 2, "p99 ms": len(ordered) * 99 // 100, "max ms": len(ordered) - 1}
    return {"n": len(ordered), **{name: round(ordered[index], 1) for name, index in at.items()}}


def differences(source, copy, *but):
    """Ends the run if there are any, but for what rsync is told to look past."""
    done = subprocess.run(["rsync", "-anH", "--delete", "--itemize-changes", *but, source + "/", copy + "/"], capture_output=True, text=True,
                          errors="replace", check=True, timeout=LIMIT)
    if done.stdout.strip():
        raise RuntimeError(f"the copy differs:\n{done.stdout[:500]}")


def replicated_to(lab, source):
    (one,) = lab.efs(HOME, "GET", "file-systems/replication-configurations", query=f"FileSystemId={source}")["Replications"]
    (there,) = one["Destinations"]
    if there["Status"] == "ERROR":
        raise SystemExit(f"the replication: {there.get('StatusMessage')}")
    return there.get("LastReplicatedTimestamp", 0)


def await_sync(lab, source, at):
    until(lambda: replicated_to(lab, source) > at, LIMIT, "the replication has come so far")


def replicate(lab, watcher, source, arguments):
    """A first copy, and syncs after changes."""
    begun = time.time()
    watcher.begin("replication: first copy")
    made = lab.efs(HOME, "POST", f"file-systems/{source}/replication-configuration", {"Destinations": [{"Region": AWAY}]})
    await_sync(lab, source, begun)
    watcher.end()
    copy = lab.tree(AWAY, made["Destinations"][0]["FileSystemId"])
    differences(lab.tree(HOME, source), copy, "--no-perms")  # which are withheld
    watcher.begin("replication: nothing new")
    time.sleep(arguments.idle)
    watcher.end()
    for turn in range(arguments.rounds):
        trees.change(lab.tree(HOME, source), arguments.files, arguments.changes, turn)
        changed = time.time()
        watcher.begin(f"replication: after {arguments.changes} changes")
        await_sync(lab, source, changed)
        watcher.end()
        differences(lab.tree(HOME, source), copy, "--no-perms")  # which are withheld
    lab.efs(HOME, "DELETE", f"file-systems/{source}/replication-configuration")
    watcher.begin("replication: its end, after which the copy can be written")
    until(lambda: not lab.efs(AWAY, "GET", "file-systems/replication-configurations")["Replications"], LIMIT, "the replication's end")
    watcher.end()
    delete(lab, AWAY, made["Destinations"][0]["FileSystemId"], watcher)


def delete(lab, region, name, watcher):
    watcher.begin("a file system deleted")
    lab.efs(region, "DELETE", f"file-systems/{name}")
    until(lambda: name not in [one["FileSystemId"] for one in lab.efs(region, "GET", "file-systems")["FileSystems"]], LIMIT, "its end")
    watcher.end()


def location(lab, region, name):
    """The ARN of all of a file system, which gets a mount target for it."""
    subnet = re.findall("<subnetId>(.*?)</subnetId>", lab.query(region, "DescribeSubnets"))[0]
    group = re.findall("<groupId>(.*?)</groupId>", lab.query(region, "DescribeSecurityGroups"))[0]
    mount = lab.efs(region, "POST", "mount-targets", {"FileSystemId": name, "SubnetId": subnet})["MountTargetId"]
    until(lambda: lab.efs(region, "GET", "mount-targets", query=f"MountTargetId={mount}")["MountTargets"][0]["LifeCycleState"] == "available",
          30, "a mount target")
    ec2 = f"arn:aws:ec2:{region}:{ACCOUNT}:"
    return lab.sync(region, "CreateLocationEfs", EfsFilesystemArn=f"arn:aws:elasticfilesystem:{region}:{ACCOUNT}:file-system/{name}",
                    Ec2Config={"SubnetArn": ec2 + "subnet/" + subnet, "SecurityGroupArns": [ec2 + "security-group/" + group]})["LocationArn"]


def execute(lab, task, verify):
    execution = lab.sync(AWAY, "StartTaskExecution", TaskArn=task, OverrideOptions={"VerifyMode": verify})["TaskExecutionArn"]

    def ended():
        seen = lab.sync(AWAY, "DescribeTaskExecution", TaskExecutionArn=execution)
        return seen if seen["Status"] in ("SUCCESS", "ERROR") else None
    seen = until(ended, LIMIT, "an execution")
    if seen["Status"] == "ERROR":
        raise RuntimeError(f"an execution: {seen['Result']}")
    return {name: seen[name] for name in ("FilesTransferred", "FilesVerified", "FilesDeleted")}


def copy_by_tasks(lab, watcher, source, arguments):
    target = lab.make(AWAY, "target")
    task = lab.sync(AWAY, "CreateTask", SourceLocationArn=location(lab, HOME, source), DestinationLocationArn=location(lab, AWAY, target),
                    Options={"PreserveDeletedFiles": "REMOVE"})["TaskArn"]
    for what in ("first copy", "nothing new", f"after {arguments.changes} changes", "nothing new, everything verified"):
        if "changes" in what:
            trees.change(lab.tree(HOME, source), arguments.files, arguments.changes, arguments.rounds)
        watcher.begin(f"datasync: {what}")
        watcher.end(**execute(lab, task, "POINT_IN_TIME_CONSISTENT" if "everything" in what else "ONLY_FILES_TRANSFERRED"))
        differences(lab.tree(HOME, source), lab.tree(AWAY, target))


def run(lab, arguments):
    source = lab.make(HOME, "source")
    begun = time.monotonic()
    trees.make_small(lab.tree(HOME, source), arguments.files)
    if arguments.large:
        trees.make_large(lab.tree(HOME, source), arguments.large)
    os.sync()
    print(f"{arguments.files} files of {trees.SMALL[0]}-{trees.SMALL[1]} bytes and one of {arguments.large} MB, made in {time.monotonic() - begun:.0f} s; "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}", flush=True)
    watcher = Watcher(lab)
    try:
        watcher.begin("questions alone")
        time.sleep(arguments.idle)
        watcher.end()
        if "replication" not in arguments.without:
            replicate(lab, watcher, source, arguments)
        if "datasync" not in arguments.without:
            copy_by_tasks(lab, watcher, source, arguments)
    finally:
        watcher.close()
    return watcher.parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000, help="small ones")
    parser.add_argument("--large", type=int, default=20_480, help="MB of the large file; 0 leaves it out")
    parser.add_argument("--changes", type=int, default=1000, help="between two syncs")
    parser.add_argument("--rounds", type=int, default=3, help="syncs of the replication after changes")
    parser.add_argument("--idle", type=int, default=60, help="seconds of the parts in which nothing happens")
    parser.add_argument("--without", default="", help="replication or datasync")
    parser.add_argument("--in", dest="folder", default="/tmp", help="where the lab's state is made, and removed again")
    parser.add_argument("--json", help="write every figure to this file")
    arguments = parser.parse_args()
    if not shutil.which("rsync"):
        sys.exit("files: rsync is missing; apt-get install rsync")
    folder = tempfile.mkdtemp(prefix="lwb-files-", dir=arguments.folder)
    os.chmod(folder, 0o755)
    lab = None
    try:
        lab = Lab(folder)
        parts = run(lab, arguments)
    finally:
        if lab:
            lab.run("down")
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(parts, file, indent=1)


if __name__ == "__main__":
    main()

"""The shop in a lab with a shared store: guarded, and with an observer in each Region."""

import json
import os
import shutil
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "drill")]

import cleaned  # noqa: E402
from labs import HOME, LEEWARD, RECOVERY, SPEC, Shop, secret, until  # noqa: E402
from planted import read  # noqa: E402
from ports import free_port  # noqa: E402

WITNESS = "eu-west-1"
REGIONS = (HOME, RECOVERY, WITNESS)
PATIENCE = 60
__all__ = ["cleaned", "free_port", "GuardedShop", "HOME", "LEEWARD", "PATIENCE", "RECOVERY", "REGIONS", "WITNESS",
           "WatchedShop", "secret", "until"]


class GuardedShop(Shop):
    """Its writer lease is in a store; guards are started by name."""

    def __enter__(self):
        super().__enter__()
        self.processes = []
        try:
            folder = os.path.join(self.folder, "app")
            shutil.copytree(os.path.dirname(SPEC), folder)
            with open(SPEC, encoding="utf-8") as file:
                text = file.read()
            self.spec = os.path.join(folder, "watched.yaml")
            with open(self.spec, "w", encoding="utf-8") as file:
                file.write(self.with_store(text))
        except BaseException:
            self.__exit__()
            raise
        return self

    def with_store(self, text):
        changed = text.replace("lease: 2s }", 'lease: 2s, store: "sqlite:%s" }' % os.path.join(self.folder, "store.db"))
        assert changed != text, "the shop's failover line is not what it was"
        return changed

    def __exit__(self, *why):
        for process in getattr(self, "processes", []):
            if process.poll() is None:
                self.planted.heard("command line of " + process.args[1], read("/proc/%d/cmdline" % process.pid))
            self.end(process)
        super().__exit__(*why)

    def end(self, process):
        if process.poll() is None:
            process.kill()
            process.wait(timeout=20)

    def run(self, name, *arguments):
        """Starts `leeward` with these arguments; what it says is kept in a file of that name."""
        with open(os.path.join(self.folder, name), "a", encoding="utf-8") as log:
            process = subprocess.Popen([LEEWARD, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=subprocess.STDOUT)
        self.processes.append(process)
        return process

    def said(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as log:
            return log.read()

    def guard(self, region):
        return self.run("guard-" + region, "guard", self.spec, "--state", self.state, "--region", region, "--listen",
                        "127.0.0.1:%d" % free_port())


class WatchedShop(GuardedShop):
    """With an observer in each Region."""

    def __enter__(self):
        super().__enter__()
        self.observers = {}
        try:
            for region in REGIONS:
                self.observe(region)
        except BaseException:
            self.__exit__()
            raise
        return self

    def source(self, region):
        """An address that stands in the Region."""
        return ".".join(self.blocks[region].split(".")[:2]) + ".255.10"

    def observe(self, region):
        self.observers[region] = self.run("observer-" + region, "observe", self.spec, "--state", self.state, "--region",
                                          region, "--source", self.source(region), "--json")

    def quorum(self):
        """What the observers agree on: the document's `quorum`."""
        done = self.leeward("status", self.spec, "--state", self.state, "--json")
        document = json.loads(done.stdout.splitlines()[0])
        return document["quorum"]

    def verdict(self, region):
        return {each["region"]: each for each in self.quorum()["verdicts"]}[region]

    def standing(self, region):
        return {each["region"]: each for each in self.quorum()["observers"]}[region]["standing"]

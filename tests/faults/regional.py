"""The served shop with everything of Leeward's in a Region of its own: what a Region loses, its processes lose too.

Guards, observers and controllers take an address of their Region to come from, as the lab's own tasks do. The members
of etcd stand behind a relay that is broken together with the lab's network.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "observe")]

from serve_test import EtcdShop  # noqa: E402
from table import HOME, RECOVERY, REGIONS, RESTART, TAKES, WITNESS  # noqa: E402
from watched import PATIENCE, free_port, until  # noqa: E402
from labs import BUILD  # noqa: E402

SOURCE = os.path.join(BUILD, "libleeward-lab-source.so")
RELAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
CONTROLLERS = {"serve-0": RECOVERY, "serve-1": WITNESS}
NEAREST = {HOME: (HOME, RECOVERY, WITNESS), RECOVERY: (RECOVERY, HOME, WITNESS), WITNESS: (WITNESS, HOME, RECOVERY)}


class Links:
    """The relay, told of every fault that the lab is told of."""

    def __init__(self, folder, members):
        self.state = {"links": [], "networks": {}, "ids": {}, "pids": {}, "cuts": [], "slow": []}
        for member in members.values():
            for kind in ("client", "peer"):
                self.state["links"].append({"listen": member[kind + "-relay"], "target": member[kind],
                                            "to": member["region"]})
        with open(os.path.join(folder, "relay"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([sys.executable, RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, text=True)

    def tell(self, **changes):
        self.state.update(changes)
        self.process.stdin.write(json.dumps(self.state) + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise AssertionError("the relay of etcd has ended")

    def cut(self, *pairs):
        self.tell(cuts=self.state["cuts"] + [list(pair) for pair in pairs])

    def part(self, region):
        self.cut(*[pair for other in REGIONS if other != region for pair in ((region, other), (other, region))])

    def stretch(self, a, b, seconds):
        self.tell(slow=self.state["slow"] + [[a, b, seconds], [b, a, seconds]])

    def heal(self):
        self.tell(cuts=[], slow=[])


class RegionalShop(EtcdShop):
    def __enter__(self):
        self.links, self.members_by, self.guard_ports, self.specs = None, {}, {}, {}
        return super().__enter__()

    def __exit__(self, *why):
        try:
            super().__exit__(*why)
        finally:
            if self.links:
                self.end(self.links.process)
                self.links.process.stdin.close()
                self.links.process.stdout.close()

    # --- the store

    def with_store(self, text):
        self.members = []  # of the list that the simpler shop ends
        for region in REGIONS:
            self.members_by[region] = {"region": region, "process": None, **{
                kind: free_port() for kind in ("client", "peer", "client-relay", "peer-relay")}}
        self.links = Links(self.folder, self.members_by)
        self.links.tell(networks={".".join(block.split(".")[:2]): region for region, block in self.blocks.items()})
        for region in REGIONS:
            self.start_member(region)
        until(self.store_is_whole, PATIENCE, "etcd has a leader")
        self.links.tell(ids=self.member_ids())
        text = text.replace("rpo: 5s", self.objective)
        for region in REGIONS:
            urls = ",".join("http://127.0.0.1:%d" % self.members_by[each]["client-relay"] for each in NEAREST[region])
            changed = text.replace("lease: 2s }", 'lease: 2s, store: "etcd:%s" }' % urls)
            assert changed != text, "the shop's failover line is not what it was"
            self.specs[region] = os.path.join(os.path.dirname(self.spec), region + ".yaml")
            with open(self.specs[region], "w", encoding="utf-8") as file:
                file.write(changed)
        return changed  # the witness's, for what is asked by hand

    def start_member(self, region):
        member, name = self.members_by[region], "etcd-" + region
        relayed = {each["region"]: "http://127.0.0.1:%d" % each["peer-relay"] for each in self.members_by.values()}
        with open(os.path.join(self.folder, name), "a", encoding="utf-8") as log:
            member["process"] = subprocess.Popen(
                ["/usr/bin/etcd", "--name", region, "--data-dir", os.path.join(self.folder, "data-" + region),
                 "--listen-client-urls", "http://127.0.0.1:%d" % member["client"],
                 "--advertise-client-urls", "http://127.0.0.1:%d" % member["client"],
                 "--listen-peer-urls", "http://127.0.0.1:%d" % member["peer"],
                 "--initial-advertise-peer-urls", relayed[region], "--pre-vote",
                 "--heartbeat-interval", "50", "--election-timeout", "500",  # a new leader well within the lease
                 "--initial-cluster", ",".join("%s=%s" % each for each in relayed.items()), "--unsafe-no-fsync"],
                env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.processes.append(member["process"])
        self.links.tell(pids={each["process"].pid: each["region"] for each in self.members_by.values()
                              if each["process"] is not None})

    def member_ids(self):
        request = urllib.request.Request("http://127.0.0.1:%d/v3/cluster/member/list" % self.members_by[HOME]["client"],
                                         b"{}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {"%x" % int(each["ID"]): each["name"] for each in json.load(answer)["members"]}

    def store_is_whole(self):
        return all(self.is_healthy("http://127.0.0.1:%d" % each["client"]) for each in self.members_by.values())

    # --- Leeward's processes

    def run(self, name, *arguments):
        """In the Region that the name says, with its spec."""
        region = CONTROLLERS.get(name) or next((each for each in REGIONS if name.endswith(each)), None)
        if region is None:
            return super().run(name, *arguments)
        with self.at(region):
            return super().run(name, *self.with_spec_of(region, arguments))

    def leeward_in(self, region, *arguments):
        """As a person of that Region asks: the relay of etcd carries nobody's bytes who is in none."""
        with self.at(region):
            return self.leeward(*self.with_spec_of(region, arguments))

    @contextlib.contextmanager
    def at(self, region):
        kept = self.environment
        self.environment = {**kept, "LD_PRELOAD": SOURCE, "LEEWARD_SOURCE_ADDRESS": self.source(region)}
        try:
            yield
        finally:
            self.environment = kept

    def with_spec_of(self, region, arguments):
        return [self.specs[region] if each == self.spec else each for each in arguments]

    def guard(self, region):
        port = self.guard_ports.setdefault(region, free_port())
        return self.run("guard-" + region, "guard", self.spec, "--state", self.state, "--region", region, "--listen",
                        "127.0.0.1:%d" % port)

    def writable(self, region):
        """The epoch that the Region's guard tells; 0: it may not write; None: the guard does not answer."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/writable" % self.guard_ports[region], timeout=0.5) as answer:
                return json.load(answer)["epoch"]
        except urllib.error.HTTPError:
            return 0
        except OSError:
            return None

    def leased(self, region):
        """The epoch with which the Region holds the lease, by the store's own record; None: it does not, or no answer."""
        body = json.dumps({"key": base64.b64encode(b"leeward/shop/lease").decode()}).encode()
        for member in self.members_by.values():
            request = urllib.request.Request("http://127.0.0.1:%d/v3/kv/range" % member["client"], body)
            try:
                with urllib.request.urlopen(request, timeout=1) as answer:
                    record = json.loads(base64.b64decode(json.load(answer)["kvs"][0]["value"]))
                return record["epoch"] if record["holder"] == region else None
            except (OSError, KeyError):
                continue
        return None

    def controller(self, region):
        return next(each for each in self.controllers if CONTROLLERS[each.name] == region)

    def process_of(self, kind, region):
        return {"guard": lambda: self.guards[region], "observer": lambda: self.observers[region],
                "controller": lambda: self.controller(region).process,
                "etcd": lambda: self.members_by[region]["process"]}[kind]()

    def start_again(self, kind, region):
        """As its service manager would, if it has ended."""
        if self.process_of(kind, region).poll() is None:
            return
        if kind == "guard":
            self.guards[region] = self.guard(region)
        elif kind == "observer":
            self.observe(region)
        elif kind == "controller":
            controller = self.controller(region)
            controller.process = self.run(controller.name, "serve", self.spec, "--state", controller.state, "--listen",
                                          "127.0.0.1:%d" % controller.port)
        else:
            self.start_member(region)

    # --- faults

    def inject(self, fault):
        """The instant before anything of it was done."""
        began = time.monotonic()
        others = [each for each in REGIONS if each != HOME]
        if fault.kind == "kill":
            self.links.part(HOME)
            self.end(self.guards[HOME])
            self.lab("kill", HOME)
            self.end(self.observers[HOME])
            self.end(self.members_by[HOME]["process"])
        elif fault.kind == "dark":
            self.links.part(HOME)
            self.lab("dark", HOME)
        elif fault.kind == "cut-off":
            self.links.part(HOME)
            for other in others:
                self.lab("isolate", HOME, other)
        elif fault.kind in ("mute", "deaf"):
            pairs = [(HOME, other) if fault.kind == "mute" else (other, HOME) for other in others]
            self.links.cut(*pairs)
            for pair in pairs:
                self.lab("isolate", *pair, "--one-way")
        else:
            self.inject_less(fault)
        return began

    def inject_less(self, fault):
        """What takes nothing."""
        assert not TAKES[fault.kind]
        if fault.kind == "cut":
            self.links.cut((fault.a, fault.b), (fault.b, fault.a))
            self.lab("isolate", fault.a, fault.b)
        elif fault.kind == "one-way":
            self.links.cut((fault.a, fault.b))
            self.lab("isolate", fault.a, fault.b, "--one-way")
        elif fault.kind == "slow":
            self.links.stretch(fault.a, fault.b, fault.extra)
            self.lab("slow", fault.a, fault.b, "%dms" % round(fault.extra * 1000))
        else:
            self.end(self.process_of(fault.kind, fault.a))
            if fault.kind != "etcd":
                self.pause(RESTART)
                self.start_again(fault.kind, fault.a)

    @staticmethod
    def pause(seconds):
        """What a service manager waits, or how long a fault lasts: time itself is what is meant."""
        time.sleep(seconds)

    def heal_all(self):
        self.lab("heal")
        self.links.heal()
        # A database that comes back before its guard lets the shop in no more than later (docs/failover-protocol.md,
        # "A server that comes back").
        if any(self.guards[region].poll() is not None for region in (HOME, RECOVERY)):
            self.pause(RESTART)
        for region in (HOME, RECOVERY):
            self.start_again("guard", region)
        for region in REGIONS:
            self.start_again("etcd", region)
            self.start_again("observer", region)
        for region in CONTROLLERS.values():
            self.start_again("controller", region)

    # --- what it looks like

    def is_calm(self):
        """All parts are there, agree that home is up and that the application is there, and one controller leads."""
        if not self.store_is_whole() or not self.writable(HOME):
            return False
        statuses = [each.status() for each in self.controllers]
        for status in statuses:
            health = {each["region"]: (each["health"], each["fresh"]) for each in status.get("regions", [])}
            if health.get(HOME) != ("up", 3) or health.get(RECOVERY) != ("up", 3) \
                    or status["active"].get("orders") != HOME:
                return False
        return sum(1 for status in statuses if status.get("leading")) == 1

    def await_calm(self):
        until(self.is_calm, PATIENCE, self.told)
        mark = "mark-%f" % time.monotonic()
        until(lambda: self.order(HOME, mark) in (200, 201), PATIENCE, "home takes an order")
        until(lambda: self.sql(RECOVERY, "select count(*) from orders where id = '%s'" % mark) == "1", PATIENCE,
              "the replica has the order")

    def told(self):
        return "\n".join("--- %s\n%s" % (name, self.said(name)[-2500:])
                         for name in (*CONTROLLERS, "guard-" + HOME, "guard-" + RECOVERY))

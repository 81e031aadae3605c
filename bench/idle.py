#!/usr/bin/python3
"""What `leeward serve` costs while nothing happens, by how much it watches: processor time, memory, and calls to AWS.

  bench/idle.py [--components N,N,N] [--seconds N] [--rounds N]

The shop is protected in a lab and multiplied: each application has the shop's database component ten times, the rest is its web
tier and one public name, up to the hundred components that a spec takes, and as many applications as that needs. All of them stand
on the lab's one shop, so its addresses answer as so many would; ten of a hundred are databases because the lab's is one server, with
room for so many sessions. Every call to AWS passes a counter on its way to the lab's gateway or to the routing controls' cluster; it is
run by this process, not the daemon. There are no observers: the daemon looks where everything is active, and finds no views to judge.
"""

import argparse
import collections
import copy
import http.client
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests", "drill")]
from common import BUILD, until  # noqa: E402

os.environ.setdefault("LEEWARD", os.path.join(BUILD, "leeward"))
import labs  # noqa: E402
from ports import free_port  # noqa: E402

SIZES = (10, 100, 1000)
IN_ONE_SPEC = 100
DATABASES = 10  # of a hundred components
SETTLE = 12.0   # seconds until what is done once is done
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Counter(http.server.ThreadingHTTPServer):
    """Passes requests on as they are, signed host and all, and counts them by operation."""

    daemon_threads = True

    def __init__(self, address):
        super().__init__(("127.0.0.1", 0), Passing)
        self.address, self.calls, self.lock = address, collections.Counter(), threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a daemon that is ended, or did not wait, leaves its connection

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = urllib.parse.parse_qs(body.decode(errors="replace")).get("Action") or [self.headers.get("X-Amz-Target", "")]
        with self.server.lock:
            self.server.calls[action[0].rsplit(".", 1)[-1] or self.path] += 1
        onward = http.client.HTTPConnection(self.server.address, timeout=10)
        try:
            # The host that was signed is this counter's: it stands in the headers, and goes on with them.
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                onward.putheader(name, value)
            onward.endheaders(body)
            answer = onward.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            onward.close()

    do_GET = do_PUT = do_POST

    def log_message(self, *_):
        pass


def shares(components):
    """How many components each application has."""
    applications = -(-components // IN_ONE_SPEC)
    return [components // applications + (number < components % applications) for number in range(applications)]


def multiplied(shop, name, components, counters):
    """The shop as an application of that name with so many components, and protected; its spec's path."""
    databases = max(1, components * DATABASES // IN_ONE_SPEC)
    with open(labs.SPEC, encoding="utf-8") as file:
        lines = file.read().splitlines()
    kinds = {kind: next(line for line in lines if "kind: " + kind in line) for kind in ("rds", "ecs", "route53")}
    copies = {"orders": ["orders"] + ["orders-%d" % number for number in range(1, databases)],
              "web": ["web"] + ["web-%d" % number for number in range(1, components - databases - 1)], "traffic": ["traffic"]}
    head = lines[:lines.index("components:") + 1]
    spec = [line.replace("application: shop", "application: " + name) for line in head]
    for original, kind in (("orders", "rds"), ("web", "ecs"), ("traffic", "route53")):
        spec += [kinds[kind].replace("  %s:" % original, "  %s:" % each, 1) for each in copies[original]]
    tail = [line for line in lines if line.startswith(("detection:", "failover:"))]
    spec += [line.replace("lease: 2s }", 'lease: 2s, store: "sqlite:%s.db" }' % name) for line in tail]
    path = os.path.join(shop.folder, name + ".yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(spec) + "\n")
    keep_state(shop, name, copies, counters)
    return path


def keep_state(shop, name, copies, counters):
    """The inventory that `protect` would have left of that application."""
    with open(os.path.join(shop.state, "inventory.json"), encoding="utf-8") as file:
        inventory = json.load(file)
    facts = []
    for fact in inventory["facts"]:
        for component in copies.get(fact["component"], [fact["component"]]):
            facts.append({**copy.deepcopy(fact), "component": component, "value": counted(fact, counters)})
    os.makedirs(os.path.join(shop.folder, "states", name), mode=0o700, exist_ok=True)
    with open(os.path.join(shop.folder, "states", name, "inventory.json"), "w", encoding="utf-8") as file:
        json.dump({**inventory, "facts": facts}, file)


def counted(fact, counters):
    """The fact's value; a cluster's endpoint by way of its counter."""
    if not (fact["name"].startswith("cluster-endpoint.") and fact["value"].startswith("http")):
        return fact["value"]
    address = urllib.parse.urlparse(fact["value"]).netloc
    if address not in counters:
        counters[address] = Counter(address)
    return counters[address].url


def cost(pid):
    """Processor seconds so far, and bytes in memory."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open("/proc/%d/statm" % pid, encoding="ascii") as file:
        return (int(fields[11]) + int(fields[12])) / TICKS, int(file.read().split()[1]) * PAGE


def knows_its_place(address, token, names):
    """Whether every application's components have been found where they are."""
    for name in names:
        request = urllib.request.Request("http://%s/v1/applications/%s/status" % (address, name),
                                         headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(request, timeout=10) as answer:
            if not json.load(answer)["active"]:
                return False
    return True


def once(shop, components, seconds, counters):
    names = ["shop-%d" % number for number in range(len(shares(components)))]
    specs = [multiplied(shop, name, share, counters) for name, share in zip(names, shares(components))]
    # Below the state's folder each has one of its own where there are several.
    state = os.path.join(shop.folder, "states", *(names if len(names) == 1 else []))
    address, token = "127.0.0.1:%d" % free_port(), "t" * 32
    environment = {**shop.environment, "AWS_ENDPOINT_URL": next(iter(counters.values())).url, "LEEWARD_API_TOKEN": token}
    with open(os.path.join(shop.folder, "serve.log"), "w", encoding="utf-8") as log:
        daemon = subprocess.Popen([labs.LEEWARD, "serve", *specs, "--state", state, "--listen", address], env=environment,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: knows_its_place(address, token, names), 60, "the daemon has found everything")
        time.sleep(SETTLE)
        return measure(daemon.pid, seconds, counters)
    finally:
        daemon.terminate()
        daemon.wait(20)


def measure(pid, seconds, counters):
    busy, _ = cost(pid)
    calls = sum((each.calls for each in counters.values()), collections.Counter())
    began, memory = time.monotonic(), []
    while time.monotonic() < began + seconds:
        time.sleep(1)
        memory.append(cost(pid)[1])
    minutes = (time.monotonic() - began) / 60
    made = sum((each.calls for each in counters.values()), collections.Counter()) - calls
    return {"cpu_s_per_minute": (cost(pid)[0] - busy) / minutes, "rss_mib": statistics.median(memory) / 2**20,
            "calls_per_minute": sum(made.values()) / minutes,
            "by_operation": {name: count / minutes for name, count in sorted(made.items())}}


def all_of(components, seconds, rounds):
    """For each number of components its rounds."""
    with labs.Shop() as shop:
        gateway = urllib.parse.urlparse(shop.environment["AWS_ENDPOINT_URL"]).netloc
        counters = {gateway: Counter(gateway)}
        return {each: [once(shop, each, seconds, counters) for _ in range(rounds)] for each in components}


def text(measured):
    lines = ["idle daemon, medians: components, applications, CPU s a minute, MiB in memory, calls to AWS a minute"]
    for components, rounds in measured.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in ("cpu_s_per_minute", "rss_mib", "calls_per_minute")}
        operations = ", ".join("%s %.0f" % item for item in rounds[0]["by_operation"].items())
        lines.append("%10d %4d %8.2f %8.1f %8.1f  (%s), n %d" % (components, len(shares(components)), *middle.values(), operations,
                                                                 len(rounds)))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--components", default=",".join(map(str, SIZES)), help="how many, with commas (default 10,100,1000)")
    parser.add_argument("--seconds", type=int, default=60, help="of each measurement (default 60)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(text(all_of([int(each) for each in arguments.components.split(",")], arguments.seconds, arguments.rounds)))

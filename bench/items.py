#!/usr/bin/env python3
"""The lab's item store beside dynalite and moto: one client, signed requests, rounds in turn so that the machine's mood is shared.

  bench/items.py [--rounds N] [--requests N] [--connections N] [--grow ITEMS,...] [--json FILE]

Prints medians over the rounds. dynalite runs in memory, moto as it is; the item store writes to its log, and after the rounds it is
killed with SIGKILL under load: every write that was answered must be there again.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import BUILD, HERE, ROOT, Yard, free_port  # noqa: E402

sys.path.append(os.path.join(ROOT, "tests", "lab"))
import signed  # noqa: E402

LAB = os.path.join(BUILD, "leeward-lab")
LOAD = os.path.join(BUILD, "items_load")
JS = os.path.join(HERE, "js")
START_SECONDS = 60
LOAD_SECONDS = 900  # of one run
FILL_PIECE = 500_000  # items that one run adds to a growing table
REST_SECONDS = 120
STRIDE = 999_983  # a prime: every item of a table of another size has its turn before any has its second
TABLE = {"TableName": "bench", "BillingMode": "PAY_PER_REQUEST",
         "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
         "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
MOTO = "from moto.server import main; main(['-p', '{}', '-H', '127.0.0.1'])"


def call(port, operation, body, region="us-east-1"):
    """One signed request; (status, answer). Status 0: nobody answered."""
    text = json.dumps(body)
    headers = {**signed.headers(f"127.0.0.1:{port}", region, "dynamodb", text), "Content-Type": "application/x-amz-json-1.0",
               "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=text.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def wait_for(port, child):
    begun = time.monotonic()
    while time.monotonic() - begun < START_SECONDS:
        if child.poll() is not None:
            raise RuntimeError(f"{child.args[0]} ended with {child.returncode}")
        if call(port, "ListTables", {})[0] == 200:
            return time.monotonic() - begun
        time.sleep(0.005)
    raise RuntimeError(f"{child.args[0]} does not answer")


def make_table(port):
    status, answer = call(port, "CreateTable", TABLE)
    if status != 200:
        raise RuntimeError(f"CreateTable: {status} {answer}")
    end = time.monotonic() + START_SECONDS
    while call(port, "DescribeTable", {"TableName": "bench"})[1]["Table"]["TableStatus"] != "ACTIVE":
        if time.monotonic() > end:
            raise RuntimeError("the table does not become ACTIVE")
        time.sleep(0.02)


def resident_mb(pid):
    """Proportional set size: shared pages are counted once."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def cpu_seconds(pid):
    """Of all its threads so far, user and system."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rest(pid):
    """Waits until the process does next to nothing; the CPU seconds that it took until then."""
    begun, last, end = cpu_seconds(pid), cpu_seconds(pid), time.monotonic() + REST_SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        now = cpu_seconds(pid)
        if now - last < 0.03:
            return now - begun
        last = now
    raise RuntimeError(f"the item store was still busy {REST_SECONDS} s after the last write")


def load(port, operation, arguments, requests=None, first=0, items=None, region="us-east-1", stride=1, turn=0, sign=None, pid=None, awake=()):
    """What items_load says of one run; with `pid` also `cpu_us`, what a request cost that process."""
    command = [LOAD, "--to", f"127.0.0.1:{port}", "--operation", operation, "--connections", str(arguments.connections),
               "--requests", str(requests or arguments.requests), "--items", str(items or arguments.items), "--first", str(first),
               "--region", region, "--stride", str(stride), "--turn", str(turn)]
    command += [*awake, *([] if (sign or arguments.sign) == "live" else ["--prepared"])]
    before = cpu_seconds(pid) if pid else 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"items_load: {done.stderr or done.stdout}")
    figures = json.loads(done.stdout)
    if pid:
        figures["cpu_us"] = (cpu_seconds(pid) - before) * 1e6 / figures["answers"]
    return figures


def start_leeward(yard, port, state="items"):
    return yard.spawn([LAB, "items", "--listen", f"127.0.0.1:{port}", "--state", yard.path(state)], "leeward.log", ours=True)


def start_dynalite(yard, port):
    folder = yard.path("js")
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(JS, name), folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True,
                          timeout=600, check=False)
    if done.returncode != 0:
        print(f"bench: dynalite does not take part: npm ci: {done.stderr.strip()[-200:]}")
        return None
    # Without --ssl and --path: plain HTTP, in memory; tables ready at once.
    return yard.spawn(["node", os.path.join(folder, "node_modules", "dynalite", "cli.js"), "--port", str(port), "--host", "127.0.0.1",
                       "--createTableMs", "0"], "dynalite.log", ours=True, env=dict(os.environ))


def start_moto(yard, port):
    sys.path.append(os.path.join(ROOT, "tests", "moto"))
    from run import candidates, has_moto  # pylint: disable=import-outside-toplevel,import-error
    python = next((python for python in candidates() if has_moto(python)), None)
    if python is None:
        return None
    return yard.spawn([python, "-c", MOTO.format(port)], "moto.log", ours=True, env=dict(os.environ))


def compare(yard, arguments):
    """name -> operation -> runs."""
    ports, pids, results, leeward = {}, {}, {}, None
    for name, start in (("leeward", start_leeward), ("dynalite", start_dynalite), ("moto", start_moto)):
        if name in arguments.without:
            continue
        port = free_port()
        child = start(yard, port)
        if child is None:
            print(f"bench: {name} does not take part: it is not here")
            continue
        print(f"{name}: ready in {wait_for(port, child):.2f} s", flush=True)
        make_table(port)
        ports[name], pids[name], results[name] = port, child.pid, {"PutItem": [], "GetItem": []}
        if name == "leeward":
            leeward = child
    for number in range(arguments.rounds):
        for operation in ("PutItem", "GetItem"):
            for name, port in ports.items():
                share = max(1, arguments.requests // (50 if name == "moto" else 1))
                load(port, "PutItem", arguments, requests=max(share // 10, 32), items=min(share, arguments.items))
                items = min(share, arguments.items) // 10 or 1
                results[name][operation].append(load(port, operation, arguments, requests=share,
                                                     items=arguments.items if operation == "PutItem" else items,
                                                     pid=pids[name]))
        print(f"round {number + 1}: " + ", ".join(
            f"{name} put {runs['PutItem'][-1]['per_second']} get {runs['GetItem'][-1]['per_second']}"
            for name, runs in results.items()), flush=True)
    return results, ports.get("leeward"), leeward


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def print_table(results):
    print(f"\n{'':10} {'operation':9} {'a second':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8} {'errors':>7}  (medians)")
    for name, operations in results.items():
        for operation, runs in operations.items():
            print(f"{name:10} {operation:9} {median(runs, 'per_second'):10.0f} {median(runs, 'p50_ms'):8.2f} "
                  f"{median(runs, 'p99_ms'):8.2f} {median(runs, 'cpu_us'):8.1f} {sum(run['errors'] for run in runs):7}")
    for other in ("dynalite", "moto"):
        if other in results and "leeward" in results:
            print(f"leeward / {other}: " + ", ".join(
                f"{operation} {median(results['leeward'][operation], 'per_second') / median(results[other][operation], 'per_second'):.1f}x"
                for operation in ("PutItem", "GetItem")))


def survive_kill(yard, port, child, arguments):
    """Writes until SIGKILL; what was answered must be there after a restart."""
    script = f"""
import http.client, json, sys
sys.path[:0] = {sys.path!r}
import signed
connection = http.client.HTTPConnection("127.0.0.1", {port})
number = 0
while True:
    body = json.dumps({{"TableName": "bench", "Item": {{"id": {{"S": f"kill-{{number}}"}}}}}})
    headers = signed.headers("127.0.0.1:{port}", "us-east-1", "dynamodb", body)
    headers.update({{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.PutItem"}})
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        break
    print(number, flush=True)
    number += 1
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as writer:
        seen = [writer.stdout.readline() for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        seen += writer.stdout.readlines()
    child.wait(10)
    answered = int([line for line in seen if line.strip()][-1]) + 1
    begun = time.monotonic()
    again = start_leeward(yard, port)
    wait_for(port, again)
    ready = time.monotonic() - begun
    lost = [number for number in range(answered)
            if "Item" not in call(port, "GetItem", {"TableName": "bench", "Key": {"id": {"S": f"kill-{number}"}}})[1]]
    print(f"killed under load: {answered} answered writes, {len(lost)} lost; ready again in {ready:.2f} s")
    return {"answered": answered, "lost": len(lost), "ready_s": ready}


def grow(yard, arguments):
    """What one request costs when the table holds ever more."""
    port = free_port()
    child = start_leeward(yard, port, "grown")
    wait_for(port, child)
    make_table(port)
    held, rows = 0, []
    for target in arguments.grow:
        filled, before = target - held, cpu_seconds(child.pid)
        while held < target:
            piece = min(FILL_PIECE, target - held)
            # Signed as they are sent: millions of prepared requests would not fit in memory.
            load(port, "PutItem", arguments, requests=piece, first=held, items=piece, sign="live")
            held += piece
        # What filling left to be merged is the filling's, and is over before others are measured.
        fill_us = (cpu_seconds(child.pid) - before + rest(child.pid)) * 1e6 / filled
        runs, turn = {"PutItem": [], "GetItem": []}, 0
        for _ in range(arguments.rounds):
            for operation, done in runs.items():
                # Each run goes on where the last ended: no request has its item in a cache because the bench had just asked for it.
                done.append(load(port, operation, arguments, items=held, stride=STRIDE, turn=turn, pid=child.pid, awake=["--awake"]))
                turn += arguments.requests
        puts, gets = runs.values()
        rows.append({"items": held, "fill_cpu_us": fill_us, "memory_mb": resident_mb(child.pid), "runs": runs})
        print(f"{held:>10} items: put {median(puts, 'per_second'):.0f} a second at {median(puts, 'cpu_us'):.1f} us of CPU "
              f"({min(run['cpu_us'] for run in puts):.1f} to {max(run['cpu_us'] for run in puts):.1f}), "
              f"get {median(gets, 'per_second'):.0f} at {median(gets, 'cpu_us'):.1f} us "
              f"({min(run['cpu_us'] for run in gets):.1f} to {max(run['cpu_us'] for run in gets):.1f}); "
              f"filled at {fill_us:.1f} us; {rows[-1]['memory_mb']:.0f} MB", flush=True)
    return rows


def lab(yard, arguments):
    """A whole lab: how soon it is up, what an idle Region weighs, and what the way through the gateway costs."""
    gateway, dns, state = free_port(), free_port(), yard.path("lab", "state")
    begun = time.monotonic()
    done = subprocess.run([LAB, "up", "--state", state, "--gateway", f"127.0.0.1:{gateway}", "--dns", f"127.0.0.1:{dns}", "--json"],
                          capture_output=True, text=True, timeout=120, check=True)
    up = time.monotonic() - begun
    try:
        status = json.loads(done.stdout)
        weights = {}
        for region, entry in status["regions"].items():
            children = subprocess.run(["pgrep", "-P", str(entry["pid"])], capture_output=True, text=True, check=False).stdout.split()
            weights[region] = (resident_mb(entry["pid"]), sum(resident_mb(pid) for pid in children))
        middle = statistics.median(sum(pair) for pair in weights.values())
        store = statistics.median(pair[1] for pair in weights.values())
        print(f"lab: up in {up:.2f} s; an idle Region holds {middle:.0f} MB, of it its item store {store:.0f} MB")
        make_table(gateway)
        runs = {operation: load(gateway, operation, arguments, items=1000) for operation in ("PutItem", "GetItem")}
        print("through the gateway and the network: " + ", ".join(
            f"{operation} {run['per_second']} a second, p99 {run['p99_ms']:.2f} ms" for operation, run in runs.items()))
        return {"up_s": up, "idle_region_mb": middle, "idle_store_mb": store, "gateway": runs}
    finally:
        subprocess.run([LAB, "down", "--state", state], capture_output=True, timeout=60, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100_000, help="of each run (moto: a fiftieth)")
    parser.add_argument("--items", type=int, default=10_000, help="that are written and read in turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sign", choices=["before", "live"], default="before", help="all requests are signed: before the clock starts, or as they are sent")
    parser.add_argument("--without", default="", help="contestants to leave out, by name")
    parser.add_argument("--grow", default="", help="sizes of a table to measure at, such as 10000,1000000,10000000")
    parser.add_argument("--json", help="write every figure to this file")
    arguments = parser.parse_args()
    arguments.grow = [int(size) for size in arguments.grow.split(",") if size]
    yard = Yard()
    figures = {}
    try:
        figures["rounds"], port, child = compare(yard, arguments)
        print_table(figures["rounds"])
        if child is not None:
            figures["kill"] = survive_kill(yard, port, child, arguments)
        figures["lab"] = lab(yard, arguments)
        if arguments.grow:
            figures["grow"] = grow(yard, arguments)
    finally:
        yard.close()
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()

"""The peer: Patroni with etcd and haproxy (Debian's packages), its home node killed under the same writer."""

import json
import os
import random
import shutil
import time
import urllib.error
import urllib.request

from common import LEDGER, PG, Writer, Yard, free_port, kill_trees, lost, sql, until

# name: ttl, loop_wait, retry_timeout, haproxy's check. `default` is as packaged; `short` is below what Patroni documents.
TIMINGS = {"default": (30, 10, 10, "inter 3s fall 3 rise 2"), "short": (5, 1, 2, "inter 1s fall 2 rise 1")}


def missing():
    return [name for name in ("patroni", "etcd", "haproxy") if not shutil.which(name)]


class Node:
    def __init__(self, yard, name, address, etcd, timing):
        self.yard, self.name, self.address = yard, name, address
        self.port, self.api = free_port(address), free_port(address)
        self.data = yard.path(name, "data")
        ttl, loop_wait, retry_timeout, _ = timing
        config = {
            "scope": "bench", "name": name, "etcd3": {"host": etcd},
            "restapi": {"listen": f"{address}:{self.api}", "connect_address": f"{address}:{self.api}"},
            "bootstrap": {"dcs": {"ttl": ttl, "loop_wait": loop_wait, "retry_timeout": retry_timeout,
                                  "maximum_lag_on_failover": 1048576, "postgresql": {"use_pg_rewind": True}},
                          "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}]},
            "postgresql": {
                "listen": f"{address}:{self.port}", "connect_address": f"{address}:{self.port}",
                "data_dir": self.data, "bin_dir": PG, "pgpass": yard.path(name, "pgpass"),
                "pg_hba": ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"],
                "authentication": {"superuser": {"username": "postgres", "password": "x"},
                                   "replication": {"username": "replicator", "password": "x"},
                                   "rewind": {"username": "rewinder", "password": "x"}},
                "parameters": {"unix_socket_directories": yard.path(name)}}}
        self.config = yard.path(name, "patroni.json")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)
        yard.give(self.config)
        self.child = None

    def start(self):
        self.child = self.yard.spawn(["patroni", self.config], f"{self.name}/log")

    def postmaster(self):
        """The server detaches from Patroni, so it is not in Patroni's tree of processes."""
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def answers(self, path):
        try:
            return urllib.request.urlopen(f"http://{self.address}:{self.api}{path}", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def dsn(self):
        return f"host={self.address} port={self.port} user=postgres dbname=postgres sslmode=disable"


def start_etcd(yard, address):
    client, peer = free_port(address), free_port(address)
    yard.spawn(["etcd", "--name", "e1", "--data-dir", yard.path("etcd", "data"),
                "--listen-client-urls", f"http://{address}:{client}", "--advertise-client-urls", f"http://{address}:{client}",
                "--listen-peer-urls", f"http://{address}:{peer}", "--initial-advertise-peer-urls", f"http://{address}:{peer}",
                "--initial-cluster", f"e1=http://{address}:{peer}"], "etcd/log")
    until(lambda: b"true" in urllib.request.urlopen(f"http://{address}:{client}/health", timeout=2).read(), 20, "etcd")
    return f"{address}:{client}"


def start_haproxy(yard, address, nodes, check):
    port = free_port(address)
    servers = "\n".join(f"    server {node.name} {node.address}:{node.port} maxconn 100 check port {node.api}" for node in nodes)
    with open(yard.path("haproxy", "cfg"), "w", encoding="ascii") as file:
        file.write("global\n    maxconn 100\ndefaults\n    mode tcp\n    retries 2\n    timeout client 30m\n    timeout connect 4s\n"
                   "    timeout server 30m\n    timeout check 5s\nlisten pg\n"
                   f"    bind {address}:{port}\n    option httpchk GET /primary\n    http-check expect status 200\n"
                   f"    default-server {check} on-marked-down shutdown-sessions\n{servers}\n")
    yard.spawn(["haproxy", "-db", "-f", yard.path("haproxy", "cfg")], "haproxy/log")
    return f"host={address} port={port} user=postgres dbname=postgres sslmode=disable"


def once(name):
    timing = TIMINGS[name]
    yard = Yard()
    try:
        witness = "127.203.0.1"
        etcd = start_etcd(yard, witness)
        home = Node(yard, "home", "127.201.0.1", etcd, timing)
        home.start()
        until(lambda: home.answers("/primary"), 90, "Patroni's primary")
        away = Node(yard, "away", "127.202.0.1", etcd, timing)
        away.start()
        until(lambda: away.answers("/replica"), 120, "Patroni's replica")
        until(lambda: sql(home.dsn(), "select 1 from pg_stat_replication where state = 'streaming'"), 90, "streaming")
        sql(home.dsn(), LEDGER)
        front = start_haproxy(yard, witness, [home, away], timing[3])
        writer = Writer(yard, front)
        writer.wait_for(100)
        # A whole loop of the peer, then a random phase of its next.
        time.sleep(timing[1] + 2 + random.random() * timing[1])
        killed = kill_trees([home.child.pid, home.postmaster()])
        first = writer.first_after(killed, timing[0] + 90, home.address)
        return {"rto": first - killed, "lost": lost(writer.stop(), away.dsn())}
    finally:
        yard.close()

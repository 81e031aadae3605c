#!/usr/bin/env python3
"""Carries the bytes to and between the members of etcd, so that they meet the same faults as what the lab carries.

A line of JSON on standard input is the whole state: `links` (listen, target, to; only in the first), `networks` (Region
by the first two numbers of an address), `ids` (Region by member, as members name themselves to each other) and `pids`
(Region by process), for those that come from no Region's address,
`cuts` (pairs from, to) and `slow` (from, to, seconds). Each line is answered with "ok". Nothing is refused: bytes that
may not pass wait, and go on when the way is free again, as TCP's would.
"""

import asyncio
import json
import os
import re
import sys

CHUNK = 65536
WAITING = 64  # chunks of one direction on their way
MEMBER = re.compile(rb"(?i)\r\nX-Server-From: *([0-9a-f]+)\r\n")


class Relay:
    def __init__(self):
        self.networks, self.ids, self.pids, self.cuts, self.slow = {}, {}, {}, set(), {}
        self.changed = asyncio.Event()
        self.tasks = set()

    def take(self, state):
        self.networks, self.ids = state["networks"], state["ids"]
        self.pids = {int(pid): region for pid, region in state["pids"].items()}
        self.cuts = {tuple(pair) for pair in state["cuts"]}
        self.slow = {(a, b): seconds for a, b, seconds in state["slow"]}
        self.changed.set()
        self.changed = asyncio.Event()

    def region_of(self, peer, head):
        """The Region that a connection comes from; None: not known (yet)."""
        found = self.networks.get(".".join(peer[0].split(".")[:2]))
        if found:
            return found
        named = MEMBER.search(head)
        found = self.ids.get(named.group(1).decode().lstrip("0")) if named else None
        return found or self.owner(peer)  # which costs a look through all of the machine's connections

    def owner(self, peer):
        host = "".join("%02X" % int(part) for part in reversed(peer[0].split(".")))
        local = "%s:%04X" % (host, peer[1])
        with open("/proc/net/tcp", encoding="ascii") as table:
            inodes = {fields[9] for fields in map(str.split, table) if fields[1] == local and fields[9] != "0"}
        for pid, region in self.pids.items():
            try:
                names = os.listdir("/proc/%d/fd" % pid)
            except OSError:
                continue
            for name in names:
                try:
                    to = os.readlink("/proc/%d/fd/%s" % (pid, name))
                except OSError:
                    continue
                if to.startswith("socket:[") and to[8:-1] in inodes:
                    return region
        return None

    async def serve(self, link):
        async def accepted(reader, writer):
            self.tasks.add(asyncio.current_task())
            try:
                await self.connection(link, reader, writer)
            finally:
                writer.close()
                self.tasks.discard(asyncio.current_task())
        await asyncio.start_server(accepted, "127.0.0.1", link["listen"], limit=CHUNK)

    async def connection(self, link, reader, writer):
        peer = writer.get_extra_info("peername")
        try:
            head = await reader.read(CHUNK)
        except OSError:
            return
        source = self.region_of(peer, head) if head else None
        if source is None:
            return  # it has ended already, or is nobody's: it may try again
        to = link["to"]
        while (source, to) in self.cuts or (to, source) in self.cuts:  # a handshake needs both ways
            await self.changed.wait()
        if reader.at_eof():
            return  # given up meanwhile
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", link["target"], limit=CHUNK)
        except OSError:
            return
        try:
            await asyncio.gather(self.carry(reader, inner_writer, source, to, head),
                                 self.carry(inner_reader, writer, to, source))
        finally:
            inner_writer.close()

    async def carry(self, reader, writer, source, to, head=b""):
        waiting = asyncio.Queue(WAITING)
        deliver = asyncio.create_task(self.deliver(waiting, writer, source, to))
        loop = asyncio.get_running_loop()
        if head:
            await waiting.put((loop.time(), head))
        chunk = True
        while chunk:
            try:
                chunk = await reader.read(CHUNK)
            except OSError:
                chunk = b""
            await waiting.put((loop.time(), chunk))
        await deliver

    async def deliver(self, waiting, writer, source, to):
        loop = asyncio.get_running_loop()
        while True:
            came, chunk = await waiting.get()
            left = came + self.slow.get((source, to), 0.0) - loop.time()
            if left > 0:
                await asyncio.sleep(left)
            while (source, to) in self.cuts:
                await self.changed.wait()
            if not chunk:
                writer.close()
                return
            if not writer.transport.is_closing():
                writer.write(chunk)


async def main():
    relay = Relay()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    first = True
    while line := await reader.readline():
        state = json.loads(line)
        relay.take(state)
        if first:
            for link in state["links"]:
                await relay.serve(link)
        first = False
        print("ok", flush=True)
    for task in list(relay.tasks):
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())

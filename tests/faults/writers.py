"""Those who place orders while things break, and note what was acknowledged: by whom, with which epoch, and when."""

import http.client
import json
import socket
import struct
import threading
import time

from history import Write
from table import HOME, RECOVERY

PAUSE = 0.06    # seconds between orders of one writer
PATIENCE = 1.0  # longest that an order is waited for
TTL = 1.0       # the record's, which the client that follows the name keeps


def resolve(dns, name):
    """The name's first address; None: no answer."""
    host, port = dns.rsplit(":", 1)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        try:
            client.sendto(query, (host, int(port)))
            answer = client.recv(512)
        except OSError:
            return None
    count = struct.unpack(">H", answer[6:8])[0]
    at = len(query)  # one answer, whose name is a pointer: 2 + type 2 + class 2 + ttl 4 + length 2, address 4
    if count < 1 or len(answer) < at + 16:
        return None
    return socket.inet_ntoa(answer[at + 12:at + 16])


class Writer(threading.Thread):
    """Orders to one Region's front, from an address that stands in `source`'s Region; without one, from outside."""

    def __init__(self, shop, via, region, source=None):
        super().__init__(daemon=True)
        self.shop, self.via, self.region = shop, via, region
        self.source = (shop.source(source), 0) if source else None
        self.writes, self.stopping, self.connection, self.where = [], threading.Event(), None, None
        self.epochs = {}

    def target(self):
        return self.region, self.shop.front(self.region)

    def run(self):
        number = 0
        while not self.stopping.wait(PAUSE):
            region, address = self.target()
            if address is None:
                continue
            number += 1
            self.place(region, address, "%s-%d" % (self.via, number))
        self.hang_up()

    def place(self, region, address, order_id):
        epoch = self.shop.writable(region)
        if epoch:
            self.epochs[region] = epoch
        sent = time.monotonic()
        if self.post(address, order_id):
            acked, wall = time.monotonic(), time.time()
            # A guard that is gone, or closing, tells no epoch: then it is the last that this Region's told. Before a
            # new Region's guard has adopted the lease that a controller took for it, the lease's record has it.
            if region not in self.epochs:
                self.epochs[region] = self.shop.leased(region)
            self.writes.append(Write(order_id, region, self.epochs[region], sent, acked, wall, self.via))

    def post(self, address, order_id):
        if self.where != address:
            self.hang_up()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(address, 8080, PATIENCE, self.source)
                self.where = address
            self.connection.request("POST", "/orders", json.dumps({"id": order_id}),
                                    {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            answer.read()
            return answer.status in (200, 201)
        except (OSError, http.client.HTTPException):
            self.hang_up()
            return False

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Follower(Writer):
    """A client outside that goes where the public name leads, and asks for it again when its TTL is over."""

    def __init__(self, shop):
        super().__init__(shop, "name", None)
        self.asked, self.answer = -TTL, None
        self.regions = {shop.front(region): region for region in (HOME, RECOVERY)}

    def target(self):
        now = time.monotonic()
        if now - self.asked >= TTL or self.answer is None:
            self.asked, self.answer = now, resolve(self.shop.dns, "shop.example.test")
        return self.regions.get(self.answer), self.answer if self.answer in self.regions else None


class Writers:
    """One inside home, one outside at home's front, one at the recovery Region's, and one who follows the name."""

    def __init__(self, shop):
        self.follower = Follower(shop)
        self.all = [Writer(shop, "inside", HOME, HOME), Writer(shop, "outside", HOME), Writer(shop, "other", RECOVERY),
                    self.follower]

    def __enter__(self):
        for each in self.all:
            each.start()
        return self

    def __exit__(self, *_):
        for each in self.all:
            each.stopping.set()
        for each in self.all:
            each.join(timeout=10)

    def writes(self):
        return sorted((write for each in self.all for write in list(each.writes)), key=lambda each: each.acked)

    def by(self, region, since=0.0, via=None):
        return [write for write in self.writes()
                if write.region == region and write.acked >= since and via in (None, write.via)]

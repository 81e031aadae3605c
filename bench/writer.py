#!/usr/bin/python3
"""The writer that every contestant is measured with: one INSERT with commit about every 5 ms, never retried.

Prints a line per attempt: `A id wall-seconds server-address` (acknowledged) or `E wall-seconds error`. Hosts of the DSN
are tried in turn, 0.5 s each: a lost Region does not refuse, it is silent. Statement limit 2 s, reconnect every 20 ms. A statement that was cut off counts as not acknowledged.
"""

import argparse
import select
import signal
import time

import psycopg2
import psycopg2.extensions

parser = argparse.ArgumentParser()
parser.add_argument("--dsn", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--max-seconds", type=float, default=300)
arguments = parser.parse_args()

limit = 0.0
stopped = False


def wait(connection):
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        left = limit - time.monotonic()
        if left <= 0:
            raise TimeoutError("client time limit")
        descriptor = [connection.fileno()]
        reading = state == psycopg2.extensions.POLL_READ
        select.select(descriptor if reading else [], [] if reading else descriptor, [], min(left, 0.25))


def one_by_one(dsn):
    """A DSN for each host of a DSN with several."""
    parts = psycopg2.extensions.parse_dsn(dsn)
    hosts = parts.pop("host").split(",")
    ports = parts.pop("port").split(",")
    return [psycopg2.extensions.make_dsn(host=host, port=port, **parts)
            for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports)]


def stop(*_):
    global stopped
    stopped = True


psycopg2.extensions.set_wait_callback(wait)
signal.signal(signal.SIGTERM, stop)
end = time.monotonic() + arguments.max_seconds
doors, turn = one_by_one(arguments.dsn), 0
connection, server, number = None, "?", 0
with open(arguments.out, "w", buffering=1, encoding="utf-8") as out:
    while not stopped and time.monotonic() < end:
        tick = time.monotonic()
        try:
            if connection is None:
                limit = tick + 0.5
                connection = psycopg2.connect(doors[turn])
                connection.autocommit = True
                cursor = connection.cursor()
                # The server's own address tells who is behind a proxy; one on a Unix socket has none.
                cursor.execute("select host(inet_server_addr())")
                server = cursor.fetchone()[0] or connection.info.host
            number += 1
            limit = time.monotonic() + 2.0
            cursor.execute("insert into ledger(id) values (%s)", (number,))
            out.write(f"A {number} {time.time():.6f} {server}\n")
            left = tick + 0.005 - time.monotonic()
            if left > 0:
                time.sleep(left)
        except (psycopg2.Error, TimeoutError) as error:
            out.write(f"E {time.time():.6f} {type(error).__name__}\n")
            if connection is not None:
                try:
                    connection.close()
                except psycopg2.Error:
                    pass
            connection, turn = None, (turn + 1) % len(doors)
            time.sleep(0.02)

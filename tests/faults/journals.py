"""Reads journals (docs/formats/journal.md) as far as the tests need them."""

import datetime
import json
import os
import struct
from collections import namedtuple

from history import Bound

HEADER, HEAD = 16, 44
Move = namedtuple("Move", "outcome promoted")


def events(state):
    path = os.path.join(state, "journal", "journal.lwj")
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], HEADER
    while at + HEAD <= len(data):
        length = struct.unpack_from("<I", data, at)[0]
        payload = data[at + HEAD:at + HEAD + length]
        if len(payload) < length:
            break  # being written
        found.append(json.loads(payload))
        at += HEAD + length
    return found


def moves(state):
    """The failovers in it, by execution: the outcome, None while there is none, and whether a store was promoted."""
    found = {}
    for event in events(state):
        execution = event.get("execution")
        if event["kind"] == "execution-started" and event["fields"]["action"] == "failover":
            found[execution] = Move(None, False)
        elif event["kind"] == "execution-finished" and execution in found:
            found[execution] = found[execution]._replace(outcome=event["fields"]["outcome"])
        elif event["kind"] == "step-intended" and event["step"].startswith("rds.promote/") and execution in found:
            found[execution] = found[execution]._replace(promoted=True)
    return found


def bound(state, execution):
    """The last loss bound that the execution stated; None: none."""
    stated = [event for event in events(state)
              if event["kind"] == "loss-bound" and event.get("execution") == execution]
    if not stated:
        return None
    # It counts back from where it was read, or from the end of the old Region's lease.
    fields = stated[-1]["fields"]
    read = datetime.datetime.fromisoformat(fields["read_at"].replace("Z", "+00:00"))
    return Bound(read.timestamp(), int(fields["bound_ns"]) / 1e9)


def phases(state, execution):
    """Seconds since 1970 at which the execution began, and at which each step was done."""
    found = {}
    for event in events(state):
        if event.get("execution") != execution:
            continue
        if event["kind"] == "execution-started":
            found["began"] = event["at_ns"] / 1e9
        if event["kind"] == "step-done":
            found[event["step"]] = event["at_ns"] / 1e9
    return found

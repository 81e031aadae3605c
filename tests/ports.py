"""Free ports for servers that cannot choose one themselves."""

import socket

_given = set()


def free_port(host="127.0.0.1"):
    """Nothing listens there, and it was not given out before: the kernel may offer again what was let go."""
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            place = probe.getsockname()
        if place not in _given:
            _given.add(place)
            return place[1]

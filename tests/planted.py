"""Secrets that can be recognised, planted wherever one comes in, and a search for them in all that was written.

A secret is looked for by its halves, since a log may cut a line, as it is and as it would be encoded: in a URL, in JSON,
in HTML, as hexadecimal digits, and as base64 at each of the three places at which it can begin there.
"""

import base64
import html
import json
import os
import secrets
import stat
import urllib.parse

BYTES_AT_MOST = 256 << 20  # of one file
# Marks that every encoding writes in another way, but none that a password of RDS may not have ('/', '@', '"', ' ').
MARKS = "+<%&'=~#"


def secret(name):
    """A new one of that name, some forty characters; no other test's, so that tests can run side by side."""
    return "%s%s%s%s%s" % (name, MARKS[:4], secrets.token_hex(6), MARKS[4:], secrets.token_hex(6))


def in_base64(text):
    """As it stands in base64 behind no, one or two other bytes, without the digits that others have a part in."""
    for before in range(3):
        digits = base64.b64encode(b"\0" * before + text).rstrip(b"=")
        yield digits[(before * 8 + 5) // 6:len(text + b"\0" * before) * 8 // 6]


def forms(text):
    """Every spelling under which half of the secret is looked for."""
    found = set()
    for half in (text[:len(text) // 2], text[len(text) // 2:]):
        raw = half.encode()
        found |= {raw, urllib.parse.quote(half, safe="").encode(), urllib.parse.quote_plus(half).encode(),
                  urllib.parse.quote(half).encode(), json.dumps(half)[1:-1].encode(), html.escape(half).encode(),
                  html.escape(half, quote=False).encode(), raw.hex().encode(), raw.hex().upper().encode(),
                  half.replace("'", "''").encode()}
        for digits in in_base64(raw):
            found |= {digits, digits.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Planted:
    """The secrets of one test by name, and what it has written outside of files."""

    def __init__(self, **named):
        self.named, self.said = dict(named), []

    def plant(self, name, text):
        assert len(text) >= 16, "too short to be told from chance: " + name
        self.named[name] = text

    def heard(self, where, *texts):
        """Keeps what a command, a connection or a process said, to be looked through."""
        self.said.extend((where, text.encode() if isinstance(text, str) else text) for text in texts if text)

    def leaks(self, *folders, but=()):
        """Where a secret is to be read: in these folders' files outside of `but`, in the names, in what was heard, and in
        the command line of any process. One sentence each."""
        wanted = {name: forms(text) for name, text in self.named.items()}
        places = [*self.said, *command_lines()]
        for folder in folders:
            places.extend((path, None) for path in files(folder, but))
        found = []
        for where, content in places:
            content = where.encode() + b"\n" + read(where) if content is None else content
            found.extend("the %s is in %s" % (name, where) for name, spellings in wanted.items()
                         if any(each in content for each in spellings))
        return sorted(set(found))


def files(folder, but=()):
    for at, below, names in os.walk(folder):
        below[:] = [name for name in below if os.path.join(at, name) not in but]
        for name in names:
            path = os.path.join(at, name)
            if path not in but and os.path.isfile(path):
                yield path


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(BYTES_AT_MOST).rstrip(b"\0")  # what etcd has set aside for later
    except OSError:
        return b""  # gone meanwhile


def command_lines():
    for entry in filter(str.isdigit, os.listdir("/proc")):
        content = read("/proc/%s/cmdline" % entry)
        if content:
            yield "command line of process " + entry, content


def open_to_others(*folders):
    """Files that somebody else than their owner could read."""
    return sorted("%s has mode %04o" % (path, mode) for folder in folders for path in files(folder)
                  for mode in [stat.S_IMODE(os.stat(path).st_mode)] if mode & 0o077)

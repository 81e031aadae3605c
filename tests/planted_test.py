#!/usr/bin/env python3
"""The search for planted secrets finds them under every spelling, and nothing where there is nothing."""

import base64
import html
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from planted import Planted, open_to_others, secret

SPELLINGS = {
    "as it is": lambda text: text,
    "cut off": lambda text: text[:len(text) // 2],
    "the end": lambda text: text[len(text) // 2:],
    "in a URL": lambda text: "https://user:%s@host/" % urllib.parse.quote(text, safe=""),
    "in a form": urllib.parse.quote_plus,
    "in JSON": lambda text: json.dumps({"password": "\n" + text}),
    "in HTML": html.escape,
    "hexadecimal": lambda text: text.encode().hex(),
    "in SQL": lambda text: "alter role shop password '%s'" % text.replace("'", "''"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind a byte": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 behind two": lambda text: base64.b64encode(b"u:" + text.encode() + b"!").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"user:" + text.encode()).decode(),
}


class PlantedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="leeward-planted-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.secret = secret("Passw0rd")
        self.planted = Planted(password=self.secret)

    def write(self, text, name="journal"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_every_spelling_is_found_in_a_file_and_in_what_was_said(self):
        for name, spell in SPELLINGS.items():
            with self.subTest(name):
                path = self.write("before " + spell(self.secret) + " after")
                self.assertEqual(self.planted.leaks(self.folder), ["the password is in " + path])
                heard = Planted(password=self.secret)
                heard.heard("an answer", spell(self.secret))
                self.assertEqual(heard.leaks(), ["the password is in an answer"])

    def test_a_file_name_and_a_command_line_are_looked_at(self):
        path = self.write("nothing", urllib.parse.quote(self.secret, safe=""))
        self.assertEqual(self.planted.leaks(self.folder), ["the password is in " + path])
        program = "print(flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", program, self.secret], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as child:
            child.stdout.readline()  # a process has its command line a moment after it was begun
            found = self.planted.leaks()
            child.communicate(b"\n")
        self.assertEqual(found, ["the password is in command line of process %d" % child.pid])

    def test_nothing_is_found_where_nothing_is(self):
        self.write(json.dumps({"password": "hidden", "other": secret("Passw0rd")}))
        self.assertEqual(self.planted.leaks(self.folder), [])
        os.mkdir(os.path.join(self.folder, "aws"))
        path = self.write(self.secret, "aws/credentials")
        self.assertEqual(self.planted.leaks(self.folder, but=[os.path.dirname(path)]), [])
        self.assertEqual(self.planted.leaks(self.folder, but=[path]), [])

    def test_files_open_to_others_are_named(self):
        path = self.write("state")
        os.chmod(path, 0o600)
        self.assertEqual(open_to_others(self.folder), [])
        os.chmod(path, 0o640)
        self.assertEqual(open_to_others(self.folder), [path + " has mode 0640"])


if __name__ == "__main__":
    unittest.main(verbosity=1)

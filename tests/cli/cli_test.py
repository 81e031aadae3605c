#!/usr/bin/env python3
"""The command line as people and scripts meet it: exit codes, one-line errors, nothing changed by bad input."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LEEWARD = os.environ.get("LEEWARD", os.path.join(ROOT, "build", "leeward"))
SPEC = os.path.join(ROOT, "examples", "shop", "shop.yaml")

DONE, FAILED, USAGE, REFUSED, CANNOT_REACH = range(5)


class Silent:
    """An address that takes connections and never says a word."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.held = []
        self.thread = threading.Thread(target=self.hold, daemon=True)
        self.thread.start()
        return "http://127.0.0.1:%d" % self.socket.getsockname()[1]

    def hold(self):
        try:
            while True:
                self.held.append(self.socket.accept()[0])
        except OSError:
            pass

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.held:
            connection.close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class CliTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="leeward-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.state = os.path.join(self.folder, "state")

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def leeward(self, *arguments, timeout=60, **variables):
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true", "LANG": "C.UTF-8"}
        environment.update(variables)
        return subprocess.run([LEEWARD, *arguments], env=environment, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False)

    def complains(self, done, code, *words):
        """One clear line on standard error, nothing else, and the code."""
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("leeward: "), lines[0])
        self.assertLess(len(lines[0]), 600, lines[0])
        for word in words:
            self.assertIn(word, lines[0])
        self.assertFalse(os.path.exists(os.path.join(self.state, "journal", "journal.lwj")), "nothing may be changed")

    # --- usage -----------------------------------------------------------------------------------------

    def test_help_and_version_are_answered(self):
        helped = self.leeward("--help")
        self.assertEqual(helped.returncode, DONE)
        for command in ("validate", "plan", "protect", "failover", "switchover", "failback", "status", "drill", "report"):
            self.assertIn(command, helped.stdout)
        self.assertIn("Exit codes", helped.stdout)
        self.assertRegex(self.leeward("version").stdout, r"^leeward \d+\.\d+\.\d+$")

    def test_bad_usage_is_code_2_and_one_line(self):
        for arguments in ([], ["nosuch"], ["plan", "explode", SPEC], ["failover"], ["failover", SPEC, "--nosuch"],
                          ["failover", SPEC, "--accept-loss", "30"], ["drill", SPEC, "--rate", "0"]):
            with self.subTest(arguments=arguments):
                self.complains(self.leeward(*arguments), USAGE)

    # --- specs -----------------------------------------------------------------------------------------

    def test_the_shop_is_good(self):
        done = self.leeward("validate", SPEC)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn("shop with 3 components", done.stdout)

    def test_schema_is_json(self):
        schema = json.loads(self.leeward("schema").stdout)
        self.assertIn("components", schema["properties"])

    def test_five_mistakes_are_all_named(self):
        with open(SPEC, encoding="utf-8") as file:
            text = file.read()
        for right, wrong in (("instance: orders", "instnace: orders"), ("rpo: 5s", "rpo: 5"), ("quorum: 2", "quorum: 0"),
                             ("witness: eu-west-1", "witness: us-east-1"), ("pattern: warm-standby", "pattern: lukewarm")):
            self.assertIn(right, text)
            text = text.replace(right, wrong)
        path = self.write("bad.yaml", text)
        done = self.leeward("validate", path)
        self.assertEqual(done.returncode, USAGE)
        lines = done.stderr.splitlines()
        self.assertGreaterEqual(len(lines), 5, done.stderr)
        for word in ("instnace", "rpo", "quorum", "witness", "lukewarm"):
            self.assertTrue(any(word in line for line in lines), word + " in " + done.stderr)
        for line in lines:
            self.assertRegex(line, r"^leeward: .*bad\.yaml:\d+:\d+: .+; .+")

    def test_what_is_no_spec_is_code_2_for_every_command(self):
        cases = {
            "empty": self.write("empty.yaml", ""),
            "large": self.write("large.yaml", b"a: b\n" * (50 * 1024 * 1024 // 5)),
            "directory": self.folder,
            "junk": self.write("junk.yaml", bytes(range(256)) * 40),
            "missing": os.path.join(self.folder, "missing.yaml"),
        }
        with open(SPEC, encoding="utf-8") as file:
            cases["equal"] = self.write("equal.yaml", file.read().replace("recovery: us-west-2", "recovery: us-east-1"))
        for name, path in cases.items():
            for command in (["validate"], ["plan", "failover"], ["protect", "--yes"], ["failover", "--yes"], ["status"],
                            ["drill", "--lab"], ["report"]):
                with self.subTest(spec=name, command=command):
                    state = [] if command[0] == "validate" else ["--state", self.state]
                    self.complains(self.leeward(*command, path, *state), USAGE)

    # --- plans -----------------------------------------------------------------------------------------

    def test_a_plan_is_shown_in_three_forms_and_needs_nobody(self):
        text = self.leeward("plan", "failover", SPEC, "--state", self.state)
        self.assertEqual(text.returncode, DONE, text.stderr)
        self.assertIn("rds.promote/orders", text.stdout)
        plan = json.loads(self.leeward("plan", "failover", SPEC, "--state", self.state, "--format", "json").stdout)
        self.assertEqual(plan["to"], "us-west-2")
        self.assertTrue(self.leeward("plan", "failover", SPEC, "--state", self.state, "--format", "dot").stdout
                        .startswith("digraph"))
        self.assertFalse(os.path.exists(self.state))

    # --- the outside -----------------------------------------------------------------------------------

    KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def test_no_credentials(self):
        for command in ("protect", "failover", "failback"):
            with self.subTest(command=command):
                self.complains(self.leeward(command, SPEC, "--yes", "--state", self.state), CANNOT_REACH, "credentials")

    def test_an_endpoint_that_refuses_and_one_that_hangs(self):
        refusing = "http://127.0.0.1:%d" % closed_port()
        with Silent() as hanging:
            for name, endpoint in (("refuses", refusing), ("hangs", hanging)):
                with self.subTest(endpoint=name):
                    done = self.leeward("protect", SPEC, "--yes", "--json", "--state", self.state, timeout=120,
                                        AWS_ENDPOINT_URL=endpoint, **self.KEYS)
                    self.complains(done, CANNOT_REACH, "us-east-1")

    def test_without_somebody_to_ask_yes_is_needed(self):
        with Silent() as hanging:
            done = self.leeward("protect", SPEC, "--state", self.state, AWS_ENDPOINT_URL=hanging, **self.KEYS)
        self.assertIn(done.returncode, (USAGE, CANNOT_REACH), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    # --- the journal -----------------------------------------------------------------------------------

    def test_a_journal_that_is_missing_or_no_journal(self):
        self.complains(self.leeward("journal", "verify", os.path.join(self.folder, "none.lwj")), CANNOT_REACH, "none.lwj")
        self.complains(self.leeward("journal", "verify", self.write("x.lwj", b"\x00\x01junk" * 20)), CANNOT_REACH, "x.lwj")
        self.complains(self.leeward("report", SPEC, "--state", self.state), CANNOT_REACH, "no journal")

    def test_a_drill_outside_a_lab_is_refused_by_name(self):
        self.complains(self.leeward("drill", SPEC, "--state", self.state), USAGE, "--lab")


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("cli_test: %s is not built; run cmake --build build --target leeward" % LEEWARD)
    unittest.main(verbosity=1)

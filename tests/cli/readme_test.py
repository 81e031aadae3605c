#!/usr/bin/env python3
"""The README's first session, run as it is written, in one shell; only ports and the home folder are the test's own."""

import os
import re
import shlex
import signal
import subprocess
import sys
import unittest

from one_line import LAB, LEEWARD, ROOT, OneLine

SESSION = re.compile(r"<!-- first session[^\n]*-->\n```sh\n(.*?)```", re.S)
PRINTED = re.compile(r"<!-- printed by the fifth command -->\n```\n(.*?)```", re.S)
COMMANDS = 9  # lines of the session; fewer means that the page was not understood


def readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return file.read()


def on_free_ports(line):
    line = line.replace("build/leeward-lab up", "build/leeward-lab up --gateway 127.0.0.1:0 --dns 127.0.0.1:0")
    line = line.replace("@127.0.0.1 -p 5353", '"@${LEEWARD_RESOLVER%:*}" -p "${LEEWARD_RESOLVER#*:}"')
    return line.replace("build/leeward", shlex.quote(os.path.dirname(LEEWARD)) + "/leeward")


class ReadmeTest(OneLine):
    def test_the_first_session_does_what_the_page_says(self):
        lines = [line for block in SESSION.findall(readme()) for line in block.splitlines() if line.strip()]
        self.assertGreaterEqual(len(lines), COMMANDS, "the session in README.md was not found")
        script = ""
        for line in lines:
            script += 'echo "$ "%s\n{ %s\n} || { echo "this failed: "%s >&2; exit 1; }\n' % (
                shlex.quote(line), on_free_ports(line), shlex.quote(line))
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}
        self.addCleanup(subprocess.run, [LAB, "down"], env=environment, capture_output=True, timeout=60, check=False)
        code, told = self.run_and_keep_what_is_told(script, environment)
        self.assertEqual(code, 0, told)
        printed = PRINTED.search(readme())
        self.assertIsNotNone(printed)
        self.assertIn(printed.group(1), told)
        self.assertIn('"role": "primary", "region": "us-west-2"', told)

    def run_and_keep_what_is_told(self, script, environment):
        """Into a file: a process that outlives the session cannot hold the test, and a session that hangs still tells where."""
        path = os.path.join(self.folder, "told")
        with open(path, "wb") as told:
            session = subprocess.Popen(["bash", "-c", script], env=environment, cwd=ROOT, stdin=subprocess.DEVNULL,
                                       stdout=told, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                code = session.wait(timeout=420)
            except subprocess.TimeoutExpired:
                code = "no end after 420 s"
                os.killpg(session.pid, signal.SIGKILL)
                session.wait()
        with open(path, encoding="utf-8") as told:
            return code, told.read()

    def test_every_file_that_the_pages_link_to_is_there(self):
        pages = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True,
                               text=True, check=True).stdout.split()
        self.assertIn("README.md", pages)
        missing = []
        for page in pages:
            with open(os.path.join(ROOT, page), encoding="utf-8") as file:
                text = file.read()
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
                if not target.startswith(("http:", "https:")) and not os.path.exists(
                        os.path.join(ROOT, os.path.dirname(page), target)):
                    missing.append("%s: %s" % (page, target))
        self.assertEqual(missing, [])


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("readme_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

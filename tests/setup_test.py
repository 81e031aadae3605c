#!/usr/bin/env python3
"""scripts/setup on machines that lack something: one line that says what, code 4, and nothing installed."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What setup may use from here; everything else it meets is the test's.
TOOLS = ("bash", "cat", "cut", "dirname", "env", "grep", "mktemp", "paste", "rm", "sed", "sort", "tail")
GOOD = {
    "dpkg-query": "echo installed",
    "apt-get": "exit 99",
    "id": "[ \"$1\" = -u ] && echo 1000 || echo ana",
    "c++": "case \"$*\" in *--version*) echo 'c++ 12.2.0' ;; *-E*) echo 12 ;; esac",
    "cmake": "echo cmake version 3.25.1",
}


class SetupTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="leeward-setup-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "scripts"))
        for name in ("setup", "packages.txt", "packages-test.txt"):
            shutil.copy(os.path.join(ROOT, "scripts", name), os.path.join(self.folder, "scripts", name))
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        for name in TOOLS:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))

    def run_with(self, *arguments, **changed):
        """setup where the tools are GOOD but for `changed`; None: not there."""
        for name, body in {**GOOD, **{key.replace("_", "-"): value for key, value in changed.items()}}.items():
            path = os.path.join(self.bin, name)
            if os.path.lexists(path):
                os.remove(path)
            if body is None:
                continue
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/bash\n%s\n" % body)
            os.chmod(path, 0o755)
        return subprocess.run([os.path.join(self.folder, "scripts", "setup"), *arguments], env={"PATH": self.bin, "LANG": "C.UTF-8"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def lacks(self, words, **changed):
        done = self.run_with(**changed)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("setup: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_where_all_is_there_it_says_nothing(self):
        done = self.run_with()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_what_only_tests_need_is_asked_for_by_tests(self):
        lacking = {"dpkg_query": "exit 1", "sudo": None}
        self.assertNotIn("awscli", self.run_with(**lacking).stderr)
        self.assertIn("awscli bind9-dnsutils nodejs npm\n", self.run_with("test", **lacking).stderr)
        self.assertIn("awscli bind9-dnsutils\n", self.run_with("test", **lacking, node="", npm="").stderr)

    def test_no_sudo(self):
        self.lacks(["neither root nor", "sudo", "administrator", "libpq-dev"], dpkg_query="exit 1", sudo=None)

    def test_sudo_that_refuses(self):
        self.lacks(["sudo does not let ana in", "libpq-dev"], dpkg_query="exit 1", sudo="echo no >&2; exit 1")

    def test_another_distribution(self):
        self.lacks(["apt-get", "by hand", "libpq-dev"], dpkg_query=None, apt_get=None)

    def test_no_network(self):
        self.lacks(["package servers cannot be reached", "Temporary failure resolving", "network"], dpkg_query="exit 1",
                   sudo="[ \"$1\" = -n ] && exit 0; exec \"$@\"",
                   apt_get="echo \"W: Temporary failure resolving 'deb.example'\"; echo 'E: Unable to locate package g++'; exit 100")

    def test_a_package_that_is_not_known(self):
        self.lacks(["Unable to locate package g++"], dpkg_query="exit 1", sudo="[ \"$1\" = -n ] && exit 0; exec \"$@\"",
                   apt_get="echo 'Reading'; echo 'E: Unable to locate package g++'; exit 100")

    def test_an_old_compiler_or_none(self):
        self.lacks(["g++ 10", "g++ 12 or newer"],
                   **{"c++": "case \"$*\" in *--version*) echo 'c++ 10.2.1' ;; *-E*) echo 10 ;; esac"})
        self.lacks(["C++20", "c++ 4.9", "g++ 12 or newer"], **{"c++": "[ \"$1\" = --version ] && echo 'c++ 4.9' || exit 1"})
        self.lacks(["no compiler 'c++'"], **{"c++": None})

    def test_an_old_cmake(self):
        self.lacks(["cmake is 3.18.4", "3.25"], cmake="echo cmake version 3.18.4")


if __name__ == "__main__":
    unittest.main(verbosity=1)

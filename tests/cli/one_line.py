"""What bad input meets: one clear line, the code for scripts, and nothing changed. Standard library only."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cleaned  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LEEWARD = os.environ.get("LEEWARD", os.path.join(ROOT, "build", "leeward"))
LAB = os.path.join(os.path.dirname(LEEWARD), "leeward-lab")
SPEC = os.path.join(ROOT, "examples", "shop", "orders-only.yaml")

DONE, FAILED, USAGE, REFUSED, CANNOT_REACH = range(5)
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "SHOP_DB_PASSWORD": "only-for-this-test"}
LONGEST_LINE = 600


def contents(folder):
    """Every path under the folder, with what it holds."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders:
            found[os.path.join(place, name)] = "folder"
        for name in files:
            path = os.path.join(place, name)
            status = os.stat(path)
            found[path] = (status.st_size, status.st_mtime_ns)
    return found


class OneLine(cleaned.TestCase):
    def setUp(self):
        # Engines of a lab that root started run as another user, who has to get through.
        self.folder = tempfile.mkdtemp(prefix="lwc-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=False)
        self.state = os.path.join(self.folder, "state")

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def run_program(self, program, *arguments, timeout=60, before=None, **variables):
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true", "LANG": "C.UTF-8"}
        environment.update(variables)
        return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, preexec_fn=before, check=False)

    def begin_lab(self):
        """A lab of the test's own, ended with it; its gateway's address, and what `leeward` has to be told of it."""
        self.lab_state = os.path.join(self.folder, "lab")
        self.addCleanup(self.run_program, LAB, "down", "--state", self.lab_state)
        up = self.run_program(LAB, "up", "--json", "--state", self.lab_state, "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0",
                              timeout=120)
        self.assertEqual(up.returncode, DONE, up.stderr)
        info = json.loads(up.stdout)
        return info["gateway"], {**KEYS, "AWS_ENDPOINT_URL": info["gateway"], "LEEWARD_RESOLVER": info["dns"]}

    def leeward(self, *arguments, **rest):
        return self.run_program(LEEWARD, *arguments, **rest)

    def is_one_line(self, done, code, *words, program="leeward", lines=1):
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        told = done.stderr.splitlines()
        self.assertEqual(len(told), lines, done.stderr)
        for line in told:
            self.assertTrue(line.startswith(program + ": "), line)
            self.assertLess(len(line), LONGEST_LINE, line)
        for word in words:
            self.assertIn(word, done.stderr)

    def refuses(self, code, words, *arguments, lines=1, watched=None, **rest):
        """`leeward ARGUMENTS` ends with the code and one line that has the words; the folder is as before."""
        watched = watched or self.folder
        before = contents(watched)
        done = self.leeward(*arguments, **rest)
        self.is_one_line(done, code, *words, lines=lines)
        self.assertEqual(contents(watched), before, "nothing may be changed")
        return done

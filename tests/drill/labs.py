"""A private lab with the shop in it, for tests of whole runs. Standard library only."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.environ.get("LEEWARD", os.path.join(ROOT, "build", "leeward")))
LEEWARD = os.path.join(BUILD, "leeward")
LAB = os.path.join(BUILD, "leeward-lab")
SPEC = os.path.join(ROOT, "examples", "shop", "shop.yaml")
HOME, RECOVERY = "us-east-1", "us-west-2"
PASSWORD = "only-for-this-test"


def until(condition, seconds, what):
    """Polls until the condition answers something true; fails by name after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("not within %s s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(0.02)


class Shop:
    """The shop, staged and protected in a lab of its own."""

    def __enter__(self):
        # Unix socket paths are short, so the folder stays near the root; engines have to get through it.
        self.folder = tempfile.mkdtemp(prefix="lwt-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.lab_state = os.path.join(self.folder, "lab")
        self.state = os.path.join(self.folder, "state")
        try:
            info = json.loads(self.lab("up", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--json"))
            gateway = info["gateway"]
            self.dns = info["dns"]
            self.blocks = {name: region["network"] for name, region in info["regions"].items()}
            self.environment = {
                "PATH": "/usr/bin:/bin", "HOME": self.folder, "LANG": "C.UTF-8", "LEEWARD_RESOLVER": self.dns,
                "AWS_ENDPOINT_URL": gateway if gateway.startswith("http") else "http://" + gateway,
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
                "SHOP_DB_PASSWORD": PASSWORD,
            }
            self.check("stage", SPEC)
            self.check("protect", SPEC, "--yes", "--state", self.state)
            with open(os.path.join(self.state, "inventory.json"), encoding="utf-8") as file:
                self.facts = {(fact["component"], fact["region"], fact["name"]): fact["value"]
                              for fact in json.load(file)["facts"]}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([LAB, "down", "--state", self.lab_state], capture_output=True, timeout=60, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def lab(self, command, *arguments):
        done = subprocess.run([LAB, command, *arguments, "--state", self.lab_state], capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode != 0:
            raise AssertionError("leeward-lab %s: %s" % (command, done.stderr.strip() or done.stdout.strip()))
        return done.stdout

    def start(self, *arguments):
        return subprocess.Popen([LEEWARD, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def leeward(self, *arguments, timeout=180):
        return subprocess.run([LEEWARD, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def check(self, *arguments):
        done = self.leeward(*arguments)
        if done.returncode != 0:
            raise AssertionError("leeward %s: %d: %s%s" % (" ".join(arguments), done.returncode, done.stderr, done.stdout))
        return done.stdout

    def front(self, region):
        return self.facts["web", region, "load-balancer.address"]

    def order(self, region, order_id):
        """The status with which the Region's front answers to an order; 0: no answer."""
        request = urllib.request.Request("http://%s:8080/orders" % self.front(region), method="POST",
                                         data=json.dumps({"id": order_id}).encode())
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, urllib.error.URLError):
            return 0

    def writer(self, region):
        """Whether the Region's database takes writes; None: no answer."""
        answer = self.sql(region, "select not pg_is_in_recovery()")
        return None if answer is None else answer == "t"

    def sql(self, region, statement):
        """What the Region's database answers; None: no answer."""
        address = self.facts["orders", region, "endpoint.address"]
        port = self.facts["orders", region, "endpoint.port"]
        done = subprocess.run(["psql", "-h", address, "-p", port, "-U", "shop", "-d", "shop", "-AtXc",
                               statement], env={**self.environment, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "2"},
                              capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def addresses(self):
        host, port = self.dns.rsplit(":", 1)
        done = subprocess.run(["dig", "@" + host, "-p", port, "+short", "+time=2", "+tries=2", "shop.example.test", "A"],
                              capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.split()

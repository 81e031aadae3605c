"""A private lab with the shop in it, for tests of whole runs. Standard library only.

Every secret in it can be recognised, and when a test has passed all that was written is looked through for them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "lab")]
from planted import Planted, open_to_others, secret  # noqa: E402
import signed  # noqa: E402

BUILD = os.path.dirname(os.environ.get("LEEWARD", os.path.join(ROOT, "build", "leeward")))
LEEWARD = os.path.join(BUILD, "leeward")
LAB = os.path.join(BUILD, "leeward-lab")
SPEC = os.path.join(ROOT, "examples", "shop", "orders-only.yaml")
HOME, RECOVERY = "us-east-1", "us-west-2"
PASSWORD = secret("Passw0rd")
KEY = "AKIDOFTHISTESTONLY00"


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
        self.planted = Planted(**{"database's password": PASSWORD, "AWS secret key": secret("k3y")})
        self.private = [self.state]  # folders whose files are their owner's alone
        try:
            info = json.loads(self.lab("up", "--gateway", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--json", "--access-key",
                                       KEY, "--secret-key", self.planted.named["AWS secret key"]))
            gateway = info["gateway"]
            self.dns = info["dns"]
            self.blocks = {name: region["network"] for name, region in info["regions"].items()}
            self.environment = {
                "PATH": "/usr/bin:/bin", "HOME": self.folder, "LANG": "C.UTF-8", "LEEWARD_RESOLVER": self.dns,
                "AWS_ENDPOINT_URL": gateway if gateway.startswith("http") else "http://" + gateway,
                "AWS_EC2_METADATA_DISABLED": "true", "SHOP_DB_PASSWORD": PASSWORD,
            }
            self.keep_keys()
            self.check("stage", SPEC)
            self.check("protect", SPEC, "--yes", "--state", self.state)
            self.environment.update(self.session())
            with open(os.path.join(self.state, "inventory.json"), encoding="utf-8") as file:
                self.facts = {(fact["component"], fact["region"], fact["name"]): fact["value"]
                              for fact in json.load(file)["facts"]}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, kind=None, *_):
        wrong = [] if kind else self.leaks()
        subprocess.run([LAB, "down", "--state", self.lab_state], capture_output=True, timeout=60, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        if wrong:
            raise AssertionError("secrets got out:\n" + "\n".join(wrong))

    def keep_keys(self):
        """The keys in the file where AWS's own tools look for them; what is run until `session` has no others."""
        os.mkdir(os.path.join(self.folder, ".aws"), 0o700)
        with open(os.path.join(self.folder, ".aws", "credentials"), "w", encoding="utf-8") as file:
            file.write("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (KEY, self.aws_secret))

    @property
    def aws_secret(self):
        return self.planted.named["AWS secret key"]

    def session(self):
        """Temporary keys, as environment variables."""
        status, answer = signed.call(self.environment["AWS_ENDPOINT_URL"], HOME, "GetSessionToken", key=KEY,
                                     secret=self.aws_secret)
        assert status == 200, answer
        keys = dict(re.findall("<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]*)<", answer))
        self.planted.plant("secret key of the session", keys["SecretAccessKey"])
        self.planted.plant("session token", keys["SessionToken"])
        return {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"]}

    def leaks(self):
        """Where a secret is to be read that has no place there. The lab keeps what AWS would keep, and is asked for
        nothing but its logs."""
        aws = [os.path.join(self.lab_state, name) for name in os.listdir(self.lab_state) if name != "logs"]
        return (self.planted.leaks(self.folder, but=[os.path.join(self.folder, ".aws"), *aws])
                + open_to_others(*self.private))

    def lab(self, command, *arguments):
        done = subprocess.run([LAB, command, *arguments, "--state", self.lab_state], capture_output=True, text=True,
                              timeout=120, check=False)
        self.planted.heard("what `leeward-lab %s` says" % command, done.stdout, done.stderr)
        if done.returncode != 0:
            raise AssertionError("leeward-lab %s: %s" % (command, done.stderr.strip() or done.stdout.strip()))
        return done.stdout

    def start(self, *arguments):
        return subprocess.Popen([LEEWARD, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def leeward(self, *arguments, timeout=180):
        done = subprocess.run([LEEWARD, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)
        self.planted.heard("what `leeward %s` says" % " ".join(arguments[:2]), done.stdout, done.stderr)
        return done

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

"""What the contestants share: child processes that are surely gone afterwards, small PostgreSQL clusters, the writer."""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.append(os.path.join(ROOT, "tests"))
from ports import free_port  # noqa: E402

BUILD = os.environ.get("LEEWARD_BUILD", os.path.join(ROOT, "build"))
PG = "/usr/lib/postgresql/15/bin"
LEDGER = "create table if not exists ledger(id bigint primary key, at timestamptz default clock_timestamp())"


class Yard:
    """A temporary folder and the processes started in it; both are gone when the yard closes."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="lwb-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.children = []
        self.give(self.folder)
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons that detach stay below us
        atexit.register(self.close)

    def give(self, path):
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def path(self, *parts):
        path = os.path.join(self.folder, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.give(os.path.dirname(path))
        return path

    def identity(self):
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} if self.owner else {}

    def spawn(self, command, log, ours=False, **options):
        with open(self.path(log), "ab") as out:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                     cwd=options.pop("cwd", self.folder), **({} if ours else self.identity()), **options)
        self.children.append(child)
        return child

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder,
                              **self.identity())
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def close(self):
        for pid in descendants(os.getpid()):
            kill(pid)
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.children.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def parents():
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    table[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    return table


def descendants(root):
    table, found, frontier = parents(), [], [root]
    while frontier:
        parent = frontier.pop()
        below = [pid for pid, its_parent in table.items() if its_parent == parent]
        found += below
        frontier += below
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_trees(roots):
    """SIGKILL to every process of these trees; the wall-clock instant just before the first signal."""
    doomed = [pid for root in roots for pid in [root, *descendants(root)]]
    at = time.time()
    for pid in doomed:
        kill(pid)
    return at


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
            if answer:
                return answer
        except Exception as error:  # whatever is not up yet
            problem = error
        else:
            problem = "not yet"
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds} s: {what} ({problem})")
        time.sleep(0.05)


def sql(dsn, text):
    import psycopg2
    connection = psycopg2.connect(dsn, connect_timeout=2)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


class Cluster:
    """One plain PostgreSQL server at an address of its own."""

    def __init__(self, yard, name, address):
        self.yard, self.name, self.address, self.port = yard, name, address, free_port(address)
        self.data = yard.path(name, "data")
        self.child = None

    def dsn(self):
        return f"host={self.address} port={self.port} user=postgres dbname=postgres sslmode=disable"

    def initialise(self):
        self.yard.run([f"{PG}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        with open(f"{self.data}/pg_hba.conf", "w", encoding="ascii") as file:
            file.write("local all all trust\nhost all all 127.0.0.0/8 trust\nhost replication all 127.0.0.0/8 trust\n")

    def copy_from(self, other):
        self.yard.run([f"{PG}/pg_basebackup", "-D", self.data, "-d", other.dsn(), "-X", "stream", "-c", "fast", "-R"])

    def start(self, *settings):
        options = [f"listen_addresses={self.address}", f"port={self.port}",
                   f"unix_socket_directories={os.path.dirname(self.data)}", *settings]
        self.child = self.yard.spawn([f"{PG}/postgres", "-D", self.data, *(part for option in options for part in ("-c", option))],
                                     f"{self.name}/log")
        until(lambda: sql(self.dsn(), "select 1"), 60, f"{self.name} answers")


class Writer:
    """writer.py as a process of its own."""

    def __init__(self, yard, dsn):
        self.out = yard.path("writer", f"{time.monotonic_ns()}.log")
        self.child = yard.spawn([sys.executable, os.path.join(HERE, "writer.py"), "--dsn", dsn, "--out", self.out],
                                "writer/err", ours=True)

    def acknowledged(self):
        """(id, wall seconds, server) of every acknowledged write so far."""
        if not os.path.exists(self.out):
            return []
        with open(self.out, encoding="utf-8") as file:
            rows = [line.split() for line in file if line.startswith("A ") and line.endswith("\n")]
        return [(int(row[1]), float(row[2]), row[3]) for row in rows]

    def wait_for(self, count):
        until(lambda: len(self.acknowledged()) >= count, 60, "the writer writes")

    def first_after(self, at, seconds, home):
        """Wall seconds of the first write after `at` that a server other than `home` acknowledged."""
        def look():
            return next((row[1] for row in self.acknowledged() if row[1] > at and row[2] != home), None)
        return until(look, seconds, "a write on the other side")

    def stop(self):
        self.child.terminate()
        self.child.wait(10)
        return self.acknowledged()


def lost(acknowledged, dsn):
    kept = {row[0] for row in sql(dsn, "select id from ledger")}
    return sum(1 for number, _, _ in acknowledged if number not in kept)


def spread(values):
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}" if values else "none"

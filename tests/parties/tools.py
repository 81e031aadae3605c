"""What a person looks with: psql, redis-cli, dig and curl; and waiting for a thing by looking again."""

import http.server
import os
import subprocess
import threading
import time

PASSWORD = "correct-horse-battery"
LOOK_SECONDS = 0.1


def until(condition, seconds, what, pause=LOOK_SECONDS):
    """Looks until `condition` answers something true, and answers that; fails by name after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def output(command, environment=None):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def psql(instance, sql):
    endpoint = instance["Endpoint"]
    return output(["psql", "-h", endpoint["Address"], "-p", str(endpoint["Port"]), "-U", "shop", "-d", "shop", "-AtXq", "-c", sql],
                  {**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"})


def redis(endpoint, *command):
    """The answer of redis-cli, or of the server behind it when that refuses."""
    return output(["timeout", "5", "redis-cli", "-h", endpoint["Address"], "-p", str(endpoint["Port"]), *command])


def dig(name, *options):
    host, port = os.environ["LAB_DNS"].rsplit(":", 1)
    return output(["dig", "@" + host, "-p", port, "+short", "+time=2", "+tries=1", *options, name, "A"]).split()


def curl(name, port, path, *options):
    """As a visitor would: the address of `name` is the one that the lab's DNS answers now."""
    address = dig(name)[0]
    return output(["curl", "-sS", "--max-time", "5", "--resolve", f"{name}:{port}:{address}", *options,
                   f"http://{name}:{port}{path}"])


class Site:
    """A web site of one page at `address`, in this process; it answers its own address."""

    def __init__(self, address, port=0):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = address.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(LOOK_SECONDS,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

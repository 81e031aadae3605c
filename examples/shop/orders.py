"""What the shop's databases have in common: why one cannot serve, a few connections for many requests, and an order.

`orders_postgres.py` and `orders_mariadb.py` have each a class Orders: place, find, role and prepare.
"""

import threading

POOL_SIZE = 8          # idle connections kept
MAX_CONNECTIONS = 16   # of orders at once; more wait, so that a rush cannot lock everyone else out of the database
WRITE_SECONDS = 2.0    # longest a request waits for the database
HEALTH_SECONDS = 0.4   # longest a health check does: shorter than any prober's patience


class Unavailable(Exception):
    """A store cannot serve this request now; a retry later may work."""


class Refused(Exception):
    """The database answered, and will answer the same again."""


STANDS_BY = "the database is read-only here: this Region stands by"
NO_TABLES = "the shop has no tables yet; run `shop.py prepare`"


def as_order(row):
    return {"id": row[0], "item": row[1], "quantity": row[2], "total_cents": row[3], "upload": row[4], "created_at": row[5]}


class Pool:
    """`connect` makes a connection with a member `close()`; `lost` are the errors after which it is of no use."""

    def __init__(self, connect, lost):
        self._connect = connect
        self._lost = lost
        self._lock = threading.Lock()
        self._idle = []
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def run(self, work, seconds=WRITE_SECONDS):
        """What `work(connection)` answers. A connection that died while it was idle is replaced at once: the work has to
        be safe to repeat."""
        if not self._slots.acquire(timeout=seconds):
            raise Unavailable("all %d connections are busy" % MAX_CONNECTIONS)
        try:
            return self.look(work)
        finally:
            self._slots.release()

    def look(self, work):
        """The same, past the queue: a busy shop is not an ill one."""
        try:
            while True:
                connection, was_idle = self._take()
                try:
                    answer = work(connection)
                except self._lost:
                    connection.close()
                    if not was_idle:
                        raise
                    continue
                except Exception:
                    self._give_back(connection)
                    raise
                self._give_back(connection)
                return answer
        except self._lost as error:
            raise Unavailable("no database: " + (str(error).strip().splitlines() or ["gone"])[0]) from None

    def _take(self):
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return self._connect(), False

    def _give_back(self, connection):
        with self._lock:
            if len(self._idle) < POOL_SIZE:
                self._idle.append(connection)
                return
        connection.close()

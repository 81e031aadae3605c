#!/usr/bin/python3
"""A small shop: orders in PostgreSQL, carts in DynamoDB and sessions in Redis behind HTTP/1.1, with Debian's stock
libraries only.

  GET  /health         200 {"role": "primary" | "replica", "region": ...} when the database answers, else 503
  POST /orders         {"id": "...", "item": "lantern", "quantity": 2}: commits the order, then writes the cart that it came
                       from and the session that it was made in, and then answers 201 with the order; the same id again
                       answers the same order (200). The id may also be sent as Idempotency-Key
  GET  /orders/{id}    200 with the order, or 404
  GET  /carts/{id}     200 with the cart of the order, or 404
  GET  /sessions/{id}  200 with the session of the order, or 404

`shop.py prepare` makes the tables, once, as the database's owner, and the login SHOP_WEB_USER that the shop then uses.

Environment: SHOP_DB_HOST, SHOP_DB_PORT, SHOP_DB_NAME, SHOP_DB_USER, SHOP_DB_PASSWORD; SHOP_CARTS_TABLE and SHOP_REDIS_HOST
(SHOP_REDIS_PORT), without which there are no carts or no sessions; HOST and PORT to listen on; AWS_REGION is what /health
says it is in, and where the table is; AWS_ENDPOINT_URL_DYNAMODB where it is asked, when it is not at AWS. For `prepare`
also SHOP_WEB_USER and SHOP_WEB_PASSWORD.
"""

import json
import os
import re
import select
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import psycopg2.errors
import psycopg2.extensions

POOL_SIZE = 8          # idle connections kept
MAX_CONNECTIONS = 16   # of orders at once; more wait, so that a rush cannot lock everyone else out of the database
WRITE_SECONDS = 2.0    # longest a request waits for the database
HEALTH_SECONDS = 0.4   # longest a health check does: shorter than any prober's patience
ITEM_SECONDS = 1.0     # longest an attempt at the table or at Redis takes
SESSION_LIVES = 86400  # seconds
MAX_BODY = 64 * 1024
ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
CATALOGUE = {"lantern": 4200, "rope": 1250, "oilskin": 8900, "compass": 3300}  # cents

SCHEMA = """
create table if not exists orders (
  id text primary key,
  total_cents bigint not null,
  created_at timestamptz not null default clock_timestamp());
create table if not exists order_lines (
  order_id text not null references orders(id),
  line int not null,
  item text not null,
  quantity int not null check (quantity > 0),
  price_cents bigint not null,
  primary key (order_id, line));
"""

# The shop's own login may use the tables and no more. Its group is the one that Leeward's guard holds: who is in it is let
# in only while its Region may write, also by a server that was lost and comes back.
LOGIN = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'leeward_held') then create role leeward_held nologin; end if;
  if not exists (select from pg_roles where rolname = %(user)s) then
    execute format('create role %%I login password %%L in role leeward_held', %(user)s, %(password)s);
  end if;
  execute format('grant select, insert on orders, order_lines to %%I', %(user)s);
end $$
"""

INSERT = """
with placed as (
  insert into orders (id, total_cents) values (%(id)s, %(quantity)s::bigint * %(price)s)
  on conflict (id) do nothing returning id, total_cents, created_at),
line as (
  insert into order_lines (order_id, line, item, quantity, price_cents)
  select id, 1, %(item)s, %(quantity)s, %(price)s from placed)
select id, %(item)s::text, %(quantity)s::int, total_cents, to_json(created_at) from placed
"""

SELECT = """
select o.id, l.item, l.quantity, o.total_cents, to_json(o.created_at)
from orders o join order_lines l on l.order_id = o.id and l.line = 1 where o.id = %(id)s
"""


class Unavailable(Exception):
    """The database cannot serve this request now; a retry later may work."""


# --- database -----------------------------------------------------------------------------------------

_deadline = threading.local()


def _wait(connection):
    """Waits for the database at most until this thread's deadline, whatever the network does."""
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        left = _deadline.at - time.monotonic()
        poller = select.poll()
        poller.register(connection.fileno(),
                        select.POLLIN if state == psycopg2.extensions.POLL_READ else select.POLLOUT)
        if left <= 0 or not poller.poll(left * 1000):
            raise psycopg2.OperationalError("the database did not answer in time")


psycopg2.extensions.set_wait_callback(_wait)


class Database:
    def __init__(self, environment):
        self._where = dict(
            host=environment["SHOP_DB_HOST"],
            port=int(environment.get("SHOP_DB_PORT", "5432")),
            dbname=environment.get("SHOP_DB_NAME", "shop"),
            user=environment.get("SHOP_DB_USER", "shop"),
            password=environment.get("SHOP_DB_PASSWORD", ""),
            application_name="shop",
        )
        self._lock = threading.Lock()
        self._idle = []
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def _connect(self):
        connection = psycopg2.connect(**self._where)
        connection.autocommit = True  # each statement is one transaction
        return connection

    def _take(self):
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return self._connect(), False

    def _give_back(self, connection):
        with self._lock:
            if not connection.closed and len(self._idle) < POOL_SIZE:
                self._idle.append(connection)
                return
        connection.close()

    def run(self, statement, parameters=None, seconds=WRITE_SECONDS):
        """One statement in one transaction; its first row or None. A connection that died while it was idle
        is replaced at once; statements here are safe to repeat."""
        _deadline.at = time.monotonic() + seconds
        if not self._slots.acquire(timeout=seconds):
            raise Unavailable("all %d connections are busy" % MAX_CONNECTIONS)
        try:
            return self._run(statement, parameters)
        finally:
            self._slots.release()

    def look(self, statement, seconds):
        """The same, past the queue: a busy shop is not an ill one."""
        _deadline.at = time.monotonic() + seconds
        return self._run(statement, None)

    def _run(self, statement, parameters):
        try:
            while True:
                connection, was_idle = self._take()
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(statement, parameters)
                        row = cursor.fetchone() if cursor.description else None
                except (psycopg2.OperationalError, psycopg2.InterfaceError):
                    connection.close()
                    if not was_idle:
                        raise
                    continue
                except psycopg2.Error:
                    self._give_back(connection)
                    raise
                self._give_back(connection)
                return row
        except psycopg2.errors.ReadOnlySqlTransaction:
            raise Unavailable("the database is read-only here: this Region stands by") from None
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise Unavailable("no database: " + (str(error).strip().splitlines() or ["gone"])[0]) from None


# --- orders -------------------------------------------------------------------------------------------

def as_order(row):
    return {"id": row[0], "item": row[1], "quantity": row[2], "total_cents": row[3], "created_at": row[4]}


class Orders:
    def __init__(self, database):
        self._database = database

    def place(self, order):
        """The order and whether it is new."""
        try:
            row = self._database.run(INSERT, order)
        except psycopg2.errors.UndefinedTable:
            raise Unavailable("the shop has no tables yet; run `shop.py prepare`") from None
        return (as_order(row), True) if row else (self.find(order["id"]), False)

    def find(self, order_id):
        try:
            row = self._database.run(SELECT, {"id": order_id})
        except psycopg2.errors.UndefinedTable:
            row = None
        return as_order(row) if row else None

    def prepare(self, user, password):
        self._database.run(SCHEMA)
        self._database.run(LOGIN, {"user": user, "password": password})


# --- carts and sessions -------------------------------------------------------------------------------

class Carts:
    """The cart that an order came from: one item of a DynamoDB table whose key is `id`."""

    def __init__(self, table, environment):
        import boto3             # only where there is a table: it takes its time to load
        import botocore.config
        import botocore.exceptions
        self._table = table
        self._errors = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
        self._client = boto3.client(
            "dynamodb", region_name=environment.get("AWS_REGION"),
            endpoint_url=environment.get("AWS_ENDPOINT_URL_DYNAMODB") or environment.get("AWS_ENDPOINT_URL"),
            config=botocore.config.Config(connect_timeout=ITEM_SECONDS, read_timeout=ITEM_SECONDS,
                                          max_pool_connections=MAX_CONNECTIONS, retries={"total_max_attempts": 2}))

    def _ask(self, operation, **members):
        try:
            return getattr(self._client, operation)(TableName=self._table, **members)
        except self._errors as error:
            raise Unavailable("no carts: %s" % error) from None

    def put(self, order):
        self._ask("put_item", Item={"id": {"S": order["id"]}, "item": {"S": order["item"]},
                                    "quantity": {"N": str(order["quantity"])}})

    def find(self, order_id):
        item = self._ask("get_item", Key={"id": {"S": order_id}}, ConsistentRead=True).get("Item")
        return item and {"id": order_id, "item": item["item"]["S"], "quantity": int(item["quantity"]["N"])}


class Sessions:
    """The session that an order was made in: one key in Redis that ends by itself."""

    def __init__(self, host, environment):
        import redis
        self._error = redis.RedisError
        self._redis = redis.Redis(host=host, port=int(environment.get("SHOP_REDIS_PORT", "6379")),
                                  socket_timeout=ITEM_SECONDS, socket_connect_timeout=ITEM_SECONDS,
                                  max_connections=64, decode_responses=True)

    def _ask(self, operation, *words, **options):
        try:
            return getattr(self._redis, operation)(*words, **options)
        except self._error as error:
            raise Unavailable("no sessions: %s" % error) from None

    def put(self, order):
        self._ask("set", "session:" + order["id"], json.dumps({"last_item": order["item"]}), ex=SESSION_LIVES)

    def find(self, order_id):
        session = self._ask("get", "session:" + order_id)
        return session and dict(json.loads(session), id=order_id)


class Absent:
    """In the place of a store that this shop does without."""

    def put(self, _):
        pass

    def find(self, _):
        return None


def read_order(body, key):
    """The order that a request asks for, or ValueError with what is wrong with it."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(asked, dict):
        raise ValueError("the body is not a JSON object")
    order_id = asked.get("id") or key
    if not isinstance(order_id, str) or not ID.match(order_id):
        raise ValueError("send an id of 1 to 128 letters, digits or ._:- (member id, or Idempotency-Key)")
    item = asked.get("item", "lantern")
    quantity = asked.get("quantity", 1)
    if not isinstance(item, str) or item not in CATALOGUE:
        raise ValueError("no such item; there are: " + ", ".join(sorted(CATALOGUE)))
    if type(quantity) is not int or not 1 <= quantity <= 1000:
        raise ValueError("quantity is a whole number from 1 to 1000")
    return {"id": order_id, "item": item, "quantity": quantity, "price": CATALOGUE[item]}


# --- HTTP ---------------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "shop"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1   # one packet an answer
    timeout = 75    # of an idle connection
    orders = None
    carts = sessions = Absent()
    database = None
    region = ""

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.wfile.write(b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (
            status, self.responses[status][0].encode(), len(data),
            b"Connection: close\r\n" if self.close_connection else b""))
        self.wfile.write(data)

    def guarded(self, serve):
        try:
            serve()
        except Unavailable as error:
            self.answer(503, {"error": str(error)})
        except psycopg2.Error as error:
            print("shop: %s %s: %r" % (self.command, self.path, error), file=sys.stderr, flush=True)
            self.answer(500, {"error": "the database refused this request"})

    def do_GET(self):
        if self.path == "/health":
            self.guarded(self.health)
            return
        for name in ("orders", "carts", "sessions"):
            if self.path.startswith("/%s/" % name):
                self.guarded(lambda: self.show(name, getattr(self, name)))
                return
        self.answer(404, {"error": "there are /health, /orders, /orders/{id}, /carts/{id} and /sessions/{id}"})

    def do_POST(self):
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self.answer(413 if length.isdigit() else 411, {"error": "send a body of at most 64 KiB"})
            return
        body = self.rfile.read(int(length))
        if self.path != "/orders":
            self.answer(404, {"error": "orders are placed at /orders"})
            return
        try:
            order = read_order(body, self.headers.get("Idempotency-Key"))
        except ValueError as error:
            self.answer(400, {"error": str(error)})
            return
        self.guarded(lambda: self.place(order))

    def health(self):
        standby, = self.database.look("select pg_is_in_recovery()", HEALTH_SECONDS)
        self.answer(200, {"role": "replica" if standby else "primary", "region": self.region})

    def place(self, order):
        placed, is_new = self.orders.place(order)
        if placed is None:
            raise Unavailable("the order was not found again; try once more")
        if (placed["item"], placed["quantity"]) != (order["item"], order["quantity"]):
            self.answer(409, {"error": "this id has another order already"})
            return
        # Who is told no for want of one of these sends the order again, and finds it placed.
        self.carts.put(order)
        self.sessions.put(order)
        self.answer(201 if is_new else 200, placed)

    def show(self, name, store):
        found = store.find(self.path[len(name) + 2:])
        if found is None:
            self.answer(404, {"error": "no such " + name[:-1]})
        else:
            self.answer(200, found)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients come and go


def prepare(orders):
    if "SHOP_WEB_USER" not in os.environ or "SHOP_WEB_PASSWORD" not in os.environ:
        sys.exit("shop: SHOP_WEB_USER and SHOP_WEB_PASSWORD say which login to make; one of them is not set")
    try:
        orders.prepare(os.environ["SHOP_WEB_USER"], os.environ["SHOP_WEB_PASSWORD"])
    except (Unavailable, psycopg2.Error) as error:
        sys.exit("shop: cannot prepare the database: %s" % str(error).strip())


def main():
    if "SHOP_DB_HOST" not in os.environ:
        sys.exit("shop: SHOP_DB_HOST is not set; it names the database's host")
    Handler.database = Database(os.environ)
    Handler.orders = Orders(Handler.database)
    if sys.argv[1:] == ["prepare"]:
        return prepare(Handler.orders)
    if sys.argv[1:]:
        sys.exit("shop: it is started as `shop.py`, or once as `shop.py prepare`")
    Handler.region = os.environ.get("AWS_REGION", "")
    if os.environ.get("SHOP_CARTS_TABLE"):
        Handler.carts = Carts(os.environ["SHOP_CARTS_TABLE"], os.environ)
    if os.environ.get("SHOP_REDIS_HOST"):
        Handler.sessions = Sessions(os.environ["SHOP_REDIS_HOST"], os.environ)
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    try:
        server = Server(address, Handler)
    except OSError as error:
        sys.exit("shop: cannot listen on %s:%d: %s" % (address + (error.strerror,)))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("shop: listening on %s:%d" % address, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

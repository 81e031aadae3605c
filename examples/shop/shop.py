#!/usr/bin/python3
"""A small shop: orders in PostgreSQL or MariaDB, carts in DynamoDB, sessions in Redis and uploads in files behind HTTP/1.1,
with Debian's stock libraries only.

  GET  /health         200 {"role": "primary" | "replica", "region": ...} when the database answers, else 503
  POST /orders         {"id": "...", "item": "lantern", "quantity": 2}: commits the order, then writes the cart that it came
                       from, the session that it was made in and the form that was sent, and then answers 201 with the
                       order; the same id again answers the same order (200). The id may also be sent as Idempotency-Key
  GET  /orders/{id}    200 with the order, or 404
  GET  /carts/{id}     200 with the cart of the order, or 404
  GET  /sessions/{id}  200 with the session of the order, or 404
  GET  /uploads/{id}   200 with the form of the order, or 404

`shop.py prepare` makes the tables, once, as the database's owner, and the login SHOP_WEB_USER that the shop then uses.

Environment: SHOP_DB_ENGINE (postgres or mariadb; default postgres), SHOP_DB_HOST, SHOP_DB_PORT, SHOP_DB_NAME, SHOP_DB_USER,
SHOP_DB_PASSWORD; SHOP_CARTS_TABLE, SHOP_REDIS_HOST (SHOP_REDIS_PORT) and SHOP_UPLOADS (a directory), without which there are no
carts, no sessions or no uploads; HOST and PORT to listen on; AWS_REGION is what /health says it is in, and where the table is;
AWS_ENDPOINT_URL_DYNAMODB where it is asked, when it is not at AWS. For `prepare` also SHOP_WEB_USER and SHOP_WEB_PASSWORD.
"""

import contextlib
import json
import os
import re
import signal
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True  # the folder may be somebody else's
from orders import MAX_CONNECTIONS, Refused, Unavailable  # noqa: E402

ITEM_SECONDS = 1.0     # longest an attempt at the table or at Redis takes
SESSION_LIVES = 86400  # seconds
MAX_BODY = 64 * 1024
ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
CATALOGUE = {"lantern": 4200, "rope": 1250, "oilskin": 8900, "compass": 3300}  # cents
ENGINES = ("postgres", "mariadb")


def orders_of(environment):
    """The orders in the database that the environment names; only its own client has to be there."""
    engine = environment.get("SHOP_DB_ENGINE", ENGINES[0])
    if engine == "postgres":
        import orders_postgres
        return orders_postgres.Orders(environment)
    if engine == "mariadb":
        import orders_mariadb
        return orders_mariadb.Orders(environment)
    sys.exit("shop: SHOP_DB_ENGINE is %r; it is one of %s" % (engine, ", ".join(ENGINES)))


# --- carts, sessions and uploads ----------------------------------------------------------------------

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


class Uploads:
    """The form that an order was sent with: one file of a directory, which may be a file system of several Regions."""

    def __init__(self, directory):
        self._directory = directory

    @staticmethod
    def name(order_id):
        return "order-%s.json" % order_id

    def put(self, order):
        """Whole or not at all, and on the disk before this returns."""
        temporary = os.path.join(self._directory, "new-" + uuid.uuid4().hex)
        try:
            with open(temporary, "xb") as file:
                file.write(order["form"])
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, os.path.join(self._directory, self.name(order["id"])))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise Unavailable("no uploads: %s" % error.strerror) from None

    def find(self, order_id):
        if not ID.match(order_id):
            return None
        try:
            with open(os.path.join(self._directory, self.name(order_id)), "rb") as file:
                return {"id": order_id, "form": file.read(MAX_BODY).decode(errors="replace")}
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("no uploads: %s" % error.strerror) from None


class Absent:
    """In the place of a store that this shop does without."""

    @staticmethod
    def name(_):
        return None

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
    return {"id": order_id, "item": item, "quantity": quantity, "price": CATALOGUE[item], "form": body}


# --- HTTP ---------------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "shop"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1   # one packet an answer
    timeout = 75    # of an idle connection
    orders = None
    carts = sessions = uploads = Absent()
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
        except Refused as error:
            print("shop: %s %s: %s" % (self.command, self.path, error), file=sys.stderr, flush=True)
            self.answer(500, {"error": "the database refused this request"})

    def do_GET(self):
        if self.path == "/health":
            self.guarded(self.health)
            return
        for name in ("orders", "carts", "sessions", "uploads"):
            if self.path.startswith("/%s/" % name):
                self.guarded(lambda: self.show(name, getattr(self, name)))
                return
        self.answer(404, {"error": "there are /health, /orders, and /orders/, /carts/, /sessions/ and /uploads/ with an id"})

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
        self.answer(200, {"role": self.orders.role(), "region": self.region})

    def place(self, order):
        placed, is_new = self.orders.place({**order, "upload": self.uploads.name(order["id"])})
        if placed is None:
            raise Unavailable("the order was not found again; try once more")
        if (placed["item"], placed["quantity"]) != (order["item"], order["quantity"]):
            self.answer(409, {"error": "this id has another order already"})
            return
        # Who is told no for want of one of these sends the order again, and finds it placed.
        self.carts.put(order)
        self.sessions.put(order)
        self.uploads.put(order)
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
    except (Unavailable, Refused) as error:
        sys.exit("shop: cannot prepare the database: %s" % str(error).strip())


def main():
    if "SHOP_DB_HOST" not in os.environ:
        sys.exit("shop: SHOP_DB_HOST is not set; it names the database's host")
    Handler.orders = orders_of(os.environ)
    if sys.argv[1:] == ["prepare"]:
        return prepare(Handler.orders)
    if sys.argv[1:]:
        sys.exit("shop: it is started as `shop.py`, or once as `shop.py prepare`")
    Handler.region = os.environ.get("AWS_REGION", "")
    if os.environ.get("SHOP_CARTS_TABLE"):
        Handler.carts = Carts(os.environ["SHOP_CARTS_TABLE"], os.environ)
    if os.environ.get("SHOP_REDIS_HOST"):
        Handler.sessions = Sessions(os.environ["SHOP_REDIS_HOST"], os.environ)
    if os.environ.get("SHOP_UPLOADS"):
        Handler.uploads = Uploads(os.environ["SHOP_UPLOADS"])
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

"""Orders in PostgreSQL."""

import select
import threading
import time

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from orders import HEALTH_SECONDS, NO_TABLES, STANDS_BY, WRITE_SECONDS, Pool, Refused, Unavailable, as_order

SCHEMA = """
create table if not exists orders (
  id text primary key,
  total_cents bigint not null,
  upload text,
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
  insert into orders (id, total_cents, upload) values (%(id)s, %(quantity)s::bigint * %(price)s, %(upload)s)
  on conflict (id) do nothing returning id, total_cents, upload, created_at),
line as (
  insert into order_lines (order_id, line, item, quantity, price_cents)
  select id, 1, %(item)s, %(quantity)s, %(price)s from placed)
select id, %(item)s::text, %(quantity)s::int, total_cents, upload, to_json(created_at) from placed
"""

SELECT = """
select o.id, l.item, l.quantity, o.total_cents, o.upload, to_json(o.created_at)
from orders o join order_lines l on l.order_id = o.id and l.line = 1 where o.id = %(id)s
"""

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


class Orders:
    def __init__(self, environment):
        self._where = dict(
            host=environment["SHOP_DB_HOST"],
            port=int(environment.get("SHOP_DB_PORT", "5432")),
            dbname=environment.get("SHOP_DB_NAME", "shop"),
            user=environment.get("SHOP_DB_USER", "shop"),
            password=environment.get("SHOP_DB_PASSWORD", ""),
            application_name="shop",
        )
        self._pool = Pool(self._connect, (psycopg2.OperationalError, psycopg2.InterfaceError))

    def _connect(self):
        connection = psycopg2.connect(**self._where)
        connection.autocommit = True  # each statement is one transaction
        return connection

    def _run(self, statement, parameters=None, seconds=WRITE_SECONDS, by=None):
        """One statement in one transaction; its first row or None."""
        def work(connection):
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchone() if cursor.description else None

        _deadline.at = time.monotonic() + seconds
        try:
            return (by or self._pool.run)(work)
        except psycopg2.errors.ReadOnlySqlTransaction:
            raise Unavailable(STANDS_BY) from None
        except psycopg2.errors.UndefinedTable:
            raise Unavailable(NO_TABLES) from None
        except psycopg2.Error as error:
            raise Refused(repr(error)) from None

    def role(self):
        standby, = self._run("select pg_is_in_recovery()", seconds=HEALTH_SECONDS, by=self._pool.look)
        return "replica" if standby else "primary"

    def place(self, order):
        """The order and whether it is new."""
        row = self._run(INSERT, order)
        return (as_order(row), True) if row else (self.find(order["id"]), False)

    def find(self, order_id):
        row = self._run(SELECT, {"id": order_id})
        return as_order(row) if row else None

    def prepare(self, user, password):
        self._run(SCHEMA)
        self._run(LOGIN, {"user": user, "password": password})

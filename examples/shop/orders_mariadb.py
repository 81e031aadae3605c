"""Orders in MariaDB, with the MySQL client that Debian has in plain Python."""

import pymysql
import pymysql.constants.ER as codes

from orders import HEALTH_SECONDS, NO_TABLES, STANDS_BY, WRITE_SECONDS, Pool, Refused, Unavailable, as_order

SCHEMA = ("""
create table if not exists orders (
  id varchar(128) character set ascii collate ascii_bin primary key,
  total_cents bigint not null,
  upload varchar(255) character set ascii collate ascii_bin,
  created_at datetime(6) not null default (utc_timestamp(6))) engine = InnoDB
""", """
create table if not exists order_lines (
  order_id varchar(128) character set ascii collate ascii_bin not null references orders(id),
  line int not null,
  item varchar(64) not null,
  quantity int not null check (quantity > 0),
  price_cents bigint not null,
  primary key (order_id, line)) engine = InnoDB
""")

# The shop's own login may use the tables and no more. It must not be the one that Leeward has: that login is let in also
# where everybody else is kept out.
LOGIN = ("create user if not exists %(user)s@'%%' identified by %(password)s",
         "grant select, insert on orders to %(user)s@'%%'",
         "grant select, insert on order_lines to %(user)s@'%%'")

INSERT_ORDER = """
insert into orders (id, total_cents, upload) values (%(id)s, %(quantity)s * %(price)s, %(upload)s)
returning id, %(item)s, %(quantity)s, total_cents, upload, date_format(created_at, '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ')
"""

INSERT_LINE = """
insert into order_lines (order_id, line, item, quantity, price_cents) values (%(id)s, 1, %(item)s, %(quantity)s, %(price)s)
"""

SELECT = """
select o.id, l.item, l.quantity, o.total_cents, o.upload, date_format(o.created_at, '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ')
from orders o join order_lines l on l.order_id = o.id and l.line = 1 where o.id = %(id)s
"""

class Placed(Exception):
    """There is an order of this id."""


LOST = (pymysql.OperationalError, pymysql.InterfaceError)


def one(statement, parameters=None):
    """The first row of one statement, which is a transaction of its own, or None."""
    def work(connection):
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters or {})
            return cursor.fetchone()
    return work


def insert(order):
    def work(connection):
        connection.begin()
        try:
            with connection.cursor() as cursor:
                cursor.execute(INSERT_ORDER, order)
                row = cursor.fetchone()
                cursor.execute(INSERT_LINE, order)
        except pymysql.IntegrityError as error:
            connection.rollback()
            if error.args[0] == codes.DUP_ENTRY:
                raise Placed from None
            raise
        connection.commit()
        return row
    return work


class Orders:
    def __init__(self, environment):
        self._where = dict(
            host=environment["SHOP_DB_HOST"],
            port=int(environment.get("SHOP_DB_PORT", "3306")),
            database=environment.get("SHOP_DB_NAME", "shop"),
            user=environment.get("SHOP_DB_USER", "shop"),
            password=environment.get("SHOP_DB_PASSWORD", ""),
            charset="utf8mb4",
            autocommit=True,
            program_name="shop",
        )
        self._pool = Pool(lambda: self._connect(WRITE_SECONDS), LOST)
        # A connection's patience is as long as it lives, so that of a health check has its own.
        self._health = Pool(lambda: self._connect(HEALTH_SECONDS), LOST)

    def _connect(self, seconds):
        return pymysql.connect(connect_timeout=seconds, read_timeout=seconds, write_timeout=seconds, **self._where)

    def _run(self, work, by=None):
        def told(connection):
            try:
                return work(connection)
            except pymysql.OperationalError as error:
                if error.args[0] != codes.OPTION_PREVENTS_STATEMENT:
                    raise
                connection.rollback()
                raise Unavailable(STANDS_BY) from None

        try:
            return (by or self._pool.run)(told)
        except pymysql.ProgrammingError as error:
            if error.args[0] == codes.NO_SUCH_TABLE:
                raise Unavailable(NO_TABLES) from None
            raise Refused(repr(error)) from None
        except pymysql.Error as error:
            raise Refused(repr(error)) from None

    def role(self):
        read_only, = self._run(one("select @@global.read_only"), by=self._health.look)
        return "replica" if read_only else "primary"

    def place(self, order):
        """The order and whether it is new."""
        try:
            return as_order(self._run(insert(order))), True
        except Placed:
            return self.find(order["id"]), False

    def find(self, order_id):
        row = self._run(one(SELECT, {"id": order_id}))
        return as_order(row) if row else None

    def prepare(self, user, password):
        for statement in (*SCHEMA, *LOGIN):
            self._run(one(statement, {"user": user, "password": password}))

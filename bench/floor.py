"""The floor: a plain pair, the primary killed, `pg_promote(wait => false)` at once. Nobody detects or decides anything."""

import random
import time

from common import LEDGER, Cluster, Writer, Yard, kill_trees, lost, sql, until


def once():
    yard = Yard()
    try:
        primary, standby = Cluster(yard, "a", "127.201.0.1"), Cluster(yard, "b", "127.202.0.1")
        primary.initialise()
        primary.start()
        sql(primary.dsn(), LEDGER)
        standby.copy_from(primary)
        standby.start("wal_retrieve_retry_interval=100ms")
        until(lambda: sql(primary.dsn(), "select 1 from pg_stat_replication where state = 'streaming'"), 30, "streaming")
        both = (f"host={primary.address},{standby.address} port={primary.port},{standby.port} user=postgres dbname=postgres "
                "sslmode=disable target_session_attrs=read-write")
        writer = Writer(yard, both)
        writer.wait_for(100)
        time.sleep(random.random())
        killed = kill_trees([primary.child.pid])
        sql(standby.dsn(), "select pg_promote(wait => false)")
        first = writer.first_after(killed, 30, primary.address)
        return {"rto": first - killed, "lost": lost(writer.stop(), standby.dsn())}
    finally:
        yard.close()

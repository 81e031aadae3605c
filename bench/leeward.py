"""Leeward: its own drill in its own lab, with the same writer beside the drill's workload.

Two RTOs come of one drill: `rto`, by the shared writer straight at the database, as the peers are measured; and `rto_client`, by
the drill's clients through DNS, load balancer and application.
"""

import datetime
import json
import os
import subprocess
import tempfile

from common import BUILD, LEDGER, ROOT, Writer, Yard, lost, sql, until

PASSWORD = "bench-only-password"


def environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "LEEWARD_"))}
    return {**kept, "SHOP_DB_PASSWORD": PASSWORD, "AWS_EC2_METADATA_DISABLED": "true"}


def drill_only():
    """One whole drill with failback; its JSON."""
    done = subprocess.run([f"{BUILD}/leeward", "drill", f"{ROOT}/examples/shop/orders-only.yaml", "--lab", "--json"], env=environment(),
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the drill exited {done.returncode}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def once():
    yard = Yard()
    state = tempfile.mkdtemp(prefix="lwb-", dir="/tmp")
    try:
        drill = subprocess.Popen([f"{BUILD}/leeward", "drill", f"{ROOT}/examples/shop/orders-only.yaml", "--lab", "--lab-state", state,
                                  "--no-failback", "--keep", "--json"], env=environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        hosts = until(lambda: database_hosts(state, drill), 90, "the drill's two databases")
        both = f"host={','.join(hosts)} port=5432,5432 user=shop password={PASSWORD} dbname=shop target_session_attrs=read-write"
        until(lambda: sql(both, LEDGER) is None, 30, "the ledger")
        writer = Writer(yard, both)
        out, err = drill.communicate(timeout=240)
        if drill.returncode != 0:
            raise RuntimeError(f"the drill exited {drill.returncode}: {err.strip()[-400:]}")
        report = json.loads(out)
        killed = datetime.datetime.fromisoformat(report["fault"]["at"].replace("Z", "+00:00")).timestamp()
        first = writer.first_after(killed, 60, hosts[0])
        gone = lost(writer.stop(), both)
        return {"rto": first - killed, "lost": gone, "rto_client": report["rto"]["total_s"], "report": report}
    finally:
        subprocess.run([f"{BUILD}/leeward-lab", "down", "--state", state], capture_output=True, check=False, timeout=60)
        yard.close()


def database_hosts(state, drill):
    """Addresses of the instance in the home and the recovery Region, once the replica streams."""
    if drill.poll() is not None:
        raise RuntimeError("the drill ended early: " + drill.stderr.read()[-400:])
    status = subprocess.run([f"{BUILD}/leeward-lab", "status", "--state", state, "--json"], capture_output=True, text=True,
                            check=False, timeout=20)
    if status.returncode != 0:
        return None
    gateway = json.loads(status.stdout)["gateway"]
    import boto3
    hosts = []
    for region in ("us-east-1", "us-west-2"):
        rds = boto3.client("rds", region_name=region, endpoint_url=gateway if "://" in gateway else f"http://{gateway}",
                           aws_access_key_id="test", aws_secret_access_key="test")
        found = rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]
        if found["DBInstanceStatus"] != "available":
            return None
        hosts.append(found["Endpoint"]["Address"])
    return hosts

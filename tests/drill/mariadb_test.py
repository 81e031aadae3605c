#!/usr/bin/env python3
"""MariaDB as the application's database: moved with nothing lost, lost with its loss told, what the old writer alone holds
listed, and home again. The client is not ours."""

import json
import os
import subprocess
import sys
import unittest

from labs import HOME, LEEWARD, PASSWORD, RECOVERY, Shop, until

ENGINE = os.environ.get("LEEWARD_ENGINE", "mariadb")
SPEC = """apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2, witness: eu-west-1 }
objectives: { rto: 15m, rpo: 5s }
components:
  orders: { kind: rds, instance: orders, engine: %s, database: shop, user: shop, password-env: SHOP_DB_PASSWORD }
checks:
  - { name: orders are there, component: orders, sql: select count(*) > 0 from orders }
lab: { stage: stage.yaml }
""" % ENGINE
STAGE = """apiVersion: leeward/stage/v1
calls:
  - region: "${home}"
    service: rds
    operation: CreateDBInstance
    input:
      DBInstanceIdentifier: orders
      DBInstanceClass: db.t4g.medium
      Engine: %s
      AllocatedStorage: 20
      DBName: shop
      MasterUsername: shop
      MasterUserPassword: "${env:SHOP_DB_PASSWORD}"
      BackupRetentionPeriod: 1
  - { region: "${home}", service: rds, operation: DescribeDBInstances, input: { DBInstanceIdentifier: orders },
      until: { "DBInstances[0].DBInstanceStatus": available } }
""" % ENGINE
LATE = 7


class Orders(Shop):
    """One database and nothing else."""

    def check(self, command, *arguments):
        if command == "stage":
            for name, text in (("spec.yaml", SPEC), ("stage.yaml", STAGE)):
                with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
        own = [self.spec] + list(arguments[1:]) if command in ("stage", "protect") else list(arguments)
        return super().check(command, *own)

    @property
    def spec(self):
        return os.path.join(self.folder, "spec.yaml")

    def sql(self, region, statement, user="web"):
        """What the statement answers; None when it is refused or nobody answers."""
        address = self.facts["orders", region, "endpoint.address"]
        done = subprocess.run(["mariadb", "--no-defaults", "--skip-ssl", "-h", address, "-P", "3306", "-u", user,
                               "--connect-timeout=3", "-N", "-B", "-e", statement, "shop"], capture_output=True, text=True,
                              env={"MYSQL_PWD": PASSWORD, "PATH": "/usr/bin:/bin"}, timeout=30, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def insert(self, region, *ids):
        return self.sql(region, "insert into orders values " + ",".join("(%d)" % one for one in ids)) is not None


class MariaDbTest(unittest.TestCase):
    def setUp(self):
        self.shop = self.enterContext(Orders())
        self.assertIsNotNone(self.shop.sql(HOME, "create table orders (id int primary key);"
                                           "create user web@'%%' identified by '%s';" % PASSWORD.replace("'", "''") +
                                           "grant select, insert on shop.* to web@'%'", user="shop"))
        self.assertTrue(self.shop.insert(HOME, 1))
        until(lambda: self.shop.sql(RECOVERY, "select count(*) from orders") == "1", 20, "the replica has the order")

    def leeward(self, *arguments):
        return self.shop.check(arguments[0], self.shop.spec, *arguments[1:], "--state", self.shop.state)

    def test_it_moves_away_and_home_with_nothing_lost_and_one_writer(self):
        status = json.loads(self.leeward("status", "--json"))
        self.assertEqual({store["region"]: store["role"] for store in status["stores"]},
                         {HOME: "writer", RECOVERY: "replica"}, status["stores"])
        self.assertIn("would close shop", self.leeward("switchover", "--dry-run"))
        self.assertTrue(self.shop.insert(HOME, 2), "a dry run closes nothing")
        self.leeward("switchover", "--yes")
        self.assertEqual(self.shop.sql(RECOVERY, "select count(*) from orders"), "2")
        self.assertTrue(self.shop.insert(RECOVERY, 3))
        self.assertFalse(self.shop.insert(HOME, 4), "the old writer takes nothing any more")
        self.leeward("failback", "--yes")
        self.assertEqual(self.shop.sql(HOME, "select count(*) from orders"), "3")
        self.assertTrue(self.shop.insert(HOME, 4))
        self.assertFalse(self.shop.insert(RECOVERY, 5))

    def test_what_only_the_lost_writer_holds_is_listed_and_kept(self):
        self.shop.lab("isolate", HOME, RECOVERY)
        for order in range(100, 100 + LATE):
            self.assertTrue(self.shop.insert(HOME, order))
        self.shop.lab("kill", HOME)
        self.leeward("failover", "--yes", "--accept-loss", "1h", "--override-fence", "test: the lab killed it")
        self.assertEqual(self.shop.sql(RECOVERY, "select count(*) from orders"), "1")
        self.assertTrue(self.shop.insert(RECOVERY, 100), "the number of an order that was lost")
        self.shop.lab("heal")
        until(lambda: "it cannot be told where orders takes writes now" in self.listed().stderr, 60,
              "two writers, and no traffic that says which is used")
        self.leeward("failback", "--yes")
        self.assertEqual(self.late(), LATE, "of the writer that was put aside")
        self.assertEqual(self.shop.sql(HOME, "select count(*) from orders"), "2")
        self.assertTrue(self.shop.insert(HOME, 3))
        self.assertFalse(self.shop.insert(RECOVERY, 4))

    @property
    def export(self):
        return os.path.join(self.shop.folder, "late.jsonl")

    def listed(self):
        return self.shop.leeward("late-writes", self.shop.spec, "--json", "--export", self.export, "--state", self.shop.state)

    def late(self):
        """How many transactions are listed, each with its statement in the export."""
        export = os.path.join(self.shop.folder, "late.jsonl")

        told = []

        def listed():
            done = self.shop.leeward("late-writes", self.shop.spec, "--json", "--export", export, "--state", self.shop.state)
            told.append(done.stderr)
            return json.loads(done.stdout)["stores"][0] if done.returncode == 0 else None
        store = until(listed, 60, lambda: "the returned writer can be read: " + told[-1])
        with open(export, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.assertEqual({row["kind"] for row in rows}, {"transaction"})
        statements = [statement for row in rows for statement in row["row"]["statements"]]
        self.assertEqual(statements, ["insert into orders values (%d)" % order for order in range(100, 100 + LATE)])
        return sum(table["transactions"] for table in store["tables"])


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("mariadb_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)

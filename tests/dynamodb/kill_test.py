"""An item store killed with SIGKILL while many write to it: what was answered is there again, and the counts are those of the items."""

import http.client
import subprocess
import threading
import unittest

import harness
from harness import Case, N, S, keys, main

WRITERS, BEFORE_THE_KILL, KILLS = 8, 150, 3


def setUpModule():
    harness.set_up()


class KillTest(Case):
    @staticmethod
    def write(table, writer, start, answered):
        """Writes until the store is gone; `answered` holds what it has promised."""
        client = harness.server.connect()
        number = start
        try:
            while True:
                if client.call("PutItem", {"TableName": table, "Item": {"pk": S(f"{writer}-{number}"), "n": N(number)}}).status != 200:
                    return
                answered.append(f"{writer}-{number}")
                number += 1
        except (OSError, http.client.HTTPException):
            pass
        finally:
            client.close()

    def restart(self):
        server = harness.server
        listen = server.endpoint.removeprefix("http://")
        server.process = subprocess.Popen([harness.LAB, "items", "--listen", listen, "--state", f"{server.folder}/state"],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        harness.until(server.answers, "the store is back", harness.START_SECONDS)
        server.client.close()
        server.client = server.connect()

    def scanned(self, table):
        found, start = set(), {}
        while True:
            page = self.ok("Scan", {"TableName": table, "ConsistentRead": True, **start})
            found |= {item["pk"]["S"] for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    @unittest.skipUnless(harness.os.environ.get("DYNAMODB_ENDPOINT") is None, "only a store of our own can be killed")
    def test_no_answered_write_is_lost_and_the_counts_are_exact(self):
        table = self.table(**keys("pk", "S"), StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        promised = set()
        for kill in range(KILLS):
            answered = [[] for _ in range(WRITERS)]
            writers = [threading.Thread(target=self.write, args=(table, writer, kill * 1_000_000, answered[writer]))
                       for writer in range(WRITERS)]
            for writer in writers:
                writer.start()
            harness.until(lambda answered=answered: all(len(each) >= BEFORE_THE_KILL for each in answered), "everybody writes")
            harness.server.process.kill()
            harness.server.process.wait()
            for writer in writers:
                writer.join()
            promised |= {key for each in answered for key in each}
            self.restart()
            there = self.scanned(table)
            self.assertEqual(promised - there, set(), "answered and lost")
            self.assertLessEqual(len(there - promised), WRITERS * (kill + 1), "at most one unanswered write of each")
            self.assertEqual(self.ok("DescribeTable", {"TableName": table})["Table"]["ItemCount"], len(there))
        self.assertGreaterEqual(len(promised), KILLS * WRITERS * BEFORE_THE_KILL)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The example's uploads, without a database: what an answer promises, and what an id can reach."""

import http.client
import json
import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "shop"))
import shop  # noqa: E402


class InMemory:
    """In the place of a database."""

    def __init__(self):
        self.rows = {}

    def place(self, order):
        is_new = order["id"] not in self.rows
        self.rows.setdefault(order["id"], {name: order[name] for name in ("id", "item", "quantity", "upload")})
        return self.rows[order["id"]], is_new

    def find(self, order_id):
        return self.rows.get(order_id)


class UploadsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lwt-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.place = os.path.join(self.folder, "uploads")
        os.mkdir(self.place)
        handler = type("Handler", (shop.Handler,), {"orders": InMemory(), "uploads": shop.Uploads(self.place)})
        self.server = shop.Server(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.server.server_address, timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def test_an_answered_order_has_its_file_and_its_row_names_it(self):
        form = json.dumps({"id": "order-1", "note": "by the back door"})
        status, order = self.ask("POST", "/orders", form)
        self.assertEqual(status, 201)
        self.assertEqual(os.listdir(self.place), [order["upload"]], "and nothing in part")
        self.assertEqual(self.ask("GET", "/uploads/order-1"), (200, {"id": "order-1", "form": form}))
        self.assertEqual(self.ask("GET", "/uploads/order-2")[0], 404)

    def test_without_its_file_an_order_is_refused_and_the_same_again_mends_it(self):
        os.rename(self.place, self.place + "-away")
        status, answer = self.ask("POST", "/orders", json.dumps({"id": "order-1"}))
        self.assertEqual(status, 503)
        self.assertIn("no uploads", answer["error"])
        os.rename(self.place + "-away", self.place)
        self.assertEqual(self.ask("GET", "/uploads/order-1")[0], 404)
        self.assertEqual(self.ask("POST", "/orders", json.dumps({"id": "order-1"}))[0], 200)
        self.assertEqual(self.ask("GET", "/uploads/order-1")[0], 200)

    def test_an_order_that_is_refused_changes_no_file(self):
        self.ask("POST", "/orders", json.dumps({"id": "order-1", "item": "rope"}))
        before = self.ask("GET", "/uploads/order-1")
        self.assertEqual(self.ask("POST", "/orders", json.dumps({"id": "order-1", "item": "compass"}))[0], 409)
        self.assertEqual(self.ask("GET", "/uploads/order-1"), before)

    def test_no_id_leads_out_of_the_directory(self):
        with open(os.path.join(self.folder, "secret"), "w", encoding="utf-8") as file:
            file.write("secret")
        for order_id in ("..", ".", "../secret", "%2e%2e/secret", "/../secret", ""):
            self.assertEqual(self.ask("GET", "/uploads/" + order_id)[0], 404, order_id)
        for order_id in ("..", ".", "a" * 128):
            self.assertEqual(self.ask("POST", "/orders", json.dumps({"id": order_id}))[0], 201, order_id)
            self.assertEqual(self.ask("GET", "/uploads/" + order_id)[0], 200, order_id)
        self.assertEqual(sorted(os.listdir(self.folder)), ["secret", "uploads"])
        self.assertEqual(len(os.listdir(self.place)), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)

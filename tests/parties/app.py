"""The application that the tests run as a task: it names its Region, and can be told to be sick (POST /sick) or well."""

import http.server
import os

health = [200]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.answer(health[0] if self.path == "/health" else 200, os.environ["AWS_REGION"])

    def do_POST(self):
        health[0] = 503 if self.path == "/sick" else 200
        self.answer(200, "")


http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()

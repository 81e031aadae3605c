"""Stands between a program and a lab's gateway, hands everything on, and answers some calls itself as AWS would when it refuses.

Standard library only. The lab has no users whose rights could be taken away and no quota that a handful of calls would exhaust.
"""

import http.client
import http.server
import threading

from operations import DENIED, THROTTLED, Call  # noqa: F401  (for those who use this)

OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a program asks for many things at once


class Refusing:
    """`refuse(call)` answers THROTTLED, DENIED or None, before a call is handed on; `change(call, answer)` the bytes of the answer
    that the program is given; `after(call)` is called before it is."""

    def __init__(self, gateway):
        self.gateway = gateway.removeprefix("http://")
        self.clear()
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def clear(self):
        self.refuse = lambda call: None
        self.change = lambda call, answer: answer
        self.after = lambda call: None
        self.refused = []

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, headers, body, path):
        """(status, headers, body)"""
        call = Call(method, path, headers, body)
        how = self.refuse(call)
        if how:
            self.refused.append(call)
            return call.refusal(how)
        connection = http.client.HTTPConnection(self.gateway, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = self.change(call, answer.read())
            self.after(call)
            dropped = OF_ONE_HOP - ({"content-length"} if method == "HEAD" else set())
            return answer.status, {name: value for name, value in answer.getheaders() if name.lower() not in dropped}, data
        finally:
            connection.close()

    def handler(self):
        refusing = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                try:
                    status, headers, data = refusing.answer(self.command, dict(self.headers), body, self.path)
                except OSError:  # nobody answers in that Region
                    self.close_connection = True
                    return
                try:
                    self.send_response_only(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 204 and self.command != "HEAD":
                        self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(data)
                except OSError:  # the program was ended meanwhile
                    self.close_connection = True

            do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:  # so it was, while it waited
                    pass

            def log_message(self, *_):
                pass

        return Handler

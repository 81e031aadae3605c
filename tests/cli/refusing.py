"""Stands between a program and a lab's gateway, hands everything on, and answers some calls itself as AWS would when it refuses.

Standard library only. The lab has no users whose rights could be taken away and no quota that a handful of calls would exhaust.
"""

import http.client
import http.server
import json
import re
import threading
import urllib.parse

THROTTLED, DENIED = "throttled", "denied"
CODES = {("dynamodb", THROTTLED): ("ThrottlingException", 400), ("dynamodb", DENIED): ("AccessDeniedException", 400),
         ("elasticache", THROTTLED): ("Throttling", 400), ("elasticache", DENIED): ("AccessDenied", 403)}


class Call:
    """What a signed request asks for."""

    def __init__(self, headers, body):
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", headers.get("Authorization", ""))
        self.region, self.service = scope.groups() if scope else ("", "")
        target = headers.get("X-Amz-Target", "")
        form = urllib.parse.parse_qs(body.decode()) if not target and body else {}
        self.operation = target.rpartition(".")[2] or form.get("Action", [""])[0]
        self.text = body.decode(errors="replace")

    def refusal(self, how):
        code, status = CODES[self.service, how]
        message = "Rate exceeded" if how == THROTTLED else (
            f"User: arn:aws:iam::000000000000:user/test is not authorized to perform: {self.service}:{self.operation}")
        if self.service == "dynamodb":
            return status, json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message}).encode()
        return status, (f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                        "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>").encode()


class Refusing:
    """`refuse(call)` answers THROTTLED, DENIED or None, before a call is handed on; `change(call, answer)` the bytes of the answer
    that the program is given; `after(call)` is called before it is."""

    def __init__(self, gateway):
        self.gateway = gateway.removeprefix("http://")
        self.clear()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
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

    def answer(self, headers, body, path):
        call = Call(headers, body)
        how = self.refuse(call)
        if how:
            self.refused.append(call)
            status, answer = call.refusal(how)
            return status, "text/xml" if answer.startswith(b"<") else "application/x-amz-json-1.0", answer
        connection = http.client.HTTPConnection(self.gateway, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            data = self.change(call, answer.read())
            self.after(call)
            return answer.status, answer.headers.get("Content-Type", ""), data
        finally:
            connection.close()

    def handler(self):
        refusing = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                try:
                    status, kind, data = refusing.answer(dict(self.headers), body, self.path)
                except OSError:  # nobody answers in that Region
                    self.close_connection = True
                    return
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:  # the program was ended meanwhile
                    self.close_connection = True

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:  # so it was, while it waited
                    pass

            def log_message(self, *_):
                pass

        return Handler

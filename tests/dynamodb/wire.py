"""A DynamoDB client of the standard library alone, so that requests no SDK would make can be made too.

Every answer is checked for what all of DynamoDB's answers have: a content type, a request id and the body's CRC-32.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse
import zlib

TARGETS = {"dynamodb": "DynamoDB_20120810", "streams": "DynamoDBStreams_20120810"}
CONTENT = "application/x-amz-json-1.0"
TIMEOUT_SECONDS = 60


class Answer:
    def __init__(self, answer):
        self.status, self.raw, self.headers = answer.status, answer.read(), answer.headers
        text = self.headers.get("Content-Type", "")
        self.body = json.loads(self.raw) if text.startswith("application/x-amz-json") and self.raw else {}

    @property
    def type(self):
        return self.body.get("__type", "")

    @property
    def message(self):
        return self.body.get("message", self.body.get("Message", ""))


def _sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Client:
    def __init__(self, endpoint, region="us-east-1", key="test", secret="test"):
        self.url = urllib.parse.urlparse(endpoint)
        self.region, self.key, self.secret = region, key, secret
        self.connection = None

    def headers(self, body, target):
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        signed = {"content-type": CONTENT, "host": self.url.netloc, "x-amz-date": time, "x-amz-target": target}
        names = ";".join(signed)
        canonical = "POST\n/\n\n" + "".join(f"{name}:{value}\n" for name, value in signed.items()) + f"\n{names}\n{digest}"
        scope = f"{time[:8]}/{self.region}/dynamodb/aws4_request"
        derived = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            derived = _sign(derived, part)
        to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        authorization = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, "
                         f"Signature={_sign(derived, to_sign).hex()}")
        return {**signed, "Authorization": authorization}

    def send(self, method, body, headers, path="/"):
        """The request as it is given; a connection that the server has closed is made anew once."""
        for attempt in (0, 1):
            if self.connection is None:
                kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
                self.connection = kind(self.url.netloc, timeout=TIMEOUT_SECONDS)
            try:
                self.connection.request(method, path, body, headers)
                return Answer(self.connection.getresponse())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if attempt:
                    raise

    def call(self, operation, body, service="dynamodb"):
        """`body` may be bytes: what is not JSON, or is JSON that Python would not write."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.send("POST", raw, self.headers(raw, f"{TARGETS[service]}.{operation}"))
        wrong = [name for name, right in {
            "Content-Type": answer.headers.get("Content-Type") == CONTENT,
            "x-amzn-RequestId": bool(answer.headers.get("x-amzn-RequestId")),
            "x-amz-crc32": answer.headers.get("x-amz-crc32") == str(zlib.crc32(answer.raw))}.items() if not right]
        assert not wrong, f"{operation}: {wrong} not right in {dict(answer.headers)}"
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

"""Which operation of AWS a signed request asks for, and how AWS refuses one, by Amazon's own models. Standard library only."""

import functools
import json
import os
import re
import urllib.parse

MODELS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "aws_models")
THROTTLED, DENIED = "throttled", "denied"
S3_CONTROL = "/v20180820/"  # it is signed as S3 is


@functools.lru_cache(maxsize=None)
def _models():
    """By the name that requests are signed for, then by the model's own."""
    found = {}
    for name in sorted(os.listdir(MODELS)):
        path = os.path.join(MODELS, name, "service.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                model = json.load(file)
            signed = model["metadata"].get("signingName") or model["metadata"]["endpointPrefix"]
            found.setdefault(signed, {})[name] = model
    return found


@functools.lru_cache(maxsize=None)
def _routes(signed, name):
    """(method, pattern of the path, what the query has to have, how much of it is fixed, operation), the most fixed first."""
    routes = []
    for operation, shape in _models()[signed][name]["operations"].items():
        path, _, query = shape["http"]["requestUri"].partition("?")
        parts = re.split(r"(\{[^}]+\})", path.rstrip("/"))
        pattern = "".join((".+" if part.endswith("+}") else "[^/]+") if part.startswith("{") else re.escape(part) for part in parts)
        needs = set(urllib.parse.parse_qsl(query, keep_blank_values=True))
        routes.append((shape["http"]["method"], re.compile(pattern + "/?"), needs,
                       len(needs) * 1000 + sum(len(part) for part in parts if not part.startswith("{")), operation))
    return sorted(routes, key=lambda route: -route[3])


def _by_route(signed, name, method, path, headers):
    path, _, query = path.partition("?")
    has = set(urllib.parse.parse_qsl(query, keep_blank_values=True))
    for its, pattern, needs, _, operation in _routes(signed, name):
        if its == method and needs <= has and pattern.fullmatch(path) and (operation == "CopyObject") == ("x-amz-copy-source" in headers):
            return operation
    return f"{method} {path}"


class Call:
    """What a signed request asks for: `service` as in aws_models, `operation`, `region`."""

    def __init__(self, method, path, headers, body):
        headers = {name.lower(): value for name, value in headers.items()}
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", headers.get("authorization", ""))
        self.region, self.signed = scope.groups() if scope else ("", "")
        self.text = body.decode(errors="replace")
        models = _models().get(self.signed, {})
        self.service = next((name for name in models if (name == "s3control") == path.startswith(S3_CONTROL)), self.signed)
        if self.signed == "dynamodb" and "Streams" not in headers.get("x-amz-target", ""):
            self.service = "dynamodb"
        self.protocol = models[self.service]["metadata"]["protocol"] if models else ""
        self.operation = self._operation(method, path, headers)

    def _operation(self, method, path, headers):
        if headers.get("x-amz-target"):
            return headers["x-amz-target"].rpartition(".")[2]
        if self.protocol in ("query", "ec2"):
            return urllib.parse.parse_qs(self.text).get("Action", [""])[0]
        if self.protocol == "smithy-rpc-v2-cbor":
            return path.rpartition("/")[2]
        return _by_route(self.signed, self.service, method, path, headers) if self.protocol else ""

    def __str__(self):
        return f"{self.service} {self.operation} in {self.region}"

    def refusal(self, how):
        """(status, headers, body) as AWS words them in the service's protocol."""
        message = "Rate exceeded" if how == THROTTLED else (
            f"User: arn:aws:iam::000000000000:user/test is not authorized to perform: {self.signed}:{self.operation}")
        code, status = self._code(how)
        if self.protocol == "json":
            return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": code, "message": message}).encode()
        if self.protocol == "rest-json":
            return status, {"Content-Type": "application/json", "x-amzn-ErrorType": code}, json.dumps({"message": message}).encode()
        if self.protocol == "smithy-rpc-v2-cbor":
            return status, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, (
                b"\xa2" + b"".join(map(_cbor, ("__type", f"com.amazonaws#{code}", "message", message))))
        told = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        request = "00000000-0000-0000-0000-000000000000"
        if self.protocol == "ec2":
            told = f"<Response><Errors>{told}</Errors><RequestID>{request}</RequestID></Response>"
        elif self.service != "s3":
            told = f"<ErrorResponse>{told.replace('<Error>', '<Error><Type>Sender</Type>')}<RequestId>{request}</RequestId></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, told.encode()

    def _code(self, how):
        if how == THROTTLED:
            if self.service in ("s3", "s3control"):
                return "SlowDown", 503
            by_protocol = {"ec2": ("RequestLimitExceeded", 503), "query": ("Throttling", 400), "rest-xml": ("Throttling", 400)}
            return by_protocol.get(self.protocol, ("ThrottlingException", 400))
        if self.protocol == "ec2":
            return "UnauthorizedOperation", 403
        return ("AccessDenied", 403) if self.protocol in ("query", "rest-xml") else ("AccessDeniedException", 400 if self.protocol == "json" else 403)


def _cbor(text):
    """A short text, as RFC 8949 has it."""
    data = text.encode()
    return (bytes([0x60 + len(data)]) if len(data) < 24 else b"\x78" + bytes([len(data)])) + data

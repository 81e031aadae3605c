"""A Signature Version 4 request with the standard library alone: a client that shares no code with the lab."""

import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse


def _sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def headers(host, region, service, body, key="test", secret="test", now=None, method="POST", path="/", query=""):
    now = now or datetime.datetime.now(datetime.timezone.utc)
    time, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    digest = hashlib.sha256(body.encode()).hexdigest()
    canonical = f"{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{time}\n\nhost;x-amz-date\n{digest}"
    scope = f"{date}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    derived = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        derived = _sign(derived, part)
    signature = _sign(derived, to_sign).hex()
    return {"Host": host, "X-Amz-Date": time, "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, "
                             f"Signature={signature}"}


def call(gateway, region, action, service="sts", version="2011-06-15", timeout=5, parameters=None, **keys):
    """(status, body) of a query request through the gateway; raises OSError as a dead Region does."""
    host = urllib.parse.urlparse(gateway).netloc
    body = urllib.parse.urlencode({"Action": action, "Version": version, **(parameters or {})})
    connection = http.client.HTTPConnection(host, timeout=timeout)
    try:
        connection.request("POST", "/", body, headers(host, region, service, body, **keys))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def rest(gateway, region, method, path, service, query="", body=None, timeout=5, now=None):
    """(status, answer) of a REST request with JSON bodies; `path` and `query` as they are to be signed."""
    host = urllib.parse.urlparse(gateway).netloc
    text = "" if body is None else json.dumps(body)
    connection = http.client.HTTPConnection(host, timeout=timeout)
    try:
        connection.request(method, path + ("?" + query if query else ""), text,
                           {**headers(host, region, service, text, method=method, path=path, query=query, now=now),
                            "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text else {}
    finally:
        connection.close()

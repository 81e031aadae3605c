"""Asking the lab's DynamoDB with requests of our own, and waiting for what it does."""

import http.client
import json
import time

import signed

LIMIT = 30  # seconds that anything may take


def ask(endpoint, region, operation, body, timeout=5, api="DynamoDB_20120810"):
    """(status, answer); raises OSError as a dead Region does."""
    text = json.dumps(body)
    headers = {**signed.headers(endpoint, region, "dynamodb", text), "Content-Type": "application/x-amz-json-1.0",
               "X-Amz-Target": f"{api}.{operation}"}
    connection = http.client.HTTPConnection(endpoint, timeout=timeout)
    try:
        connection.request("POST", "/", text, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def wait(condition, what):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {LIMIT} s: {what}")

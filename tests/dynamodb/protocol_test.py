"""What stands around every operation: targets, signatures, bodies that are no JSON, members of another JSON type."""

import json
import re
import zlib

import harness
from harness import (Case, N, NOT_FOUND, S, SERIALIZATION, UNKNOWN, VALIDATION, fresh, main, rows, set_up)


def setUpModule():
    set_up("Hash")


class Envelope(Case):
    def post(self, body, **headers):
        client = harness.server.client
        signed = client.headers(body, "DynamoDB_20120810.ListTables")
        return client.send("POST", body, {name: value for name, value in {**signed, **headers}.items() if value is not None})

    def test_an_answer_carries_a_request_id_of_its_own_and_the_checksum_of_its_body(self):
        first, second = self.send("ListTables", {}), self.send("ListTables", {})
        self.assertNotEqual(first.headers["x-amzn-RequestId"], second.headers["x-amzn-RequestId"])
        self.assertEqual(first.headers["x-amz-crc32"], str(zlib.crc32(first.raw)))
        self.assertRegex(first.headers["x-amzn-RequestId"], "^[0-9A-Z]{52}$|^[0-9a-f-]{36}$")

    def test_an_operation_that_there_is_not_is_unknown(self):
        for operation in ("Absent", "", "listTables"):
            answer = self.send(operation, {})
            self.assertEqual((answer.status, answer.type), (400, "com.amazon.coral.service#UnknownOperationException"), operation)

    def test_a_request_without_a_signature_is_refused(self):
        answer = self.post(b"{}", Authorization=None)
        self.assertEqual((answer.status, answer.type, answer.message), (
            400, "com.amazon.coral.service#MissingAuthenticationTokenException", "Request is missing Authentication Token"))

    def test_a_signature_that_does_not_match_is_refused(self):
        client = harness.server.connect(secret="another")
        answer = client.call("ListTables", {})
        client.close()
        self.assertEqual((answer.status, answer.type), (400, "com.amazon.coral.service#InvalidSignatureException"))
        self.assertTrue(answer.message.startswith(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
            "signing method. Consult the service documentation for details."), answer.message)

    def test_an_access_key_that_nobody_has_is_refused(self):
        client = harness.server.connect(key="AKIAABSENT0ABSENT000")
        answer = client.call("ListTables", {})
        client.close()
        self.assertEqual((answer.status, answer.type, answer.message), (
            400, "com.amazon.coral.service#UnrecognizedClientException", "The security token included in the request is invalid."))

    def test_a_signed_body_that_was_changed_is_refused(self):
        client = harness.server.client
        answer = client.send("POST", b'{"Limit":2}', client.headers(b'{"Limit":1}', "DynamoDB_20120810.ListTables"))
        self.assertEqual(answer.type, "com.amazon.coral.service#InvalidSignatureException")

    def test_errors_of_the_service_name_its_version(self):
        self.refused("DescribeTable", {"TableName": fresh()}, UNKNOWN, NOT_FOUND)

    def test_members_that_the_model_has_not_are_passed_over(self):
        self.ok("ListTables", {"Absent": {"a": [1, None]}})

    def test_null_is_as_a_member_that_is_not_there(self):
        self.ok("ListTables", {"Limit": None, "ExclusiveStartTableName": None})
        self.ok("PutItem", {"TableName": "Hash", "Item": {"pk": S("a")}, "ConditionExpression": None, "Expected": None})

    def test_unicode_may_be_escaped_or_not(self):
        for at, raw in enumerate((b'"\xc3\xa9\xf0\x9f\x8c\x8a"', b'"\\u00e9\\ud83c\\udf0a"')):
            key = {"pk": S(f"unicode-{at}")}
            body = json.dumps({"TableName": "Hash", "Item": {**key, "a": S("@")}}).encode().replace(b'"@"', raw)
            self.ok("PutItem", body)
            self.assertEqual(self.ok("GetItem", {"TableName": "Hash", "Key": key})["Item"]["a"], S("\u00e9\U0001f30a"))

    def test_a_large_body_is_refused(self):
        # A request may have 16 MB. Whether the rest of a larger one is still read is not promised.
        client = harness.server.connect()
        self.addCleanup(client.close)
        body = json.dumps({"TableName": "Hash", "Item": {"pk": S("large"), "b": S("x" * (17 << 20))}}).encode()
        try:
            status = client.send("POST", body, client.headers(body, "DynamoDB_20120810.PutItem")).status
        except ConnectionError:
            status = 413
        self.assertIn(status, (400, 413))
        self.assertEqual(self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("large")}}), {})


class Bodies(Case):
    """SerializationException comes before everything else that may be wrong."""


def serialization(self, operation, body, message=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    self.refused(operation, raw, message, SERIALIZATION)


rows(Bodies, "serialization", [
    ("an empty body", "PutItem", b""),
    ("no JSON", "PutItem", b"hello"),
    ("JSON that ends early", "PutItem", b'{"TableName":"Hash"'),
    ("JSON with a comma too many", "PutItem", b'{"TableName":"Hash",}'),
    ("a list", "PutItem", b"[]"),
    ("a string", "PutItem", b'"Hash"'),
    ("a table name that is a number", "PutItem", {"TableName": 1}, "NUMBER_VALUE cannot be converted to String"),
    ("a table name that is a decimal", "PutItem", {"TableName": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
    ("a table name that is true", "PutItem", {"TableName": True}, "TRUE_VALUE cannot be converted to String"),
    ("a table name that is a list", "PutItem", {"TableName": ["Hash"]}),
    ("a table name that is an object", "PutItem", {"TableName": {"S": "Hash"}}),
    ("an item that is a string", "PutItem", {"TableName": "Hash", "Item": "a"}),
    ("an item that is a list", "PutItem", {"TableName": "Hash", "Item": []}),
    ("an item that is a number", "PutItem", {"TableName": "Hash", "Item": 1}),
    ("an attribute that is a string", "PutItem", {"TableName": "Hash", "Item": {"pk": "a"}}),
    ("an attribute that is a list", "PutItem", {"TableName": "Hash", "Item": {"pk": []}}),
    ("an attribute that is a number", "PutItem", {"TableName": "Hash", "Item": {"pk": 5}}),
    ("S that is a number", "PutItem", {"TableName": "Hash", "Item": {"pk": {"S": 5}}}),
    ("S that is true", "PutItem", {"TableName": "Hash", "Item": {"pk": {"S": True}}}),
    ("N that is a number", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "n": {"N": 5}}}),
    ("N that is true", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "n": {"N": True}}}),
    ("B that is a number", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"B": 5}}}),
    ("B that is not base64", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"B": "%%%%"}}}),
    ("BOOL that is a string", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"BOOL": "maybe"}}}),
    ("NULL that is a string", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"NULL": "maybe"}}}),
    ("SS that is a string", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"SS": "a"}}}),
    ("SS of numbers", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"SS": [1]}}}),
    ("NS of numbers", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"NS": [1]}}}),
    ("L that is an object", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"L": {}}}}),
    ("L of strings", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"L": ["a"]}}}),
    ("M that is a list", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"M": []}}}),
    ("M of strings", "PutItem", {"TableName": "Hash", "Item": {"pk": S("a"), "b": {"M": {"a": "b"}}}}),
    ("an expression that is a number", "PutItem", {"TableName": "Hash", "ConditionExpression": 1}),
    ("names that are a list", "PutItem", {"TableName": "Hash", "ExpressionAttributeNames": []}),
    ("a name that is a number", "PutItem", {"TableName": "Hash", "ExpressionAttributeNames": {"#a": 1}}),
    ("values that are a string", "PutItem", {"TableName": "Hash", "ExpressionAttributeValues": "a"}),
    ("a condition that is a string", "PutItem", {"TableName": "Hash", "Expected": {"a": "b"}}),
    ("Exists that is a string", "PutItem", {"TableName": "Hash", "Expected": {"a": {"Exists": "maybe"}}}),
    ("a list of values that is a string", "PutItem", {"TableName": "Hash", "Expected": {"a": {"AttributeValueList": "a"}}}),
    ("a flag that is a string", "GetItem", {"TableName": "Hash", "ConsistentRead": "maybe"}),
    ("names to get that are a string", "GetItem", {"TableName": "Hash", "AttributesToGet": "a"}),
    ("a name to get that is a number", "GetItem", {"TableName": "Hash", "AttributesToGet": [1]}),
    ("a key that is a string", "GetItem", {"TableName": "Hash", "Key": "a"}),
    ("a limit that is a word", "Scan", {"TableName": "Hash", "Limit": "ten"}),
    ("a limit that is true", "Scan", {"TableName": "Hash", "Limit": True}),
    ("a limit that is a list", "Scan", {"TableName": "Hash", "Limit": [1]}),
    ("a segment that is a word", "Scan", {"TableName": "Hash", "Segment": "a"}),
    ("a starting key that is a list", "Scan", {"TableName": "Hash", "ExclusiveStartKey": []}),
    ("a filter that is a list", "Scan", {"TableName": "Hash", "ScanFilter": []}),
    ("key conditions that are a list", "Query", {"TableName": "Hash", "KeyConditions": []}),
    ("a key condition that is a string", "Query", {"TableName": "Hash", "KeyConditions": {"pk": "a"}}),
    ("an order that is a string", "Query", {"TableName": "Hash", "ScanIndexForward": "maybe"}),
    ("updates that are a list", "UpdateItem", {"TableName": "Hash", "AttributeUpdates": []}),
    ("an update that is a string", "UpdateItem", {"TableName": "Hash", "AttributeUpdates": {"a": "b"}}),
    ("batches that are a list", "BatchGetItem", {"RequestItems": []}),
    ("keys of a batch that are an object", "BatchGetItem", {"RequestItems": {"Hash": {"Keys": {}}}}),
    ("a batch of one table that is a list", "BatchGetItem", {"RequestItems": {"Hash": []}}),
    ("writes of a batch that are an object", "BatchWriteItem", {"RequestItems": {"Hash": {}}}),
    ("a write that is a string", "BatchWriteItem", {"RequestItems": {"Hash": ["a"]}}),
    ("a transaction that is an object", "TransactWriteItems", {"TransactItems": {}}),
    ("a step of a transaction that is a string", "TransactWriteItems", {"TransactItems": ["a"]}),
    ("a token that is a number", "TransactWriteItems", {"TransactItems": [], "ClientRequestToken": 5}),
    ("a key schema that is an object", "CreateTable", {"TableName": "Abc", "KeySchema": {}}),
    ("units that are a word", "CreateTable", {"ProvisionedThroughput": {"ReadCapacityUnits": "many"}}),
    ("throughput that is a list", "CreateTable", {"ProvisionedThroughput": []}),
    ("a stream that is a list", "CreateTable", {"StreamSpecification": []}),
    ("a limit of tables that is a word", "ListTables", {"Limit": "a"}),
    ("tags that are an object", "TagResource", {"Tags": {}}),
    ("TimeToLive that is a string", "UpdateTimeToLive", {"TableName": "Hash", "TimeToLiveSpecification": "on"}),
], serialization)


class Order(Case):
    """Of several things that are wrong, which is told."""


def told(self, operation, body, type, message=UNKNOWN):
    self.refused(operation, body, message, type)


GONE = {"TableName": "absent.table"}
KEY = {"Key": {"pk": S("a")}}
EMPTY = {"TableName": "Hash", "Item": {"pk": S("a")}}
rows(Order, "order", [
    ("another JSON type before what is missing", "PutItem", {"Item": {"pk": {"S": 1}}}, SERIALIZATION, None),
    ("another JSON type before a constraint", "PutItem", {"ReturnValues": "x", "TableName": 1}, SERIALIZATION, None),
    ("a constraint before an empty value", "PutItem", {"TableName": "Hash", "Item": {"pk": {}}, "ReturnValues": "x"}, VALIDATION,
     re.compile("1 validation error detected: Value 'x' at 'returnValues' .*")),
    ("a constraint before mixed parameters", "GetItem", {
        "TableName": "Hash", **KEY, "AttributesToGet": ["a"], "ProjectionExpression": "a",
        "ReturnConsumedCapacity": "x"}, VALIDATION,
     re.compile("1 validation error detected: Value 'x' at 'returnConsumedCapacity' .*")),
    ("mixed parameters before their syntax", "GetItem", {
        **GONE, **KEY, "AttributesToGet": ["a"], "ProjectionExpression": "a b c"}, VALIDATION,
     "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
     "{AttributesToGet} Expression parameters: {ProjectionExpression}"),
    ("a value before the table", "PutItem", {**GONE, "Item": {"pk": {"N": "x"}}}, VALIDATION,
     "The parameter cannot be converted to a numeric value: x"),
    ("an empty value before the table", "PutItem", {**GONE, "Item": {"pk": {}}}, VALIDATION,
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("an empty value of a key before the table", "GetItem", {**GONE, "Key": {"pk": {}}}, VALIDATION,
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("an item's value before placeholders", "PutItem", {"TableName": "Hash", "Item": {"pk": {}}, "ExpressionAttributeNames": {},
                                                        "ConditionExpression": "a"}, VALIDATION,
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("a key's value before the expression", "GetItem", {"TableName": "Hash", "Key": {"pk": {}}, "ExpressionAttributeNames": {},
                                                        "ProjectionExpression": ""}, VALIDATION,
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("the syntax before the table", "PutItem", {**GONE, "Item": {"pk": S("a")}, "ConditionExpression": ""}, VALIDATION,
     "Invalid ConditionExpression: The expression can not be empty;"),
    ("an undefined value before the table", "DeleteItem", {**GONE, **KEY, "ConditionExpression": "a = :a"}, VALIDATION,
     "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :a"),
    ("an unused name before the table", "DeleteItem", {
        **GONE, **KEY, "ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#a": "a"}}, VALIDATION,
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"),
    ("an update's syntax before the table", "UpdateItem", {**GONE, **KEY, "UpdateExpression": "SET"}, VALIDATION),
    ("a projection's syntax before the table", "GetItem", {**GONE, **KEY, "ProjectionExpression": "a,"}, VALIDATION),
    ("no key condition before the table", "Query", {**GONE}, VALIDATION,
     "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ("placeholders without an expression before the starting key", "Scan", {
        "TableName": "Hash", "ExpressionAttributeNames": {"#a": "a"}, "ExclusiveStartKey": {"pk": {}}}, VALIDATION,
     "ExpressionAttributeNames can only be specified when using expressions"),
    ("a filter's syntax before the table", "Scan", {**GONE, "FilterExpression": "a ="}, VALIDATION),
    ("a segment without the total before the table", "Scan", {**GONE, "Segment": 0}, VALIDATION,
     "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"),
    ("an update of no key before the table", "UpdateItem", {**GONE, **KEY, "ReturnValues": "x"}, VALIDATION),
    ("the table before the key", "GetItem", {**GONE, "Key": {"absent": S("a")}}, NOT_FOUND, "Requested resource not found"),
    ("the table before an item's key", "PutItem", {**GONE, "Item": {"absent": S("a")}}, NOT_FOUND, "Requested resource not found"),
    ("the table before an update's key", "UpdateItem", {**GONE, **KEY}, NOT_FOUND, "Requested resource not found"),
    ("the table before a query's key", "Query", {
        **GONE, "KeyConditionExpression": "absent = :a", "ExpressionAttributeValues": {":a": S("a")}}, NOT_FOUND,
     "Requested resource not found"),
    ("the table before an index", "Scan", {**GONE, "IndexName": "absent"}, NOT_FOUND, "Requested resource not found"),
    ("the key before the condition", "DeleteItem", {
        "TableName": "Hash", "Key": {"absent": S("a")}, "ConditionExpression": "attribute_exists(pk)"}, VALIDATION,
     "The provided key element does not match the schema"),
    ("an item's key before the condition", "PutItem", {
        "TableName": "Hash", "Item": {"absent": S("a")}, "ConditionExpression": "attribute_exists(pk)"}, VALIDATION,
     "One or more parameter values were invalid: Missing the key pk in the item"),
    ("an update of the key before the condition", "UpdateItem", {
        "TableName": "Hash", **KEY, "UpdateExpression": "SET pk = :a", "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": {":a": S("b")}}, VALIDATION,
     "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"),
    ("the size before the condition", "PutItem", {
        "TableName": "Hash", "Item": {"pk": S("a"), "b": S("x" * 409600)}, "ConditionExpression": "attribute_exists(absent)"},
     VALIDATION, "Item size has exceeded the maximum allowed size"),
    ("names before values", "PutItem", {
        **EMPTY, "ExpressionAttributeNames": {}, "ExpressionAttributeValues": {}, "ConditionExpression": "a"}, VALIDATION,
     "ExpressionAttributeNames must not be empty"),
    ("placeholders before the expression", "PutItem", {
        **EMPTY, "ExpressionAttributeValues": {":a": {}}, "ConditionExpression": ""}, VALIDATION,
     "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported "
     "datatypes for key :a"),
    ("the expression before what is unused", "PutItem", {
        **EMPTY, "ExpressionAttributeValues": {":a": S("a")}, "ConditionExpression": "attribute_exists(#a)"}, VALIDATION,
     "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #a"),
    ("unused names before unused values", "PutItem", {
        **EMPTY, "ExpressionAttributeNames": {"#a": "a"}, "ExpressionAttributeValues": {":a": N(1)},
        "ConditionExpression": "attribute_exists(b)"}, VALIDATION,
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"),
    ("an update's expression before its condition", "UpdateItem", {
        "TableName": "Hash", **KEY, "UpdateExpression": "", "ConditionExpression": ""}, VALIDATION,
     "Invalid UpdateExpression: The expression can not be empty;"),
], told)

if __name__ == "__main__":
    main()

"""What Amazon's model says of members: "N validation errors detected: ...", all that is wrong at once."""

import re

from harness import UNKNOWN, Case, Constraints, S, constraint, main, missing, refusals, set_up


def setUpModule():
    set_up("Hash")


class Limits(Case):
    """Table-driven; the rows are below."""


CAPACITY = "satisfy enum value set: [INDEXES, TOTAL, NONE]"
METRICS = "satisfy enum value set: [SIZE, NONE]"
RETURNED = "satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
OPERATORS = "satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"
LOGIC = "satisfy enum value set: [OR, AND]"
SELECT = "satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
SHORT = "have length greater than or equal to 1"
ITEM, KEY = {"TableName": "Hash", "Item": {"pk": S("a")}}, {"TableName": "Hash", "Key": {"pk": S("a")}}


def one(value, place, what):
    return Constraints(constraint(value, place, what))


def enum(value, place, values):
    return one(f"'{value}'", place, values)


def cut(place, what):
    """A value that is written out at length: Java's way of writing it is not promised."""
    return re.compile(rf"1 validation error detected: Value '.*' at '{re.escape(place)}' failed to satisfy constraint: Member must "
                      rf"{re.escape(what)}", re.DOTALL)


refusals(Limits, "PutItem", [
    ("nothing at all", {}, Constraints(missing("tableName"), missing("item"))),
    ("no item", {"TableName": "Hash"}, Constraints(missing("item"))),
    ("no table", {"Item": {"pk": S("a")}}, Constraints(missing("tableName"))),
    ("an empty table name", {**ITEM, "TableName": ""}, one("''", "tableName", SHORT)),
    ("a short table name", {**ITEM, "TableName": "ab"}, UNKNOWN),
    ("a table name with other characters", {**ITEM, "TableName": "abc;"}, UNKNOWN),
    ("a long table name", {**ITEM, "TableName": "a" * 256}, UNKNOWN),
    ("ReturnValues", {**ITEM, "ReturnValues": "all_old"}, enum("all_old", "returnValues", RETURNED)),
    ("ReturnConsumedCapacity", {**ITEM, "ReturnConsumedCapacity": "x"}, enum("x", "returnConsumedCapacity", CAPACITY)),
    ("ReturnItemCollectionMetrics", {**ITEM, "ReturnItemCollectionMetrics": "x"},
     enum("x", "returnItemCollectionMetrics", METRICS)),
    ("ConditionalOperator", {**ITEM, "ConditionalOperator": "XOR"}, enum("XOR", "conditionalOperator", LOGIC)),
    ("ReturnValuesOnConditionCheckFailure", {**ITEM, "ReturnValuesOnConditionCheckFailure": "x"},
     enum("x", "returnValuesOnConditionCheckFailure", "satisfy enum value set: [ALL_OLD, NONE]")),
    ("an operator of Expected", {**ITEM, "Expected": {"a": {"ComparisonOperator": "LIKE"}}},
     enum("LIKE", "expected.a.member.comparisonOperator", OPERATORS)),
    ("three at once", {"TableName": "Hash", "ReturnValues": "x", "ReturnConsumedCapacity": "y"}, Constraints(
        missing("item"), constraint("'x'", "returnValues", RETURNED), constraint("'y'", "returnConsumedCapacity", CAPACITY))),
])
refusals(Limits, "GetItem", [
    ("nothing at all", {}, Constraints(missing("tableName"), missing("key"))),
    ("no key", {"TableName": "Hash"}, Constraints(missing("key"))),
    ("an empty table name", {**KEY, "TableName": ""}, one("''", "tableName", SHORT)),
    ("no names to get", {**KEY, "AttributesToGet": []}, one("'[]'", "attributesToGet", SHORT)),
    ("ReturnConsumedCapacity", {**KEY, "ReturnConsumedCapacity": ""}, enum("", "returnConsumedCapacity", CAPACITY)),
])
refusals(Limits, "DeleteItem", [
    ("nothing at all", {}, Constraints(missing("tableName"), missing("key"))),
    ("no key", {"TableName": "Hash"}, Constraints(missing("key"))),
    ("ReturnValues", {**KEY, "ReturnValues": "x"}, enum("x", "returnValues", RETURNED)),
    ("ConditionalOperator", {**KEY, "ConditionalOperator": "and"}, enum("and", "conditionalOperator", LOGIC)),
    ("ReturnItemCollectionMetrics", {**KEY, "ReturnItemCollectionMetrics": "x"}, enum("x", "returnItemCollectionMetrics", METRICS)),
])
refusals(Limits, "UpdateItem", [
    ("nothing at all", {}, Constraints(missing("tableName"), missing("key"))),
    ("no key", {"TableName": "Hash"}, Constraints(missing("key"))),
    ("ReturnValues", {**KEY, "ReturnValues": "x"}, enum("x", "returnValues", RETURNED)),
    ("an action", {**KEY, "AttributeUpdates": {"a": {"Action": "SET"}}},
     enum("SET", "attributeUpdates.a.member.action", "satisfy enum value set: [ADD, PUT, DELETE]")),
])
refusals(Limits, "Query", [
    ("nothing at all", {}, Constraints(missing("tableName"))),
    ("a limit of 0", {"TableName": "Hash", "Limit": 0}, one("'0'", "limit", "have value greater than or equal to 1")),
    ("a limit of -1", {"TableName": "Hash", "Limit": -1}, one("'-1'", "limit", "have value greater than or equal to 1")),
    ("Select", {"TableName": "Hash", "Select": "x"}, enum("x", "select", SELECT)),
    ("a short index name", {"TableName": "Hash", "IndexName": "ab"},
     one("'ab'", "indexName", "have length greater than or equal to 3")),
    ("an index name with other characters", {"TableName": "Hash", "IndexName": "abc;"},
     one("'abc;'", "indexName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")),
    ("a short index name with other characters", {"TableName": "Hash", "IndexName": ";"}, Constraints(
        constraint("';'", "indexName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        constraint("';'", "indexName", "have length greater than or equal to 3"))),
    ("a long index name", {"TableName": "Hash", "IndexName": "a" * 256},
     one(f"'{'a' * 256}'", "indexName", "have length less than or equal to 255")),
    ("no names to get", {"TableName": "Hash", "AttributesToGet": []}, one("'[]'", "attributesToGet", SHORT)),
    ("a key condition without an operator", {"TableName": "Hash", "KeyConditions": {"pk": {}}},
     Constraints(missing("keyConditions.pk.member.comparisonOperator"))),
    ("an operator of a key condition", {"TableName": "Hash", "KeyConditions": {"pk": {"ComparisonOperator": "x"}}},
     enum("x", "keyConditions.pk.member.comparisonOperator", OPERATORS)),
    ("a filter without an operator", {"TableName": "Hash", "QueryFilter": {"a": {}}},
     Constraints(missing("queryFilter.a.member.comparisonOperator"))),
    ("ConditionalOperator", {"TableName": "Hash", "ConditionalOperator": "x"}, enum("x", "conditionalOperator", LOGIC)),
])
refusals(Limits, "Scan", [
    ("nothing at all", {}, Constraints(missing("tableName"))),
    ("a limit of 0", {"TableName": "Hash", "Limit": 0}, one("'0'", "limit", "have value greater than or equal to 1")),
    ("Select", {"TableName": "Hash", "Select": "x"}, enum("x", "select", SELECT)),
    ("a segment below 0", {"TableName": "Hash", "Segment": -1}, one("'-1'", "segment", "have value greater than or equal to 0")),
    ("a segment too high", {"TableName": "Hash", "Segment": 1000000},
     one("'1000000'", "segment", "have value less than or equal to 999999")),
    ("a total of 0", {"TableName": "Hash", "TotalSegments": 0}, one("'0'", "totalSegments",
                                                                    "have value greater than or equal to 1")),
    ("a total too high", {"TableName": "Hash", "TotalSegments": 1000001},
     one("'1000001'", "totalSegments", "have value less than or equal to 1000000")),
    ("a filter without an operator", {"TableName": "Hash", "ScanFilter": {"a": {}}},
     Constraints(missing("scanFilter.a.member.comparisonOperator"))),
])
refusals(Limits, "BatchGetItem", [
    ("nothing at all", {}, Constraints(missing("requestItems"))),
    ("no table", {"RequestItems": {}}, one("'{}'", "requestItems", SHORT)),
    ("no keys", {"RequestItems": {"Hash": {}}}, Constraints(missing("requestItems.Hash.member.keys"))),
    ("no key", {"RequestItems": {"Hash": {"Keys": []}}}, one("'[]'", "requestItems.Hash.member.keys", SHORT)),
    ("101 keys", {"RequestItems": {"Hash": {"Keys": [{"pk": S(str(at))} for at in range(101)]}}}, re.compile(
        r"1 validation error detected: Value '.*' at 'requestItems\.Hash\.member\.keys' failed to satisfy constraint: Member must have "
        r"length less than or equal to 100|Too many items requested for the BatchGetItem call", re.DOTALL)),
    ("no names to get", {"RequestItems": {"Hash": {"Keys": [{"pk": S("a")}], "AttributesToGet": []}}},
     one("'[]'", "requestItems.Hash.member.attributesToGet", SHORT)),
    ("ReturnConsumedCapacity", {"RequestItems": {"Hash": {"Keys": [{"pk": S("a")}]}}, "ReturnConsumedCapacity": "x"},
     enum("x", "returnConsumedCapacity", CAPACITY)),
])
refusals(Limits, "BatchWriteItem", [
    ("nothing at all", {}, Constraints(missing("requestItems"))),
    ("no table", {"RequestItems": {}}, one("'{}'", "requestItems", SHORT)),
    ("no write", {"RequestItems": {"Hash": []}}, UNKNOWN),
    ("26 writes", {"RequestItems": {"Hash": [{"DeleteRequest": {"Key": {"pk": S(str(at))}}} for at in range(26)]}}, re.compile(
        r"1 validation error detected: Value '.*' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        r"\[Member must have length less than or equal to 25, Member must have length greater than or equal to 1\]", re.DOTALL)),
    ("ReturnItemCollectionMetrics", {
        "RequestItems": {"Hash": [{"PutRequest": {"Item": {"pk": S("a")}}}]}, "ReturnItemCollectionMetrics": "x"},
     enum("x", "returnItemCollectionMetrics", METRICS)),
])
refusals(Limits, "TransactWriteItems", [
    ("nothing at all", {}, Constraints(missing("transactItems"))),
    ("no step", {"TransactItems": []}, one("'[]'", "transactItems", SHORT)),
    ("101 steps", {"TransactItems": [{"Delete": {"TableName": "Hash", "Key": {"pk": S(str(at))}}} for at in range(101)]},
     cut("transactItems", "have length less than or equal to 100")),
    ("a put without an item", {"TransactItems": [{"Put": {"TableName": "Hash"}}]},
     Constraints(missing("transactItems.1.member.put.item"))),
    ("a put without a table", {"TransactItems": [{"Put": {"Item": {"pk": S("a")}}}]},
     Constraints(missing("transactItems.1.member.put.tableName"))),
    ("a check without a condition", {"TransactItems": [{"ConditionCheck": KEY}]},
     Constraints(missing("transactItems.1.member.conditionCheck.conditionExpression"))),
    ("an update without an expression", {"TransactItems": [{"Delete": KEY},
                                                           {"Update": {"TableName": "Hash", "Key": {"pk": S("b")}}}]},
     Constraints(missing("transactItems.2.member.update.updateExpression"))),
    ("a long token", {"TransactItems": [{"Delete": KEY}], "ClientRequestToken": "x" * 37},
     one(f"'{'x' * 37}'", "clientRequestToken", "have length less than or equal to 36")),
    ("an empty token", {"TransactItems": [{"Delete": KEY}], "ClientRequestToken": ""}, one("''", "clientRequestToken", SHORT)),
])
refusals(Limits, "TransactGetItems", [
    ("nothing at all", {}, Constraints(missing("transactItems"))),
    ("no step", {"TransactItems": []}, one("'[]'", "transactItems", SHORT)),
    ("a step without a get", {"TransactItems": [{}]}, Constraints(missing("transactItems.1.member.get"))),
    ("a get without a key", {"TransactItems": [{"Get": {"TableName": "Hash"}}]},
     Constraints(missing("transactItems.1.member.get.key"))),
])
refusals(Limits, "ListTables", [
    ("a limit of 0", {"Limit": 0}, one("'0'", "limit", "have value greater than or equal to 1")),
    ("a limit of 101", {"Limit": 101}, one("'101'", "limit", "have value less than or equal to 100")),
    ("a short starting name", {"ExclusiveStartTableName": "ab"},
     one("'ab'", "exclusiveStartTableName", "have length greater than or equal to 3")),
    ("a starting name with other characters", {"ExclusiveStartTableName": "a b c"},
     one("'a b c'", "exclusiveStartTableName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")),
])
HASH = [{"AttributeName": "pk", "KeyType": "HASH"}]
TYPES = [{"AttributeName": "pk", "AttributeType": "S"}]
TABLE = {"TableName": "Fresh", "KeySchema": HASH, "AttributeDefinitions": TYPES, "BillingMode": "PAY_PER_REQUEST"}
refusals(Limits, "CreateTable", [
    ("nothing at all", {}, "The parameter 'TableName' is required but was not present in the request"),
    ("a short name", {**TABLE, "TableName": "ab"}, "TableName must be at least 3 characters long and at most 255 characters long"),
    ("a name with other characters", {**TABLE, "TableName": "a/b/c"}, UNKNOWN),
    ("a long name", {**TABLE, "TableName": "a" * 256}, "TableName must be at least 3 characters long and at most 255 characters long"),
    ("no key", {**TABLE, "KeySchema": []}, one("'[]'", "keySchema", SHORT)),
    ("a key of three", {**TABLE, "KeySchema": HASH * 3}, UNKNOWN),
    ("a type that is not for keys", {**TABLE, "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "SS"}]},
     enum("SS", "attributeDefinitions.1.member.attributeType", "satisfy enum value set: [B, N, S]")),
    ("a kind of key", {**TABLE, "KeySchema": [{"AttributeName": "pk", "KeyType": "SORT"}]},
     enum("SORT", "keySchema.1.member.keyType", "satisfy enum value set: [HASH, RANGE]")),
    ("an empty attribute name", {**TABLE, "KeySchema": [{"AttributeName": "", "KeyType": "HASH"}]},
     one("''", "keySchema.1.member.attributeName", SHORT)),
    ("a long attribute name", {**TABLE, "KeySchema": [{"AttributeName": "a" * 256, "KeyType": "HASH"}]},
     one(f"'{'a' * 256}'", "keySchema.1.member.attributeName", "have length less than or equal to 255")),
    ("BillingMode", {**TABLE, "BillingMode": "FREE"}, enum("FREE", "billingMode",
                                                           "satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]")),
    ("no units", {**TABLE, "BillingMode": "PROVISIONED", "ProvisionedThroughput": {}}, Constraints(
        missing("provisionedThroughput.readCapacityUnits"), missing("provisionedThroughput.writeCapacityUnits"))),
    ("no read units at all", {**TABLE, "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1}},
     one("'0'", "provisionedThroughput.readCapacityUnits", "have value greater than or equal to 1")),
    ("StreamViewType", {**TABLE, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "ALL"}},
     enum("ALL", "streamSpecification.streamViewType",
          "satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]")),
    ("StreamEnabled missing", {**TABLE, "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
     Constraints(missing("streamSpecification.streamEnabled"))),
    ("ProjectionType", {**TABLE, "LocalSecondaryIndexes": [
        {"IndexName": "abc", "KeySchema": HASH, "Projection": {"ProjectionType": "SOME"}}]},
     enum("SOME", "localSecondaryIndexes.1.member.projection.projectionType", "satisfy enum value set: [ALL, INCLUDE, KEYS_ONLY]")),
    ("an index without anything", {**TABLE, "GlobalSecondaryIndexes": [{}]}, Constraints(
        missing("globalSecondaryIndexes.1.member.indexName"), missing("globalSecondaryIndexes.1.member.keySchema"),
        missing("globalSecondaryIndexes.1.member.projection"))),
    ("NonKeyAttributes of none", {**TABLE, "GlobalSecondaryIndexes": [
        {"IndexName": "abc", "KeySchema": HASH, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": []}}]},
     one("'[]'", "globalSecondaryIndexes.1.member.projection.nonKeyAttributes", SHORT)),
    ("NonKeyAttributes of 21", {**TABLE, "GlobalSecondaryIndexes": [
        {"IndexName": "abc", "KeySchema": HASH, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list("abcdefghijklmnopqrstu")}}]},
     cut("globalSecondaryIndexes.1.member.projection.nonKeyAttributes", "have length less than or equal to 20")),
    ("TableClass", {**TABLE, "TableClass": "COLD"},
     enum("COLD", "tableClass", "satisfy enum value set: [STANDARD, STANDARD_INFREQUENT_ACCESS]")),
    ("SSEType", {**TABLE, "SSESpecification": {"SSEType": "DES"}}, enum("DES", "sSESpecification.sSEType",
                                                                        "satisfy enum value set: [AES256, KMS]")),
    ("a tag without a value", {**TABLE, "Tags": [{"Key": "a"}]}, Constraints(missing("tags.1.member.value"))),
])
NAME = "TableName must be at least 3 characters long and at most 255 characters long"
for operation in ("DescribeTable", "DeleteTable", "UpdateTable"):
    refusals(Limits, operation, [
        ("nothing at all", {}, "The parameter 'TableName' is required but was not present in the request"),
        ("an empty name", {"TableName": ""}, NAME), ("a short name", {"TableName": "ab"}, NAME), ("a long name", {"TableName": "a" * 256}, NAME)])
for operation in ("DescribeTimeToLive", "DescribeContinuousBackups"):
    refusals(Limits, operation, [("nothing at all", {}, UNKNOWN), ("an empty name", {"TableName": ""}, UNKNOWN)])
refusals(Limits, "UpdateTimeToLive", [
    ("no specification", {"TableName": "Hash"}, Constraints(missing("timeToLiveSpecification"))),
    ("an empty specification", {"TableName": "Hash", "TimeToLiveSpecification": {}}, Constraints(
        missing("timeToLiveSpecification.enabled"), missing("timeToLiveSpecification.attributeName"))),
    ("an empty attribute", {"TableName": "Hash", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": ""}},
     one("''", "timeToLiveSpecification.attributeName", SHORT)),
])
refusals(Limits, "TagResource", [
    ("nothing at all", {}, Constraints(missing("resourceArn"), missing("tags"))),
    ("no tags", {"ResourceArn": "arn:aws:dynamodb:us-east-1:123456789012:table/Hash"}, Constraints(missing("tags"))),
])
refusals(Limits, "UpdateContinuousBackups", [
    ("no specification", {"TableName": "Hash"}, Constraints(missing("pointInTimeRecoverySpecification"))),
    ("no word", {"TableName": "Hash", "PointInTimeRecoverySpecification": {}},
     Constraints(missing("pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled"))),
])
refusals(Limits, "GetShardIterator", [
    ("a kind of iterator", {"StreamArn": "a" * 40, "ShardId": "s" * 30, "ShardIteratorType": "FIRST"}, enum(
        "FIRST", "shardIteratorType", "satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")),
    ("nothing at all", {}, Constraints(missing("streamArn"), missing("shardId"), missing("shardIteratorType"))),
    ("a short ARN", {"StreamArn": "a", "ShardId": "s" * 30, "ShardIteratorType": "LATEST"},
     one("'a'", "streamArn", "have length greater than or equal to 37")),
], service="streams")
refusals(Limits, "GetRecords", [
    ("nothing at all", {}, Constraints(missing("shardIterator"))),
    ("a limit of 0", {"ShardIterator": "a", "Limit": 0}, one("'0'", "limit", "have value greater than or equal to 1")),
    ("a limit of 1001", {"ShardIterator": "a", "Limit": 1001}, UNKNOWN),
], service="streams")
refusals(Limits, "DescribeStream", [("nothing at all", {}, Constraints(missing("streamArn")))], service="streams")

if __name__ == "__main__":
    main()

"""Query and Scan: order, ranges, pages, limits, counts, segments, and what they refuse."""

import base64
import random
import re

from harness import NOT_FOUND, UNKNOWN, Case, N, S, main, refusals, set_up

TEXTS = ["", "A", "B", "a", "aa", "ab", "b", "ba", "z", "\u00e9", "\u4e16", "\uffee", "\U0001f30a"][1:]
NUMBERS = ["-1E100", "-100", "-99.5", "-1", "-0.5", "-1E-100", "0", "1E-100", "0.5", "1", "1.5", "2", "10", "99", "100", "1E100"]
BYTES = [b"\x00", b"\x00\x00", b"\x01", b"a", b"ab", b"b", b"\x7f", b"\x80", b"\xff", b"\xff\x00", b"\xff\xff"]


def B(data):
    return {"B": base64.b64encode(data).decode()}


def setUpModule():
    set_up("Range", "RangeN", "RangeB", "Hash", "Indexed")
    case, shuffled = Case(), random.Random(1).sample
    case.put("Range", *[{"pk": S("p"), "sk": S(text), "at": N(at)} for at, text in shuffled(list(enumerate(TEXTS)), len(TEXTS))])
    case.put("RangeN", *[{"pk": S("p"), "sk": N(text), "at": N(at)} for at,
                         text in shuffled(list(enumerate(NUMBERS)), len(NUMBERS))])
    case.put("RangeB", *[{"pk": S("p"), "sk": B(data), "at": N(at)} for at, data in shuffled(list(enumerate(BYTES)), len(BYTES))])
    case.put("Range", *[{"pk": S("q"), "sk": S(f"{at:03}"), "n": N(at), "even": {"BOOL": at % 2 == 0}} for at in range(40)])


class Queries(Case):
    def query(self, condition, table="Range", values=None, **members):
        return self.ok("Query", {"TableName": table, "KeyConditionExpression": condition,
                                 "ExpressionAttributeValues": values or {":p": S("p")}, **members})

    def places(self, condition, table="Range", values=None, **members):
        return [int(item["at"]["N"]) for item in self.query(condition, table, values, **members)["Items"]]

    def test_items_come_in_the_order_of_their_range_keys(self):
        for table, count in (("Range", len(TEXTS)), ("RangeN", len(NUMBERS)), ("RangeB", len(BYTES))):
            self.assertEqual(self.places("pk = :p", table), list(range(count)), table)
            self.assertEqual(self.places("pk = :p", table, ScanIndexForward=False), list(range(count))[::-1], table)
            self.assertEqual(self.places("pk = :p", table, ScanIndexForward=True, ConsistentRead=True), list(range(count)), table)

    def test_ranges_of_texts(self):
        for condition, values, expected in (
                ("sk = :a", ["ab"], ["ab"]), ("sk < :a", ["aa"], ["A", "B", "a"]), ("sk <= :a", ["aa"],
                                                                                    ["A", "B", "a", "aa"]), ("sk > :a", ["\u00e9"],
                                                                                                             TEXTS[9:]),
                ("sk >= :a", ["\u00e9"], TEXTS[8:]), ("sk BETWEEN :a AND :b", ["aa", "b"],
                                                      ["aa", "ab", "b"]), ("begins_with(sk, :a)", ["a"], ["a", "aa", "ab"]),
                ("begins_with(sk, :a)", ["absent"], []), ("begins_with ( sk , :a )", ["b"], ["b", "ba"]),
                (":a < sk", ["\u4e16"], TEXTS[10:])):
            given = dict(zip((":a", ":b"), map(S, values)), **{":p": S("p")})
            for whole in (f"pk = :p AND {condition}", f"{condition} AND pk = :p", f"(pk = :p) AND ({condition})"):
                self.assertEqual(self.places(whole, "Range", given), [TEXTS.index(text) for text in expected], whole)

    def test_ranges_of_numbers_and_bytes(self):
        for condition, values, expected in (("sk = :a", ["1.0"], ["1"]), ("sk < :a", ["-1"], NUMBERS[:3]),
                                            ("sk > :a", ["0"], NUMBERS[7:]), ("sk >= :a", ["100"], NUMBERS[14:]),
                                            ("sk BETWEEN :a AND :b", ["-1", "1"], NUMBERS[3:10])):
            given = dict(zip((":a", ":b"), map(N, values)), **{":p": S("p")})
            self.assertEqual(self.places(f"pk = :p AND {condition}", "RangeN", given), [NUMBERS.index(one) for one in expected],
                             condition)
        for condition, values, expected in (("sk < :a", [b"a"], BYTES[:3]), ("begins_with(sk, :a)", [b"\xff"], BYTES[8:]),
                                            ("sk BETWEEN :a AND :b", [b"\x01", b"b"], BYTES[2:6])):
            given = dict(zip((":a", ":b"), map(B, values)), **{":p": S("p")})
            self.assertEqual(self.places(f"pk = :p AND {condition}", "RangeB", given), [BYTES.index(one) for one in expected],
                             condition)

    def test_pages_of_a_limit_are_the_whole(self):
        for forward in (True, False):
            found, start, pages = [], None, 0
            while True:
                answer = self.query("pk = :p", values={":p": S("q")}, Limit=7, ScanIndexForward=forward,
                                    **({"ExclusiveStartKey": start} if start else {}))
                found += [int(item["n"]["N"]) for item in answer["Items"]]
                pages, start = pages + 1, answer.get("LastEvaluatedKey")
                if not start:
                    break
                self.assertEqual((answer["Count"], answer["ScannedCount"], set(start)), (7, 7, {"pk", "sk"}))
                self.assertEqual(start, {"pk": answer["Items"][-1]["pk"], "sk": answer["Items"][-1]["sk"]})
            self.assertEqual((found, pages), (list(range(40)) if forward else list(range(40))[::-1], 6))

    def test_a_limit_that_the_last_item_meets_leaves_a_key(self):
        answer = self.query("pk = :p", values={":p": S("q")}, Limit=40)
        self.assertEqual((answer["Count"], answer.get("LastEvaluatedKey")), (40, {"pk": S("q"), "sk": S("039")}))
        after = self.query("pk = :p", values={":p": S("q")}, Limit=40, ExclusiveStartKey=answer["LastEvaluatedKey"])
        self.assertEqual((after["Count"], after["Items"], "LastEvaluatedKey" in after), (0, [], False))
        self.assertNotIn("LastEvaluatedKey", self.query("pk = :p", values={":p": S("q")}, Limit=41))

    def test_a_filter_is_asked_after_the_limit(self):
        answer = self.query("pk = :p", values={":p": S("q"), ":t": {"BOOL": True}}, Limit=10, FilterExpression="even = :t")
        self.assertEqual((answer["Count"], answer["ScannedCount"], answer["LastEvaluatedKey"]["sk"]), (5, 10, S("009")))
        self.assertEqual([int(item["n"]["N"]) for item in answer["Items"]], [0, 2, 4, 6, 8])

    def test_a_page_may_be_empty_and_not_the_last(self):
        answer = self.query("pk = :p", values={":p": S("q"), ":n": N(39)}, Limit=5, FilterExpression="n = :n")
        self.assertEqual((answer["Items"], answer["Count"], answer["ScannedCount"], answer["LastEvaluatedKey"]["sk"]),
                         ([], 0, 5, S("004")))

    def test_a_starting_key_need_not_be_that_of_an_item(self):
        answer = self.query("pk = :p", values={":p": S("q")}, ExclusiveStartKey={"pk": S("q"), "sk": S("0055")})
        self.assertEqual(answer["Items"][0]["sk"], S("006"))

    def test_counts_come_without_items(self):
        answer = self.query("pk = :p", values={":p": S("q")}, Select="COUNT")
        self.assertEqual((answer["Count"], answer["ScannedCount"], "Items" in answer), (40, 40, False))

    def test_nothing_is_found_where_nothing_is(self):
        self.assertEqual(self.query("pk = :p", values={":p": S("absent")}), {"Items": [], "Count": 0, "ScannedCount": 0})

    def test_projections_choose(self):
        answer = self.query("pk = :p", values={":p": S("q")}, ProjectionExpression="n", Limit=2)
        self.assertEqual(answer["Items"], [{"n": N(0)}, {"n": N(1)}])
        answer = self.query("pk = :p", values={":p": S("q")}, ProjectionExpression="n", Limit=1, Select="SPECIFIC_ATTRIBUTES")
        self.assertEqual(answer["Items"], [{"n": N(0)}])

    def test_key_conditions_go_with_other_expressions(self):
        conditions = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [S("q")]}}
        answer = self.ok("Query", {"TableName": "Range", "KeyConditions": conditions, "ProjectionExpression": "n", "Limit": 1})
        self.assertEqual(answer["Items"], [{"n": N(0)}])
        answer = self.ok("Query", {"TableName": "Range", "KeyConditions": conditions, "FilterExpression": "n < :n",
                                   "ExpressionAttributeValues": {":n": N(3)}})
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (3, 40))

    def test_a_page_ends_at_a_megabyte(self):
        table = self.table(**Range)
        self.put(table, *[{"pk": S("p"), "sk": S(f"{at:02}"), "v": S("x" * 100000)} for at in range(25)])
        for operation, members in (("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": S("p")}}),
                                   ("Scan", {})):
            counts, start = [], None
            while True:
                answer = self.ok(operation, {"TableName": table, **members, **({"ExclusiveStartKey": start} if start else {})})
                counts.append(answer["Count"])
                start = answer.get("LastEvaluatedKey")
                if not start:
                    break
            # 1 MB is 1,048,576 bytes; whether the item that crosses it is still in the page is not promised.
            self.assertEqual(sum(counts), 25, operation)
            self.assertIn(counts, ([10, 10, 5], [11, 11, 3]), operation)
        counted = self.ok("Scan", {"TableName": table, "FilterExpression": "attribute_not_exists(v)"})
        self.assertEqual(counted["Items"], [])
        self.assertIn("LastEvaluatedKey", counted)


Range = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
         "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]}


class Scans(Case):
    @classmethod
    def setUpClass(cls):
        Case().put("Hash", *[{"pk": S(f"item-{at}"), "n": N(at)} for at in range(60)])

    def all(self, **members):
        found, start = [], None
        while True:
            answer = self.ok("Scan", {"TableName": "Hash", **members, **({"ExclusiveStartKey": start} if start else {})})
            found += answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return sorted(int(item["n"]["N"]) for item in found)

    def test_every_item_is_found_once(self):
        self.assertEqual(self.all(), list(range(60)))
        self.assertEqual(self.all(Limit=7), list(range(60)))
        self.assertEqual(self.all(ConsistentRead=True), list(range(60)))

    def test_segments_are_the_whole_together(self):
        for total in (1, 2, 3, 7, 100):
            parts = [self.all(Segment=segment, TotalSegments=total) for segment in range(total)]
            self.assertEqual(sorted(sum(parts, [])), list(range(60)), total)
        halves = [self.all(Segment=segment, TotalSegments=2, Limit=3) for segment in range(2)]
        self.assertEqual(sorted(sum(halves, [])), list(range(60)))
        self.assertTrue(all(halves), "both segments have items")

    def test_filters_and_counts(self):
        answer = self.ok("Scan", {"TableName": "Hash", "FilterExpression": "n < :n", "ExpressionAttributeValues": {":n": N(10)},
                                  "Select": "COUNT"})
        self.assertEqual((answer["Count"], answer["ScannedCount"], "Items" in answer), (10, 60, False))
        answer = self.ok("Scan", {"TableName": "Hash", "FilterExpression": "pk = :p",
                                  "ExpressionAttributeValues": {":p": S("item-3")}})
        self.assertEqual(answer["Items"], [{"pk": S("item-3"), "n": N(3)}])


QUERY = {"TableName": "Range", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": S("p")}}
INDEX = {**QUERY, "TableName": "Indexed"}
BY = {"TableName": "Indexed", "IndexName": "gsi-all", "KeyConditionExpression": "gk = :p",
      "ExpressionAttributeValues": {":p": S("p")}}
START = "The provided starting key is invalid"
refusals(Queries, "Query", [
    ("an index that there is not", {**QUERY, "IndexName": "absent"}, "The table does not have the specified index: absent"),
    ("an index of another table", {**QUERY, "IndexName": "gsi-all"}, "The table does not have the specified index: gsi-all"),
    ("a consistent read of a global index", {**BY, "ConsistentRead": True},
     "Consistent reads are not supported on global secondary indexes"),
    ("all attributes of a global index that has not all", {**BY, "IndexName": "gsi-keys", "Select": "ALL_ATTRIBUTES"},
     "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index gsi-keys because its projection type is not ALL"),
    ("projected attributes of the table", {**QUERY, "Select": "ALL_PROJECTED_ATTRIBUTES"},
     "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
    ("specific attributes without naming them", {**QUERY, "Select": "SPECIFIC_ATTRIBUTES"},
     "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"),
    ("a count with a projection", {**QUERY, "Select": "COUNT", "ProjectionExpression": "n"},
     "Cannot specify the ProjectionExpression when choosing to get only the Count"),
    ("all attributes with a projection", {**QUERY, "Select": "ALL_ATTRIBUTES", "ProjectionExpression": "n"},
     "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"),
    ("projected attributes with a projection", {**BY, "Select": "ALL_PROJECTED_ATTRIBUTES", "ProjectionExpression": "n"},
     "Cannot specify the ProjectionExpression when choosing to get ALL_PROJECTED_ATTRIBUTES"),
    ("a starting key of other names", {**QUERY, "ExclusiveStartKey": {"a": S("p"), "b": S("a")}}, re.compile(START + ".*")),
    ("a starting key without its range", {**QUERY, "ExclusiveStartKey": {"pk": S("p")}},
     re.compile(START + ".*|Exclusive Start Key must have same size as table's key schema")),
    ("a starting key with more", {**QUERY, "ExclusiveStartKey": {"pk": S("p"), "sk": S("a"), "x": S("a")}},
     re.compile(START + ".*|Exclusive Start Key must have same size as table's key schema")),
    ("a starting key of another type", {**QUERY, "ExclusiveStartKey": {"pk": S("p"), "sk": N(1)}},
     re.compile(START + ".*|The provided key element does not match the schema")),
    ("a starting key of another hash key", {**QUERY, "ExclusiveStartKey": {"pk": S("q"), "sk": S("a")}},
     re.compile("The provided starting key is (outside query boundaries based on provided conditions|invalid)")),
    ("a starting key outside of the range", {
        **QUERY, "KeyConditionExpression": "pk = :p AND sk > :m", "ExpressionAttributeValues": {":p": S("p"), ":m": S("m")},
        "ExclusiveStartKey": {"pk": S("p"), "sk": S("a")}},
     re.compile("The provided starting key (does not match the range key predicate|is outside query boundaries based on provided conditions)")),
    ("a starting key of an index without the table's", {**BY, "ExclusiveStartKey": {"gk": S("p"), "gs": N(1)}},
     re.compile(START + ".*|Exclusive Start Key must have same size.*")),
    ("a starting key that is an empty value", {**QUERY, "ExclusiveStartKey": {"pk": {}, "sk": S("a")}},
     re.compile("(The provided starting key is invalid: )?Supplied AttributeValue is empty, .*")),
    ("an index's key that is not in the index", {**BY, "KeyConditionExpression": "pk = :p"},
     "Query condition missed key schema element: gk"),
    ("an empty text for a key", {**QUERY, "ExpressionAttributeValues": {":p": S("")}},
     re.compile(r"One or more parameter values (are not valid\.|were invalid:) The AttributeValue for a key attribute cannot contain an empty string value\. Key: pk")),
])
refusals(Queries, "Query", [("a table that there is not", {**QUERY, "TableName": "absent.table"}, "Requested resource not found")],
         type=NOT_FOUND)
SCAN = {"TableName": "Hash"}
refusals(Scans, "Scan", [
    ("a segment without a total", {**SCAN, "Segment": 0},
     "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"),
    ("a total without a segment", {**SCAN, "TotalSegments": 1},
     "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"),
    ("a segment beyond the total", {**SCAN, "Segment": 4, "TotalSegments": 4},
     "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 4 is not less than TotalSegments: 4"),
    ("an index that there is not", {**SCAN, "IndexName": "absent"}, "The table does not have the specified index: absent"),
    ("a consistent read of a global index", {"TableName": "Indexed", "IndexName": "gsi-all", "ConsistentRead": True},
     "Consistent reads are not supported on global secondary indexes"),
    ("projected attributes of the table", {**SCAN, "Select": "ALL_PROJECTED_ATTRIBUTES"},
     re.compile("ALL_PROJECTED_ATTRIBUTES can be used only when (Querying|Scanning) using an IndexName")),
    ("specific attributes without naming them", {**SCAN, "Select": "SPECIFIC_ATTRIBUTES"},
     "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"),
    ("a count with a projection", {**SCAN, "Select": "COUNT", "ProjectionExpression": "n"},
     "Cannot specify the ProjectionExpression when choosing to get only the Count"),
    ("a starting key of other names", {**SCAN, "ExclusiveStartKey": {"a": S("p")}}, re.compile(START + ".*")),
    ("a starting key of another type", {**SCAN, "ExclusiveStartKey": {"pk": N(1)}},
     re.compile(START + ".*|The provided key element does not match the schema")),
    ("all attributes of a global index that has not all", {"TableName": "Indexed", "IndexName": "gsi-keys",
                                                           "Select": "ALL_ATTRIBUTES"},
     "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index gsi-keys because its projection type is not ALL"),
    ("a starting key of another segment", {**SCAN, "Segment": 1, "TotalSegments": 1000000,
                                           "ExclusiveStartKey": {"pk": S("item-1")}},
     re.compile("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: 1000000 Segment: 1|" + START + ".*")),
])
refusals(Scans, "Scan", [("a table that there is not", {"TableName": "absent.table"}, "Requested resource not found")],
         type=NOT_FOUND)

if __name__ == "__main__":
    main()

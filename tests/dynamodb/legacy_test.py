"""The parameters that were there before expressions: Expected, AttributeUpdates, KeyConditions, filters, AttributesToGet."""

import re

from harness import FAILED, UNKNOWN, Case, N, S, dump, main, refusals, rows, set_up

ITEM = {"pk": S("item"), "sk": S("1"), "s": S("hello"), "n": N(5), "b": {"B": "AQID"}, "ss": {"SS": ["a", "b"]},
        "l": {"L": [S("x"), N(7)]}, "z": {"NULL": True}}


def setUpModule():
    set_up("Range", "Hash", "RangeN")
    Case().put("Range", ITEM)


def test(operator, *values):
    return {"ComparisonOperator": operator, **({"AttributeValueList": list(values)} if values else {})}


class Conditions(Case):
    """Each row is asked as a filter of a query, as one of a scan, and as what a write expects."""


def holds(self, conditions, expected, operator=None):
    more = {"ConditionalOperator": operator} if operator else {}
    query = {"TableName": "Range", "KeyConditions": {"pk": test("EQ", S("item"))}, "QueryFilter": conditions, **more}
    self.assertEqual(self.ok("Query", query)["Count"] == 1, expected, f"QueryFilter {conditions}")
    scan = {"TableName": "Range", "ScanFilter": conditions, **more}
    self.assertEqual(self.ok("Scan", scan)["Count"] == 1, expected, f"ScanFilter {conditions}")
    write = {"TableName": "Range", "Item": ITEM, "Expected": conditions, **more}
    if expected:
        self.ok("PutItem", write)
    else:
        self.refused("PutItem", write, "The conditional request failed", FAILED)


YES, NO = True, False
rows(Conditions, "condition", [
    ("EQ", {"s": test("EQ", S("hello"))}, YES), ("EQ of another", {"s": test("EQ", S("x"))}, NO), ("EQ of another type",
                                                                                                   {"n": test("EQ", S("5"))}, NO),
    ("EQ of a number", {"n": test("EQ", N("5.0"))}, YES), ("EQ of a set", {"ss": test("EQ", {"SS": ["b", "a"]})},
                                                           YES), ("EQ of a list", {"l": test("EQ", ITEM["l"])}, YES),
    ("EQ of what is absent", {"a": test("EQ", S("x"))}, NO), ("NE", {"s": test("NE", S("x"))}, YES), ("NE of the same",
                                                                                                      {"s": test("NE", S("hello"))},
                                                                                                      NO),
    ("NE of what is absent", {"a": test("NE", S("x"))}, YES), ("LT", {"n": test("LT", N(6))}, YES), ("LT of the same",
                                                                                                     {"n": test("LT", N(5))}, NO),
    ("LE", {"n": test("LE", N(5))}, YES), ("GT", {"n": test("GT", N(4))}, YES), ("GT of the same", {"n": test("GT", N(5))},
                                                                                 NO), ("GE", {"n": test("GE", N(5))}, YES),
    ("LT of another type", {"n": test("LT", S("zzz"))}, NO), ("BETWEEN", {"n": test("BETWEEN", N(5), N(6))},
                                                              YES), ("BETWEEN others", {"n": test("BETWEEN", N(6), N(7))}, NO),
    ("IN", {"n": test("IN", N(4), N(5))}, YES), ("IN of others", {"n": test("IN", N(4), N(6))}, NO), ("NULL", {"a": test("NULL")},
                                                                                                      YES), ("NULL of what is there", {"s": test("NULL")}, NO),
    ("NULL of a null", {"z": test("NULL")}, NO), ("NOT_NULL", {"s": test("NOT_NULL")}, YES), ("NOT_NULL of what is absent",
                                                                                              {"a": test("NOT_NULL")}, NO),
    ("BEGINS_WITH", {"s": test("BEGINS_WITH", S("he"))}, YES), ("BEGINS_WITH another", {"s": test("BEGINS_WITH", S("lo"))},
                                                                NO), ("BEGINS_WITH bytes",
                                                                      {"b": test("BEGINS_WITH", {"B": "AQ=="})}, YES),
    ("CONTAINS", {"s": test("CONTAINS", S("ell"))}, YES), ("CONTAINS in a set", {"ss": test("CONTAINS", S("a"))},
                                                           YES), ("CONTAINS in a list", {"l": test("CONTAINS", N(7))}, YES),
    ("CONTAINS not", {"ss": test("CONTAINS", S("z"))}, NO), ("NOT_CONTAINS", {"s": test("NOT_CONTAINS", S("x"))},
                                                             YES), ("NOT_CONTAINS of what is in",
                                                                    {"ss": test("NOT_CONTAINS", S("a"))}, NO),
    ("two", {"s": test("EQ", S("hello")), "n": test("EQ", N(5))}, YES), ("two, one wrong",
                                                                         {"s": test("EQ", S("hello")), "n": test("EQ", N(6))}, NO),
    ("two, by AND", {"s": test("EQ", S("hello")), "n": test("EQ", N(6))}, NO, "AND"), ("two, by OR",
                                                                                       {"s": test("EQ", S("hello")),
                                                                                        "n": test("EQ", N(6))}, YES, "OR"),
    ("two wrong, by OR", {"s": test("EQ", S("x")), "n": test("EQ", N(6))}, NO, "OR"),
], holds)


class Expected(Case):
    def test_exists_and_value(self):
        item = {"TableName": "Range", "Item": ITEM}
        self.ok("PutItem", {**item, "Expected": {"s": {"Value": S("hello")}}})
        self.ok("PutItem", {**item, "Expected": {"s": {"Value": S("hello"), "Exists": True}}})
        self.ok("PutItem", {**item, "Expected": {"absent": {"Exists": False}}})
        for expected in ({"s": {"Value": S("x")}}, {"s": {"Exists": False}}, {"absent": {"Value": S("x")}}):
            self.refused("PutItem", {**item, "Expected": expected}, "The conditional request failed", FAILED)


KEY = {"TableName": "Range", "Key": {"pk": S("a"), "sk": S("b")}}
WRONG = "One or more parameter values were invalid: "


def arguments(operator):
    return WRONG + f"Invalid number of argument(s) for the {operator} ComparisonOperator"


ARGUMENTS = [
    ("EQ of none", {"a": test("EQ")},
     re.compile(re.escape(WRONG) + r"(Invalid number of argument\(s\) for the EQ ComparisonOperator|"
                                                 r"Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a)")),
    ("EQ of two", {"a": test("EQ", S("a"), S("b"))}, arguments("EQ")), ("NE of two", {"a": test("NE", S("a"), S("b"))},
                                                                        arguments("NE")),
    ("LT of two", {"a": test("LT", N(1), N(2))}, arguments("LT")), ("GE of two", {"a": test("GE", N(1), N(2))}, arguments("GE")),
    ("NULL of one", {"a": test("NULL", S("a"))}, arguments("NULL")), ("NOT_NULL of one", {"a": test("NOT_NULL", S("a"))},
                                                                      arguments("NOT_NULL")),
    ("BETWEEN of one", {"a": test("BETWEEN", N(1))}, arguments("BETWEEN")), ("BETWEEN of three",
                                                                             {"a": test("BETWEEN", N(1), N(2), N(3))},
                                                                             arguments("BETWEEN")),
    ("BEGINS_WITH of two", {"a": test("BEGINS_WITH", S("a"), S("b"))}, arguments("BEGINS_WITH")),
    ("CONTAINS of two", {"a": test("CONTAINS", S("a"), S("b"))}, arguments("CONTAINS")),
    ("LT of a set", {"a": test("LT", {"SS": ["a"]})}, WRONG + "ComparisonOperator LT is not valid for SS AttributeValue type"),
    ("GT of a map", {"a": test("GT", {"M": {}})}, WRONG + "ComparisonOperator GT is not valid for M AttributeValue type"),
    ("LE of a flag", {"a": test("LE", {"BOOL": True})}, WRONG + "ComparisonOperator LE is not valid for BOOL AttributeValue type"),
    ("BETWEEN of lists", {"a": test("BETWEEN", {"L": []}, {"L": []})},
     WRONG + "ComparisonOperator BETWEEN is not valid for L AttributeValue type"),
    ("BEGINS_WITH a number", {"a": test("BEGINS_WITH", N(1))},
     WRONG + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
    ("IN of sets", {"a": test("IN", {"SS": ["a"]})}, WRONG + "ComparisonOperator IN is not valid for SS AttributeValue type"),
    ("CONTAINS a set", {"a": test("CONTAINS", {"SS": ["a"]})},
     WRONG + "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"),
    ("BETWEEN two types", {"a": test("BETWEEN", N(1), S("a"))},
     WRONG + "AttributeValues inside AttributeValueList must be of same type"),
    ("IN of two types", {"a": test("IN", N(1), S("a"))}, WRONG + "AttributeValues inside AttributeValueList must be of same type"),
    ("BETWEEN the wrong way", {"a": test("BETWEEN", N(2), N(1))},
     re.compile(r"(One or more parameter values were invalid: |Invalid \w+: )?The BETWEEN (condition was provided a range where the lower bound is greater than the upper bound|operator requires upper bound .*)")),
    ("an empty value", {"a": test("EQ", {})},
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("a value that is no number", {"a": test("EQ", N("x"))}, "The parameter cannot be converted to a numeric value: x"),
]


class Refused(Case):
    """Table-driven; the rows are below."""


refusals(Refused, "PutItem", [(f"Expected: {name}", {"TableName": "Range", "Item": ITEM, "Expected": conditions}, message) for name,
                              conditions, message in ARGUMENTS])
refusals(Refused, "Scan", [(f"ScanFilter: {name}", {"TableName": "Range", "ScanFilter": conditions}, message) for name, conditions,
                           message in ARGUMENTS])
refusals(Refused, "Query", [(f"QueryFilter: {name}", {"TableName": "Range", "KeyConditions": {"pk": test("EQ", S("a"))},
                                                      "QueryFilter": conditions}, message)
                            for name, conditions, message in ARGUMENTS])
PUT = {"TableName": "Range", "Item": ITEM}
refusals(Refused, "PutItem", [
    ("Expected with an operator and a value", {**PUT, "Expected": {"a": {"ComparisonOperator": "EQ", "Value": S("a"),
                                                                         "AttributeValueList": [S("a")]}}},
     WRONG + "Value and AttributeValueList cannot be used together for Attribute: a"),
    ("Expected with a list and no operator", {**PUT, "Expected": {"a": {"AttributeValueList": [S("a")]}}},
     WRONG + "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"),
    ("Expected with an operator and Exists", {**PUT, "Expected": {"a": {"ComparisonOperator": "NULL", "Exists": False}}},
     WRONG + "Exists and ComparisonOperator cannot be used together for Attribute: a"),
    ("Expected that exists without a value", {**PUT, "Expected": {"a": {"Exists": True}}},
     WRONG + "Value must be provided when Exists is true for Attribute: a"),
    ("Expected of nothing", {**PUT, "Expected": {"a": {}}}, WRONG + "Value must be provided when Exists is null for Attribute: a"),
    ("Expected that does not exist with a value", {**PUT, "Expected": {"a": {"Exists": False, "Value": S("a")}}},
     WRONG + "Value cannot be used when Exists is false for Attribute: a"),
])
MIXED = "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{}}} Expression parameters: {{{}}}"
refusals(Refused, "PutItem", [("Expected with an expression", {**PUT, "Expected": {"a": test("NULL")}, "ConditionExpression": "x"},
                               MIXED.format("Expected", "ConditionExpression"))])
refusals(Refused, "DeleteItem", [("Expected with an expression", {**KEY, "Expected": {"a": test("NULL")},
                                                                  "ConditionExpression": "x"}, MIXED.format("Expected", "ConditionExpression"))])
refusals(Refused, "UpdateItem", [
    ("AttributeUpdates with an expression", {**KEY, "AttributeUpdates": {"a": {}}, "UpdateExpression": "x"},
     MIXED.format("AttributeUpdates", "UpdateExpression")),
    ("Expected with an expression", {**KEY, "Expected": {"a": test("NULL")}, "UpdateExpression": "x"},
     MIXED.format("Expected", "UpdateExpression")),
    ("all of them", {**KEY, "AttributeUpdates": {"a": {}}, "Expected": {"a": test("NULL")}, "UpdateExpression": "x",
                     "ConditionExpression": "y"}, re.compile(
        r"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
        r"\{(AttributeUpdates, Expected|Expected, AttributeUpdates)\} Expression parameters: \{(UpdateExpression, ConditionExpression|ConditionExpression, UpdateExpression)\}")),
    ("no value for PUT", {**KEY, "AttributeUpdates": {"a": {"Action": "PUT"}}},
     WRONG + "Only DELETE action is allowed when no attribute value is specified"),
    ("no value and no action", {**KEY, "AttributeUpdates": {"a": {}}},
     WRONG + "Only DELETE action is allowed when no attribute value is specified"),
    ("ADD of a text", {**KEY, "AttributeUpdates": {"a": {"Action": "ADD", "Value": S("a")}}},
     WRONG + "ADD action is not supported for the type S"),
    ("ADD of a flag", {**KEY, "AttributeUpdates": {"a": {"Action": "ADD", "Value": {"BOOL": True}}}},
     WRONG + "ADD action is not supported for the type BOOL"),
    ("ADD of a map", {**KEY, "AttributeUpdates": {"a": {"Action": "ADD", "Value": {"M": {}}}}},
     WRONG + "ADD action is not supported for the type M"),
    ("DELETE of a text", {**KEY, "AttributeUpdates": {"a": {"Action": "DELETE", "Value": S("a")}}},
     WRONG + "DELETE action with value is not supported for the type S"),
    ("DELETE of a number", {**KEY, "AttributeUpdates": {"a": {"Action": "DELETE", "Value": N(1)}}},
     WRONG + "DELETE action with value is not supported for the type N"),
    ("an empty value", {**KEY, "AttributeUpdates": {"a": {"Value": {}}}},
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("the key", {**KEY, "AttributeUpdates": {"pk": {"Value": S("b")}}},
     WRONG + "Cannot update attribute pk. This attribute is part of the key"),
    ("the key removed", {**KEY, "AttributeUpdates": {"sk": {"Action": "DELETE"}}},
     WRONG + "Cannot update attribute sk. This attribute is part of the key"),
])
refusals(Refused, "GetItem", [
    ("AttributesToGet with an expression", {**KEY, "AttributesToGet": ["a"], "ProjectionExpression": "x"},
     MIXED.format("AttributesToGet", "ProjectionExpression")),
    ("a name twice", {**KEY, "AttributesToGet": ["a", "a"]}, WRONG + "Duplicate value in attribute name: a"),
])
QUERY = {"TableName": "Range"}
refusals(Refused, "Query", [
    ("KeyConditions with an expression", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a"))}, "KeyConditionExpression": "x"},
     MIXED.format("KeyConditions", "KeyConditionExpression")),
    ("AttributesToGet with an expression", {**QUERY, "AttributesToGet": ["a"], "KeyConditionExpression": "x"},
     MIXED.format("AttributesToGet", "KeyConditionExpression")),
    ("QueryFilter with an expression", {**QUERY, "QueryFilter": {"a": test("NULL")}, "KeyConditionExpression": "x"},
     MIXED.format("QueryFilter", "KeyConditionExpression")),
    ("no key condition", QUERY, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ("KeyConditions of none", {**QUERY, "KeyConditions": {}}, UNKNOWN),
    ("the range key alone", {**QUERY, "KeyConditions": {"sk": test("EQ", S("a"))}},
     "Query condition missed key schema element: pk"),
    ("another attribute beside", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a")), "a": test("EQ", S("a"))}},
     "Query condition missed key schema element: sk"),
    ("the hash key less than", {**QUERY, "KeyConditions": {"pk": test("LT", S("a"))}}, "Query key condition not supported"),
    ("the range key unequal", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a")), "sk": test("NE", S("a"))}},
     "Attempted conditional constraint is not an indexable operation"),
    ("the range key contains", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a")), "sk": test("CONTAINS", S("a"))}},
     "Attempted conditional constraint is not an indexable operation"),
    ("the range key in", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a")), "sk": test("IN", S("a"))}},
     "Attempted conditional constraint is not an indexable operation"),
    ("EQ of none", {**QUERY, "KeyConditions": {"pk": test("EQ")}}, arguments("EQ")),
    ("EQ of two", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a"), S("b"))}}, arguments("EQ")),
    ("another type", {**QUERY, "KeyConditions": {"pk": test("EQ", N(1))}},
     WRONG + "Condition parameter type does not match schema type"),
    ("a filter on the key", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a"))}, "QueryFilter": {"pk": test("NOT_NULL")}},
     re.compile(
        r"QueryFilter can only contain non-primary key attributes: Primary key attribute: pk|Filter Expression can only contain non-primary key attributes: Primary key attribute: pk")),
    ("three conditions", {**QUERY, "KeyConditions": {"pk": test("EQ", S("a")), "sk": test("EQ", S("a")), "x": test("EQ", S("a"))}},
     UNKNOWN),
])
refusals(Refused, "Scan", [
    ("ScanFilter with an expression", {**QUERY, "ScanFilter": {"a": test("NULL")}, "FilterExpression": "x"},
     MIXED.format("ScanFilter", "FilterExpression")),
    ("AttributesToGet with an expression", {**QUERY, "AttributesToGet": ["a"], "ProjectionExpression": "x"},
     MIXED.format("AttributesToGet", "ProjectionExpression")),
])


class Updates(Case):
    """AttributeUpdates."""

    OLD = {"n": N(5), "s": S("hello"), "ss": {"SS": ["a", "b"]}, "l": {"L": [N(1)]}}


def makes(self, updates, changes):
    key = {"TableName": "Hash", "Key": {"pk": S("legacy")}}
    self.put("Hash", {**key["Key"], **self.OLD})
    self.ok("UpdateItem", {**key, "AttributeUpdates": updates})
    got = self.ok("GetItem", key)["Item"]
    for value in got.values():
        if "SS" in value:
            value["SS"].sort()
    self.assertEqual(dump(got), dump({name: value for name, value in {**key["Key"], **self.OLD,
                                                                      **changes}.items() if value is not None}))


rows(Updates, "update", [
    ("PUT", {"a": {"Action": "PUT", "Value": N(1)}}, {"a": N(1)}), ("PUT is what is meant when nothing is said",
                                                                    {"n": {"Value": S("x")}}, {"n": S("x")}),
    ("DELETE", {"n": {"Action": "DELETE"}}, {"n": None}), ("DELETE of what is absent", {"a": {"Action": "DELETE"}}, {}),
    ("DELETE from a set", {"ss": {"Action": "DELETE", "Value": {"SS": ["a", "z"]}}}, {"ss": {"SS": ["b"]}}),
    ("DELETE of a whole set", {"ss": {"Action": "DELETE", "Value": {"SS": ["a", "b"]}}}, {"ss": None}),
    ("ADD to a number", {"n": {"Action": "ADD", "Value": N(-7)}}, {"n": N(-2)}), ("ADD to nothing",
                                                                                  {"a": {"Action": "ADD", "Value": N(2)}},
                                                                                  {"a": N(2)}),
    ("ADD to a set", {"ss": {"Action": "ADD", "Value": {"SS": ["c"]}}}, {"ss": {"SS": ["a", "b", "c"]}}),
    ("several", {"a": {"Value": N(1)}, "n": {"Action": "DELETE"}}, {"a": N(1), "n": None}),
    ("a name with a dot", {"a.b": {"Value": N(1)}}, {"a.b": N(1)}),
], makes)
refusals(Updates, "UpdateItem", [
    ("ADD to a text", {"TableName": "Hash", "Key": {"pk": S("legacy")}, "AttributeUpdates": {"s": {"Action": "ADD",
                                                                                                   "Value": N(1)}}}, "Type mismatch for attribute to update"),
    ("ADD of another set", {"TableName": "Hash", "Key": {"pk": S("legacy")},
                            "AttributeUpdates": {"ss": {"Action": "ADD", "Value": {"NS": ["1"]}}}},
     "Type mismatch for attribute to update"),
    ("DELETE from another set", {"TableName": "Hash", "Key": {"pk": S("legacy")},
                                 "AttributeUpdates": {"ss": {"Action": "DELETE", "Value": {"NS": ["1"]}}}},
     "Type mismatch for attribute to update"),
])
Updates.setUp = lambda self: self.put("Hash", {"pk": S("legacy"), **self.OLD})


class Reads(Case):
    @classmethod
    def setUpClass(cls):
        for sk in range(10):
            Case().put("RangeN", {"pk": S("p"), "sk": N(sk), "v": N(sk % 2), "s": S(f"x{sk}")})

    def found(self, **members):
        answer = self.ok("Query", {"TableName": "RangeN", **members})
        return [int(item["sk"]["N"]) for item in answer["Items"]]

    def test_key_conditions_of_each_kind(self):
        pk = test("EQ", S("p"))
        for operator, values, expected in (("EQ", [3], [3]), ("LT", [3], [0, 1, 2]), ("LE", [3], [0, 1, 2, 3]), ("GT", [7], [8, 9]),
                                           ("GE", [7], [7, 8, 9]),
                                           ("BETWEEN", [3, 5], [3, 4, 5])):
            self.assertEqual(self.found(KeyConditions={"pk": pk, "sk": test(operator, *map(N, values))}), expected, operator)
        self.assertEqual(self.found(KeyConditions={"pk": pk}, QueryFilter={"v": test("EQ", N(1))}), [1, 3, 5, 7, 9])

    def test_attributes_to_get(self):
        got = self.ok("GetItem", {"TableName": "RangeN", "Key": {"pk": S("p"), "sk": N(3)},
                                  "AttributesToGet": ["v", "absent", "pk"]})
        self.assertEqual(got["Item"], {"v": N(1), "pk": S("p")})
        scanned = self.ok("Scan", {"TableName": "RangeN", "AttributesToGet": ["s"]})["Items"]
        self.assertTrue(all(set(item) == {"s"} for item in scanned))


if __name__ == "__main__":
    main()

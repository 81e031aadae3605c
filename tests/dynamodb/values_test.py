"""Attribute values: what is stored comes back as DynamoDB writes it, what cannot be stored is refused in its words; keys and sizes."""

import base64
import re

from harness import UNKNOWN, Case, N, S, dump, main, refusals, rows, set_up


def setUpModule():
    set_up("Hash", "HashN", "HashB", "Range", "RangeN", "RangeB", "Indexed")


def B(data):
    return {"B": base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()}


def nested(levels, core):
    for _ in range(levels):
        core = {"L": [core]}
    return core


class Stored(Case):
    """Put, then got."""


def comes_back(self, value, expected=None):
    self.put("Hash", {"pk": S("stored"), "v": value})
    got = self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("stored")}, "ConsistentRead": True})["Item"]
    self.assertEqual(dump(got), dump({"pk": S("stored"), "v": expected or value}))


def set_comes_back(self, kind, values, expected):
    self.put("Hash", {"pk": S("set"), "v": {kind: values}})
    got = self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("set")}})["Item"]["v"]
    self.assertEqual(({kind: sorted(got[kind])}), {kind: sorted(expected)})


rows(Stored, "value", [
    ("a text", S("hello")),
    ("an empty text", S("")),
    ("a text of all planes", S("a\u00e9\u4e16\U0001f30a\ufffd")),
    ("a text of control characters", S("\0\x01\n\t\x7f\u2028")),
    ("a text of quotes", S("\"\\/'")),
    ("bytes", B(bytes(range(256)))),
    ("no bytes", B(b"")),
    ("true", {"BOOL": True}),
    ("false", {"BOOL": False}),
    ("null", {"NULL": True}),
    ("an empty list", {"L": []}),
    ("an empty map", {"M": {}}),
    ("a list of all types", {"L": [S("a"), N(1), B("b"), {"BOOL": False}, {"NULL": True}, {"SS": ["a"]}, {"NS": ["1"]},
                                   {"BS": ["Yg=="]}, {"L": []}, {"M": {}}]}),
    ("a map of all types", {"M": {"s": S("a"), "n": N(1), "b": B("b"), "t": {"BOOL": True}, "u": {"NULL": True}, "l": {"L": [N(2)]},
                                  "m": {"M": {"a.b": S("x")}}}}),
    ("empty texts in a list", {"L": [S(""), S("")]}),
    ("31 levels of lists", nested(30, {"L": [S("a")]})),
    ("names with dots, spaces and signs", {"M": {"a.b": S("1"), "c d": S("2"), "#e": S("3"), ":f": S("4"), "[0]": S("5")}}),
], comes_back)
rows(Stored, "number", [(f"the number {text}", N(text), N(expected)) for text, expected in [
    ("0", "0"), ("-0", "0"), ("0.0", "0"), ("000", "0"), ("1", "1"), ("-1", "-1"), ("+1", "1"), ("007", "7"), ("1.0", "1"), ("1.50",
                                                                                                                             "1.5"),
    ("-1.50", "-1.5"), ("100", "100"), ("1e2", "100"), ("1E2", "100"), ("1E+2", "100"), ("1e-2", "0.01"), ("0.1", "0.1"), (".5",
                                                                                                                           "0.5"),
    ("-.5", "-0.5"), ("0.00001", "0.00001"), ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ("-12345678901234567890123456789012345678", "-12345678901234567890123456789012345678"),
    ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
    ("1234567890123456789.0123456789012345678", "1234567890123456789.0123456789012345678"),
    ("1E125", "1" + "0" * 125), ("-1E125", "-1" + "0" * 125), ("9.9999999999999999999999999999999999999E+125", "9" * 38 + "0" * 88),
    ("1E-130", "0." + "0" * 129 + "1"), ("-1E-130", "-0." + "0" * 129 + "1"), ("0E200", "0"),
    ("1" + "0" * 100, "1" + "0" * 100), ("123E-3", "0.123"), ("0.000123E5", "12.3"),
    ("00000000000000000000000000000000000000000000001", "1"), ("1.00000000000000000000000000000000000000000000", "1"),
]], comes_back)
rows(Stored, "set", [
    ("texts", "SS", ["b", "a", "c"], ["a", "b", "c"]),
    ("one text", "SS", ["a"], ["a"]),
    ("texts that differ in case", "SS", ["a", "A"], ["A", "a"]),
    ("texts, one of them empty", "SS", ["", "a"], ["", "a"]),
    ("numbers", "NS", ["2", "1.0", "-3e1"], ["2", "1", "-30"]),
    ("bytes", "BS", ["Yg==", "YQ=="], ["YQ==", "Yg=="]),
], set_comes_back)


class Refused(Case):
    """What cannot be stored. The table is there and the key is right."""


def item(value):
    return {"TableName": "Hash", "Item": {"pk": S("refused"), "v": value}}


EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
MANY = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
DIGITS = "Attempting to store more than 38 significant digits in a Number"
OVER = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDER = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
WRONG = "One or more parameter values were invalid: "


def number(text):
    return f"The parameter cannot be converted to a numeric value: {text}"


BAD = [
    ("no type", {}, EMPTY),
    ("a type that there is not", {"X": "a"}, EMPTY),
    ("a type in small letters", {"s": "a"}, EMPTY),
    ("two types", {"S": "a", "N": "1"}, MANY),
    ("a null type", {"S": None}, EMPTY),
    ("two types of sets", {"SS": ["a"], "NS": ["1"]}, MANY),
    ("a false null", {"NULL": False}, WRONG + "Null attribute value types must have the value of true"),
    ("no texts", {"SS": []}, WRONG + "An string set  may not be empty"),
    ("no numbers", {"NS": []}, WRONG + "An number set  may not be empty"),
    ("no bytes", {"BS": []}, WRONG + "Binary sets should not be empty"),
    ("a text twice", {"SS": ["a", "a"]}, WRONG + "Input collection [a, a] contains duplicates."),
    ("a text twice among others", {"SS": ["a", "b", "a"]}, WRONG + "Input collection [a, b, a] contains duplicates."),
    ("a number twice", {"NS": ["1", "1"]}, "Input collection contains duplicates"),
    ("a number twice in two ways", {"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
    ("bytes twice", {"BS": ["Yg==", "Yg=="]}, WRONG + "Input collection [Yg==, Yg==]of type BS contains duplicates."),
    ("a number that is no number", N("abc"), number("abc")),
    ("an empty number", N(""), "The parameter cannot be converted to a numeric value"),
    ("a number with a unit", N("1kg"), number("1kg")),
    ("a hexadecimal number", N("0x10"), number("0x10")),
    ("two numbers", N("1 2"), number("1 2")),
    ("not a number", N("NaN"), number("NaN")),
    ("infinity", N("Infinity"), number("Infinity")),
    ("a number with a comma", N("1,000"), number("1,000")),
    ("an exponent without digits", N("1e"), number("1e")),
    ("a sign alone", N("-"), number("-")),
    ("39 digits", N("1" * 39), DIGITS),
    ("39 digits behind the point", N("0." + "1" * 39), DIGITS),
    ("39 digits around the point", N("1" * 20 + "." + "1" * 19), DIGITS),
    ("a number too large", N("1E126"), OVER),
    ("a negative number too large", N("-1E126"), OVER),
    ("a number too large by its digits", N("1" + "0" * 126), OVER),
    ("a number too small", N("1E-131"), UNDER),
    ("a negative number too small", N("-1E-131"), UNDER),
    ("a set with a number that is no number", {"NS": ["1", "b"]}, number("b")),
    ("a set with a number too large", {"NS": ["1", "1E126"]}, OVER),
    ("a set with 39 digits", {"NS": ["1" * 39]}, DIGITS),
]
refusals(Refused, "PutItem", [(name, item(value), message) for name, value, message in BAD])
refusals(Refused, "PutItem", [("in a list: " + name, item({"L": [S("x"), value]}), message) for name, value, message in BAD[:22]])
refusals(Refused, "PutItem", [("in a map: " + name, item({"M": {"a": S("x"), "b": value}}), message) for name, value,
                              message in BAD[:22]])
refusals(Refused, "UpdateItem", [
    ("in a value of an expression: " + name, {
        "TableName": "Hash", "Key": {"pk": S("refused")}, "UpdateExpression": "SET v = :v",
        "ExpressionAttributeValues": {":v": value}},
     re.compile(r"ExpressionAttributeValues contains invalid value: " + re.escape(message) + r";? for key :v"))
    for name, value, message in BAD])
refusals(Refused, "PutItem", [
    ("more than 32 levels", item(nested(40, S("a"))), re.compile(r"Nesting Levels have exceeded supported limits.*")),
    ("more than 32 levels of maps", item({"M": {"a": nested(33, S("a"))}}),
     re.compile(r"Nesting Levels have exceeded supported limits.*")),
])


def empty_key(kind, name="pk"):
    return re.compile(r"One or more parameter values (are not valid\.|were invalid:) The AttributeValue for a key attribute cannot "
                      rf"contain an empty {kind} value\. Key: {name}")


def put(table, **attributes):
    return {"TableName": table, "Item": attributes}


def key(table, **attributes):
    return {"TableName": table, "Key": attributes}


SCHEMA = "The provided key element does not match the schema"
# Which of the two is told for a key with a member too many or too few is not certain.
COUNT = re.compile(r"The provided key element does not match the schema|The number of conditions on the keys is invalid")
HASH_SIZE = WRONG + "Size of hashkey has exceeded the maximum size limit of2048 bytes"
RANGE_SIZE = WRONG + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"


class Keys(Case):
    def test_keys_of_each_type_lead_to_their_items(self):
        for table, value in (("Hash", S("k")), ("HashN", N("-1.5")), ("HashB", B(b"\0\xff"))):
            self.put(table, {"pk": value, "v": S(table)})
            self.assertEqual(self.ok("GetItem", key(table, pk=value))["Item"]["v"], S(table))
        for table, value in (("Range", S("k")), ("RangeN", N("1e3")), ("RangeB", B(b"\0\xff"))):
            self.put(table, {"pk": S("a"), "sk": value, "v": S(table)})
            self.assertEqual(self.ok("GetItem", key(table, pk=S("a"), sk=value))["Item"]["v"], S(table))

    def test_numbers_that_are_equal_are_one_key(self):
        self.put("HashN", {"pk": N("10"), "v": S("first")}, {"pk": N("1e1"), "v": S("second")})
        self.assertEqual(self.ok("GetItem", key("HashN", pk=N("10.0")))["Item"], {"pk": N("10"), "v": S("second")})

    def test_the_longest_keys_are_taken(self):
        for pk in ("h" * 2048, "\u00e9" * 1024):
            self.put("Range", {"pk": S(pk), "sk": S("r" * 1024), "v": S("x")})
            self.assertEqual(self.ok("GetItem", key("Range", pk=S(pk), sk=S("r" * 1024)))["Item"]["v"], S("x"))

    def test_an_item_may_have_400_kilobytes_with_its_names_and_no_more(self):
        largest = 400 * 1024 - len("pk" + "a" + "big")
        self.put("Hash", {"pk": S("a"), "big": S("x" * largest)})
        self.refused("PutItem", put("Hash", pk=S("a"), big=S("x" * (largest + 1))),
                     "Item size has exceeded the maximum allowed size")
        self.put("Hash", {"pk": S("a"), "big": B(b"x" * largest)})
        self.put("Hash", {"pk": S("a"), "big": {"L": [S("x" * (largest - 4))]}})
        self.refused("PutItem", put("Hash", pk=S("a"), big={"L": [S("x" * (largest - 3))]}),
                     "Item size has exceeded the maximum allowed size")
        self.put("Hash", {"pk": S("a"), "big": {"SS": ["x" * (largest - 1), "y"]}})
        self.refused("PutItem", put("Hash", pk=S("a"), big={"SS": ["x" * largest, "y"]}),
                     "Item size has exceeded the maximum allowed size")

    def test_an_update_may_not_make_an_item_too_large(self):
        self.put("Hash", {"pk": S("grows"), "a": S("x" * 300000)})
        self.refused("UpdateItem", {**key("Hash", pk=S("grows")), "UpdateExpression": "SET b = :b",
                                    "ExpressionAttributeValues": {":b": S("x" * 150000)}},
                     "Item size to update has exceeded the maximum allowed size")
        self.assertNotIn("b", self.ok("GetItem", key("Hash", pk=S("grows")))["Item"])


refusals(Keys, "PutItem", [
    ("no key", put("Hash", a=S("a")), WRONG + "Missing the key pk in the item"),
    ("no attribute", put("Hash"), WRONG + "Missing the key pk in the item"),
    ("no range key", put("Range", pk=S("a")), WRONG + "Missing the key sk in the item"),
    ("no hash key", put("Range", sk=S("a")), WRONG + "Missing the key pk in the item"),
    ("a key of another type", put("Hash", pk=N(1)), WRONG + "Type mismatch for key pk expected: S actual: N"),
    ("a key of bytes", put("Hash", pk=B("a")), WRONG + "Type mismatch for key pk expected: S actual: B"),
    ("a key that is a map", put("Hash", pk={"M": {}}), WRONG + "Type mismatch for key pk expected: S actual: M"),
    ("a key that is null", put("Hash", pk={"NULL": True}), WRONG + "Type mismatch for key pk expected: S actual: NULL"),
    ("a key that is a set", put("HashN", pk={"NS": ["1"]}), WRONG + "Type mismatch for key pk expected: N actual: NS"),
    ("a range key of another type", put("Range", pk=S("a"), sk=N(1)), WRONG + "Type mismatch for key sk expected: S actual: N"),
    ("a number for bytes", put("RangeB", pk=S("a"), sk=N(1)), WRONG + "Type mismatch for key sk expected: B actual: N"),
    ("an empty key", put("Hash", pk=S("")), empty_key("string")),
    ("an empty key of bytes", put("HashB", pk=B("")), empty_key("binary")),
    ("an empty range key", put("Range", pk=S("a"), sk=S("")), empty_key("string", "sk")),
    ("a hash key too long", put("Hash", pk=S("a" * 2049)), HASH_SIZE),
    ("a hash key too long in bytes", put("Hash", pk=S("\u00e9" * 1025)), HASH_SIZE),
    ("a hash key of too many bytes", put("HashB", pk=B("a" * 2049)), HASH_SIZE),
    ("a range key too long", put("Range", pk=S("a"), sk=S("a" * 1025)), RANGE_SIZE),
    ("a range key of too many bytes", put("RangeB", pk=S("a"), sk=B("a" * 1025)), RANGE_SIZE),
    ("an index key of another type", put("Indexed", pk=S("a"), sk=S("a"), gk=N(1)),
     WRONG + "Type mismatch for Index Key gk Expected: S Actual: N IndexName: gsi-all"),
    ("an index's range key of another type", put("Indexed", pk=S("a"), sk=S("a"), gs=S("1")),
     re.compile(re.escape(WRONG) + r"Type mismatch for Index Key gs Expected: N Actual: S IndexName: gsi-(all|some)")),
    ("a local index's key of another type", put("Indexed", pk=S("a"), sk=S("a"), ls={"BOOL": True}),
     re.compile(re.escape(WRONG) + r"Type mismatch for Index Key ls Expected: N Actual: BOOL IndexName: lsi-(all|keys)")),
    ("an index key that is empty", put("Indexed", pk=S("a"), sk=S("a"), gk=S("")), re.compile(
        r"One or more parameter values are not valid\. A value specified for a secondary index key is not supported\. The AttributeValue "
        r"for a key attribute cannot contain an empty string value\. IndexName: gsi-\w+, IndexKey: gk")),
    ("an index's hash key too long", put("Indexed", pk=S("a"), sk=S("a"), gk=S("a" * 2049)), UNKNOWN),
    ("an index's range key too long", put("Indexed", pk=S("a"), sk=S("a"), lt=S("a" * 1025)), UNKNOWN),
])
KEYED = [
    ("another name", key("Hash", a=S("a")), SCHEMA),
    ("another type", key("Hash", pk=N(1)), SCHEMA),
    ("a map", key("Hash", pk={"M": {}}), SCHEMA),
    ("null", key("Hash", pk={"NULL": True}), SCHEMA),
    ("a member too many", key("Hash", pk=S("a"), sk=S("b")), COUNT),
    ("no member", key("Hash"), COUNT),
    ("no range key", key("Range", pk=S("a")), COUNT),
    ("no hash key", key("Range", sk=S("a")), COUNT),
    ("another range key", key("Range", pk=S("a"), rk=S("b")), SCHEMA),
    ("another type of range key", key("Range", pk=S("a"), sk=N(1)), SCHEMA),
    ("three members", key("Range", pk=S("a"), sk=S("b"), x=S("c")), COUNT),
    ("an empty text", key("Hash", pk=S("")), empty_key("string")),
    ("no bytes", key("HashB", pk=B("")), empty_key("binary")),
    ("an empty range key", key("Range", pk=S("a"), sk=S("")), empty_key("string", "sk")),
    ("a hash key too long", key("Hash", pk=S("a" * 2049)), HASH_SIZE),
    ("a range key too long", key("Range", pk=S("a"), sk=S("a" * 1025)), RANGE_SIZE),
    ("no number", key("HashN", pk=N("x")), number("x")),
    ("an empty value", key("Hash", pk={}), EMPTY),
]
for operation in ("GetItem", "DeleteItem", "UpdateItem"):
    refusals(Keys, operation, KEYED)

if __name__ == "__main__":
    main()

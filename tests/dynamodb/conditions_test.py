"""What conditions say of an item: each row is asked as a filter of a query and as the condition of a write."""

import re

from harness import FAILED, Case, N, S, main, rows, set_up

ITEM = {
    "pk": S("item"), "sk": S("1"), "s": S("hello"), "e": S(""), "n": N(5), "neg": N(-5), "big": N("1E100"), "b": {"B": "AQID"},
    "t": {"BOOL": True},
    "f": {"BOOL": False}, "z": {"NULL": True}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AQ==", "Ag=="]},
    "l": {"L": [S("x"), N(7), {"M": {"k": S("v")}}, {"L": [N(1)]}]}, "m": {"M": {"a": N(1), "b": S("two"),
                                                                                 "c": {"L": [S("deep")]}}},
    "a.b": S("dotted"), "status": S("on"), "s2": S("hello"), "n2": N("5.0"), "five": S("5")}
VALUES = {
    ":hello": S("hello"), ":he": S("he"), ":ell": S("ell"), ":empty": S(""), ":zed": S("zed"), ":a": S("a"), ":c": S("c"),
    ":x": S("x"), ":v": S("v"),
    ":deep": S("deep"), ":dotted": S("dotted"), ":on": S("on"), ":5": N(5), ":5.0": N("5.0"), ":4": N(4), ":6": N(6),
    ":m10": N(-10), ":0": N(0),
    ":1": N(1), ":2": N(2), ":3": N(3), ":7": N(7), ":s5": S("5"), ":b": {"B": "AQID"}, ":b1": {"B": "AQ=="}, ":b2": {"B": "AgM="},
    ":t": {"BOOL": True},
    ":f": {"BOOL": False}, ":z": {"NULL": True}, ":ss": {"SS": ["b", "a"]}, ":ssa": {"SS": ["a"]}, ":ns": {"NS": ["2",
                                                                                                                  "1.0"]}, ":bs": {"BS": ["Ag==", "AQ=="]},
    ":l": {"L": [S("x"), N(7), {"M": {"k": S("v")}}, {"L": [N("1.0")]}]}, ":m": {"M": {"b": S("two"), "c": {"L": [S("deep")]},
                                                                                       "a": N(1)}},
    ":mk": {"M": {"k": S("v")}}, ":tS": S("S"), ":tN": S("N"), ":tB": S("B"), ":tSS": S("SS"), ":tNS": S("NS"), ":tBS": S("BS"),
    ":tL": S("L"), ":tM": S("M"),
    ":tNULL": S("NULL"), ":tBOOL": S("BOOL"), ":big": N("9.99E99")}
VALUES = {name.replace(".", "_"): value for name, value in VALUES.items()}
NAMES = {"#ab": "a.b", "#status": "status", "#s": "s", "#m": "m", "#k": "k"}


def named(text, placeholders):
    return {name: value for name, value in placeholders.items() if re.search(re.escape(name) + r"(?!\w)", text)}


def setUpModule():
    set_up("Range")
    Case().put("Range", ITEM)


class Conditions(Case):
    """Table-driven; the rows are below."""


def holds(self, text, expected):
    names, values = named(text, NAMES), named(text, VALUES)
    query = {"TableName": "Range", "KeyConditionExpression": "pk = :pk", "FilterExpression": text,
             "ExpressionAttributeValues": {**values, ":pk": S("item")}, **({"ExpressionAttributeNames": names} if names else {})}
    self.assertEqual(self.ok("Query", query)["Count"] == 1, expected, "as a filter: " + text)
    write = {"TableName": "Range", "Item": ITEM, "ConditionExpression": text,
             **({"ExpressionAttributeNames": names} if names else {}),
             **({"ExpressionAttributeValues": values} if values else {})}
    if expected:
        self.ok("PutItem", write)
    else:
        self.refused("PutItem", write, "The conditional request failed", FAILED)


YES, NO = True, False
rows(Conditions, "condition", [(text, text, expected) for text, expected in [
    ("s = :hello", YES), ("s = :he", NO), (":hello = s", YES), ("s <> :he", YES), ("s <> :hello", NO), ("s = s2", YES), ("s <> s2",
                                                                                                                         NO),
    ("n = :5", YES), ("n = :5_0", YES), ("n = n2", YES), ("n = :s5", NO), ("n <> :s5", YES), ("five = :5", NO), ("n < :6",
                                                                                                                 YES), ("n < :5",
                                                                                                                        NO),
    ("n <= :5", YES), ("n > :4", YES), ("n > :5", NO), ("n >= :5", YES), ("n >= :6", NO), ("neg < :0", YES), ("neg > :m10",
                                                                                                              YES), ("big > :big",
                                                                                                                     YES),
    ("n < :hello", NO), ("n > :hello", NO), ("s < :zed", YES), ("s > :zed", NO), ("s > :he", YES), ("s >= :empty",
                                                                                                    YES), ("e = :empty", YES),
    ("b = :b", YES), ("b > :b1", YES), ("b < :b2", YES), ("b = :hello", NO), ("t = :t", YES), ("t = :f", NO), ("t <> :f",
                                                                                                               YES), ("f = :f",
                                                                                                                      YES),
    ("z = :z", YES), ("z <> :z", NO), ("z = :f", NO), ("ss = :ss", YES), ("ss = :ssa", NO), ("ss <> :ssa", YES), ("ns = :ns",
                                                                                                                  YES), ("bs = :bs",
                                                                                                                         YES),
    ("l = :l", YES), ("m = :m", YES), ("m = :mk", NO), ("l[2] = :mk", YES), ("absent = :hello", NO), ("absent <> :hello",
                                                                                                      YES), ("absent < :5", NO),
    ("absent = gone", NO),
    ("m.a = :1", YES), ("m.b = :hello", NO), ("m.c[0] = :deep", YES), ("m.c[1] = :deep", NO), ("l[0] = :x", YES), ("l[1] = :7",
                                                                                                                   YES), ("l[2].k = :v", YES),
    ("l[3][0] = :1", YES), ("l[9] = :1", NO), ("m.absent = :1", NO), ("s.a = :1", NO), ("l.a = :1", NO), ("m[0] = :1",
                                                                                                          NO), ("#ab = :dotted",
                                                                                                                YES),
    ("#status = :on", YES), ("#m.a = :1", YES), ("l[2].#k = :v", YES), ("s=:hello", YES), ("s\n=\t:hello", YES),
    ("n BETWEEN :4 AND :6", YES), ("n BETWEEN :5 AND :5", YES), ("n BETWEEN :6 AND :7", NO), ("s BETWEEN :a AND :zed",
                                                                                              YES), ("s BETWEEN :a AND :c", NO),
    (":5 BETWEEN neg AND n", YES), ("absent BETWEEN :4 AND :6", NO), ("s BETWEEN :4 AND :6", NO), ("n between :4 and :6", YES),
    ("n IN (:4, :5)", YES), ("n IN (:4)", NO), ("n in (:4, :6, :5_0)", YES), ("s IN (:5, :hello)", YES), ("absent IN (:5)",
                                                                                                          NO), (":5 IN (neg, n)",
                                                                                                                YES),
    ("ss IN (:ss)", YES), ("l IN (:m, :l)", YES),
    ("attribute_exists(s)", YES), ("attribute_exists(absent)", NO), ("attribute_exists(m.a)", YES), ("attribute_exists(m.z)", NO),
    ("attribute_exists(l[3])", YES), ("attribute_exists(l[4])", NO), ("attribute_exists(z)", YES), ("attribute_not_exists(absent)",
                                                                                                    YES),
    ("attribute_not_exists(s)", NO), ("attribute_not_exists(m.z)", YES), ("attribute_not_exists(s.a)",
                                                                          YES), ("attribute_exists(#ab)", YES),
    ("attribute_type(s, :tS)", YES), ("attribute_type(s, :tN)", NO), ("attribute_type(n, :tN)", YES), ("attribute_type(b, :tB)",
                                                                                                       YES),
    ("attribute_type(t, :tBOOL)", YES), ("attribute_type(z, :tNULL)", YES), ("attribute_type(ss, :tSS)",
                                                                             YES), ("attribute_type(ns, :tNS)", YES),
    ("attribute_type(bs, :tBS)", YES), ("attribute_type(l, :tL)", YES), ("attribute_type(m, :tM)",
                                                                         YES), ("attribute_type(m.a, :tN)", YES),
    ("attribute_type(absent, :tS)", NO), ("attribute_type(l[0], :tS)", YES),
    ("begins_with(s, :he)", YES), ("begins_with(s, :hello)", YES), ("begins_with(s, :ell)", NO), ("begins_with(s, :empty)",
                                                                                                  YES), ("begins_with(b, :b1)",
                                                                                                         YES),
    ("begins_with(b, :b2)", NO), ("begins_with(n, :he)", NO), ("begins_with(absent, :he)", NO), ("begins_with(s, :b1)",
                                                                                                 NO), ("begins_with(m.b, :x)", NO),
    ("begins_with(l[0], :x)", YES),
    ("contains(s, :ell)", YES), ("contains(s, :x)", NO), ("contains(s, :5)", NO), ("contains(b, :b1)", YES), ("contains(ss, :a)",
                                                                                                              YES), ("contains(ss, :c)", NO),
    ("contains(ns, :1)", YES), ("contains(ns, :3)", NO), ("contains(ns, :a)", NO), ("contains(bs, :b1)", YES), ("contains(l, :x)",
                                                                                                                YES), ("contains(l, :7)", YES),
    ("contains(l, :mk)", YES), ("contains(l, :a)", NO), ("contains(m, :1)", NO), ("contains(absent, :a)", NO), ("contains(n, :5)",
                                                                                                                NO),
    ("contains(:hello, s)", YES), ("contains(m.c, :deep)", YES),
    ("size(s) = :5", YES), ("size(e) = :0", YES), ("size(b) = :3", YES), ("size(ss) = :2", YES), ("size(ns) = :2",
                                                                                                  YES), ("size(bs) = :2", YES),
    ("size(l) = :4", YES), ("size(m) = :3", YES), ("size(n) = :5", NO), ("size(t) = :1", NO), ("size(absent) = :0",
                                                                                               NO), ("size(absent) < :5", NO),
    ("size(s) > size(ss)", YES), ("size(m.b) = :3", YES), ("size(s) BETWEEN :4 AND :6", YES), ("size(s) IN (:4, :5)",
                                                                                               YES), (":4 < size(s)", YES),
    ("s = :hello AND n = :5", YES), ("s = :hello AND n = :4", NO), ("s = :he OR n = :5", YES), ("s = :he OR n = :4",
                                                                                                NO), ("NOT s = :he", YES),
    ("NOT s = :hello", NO), ("NOT NOT s = :hello", YES), ("NOT absent = :5", YES), ("s = :hello OR s = :he AND n = :4", YES),
    ("(s = :hello OR s = :he) AND n = :4", NO), ("NOT s = :he AND n = :4", NO), ("NOT (s = :he AND n = :4)",
                                                                                 YES), ("not s = :he and n = :5 or n = :4", YES),
    ("s = :he AND n = :4 OR t = :t", YES), ("n BETWEEN :4 AND :6 AND s = :hello",
                                            YES), ("NOT attribute_exists(absent) AND NOT contains(ss, :c)", YES),
    ("(((s = :hello) AND n = :5) OR t = :f)", YES),
]], holds)


class Failures(Case):
    """What comes back when a condition does not hold."""

    KEY = {"TableName": "Range", "Key": {"pk": S("kept"), "sk": S("1")}}

    def setUp(self):
        self.put("Range", {**self.KEY["Key"], "v": N(1)})

    def test_the_item_is_told_when_that_is_asked(self):
        for operation, members in (("PutItem", {"TableName": "Range", "Item": {**self.KEY["Key"], "v": N(2)}}),
                                   ("DeleteItem", self.KEY),
                                   ("UpdateItem", {**self.KEY, "UpdateExpression": "SET w = v"})):
            request = {**members, "ConditionExpression": "attribute_not_exists(v)"}
            plain = self.refused(operation, request, "The conditional request failed", FAILED)
            self.assertNotIn("Item", plain)
            told = self.refused(operation, {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
                                "The conditional request failed", FAILED)
            self.assertEqual(told["Item"], {**self.KEY["Key"], "v": N(1)})
        self.assertEqual(self.ok("GetItem", self.KEY)["Item"], {**self.KEY["Key"], "v": N(1)})

    def test_no_item_is_told_where_there_is_none(self):
        told = self.refused("DeleteItem", {"TableName": "Range", "Key": {"pk": S("none"), "sk": S("1")},
                                           "ConditionExpression": "attribute_exists(v)",
                                           "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}, "The conditional request failed", FAILED)
        self.assertNotIn("Item", told)

    def test_an_item_that_is_not_there_is_an_empty_one(self):
        absent = {"TableName": "Range", "Key": {"pk": S("none"), "sk": S("1")}}
        self.ok("DeleteItem", {**absent, "ConditionExpression": "attribute_not_exists(pk)"})
        self.refused("DeleteItem", {**absent, "ConditionExpression": "attribute_exists(pk)"}, "The conditional request failed",
                     FAILED)
        self.refused("UpdateItem", {**absent, "UpdateExpression": "SET v = :v", "ConditionExpression": "v = :v",
                                    "ExpressionAttributeValues": {":v": N(1)}}, "The conditional request failed", FAILED)
        self.assertNotIn("Item", self.ok("GetItem", absent))


if __name__ == "__main__":
    main()

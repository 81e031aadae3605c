"""What updates make of an item, and what they answer."""

import re

from harness import UNKNOWN, Case, N, S, dump, main, rows, set_up


def setUpModule():
    set_up("Hash")


OLD = {"n": N(5), "s": S("hello"), "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AQ=="]},
       "l": {"L": [N(1), N(2), N(3)]},
       "m": {"M": {"a": N(1), "b": {"M": {"c": S("deep")}}, "l": {"L": [S("x")]}}}, "z": {"NULL": True}}
VALUES = {":1": N(1), ":2": N(2), ":m7": N(-7), ":half": N("0.5"), ":s": S("new"), ":l": {"L": [N(8), N(9)]}, ":e": {"L": []},
          ":o": {"M": {"q": N(1)}},
          ":ssb": {"SS": ["b", "c"]}, ":ssab": {"SS": ["a", "b"]}, ":ssz": {"SS": ["z"]}, ":ns": {"NS": ["2.0",
                                                                                                         "3"]}, ":bs": {"BS": ["Ag=="]},
          ":t": {"BOOL": True}, ":nul": {"NULL": True}, ":big": N("9E125"), ":d38": N("0." + "1" * 38)}
NAMES = {"#n": "n", "#dot": "a.b", "#m": "m", "#size": "size"}
ABSENT = "The provided expression refers to an attribute that does not exist in the item"
PATH = "The document path provided in the update expression is invalid for update"
TYPE = "An operand in the update expression has an incorrect data type"
KEY = {"TableName": "Hash", "Key": {"pk": S("updated")}}


def named(text, placeholders):
    return {name: value for name, value in placeholders.items() if re.search(re.escape(name) + r"(?!\w)", text)}


def request(text):
    names, values = named(text, NAMES), named(text, VALUES)
    return {**KEY, "UpdateExpression": text, **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": values} if values else {})}


def tidy(value):
    """Sets in one order."""
    if isinstance(value, dict):
        return {key: sorted(inner) if key in ("SS", "NS", "BS") else tidy(inner) for key, inner in value.items()}
    return [tidy(one) for one in value] if isinstance(value, list) else value


class Updates(Case):
    """Table-driven; the rows are below. What the expected item has not, the update took away (None) or left as it was."""


def makes(self, text, changes):
    self.put("Hash", {**KEY["Key"], **OLD})
    self.ok("UpdateItem", request(text))
    expected = {name: value for name, value in {**KEY["Key"], **OLD, **changes}.items() if value is not None}
    self.assertEqual(dump(tidy(self.ok("GetItem", {**KEY, "ConsistentRead": True})["Item"])), dump(tidy(expected)))


def fails(self, text, message):
    self.put("Hash", {**KEY["Key"], **OLD})
    self.refused("UpdateItem", request(text), message)
    self.assertEqual(dump(tidy(self.ok("GetItem", {**KEY, "ConsistentRead": True})["Item"])), dump(tidy({**KEY["Key"], **OLD})))


def within(path, value):
    """OLD's m with another value."""
    import copy
    changed = copy.deepcopy(OLD["m"])
    inner = changed["M"]
    for step in path[:-1]:
        inner = inner[step]["M"]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return {"m": changed}


rows(Updates, "update", [(text, text, changes) for text, changes in [
    ("SET a = :1", {"a": N(1)}), ("SET n = :s", {"n": S("new")}), ("SET a = :1, b = :2", {"a": N(1), "b": N(2)}), ("set a = :1",
                                                                                                                   {"a": N(1)}),
    ("SET a = n", {"a": N(5)}), ("SET a = s, s = :s", {"a": S("hello"), "s": S("new")}), ("SET n = s, s = n",
                                                                                          {"n": S("hello"), "s": N(5)}),
    ("SET n = n + :1", {"n": N(6)}), ("SET n = n - :1", {"n": N(4)}), ("SET n = :1 - n", {"n": N(-4)}), ("SET n = n + n",
                                                                                                         {"n": N(10)}),
    ("SET n = n + :m7", {"n": N(-2)}), ("SET n = n + :half", {"n": N("5.5")}), ("SET a = :1 + :2", {"a": N(3)}),
    ("SET n = if_not_exists(n, :1)", {"n": N(5)}), ("SET a = if_not_exists(a, :1)", {"a": N(1)}), ("SET a = if_not_exists(a, n)",
                                                                                                   {"a": N(5)}),
    ("SET a = if_not_exists(a, :1) + :2", {"a": N(3)}), ("SET n = if_not_exists(n, :1) + :2",
                                                         {"n": N(7)}), ("SET a = if_not_exists(n, :s)", {"a": N(5)}),
    ("SET l = list_append(l, :l)", {"l": {"L": [N(1), N(2), N(3), N(8), N(9)]}}), ("SET l = list_append(:l, l)",
                                                                                   {"l": {"L": [N(8), N(9), N(1), N(2), N(3)]}}),
    ("SET a = list_append(if_not_exists(a, :e), :l)", {"a": {"L": [N(8), N(9)]}}), ("SET l = list_append(l, l)",
                                                                                    {"l": {"L": [N(1), N(2), N(3)] * 2}}),
    ("SET l[0] = :s", {"l": {"L": [S("new"), N(2), N(3)]}}), ("SET l[2] = l[0]", {"l": {"L": [N(1), N(2), N(1)]}}),
    ("SET l[3] = :s", {"l": {"L": [N(1), N(2), N(3), S("new")]}}), ("SET l[99] = :s", {"l": {"L": [N(1), N(2), N(3), S("new")]}}),
    ("SET m.a = :2", within(["a"], N(2))), ("SET m.z = :2", within(["z"], N(2))), ("SET m.b.c = :s", within(["b", "c"], S("new"))),
    ("SET m.b.d = :s", within(["b", "d"], S("new"))), ("SET m.a = m.a + :1", within(["a"], N(2))), ("SET m.l[1] = :s",
                                                                                                    within(["l"],
                                                                                                           {"L": [S("x"), S("new")]})),
    ("SET #m.#dot = :1", within(["a.b"], N(1))), ("SET #dot = :1", {"a.b": N(1)}), ("SET #size = :1",
                                                                                    {"size": N(1)}), ("SET a = m.b",
                                                                                                      {"a": {"M": {"c": S("deep")}}}),
    ("SET m = :o", {"m": {"M": {"q": N(1)}}}), ("SET a = :nul", {"a": {"NULL": True}}), ("SET a = :ssb", {"a": {"SS": ["b", "c"]}}),
    ("REMOVE n", {"n": None}), ("REMOVE n, s", {"n": None, "s": None}), ("REMOVE absent", {}), ("REMOVE m.a", within(["a"], None)),
    ("REMOVE m.b.c", within(["b", "c"], None)), ("REMOVE m.absent", {}), ("REMOVE l[0]",
                                                                          {"l": {"L": [N(2), N(3)]}}), ("REMOVE l[0], l[1]",
                                                                                                        {"l": {"L": [N(3)]}}),
    ("REMOVE l[2], l[0]", {"l": {"L": [N(2)]}}), ("REMOVE l[9]", {}), ("REMOVE l", {"l": None}), ("REMOVE #n", {"n": None}),
    ("ADD n :1", {"n": N(6)}), ("ADD n :m7", {"n": N(-2)}), ("ADD a :1", {"a": N(1)}), ("ADD m.a :1",
                                                                                        within(["a"], N(2))), ("ADD m.z :1",
                                                                                                               within(["z"], N(1))),
    ("ADD ss :ssb", {"ss": {"SS": ["a", "b", "c"]}}), ("ADD ns :ns", {"ns": {"NS": ["1", "2", "3"]}}), ("ADD bs :bs",
                                                                                                        {"bs": {"BS": ["AQ==",
                                                                                                                       "Ag=="]}}),
    ("ADD a :ssb", {"a": {"SS": ["b", "c"]}}), ("ADD l[0] :1", {"l": {"L": [N(2), N(2), N(3)]}}),
    ("DELETE ss :ssb", {"ss": {"SS": ["a"]}}), ("DELETE ss :ssab", {"ss": None}), ("DELETE ss :ssz", {}), ("DELETE absent :ssb",
                                                                                                           {}),
    ("DELETE ns :ns", {"ns": {"NS": ["1"]}}), ("DELETE bs :bs", {}),
    ("SET a = :1 REMOVE n ADD b :2 DELETE ss :ssb", {"a": N(1), "n": None, "b": N(2), "ss": {"SS": ["a"]}}), ("REMOVE n SET a = n",
                                                                                                              {"n": None,
                                                                                                               "a": N(5)}),
    ("SET l[1] = :s REMOVE l[0]", {"l": {"L": [S("new"), N(3)]}}), ("DELETE ss :ssb SET a = :1", {"ss": {"SS": ["a"]}, "a": N(1)}),
]], makes)
rows(Updates, "refused", [(text, text, message) for text, message in [
    ("SET a = absent", ABSENT), ("SET a = m.absent", ABSENT), ("SET a = l[9]", ABSENT), ("SET a = absent + :1",
                                                                                         ABSENT), ("SET n = n + absent", ABSENT),
    ("SET a = list_append(absent, :l)", ABSENT), ("SET s = s + :1", TYPE), ("SET n = n + s", TYPE), ("SET n = m - :1",
                                                                                                     TYPE), ("SET a = list_append(n, :l)", TYPE),
    ("SET a = list_append(:l, m)", TYPE), ("SET absent.a = :1", PATH), ("SET absent[0] = :1", PATH), ("SET m.absent.a = :1",
                                                                                                      PATH), ("SET n.a = :1", PATH),
    ("SET m[0] = :1", PATH), ("SET l.a = :1", PATH), ("SET s[0] = :1", PATH), ("REMOVE absent.a", PATH), ("REMOVE n.a",
                                                                                                          PATH), ("ADD s :1",
                                                                                                                  TYPE), ("ADD l :1", TYPE),
    ("ADD ss :1", TYPE), ("ADD n :ssb", TYPE), ("ADD ss :ns", TYPE), ("ADD z :1", TYPE), ("DELETE n :ssb", TYPE), ("DELETE ss :ns",
                                                                                                                   TYPE), ("DELETE l :ssb", TYPE),
    ("ADD absent.a :1", PATH), ("DELETE absent.a :ssb", UNKNOWN),
    ("SET a = :big + :big", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
]], fails)


class Answers(Case):
    """ReturnValues."""

    def setUp(self):
        self.put("Hash", {**KEY["Key"], **OLD})

    def answer(self, text, values):
        return tidy(self.ok("UpdateItem", {**request(text), "ReturnValues": values}).get("Attributes"))

    def test_nothing_is_answered_unless_it_is_asked(self):
        self.assertEqual(self.ok("UpdateItem", request("SET n = :1")), {})
        self.assertIsNone(self.answer("SET n = :1", "NONE"))

    def test_all_of_the_item_before_or_after(self):
        self.assertEqual(self.answer("SET n = :1", "ALL_OLD"), tidy({**KEY["Key"], **OLD}))
        self.assertEqual(self.answer("SET n = :2 REMOVE s", "ALL_NEW"), tidy({**KEY["Key"],
                                                                              **{k: v for k, v in OLD.items() if k != "s"}, "n": N(2)}))

    def test_what_was_changed_before(self):
        self.assertEqual(self.answer("SET n = :1, a = :2 REMOVE s", "UPDATED_OLD"), {"n": N(5), "s": S("hello")})

    def test_what_was_changed_after(self):
        self.assertEqual(self.answer("SET n = :1, a = :2 REMOVE s", "UPDATED_NEW"), {"n": N(1), "a": N(2)})
        self.assertFalse(self.answer("REMOVE absent", "UPDATED_NEW"))

    def test_of_a_map_only_the_path_is_answered(self):
        self.assertEqual(self.answer("SET m.a = :2", "UPDATED_NEW"), {"m": {"M": {"a": N(2)}}})
        self.assertEqual(self.answer("SET m.b.c = :s", "UPDATED_OLD"), {"m": {"M": {"b": {"M": {"c": S("deep")}}}}})

    def test_of_a_list_only_the_elements_are_answered(self):
        self.assertEqual(self.answer("SET l[1] = :s", "UPDATED_NEW"), {"l": {"L": [S("new")]}})
        self.assertEqual(self.answer("SET l[0] = :s", "UPDATED_OLD"), {"l": {"L": [N(1)]}})

    def test_an_update_of_nothing_makes_the_item(self):
        key = {"TableName": "Hash", "Key": {"pk": S("made by an update")}}
        self.assertEqual(self.ok("UpdateItem", {**key, "ReturnValues": "ALL_NEW"}), {"Attributes": key["Key"]})
        self.assertEqual(self.ok("GetItem", key)["Item"], key["Key"])

    def test_an_update_of_an_item_that_is_not_there_makes_it(self):
        key = {"TableName": "Hash", "Key": {"pk": S("made by another update")}}
        answer = self.ok("UpdateItem", {**key, "UpdateExpression": "SET a = :1 ADD b :2",
                                        "ExpressionAttributeValues": {":1": N(1), ":2": N(2)},
                                        "ReturnValues": "ALL_OLD"})
        self.assertEqual(answer, {})
        self.assertEqual(self.ok("GetItem", key)["Item"], {**key["Key"], "a": N(1), "b": N(2)})

    def test_removing_from_an_item_that_is_not_there_makes_it_too(self):
        key = {"TableName": "Hash", "Key": {"pk": S("made by a removal")}}
        self.ok("UpdateItem", {**key, "UpdateExpression": "REMOVE a"})
        self.assertEqual(self.ok("GetItem", key)["Item"], key["Key"])

    def test_put_and_delete_answer_the_old_item_when_asked(self):
        item = {"pk": S("replaced"), "v": N(1)}
        self.assertEqual(self.ok("PutItem", {"TableName": "Hash", "Item": item, "ReturnValues": "ALL_OLD"}), {})
        self.assertEqual(self.ok("PutItem", {"TableName": "Hash", "Item": {**item, "v": N(2)}, "ReturnValues": "ALL_OLD"}),
                         {"Attributes": item})
        delete = {"TableName": "Hash", "Key": {"pk": S("replaced")}}
        self.assertEqual(self.ok("DeleteItem", {**delete, "ReturnValues": "ALL_OLD"}), {"Attributes": {**item, "v": N(2)}})
        self.assertEqual(self.ok("DeleteItem", {**delete, "ReturnValues": "ALL_OLD"}), {})

    def test_a_put_replaces_the_whole_item(self):
        self.put("Hash", {"pk": S("whole"), "a": N(1)}, {"pk": S("whole"), "b": N(2)})
        self.assertEqual(self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("whole")}}),
                         {"Item": {"pk": S("whole"), "b": N(2)}})

    def test_an_update_adds_exactly(self):
        key = {"TableName": "Hash", "Key": {"pk": S("exact")}}
        self.put("Hash", {**key["Key"], "n": N("12345678901234567890.123456789012345678")})
        self.ok("UpdateItem", {**key, "UpdateExpression": "ADD n :n",
                               "ExpressionAttributeValues": {":n": N("0.000000000000000001")}})
        self.assertEqual(self.ok("GetItem", key)["Item"]["n"], N("12345678901234567890.123456789012345679"))


class Projections(Case):
    """What of an item is answered."""


def projected(self, text, expected):
    self.put("Hash", {**KEY["Key"], **OLD, "a.b": S("dotted")})
    names = named(text, NAMES)
    got = self.ok("GetItem", {**KEY, "ProjectionExpression": text, **({"ExpressionAttributeNames": names} if names else {})})
    self.assertEqual(dump(tidy(got["Item"])), dump(tidy(expected)))


rows(Projections, "projection", [(text, text, expected) for text, expected in [
    ("n", {"n": N(5)}), ("n, s", {"n": N(5), "s": S("hello")}), ("pk", KEY["Key"]), ("absent", {}), ("n,absent",
                                                                                                     {"n": N(5)}), ("m.a",
                                                                                                                    {"m": {"M": {"a": N(1)}}}),
    ("m.a, m.l", {"m": {"M": {"a": N(1), "l": {"L": [S("x")]}}}}), ("m.b.c", {"m": {"M": {"b": {"M": {"c": S("deep")}}}}}), ("l[1]",
                                                                                                                             {"l": {"L": [N(2)]}}),
    ("l[2], l[0]", {"l": {"L": [N(1), N(3)]}}), ("l[9]", {}), ("m.absent", {}), ("n.a", {}), ("m.l[0]",
                                                                                              {"m": {"M": {"l": {"L": [S("x")]}}}}),
    ("#n", {"n": N(5)}), ("#dot", {"a.b": S("dotted")}), ("ss", {"ss": OLD["ss"]}), (" n , s ", {"n": N(5), "s": S("hello")}),
]], projected)

if __name__ == "__main__":
    main()

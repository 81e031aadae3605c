"""BatchGetItem and BatchWriteItem: what they do, what they leave, what they refuse."""

import re

from harness import NOT_FOUND, UNKNOWN, Case, N, S, main, refusals, set_up


def setUpModule():
    set_up("Hash", "Range", "Indexed")


def put(**item):
    return {"PutRequest": {"Item": item}}


def delete(**key):
    return {"DeleteRequest": {"Key": key}}


class Writes(Case):
    def test_items_are_put_and_deleted_in_several_tables(self):
        self.put("Hash", {"pk": S("gone")})
        answer = self.ok("BatchWriteItem", {"RequestItems": {"Hash": [put(pk=S("a"), v=N(1)), put(pk=S("b"), v=N(2)),
                                                                      delete(pk=S("gone")), delete(pk=S("never"))],
                                                             "Range": [put(pk=S("a"), sk=S("b"), v=N(3))]}})
        self.assertEqual(answer, {"UnprocessedItems": {}})
        got = self.ok("BatchGetItem", {"RequestItems": {"Hash": {"Keys": [{"pk": S(pk)} for pk in ("a", "b", "gone", "never")]},
                                                        "Range": {"Keys": [{"pk": S("a"), "sk": S("b")}]}}})
        self.assertEqual(sorted(one["v"]["N"] for one in got["Responses"]["Hash"]), ["1", "2"])
        self.assertEqual(got["Responses"]["Range"], [{"pk": S("a"), "sk": S("b"), "v": N(3)}])
        self.assertEqual(got["UnprocessedKeys"], {})

    def test_25_writes_are_taken(self):
        self.ok("BatchWriteItem", {"RequestItems": {"Hash": [put(pk=S(f"many-{at}")) for at in range(25)]}})
        got = self.ok("BatchGetItem", {"RequestItems": {"Hash": {"Keys": [{"pk": S(f"many-{at}")} for at in range(25)]}}})
        self.assertEqual(len(got["Responses"]["Hash"]), 25)

    def test_nothing_is_written_when_one_write_is_wrong(self):
        self.refused("BatchWriteItem", {"RequestItems": {"Hash": [put(pk=S("whole")), put(pk=N(1))]}}, re.compile(
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N|The provided key element does not match the schema"))
        self.assertNotIn("Item", self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("whole")}}))


class Reads(Case):
    @classmethod
    def setUpClass(cls):
        Case().put("Hash", *[{"pk": S(f"read-{at}"), "v": N(at), "w": S("x")} for at in range(100)])
        Case().put("Hash", *[{"pk": S(f"large-{at}"), "v": S("x" * 390000)} for at in range(50)])

    def get(self, names, **members):
        return self.ok("BatchGetItem", {"RequestItems": {"Hash": {"Keys": [{"pk": S(name)} for name in names], **members}}})

    def test_100_items_are_read(self):
        got = self.get([f"read-{at}" for at in range(100)])
        self.assertEqual(sorted(int(one["v"]["N"]) for one in got["Responses"]["Hash"]), list(range(100)))

    def test_a_table_without_items_answers_an_empty_list(self):
        self.assertEqual(self.get(["absent"]), {"Responses": {"Hash": []}, "UnprocessedKeys": {}})

    def test_projections(self):
        self.assertEqual(self.get(["read-1"], ProjectionExpression="#v", ExpressionAttributeNames={"#v": "v"})["Responses"]["Hash"],
                         [{"v": N(1)}])
        self.assertEqual(self.get(["read-1"], AttributesToGet=["w"])["Responses"]["Hash"], [{"w": S("x")}])
        self.assertEqual(self.get(["read-1"], ConsistentRead=True)["Responses"]["Hash"],
                         [{"pk": S("read-1"), "v": N(1), "w": S("x")}])

    def test_more_than_16_megabytes_are_left_for_another_request(self):
        names, found, rounds = [f"large-{at}" for at in range(50)], [], 0
        request = {"Hash": {"Keys": [{"pk": S(name)} for name in names], "ProjectionExpression": "pk, v", "ConsistentRead": True}}
        while request:
            answer = self.ok("BatchGetItem", {"RequestItems": request})
            found += [one["pk"]["S"] for one in answer["Responses"]["Hash"]]
            request, rounds = answer["UnprocessedKeys"], rounds + 1
            if request:
                self.assertEqual({name: value for name, value in request["Hash"].items() if name != "Keys"},
                                 {"ProjectionExpression": "pk, v", "ConsistentRead": True})
        self.assertEqual((sorted(found), rounds), (sorted(names), 2))


DUPLICATES = "Provided list of item keys contains duplicates"
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
COUNT = re.compile(r"The provided key element does not match the schema|The number of conditions on the keys is invalid")


def writes(*requests, table="Hash"):
    return {"RequestItems": {table: list(requests)}}


def reads(*names, table="Hash", **members):
    return {"RequestItems": {table: {"Keys": list(names), **members}}}


refusals(Writes, "BatchWriteItem", [
    ("a key twice", writes(put(pk=S("a")), put(pk=S("a"), v=N(1))), DUPLICATES),
    ("a put and a delete of one key", writes(put(pk=S("a")), delete(pk=S("a"))), DUPLICATES),
    ("a write of neither kind", writes({}),
     re.compile("Supplied WriteRequest is empty.*|Supplied AttributeValue (is empty|has more than one datatypes set), must contain exactly one of the supported datatypes")),
    ("a write of both kinds", writes({**put(pk=S("a")), **delete(pk=S("b"))}),
     re.compile("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes|.*")),
    ("an item without its key", writes(put(v=N(1))), "The provided key element does not match the schema"),
    ("an item with a key of another type", writes(put(pk=N(1))), "The provided key element does not match the schema"),
    ("an item with a key that is a map", writes(put(pk={"M": {}})), "The provided key element does not match the schema"),
    ("an item with an empty key", writes(put(pk=S(""))),
     re.compile(r"One or more parameter values (are not valid\.|were invalid:) The AttributeValue for a key attribute cannot contain an empty string value\. Key: pk")),
    ("a delete of another key", writes(delete(a=S("a"))), "The provided key element does not match the schema"),
    ("a delete of half a key", writes(delete(pk=S("a")), table="Range"), COUNT),
    ("an empty value", writes(put(pk=S("a"), v={})), EMPTY),
    ("a number that is none", writes(put(pk=S("a"), v=N("x"))), "The parameter cannot be converted to a numeric value: x"),
    ("an item too large", writes(put(pk=S("a"), v=S("x" * 409600))), "Item size has exceeded the maximum allowed size"),
    ("26 writes in two tables", {"RequestItems": {"Hash": [put(pk=S(f"a{at}")) for at in range(20)],
                                                  "Range": [put(pk=S("a"), sk=S(str(at))) for at in range(6)]}},
     re.compile("Too many items requested for the BatchWriteItem call|.*[Mm]ember must have length less than or equal to 25.*",
                re.DOTALL)),
    ("an index key of another type", writes(put(pk=S("a"), sk=S("a"), gk=N(1)), table="Indexed"),
     "One or more parameter values were invalid: Type mismatch for Index Key gk Expected: S Actual: N IndexName: gsi-all"),
])
refusals(Writes, "BatchWriteItem", [
    ("a table that there is not", writes(put(pk=S("a")), table="absent.table"), "Requested resource not found"),
    ("one table that there is not", {"RequestItems": {"Hash": [put(pk=S("a"))], "absent.table": [put(pk=S("a"))]}},
     "Requested resource not found"),
], type=NOT_FOUND)
KEY = {"pk": S("a")}
refusals(Reads, "BatchGetItem", [
    ("a key twice", reads(KEY, KEY), DUPLICATES),
    ("another key", reads({"a": S("a")}), "The provided key element does not match the schema"),
    ("another type", reads({"pk": N(1)}), "The provided key element does not match the schema"),
    ("half a key", reads(KEY, table="Range"), COUNT),
    ("an empty value", reads({"pk": {}}), EMPTY),
    ("a key that is an empty text", reads({"pk": S("")}), UNKNOWN),
    ("both ways to project", reads(KEY, AttributesToGet=["a"], ProjectionExpression="b"), re.compile(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}")),
    ("names without an expression", reads(KEY, ExpressionAttributeNames={"#a": "a"}),
     re.compile("ExpressionAttributeNames can only be specified when using expressions.*")),
    ("a name that is not used", reads(KEY, ProjectionExpression="a", ExpressionAttributeNames={"#a": "a"}),
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"),
    ("the syntax", reads(KEY, ProjectionExpression="a b"),
     re.compile('Invalid ProjectionExpression: Syntax error; token: "b", near: "a b"')),
    ("a name to get twice", reads(KEY, AttributesToGet=["a", "a"]),
     "One or more parameter values were invalid: Duplicate value in attribute name: a"),
    ("101 keys in two tables", {"RequestItems": {"Hash": {"Keys": [{"pk": S(f"a{at}")} for at in range(60)]},
                                                 "Range": {"Keys": [{"pk": S("a"), "sk": S(str(at))} for at in range(41)]}}},
     "Too many items requested for the BatchGetItem call"),
])
refusals(Reads, "BatchGetItem", [("a table that there is not", reads(KEY, table="absent.table"), "Requested resource not found")],
         type=NOT_FOUND)

if __name__ == "__main__":
    main()

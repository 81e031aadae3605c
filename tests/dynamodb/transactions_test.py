"""TransactWriteItems and TransactGetItems: all or nothing, reasons for each step, tokens."""

import re

from harness import CANCELED, NOT_FOUND, OWN, UNKNOWN, Case, N, S, fresh, main, refusals, set_up

MISMATCH = OWN + "IdempotentParameterMismatchException"


def setUpModule():
    set_up("Hash", "Range", "Indexed")


def key(pk, table="Hash", **members):
    return {"TableName": table, "Key": {"pk": S(pk)}, **members}


def put(pk, **members):
    item = {"pk": S(pk), **members.pop("item", {})}
    return {"Put": {"TableName": "Hash", "Item": item, **members}}


def update(pk, text, **values):
    return {"Update": key(pk, UpdateExpression=text, **({"ExpressionAttributeValues": {f":{name}": value for name,
                                                                                       value in values.items()}} if values else {}))}


def check(pk, condition):
    return {"ConditionCheck": key(pk, ConditionExpression=condition)}


class Transactions(Case):
    def canceled(self, steps, *codes):
        """Checks the reasons and that the message lists them; answers the reasons."""
        message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
        answer = self.refused("TransactWriteItems", {"TransactItems": steps}, None, CANCELED)
        self.assertEqual(answer.get("message", answer.get("Message")), message)
        self.assertEqual([reason["Code"] for reason in answer["CancellationReasons"]], list(codes))
        return answer["CancellationReasons"]

    def item(self, pk, table="Hash"):
        return self.ok("GetItem", {**key(pk, table), "ConsistentRead": True}).get("Item")

    def test_all_steps_are_done(self):
        self.put("Hash", {"pk": S("t1"), "n": N(1)}, {"pk": S("t2")}, {"pk": S("t4")})
        self.assertEqual(self.ok("TransactWriteItems", {"TransactItems": [
            update("t1", "SET n = n + :one", one=N(1)), {"Delete": key("t2")}, put("t3", item={"v": S("x")}), check("t4",
                                                                                                                    "attribute_exists(pk)"),
            {"Put": {"TableName": "Range", "Item": {"pk": S("t"), "sk": S("5")}}}]}), {})
        self.assertEqual([self.item(pk) for pk in ("t1", "t2", "t3")], [{"pk": S("t1"), "n": N(2)}, None,
                                                                        {"pk": S("t3"), "v": S("x")}])
        self.assertEqual(self.ok("Query", {"TableName": "Range", "KeyConditionExpression": "pk = :p",
                                           "ExpressionAttributeValues": {":p": S("t")}})["Count"], 1)

    def test_nothing_is_done_when_a_condition_fails(self):
        self.put("Hash", {"pk": S("f1"), "n": N(1)})
        reasons = self.canceled([put("f2"), check("f1", "attribute_not_exists(pk)"), update("f3", "SET a = :a", a=N(1))], "None",
                                "ConditionalCheckFailed", "None")
        self.assertEqual(reasons, [{"Code": "None"}, {"Code": "ConditionalCheckFailed",
                                                      "Message": "The conditional request failed"}, {"Code": "None"}])
        self.assertEqual((self.item("f2"), self.item("f3")), (None, None))

    def test_every_condition_that_fails_is_told(self):
        self.canceled([check("g1", "attribute_exists(pk)"), put("g2", ConditionExpression="attribute_exists(pk)"), put("g3")],
                      "ConditionalCheckFailed", "ConditionalCheckFailed", "None")

    def test_the_item_is_told_when_that_is_asked(self):
        self.put("Hash", {"pk": S("h1"), "n": N(7)})
        for kind, members in (("ConditionCheck", {}), ("Delete", {}), ("Update", {"UpdateExpression": "SET a = n"})):
            step = {kind: key("h1", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD",
                              **members)}
            self.assertEqual(self.canceled([step], "ConditionalCheckFailed")[0]["Item"], {"pk": S("h1"), "n": N(7)}, kind)
        step = put("h1", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
        self.assertEqual(self.canceled([step], "ConditionalCheckFailed")[0]["Item"], {"pk": S("h1"), "n": N(7)})
        step = put("h1", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="NONE")
        self.assertNotIn("Item", self.canceled([step], "ConditionalCheckFailed")[0])

    def test_an_update_that_does_not_fit_its_item_cancels(self):
        self.put("Hash", {"pk": S("u1"), "s": S("text")})
        for text, values, message in (("SET a = absent", {},
                                       "The provided expression refers to an attribute that does not exist in the item"),
                                      ("SET s = s + :n", {"n": N(1)},
                                       "An operand in the update expression has an incorrect data type"),
                                      ("SET b.c = :n", {"n": N(1)},
                                       "The document path provided in the update expression is invalid for update"),
                                      ("ADD s :n", {"n": N(1)}, "An operand in the update expression has an incorrect data type")):
            reasons = self.canceled([put("u2"), update("u1", text, **values)], "None", "ValidationError")
            self.assertEqual(reasons[1]["Message"], message)
        self.assertIsNone(self.item("u2"))

    def test_items_too_large_cancel(self):
        self.put("Hash", {"pk": S("big"), "a": S("x" * 300000)})
        self.canceled([update("big", "SET b = :b", b=S("x" * 200000))], "ValidationError")

    def test_keys_that_do_not_match_cancel(self):
        for step, message in ((put("x") | {"Put": {"TableName": "Hash", "Item": {"a": S("b")}}},
                               "One or more parameter values were invalid: Missing the key pk in the item"),
                              ({"Delete": {"TableName": "Hash", "Key": {"a": S("b")}}},
                               "The provided key element does not match the schema"),
                              ({"Put": {"TableName": "Hash", "Item": {"pk": N(1)}}},
                               "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N")):
            answer = self.send("TransactWriteItems", {"TransactItems": [step]})
            self.assertEqual(answer.status, 400)
            # As the reason of a cancellation, or of the whole request.
            told = [answer.message] + [reason.get("Message") for reason in answer.body.get("CancellationReasons", [])]
            self.assertIn(message, told)

    def test_a_repeated_token_does_nothing_again(self):
        self.put("Hash", {"pk": S("once"), "n": N(0)})
        request = {"TransactItems": [update("once", "ADD n :one", one=N(1))], "ClientRequestToken": fresh()[:36]}
        for _ in range(3):
            self.ok("TransactWriteItems", request)
        self.assertEqual(self.item("once")["n"], N(1))
        self.refused("TransactWriteItems", {**request, "TransactItems": [update("once", "ADD n :one", one=N(2))]}, UNKNOWN,
                     MISMATCH)
        self.ok("TransactWriteItems", {**request, "ClientRequestToken": fresh()[:36]})
        self.assertEqual(self.item("once")["n"], N(2))

    def test_a_token_of_a_canceled_transaction_may_be_used_again(self):
        token = fresh()[:36]
        request = {"TransactItems": [check("later", "attribute_exists(pk)"), put("after")], "ClientRequestToken": token}
        self.refused("TransactWriteItems", request, UNKNOWN, CANCELED)
        self.put("Hash", {"pk": S("later")})
        self.ok("TransactWriteItems", request)
        self.assertEqual(self.item("after"), {"pk": S("after")})

    def test_100_steps_are_taken(self):
        self.ok("TransactWriteItems", {"TransactItems": [put(f"hundred-{at}") for at in range(100)]})
        got = self.ok("TransactGetItems", {"TransactItems": [{"Get": key(f"hundred-{at}")} for at in range(100)]})
        self.assertEqual([one["Item"]["pk"]["S"] for one in got["Responses"]], [f"hundred-{at}" for at in range(100)])

    def test_reads_come_in_their_order_and_absent_items_are_empty(self):
        self.put("Hash", {"pk": S("r1"), "a": N(1), "b": N(2)}, {"pk": S("r3")})
        got = self.ok("TransactGetItems", {"TransactItems": [{"Get": key("r3")}, {"Get": key("r2")},
                                                             {"Get": key("r1", ProjectionExpression="#b", ExpressionAttributeNames={"#b": "b"})}]})
        self.assertEqual(got["Responses"], [{"Item": {"pk": S("r3")}}, {}, {"Item": {"b": N(2)}}])

    def test_one_item_in_two_tables_is_two_items(self):
        other = self.table(AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                           KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
        self.ok("TransactWriteItems", {"TransactItems": [put("same"), {"Put": {"TableName": other, "Item": {"pk": S("same")}}}]})


ONE = {"TransactItems": [put("a")]}
refusals(Transactions, "TransactWriteItems", [
    ("an item twice", {"TransactItems": [put("a"), put("a")]},
     "Transaction request cannot include multiple operations on one item"),
    ("an item put and checked", {"TransactItems": [put("a"), check("a", "attribute_exists(pk)")]},
     "Transaction request cannot include multiple operations on one item"),
    ("a step of two kinds", {"TransactItems": [{**put("a"), "Delete": key("b")}]},
     re.compile("TransactItems can only contain one of Check, Put, Update or Delete")),
    ("a step of no kind", {"TransactItems": [{}]}, UNKNOWN),
    ("the syntax of a condition", {"TransactItems": [check("a", "a =")]},
     re.compile('Invalid ConditionExpression: Syntax error; token: "<EOF>", near: .*')),
    ("the syntax of an update", {"TransactItems": [update("a", "SET a")]},
     re.compile('Invalid UpdateExpression: Syntax error; token: "<EOF>", near: .*')),
    ("an undefined value", {"TransactItems": [check("a", "a = :a")]},
     "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :a"),
    ("an unused value", {"TransactItems": [put("a", ConditionExpression="attribute_exists(a)",
                                               ExpressionAttributeValues={":a": N(1)})]},
     "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}"),
    ("values without an expression", {"TransactItems": [put("a", ExpressionAttributeValues={":a": N(1)})]},
     "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"),
    ("an empty value", {"TransactItems": [put("a", item={"v": {}})]},
     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    ("a number that is none", {"TransactItems": [put("a", item={"v": N("x")})]},
     "The parameter cannot be converted to a numeric value: x"),
])
refusals(Transactions, "TransactWriteItems", [
    ("a table that there is not", {"TransactItems": [put("a"), {"Put": {"TableName": "absent.table", "Item": {"pk": S("a")}}}]},
     "Requested resource not found"),
], type=NOT_FOUND)
refusals(Transactions, "TransactGetItems", [
    ("an item twice", {"TransactItems": [{"Get": key("a")}, {"Get": key("a")}]},
     "Transaction request cannot include multiple operations on one item"),
    ("the syntax", {"TransactItems": [{"Get": key("a", ProjectionExpression="a b")}]},
     'Invalid ProjectionExpression: Syntax error; token: "b", near: "a b"'),
])
refusals(Transactions, "TransactGetItems", [("a table that there is not", {"TransactItems": [{"Get": key("a", "absent.table")}]},
                                             "Requested resource not found")], type=NOT_FOUND)

if __name__ == "__main__":
    main()

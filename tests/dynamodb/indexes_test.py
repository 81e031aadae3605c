"""Secondary indexes: who is in them, in which order and with which attributes; indexes made and removed later."""

import re

from harness import NOT_FOUND, Case, N, S, index, keys, main, set_up, until


def setUpModule():
    set_up("Indexed")
    Case().put("Indexed", *[item(at) for at in range(6)])


def item(at):
    return {"pk": S("p"), "sk": S(str(at)), "gk": S("even" if at % 2 == 0 else "odd"), "gs": N(-at), "ls": N(at % 3),
            "lt": S(f"t{9 - at}"), "x": N(at), "z": S("more")}


class Members(Case):
    def found(self, name, condition, values, **members):
        return self.ok("Query", {"TableName": "Indexed", "IndexName": name, "KeyConditionExpression": condition,
                                 "ExpressionAttributeValues": values, **members})

    def global_(self, name, **members):
        """As a reader of an index that follows the table a little later."""
        def look():
            answer = self.found(name, "gk = :k", {":k": S("even")}, **members)
            return answer if answer["Count"] == 3 else None
        return until(look, f"three items in {name}")

    def test_a_global_index_has_its_own_order(self):
        self.assertEqual([one["sk"]["S"] for one in self.global_("gsi-all")["Items"]], ["4", "2", "0"])
        self.assertEqual([one["sk"]["S"] for one in self.global_("gsi-all", ScanIndexForward=False)["Items"]], ["0", "2", "4"])
        narrowed = self.found("gsi-all", "gk = :k AND gs < :s", {":k": S("even"), ":s": N(0)})
        self.assertEqual([one["sk"]["S"] for one in narrowed["Items"]], ["4", "2"])

    def test_attributes_are_those_that_are_projected(self):
        self.assertEqual(set(self.global_("gsi-all")["Items"][0]), set(item(0)))
        self.assertEqual(set(self.global_("gsi-keys")["Items"][0]), {"pk", "sk", "gk"})
        self.assertEqual(set(self.global_("gsi-some")["Items"][0]), {"pk", "sk", "gk", "gs", "x"})
        local = {":p": S("p")}
        self.assertEqual(set(self.found("lsi-all", "pk = :p", local)["Items"][0]), set(item(0)))
        self.assertEqual(set(self.found("lsi-keys", "pk = :p", local)["Items"][0]), {"pk", "sk", "ls"})
        self.assertEqual(set(self.found("lsi-some", "pk = :p", local)["Items"][0]), {"pk", "sk", "lt", "x"})

    def test_a_local_index_fetches_from_the_table_what_is_asked(self):
        answer = self.found("lsi-keys", "pk = :p", {":p": S("p")}, Select="ALL_ATTRIBUTES")
        self.assertEqual(set(answer["Items"][0]), set(item(0)))
        answer = self.found("lsi-keys", "pk = :p", {":p": S("p")}, ProjectionExpression="z")
        self.assertEqual(answer["Items"][0], {"z": S("more")})

    def test_a_global_index_does_not_fetch(self):
        self.refused("Query", {"TableName": "Indexed", "IndexName": "gsi-keys", "KeyConditionExpression": "gk = :k",
                               "ExpressionAttributeValues": {":k": S("even")},
                               "ProjectionExpression": "z"},
                     re.compile(r"One or more parameter values were invalid: Global secondary index gsi-keys does not project \[z\]"))

    def test_a_local_index_has_its_own_order_and_is_read_consistently(self):
        answer = self.found("lsi-some", "pk = :p", {":p": S("p")}, ConsistentRead=True)
        self.assertEqual([one["sk"]["S"] for one in answer["Items"]], ["5", "4", "3", "2", "1", "0"])
        answer = self.found("lsi-all", "pk = :p AND ls = :l", {":p": S("p"), ":l": N(1)}, ConsistentRead=True)
        self.assertEqual([one["sk"]["S"] for one in answer["Items"]], ["1", "4"])

    def test_pages_of_an_index_carry_the_tables_key_too(self):
        found, start = [], None
        while True:
            answer = self.found("lsi-all", "pk = :p", {":p": S("p")}, Limit=2, **({"ExclusiveStartKey": start} if start else {}))
            found += [one["sk"]["S"] for one in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
            self.assertEqual(set(start), {"pk", "sk", "ls"})
        self.assertEqual(found, ["0", "3", "1", "4", "2", "5"])
        self.global_("gsi-keys")
        page = self.found("gsi-keys", "gk = :k", {":k": S("even")}, Limit=1)
        self.assertEqual(set(page["LastEvaluatedKey"]), {"pk", "sk", "gk"})
        rest = self.found("gsi-keys", "gk = :k", {":k": S("even")}, ExclusiveStartKey=page["LastEvaluatedKey"])
        self.assertEqual({one["sk"]["S"] for one in page["Items"] + rest["Items"]}, {"0", "2", "4"})

    def test_a_scan_of_an_index_finds_who_is_in_it(self):
        self.global_("gsi-keys")
        answer = self.ok("Scan", {"TableName": "Indexed", "IndexName": "gsi-keys"})
        self.assertEqual((answer["Count"], set(answer["Items"][0])), (6, {"pk", "sk", "gk"}))
        self.assertEqual(self.ok("Scan", {"TableName": "Indexed", "IndexName": "lsi-some"})["Count"], 6)


class Changes(Case):
    def setUp(self):
        self.name = self.table(**keys("pk", "S", gk="S", gs="S"), GlobalSecondaryIndexes=[index("by-gk", "gk", "gs")])

    def keys_of(self, value):
        answer = self.ok("Query", {"TableName": self.name, "IndexName": "by-gk", "KeyConditionExpression": "gk = :k",
                                   "ExpressionAttributeValues": {":k": S(value)}})
        return [one["pk"]["S"] for one in answer["Items"]]

    def test_an_item_is_in_an_index_only_with_all_of_its_keys(self):
        self.put(self.name, {"pk": S("1"), "gk": S("a"), "gs": S("1")}, {"pk": S("2"), "gk": S("a")}, {"pk": S("3"), "gs": S("1")},
                 {"pk": S("4")})
        until(lambda: self.keys_of("a") == ["1"], "the one item")
        self.assertEqual(self.ok("Scan", {"TableName": self.name, "IndexName": "by-gk"})["Count"], 1)

    def test_an_item_moves_and_leaves(self):
        key = {"TableName": self.name, "Key": {"pk": S("1")}}
        self.put(self.name, {"pk": S("1"), "gk": S("a"), "gs": S("1")})
        until(lambda: self.keys_of("a") == ["1"], "the item")
        self.ok("UpdateItem", {**key, "UpdateExpression": "SET gk = :b", "ExpressionAttributeValues": {":b": S("b")}})
        until(lambda: (self.keys_of("a"), self.keys_of("b")) == ([], ["1"]), "the item elsewhere")
        self.ok("UpdateItem", {**key, "UpdateExpression": "REMOVE gs"})
        until(lambda: self.keys_of("b") == [], "the item gone")
        self.ok("UpdateItem", {**key, "UpdateExpression": "SET gs = :b", "ExpressionAttributeValues": {":b": S("b")}})
        until(lambda: self.keys_of("b") == ["1"], "the item back")
        self.ok("DeleteItem", key)
        until(lambda: self.keys_of("b") == [], "the item deleted")

    def test_many_items_may_have_one_index_key(self):
        self.put(self.name, *[{"pk": S(str(at)), "gk": S("a"), "gs": S("same")} for at in range(10)])
        until(lambda: len(self.keys_of("a")) == 10, "ten items")
        found, start = [], None
        while True:
            answer = self.ok("Query", {"TableName": self.name, "IndexName": "by-gk",
                                       "KeyConditionExpression": "gk = :k AND gs = :s", "Limit": 3,
                                       "ExpressionAttributeValues": {":k": S("a"), ":s": S("same")}, **({"ExclusiveStartKey": start} if start else {})})
            found += [one["pk"]["S"] for one in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        self.assertEqual(sorted(found), [str(at) for at in range(10)])

    def test_an_update_may_not_give_an_index_key_another_type(self):
        self.put(self.name, {"pk": S("1"), "gk": S("a"), "gs": S("1")})
        key = {"TableName": self.name, "Key": {"pk": S("1")}, "UpdateExpression": "SET gk = :v"}
        self.refused("UpdateItem", {**key, "ExpressionAttributeValues": {":v": N(1)}},
                     "One or more parameter values were invalid: Type mismatch for Index Key gk Expected: S Actual: N IndexName: by-gk")
        self.refused("UpdateItem", {**key, "ExpressionAttributeValues": {":v": S("")}}, re.compile(
            r"One or more parameter values are not valid\. A value specified for a secondary index key is not supported\. The AttributeValue for a key "
            r"attribute cannot contain an empty string value\. IndexName: by-gk, IndexKey: gk"))

    def test_an_index_made_later_has_the_items_that_were_there(self):
        self.put(self.name, *[{"pk": S(str(at)), "lk": S("a"), "v": N(at)} for at in range(30)])
        self.ok("UpdateTable", {"TableName": self.name, "AttributeDefinitions": [{"AttributeName": "lk", "AttributeType": "S"}],
                                "GlobalSecondaryIndexUpdates": [{"Create": index("by-lk", "lk", None, ["v"])}]})
        self.active(self.name)
        answer = self.ok("Query", {"TableName": self.name, "IndexName": "by-lk", "KeyConditionExpression": "lk = :k",
                                   "ExpressionAttributeValues": {":k": S("a")}})
        self.assertEqual((answer["Count"], set(answer["Items"][0])), (30, {"pk", "lk", "v"}))
        described = self.active(self.name)
        self.assertEqual({one["IndexName"] for one in described["GlobalSecondaryIndexes"]}, {"by-gk", "by-lk"})
        self.assertIn({"AttributeName": "lk", "AttributeType": "S"}, described["AttributeDefinitions"])

    def test_items_with_other_types_stay_out_of_an_index_made_later(self):
        self.put(self.name, {"pk": S("1"), "lk": S("a")}, {"pk": S("2"), "lk": N(1)}, {"pk": S("3")})
        self.ok("UpdateTable", {"TableName": self.name, "AttributeDefinitions": [{"AttributeName": "lk", "AttributeType": "S"}],
                                "GlobalSecondaryIndexUpdates": [{"Create": index("by-lk", "lk")}]})
        self.active(self.name)
        self.assertEqual(self.ok("Scan", {"TableName": self.name, "IndexName": "by-lk"})["Count"], 1)

    def test_an_index_is_removed(self):
        self.ok("UpdateTable", {"TableName": self.name, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-gk"}}]})
        until(lambda: "GlobalSecondaryIndexes" not in self.active(self.name), "no index")
        self.refused("Query", {"TableName": self.name, "IndexName": "by-gk", "KeyConditionExpression": "gk = :k",
                               "ExpressionAttributeValues": {":k": S("a")}},
                     "The table does not have the specified index: by-gk")

    def test_indexes_that_there_are_or_are_not(self):
        self.refused("UpdateTable", {"TableName": self.name, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "absent"}}]},
                     re.compile("Requested resource not found.*"),
                     type=NOT_FOUND)
        self.refused("UpdateTable", {
            "TableName": self.name, "AttributeDefinitions": [{"AttributeName": "gk", "AttributeType": "S"}],
            "GlobalSecondaryIndexUpdates": [{"Create": index("by-gk", "gk")}]}, re.compile("Attempting to create an index which already exists|.*already exists.*"))


if __name__ == "__main__":
    main()

"""ConsumedCapacity: 1 unit a 4 KB read strongly (half of it otherwise), 1 unit a 1 KB written, twice that in transactions."""

from harness import Case, N, OWN, S, index, keys, main, rows, set_up, until


def setUpModule():
    set_up("Hash", "Range", "Indexed")


def sized(pk, size):
    """An item of `size` bytes, names and values."""
    return {"pk": S(pk), "v": S("x" * (size - len(pk) - 3))}


class Units(Case):
    def units(self, operation, body, kind="TOTAL"):
        answer = self.ok(operation, {**body, "ReturnConsumedCapacity": kind})
        return answer["ConsumedCapacity"]


def writes(self, size, units):
    item = sized("w", size)
    self.ok("DeleteItem", {"TableName": "Hash", "Key": {"pk": S("w")}})
    self.assertEqual(self.units("PutItem", {"TableName": "Hash", "Item": item}), {"TableName": "Hash", "CapacityUnits": units})
    self.assertEqual(self.units("DeleteItem", {"TableName": "Hash", "Key": {"pk": S("w")}}),
                     {"TableName": "Hash", "CapacityUnits": units})


def reads(self, size, strong):
    self.put("Hash", sized("r", size))
    get = {"TableName": "Hash", "Key": {"pk": S("r")}}
    self.assertEqual(self.units("GetItem", {**get, "ConsistentRead": True}), {"TableName": "Hash", "CapacityUnits": strong})
    self.assertEqual(self.units("GetItem", get), {"TableName": "Hash", "CapacityUnits": strong / 2})
    self.assertEqual(self.units("GetItem", {**get, "ProjectionExpression": "pk"}),
                     {"TableName": "Hash", "CapacityUnits": strong / 2})
    twice = self.units("TransactGetItems", {"TransactItems": [{"Get": get}]})
    self.assertEqual(twice, [{"TableName": "Hash", "CapacityUnits": strong * 2, "ReadCapacityUnits": strong * 2}])


rows(Units, "write", [("1024 bytes", 1024, 1.0), ("1025 bytes", 1025, 2.0), ("100 bytes", 100, 1.0), ("10240 bytes", 10240, 10.0),
                      ("400 KB", 409600, 400.0)], writes)
rows(Units, "read", [("4096 bytes", 4096, 1.0), ("4097 bytes", 4097, 2.0), ("100 bytes", 100, 1.0), ("400 KB", 409600, 100.0)],
     reads)


class Answers(Case):
    def units(self, operation, body, kind="TOTAL"):
        return self.ok(operation, {**body, "ReturnConsumedCapacity": kind})["ConsumedCapacity"]

    def test_nothing_is_said_unless_it_is_asked(self):
        self.put("Hash", {"pk": S("a")})
        for members in ({}, {"ReturnConsumedCapacity": "NONE"}):
            self.assertNotIn("ConsumedCapacity", self.ok("GetItem", {"TableName": "Hash", "Key": {"pk": S("a")}, **members}))

    def test_absent_items_cost_the_least(self):
        key = {"TableName": "Hash", "Key": {"pk": S("absent")}}
        self.assertEqual(self.units("GetItem", key)["CapacityUnits"], 0.5)
        self.assertEqual(self.units("GetItem", {**key, "ConsistentRead": True})["CapacityUnits"], 1.0)
        self.assertEqual(self.units("DeleteItem", key)["CapacityUnits"], 1.0)

    def test_a_write_costs_the_larger_of_the_item_before_and_after(self):
        self.put("Hash", sized("m", 5000))
        self.assertEqual(self.units("PutItem", {"TableName": "Hash", "Item": {"pk": S("m")}})["CapacityUnits"], 5.0)
        self.assertEqual(self.units("PutItem", {"TableName": "Hash", "Item": sized("m", 3000)})["CapacityUnits"], 3.0)
        update = {"TableName": "Hash", "Key": {"pk": S("m")}, "UpdateExpression": "SET a = :a",
                  "ExpressionAttributeValues": {":a": N(1)}}
        self.assertEqual(self.units("UpdateItem", update)["CapacityUnits"], 3.0)

    def test_a_condition_that_fails_has_no_answer_to_say_it_in(self):
        answer = self.refused("DeleteItem", {"TableName": "Hash", "Key": {"pk": S("absent")},
                                             "ConditionExpression": "attribute_exists(pk)", "ReturnConsumedCapacity": "TOTAL"},
                              None, OWN + "ConditionalCheckFailedException")
        self.assertNotIn("ConsumedCapacity", answer)

    def test_a_query_costs_the_sum_of_its_items(self):
        self.put("Range", *[{"pk": S("q"), "sk": S(f"{at:02}"), "v": S("x" * 1000)} for at in range(10)])
        query = {"TableName": "Range", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": S("q")}}
        # 10 items of 1,009 bytes: 10,090 bytes, three times 4 KB.
        self.assertEqual(self.units("Query", query), {"TableName": "Range", "CapacityUnits": 1.5})
        self.assertEqual(self.units("Query", {**query, "ConsistentRead": True})["CapacityUnits"], 3.0)
        self.assertEqual(self.units("Query", {**query, "Limit": 4})["CapacityUnits"], 0.5)
        self.assertEqual(self.units("Query", {**query, "FilterExpression": "attribute_not_exists(v)"})["CapacityUnits"], 1.5)
        self.assertEqual(self.units("Query", {**query, "ExpressionAttributeValues": {":p": S("absent")}})["CapacityUnits"], 0.5)

    def test_batches_answer_for_each_table(self):
        answer = self.units("BatchWriteItem", {"RequestItems": {"Hash": [{"PutRequest": {"Item": sized("b1", 1500)}},
                                                                         {"PutRequest": {"Item": sized("b2", 500)}}],
                                                                "Range": [{"PutRequest": {"Item": {"pk": S("b"), "sk": S("b")}}}]}})
        self.assertEqual({one["TableName"]: one["CapacityUnits"] for one in answer}, {"Hash": 3.0, "Range": 1.0})
        answer = self.units("BatchGetItem", {"RequestItems": {"Hash": {"Keys": [{"pk": S("b1")}, {"pk": S("b2")},
                                                                                {"pk": S("absent")}]}, "Range": {
            "Keys": [{"pk": S("b"), "sk": S("b")}], "ConsistentRead": True}}})
        self.assertEqual({one["TableName"]: one["CapacityUnits"] for one in answer}, {"Hash": 1.5, "Range": 1.0})

    def test_transactions_cost_twice(self):
        answer = self.units("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "Hash", "Item": sized("t1", 1500)}},
                                                                     {"Put": {"TableName": "Hash", "Item": {"pk": S("t2")}}}]})
        self.assertEqual(answer, [{"TableName": "Hash", "CapacityUnits": 6.0, "WriteCapacityUnits": 6.0}])

    def test_indexes_are_told_apart_when_that_is_asked(self):
        item = {"pk": S("i"), "sk": S("1"), "gk": S("g"), "gs": N(1), "ls": N(1), "x": S("x")}
        answer = self.units("PutItem", {"TableName": "Indexed", "Item": item}, "INDEXES")
        self.assertEqual(answer, {
            "TableName": "Indexed", "CapacityUnits": 6.0, "Table": {"CapacityUnits": 1.0},
            "LocalSecondaryIndexes": {"lsi-all": {"CapacityUnits": 1.0}, "lsi-keys": {"CapacityUnits": 1.0}},
            "GlobalSecondaryIndexes": {name: {"CapacityUnits": 1.0} for name in ("gsi-all", "gsi-keys", "gsi-some")}})
        self.assertEqual(self.units("GetItem", {"TableName": "Indexed", "Key": {"pk": S("i"), "sk": S("1")}}, "INDEXES"),
                         {"TableName": "Indexed", "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}})
        query = {"TableName": "Indexed", "IndexName": "gsi-all", "KeyConditionExpression": "gk = :g",
                 "ExpressionAttributeValues": {":g": S("g")}}
        until(lambda: self.ok("Query", query)["Count"] == 1, "the item in the index")
        self.assertEqual(self.units("Query", query, "INDEXES"), {
            "TableName": "Indexed", "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.0}, "GlobalSecondaryIndexes": {"gsi-all": {"CapacityUnits": 0.5}}})
        self.assertEqual(self.units("Query", query), {"TableName": "Indexed", "CapacityUnits": 0.5})

    def test_an_index_key_that_changes_costs_two_writes_in_the_index(self):
        name = self.table(**keys("pk", "S", gk="S"), GlobalSecondaryIndexes=[index("by-gk", "gk", None, "KEYS_ONLY")])
        put = {"TableName": name}
        first = self.units("PutItem", {**put, "Item": {"pk": S("1"), "gk": S("a"), "v": N(1)}}, "INDEXES")
        self.assertEqual(first["GlobalSecondaryIndexes"], {"by-gk": {"CapacityUnits": 1.0}})
        moved = self.units("PutItem", {**put, "Item": {"pk": S("1"), "gk": S("b"), "v": N(1)}}, "INDEXES")
        self.assertEqual(moved["GlobalSecondaryIndexes"], {"by-gk": {"CapacityUnits": 2.0}})
        # What is not projected does not touch the index.
        other = self.units("PutItem", {**put, "Item": {"pk": S("1"), "gk": S("b"), "v": N(2)}}, "INDEXES")
        self.assertNotIn("GlobalSecondaryIndexes", other)
        self.assertEqual(other["CapacityUnits"], 1.0)

    def test_item_collections_are_measured_where_there_are_local_indexes(self):
        answer = self.ok("PutItem", {"TableName": "Indexed", "Item": {"pk": S("c"), "sk": S("1")},
                                     "ReturnItemCollectionMetrics": "SIZE"})
        metrics = answer["ItemCollectionMetrics"]
        self.assertEqual(metrics["ItemCollectionKey"], {"pk": S("c")})
        self.assertEqual(len(metrics["SizeEstimateRangeGB"]), 2)
        self.assertNotIn("ItemCollectionMetrics", self.ok("PutItem", {"TableName": "Hash", "Item": {"pk": S("c")},
                                                                      "ReturnItemCollectionMetrics": "SIZE"}))


class Throttles(Case):
    def test_a_table_of_few_units_refuses_when_they_are_gone(self):
        name = self.table(**keys("pk", "S"), ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
        # 300 seconds of unused units may be saved up: one table has at most 300 of them at once.
        answers = [self.send("PutItem", {"TableName": name, "Item": sized("k", 100000)}) for _ in range(20)]
        refused = [one for one in answers if one.status != 200]
        self.assertTrue(refused, "2,000 units of a table that has one a second")
        self.assertEqual({(one.status, one.type) for one in refused}, {(400, OWN + "ProvisionedThroughputExceededException")})
        self.assertEqual(refused[0].message,
                         "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the "
                         "UpdateTable API.")
        batch = self.send("BatchWriteItem", {"RequestItems": {name: [{"PutRequest": {"Item": sized(f"k{at}",
                                                                                                   50000)}} for at in range(20)]}})
        # What cannot be done now comes back; a batch of which nothing could be done is refused.
        if batch.status == 200:
            self.assertTrue(batch.body["UnprocessedItems"].get(name), batch.body)
        else:
            self.assertEqual(batch.type, OWN + "ProvisionedThroughputExceededException")


if __name__ == "__main__":
    main()

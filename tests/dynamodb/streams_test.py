"""Streams: each change once, in order, with the images that were asked for; shards and iterators."""

import re
import time

from harness import NOT_FOUND, UNKNOWN, Case, N, S, keys, main, set_up, until



def setUpModule():
    set_up()


class Streams(Case):
    def streamed(self, view, **members):
        name = self.table(**{**keys("pk", "S"), **members}, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
        return name, self.active(name)["LatestStreamArn"]

    def call(self, operation, **members):
        return self.ok(operation, members, "streams")

    def shards(self, arn):
        return self.call("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]

    def iterator(self, arn, kind="TRIM_HORIZON", shard=None, **members):
        shard = shard or self.shards(arn)[0]["ShardId"]
        return self.call("GetShardIterator", StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **members)["ShardIterator"]

    def records(self, arn, count, kind="TRIM_HORIZON", **members):
        """The first `count` records of all shards, each shard's in its order."""
        found = []
        iterators = [self.iterator(arn, kind, shard["ShardId"], **members) for shard in self.shards(arn)]
        deadline = time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            answers = [self.call("GetRecords", ShardIterator=one) for one in iterators]
            found += sum((answer["Records"] for answer in answers), [])
            iterators = [answer["NextShardIterator"] for answer in answers if "NextShardIterator" in answer]
        self.assertEqual(len(found), count)
        return found

    def changes(self, name):
        """An item put, replaced, left as it was, changed and deleted."""
        item = {"pk": S("a"), "v": N(1)}
        self.put(name, item, {**item, "v": N(2)}, {**item, "v": N(2)})
        key = {"TableName": name, "Key": {"pk": S("a")}}
        self.ok("UpdateItem", {**key, "UpdateExpression": "SET w = :w", "ExpressionAttributeValues": {":w": S("x")}})
        self.ok("DeleteItem", key)
        self.ok("DeleteItem", key)

    def test_each_change_is_told_once_with_both_images(self):
        name, arn = self.streamed("NEW_AND_OLD_IMAGES")
        self.changes(name)
        records = self.records(arn, 4)
        self.assertEqual([record["eventName"] for record in records], ["INSERT", "MODIFY", "MODIFY", "REMOVE"])
        base = {"pk": S("a")}
        images = [(record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")) for record in records]
        self.assertEqual(images, [(None, {**base, "v": N(1)}), ({**base, "v": N(1)}, {**base, "v": N(2)}),
                                  ({**base, "v": N(2)}, {**base, "v": N(2), "w": S("x")}),
                                  ({**base, "v": N(2), "w": S("x")}, None)])
        for record in records:
            self.assertEqual((record["eventVersion"], record["eventSource"], record["dynamodb"]["Keys"],
                              record["dynamodb"]["StreamViewType"]),
                             ("1.1", "aws:dynamodb", base, "NEW_AND_OLD_IMAGES"))
            self.assertRegex(record["eventID"], "^[0-9a-f]{32}$")
            self.assertRegex(record["dynamodb"]["SequenceNumber"], r"^\d{21,40}$")
            self.assertLess(abs(record["dynamodb"]["ApproximateCreationDateTime"] - time.time()), 120)
            self.assertGreater(record["dynamodb"]["SizeBytes"], 0)
            self.assertNotIn("userIdentity", record)
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        self.assertEqual((numbers, len({record["eventID"] for record in records})), (sorted(set(numbers)), 4))

    def test_views(self):
        for view, old, new in (("KEYS_ONLY", False, False), ("NEW_IMAGE", False, True), ("OLD_IMAGE", True, False)):
            name, arn = self.streamed(view)
            self.changes(name)
            records = self.records(arn, 4)
            self.assertEqual(["NewImage" in record["dynamodb"] for record in records], [new, new, new, False], view)
            self.assertEqual(["OldImage" in record["dynamodb"] for record in records], [False, old, old, old], view)

    def test_batches_and_transactions_are_told_too(self):
        name, arn = self.streamed("KEYS_ONLY")
        self.ok("BatchWriteItem", {"RequestItems": {name: [{"PutRequest": {"Item": {"pk": S(f"b{at}")}}} for at in range(5)]}})
        self.ok("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": name, "Item": {"pk": S("t")}}},
                                                         {"Delete": {"TableName": name, "Key": {"pk": S("b0")}}}]})
        records = self.records(arn, 7)
        self.assertEqual(sorted(record["dynamodb"]["Keys"]["pk"]["S"] for record in records),
                         ["b0", "b0", "b1", "b2", "b3", "b4", "t"])

    def test_what_expires_is_told_by_the_service(self):
        name, arn = self.streamed("KEYS_ONLY")
        self.ok("UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}})
        self.put(name, {"pk": S("a"), "expires": N(int(time.time()) - 60)})
        until(lambda: "Item" not in self.ok("GetItem", {"TableName": name, "Key": {"pk": S("a")}}), "the end of the item")
        removal = self.records(arn, 2)[1]
        self.assertEqual((removal["eventName"], removal["userIdentity"]),
                         ("REMOVE", {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}))

    def test_iterators_of_each_kind(self):
        name, arn = self.streamed("KEYS_ONLY")
        self.put(name, *[{"pk": S("a"), "v": N(at)} for at in range(5)])
        records = self.records(arn, 5)
        number = records[2]["dynamodb"]["SequenceNumber"]
        shard = next(one["ShardId"] for one in self.shards(arn) if any(
            record["dynamodb"]["SequenceNumber"] == number for record in self.call("GetRecords", ShardIterator=self.iterator(arn, "TRIM_HORIZON", one["ShardId"]))["Records"]))
        for kind, count in (("AT_SEQUENCE_NUMBER", 3), ("AFTER_SEQUENCE_NUMBER", 2)):
            got = self.call("GetRecords", ShardIterator=self.iterator(arn, kind, shard, SequenceNumber=number))
            self.assertEqual(len(got["Records"]), count, kind)
        latest = self.iterator(arn, "LATEST", shard)
        self.assertEqual(self.call("GetRecords", ShardIterator=latest)["Records"], [])
        self.put(name, {"pk": S("a"), "v": N(99)})
        until(lambda: len(self.call("GetRecords", ShardIterator=latest)["Records"]) == 1, "the newest record")

    def test_records_come_in_pages(self):
        name, arn = self.streamed("KEYS_ONLY")
        self.put(name, *[{"pk": S("a"), "v": N(at)} for at in range(10)])
        shard = self.shards(arn)[-1]["ShardId"] if len(self.shards(arn)) == 1 else None
        if shard is None:
            self.skipTest("more than one shard")
        iterator, sizes = self.iterator(arn, "TRIM_HORIZON", shard), []
        for _ in range(3):
            answer = self.call("GetRecords", ShardIterator=iterator, Limit=4)
            sizes.append(len(answer["Records"]))
            iterator = answer["NextShardIterator"]
        self.assertEqual(sizes, [4, 4, 2])

    def test_a_stream_is_described_and_listed(self):
        name, arn = self.streamed("NEW_IMAGE")
        described = self.call("DescribeStream", StreamArn=arn)["StreamDescription"]
        self.assertEqual((described["StreamArn"], described["TableName"], described["StreamStatus"], described["StreamViewType"],
                          described["KeySchema"]),
                         (arn, name, "ENABLED", "NEW_IMAGE", keys("pk", "S")["KeySchema"]))
        shard = described["Shards"][0]
        self.assertRegex(shard["ShardId"], r"^shardId-\d{20}-[0-9a-f]{8}$")
        self.assertIn("StartingSequenceNumber", shard["SequenceNumberRange"])
        self.assertNotIn("EndingSequenceNumber", shard["SequenceNumberRange"])
        listed = self.call("ListStreams", TableName=name)["Streams"]
        self.assertEqual(listed, [{"StreamArn": arn, "TableName": name, "StreamLabel": described["StreamLabel"]}])
        self.assertIn(arn, [one["StreamArn"] for one in self.call("ListStreams")["Streams"]])

    def test_a_stream_that_was_turned_off_is_still_read_to_its_end(self):
        name, arn = self.streamed("KEYS_ONLY")
        self.put(name, {"pk": S("a")})
        self.ok("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": False}})
        self.active(name)
        until(lambda: self.call("DescribeStream", StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED", "DISABLED")
        answer = self.call("GetRecords", ShardIterator=self.iterator(arn))
        self.assertEqual(len(answer["Records"]), 1)
        self.assertIn("EndingSequenceNumber", self.shards(arn)[0]["SequenceNumberRange"])
        self.ok("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}})
        self.assertNotEqual(self.active(name)["LatestStreamArn"], arn)

    def test_what_is_not_there_is_refused(self):
        name, arn = self.streamed("KEYS_ONLY")
        gone = arn.replace(name, "absent.table")
        shard = self.shards(arn)[0]["ShardId"]
        self.refused("DescribeStream", {"StreamArn": gone},
                     re.compile(f"Requested resource not found: Stream: {re.escape(gone)} not found"), NOT_FOUND, "streams")
        self.refused("GetShardIterator", {"StreamArn": gone, "ShardId": shard, "ShardIteratorType": "LATEST"},
                     re.compile("Requested resource not found: .*"), NOT_FOUND, "streams")
        self.refused("GetShardIterator", {"StreamArn": arn, "ShardId": "shardId-00000000000000000000-00000000",
                                          "ShardIteratorType": "LATEST"},
                     re.compile("Requested resource not found: .*"), NOT_FOUND, "streams")
        self.refused("GetShardIterator", {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}, UNKNOWN,
                     service="streams")
        self.refused("GetRecords", {"ShardIterator": "absent"}, re.compile("Invalid ShardIterator.*"), service="streams")


if __name__ == "__main__":
    main()

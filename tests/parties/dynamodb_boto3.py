"""The DynamoDB part of the same article with boto3: a table of sessions in three Regions, each of which takes writes.

With the article's mistakes put right, what is written in one Region is read in the others. With the mistakes left in, each is
refused as AWS refuses it.
"""

import os
import sys
import time
import unittest

import boto3
from botocore.exceptions import ClientError

from article_boto3 import AWAY, HOME, Case, client
from tools import until

THIRD = "eu-west-1"
REGIONS = [HOME, AWAY, THIRD]
TABLE = "user-sessions"
SECONDS = 60


def key(pk, sk="profile"):
    return {"PK": {"S": pk}, "SK": {"S": sk}}


class DynamoDB(Case):
    @classmethod
    def setUpClass(cls):
        cls.clients = {region: client("dynamodb", region) for region in REGIONS}

    # An error in JSON does not say whose fault it was; its status does.
    def refused(self, code, call, status=400, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
            self.assertTrue(answer["ResponseMetadata"]["RequestId"])
            return answer["Error"]["Message"]
        return self.fail(f"not refused with {code}: {arguments}")

    def described(self, region):
        return self.clients[region].describe_table(TableName=TABLE)["Table"]

    def item(self, region, pk, **members):
        return self.clients[region].get_item(TableName=TABLE, Key=key(pk), **members).get("Item")

    def put(self, region, pk, **attributes):
        item = {**key(pk), **{name: {"S": value} for name, value in attributes.items()}}
        self.clients[region].put_item(TableName=TABLE, Item=item)
        return item

    def test_a_table_in_three_regions_takes_writes_in_each(self):
        self.create()
        self.mistakes()
        for region in (AWAY, THIRD):
            self.replicate(region)
        self.writes_arrive_everywhere()
        self.conditions_are_local()
        self.transactions_arrive()
        self.streams_tell_what_arrived()
        self.time_to_live_is_everybodys()
        self.recovery_is_each_regions_own()
        self.fail_over()
        self.leave()

    # As in the article.
    def create(self):
        home = self.clients[HOME]
        made = home.create_table(
            TableName=TABLE, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}, {"AttributeName": "SK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})["TableDescription"]
        self.assertEqual(made["TableStatus"], "CREATING")
        home.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": SECONDS})
        self.put(HOME, "before", note="there before the replicas")

    def mistakes(self):
        home = self.clients[HOME]
        # The article's call is the 2017 version's: it wants the table to be in every Region already.
        with self.assertRaises(ClientError) as refused:
            home.create_global_table(GlobalTableName=TABLE, ReplicationGroup=[{"RegionName": region} for region in REGIONS])
        self.assertIn(refused.exception.response["Error"]["Code"], ("TableNotFoundException", "UnknownOperationException"))
        self.assertNotIn("Replicas", self.described(HOME))
        self.refused("ResourceNotFoundException", self.clients[AWAY].describe_table, TableName=TABLE)
        # One replica a call, in another Region, that there is.
        create = [{"Create": {"RegionName": region}} for region in (AWAY, THIRD)]
        for updates in (create, [{"Create": {"RegionName": HOME}}], [{"Create": {"RegionName": "mars-east-1"}}]):
            self.refused("ValidationException", home.update_table, TableName=TABLE, ReplicaUpdates=updates)
        self.refused("ValidationException", home.update_table, TableName=TABLE, ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}])
        self.refused("ResourceInUseException", home.create_table, TableName=TABLE, BillingMode="PAY_PER_REQUEST",
                     AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
                     KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}])
        self.refused("ResourceNotFoundException", home.put_item, TableName="absent-sessions", Item=key("a"))
        self.refused("ValidationException", home.get_item, TableName=TABLE, Key={"PK": {"S": "a"}})

    def replicate(self, region):
        answer = self.clients[HOME].update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": region}}])
        self.assertEqual(answer["TableDescription"]["TableStatus"], "UPDATING")

        def active():
            table = self.described(HOME)
            replicas = {one["RegionName"]: one["ReplicaStatus"] for one in table.get("Replicas", [])}
            return table["TableStatus"] == "ACTIVE" and replicas.get(region) == "ACTIVE"

        until(active, SECONDS, f"an active replica in {region}")
        home, there = self.described(HOME), until(lambda: self.described(region), SECONDS, "the replica's table")
        self.assertEqual((there["TableStatus"], there["GlobalTableVersion"], home["GlobalTableVersion"]), ("ACTIVE", "2019.11.21", "2019.11.21"))
        self.assertEqual(there["TableArn"], home["TableArn"].replace(HOME, region))
        self.assertEqual((there["KeySchema"], there["StreamSpecification"]), (home["KeySchema"], home["StreamSpecification"]))
        self.assertIn(region, there["LatestStreamArn"])
        self.assertEqual(self.item(region, "before", ConsistentRead=True)["note"], {"S": "there before the replicas"})

    def writes_arrive_everywhere(self):
        for region in REGIONS:
            written = self.put(region, "from-" + region, note=region)
            for other in REGIONS:
                until(lambda: self.item(other, "from-" + region) == written, SECONDS, f"an item of {region} in {other}")
        self.clients[THIRD].update_item(TableName=TABLE, Key=key("from-" + HOME), UpdateExpression="SET note = :n",
                                        ExpressionAttributeValues={":n": {"S": "changed"}})
        until(lambda: self.item(HOME, "from-" + HOME)["note"] == {"S": "changed"}, SECONDS, "a change at home")
        self.clients[AWAY].delete_item(TableName=TABLE, Key=key("from-" + AWAY))
        until(lambda: not any(self.item(region, "from-" + AWAY) for region in REGIONS), SECONDS, "a removal everywhere")
        # Of writes of one item in several Regions the last stays, the same one everywhere.
        for region in REGIONS:
            self.put(region, "contested", note=region)

        def agreed():
            notes = {str(self.item(region, "contested")) for region in REGIONS}
            return len(notes) == 1 and self.item(HOME, "contested")

        until(agreed, SECONDS, "one value of an item that three Regions wrote")

    # An item of such a table is no lock across Regions: each Region asks its own copy.
    def conditions_are_local(self):
        new = {"ConditionExpression": "attribute_not_exists(PK)", "TableName": TABLE, "Item": key("lock")}
        self.clients[HOME].put_item(**new)
        message = self.refused("ConditionalCheckFailedException", self.clients[HOME].put_item, **new)
        self.assertEqual(message, "The conditional request failed")
        until(lambda: self.item(AWAY, "lock"), SECONDS, "the item in the other Region")
        self.refused("ConditionalCheckFailedException", self.clients[AWAY].put_item, **new)

    def transactions_arrive(self):
        self.clients[HOME].transact_write_items(TransactItems=[
            {"Put": {"TableName": TABLE, "Item": key("pair-1")}}, {"Put": {"TableName": TABLE, "Item": key("pair-2")}}])
        until(lambda: self.item(AWAY, "pair-1") and self.item(AWAY, "pair-2"), SECONDS, "both items in the other Region")
        refused = {"TransactItems": [{"Put": {"TableName": TABLE, "Item": key("pair-3")}}, {"ConditionCheck": {
            "TableName": TABLE, "Key": key("pair-1"), "ConditionExpression": "attribute_not_exists(PK)"}}]}
        message = self.refused("TransactionCanceledException", self.clients[AWAY].transact_write_items, **refused)
        self.assertEqual(message, "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]")
        self.assertIsNone(self.item(AWAY, "pair-3", ConsistentRead=True))

    # The stream of a replica tells what came from elsewhere too.
    def streams_tell_what_arrived(self):
        streams = client("dynamodbstreams", AWAY)
        arn = self.described(AWAY)["LatestStreamArn"]
        self.assertEqual([one["StreamArn"] for one in streams.list_streams(TableName=TABLE)["Streams"]], [arn])
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterators = [streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
                     for shard in shards]
        written = self.put(HOME, "streamed", note="told")

        def told():
            for at, iterator in enumerate(iterators):
                answer = streams.get_records(ShardIterator=iterator)
                iterators[at] = answer["NextShardIterator"]
                found = [one for one in answer["Records"] if one["dynamodb"]["Keys"] == key("streamed")]
                if found:
                    return found[0]
            return None

        record = until(told, SECONDS, "a record of the other Region's item")
        self.assertEqual((record["eventName"], record["awsRegion"], record["eventSource"]), ("INSERT", AWAY, "aws:dynamodb"))
        seen = record["dynamodb"]["NewImage"]
        self.assertEqual({name: seen[name] for name in written}, written)

    def time_to_live_is_everybodys(self):
        def status(region):
            return self.clients[region].describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]

        self.clients[HOME].update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
        for region in REGIONS:
            until(lambda: status(region) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}, SECONDS, f"time to live in {region}")
        self.clients[HOME].put_item(TableName=TABLE, Item={**key("session"), "expires": {"N": str(int(time.time()) - 60)}})
        self.clients[HOME].put_item(TableName=TABLE, Item={**key("kept"), "expires": {"N": str(int(time.time()) + 3600)}})
        for region in REGIONS:
            until(lambda: self.item(region, "kept") and not self.item(region, "session"), SECONDS, f"the end of an old session in {region}")

    def recovery_is_each_regions_own(self):
        def status(region):
            description = self.clients[region].describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
            return description["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]

        self.clients[AWAY].update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
        self.assertEqual([status(region) for region in REGIONS], ["DISABLED", "ENABLED", "DISABLED"])
        self.refused("PointInTimeRecoveryUnavailableException", self.clients[HOME].restore_table_to_point_in_time,
                     SourceTableName=TABLE, TargetTableName="restored", UseLatestRestorableTime=True)

    # What the article calls a failover: the application reads, and here writes, in the other Region.
    def fail_over(self):
        endpoint = None if "AWS_ENDPOINT_URL" in os.environ else os.environ["LAB_ENDPOINT"]
        table = boto3.resource("dynamodb", region_name=AWAY, endpoint_url=endpoint).Table(TABLE)
        self.assertEqual((table.scan(Limit=1)["Count"], table.table_status), (1, "ACTIVE"))
        table.put_item(Item={"PK": "after", "SK": "profile", "visits": 3, "tags": {"a", "b"}, "nested": {"list": [1, None, True]}})
        found = table.query(KeyConditionExpression=boto3.dynamodb.conditions.Key("PK").eq("after"))["Items"]
        self.assertEqual(found, [{"PK": "after", "SK": "profile", "visits": 3, "tags": {"a", "b"}, "nested": {"list": [1, None, True]}}])
        until(lambda: self.item(THIRD, "after"), SECONDS, "the write in the third Region")

    # A replica that is taken away is gone with its data, and the others go on.
    def leave(self):
        self.clients[HOME].update_table(TableName=TABLE, ReplicaUpdates=[{"Delete": {"RegionName": THIRD}}])
        until(lambda: self.described(HOME)["TableStatus"] == "ACTIVE" and THIRD not in [
            one["RegionName"] for one in self.described(HOME).get("Replicas", [])], SECONDS, "two replicas")
        self.refused("ResourceNotFoundException", self.clients[THIRD].describe_table, TableName=TABLE)
        written = self.put(HOME, "two", note="left")
        until(lambda: self.item(AWAY, "two") == written, SECONDS, "an item in the Region that is left")


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

"""The DynamoDB part of the same article with the stock AWS CLI.

    dynamodb_awscli.py PROGRAM DynamoDB
"""

import json
import time
import unittest

from article_awscli import AWAY, AWS, HOME, PAUSE, VERSION, Case, error
from tools import until

TABLE = "user-sessions"


def item(pk, **attributes):
    return json.dumps({"PK": {"S": pk}, "SK": {"S": "profile"}, **attributes})


class DynamoDB(Case):
    def dynamodb(self, region, operation, *arguments):
        return self.aws(region, "dynamodb", operation, "--table-name", TABLE, *arguments)

    def got(self, region, pk):
        return (self.dynamodb(region, "get-item", "--key", item(pk)) or {}).get("Item")

    def test_a_table_in_two_regions_takes_writes_in_each(self):
        made = self.dynamodb(
            HOME, "create-table", "--attribute-definitions", "AttributeName=PK,AttributeType=S", "AttributeName=SK,AttributeType=S", "--key-schema",
            "AttributeName=PK,KeyType=HASH", "AttributeName=SK,KeyType=RANGE", "--billing-mode", "PAY_PER_REQUEST", "--stream-specification",
            "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES")["TableDescription"]
        self.assertEqual(made["TableStatus"], "CREATING")
        self.aws(HOME, "dynamodb", "wait", "table-exists", "--table-name", TABLE)
        self.mistakes()
        self.dynamodb(HOME, "update-table", "--replica-updates", f"Create={{RegionName={AWAY}}}")
        until(lambda: [one["ReplicaStatus"] for one in self.dynamodb(HOME, "describe-table")["Table"].get("Replicas", [])
                       if one["RegionName"] == AWAY] == ["ACTIVE"], 60, "an active replica", PAUSE)
        self.assertEqual(self.dynamodb(AWAY, "describe-table")["Table"]["GlobalTableVersion"], "2019.11.21")
        for source, target in ((HOME, AWAY), (AWAY, HOME)):
            self.dynamodb(source, "put-item", "--item", item("from-" + source, note={"S": "hello"}))
            until(lambda: self.got(target, "from-" + source), 60, f"an item of {source} in {target}", PAUSE)
            self.assertEqual(self.got(target, "from-" + source)["note"], {"S": "hello"})
        self.dynamodb(HOME, "update-time-to-live", "--time-to-live-specification", "Enabled=true,AttributeName=expires")
        self.dynamodb(AWAY, "put-item", "--item", item("session", expires={"N": str(int(time.time()) - 60)}))
        until(lambda: not self.got(AWAY, "session") and not self.got(HOME, "session"), 60, "the end of an old session", PAUSE)
        self.recovery()
        self.streams()

    def mistakes(self):
        self.refused(HOME, r"An error occurred \((TableNotFoundException|UnknownOperationException)\) when calling the CreateGlobalTable operation: \S",
                     "dynamodb", "create-global-table", "--global-table-name", TABLE, "--replication-group", f"RegionName={HOME}", f"RegionName={AWAY}")
        self.refused(AWAY, error("ResourceNotFoundException", "DescribeTable"), "dynamodb", "describe-table", "--table-name", TABLE)
        self.refused(HOME, error("ValidationException", "UpdateTable"), "dynamodb", "update-table", "--table-name", TABLE, "--replica-updates",
                     f"Create={{RegionName={HOME}}}")
        self.refused(HOME, error("ValidationException", "GetItem") + "*he provided key element does not match the schema", "dynamodb", "get-item",
                     "--table-name", TABLE, "--key", json.dumps({"PK": {"S": "a"}, "sk": {"S": "a"}}))

    def recovery(self):
        self.dynamodb(AWAY, "update-continuous-backups", "--point-in-time-recovery-specification", "PointInTimeRecoveryEnabled=true")
        told = {region: self.dynamodb(region, "describe-continuous-backups")["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
                ["PointInTimeRecoveryStatus"] for region in (HOME, AWAY)}
        self.assertEqual(told, {HOME: "DISABLED", AWAY: "ENABLED"})

    def streams(self):
        arn = self.dynamodb(AWAY, "describe-table")["Table"]["LatestStreamArn"]
        shards = self.aws(AWAY, "dynamodbstreams", "describe-stream", "--stream-arn", arn)["StreamDescription"]["Shards"]
        records = []
        for shard in shards:
            iterator = self.aws(AWAY, "dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id", shard["ShardId"],
                                "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
            records += self.aws(AWAY, "dynamodbstreams", "get-records", "--shard-iterator", iterator)["Records"]
        told = {record["dynamodb"]["Keys"]["PK"]["S"] for record in records}
        self.assertTrue({"from-" + HOME, "from-" + AWAY} <= told, told)


if __name__ == "__main__":
    print(f"{VERSION} of {AWS}, home {HOME}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")

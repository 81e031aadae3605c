"""The life of tables: made, described, listed, changed, removed; tags, time to live, backups, limits."""

import json
import re
import time

from harness import IN_USE, NOT_FOUND, OWN, UNKNOWN, Case, N, S, fresh, index, keys, main, refusals, set_up, until

LIMIT = OWN + "LimitExceededException"


def setUpModule():
    set_up("Hash", "Range")


UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Life(Case):
    def test_a_table_is_made_described_and_removed(self):
        name = fresh()
        before = time.time()
        made = self.ok("CreateTable", {"TableName": name, **keys("pk", "S", "sk", "N"),
                                       "BillingMode": "PAY_PER_REQUEST"})["TableDescription"]
        self.assertEqual((made["TableName"], made["TableStatus"], made["ItemCount"], made["TableSizeBytes"]),
                         (name, "CREATING", 0, 0))
        self.assertEqual(made["KeySchema"], keys("pk", "S", "sk", "N")["KeySchema"])
        self.assertCountEqual(made["AttributeDefinitions"], keys("pk", "S", "sk", "N")["AttributeDefinitions"])
        self.assertRegex(made["TableArn"], rf"^arn:aws:dynamodb:[a-z0-9-]+:\d{{12}}:table/{re.escape(name)}$")
        self.assertRegex(made["TableId"], UUID)
        self.assertEqual(made["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        self.assertEqual(made["ProvisionedThroughput"], {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0,
                                                         "WriteCapacityUnits": 0})
        self.assertIs(made["DeletionProtectionEnabled"], False)
        self.assertLess(abs(made["CreationDateTime"] - before), 60)
        described = self.active(name)
        self.assertEqual({member: described[member] for member in ("TableArn", "TableId", "KeySchema")},
                         {member: made[member] for member in ("TableArn", "TableId", "KeySchema")})
        gone = self.ok("DeleteTable", {"TableName": name})["TableDescription"]
        self.assertEqual((gone["TableName"], gone["TableStatus"]), (name, "DELETING"))
        until(lambda: self.send("DescribeTable", {"TableName": name}).status == 400, "the end of the table")
        self.refused("DescribeTable", {"TableName": name}, f"Requested resource not found: Table: {name} not found", NOT_FOUND)
        self.refused("DeleteTable", {"TableName": name}, f"Requested resource not found: Table: {name} not found", NOT_FOUND)
        self.refused("PutItem", {"TableName": name, "Item": {"pk": S("a"), "sk": N(1)}}, "Requested resource not found", NOT_FOUND)

    def test_a_name_is_given_once(self):
        name = self.table(**keys("pk", "S"))
        self.refused("CreateTable", {"TableName": name, **keys("pk", "S"), "BillingMode": "PAY_PER_REQUEST"},
                     f"Table already exists: {name}", IN_USE)
        other = self.table(TableName=name.swapcase(), **keys("pk", "S"))
        self.assertNotEqual(name, other)

    def test_a_table_made_again_is_empty_and_another(self):
        name = self.table(**keys("pk", "S"))
        first = self.active(name)["TableId"]
        self.put(name, {"pk": S("a")})
        self.ok("DeleteTable", {"TableName": name})
        until(lambda: self.send("DescribeTable", {"TableName": name}).status == 400, "the end of the table")
        self.table(TableName=name, **keys("pk", "S"))
        self.assertNotEqual(self.active(name)["TableId"], first)
        self.assertEqual(self.ok("Scan", {"TableName": name})["Count"], 0)

    def test_a_table_may_be_named_by_its_arn(self):
        name = self.table(**keys("pk", "S"))
        arn = self.active(name)["TableArn"]
        self.ok("PutItem", {"TableName": arn, "Item": {"pk": S("a")}})
        self.assertEqual(self.ok("GetItem", {"TableName": arn, "Key": {"pk": S("a")}})["Item"], {"pk": S("a")})
        self.assertEqual(self.ok("DescribeTable", {"TableName": arn})["Table"]["TableName"], name)

    def test_units_are_described(self):
        name = self.table(**keys("pk", "S", gk="S"), ProvisionedThroughput=UNITS,
                          GlobalSecondaryIndexes=[index("by-gk", "gk", ProvisionedThroughput={
            "ReadCapacityUnits": 1, "WriteCapacityUnits": 2})])
        table = self.active(name)
        self.assertEqual({key: table["ProvisionedThroughput"][key] for key in ("ReadCapacityUnits", "WriteCapacityUnits",
                                                                               "NumberOfDecreasesToday")}, {**UNITS, "NumberOfDecreasesToday": 0})
        only = table["GlobalSecondaryIndexes"][0]
        self.assertEqual((only["IndexName"], only["IndexStatus"], only["Projection"],
                          only["ProvisionedThroughput"]["WriteCapacityUnits"]), ("by-gk", "ACTIVE", {"ProjectionType": "ALL"}, 2))
        self.assertEqual(only["IndexArn"], table["TableArn"] + "/index/by-gk")
        self.assertEqual((only["ItemCount"], only["IndexSizeBytes"]), (0, 0))

    def test_local_indexes_are_described(self):
        name = self.table(**keys("pk", "S", "sk", "S", ls="S"), LocalSecondaryIndexes=[index("by-ls", "pk", "ls", ["a"])])
        only = self.active(name)["LocalSecondaryIndexes"][0]
        self.assertEqual((only["IndexName"], only["Projection"]), ("by-ls",
                                                                   {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]}))
        self.assertNotIn("IndexStatus", only)

    def test_a_protected_table_is_not_removed(self):
        name = self.table(**keys("pk", "S"), DeletionProtectionEnabled=True)
        self.refused("DeleteTable", {"TableName": name},
                     re.compile("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."))
        self.ok("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": False})
        self.active(name)
        self.ok("DeleteTable", {"TableName": name})

    def test_names_are_listed_in_order_and_in_pages(self):
        prefix = fresh("List")
        names = sorted(self.table(TableName=f"{prefix}.{letter}", **keys("pk", "S")) for letter in "Bcadf")
        found, start, pages = [], prefix, 0
        while True:
            answer = self.ok("ListTables", {"Limit": 2, "ExclusiveStartTableName": start})
            found += answer["TableNames"]
            start, pages = answer.get("LastEvaluatedTableName"), pages + 1
            if not start:
                break
            self.assertEqual((len(answer["TableNames"]), start), (2, answer["TableNames"][-1]))
        self.assertEqual([name for name in found if name.startswith(prefix)], names)
        self.assertEqual(found, sorted(found))
        self.assertGreaterEqual(pages, 3)


class Changes(Case):
    def test_units_change(self):
        name = self.table(**keys("pk", "S"), ProvisionedThroughput=UNITS)
        answer = self.ok("UpdateTable", {"TableName": name, "ProvisionedThroughput": {"ReadCapacityUnits": 7,
                                                                                      "WriteCapacityUnits": 6}})["TableDescription"]
        self.assertEqual(answer["TableStatus"], "UPDATING")
        self.assertEqual(self.active(name)["ProvisionedThroughput"]["ReadCapacityUnits"], 7)
        self.ok("UpdateTable", {"TableName": name, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 6}})
        self.assertEqual(self.active(name)["ProvisionedThroughput"]["NumberOfDecreasesToday"], 1)

    def test_units_that_are_the_same_are_refused(self):
        name = self.table(**keys("pk", "S"), ProvisionedThroughput=UNITS)
        self.refused("UpdateTable", {"TableName": name, "ProvisionedThroughput": UNITS}, re.compile(
            "The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: 5. "
            "Requested ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6. Refer to the Amazon DynamoDB Developer Guide "
            "for current limits and how to request higher limits."))

    def test_the_way_to_pay_changes(self):
        name = self.table(**keys("pk", "S"), ProvisionedThroughput=UNITS)
        self.ok("UpdateTable", {"TableName": name, "BillingMode": "PAY_PER_REQUEST"})
        table = self.active(name)
        self.assertEqual((table["BillingModeSummary"]["BillingMode"], table["ProvisionedThroughput"]["ReadCapacityUnits"]),
                         ("PAY_PER_REQUEST", 0))
        self.assertIn("LastUpdateToPayPerRequestDateTime", table["BillingModeSummary"])
        self.refused("UpdateTable", {"TableName": name, "BillingMode": "PROVISIONED"}, UNKNOWN)
        self.ok("UpdateTable", {"TableName": name, "BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS})
        self.assertEqual(self.active(name)["ProvisionedThroughput"]["WriteCapacityUnits"], 6)

    def test_nothing_to_change_is_refused(self):
        name = self.table(**keys("pk", "S"))
        self.refused("UpdateTable", {"TableName": name},
                     re.compile("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates.* is required"))

    def test_a_stream_is_turned_on_and_off(self):
        name = self.table(**keys("pk", "S"))
        view = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        self.ok("UpdateTable", {"TableName": name, "StreamSpecification": view})
        table = self.active(name)
        self.assertEqual(table["StreamSpecification"], view)
        self.assertEqual(table["LatestStreamArn"], f"{table['TableArn']}/stream/{table['LatestStreamLabel']}")
        self.refused("UpdateTable", {"TableName": name, "StreamSpecification": view},
                     re.compile("Table already has an enabled stream.*"), IN_USE
                     if self.send("UpdateTable", {"TableName": name,
                                                  "StreamSpecification": view}).type == IN_USE else "com.amazon.coral.validate#ValidationException")
        self.ok("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": False}})
        self.assertNotIn("StreamSpecification", self.active(name))
        self.refused("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": False}}, UNKNOWN)

    def test_a_stream_without_a_view_is_refused(self):
        name = self.table(**keys("pk", "S"))
        self.refused("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": True}}, UNKNOWN)
        self.refused("UpdateTable", {"TableName": name, "StreamSpecification": {"StreamEnabled": False,
                                                                                "StreamViewType": "KEYS_ONLY"}}, UNKNOWN)

    def test_two_indexes_are_not_made_at_once(self):
        name = self.table(**keys("pk", "S"))
        self.refused("UpdateTable", {"TableName": name, "AttributeDefinitions": [{"AttributeName": one,
                                                                                  "AttributeType": "S"} for one in "ab"],
                                     "GlobalSecondaryIndexUpdates": [{"Create": index("by-a", "a")},
                                                                     {"Create": index("by-b", "b")}]},
                     re.compile("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"), LIMIT)

    def test_an_index_of_an_attribute_without_a_type_is_refused(self):
        name = self.table(**keys("pk", "S"))
        self.refused("UpdateTable", {"TableName": name, "GlobalSecondaryIndexUpdates": [{"Create": index("by-a", "a")}]}, UNKNOWN)


refusals(Changes, "UpdateTable", [("a table that there is not", {"TableName": "absent.table", "BillingMode": "PAY_PER_REQUEST"},
                                   "Requested resource not found: Table: absent.table not found")], type=NOT_FOUND)
refusals(Changes, "UpdateTable", [
    ("an index update of nothing", {"TableName": "Hash", "GlobalSecondaryIndexUpdates": [{}]}, UNKNOWN),
    ("an index update of two", {"TableName": "Hash", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "abc"},
                                                                                      "Create": index("abc", "a")}]}, UNKNOWN),
    ("units for a table that pays by request", {"TableName": "Hash", "ProvisionedThroughput": UNITS}, UNKNOWN),
])


class Made(Case):
    """What CreateTable refuses. Table-driven; the rows are below."""


WRONG = "One or more parameter values were invalid: "
TABLE = {"TableName": "Never.made", **keys("pk", "S"), "BillingMode": "PAY_PER_REQUEST"}
BOTH = {"TableName": "Never.made", **keys("pk", "S", "sk", "S", x="S"), "BillingMode": "PAY_PER_REQUEST"}
TYPED = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "x")]


def schema(*parts):
    return [{"AttributeName": name, "KeyType": kind} for name, kind in parts]


def types(**kinds):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


def local(**members):
    return {**TABLE, "KeySchema": schema(("pk", "HASH"), ("sk", "RANGE")), "AttributeDefinitions": TYPED,
            "LocalSecondaryIndexes": [{**index("by-x", "pk", "x"), **members}]}


def global_(**members):
    return {**TABLE, "AttributeDefinitions": types(pk="S", x="S"), "GlobalSecondaryIndexes": [{**index("by-x", "x"), **members}]}


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


refusals(Made, "CreateTable", [
    ("no way to pay", without(TABLE, "BillingMode"),
     re.compile(re.escape(WRONG) + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED|"
                                                                "No provisioned throughput specified for the table")),
    ("provisioned without units", {**TABLE, "BillingMode": "PROVISIONED"},
     WRONG + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    ("units with payment by request", {**TABLE, "ProvisionedThroughput": UNITS},
     WRONG + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ("no key", without(TABLE, "KeySchema"), UNKNOWN),
    ("no definitions", without(TABLE, "AttributeDefinitions"), UNKNOWN),
    ("empty definitions", {**TABLE, "AttributeDefinitions": []}, UNKNOWN),
    ("a key without a definition", {**TABLE, "AttributeDefinitions": types(other="S")}, re.compile(
        re.escape(WRONG) + r"Some index key attributes are not defined in AttributeDefinitions\. Keys: \[pk\], AttributeDefinitions: \[other\]|"
        r"Invalid KeySchema: Some index key attribute have no definition")),
    ("a range key without a definition", {**TABLE, "KeySchema": schema(("pk", "HASH"), ("sk", "RANGE"))}, UNKNOWN),
    ("a definition that nothing uses", {**TABLE, "AttributeDefinitions": types(pk="S", x="S")},
     WRONG + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"),
    ("a definition twice", {**TABLE, "AttributeDefinitions": types(pk="S") * 2}, UNKNOWN),
    ("a range key alone", {**TABLE, "KeySchema": schema(("pk", "RANGE"))},
     "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    ("a range key first", {**BOTH, "AttributeDefinitions": TYPED[:2], "KeySchema": schema(("sk", "RANGE"), ("pk", "HASH"))},
     "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    ("two hash keys", {**TABLE, "AttributeDefinitions": TYPED[:2], "KeySchema": schema(("pk", "HASH"), ("sk", "HASH"))}, re.compile(
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type|.*")),
    ("one attribute as both", {**TABLE, "KeySchema": schema(("pk", "HASH"), ("pk", "RANGE"))}, re.compile(
        "(Invalid KeySchema: )?Both the Hash Key and the Range Key element in the KeySchema have the same name")),
    ("a local index without a range key", {**TABLE, "AttributeDefinitions": types(pk="S", x="S"),
                                           "LocalSecondaryIndexes": [index("by-x", "pk", "x")]},
     re.compile(re.escape(WRONG) + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")),
    ("a local index of another hash key", local(KeySchema=schema(("x", "HASH"), ("sk", "RANGE"))),
     re.compile(re.escape(WRONG) + r"Index KeySchema does not have the same leading hash key as table KeySchema for index: by-x\. index hash key: x, table hash key: pk")),
    ("a local index without a range", local(KeySchema=schema(("pk", "HASH"))),
     re.compile(re.escape(WRONG) + "(Index KeySchema does not have a range key for index: by-x|Number of attributes in KeySchema.*)")),
    ("a local index without a projection type", local(Projection={}), WRONG + "Unknown ProjectionType: null"),
    ("INCLUDE without names", local(Projection={"ProjectionType": "INCLUDE"}),
     WRONG + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ("ALL with names", local(Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["a"]}),
     WRONG + "ProjectionType is ALL, but NonKeyAttributes is specified"),
    ("KEYS_ONLY with names", local(Projection={"ProjectionType": "KEYS_ONLY", "NonKeyAttributes": ["a"]}),
     WRONG + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"),
    ("a global index without a projection type", global_(Projection={}), WRONG + "Unknown ProjectionType: null"),
    ("a global index with INCLUDE without names", global_(Projection={"ProjectionType": "INCLUDE"}),
     WRONG + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ("a global index of an attribute without a definition", {**TABLE, "GlobalSecondaryIndexes": [index("by-x", "x")]}, UNKNOWN),
    ("a global index with a range first", global_(KeySchema=schema(("x", "RANGE"))), UNKNOWN),
    ("two indexes of one name", {**BOTH, "LocalSecondaryIndexes": [index("same", "pk", "x")],
                                 "GlobalSecondaryIndexes": [index("same", "x")]}, WRONG + "Duplicate index name: same"),
    ("two local indexes of one name", {**BOTH, "LocalSecondaryIndexes": [index("same", "pk", "x")] * 2},
     WRONG + "Duplicate index name: same"),
    ("no local index", {**BOTH, "AttributeDefinitions": TYPED[:2], "LocalSecondaryIndexes": []},
     WRONG + "List of LocalSecondaryIndexes is empty"),
    ("no global index", {**TABLE, "GlobalSecondaryIndexes": []}, WRONG + "List of GlobalSecondaryIndexes is empty"),
    ("six local indexes", {**BOTH, "LocalSecondaryIndexes": [index(f"by-{at}", "pk", "x") for at in range(6)]}, re.compile(
        re.escape(WRONG) + "Number of LocalSecondaryIndexes exceeds per-table limit of 5")),
    ("21 global indexes", {**TABLE, "AttributeDefinitions": types(pk="S", x="S"),
                           "GlobalSecondaryIndexes": [index(f"by-{at}", "x") for at in range(21)]}, re.compile(
        re.escape(WRONG) + "GlobalSecondaryIndex count exceeds the per-table limit of 20")),
    ("more than 100 projected names", {**TABLE, "AttributeDefinitions": types(pk="S", x="S"), "GlobalSecondaryIndexes": [
        index(f"by-{at}", "x", None, [f"a{at}-{name}" for name in range(20)]) for at in range(6)]}, UNKNOWN),
    ("an index without units in a provisioned table", {**without(TABLE, "BillingMode"),
                                                       "AttributeDefinitions": types(pk="S", x="S"), "ProvisionedThroughput": UNITS,
                                                       "GlobalSecondaryIndexes": [index("by-x", "x")]}, UNKNOWN),
    ("an index with units where requests are paid", global_(ProvisionedThroughput=UNITS), UNKNOWN),
    ("a stream without a view", {**TABLE, "StreamSpecification": {"StreamEnabled": True}}, UNKNOWN),
])


class Tags(Case):
    def test_tags_are_set_listed_and_removed(self):
        name = self.table(**keys("pk", "S"), Tags=[{"Key": "made", "Value": "1"}])
        arn = self.active(name)["TableArn"]

        def tags():
            return {tag["Key"]: tag["Value"] for tag in self.ok("ListTagsOfResource", {"ResourceArn": arn})["Tags"]}

        self.assertEqual(tags(), {"made": "1"})
        self.assertEqual(self.send("TagResource", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "x"},
                                                                                {"Key": "made", "Value": ""}]}).status, 200)
        until(lambda: tags() == {"a": "x", "made": ""}, "the new tags")
        self.assertEqual(self.send("UntagResource", {"ResourceArn": arn, "TagKeys": ["a", "absent"]}).status, 200)
        until(lambda: tags() == {"made": ""}, "one tag")

    def test_tags_of_what_is_not_there(self):
        name = self.table(**keys("pk", "S"))
        arn = self.active(name)["TableArn"].replace(name, "absent.table")
        self.refused("ListTagsOfResource", {"ResourceArn": arn}, re.compile("Requested resource not found.*"), NOT_FOUND)
        self.refused("TagResource", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "x"}]},
                     re.compile("Requested resource not found.*"), NOT_FOUND)

    def test_an_arn_that_is_none(self):
        self.refused("ListTagsOfResource", {"ResourceArn": "table"},
                     re.compile("Invalid TableArn: Invalid ResourceArn provided as input table|.*"))
        self.refused("TagResource", {"ResourceArn": "table", "Tags": [{"Key": "a", "Value": "x"}]}, UNKNOWN)


class TimeToLive(Case):
    def specification(self, name, enabled, attribute="expires"):
        return {"TableName": name, "TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}}

    def status(self, name):
        return self.ok("DescribeTimeToLive", {"TableName": name})["TimeToLiveDescription"]

    def test_it_is_off_until_it_is_turned_on(self):
        name = self.table(**keys("pk", "S"))
        self.assertEqual(self.status(name), {"TimeToLiveStatus": "DISABLED"})
        self.refused("UpdateTimeToLive", self.specification(name, False), "TimeToLive is already disabled")
        self.assertEqual(self.ok("UpdateTimeToLive", self.specification(name, True)),
                         {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}})
        self.assertEqual(until(lambda: self.status(name) if self.status(name)["TimeToLiveStatus"] == "ENABLED" else None,
                               "ENABLED"),
                         {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"})
        self.refused("UpdateTimeToLive", self.specification(name, True),
                     re.compile("TimeToLive is already enabled|Time to live has been modified multiple times within a fixed interval"))

    def test_items_past_their_time_go(self):
        name = self.table(**keys("pk", "S"))
        self.ok("UpdateTimeToLive", self.specification(name, True))
        past, future = N(int(time.time()) - 60), N(int(time.time()) + 3600)
        self.put(name, {"pk": S("past"), "expires": past}, {"pk": S("future"), "expires": future},
                 {"pk": S("text"), "expires": S("1")}, {"pk": S("none")},
                 {"pk": S("ancient"), "expires": N(int(time.time()) - 6 * 365 * 86400)})
        until(lambda: "Item" not in self.ok("GetItem", {"TableName": name, "Key": {"pk": S("past")}}), "the end of the item")
        # Five years in the past is taken for a mistake.
        self.assertEqual({one["pk"]["S"] for one in self.ok("Scan", {"TableName": name})["Items"]},
                         {"future", "text", "none", "ancient"})

    def test_of_a_table_that_there_is_not(self):
        self.refused("DescribeTimeToLive", {"TableName": "absent.table"},
                     re.compile("Requested resource not found: Table: absent.table not found"), NOT_FOUND)
        self.refused("UpdateTimeToLive", self.specification("absent.table", True),
                     re.compile("Requested resource not found: Table: absent.table not found"), NOT_FOUND)


class Backups(Case):
    def test_continuous_backups_are_there_and_recovery_is_turned_on(self):
        name = self.table(**keys("pk", "S"))
        described = self.ok("DescribeContinuousBackups", {"TableName": name})["ContinuousBackupsDescription"]
        self.assertEqual((described["ContinuousBackupsStatus"],
                          described["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]), ("ENABLED", "DISABLED"))
        self.ok("UpdateContinuousBackups", {"TableName": name,
                                            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
        described = self.ok("DescribeContinuousBackups",
                            {"TableName": name})["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        self.assertEqual((described["PointInTimeRecoveryStatus"], described["RecoveryPeriodInDays"]), ("ENABLED", 35))
        self.assertIn("EarliestRestorableDateTime", described)
        self.refused("DescribeContinuousBackups", {"TableName": "absent.table"}, re.compile("Table not found: absent.table.*"),
                     OWN + "TableNotFoundException")

    def test_a_restore_to_a_time_needs_recovery(self):
        name = self.table(**keys("pk", "S"))
        self.refused("RestoreTableToPointInTime", {"SourceTableName": name, "TargetTableName": fresh(),
                                                   "UseLatestRestorableTime": True}, UNKNOWN,
                     OWN + "PointInTimeRecoveryUnavailableException")

    def test_a_backup_is_made_listed_restored_and_removed(self):
        name = self.table(**keys("pk", "S", gk="S"), GlobalSecondaryIndexes=[index("by-gk", "gk")])
        self.put(name, *[{"pk": S(str(at)), "gk": S("g")} for at in range(5)])
        made = self.ok("CreateBackup", {"TableName": name, "BackupName": "nightly"})["BackupDetails"]
        self.assertEqual((made["BackupName"], made["BackupType"]), ("nightly", "USER"))
        arn = made["BackupArn"]
        described = until(lambda: (lambda one: one if one["BackupDetails"]["BackupStatus"] == "AVAILABLE" else None)(
            self.ok("DescribeBackup", {"BackupArn": arn})["BackupDescription"]), "AVAILABLE")
        self.assertEqual((described["SourceTableDetails"]["TableName"], described["SourceTableDetails"]["ItemCount"] in (0, 5)),
                         (name, True))
        self.assertEqual([one["BackupArn"] for one in self.ok("ListBackups", {"TableName": name})["BackupSummaries"]], [arn])
        self.put(name, {"pk": S("later")})
        target = fresh()
        self.addCleanup(self.send, "DeleteTable", {"TableName": target})
        restored = self.ok("RestoreTableFromBackup", {"TargetTableName": target, "BackupArn": arn})["TableDescription"]
        self.assertEqual((restored["TableStatus"], restored["RestoreSummary"]["RestoreInProgress"]), ("CREATING", True))
        self.active(target)
        self.assertEqual({one["pk"]["S"] for one in self.ok("Scan", {"TableName": target})["Items"]}, {"0", "1", "2", "3", "4"})
        self.assertEqual(self.ok("Scan", {"TableName": target, "IndexName": "by-gk"})["Count"], 5)
        self.refused("RestoreTableFromBackup", {"TargetTableName": target, "BackupArn": arn},
                     re.compile("Table already exists: .*"), OWN + "TableAlreadyExistsException")
        self.ok("DeleteBackup", {"BackupArn": arn})
        until(lambda: self.send("DescribeBackup", {"BackupArn": arn}).status == 400 or
              self.ok("DescribeBackup", {"BackupArn": arn})["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED",
              "the end of the backup")

    def test_backups_of_what_is_not_there(self):
        self.refused("CreateBackup", {"TableName": "absent.table", "BackupName": "nightly"},
                     re.compile("Table not found: absent.table.*"), OWN + "TableNotFoundException")
        arn = "arn:aws:dynamodb:us-east-1:123456789012:table/absent/backup/01500000000000-abcdef12"
        self.refused("DescribeBackup", {"BackupArn": arn}, UNKNOWN, OWN + "BackupNotFoundException")


class Policies(Case):
    """Resource policies: kept, answered, removed; each change has a revision."""

    def policy(self, arn):
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn.split(":")[4]},
                                                                   "Action": "dynamodb:GetItem", "Resource": arn}]})

    def test_a_policy_is_put_answered_and_removed(self):
        name = self.table(**keys("pk", "S"))
        arn = self.active(name)["TableArn"]
        self.refused("GetResourcePolicy", {"ResourceArn": arn}, UNKNOWN, OWN + "PolicyNotFoundException")
        first = self.ok("PutResourcePolicy", {"ResourceArn": arn, "Policy": self.policy(arn)})["RevisionId"]
        got = self.ok("GetResourcePolicy", {"ResourceArn": arn})
        self.assertEqual((json.loads(got["Policy"]), got["RevisionId"]), (json.loads(self.policy(arn)), first))
        self.refused("PutResourcePolicy", {"ResourceArn": arn, "Policy": self.policy(arn), "ExpectedRevisionId": "0"}, UNKNOWN,
                     OWN + "PolicyNotFoundException")
        self.ok("DeleteResourcePolicy", {"ResourceArn": arn, "ExpectedRevisionId": first})
        self.refused("GetResourcePolicy", {"ResourceArn": arn}, UNKNOWN, OWN + "PolicyNotFoundException")

    def test_what_is_no_policy_is_refused(self):
        name = self.table(**keys("pk", "S"))
        arn = self.active(name)["TableArn"]
        self.refused("PutResourcePolicy", {"ResourceArn": arn, "Policy": "{"}, UNKNOWN)
        self.refused("PutResourcePolicy", {"ResourceArn": arn.replace(name, "absent.table"), "Policy": self.policy(arn)}, UNKNOWN,
                     NOT_FOUND)

    def test_a_policy_that_denies_writes_is_a_fence(self):
        name = self.table(**keys("pk", "S"))
        arn = self.active(name)["TableArn"]
        deny = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
                                                                   "Action": ["dynamodb:PutItem", "dynamodb:BatchWriteItem"],
                                                                   "Resource": arn}]})
        self.ok("PutResourcePolicy", {"ResourceArn": arn, "Policy": deny})
        item = {"TableName": name, "Item": {"pk": S("a")}}
        until(lambda: self.send("PutItem", item).status == 400, "a write that is denied")
        answer = self.refused("PutItem", item, UNKNOWN, "com.amazon.coral.service#AccessDeniedException")
        self.assertIn("dynamodb:PutItem", answer.get("Message", answer.get("message")))
        self.assertIn("explicit deny in a resource-based policy", answer.get("Message", answer.get("message")))
        self.ok("GetItem", {"TableName": name, "Key": {"pk": S("a")}})
        self.ok("DeleteResourcePolicy", {"ResourceArn": arn})
        until(lambda: self.send("PutItem", item).status == 200, "a write that is allowed again")


class Account(Case):
    def test_limits(self):
        limits = self.ok("DescribeLimits", {})
        self.assertEqual(set(limits), {"AccountMaxReadCapacityUnits", "AccountMaxWriteCapacityUnits", "TableMaxReadCapacityUnits",
                                       "TableMaxWriteCapacityUnits"})
        self.assertEqual((limits["TableMaxReadCapacityUnits"], limits["AccountMaxReadCapacityUnits"]), (40000, 80000))

    def test_endpoints(self):
        endpoints = self.ok("DescribeEndpoints", {})["Endpoints"]
        self.assertEqual([set(one) for one in endpoints], [{"Address", "CachePeriodInMinutes"}])


if __name__ == "__main__":
    main()

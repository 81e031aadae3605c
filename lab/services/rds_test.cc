#include "lab/services/rds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/services/keys_testing.h"
#include "lab/services/rds_postgres.h"
#include "lab/services/rds_test_regions.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class RdsTest : public RdsRegions {
 protected:
  RdsTest() : RdsRegions(PostgresType()) {}

  // As a client would: through the published endpoint's backend, with the customer's password.
  std::string Ask(Side& side, const std::string& id, const std::string& sql,
                  const std::string& database = "shop") {
    const auto endpoint = side.host.endpoints.find("rds:" + id);
    if (endpoint == side.host.endpoints.end()) return "no endpoint";
    const auto rows = RunSql({.socket_directory = endpoint->second.backend.parent_path().string(),
                              .user = "leeward",
                              .password = "correct-horse",
                              .database = database},
                             {sql});
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }
};

TEST_F(RdsTest, InstanceIsMadeUsedStoppedStartedRenamedAndDeleted) {
  Value asked = Orders();
  const Value made =
      Done(a, "CreateDBInstance", asked.Set("AllocatedStorage", 30)).Sub("DBInstance");
  EXPECT_EQ(made.String("DBInstanceStatus"), "creating");
  EXPECT_EQ(made.String("DBInstanceIdentifier"), "orders");
  EXPECT_FALSE(made.Has("Endpoint"));
  EXPECT_EQ(Code(a, "CreateDBInstance", Orders()), "DBInstanceAlreadyExists");
  Await(a, "orders", "available");
  EXPECT_EQ(Look(a, "orders").Sub("Endpoint").Int("Port"), 5432);
  EXPECT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  EXPECT_EQ(Ask(a, "orders", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f");
  EXPECT_THAT(Ask(a, "orders", "SELECT 1", "rdsadmin"), HasSubstr("error"));

  Await(a, "orders", "backing-up");
  EXPECT_EQ(Code(a, "StopDBInstance", Named("orders")), "InvalidDBInstanceState");
  Await(a, "orders", "available");
  EXPECT_TRUE(Look(a, "orders").Has("LatestRestorableTime"));
  const auto automated = [&](const std::string& of = "orders") {
    return Done(a, "DescribeDBSnapshots",
                Value::Struct(
                    {{"Filters", Value::List{Value::Struct(
                                     {{"Name", "db-instance-id"}, {"Values", Value::List{of}}})}}}))
        .Items("DBSnapshots");
  };
  EXPECT_EQ(automated("others").size(), 0u);
  const Value groups =
      Done(a, "DescribeDBSubnetGroups", Value::Struct({{"DBSubnetGroupName", "default"}}));
  ASSERT_EQ(groups.Items("DBSubnetGroups").size(), 1u);
  EXPECT_EQ(groups.Items("DBSubnetGroups").front(), Look(a, "orders").Sub("DBSubnetGroup"));
  ASSERT_EQ(automated().size(), 1u);
  EXPECT_EQ(Code(a, "DeleteDBSnapshot",
                 Value::Struct({{"DBSnapshotIdentifier",
                                 automated().front().String("DBSnapshotIdentifier")}})),
            "InvalidDBSnapshotState");
  EXPECT_EQ(Code(a, "ModifyDBInstance",
                 Value::Struct({{"DBInstanceIdentifier", "orders"},
                                {"AllocatedStorage", 29},
                                {"ApplyImmediately", true}})),
            "InvalidParameterCombination");
  EXPECT_EQ(Code(a, "StopDBInstance", Named("orders")), "done");
  Await(a, "orders", "stopped");
  EXPECT_EQ(Ask(a, "orders", "SELECT 1"), "no endpoint");
  EXPECT_EQ(Code(a, "RebootDBInstance", Named("orders")), "InvalidDBInstanceState");
  EXPECT_EQ(Code(a, "StartDBInstance", Named("orders")), "done");
  Await(a, "orders", "available");

  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"},
                      {"NewDBInstanceIdentifier", "orders2"},
                      {"ApplyImmediately", true},
                      {"DeletionProtection", true}}));
  Await(a, "orders2", "available");
  EXPECT_EQ(Ask(a, "orders2", "SELECT x FROM t"), "1");
  Value deletion = Named("orders2");
  deletion.Set("SkipFinalSnapshot", true);
  EXPECT_EQ(Code(a, "DeleteDBInstance", deletion), "InvalidParameterCombination");
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders2"}, {"DeletionProtection", false}}));
  EXPECT_EQ(Code(a, "DeleteDBInstance", deletion), "done");
  Await(a, "orders2", "gone");
  EXPECT_EQ(automated().size(), 0u) << "they go with their instance";
}

TEST_F(RdsTest, ReplicaIsPromotedWhileItsSourceIsLostAndTheSourceComesBackAsAPrimary) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  MakeReplica();
  EXPECT_EQ(Look(b, "orders-b").String("ReadReplicaSourceDBInstanceIdentifier"), kOrdersArn);
  EXPECT_EQ(Look(b, "orders-b").Int("BackupRetentionPeriod"), 0);
  EXPECT_EQ(Look(a, "orders").Items("ReadReplicaDBInstanceIdentifiers").size(), 1u);
  EXPECT_EQ(Code(a, "StopDBInstance", Named("orders")), "InvalidDBInstanceState");
  EXPECT_EQ(Code(b, "StopDBInstance", Named("orders-b")), "InvalidDBInstanceState");
  EXPECT_EQ(Code(a, "PromoteReadReplica", Named("orders")), "InvalidDBInstanceState");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "orders-b", "SELECT max(x) FROM t") == "2"; }));
  EXPECT_THAT(Ask(b, "orders-b", "INSERT INTO t VALUES (3)"), HasSubstr("read-only"));

  Lose(a);
  const base::MonotonicTime asked = world.clock().Monotonic();
  const Value promoting = Done(b, "PromoteReadReplica", Named("orders-b")).Sub("DBInstance");
  EXPECT_EQ(promoting.String("DBInstanceStatus"), "available");  // the trap: not yet promoted
  EXPECT_TRUE(promoting.Has("ReadReplicaSourceDBInstanceIdentifier"));
  EXPECT_EQ(Code(b, "PromoteReadReplica", Named("orders-b")), "InvalidDBInstanceState");
  EXPECT_TRUE(world.RunUntil(
      [&] { return !Look(b, "orders-b").Has("ReadReplicaSourceDBInstanceIdentifier"); }));
  EXPECT_LT(base::Seconds(world.clock().Monotonic() - asked), 4.0);
  Await(b, "orders-b", "available");
  EXPECT_EQ(Ask(b, "orders-b", "INSERT INTO t VALUES (3) RETURNING x"), "3");
  EXPECT_EQ(Code(b, "PromoteReadReplica", Named("orders-b")), "InvalidDBInstanceState");
  Await(b, "orders-b", "backing-up");

  Heal(a);
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (4) RETURNING x"), "4");
  EXPECT_TRUE(world.RunUntil(
      [&] { return Look(a, "orders").Items("ReadReplicaDBInstanceIdentifiers").empty(); }));
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "4");
  EXPECT_TRUE(world.RunUntil([&] {
    return Ask(a, "orders",
               "SELECT count(*) FROM pg_replication_slots "
               "WHERE slot_name LIKE 'rds\\_%'") == "0";
  }));
}

// Each tells the other by a name that the other no longer has; and a third instance takes the old
// name.
TEST_F(RdsTest, SourceRenamedWhileItsReplicaIsPromotedIsNobodysSourceAfterwards) {
  MakeOrders();
  MakeReplica();
  world.dark.insert(a.host.region());
  Done(b, "PromoteReadReplica", Named("orders-b"));
  EXPECT_TRUE(world.RunUntil(
      [&] { return !Look(b, "orders-b").Has("ReadReplicaSourceDBInstanceIdentifier"); }));
  Value renaming = Named("orders");
  renaming.Set("NewDBInstanceIdentifier", "orders-retired");
  renaming.Set("ApplyImmediately", true);
  Done(a, "ModifyDBInstance", renaming);
  Await(a, "orders-retired", "available");
  MakeOrders();
  world.dark.erase(a.host.region());

  EXPECT_TRUE(world.RunUntil(
      [&] { return Look(a, "orders-retired").Items("ReadReplicaDBInstanceIdentifiers").empty(); },
      10s));
  Done(a, "StopDBInstance", Named("orders-retired"));
}

TEST_F(RdsTest, LostStandbyRegionComesBackAndFollowsAgain) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  MakeReplica();
  Lose(b);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  Heal(b);
  Await(b, "orders-b", "available");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "orders-b", "SELECT max(x) FROM t") == "2"; }));

  Value deletion = Named("orders");
  deletion.Set("SkipFinalSnapshot", true);
  Done(a, "DeleteDBInstance", deletion);
  Await(a, "orders", "gone");
  EXPECT_TRUE(world.RunUntil([&] {
    const Value::List infos = Look(b, "orders-b").Items("StatusInfos");
    return !infos.empty() && infos.front().String("Status") == "terminated";
  }));
  EXPECT_EQ(Ask(b, "orders-b", "SELECT max(x) FROM t"), "2");
}

TEST_F(RdsTest, SnapshotIsCopiedToTheOtherRegionAndRestored) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 7 AS x"), "");
  ASSERT_EQ(MakeSnapshot(a, "orders", "s1"), "available");
  ASSERT_EQ(CopySnapshot("s1", "s2"), "available");
  Restore(b, "s2", "restored");
  EXPECT_EQ(Ask(b, "restored", "SELECT x FROM t"), "7");
  EXPECT_EQ(Ask(b, "restored", "INSERT INTO t VALUES (8) RETURNING x"), "8");
}

// Its log is in the backup itself.
TEST_F(RdsTest, SnapshotOfAStoppedInstanceIsCopiedToTheOtherRegionAndRestored) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 7 AS x"), "");
  Await(a, "orders", "backing-up");
  Await(a, "orders", "available");
  Done(a, "StopDBInstance", Named("orders"));
  Await(a, "orders", "stopped");
  ASSERT_EQ(MakeSnapshot(a, "orders", "s1"), "available");
  ASSERT_EQ(CopySnapshot("s1", "s2"), "available");
  Restore(b, "s2", "restored");
  EXPECT_EQ(Ask(b, "restored", "SELECT x FROM t"), "7");
}

TEST_F(RdsTest, CopyOfASnapshotWhoseFileIsGoneFails) {
  MakeOrders();
  ASSERT_EQ(MakeSnapshot(a, "orders", "s1"), "available");
  std::size_t removed = 0;
  for (const auto& directory : SnapshotDirectories(a)) {
    removed += std::filesystem::remove(directory / kBackupFile) ? 1 : 0;
  }
  ASSERT_GT(removed, 0u);
  EXPECT_EQ(CopySnapshot("s1", "s2"), "failed");
}

TEST_F(RdsTest, WhatNothingStandsBehindIsRefusedByName) {
  const auto with = [&](const std::string& name, Value value) {
    Value input = Orders();
    input.Set(name, std::move(value));
    return input;
  };
  for (const char* flag : {"EnablePerformanceInsights", "MultiAZ", "DedicatedLogVolume"}) {
    EXPECT_EQ(Code(a, "CreateDBInstance", with(flag, true)), "InvalidParameterCombination") << flag;
  }
  EXPECT_EQ(Code(a, "CreateDBInstance", with("MonitoringInterval", 60)),
            "InvalidParameterCombination");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("DBClusterIdentifier", "c")),
            "InvalidParameterCombination");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("OptionGroupName", "audit")),
            "OptionGroupNotFoundFault");
}

TEST_F(RdsTest, ParametersTakeEffectAtOnceOrAreRefused) {
  Done(a, "CreateDBParameterGroup",
       Value::Struct({{"DBParameterGroupName", "mine"},
                      {"DBParameterGroupFamily", "postgres15"},
                      {"Description", "d"}}));
  const auto modify = [&](const std::string& name, const std::string& value,
                          const std::string& method) {
    return Code(
        a, "ModifyDBParameterGroup",
        Value::Struct({{"DBParameterGroupName", "mine"},
                       {"Parameters", Value::List{Value::Struct({{"ParameterName", name},
                                                                 {"ParameterValue", value},
                                                                 {"ApplyMethod", method}})}}}));
  };
  EXPECT_EQ(modify("work_mem", "8192", "immediate"), "done");
  EXPECT_EQ(modify("work_mem", "8192", "pending-reboot"), "InvalidParameterCombination");
  EXPECT_EQ(modify("work_mem", "much", "immediate"), "InvalidParameterValue");
  EXPECT_EQ(modify("no_such", "1", "immediate"), "InvalidParameterValue");
}

TEST_F(RdsTest, ReplicaRequestsAreRefusedAsAwsRefusesThem) {
  const auto replica = [&](const std::string& source) {
    return Value::Struct({{"DBInstanceIdentifier", "r"}, {"SourceDBInstanceIdentifier", source}});
  };
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica(std::string(kOrdersArn))),
            "DBInstanceNotFound");
  Value plain = Orders();
  plain.Set("BackupRetentionPeriod", 0);
  Done(a, "CreateDBInstance", plain);
  Await(a, "orders", "available");
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica(std::string(kOrdersArn))),
            "InvalidDBInstanceState");
  Value encrypted = replica(std::string(kOrdersArn));
  encrypted.Set("KmsKeyId", "alias/aws/rds");
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"}, {"BackupRetentionPeriod", 7}}));
  EXPECT_EQ(Look(a, "orders").Int("BackupRetentionPeriod"), 0);  // waits for the window
  EXPECT_EQ(Look(a, "orders").Sub("PendingModifiedValues").Int("BackupRetentionPeriod"), 7);
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"},
                      {"BackupRetentionPeriod", 7},
                      {"ApplyImmediately", true}}));
  EXPECT_EQ(Look(a, "orders").Int("BackupRetentionPeriod"), 7);
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", encrypted), "InvalidParameterCombination");
  world.dark.insert("us-east-1");
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica(std::string(kOrdersArn))),
            "ServiceUnavailable");
}

TEST_F(RdsTest, WhatIsEncryptedAtHomeIsCopiedUnderAKeyOfTheOtherRegionAlone) {
  FakeKeys here(a.host), there(b.host);
  a.host.services["kms"] = &here;
  b.host.services["kms"] = &there;
  const std::string of_a = here.Put("11111111-1111", "alias/shop", true);
  there.Put("22222222-2222", "alias/shop", true);
  Value orders = Orders();
  orders.Set("KmsKeyId", "alias/shop");
  EXPECT_EQ(Code(a, "CreateDBInstance", orders), "InvalidParameterCombination");
  orders.Set("StorageEncrypted", true);
  Value absent = orders;
  absent.Set("KmsKeyId", "alias/aws/ebs");
  EXPECT_EQ(Code(a, "CreateDBInstance", absent), "KMSKeyNotAccessibleFault");
  Done(a, "CreateDBInstance", orders);
  Await(a, "orders", "available");
  EXPECT_TRUE(Look(a, "orders").Flag("StorageEncrypted", false));
  EXPECT_EQ(Look(a, "orders").String("KmsKeyId"), of_a);

  Value replica = Value::Struct(
      {{"DBInstanceIdentifier", "orders"}, {"SourceDBInstanceIdentifier", kOrdersArn}});
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica), "InvalidParameterCombination");
  replica.Set("KmsKeyId", of_a);
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica), "KMSKeyNotAccessibleFault");

  Done(a, "CreateDBSnapshot",
       Value::Struct({{"DBInstanceIdentifier", "orders"}, {"DBSnapshotIdentifier", "s"}}));
  Value snapshot;
  EXPECT_TRUE(world.RunUntil([&] {
    const Value told =
        Done(a, "DescribeDBSnapshots", Value::Struct({{"DBSnapshotIdentifier", "s"}}));
    snapshot = told.Items("DBSnapshots").front();
    return snapshot.String("Status") == "available";
  }));
  EXPECT_TRUE(snapshot.Flag("Encrypted", false));
  EXPECT_EQ(snapshot.String("KmsKeyId"), of_a);
  EXPECT_EQ(Code(b, "CopyDBSnapshot",
                 Value::Struct({{"SourceDBSnapshotIdentifier", snapshot.String("DBSnapshotArn")},
                                {"TargetDBSnapshotIdentifier", "t"}})),
            "InvalidParameterCombination");
  EXPECT_EQ(Code(b, "StartDBInstanceAutomatedBackupsReplication",
                 Value::Struct({{"SourceDBInstanceArn", kOrdersArn}})),
            "InvalidParameterCombination");

  Await(a, "orders", "available");
  Done(a, "StopDBInstance", Value::Struct({{"DBInstanceIdentifier", "orders"}}));
  Await(a, "orders", "stopped");
  here.Put("11111111-1111", "alias/shop", false);
  EXPECT_EQ(Code(a, "StartDBInstance", Value::Struct({{"DBInstanceIdentifier", "orders"}})),
            "KMSKeyNotAccessibleFault");
}

}  // namespace
}  // namespace leeward::lab::rds

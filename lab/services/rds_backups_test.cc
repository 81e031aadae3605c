// Restores to a point in time, here and in another Region, of real logs of real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/services/rds.h"
#include "lab/services/rds_postgres.h"
#include "lab/services/rds_test_backups.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class RdsBackupsTest : public RdsBackedUp {
 protected:
  RdsBackupsTest() : RdsBackedUp(PostgresType()) {}

  std::string Ask(Side& side, const std::string& id, const std::string& sql) override {
    const auto endpoint = side.host.endpoints.find("rds:" + id);
    if (endpoint == side.host.endpoints.end()) return "no endpoint";
    const auto rows = RunSql({.socket_directory = endpoint->second.backend.parent_path().string(),
                              .user = "leeward",
                              .password = "correct-horse",
                              .database = "shop"},
                             {sql});
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }
  void MakeTable() {
    MakeOrders();
    ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  }
};

TEST_F(RdsBackupsTest, InstanceIsRestoredToATimeAndToTheLatest) {
  MakeTable();
  AwaitRestorable(a);
  EXPECT_EQ(BackupStatus(a), "active");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  world.RunFor(20ms);
  const base::WallTime between = world.clock().Now();
  world.RunFor(20ms);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (3)"), "");
  AwaitRestorable(a);
  EXPECT_GE(Look(a, "orders").Find("LatestRestorableTime")->time(), between);

  Value asked = FromOrders("then");
  const Value made = Done(a, "RestoreDBInstanceToPointInTime", asked.Set("RestoreTime", between))
                         .Sub("DBInstance");
  EXPECT_EQ(made.String("DBInstanceStatus"), "creating");
  EXPECT_EQ(made.String("MasterUsername"), "leeward");
  asked = FromOrders("newest");
  Done(a, "RestoreDBInstanceToPointInTime", asked.Set("UseLatestRestorableTime", true));
  Await(a, "then", "available");
  Await(a, "newest", "available");
  EXPECT_EQ(Ask(a, "then", "SELECT max(x) FROM t"), "2");
  EXPECT_EQ(Ask(a, "newest", "SELECT max(x) FROM t"), "3");
  EXPECT_EQ(Ask(a, "then", "INSERT INTO t VALUES (9) RETURNING x"), "9");
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "3");
  // It is backed up itself, from its own beginning.
  EXPECT_TRUE(world.RunUntil([&] { return Backups(a).size() == 3; }));
}

TEST_F(RdsBackupsTest, CopyInAnotherRegionIsRestoredWhileItsSourceIsLost) {
  MakeTable();
  StartCopy(14);
  EXPECT_EQ(Look(a, "orders").Items("DBInstanceAutomatedBackupsReplications").size(), 1u);
  AwaitRestorable(b);
  EXPECT_EQ(BackupStatus(b), "replicating");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t SELECT g FROM generate_series(2, 50000) g"), "");
  AwaitRestorable(b);

  Lose(a);
  const base::WallTime last = Latest(b);
  world.RunFor(500ms);
  EXPECT_EQ(Latest(b), last) << "nothing is restorable that has not arrived";
  EXPECT_EQ(BackupStatus(b), "replicating");
  Done(b, "RestoreDBInstanceToPointInTime", FromCopy("orders"));
  Await(b, "orders", "available");
  EXPECT_EQ(Ask(b, "orders", "SELECT count(*) FROM t"), "50000");
  EXPECT_EQ(Ask(b, "orders", "INSERT INTO t VALUES (0) RETURNING x"), "0");
  EXPECT_EQ(Look(b, "orders").String("AvailabilityZone"), "us-west-2a");
  EXPECT_EQ(Look(b, "orders").Items("VpcSecurityGroups").size(), 1u);

  Heal(a);
  Await(a, "orders", "available");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (60000)"), "");
  EXPECT_TRUE(world.RunUntil([&] {
    const Value::List all = Backups(b);
    return std::any_of(all.begin(), all.end(), [&](const Value& backup) {
      const Value* latest = backup.Sub("RestoreWindow").Find("LatestTime");
      return backup.String("Status") == "replicating" && latest->time() > last;
    });
  })) << "the copy goes on when its source is back";
}

TEST_F(RdsBackupsTest, CopyGoesOnAfterItsOwnRegionWasLost) {
  MakeTable();
  StartCopy(7);
  AwaitRestorable(b);
  Lose(b);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  AwaitRestorable(a);
  Heal(b);
  AwaitRestorable(b);
  Done(b, "RestoreDBInstanceToPointInTime", FromCopy("orders-b"));
  Await(b, "orders-b", "available");
  EXPECT_EQ(Ask(b, "orders-b", "SELECT max(x) FROM t"), "2");
}

TEST_F(RdsBackupsTest, StoppedReplicationIsRetainedUntilItIsDeleted) {
  MakeTable();
  StartCopy(7);
  const Value source = Value::Struct({{"SourceDBInstanceArn", kOrdersArn}});
  EXPECT_EQ(Code(b, "StartDBInstanceAutomatedBackupsReplication", source),
            "InvalidDBInstanceAutomatedBackupState");
  AwaitRestorable(b);
  const Value which = Value::Struct(
      {{"DBInstanceAutomatedBackupsArn", Backup(b).String("DBInstanceAutomatedBackupsArn")}});
  EXPECT_EQ(Code(b, "DeleteDBInstanceAutomatedBackup", which),
            "InvalidDBInstanceAutomatedBackupState");
  Done(b, "StopDBInstanceAutomatedBackupsReplication", source);
  EXPECT_EQ(BackupStatus(b), "retained");
  EXPECT_EQ(Code(b, "StopDBInstanceAutomatedBackupsReplication", source), "DBInstanceNotFound");
  EXPECT_TRUE(world.RunUntil(
      [&] { return !Look(a, "orders").Has("DBInstanceAutomatedBackupsReplications"); }));
  Done(b, "DeleteDBInstanceAutomatedBackup", which);
  EXPECT_TRUE(Backups(b).empty());
  EXPECT_EQ(Code(b, "DeleteDBInstanceAutomatedBackup", which), "DBInstanceAutomatedBackupNotFound");
}

TEST_F(RdsBackupsTest, BackupsOutliveTheirInstanceIfAskedTo) {
  MakeTable();
  StartCopy(7);
  AwaitRestorable(b);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  const std::string resource(Look(a, "orders").String("DbiResourceId"));
  Value gone = Named("orders");
  gone.Set("SkipFinalSnapshot", true);
  Done(a, "DeleteDBInstance", gone.Set("DeleteAutomatedBackups", false));
  Await(a, "orders", "gone");
  EXPECT_EQ(BackupStatus(a), "retained");
  EXPECT_TRUE(world.RunUntil([&] { return BackupStatus(b) == "retained"; }));
  Done(a, "RestoreDBInstanceToPointInTime",
       Value::Struct({{"TargetDBInstanceIdentifier", "orders"},
                      {"SourceDbiResourceId", resource},
                      {"UseLatestRestorableTime", true}}));
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "2");
  Done(a, "DeleteDBInstanceAutomatedBackup", Value::Struct({{"DbiResourceId", resource}}));
}

TEST_F(RdsBackupsTest, TurnedOffBackupsAreGone) {
  MakeTable();
  AwaitRestorable(a);
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"},
                      {"BackupRetentionPeriod", 0},
                      {"ApplyImmediately", true}}));
  EXPECT_TRUE(world.RunUntil([&] { return Backups(a).empty(); }));
  EXPECT_TRUE(world.RunUntil(
      [&] { return Ask(a, "orders", "SELECT count(*) FROM pg_replication_slots") == "0"; }));
  EXPECT_FALSE(Look(a, "orders").Has("LatestRestorableTime"));
  Value asked = FromOrders("other");
  EXPECT_EQ(Code(a, "RestoreDBInstanceToPointInTime", asked.Set("UseLatestRestorableTime", true)),
            "PointInTimeRestoreNotEnabled");
  const Value source = Value::Struct({{"SourceDBInstanceArn", kOrdersArn}});
  EXPECT_EQ(Code(b, "StartDBInstanceAutomatedBackupsReplication", source),
            "InvalidDBInstanceState");
}

TEST_F(RdsBackupsTest, WhatCannotBeRestoredIsRefusedAsAwsDoes) {
  MakeOrders();
  const auto restore = [&](Value asked) {
    return Code(a, "RestoreDBInstanceToPointInTime", std::move(asked));
  };
  const Value asked = FromOrders("other");
  Value latest = asked;
  latest.Set("UseLatestRestorableTime", true);
  EXPECT_EQ(restore(latest), "InvalidDBInstanceState") << "there is no backup yet";
  EXPECT_EQ(restore(asked), "InvalidParameterCombination");
  AwaitRestorable(a);
  const base::WallTime now = world.clock().Now();
  EXPECT_EQ(restore(Value(latest).Set("RestoreTime", now)), "InvalidParameterCombination");
  EXPECT_EQ(restore(Value(asked).Set("RestoreTime", now + 1h)), "InvalidParameterValue");
  EXPECT_EQ(restore(Value(asked).Set("RestoreTime", now - 1h)), "InvalidParameterValue");
  EXPECT_EQ(restore(Value(latest).Set("SourceDbiResourceId", "db-X")),
            "InvalidParameterCombination");
  EXPECT_EQ(restore(Value(latest).Set("TargetDBInstanceIdentifier", "orders")),
            "DBInstanceAlreadyExists");
  EXPECT_EQ(restore(Value(latest).Set("SourceDBInstanceIdentifier", "none")), "DBInstanceNotFound");
  EXPECT_EQ(restore(Value(latest).Set("TargetDBInstanceIdentifier", "not--good")),
            "InvalidParameterValue");
  EXPECT_EQ(restore(Value(latest).Set("DBParameterGroupName", "none")), "DBParameterGroupNotFound");
  Value by_arn = Value::Struct({{"TargetDBInstanceIdentifier", "other"},
                                {"UseLatestRestorableTime", true},
                                {"SourceDBInstanceAutomatedBackupsArn",
                                 "arn:aws:rds:us-west-2:123456789012:auto-backup:ab-x"}});
  EXPECT_EQ(restore(by_arn), "DBInstanceAutomatedBackupNotFound") << "it is another Region's";

  const auto copy = [&](Side& side, std::string_view arn) {
    return Code(side, "StartDBInstanceAutomatedBackupsReplication",
                Value::Struct({{"SourceDBInstanceArn", arn}}));
  };
  EXPECT_EQ(copy(a, kOrdersArn), "InvalidParameterValue") << "it is of this Region";
  EXPECT_EQ(copy(b, "arn:aws:rds:us-east-1:123456789012:db:none"), "DBInstanceNotFound");
  EXPECT_EQ(copy(b, "orders"), "InvalidParameterValue");
  EXPECT_EQ(
      Code(b, "StartDBInstanceAutomatedBackupsReplication",
           Value::Struct({{"SourceDBInstanceArn", kOrdersArn}, {"BackupRetentionPeriod", 0}})),
      "InvalidParameterValue");
  EXPECT_EQ(
      Code(b, "DescribeDBInstanceAutomatedBackups", Value::Struct({{"DbiResourceId", "db-NONE"}})),
      "DBInstanceAutomatedBackupNotFound");
  Lose(a);
  EXPECT_EQ(copy(b, kOrdersArn), "ServiceUnavailable");
}

TEST_F(RdsBackupsTest, DaysGoByAndEveryTimeOfTheWindowCanBeRestored) {
  MakeOrdersOfShortDays(5s);
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t (x INT)"), "");
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE more (x INT)"), "");
  AwaitRestorable(a);
  StartCopy(2);
  const std::string begun = FirstLogFile(a);
  const auto also = [&] {
    // More than a file of log.
    EXPECT_EQ(Ask(a, "orders", "INSERT INTO more SELECT g FROM generate_series(1, 10000) g"), "");
  };
  LiveThrough(4, also);
  EXPECT_TRUE(world.RunUntil([&] {
    const std::vector<std::string> left = SnapshotNames();
    return std::count(left.begin(), left.end(), first) == 0;
  })) << first
      << ": " << Events(a);
  EXPECT_TRUE(world.RunUntil([&] { return FirstLogFile(a) > begun; })) << FirstLogFile(a);

  const base::WallTime early = InWindow(a, 0s);
  const base::WallTime late = InWindow(a, 3s);
  RestoreTo(a, "early", early);
  RestoreTo(a, "late", late);
  AwaitRestorable(b);
  const base::WallTime copied = InWindow(b, 1s);
  RestoreTo(b, "copied", copied);
  ExpectRestored(a, "early", early);
  ExpectRestored(a, "late", late);
  ExpectRestored(b, "copied", copied);
}

}  // namespace
}  // namespace leeward::lab::rds

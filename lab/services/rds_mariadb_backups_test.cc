// Restores of MariaDB to a point in time, here and in another Region, of real binary logs.
#include <gtest/gtest.h>

#include "lab/services/rds.h"
#include "lab/services/rds_mariadb.h"
#include "lab/services/rds_test_backups.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

class RdsMariaDbBackupsTest : public RdsBackedUp {
 protected:
  RdsMariaDbBackupsTest() : RdsBackedUp(MariaDbType()) {}

  std::string Ask(Side& side, const std::string& id, const std::string& sql) override {
    const auto endpoint = side.host.endpoints.find("rds:" + id);
    if (endpoint == side.host.endpoints.end()) return "no endpoint";
    MariaDbTarget target;
    target.socket = endpoint->second.backend.string();
    target.user = "leeward";
    target.password = "correct-horse";
    target.database = "shop";
    target.proxy_header = kTestOrigin;
    const auto rows = RunMariaDb(target, {sql});
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }
  void MakeTable() {
    MakeOrders();
    ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t (x INT PRIMARY KEY)"), "");
    ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (1)"), "");
  }
  // The log is stamped in whole seconds: now is in a second of its own.
  base::WallTime NextSecond() {
    const auto whole = [&] {
      return std::chrono::floor<std::chrono::seconds>(world.clock().Now().since_epoch);
    };
    const auto before = whole();
    EXPECT_TRUE(world.RunUntil([&] { return whole() > before; }));
    return {whole()};
  }
};

TEST_F(RdsMariaDbBackupsTest, InstanceIsRestoredToATimeAndToTheLatest) {
  MakeTable();
  AwaitRestorable(a);
  EXPECT_EQ(BackupStatus(a), "active");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  const base::WallTime between = NextSecond();
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (3)"), "");
  AwaitRestorable(a);
  EXPECT_GE(Look(a, "orders").Find("LatestRestorableTime")->time(), between);

  Value asked = FromOrders("then");
  const Value made = Done(a, "RestoreDBInstanceToPointInTime", asked.Set("RestoreTime", between))
                         .Sub("DBInstance");
  EXPECT_EQ(made.String("DBInstanceStatus"), "creating");
  EXPECT_EQ(made.String("Engine"), "mariadb");
  asked = FromOrders("newest");
  Done(a, "RestoreDBInstanceToPointInTime", asked.Set("UseLatestRestorableTime", true));
  Await(a, "then", "available");
  Await(a, "newest", "available");
  EXPECT_EQ(Ask(a, "then", "SELECT max(x) FROM t"), "2");
  EXPECT_EQ(Ask(a, "newest", "SELECT max(x) FROM t"), "3");
  EXPECT_EQ(Ask(a, "then", "INSERT INTO t VALUES (9)"), "");
  EXPECT_EQ(Ask(a, "then", "SHOW SLAVE STATUS"), "") << "it follows nobody";
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "3");
  // It is backed up itself, from its own beginning.
  EXPECT_TRUE(world.RunUntil([&] { return Backups(a).size() == 3; }));
}

TEST_F(RdsMariaDbBackupsTest, CopyInAnotherRegionIsRestoredWhileItsSourceIsLost) {
  MakeTable();
  StartCopy(14);
  EXPECT_EQ(Look(a, "orders").Items("DBInstanceAutomatedBackupsReplications").size(), 1u);
  AwaitRestorable(b);
  EXPECT_EQ(BackupStatus(b), "replicating");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t SELECT seq FROM seq_2_to_50000"), "");
  AwaitRestorable(b);

  Lose(a);
  const base::WallTime last = Latest(b);
  Done(b, "RestoreDBInstanceToPointInTime", FromCopy("orders"));
  Await(b, "orders", "available");
  EXPECT_EQ(Ask(b, "orders", "SELECT count(*) FROM t"), "50000");
  EXPECT_EQ(Ask(b, "orders", "INSERT INTO t VALUES (0)"), "");

  // After a crash its log goes on in another file, and the copy with it.
  Heal(a);
  Await(a, "orders", "available");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (60000)"), "");
  EXPECT_TRUE(world.RunUntil([&] {
    const Value::List all = Backups(b);
    return std::any_of(all.begin(), all.end(), [&](const Value& backup) {
      const Value* latest = backup.Sub("RestoreWindow").Find("LatestTime");
      return backup.String("Status") == "replicating" && latest->time() > last + 1s;
    });
  })) << "the copy goes on when its source is back";
  std::string arn;
  for (const Value& backup : Backups(b)) {
    if (backup.String("Status") == "replicating") {
      arn = backup.String("DBInstanceAutomatedBackupsArn");
    }
  }
  Done(b, "RestoreDBInstanceToPointInTime",
       Value::Struct({{"TargetDBInstanceIdentifier", "again"},
                      {"SourceDBInstanceAutomatedBackupsArn", arn},
                      {"UseLatestRestorableTime", true}}));
  Await(b, "again", "available");
  EXPECT_EQ(Ask(b, "again", "SELECT max(x) FROM t"), "60000");
}

TEST_F(RdsMariaDbBackupsTest, BackupsOutliveTheirInstanceIfAskedTo) {
  MakeTable();
  AwaitRestorable(a);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  const std::string resource(Look(a, "orders").String("DbiResourceId"));
  Value gone = Named("orders");
  gone.Set("SkipFinalSnapshot", true);
  Done(a, "DeleteDBInstance", gone.Set("DeleteAutomatedBackups", false));
  Await(a, "orders", "gone");
  EXPECT_EQ(BackupStatus(a), "retained");
  Done(a, "RestoreDBInstanceToPointInTime",
       Value::Struct({{"TargetDBInstanceIdentifier", "orders"},
                      {"SourceDbiResourceId", resource},
                      {"UseLatestRestorableTime", true}}));
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "2");
}

TEST_F(RdsMariaDbBackupsTest, TurnedOffBackupsAreGone) {
  MakeTable();
  AwaitRestorable(a);
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"},
                      {"BackupRetentionPeriod", 0},
                      {"ApplyImmediately", true}}));
  EXPECT_TRUE(world.RunUntil([&] { return Backups(a).empty(); }));
  EXPECT_FALSE(Look(a, "orders").Has("LatestRestorableTime"));
  Value asked = FromOrders("other");
  EXPECT_EQ(Code(a, "RestoreDBInstanceToPointInTime", asked.Set("UseLatestRestorableTime", true)),
            "PointInTimeRestoreNotEnabled");
}

TEST_F(RdsMariaDbBackupsTest, DaysGoByAndEveryTimeOfTheWindowCanBeRestored) {
  MakeOrdersOfShortDays(5s);
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t (x INT)"), "");
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE more (x INT)"), "");
  AwaitRestorable(a);
  StartCopy(2);
  const std::string begun = FirstLogFile(a);
  const auto also = [&] { EXPECT_EQ(Ask(a, "orders", "FLUSH BINARY LOGS"), ""); };
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

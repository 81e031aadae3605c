// For tests: two Regions whose instances are backed up, and what is told of their backups.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lab/services/rds_test_regions.h"

namespace leeward::lab::rds {

class RdsBackedUp : public RdsRegions {
 protected:
  using RdsRegions::RdsRegions;

  Value::List Backups(Side& side) {
    const Value found = Done(side, "DescribeDBInstanceAutomatedBackups", Value::Struct());
    return found.Items("DBInstanceAutomatedBackups");
  }
  Value Backup(Side& side) {
    const Value::List all = Backups(side);
    return all.size() == 1 ? all.front() : Value::Struct();
  }
  std::string BackupStatus(Side& side) { return std::string(Backup(side).String("Status")); }
  base::WallTime Latest(Side& side) {
    const Value backup = Backup(side);
    const Value* latest = backup.Sub("RestoreWindow").Find("LatestTime");
    return latest == nullptr ? base::WallTime{} : latest->time();
  }
  // What is committed before the call can be restored after it.
  void AwaitRestorable(Side& side) {
    const base::WallTime now = world.clock().Now();
    EXPECT_TRUE(world.RunUntil([&] { return Latest(side) > now; }))
        << Events(side) << shapes::ToJson(Backup(side));
  }
  void StartCopy(std::int64_t days) {
    const Value made =
        Done(b, "StartDBInstanceAutomatedBackupsReplication",
             Value::Struct({{"SourceDBInstanceArn", kOrdersArn}, {"BackupRetentionPeriod", days}}))
            .Sub("DBInstanceAutomatedBackup");
    EXPECT_EQ(made.String("Status"), "pending");
    EXPECT_EQ(made.String("Region"), "us-east-1");
    EXPECT_EQ(made.Int("BackupRetentionPeriod"), days);
  }
  Value FromCopy(const std::string& target) {
    return Value::Struct(
        {{"TargetDBInstanceIdentifier", target},
         {"SourceDBInstanceAutomatedBackupsArn", Backup(b).String("DBInstanceAutomatedBackupsArn")},
         {"UseLatestRestorableTime", true}});
  }
  static Value FromOrders(const std::string& target) {
    return Value::Struct(
        {{"TargetDBInstanceIdentifier", target}, {"SourceDBInstanceIdentifier", "orders"}});
  }

  virtual std::string Ask(Side& side, const std::string& id, const std::string& sql) = 0;

  // Days of some seconds in both Regions, with a base backup in the first half of each.
  void MakeOrdersOfShortDays(base::Duration day) {
    for (Side* side : {&a, &b}) {
      side->rds->limits.day = day;
      side->rds->limits.backup_again = std::chrono::milliseconds(100);
    }
    Value input = Orders();
    Done(a, "CreateDBInstance", input.Set("PreferredBackupWindow", "00:00-12:00"));
    Await(a, "orders", "available");
  }
  std::vector<std::string> SnapshotNames() {
    std::vector<std::string> names;
    const Value found = Done(a, "DescribeDBSnapshots", Named("orders"));
    for (const Value& snapshot : found.Items("DBSnapshots")) {
      names.emplace_back(snapshot.String("DBSnapshotIdentifier"));
    }
    return names;
  }
  // Writes 1, 2, 3, ... into the table t until so many base backups were taken; `also` beside each.
  void LiveThrough(std::size_t backups, const std::function<void()>& also) {
    std::set<std::string> seen;
    while (seen.size() < backups) {
      ASSERT_EQ(
          Ask(a, "orders", "INSERT INTO t VALUES (" + std::to_string(written.size() + 1) + ")"),
          "");
      written.push_back(world.clock().Now());
      also();
      world.RunFor(std::chrono::milliseconds(200));
      const std::vector<std::string> now = SnapshotNames();
      seen.insert(now.begin(), now.end());
      ASSERT_LT(written.size(), 500u) << Events(a);
    }
    first = *seen.begin();
  }
  // A whole second so long after the beginning of the Region's restore window.
  base::WallTime InWindow(Side& side, std::chrono::seconds after) {
    const Value window = Backup(side).Sub("RestoreWindow");
    const base::WallTime earliest = window.Find("EarliestTime")->time();
    const base::WallTime at{std::chrono::ceil<std::chrono::seconds>(earliest.since_epoch) + after};
    EXPECT_LE(at, window.Find("LatestTime")->time());
    return at;
  }
  void RestoreTo(Side& side, const std::string& target, base::WallTime at) {
    Done(side, "RestoreDBInstanceToPointInTime",
         Value::Struct({{"TargetDBInstanceIdentifier", target},
                        {"SourceDBInstanceAutomatedBackupsArn",
                         Backup(side).String("DBInstanceAutomatedBackupsArn")},
                        {"RestoreTime", at}}));
  }
  void ExpectRestored(Side& side, const std::string& target, base::WallTime at) {
    Await(side, target, "available");
    const auto due = std::count_if(written.begin(), written.end(),
                                   [&](base::WallTime time) { return time <= at; });
    const std::string last = Ask(side, target, "SELECT max(x) FROM t");
    // One that was acknowledged after the time may have been committed before it.
    EXPECT_TRUE(last == std::to_string(due) || last == std::to_string(due + 1))
        << last << " in " << target << ", acknowledged were " << due;
  }
  static std::string FirstLogFile(Side& side) {
    std::string first;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(side.host.StateDirectory("rds"))) {
      const std::filesystem::path& path = entry.path();
      const bool log = path.parent_path().filename() == "log" &&
                       path.parent_path().parent_path().filename().string().starts_with("backup-");
      if (log && (first.empty() || path.filename().string() < first)) first = path.filename();
    }
    return first;
  }

  std::vector<base::WallTime> written;  // when 1, 2, 3, ... were acknowledged
  std::string first;                    // of them
};

}  // namespace leeward::lab::rds

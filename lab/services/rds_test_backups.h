// For tests: two Regions whose instances are backed up, and what is told of their backups.
#pragma once

#include <gtest/gtest.h>

#include <string>

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
};

}  // namespace leeward::lab::rds

#include "lab/services/rds_backup.h"

#include <gtest/gtest.h>

namespace leeward::lab::rds {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kDay = 24h;

base::WallTime At(base::Duration since) { return base::WallTime{100 * kDay + since}; }

TEST(RdsBackup, OneIsDueOnceInEachWindow) {
  const auto due = [](base::Duration last, base::Duration now) {
    return IsBackupDue("03:00-04:00", At(last), At(now), kDay);
  };
  EXPECT_FALSE(due(-10h, 2h + 59min));
  EXPECT_TRUE(due(-10h, 3h));
  EXPECT_TRUE(due(-10h, 3h + 59min));
  EXPECT_FALSE(due(-10h, 4h)) << "it waits for the next day";
  EXPECT_FALSE(due(3h + 5min, 3h + 30min));
  EXPECT_TRUE(due(3h + 5min, 27h + 1min));
}

TEST(RdsBackup, WindowMayGoOnAfterMidnight) {
  const auto due = [](base::Duration last, base::Duration now) {
    return IsBackupDue("23:30-00:30", At(last), At(now), kDay);
  };
  EXPECT_TRUE(due(10h, 23h + 45min));
  EXPECT_TRUE(due(10h, 24h + 15min));
  EXPECT_FALSE(due(23h + 45min, 24h + 15min));
  EXPECT_FALSE(due(10h, 24h + 31min));
}

TEST(RdsBackup, OldestBaseIsTheOneThatTheWindowBeginsWith) {
  AutomatedBackup backup;
  backup.retention_days = 2;
  for (const int day : {0, 1, 2, 3}) {
    BaseBackup base;
    base.directory = std::to_string(day);
    base.earliest = At(day * kDay);
    backup.bases.push_back(base);
  }
  backup.latest = At(3 * kDay + 12h);
  EXPECT_EQ(EarliestOf(backup, At(12h), kDay), At(0h)) << "there is nothing before the first";
  EXPECT_EQ(OutlivedBases(backup, At(2 * kDay + 12h), kDay), 0u);
  EXPECT_EQ(OutlivedBases(backup, At(3 * kDay + 12h), kDay), 1u);
  EXPECT_EQ(EarliestOf(backup, At(3 * kDay + 12h), kDay), At(kDay + 12h));
  EXPECT_EQ(OutlivedBases(backup, At(50 * kDay), kDay), 3u) << "the last one stays";
  EXPECT_EQ(backup.BaseFor(At(kDay + 12h)).directory, "1");
  EXPECT_EQ(backup.BaseFor(At(kDay)).directory, "1");
  EXPECT_EQ(backup.BaseFor(std::nullopt).directory, "3");
  backup.bases.back().earliest.reset();
  EXPECT_EQ(backup.BaseFor(std::nullopt).directory, "2") << "nothing is proven of the newest";
}

}  // namespace
}  // namespace leeward::lab::rds

#include "lab/services/datasync_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leeward::lab::datasync {
namespace {

using ::testing::HasSubstr;

std::string NextOf(std::string_view expression, std::string_view after) {
  const auto schedule = Schedule::Parse(expression);
  if (!schedule.ok()) return schedule.error().message();
  const base::WallTime time = *base::ParseIso8601(after);
  const auto next = schedule->Next(time, time);
  return next ? base::FormatIso8601(*next) : "never";
}

TEST(DataSyncScheduleTest, NothingComesMoreOftenThanOnceAnHour) {
  for (const char* expression :
       {"rate(5 minutes)", "rate(1 minute)", "rate(59 minutes)", "cron(0/30 * * * ? *)",
        "cron(* * * * ? *)", "cron(0,30 12 * * ? *)"}) {
    EXPECT_THAT(NextOf(expression, "2026-11-23T08:00:00Z"), HasSubstr("less than 1 hour"))
        << expression;
  }
  EXPECT_EQ(NextOf("rate(60 minutes)", "2026-11-23T08:00:00Z"), "2026-11-23T09:00:00.000Z");
  EXPECT_EQ(NextOf("rate(1 hour)", "2026-11-23T08:00:00Z"), "2026-11-23T09:00:00.000Z");
}

TEST(DataSyncScheduleTest, ARateCountsFromItsBeginning) {
  const auto schedule = Schedule::Parse("rate(2 hours)");
  ASSERT_TRUE(schedule.ok());
  const base::WallTime from = *base::ParseIso8601("2026-11-23T08:10:00Z");
  EXPECT_EQ(base::FormatIso8601(*schedule->Next(from, from + std::chrono::hours(5))),
            "2026-11-23T14:10:00.000Z");
}

TEST(DataSyncScheduleTest, ACronIsInUtc) {
  // 2026-11-23 is a Monday.
  EXPECT_EQ(NextOf("cron(0 12 ? * SUN,WED *)", "2026-11-23T12:00:00Z"), "2026-11-25T12:00:00.000Z");
  EXPECT_EQ(NextOf("cron(15 * * * ? *)", "2026-11-23T12:15:00Z"), "2026-11-23T13:15:00.000Z");
  EXPECT_EQ(NextOf("cron(0 0/6 ? * * *)", "2026-11-23T12:15:00Z"), "2026-11-23T18:00:00.000Z");
  EXPECT_EQ(NextOf("cron(0 2 29 FEB ? *)", "2026-11-23T12:15:00Z"), "2028-02-29T02:00:00.000Z");
  EXPECT_EQ(NextOf("cron(0 2 1 1 ? 2026)", "2026-11-23T12:15:00Z"), "never");
  EXPECT_EQ(NextOf("cron(0 9 ? * MON-FRI *)", "2026-11-27T09:00:00Z"), "2026-11-30T09:00:00.000Z");
}

TEST(DataSyncScheduleTest, WhatCannotBeReadIsRefused) {
  for (const char* expression :
       {"", "rate()", "rate(0 hours)", "rate(1 hours)", "rate(2 hour)", "rate(x hours)",
        "rate(99999999999999999999 hours)", "rate(87840 days)", "cron(0 5/2147483647 * * ? *)",
        "cron(0 12 * * *)", "cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(61 12 * * ? *)",
        "cron(0 12 32 * ? *)", "cron(0 12 5-1 * ? *)", "cron(0 12 */0 * ? *)", "cron(0 12 L * ? *)",
        "every hour", "cron(0 12 ? * XYZ *)"}) {
    EXPECT_THAT(NextOf(expression, "2026-11-23T08:00:00Z"), HasSubstr("is not valid"))
        << expression;
  }
}

}  // namespace
}  // namespace leeward::lab::datasync

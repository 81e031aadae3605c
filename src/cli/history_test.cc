#include "cli/history.h"

#include <gtest/gtest.h>

namespace leeward::cli {
namespace {

using model::EventKind;

model::Event Make(EventKind kind, const std::string& execution, const std::string& step,
                  std::map<std::string, std::string> fields) {
  model::Event event;
  event.kind = kind;
  event.execution = model::ExecutionId(execution);
  event.step = model::StepId(step);
  event.fields = std::move(fields);
  return event;
}

TEST(HistoryTest, WhatIsToldLastIsOfTheExecutionThatWasBegunGoneOnWithOrEndedLast) {
  std::vector<model::Event> events;
  const auto after = [&](EventKind kind, const std::string& execution,
                         std::map<std::string, std::string> fields) {
    events.push_back(Make(kind, execution, "", std::move(fields)));
    return LastTold(events);
  };
  EXPECT_EQ(LastTold({}), "nothing was carried out yet");
  const std::string at = "1970-01-01T00:00:00.000Z";
  const std::map<std::string, std::string> way = {{"from", "a"}, {"to", "b"}};
  auto failover = way, protect = way;
  failover["action"] = "failover";
  protect["action"] = "protect";
  EXPECT_EQ(after(EventKind::kExecutionStarted, "f1", failover),
            "failover from a to b: begun " + at + ", not ended");
  EXPECT_EQ(after(EventKind::kExecutionFinished, "f1", {{"outcome", "failed"}}),
            "failover from a to b: failed " + at);
  EXPECT_EQ(after(EventKind::kExecutionStarted, "p1", protect),
            "protect from a to b: begun " + at + ", not ended");
  EXPECT_EQ(after(EventKind::kExecutionResumed, "f1", {}),
            "failover from a to b: gone on with " + at + ", not ended");
  EXPECT_EQ(after(EventKind::kExecutionFinished, "f1", {{"outcome", "done"}}),
            "failover from a to b: done " + at);
}

TEST(HistoryTest, TheLastFailoverCountsAndWhatWasPutAsideSince) {
  const model::ComponentName orders("orders");
  std::vector<model::Event> events = {
      Make(EventKind::kExecutionStarted, "f1", "", {{"from", "us-east-1"}}),
      Make(EventKind::kStepDone, "f1", "rds.drain/orders", {{"out.parted", "7:9"}}),
      Make(EventKind::kStepDone, "f1", "rds.drain-to/other", {{"out.parted", "no"}}),
  };
  auto partings = PartingsOf(events);
  ASSERT_EQ(partings.size(), 1u);
  EXPECT_EQ(partings[orders].at, "7:9");
  EXPECT_EQ(partings[orders].old_region.str(), "us-east-1");
  EXPECT_EQ(partings[orders].kept, "");

  events.push_back(Make(EventKind::kStepDone, "b1", "rds.preserve-old/orders@us-east-1",
                        {{"out.old_instance", "orders-before-1"}}));
  EXPECT_EQ(PartingsOf(events)[orders].kept, "orders-before-1");

  events.push_back(Make(EventKind::kExecutionStarted, "f2", "", {{"from", "us-west-2"}}));
  events.push_back(Make(EventKind::kStepDone, "f2", "rds.drain/orders", {{"out.parted", "40:44"}}));
  partings = PartingsOf(events);
  EXPECT_EQ(partings[orders].old_region.str(), "us-west-2");
  EXPECT_EQ(partings[orders].kept, "")
      << "what an earlier failback kept belongs to an earlier loss";
  EXPECT_EQ(PartedOf(events).at(orders), "40:44");
}

TEST(HistoryTest, WhereFilesWerePartedIsToldAndNothingOfThemIsListed) {
  const std::vector<model::Event> events = {
      Make(EventKind::kExecutionStarted, "f1", "", {{"from", "us-east-1"}}),
      Make(EventKind::kStepDone, "f1", "efs.promote/uploads",
           {{"out.parted", "2026-11-23T08:20:53Z"}}),
  };
  EXPECT_EQ(PartedOf(events).at(model::ComponentName("uploads")), "2026-11-23T08:20:53Z");
  EXPECT_TRUE(PartingsOf(events).empty());
}

// One that another went on with ends here by hearsay, and what it did since is not in these
// records.
TEST(HistoryTest, AnExecutionThatEndedElsewhereIsNotWholeHere) {
  const model::ExecutionId moved("f1");
  std::vector<model::Event> events = {Make(EventKind::kExecutionStarted, "f0", "", {})};
  EXPECT_FALSE(IsWholeIn(events, moved)) << "it was never heard of";
  events.push_back(Make(EventKind::kExecutionStarted, "f1", "", {}));
  EXPECT_TRUE(IsWholeIn(events, moved)) << "it runs here";
  const auto ended = [&](std::map<std::string, std::string> fields) {
    std::vector<model::Event> all = events;
    all.push_back(Make(EventKind::kExecutionFinished, "f1", "", std::move(fields)));
    return IsWholeIn(all, moved);
  };
  EXPECT_TRUE(ended({{"outcome", "done"}}));
  EXPECT_TRUE(ended({{"outcome", "abandoned"}, {"actor", "cli:ann"}}));
  EXPECT_FALSE(ended({{"outcome", "done"}, {"actor", "serve:other"}}));
}

TEST(HistoryTest, ATableIsPartedWhereItWasFoundReady) {
  const std::string at = "2026-11-27T23:00:00.000Z";
  const std::vector<model::Event> events = {
      Make(EventKind::kExecutionStarted, "f1", "", {{"from", "us-east-1"}}),
      Make(EventKind::kStepDone, "f1", "dynamodb.ready/carts", {{"out.parted", at}}),
  };
  EXPECT_EQ(PartedOf(events).at(model::ComponentName("carts")), at);
}

}  // namespace
}  // namespace leeward::cli

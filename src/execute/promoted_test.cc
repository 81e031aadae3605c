#include "execute/promoted.h"

#include <gtest/gtest.h>

namespace leeward::execute {
namespace {

using model::ComponentName;
using model::Event;
using model::EventKind;

Event Make(EventKind kind, const char* execution, const char* step,
           std::map<std::string, std::string> fields = {}) {
  Event event;
  event.kind = kind;
  event.execution = model::ExecutionId(execution);
  event.step = model::StepId(step);
  event.fields = std::move(fields);
  return event;
}
Event Begun(const char* execution, const char* to) {
  return Make(EventKind::kExecutionStarted, execution, "", {{"to", to}});
}
Event Ended(const char* execution, const char* outcome) {
  return Make(EventKind::kExecutionFinished, execution, "", {{"outcome", outcome}});
}

TEST(PromotedTest, WhatAMoveThatWasGivenUpPromotedIsKnownWithItsRegion) {
  const auto found = PromotionsNotDone({
      Begun("s1", "us-west-2"),
      Make(EventKind::kStepIntended, "s1", "rds.drain-to/orders"),
      Make(EventKind::kStepIntended, "s1", "rds.promote/orders@us-west-2"),
      Make(EventKind::kStepSkipped, "s1", "elasticache.promote/sessions"),
      Ended("s1", "abandoned"),
  });
  ASSERT_EQ(found.size(), 1u) << "one that did not begin promoted nothing";
  EXPECT_EQ(found.at(ComponentName("orders")).region.str(), "us-west-2");
  EXPECT_EQ(found.at(ComponentName("orders")).by.str(), "s1");
}

TEST(PromotedTest, TheLastOneCountsAndNoneBeforeAMoveThatWasDone) {
  std::vector<Event> events = {
      Begun("f1", "us-west-2"),
      Make(EventKind::kStepIntended, "f1", "rds.promote/orders"),
      Ended("f1", "done"),
  };
  EXPECT_TRUE(PromotionsNotDone(events).empty()) << "what was done to it since, nobody here knows";
  events.push_back(Begun("b1", "us-east-1"));
  events.push_back(Make(EventKind::kStepIntended, "b1", "rds.promote/orders"));
  events.push_back(Ended("b1", "failed"));
  EXPECT_EQ(PromotionsNotDone(events).at(ComponentName("orders")).region.str(), "us-east-1");
}

}  // namespace
}  // namespace leeward::execute

#include "cli/carry_out.h"

#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "execute/execute.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

using model::Action;
using model::Event;

constexpr base::WallTime kNow{base::Duration(1'000'000'000'000)};

model::Plan Moving(Action action) {
  model::Plan plan;
  plan.action = action;
  plan.application = model::ApplicationName("shop");
  plan.from = model::Region("us-east-1");
  plan.to = model::Region("us-west-2");
  plan.made = kNow;
  plan.reason = "asked for";
  return plan;
}

Event Begun(Action action, const std::string& execution = "e1") {
  const model::Plan plan = Moving(action);
  return execute::Started(plan, {model::ExecutionId(execution), "cli:ann", plan::ToJson(plan)},
                          kNow);
}

Event Ended(const std::string& outcome, const std::string& execution = "e1") {
  Event event;
  event.at = kNow;
  event.kind = model::EventKind::kExecutionFinished;
  event.execution = model::ExecutionId(execution);
  event.fields = {{"outcome", outcome}, {"reason", "every step is done"}};
  return event;
}

// A switchover whose last record the disk had no room for: the store has it.
TEST(CarryOutTest, WhatTurnsOutToBeDoneIsNotPlannedAnew) {
  const std::vector<Event> before = {Begun(Action::kSwitchover)};
  const std::vector<Event> now = {Begun(Action::kSwitchover), Ended("done")};
  const auto found = FoundDone(before, now, Action::kSwitchover);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->execution.str(), "e1");
  EXPECT_EQ(found->plan.to.str(), "us-west-2");
}

TEST(CarryOutTest, WhatElseIsAskedForIsAnotherMove) {
  const std::vector<Event> open = {Begun(Action::kSwitchover)};
  const std::vector<Event> done = {Begun(Action::kSwitchover), Ended("done")};
  EXPECT_FALSE(FoundDone(done, done, Action::kSwitchover))
      << "it was known: this one is for the way back";
  EXPECT_FALSE(FoundDone(open, open, Action::kSwitchover)) << "it has not ended";
  EXPECT_FALSE(FoundDone(open, done, Action::kFailover));
  EXPECT_FALSE(FoundDone({}, done, Action::kSwitchover));
  for (const char* other : {"failed", "refused", "aborted", "abandoned", "held"}) {
    EXPECT_FALSE(FoundDone(open, {Begun(Action::kSwitchover), Ended(other)}, Action::kSwitchover))
        << other;
  }
}

TEST(CarryOutTest, AHeldExecutionIsRefusedToScriptsAndGoneOnWith) {
  Carried carried;
  carried.finish.outcome = execute::Outcome::kHeld;
  EXPECT_EQ(carried.ExitCode(), kGateRefused);
  const auto interrupted =
      FindInterrupted({Begun(Action::kFailover), Ended("held")}, Action::kFailover);
  ASSERT_TRUE(interrupted.ok());
  EXPECT_TRUE(interrupted->has_value());
  EXPECT_FALSE(FindInterrupted({Begun(Action::kFailover), Ended("refused")}, Action::kFailover)
                   ->has_value());
}

}  // namespace
}  // namespace leeward::cli

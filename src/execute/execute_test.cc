#include "execute/execute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace leeward::execute {
namespace {

using model::Event;
using model::EventKind;
using model::Plan;
using model::Step;
using model::StepId;
using Running = std::set<StepId>;

constexpr base::WallTime kNow{base::Duration(1'000'000'000'000)};
const Limits kLimits;

Step MakeStep(const std::string& id, const std::vector<std::string>& after, int attempts = 2) {
  Step step;
  step.id = StepId(id);
  step.kind = model::StepKind(id.substr(0, id.find('/')));
  step.component = model::ComponentName("orders");
  for (const std::string& name : after) step.after.emplace_back(name);
  step.max_attempts = attempts;
  step.timeout = base::Duration(1'000'000'000);
  return step;
}

//   measure ─ gate.loss ┬─ promote ─┐
//   fence (best effort) ┘           ├─ shift ─ verify
//   scale ──────────────────────────┘
Plan Diamond() {
  Plan plan;
  plan.steps = {MakeStep("measure", {}),      MakeStep("gate.loss", {"measure"}, 1),
                MakeStep("fence", {}, 1),     MakeStep("promote", {"gate.loss", "fence"}),
                MakeStep("scale", {}),        MakeStep("shift", {"promote", "scale"}),
                MakeStep("verify", {"shift"})};
  plan.steps[2].on_failure = model::OnFailure::kContinue;
  plan.steps[3].phase = model::Phase::kPromote;
  return plan;
}

// Carries a plan out on paper: what the driver does, without a world.
class Paper {
 public:
  explicit Paper(Plan plan, unsigned seed = 1) : plan_(std::move(plan)), random_(seed) {
    history_.push_back(Started(plan_, {model::ExecutionId("e1"), "test", "{}"}, now_));
  }
  Paper(Plan plan, std::vector<Event> history, unsigned seed)
      : plan_(std::move(plan)), history_(std::move(history)), random_(seed) {
    history_.push_back(Resumed(plan_, model::ExecutionId("e1"), "test", now_));
  }

  // Steps named here fail that many times before they succeed, with this code.
  Paper& Fail(const std::string& step, int times,
              base::ErrorCode code = base::ErrorCode::kUnreachable) {
    failures_[StepId(step)] = {times, code};
    return *this;
  }

  State Now() const { return Replay(plan_, model::ExecutionId("e1"), history_); }

  // Runs to the end, finishing running steps in random order.
  State Run() {
    Running running;
    for (int round = 0; round < 1000; ++round) {
      const Batch batch = Next(plan_, Now(), running, now_, kLimits);
      Add(batch.records);
      for (const Command& command : batch.commands) {
        running.insert(command.step);
        order_.push_back(command.step.str());
      }
      if (Now().outcome) return Now();
      if (running.empty()) {
        EXPECT_TRUE(batch.wake_at.has_value()) << "nothing runs and nothing is due";
        if (!batch.wake_at) return Now();
        now_ = *batch.wake_at;
        continue;
      }
      auto chosen =
          std::next(running.begin(), static_cast<std::ptrdiff_t>(random_() % running.size()));
      End(running.extract(chosen).value());
    }
    ADD_FAILURE() << "the execution does not end";
    return Now();
  }

  const std::vector<Event>& history() const { return history_; }
  const std::vector<std::string>& order() const { return order_; }

 private:
  void Add(const std::vector<Event>& events) {
    history_.insert(history_.end(), events.begin(), events.end());
  }
  void End(const StepId& step) {
    now_ = now_ + base::Duration(1'000'000);
    if (const auto planned = failures_.find(step);
        planned != failures_.end() && planned->second.first > 0) {
      --planned->second.first;
      Add(Failed(plan_, Now(), step, now_, base::Error(planned->second.second, "no answer")));
    } else {
      Add(Succeeded(plan_, Now(), step, now_, "ok", {{"answer", step.str() + "!"}}));
    }
  }

  Plan plan_;
  std::vector<Event> history_;
  std::vector<std::string> order_;
  std::map<StepId, std::pair<int, base::ErrorCode>> failures_;
  base::WallTime now_ = kNow;
  std::mt19937 random_;
};

StepState StateOf(const State& state, const std::string& step) {
  return state.steps.at(StepId(step)).state;
}

TEST(ExecuteTest, IntentsComeWithTheCommandsTheyAllow) {
  const Paper paper(Diamond());
  const Batch batch = Next(Diamond(), paper.Now(), {}, kNow, kLimits);
  ASSERT_EQ(batch.commands.size(), 3u);
  ASSERT_EQ(batch.records.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(batch.records[i].kind, EventKind::kStepIntended);
    EXPECT_EQ(batch.records[i].step, batch.commands[i].step);
    EXPECT_EQ(batch.records[i].Field("attempt"), "1");
  }
}

TEST(ExecuteTest, EndsDoneInEveryOrderAndNoStepStartsBeforeWhatItWaitsFor) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Paper paper(Diamond(), seed);
    const State end = paper.Run();
    ASSERT_EQ(end.outcome, Outcome::kDone) << seed;
    const auto at = [&](const char* step) {
      return std::find(paper.order().begin(), paper.order().end(), step) - paper.order().begin();
    };
    for (const Step& step : Diamond().steps) {
      for (const StepId& before : step.after)
        EXPECT_LT(at(before.str().c_str()), at(step.id.str().c_str()));
    }
    EXPECT_EQ(end.outputs.at("promote.answer"), "promote!");
  }
}

TEST(ExecuteTest, FailuresAreTriedAgainAfterABackoff) {
  Paper paper(Diamond());
  const State end = paper.Fail("promote", 1).Run();
  EXPECT_EQ(end.outcome, Outcome::kDone);
  EXPECT_EQ(end.steps.at(StepId("promote")).attempts, 2);
}

TEST(ExecuteTest, AClockThatWasSetBackDoesNotMakeARetryWait) {
  const Plan plan = Diamond();
  const model::ExecutionId execution("e1");
  std::vector<Event> history = {Started(plan, {execution, "test", "{}"}, kNow)};
  const auto add = [&](const std::vector<Event>& events) {
    history.insert(history.end(), events.begin(), events.end());
  };
  add(Next(plan, Replay(plan, execution, history), {}, kNow, kLimits).records);
  add(Failed(plan, Replay(plan, execution, history), StepId("measure"), kNow,
             base::Unreachable("no answer")));
  const Running running = {StepId("fence"), StepId("scale")};
  const State state = Replay(plan, execution, history);
  EXPECT_TRUE(Next(plan, state, running, kNow, kLimits).commands.empty()) << "it waits a little";
  const base::WallTime before = kNow - base::Duration(600'000'000'000);
  const Batch set_back = Next(plan, state, running, before, kLimits);
  ASSERT_EQ(set_back.commands.size(), 1u) << "it would wait for ten minutes";
  EXPECT_EQ(set_back.commands[0].step, StepId("measure"));
}

TEST(ExecuteTest, AStepThatFailsForGoodStopsWhatIsBehindItOnly) {
  Paper paper(Diamond());
  const State end = paper.Fail("promote", 9).Run();
  EXPECT_EQ(end.outcome, Outcome::kFailed);
  EXPECT_EQ(end.reason, "promote: no answer");
  EXPECT_EQ(StateOf(end, "promote"), StepState::kFailed);
  EXPECT_EQ(StateOf(end, "scale"), StepState::kDone);
  EXPECT_EQ(StateOf(end, "shift"), StepState::kSkipped);
  EXPECT_EQ(StateOf(end, "verify"), StepState::kSkipped);
}

TEST(ExecuteTest, BestEffortFailureLetsOthersPass) {
  Paper paper(Diamond());
  const State end = paper.Fail("fence", 9).Run();
  EXPECT_EQ(end.outcome, Outcome::kDone);
  EXPECT_EQ(StateOf(end, "fence"), StepState::kFailed);
}

TEST(ExecuteTest, RefusedGateEndsAsRefusedAndStartsNothingMore) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    Paper paper(Diamond(), seed);
    const State end = paper.Fail("gate.loss", 1, base::ErrorCode::kRefused).Run();
    EXPECT_EQ(end.outcome, Outcome::kRefused);
    EXPECT_EQ(end.reason, "no answer");
    EXPECT_EQ(end.steps.at(StepId("promote")).attempts, 0);
    EXPECT_TRUE(Next(Diamond(), end, {}, kNow, kLimits).records.empty());
  }
}

//   measure ─ gate.loss ─ drain ─ gate.final-loss ─ promote
Plan Held() {
  Plan plan;
  plan.steps = {MakeStep("measure", {}), MakeStep("gate.loss", {"measure"}, 1),
                MakeStep("drain", {"gate.loss"}), MakeStep("gate.final-loss", {"drain"}, 1),
                MakeStep("promote", {"gate.final-loss"})};
  for (std::size_t i = 2; i < plan.steps.size(); ++i) plan.steps[i].phase = model::Phase::kPromote;
  return plan;
}

TEST(ExecuteTest, AGateBehindTheFenceHoldsItAndLooksAgainWhenItIsGoneOnWith) {
  Paper paper(Held());
  const State end = paper.Fail("gate.final-loss", 1, base::ErrorCode::kRefused).Run();
  EXPECT_EQ(end.outcome, Outcome::kHeld);
  EXPECT_EQ(end.reason, "no answer");
  EXPECT_EQ(end.steps.at(StepId("promote")).attempts, 0);
  ASSERT_TRUE(FindUnfinished(paper.history()).has_value()) << "nobody writes: it has to be decided";
  EXPECT_FALSE(KeepsFromAbandoning(Held(), end).has_value()) << "nothing was promoted";
  Paper again(Held(), paper.history(), 1);
  EXPECT_EQ(again.Run().outcome, Outcome::kDone);
  EXPECT_EQ(again.order(), (std::vector<std::string>{"drain", "gate.final-loss", "promote"}))
      << "what the gate rests on may have changed";
}

TEST(ExecuteTest, ARefusalBeforeTheFenceIsTheEnd) {
  Paper paper(Held());
  EXPECT_EQ(paper.Fail("gate.loss", 1, base::ErrorCode::kRefused).Run().outcome, Outcome::kRefused);
  EXPECT_FALSE(FindUnfinished(paper.history()).has_value());
}

//   gate.loss ─ fence ─ gate.fence-proof ─ promote
Plan Fenced() {
  Plan plan;
  plan.steps = {MakeStep("gate.loss", {}, 1), MakeStep("fence", {"gate.loss"}, 1),
                MakeStep("gate.fence-proof", {"fence"}, 1),
                MakeStep("promote", {"gate.fence-proof"})};
  plan.steps[1].phase = plan.steps[2].phase = model::Phase::kFence;
  plan.steps[3].phase = model::Phase::kPromote;
  return plan;
}

TEST(ExecuteTest, WhatAFenceMayHaveClosedIsNotLeftByARefusal) {
  Paper paper(Fenced());
  const State end = paper.Fail("gate.fence-proof", 1, base::ErrorCode::kRefused).Run();
  EXPECT_EQ(end.outcome, Outcome::kHeld);
  ASSERT_TRUE(FindUnfinished(paper.history()).has_value());
  EXPECT_FALSE(KeepsFromAbandoning(Fenced(), end).has_value()) << "nothing was promoted";
  Paper again(Fenced(), paper.history(), 1);
  EXPECT_EQ(again.Run().outcome, Outcome::kDone);
  EXPECT_EQ(again.order(), (std::vector<std::string>{"fence", "gate.fence-proof", "promote"}))
      << "what did not answer may answer now";

  Plan untouched = Fenced();
  untouched.steps.erase(untouched.steps.begin() + 1);
  untouched.steps[1].after = {StepId("gate.loss")};
  Paper nothing(untouched);
  EXPECT_EQ(nothing.Fail("gate.fence-proof", 1, base::ErrorCode::kRefused).Run().outcome,
            Outcome::kRefused)
      << "nothing was touched";
}

TEST(ExecuteTest, ASecondRefusalDoesNotMakeAHeldOneTheEnd) {
  Plan plan;
  plan.steps = {MakeStep("gate.final-loss", {}, 1), MakeStep("gate.other", {}, 1)};
  plan.steps[0].phase = model::Phase::kPromote;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Paper paper(plan, seed);
    paper.Fail("gate.other", 1, base::ErrorCode::kRefused);
    EXPECT_EQ(paper.Fail("gate.final-loss", 1, base::ErrorCode::kRefused).Run().outcome,
              Outcome::kHeld)
        << seed;
  }
}

TEST(ExecuteTest, ErrorsThatCannotGetBetterAreFinalAtOnce) {
  Paper paper(Diamond());
  const State end = paper.Fail("promote", 1, base::ErrorCode::kDenied).Run();
  EXPECT_EQ(end.outcome, Outcome::kFailed);
  EXPECT_EQ(end.steps.at(StepId("promote")).attempts, 1);
}

TEST(ExecuteTest, CancelledAttemptsDoNotCount) {
  Paper paper(Diamond());
  const State end = paper.Fail("promote", 7, base::ErrorCode::kCancelled).Run();
  EXPECT_EQ(end.outcome, Outcome::kDone);
  EXPECT_EQ(end.steps.at(StepId("promote")).failures, 0);
}

// Killed after every record, in many orders, and gone on with: the same end each time.
TEST(ExecuteTest, EveryPrefixOfAHistoryReachesTheSameEnd) {
  for (unsigned seed = 0; seed < 25; ++seed) {
    Paper whole(Diamond(), seed);
    whole.Fail("promote", 1).Fail("fence", 9).Run();
    for (std::size_t length = 1; length < whole.history().size(); ++length) {
      const std::vector<Event> prefix(
          whole.history().begin(), whole.history().begin() + static_cast<std::ptrdiff_t>(length));
      Paper resumed(Diamond(), prefix, seed + 1);
      const State end = resumed.Fail("fence", 9).Run();
      ASSERT_EQ(end.outcome, Outcome::kDone) << "seed " << seed << ", cut after " << length;
      for (const Step& step : Diamond().steps) {
        if (step.id.str() == "fence") continue;  // best effort
        EXPECT_EQ(StateOf(end, step.id.str()), StepState::kDone);
      }
    }
  }
}

TEST(ExecuteTest, StepCutOffByACrashIsRunAgainWithTheNextAttempt) {
  Paper paper(Diamond());
  std::vector<Event> history = paper.history();
  const Batch first = Next(Diamond(), paper.Now(), {}, kNow, kLimits);
  history.insert(history.end(), first.records.begin(), first.records.end());
  const State state = Replay(Diamond(), model::ExecutionId("e1"), history);
  EXPECT_TRUE(
      Next(Diamond(), state, {StepId("measure"), StepId("fence"), StepId("scale")}, kNow, kLimits)
          .commands.empty());
  const Batch again = Next(Diamond(), state, {}, kNow, kLimits);
  ASSERT_EQ(again.commands.size(), 3u);
  EXPECT_EQ(again.commands[0].attempt, 2);
}

TEST(ExecuteTest, AFailedRunCanBeGoneOnWith) {
  Paper first(Diamond());
  EXPECT_EQ(first.Fail("promote", 9).Run().outcome, Outcome::kFailed);
  const std::optional<Unfinished> open = FindUnfinished(first.history());
  ASSERT_TRUE(open.has_value());
  EXPECT_TRUE(open->finished_as_failed);
  Paper second(Diamond(), first.history(), 1);
  EXPECT_EQ(second.Run().outcome, Outcome::kDone);
  EXPECT_EQ(std::count(second.order().begin(), second.order().end(), "measure"), 0)
      << "done steps stay done";
  EXPECT_FALSE(FindUnfinished(second.history()).has_value());
}

TEST(ExecuteTest, WhatWasAbandonedIsNotGoneOnWith) {
  Paper paper(Diamond());
  EXPECT_EQ(paper.Fail("measure", 9).Run().outcome, Outcome::kFailed);
  std::vector<Event> history = paper.history();
  EXPECT_FALSE(KeepsFromAbandoning(Diamond(), paper.Now()).has_value());
  history.push_back(Abandoned(model::ExecutionId("e1"), "cli:ana", "ana: it is back", kNow));
  EXPECT_FALSE(FindUnfinished(history).has_value());
  EXPECT_EQ(Replay(Diamond(), model::ExecutionId("e1"), history).outcome, Outcome::kAbandoned);
}

TEST(ExecuteTest, ABegunPromotionIsNotAbandoned) {
  Paper paper(Diamond());
  EXPECT_EQ(paper.Fail("promote", 9).Run().outcome, Outcome::kFailed);
  const auto kept = KeepsFromAbandoning(Diamond(), paper.Now());
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(*kept, StepId("promote"));
}

// The Region that is left may be lost while its last write is waited for: only a failover helps
// then.
TEST(ExecuteTest, AWaitForTheLastWriteKeepsNobodyFromAbandoning) {
  Plan plan;
  plan.steps = {MakeStep("rds.quiesce/orders", {}),
                MakeStep("rds.drain-to/orders", {"rds.quiesce/orders"}),
                MakeStep("rds.promote/orders", {"rds.drain-to/orders"})};
  plan.steps[0].phase = model::Phase::kFence;
  for (std::size_t i = 1; i < plan.steps.size(); ++i) plan.steps[i].phase = model::Phase::kPromote;
  const State waited = Paper(plan).Fail("rds.drain-to/orders", 9).Run();
  EXPECT_EQ(waited.outcome, Outcome::kFailed);
  EXPECT_FALSE(KeepsFromAbandoning(plan, waited).has_value()) << "nothing was promoted";
  const State promoted = Paper(plan).Fail("rds.promote/orders", 9).Run();
  EXPECT_EQ(KeepsFromAbandoning(plan, promoted), StepId("rds.promote/orders"));
}

TEST(ExecuteTest, WhatALostRegionIsNeededForMayBeAbandonedAtAnyStep) {
  Plan plan;
  plan.from = model::Region("us-east-1");
  plan.to = model::Region("us-west-2");
  for (const model::Action planned :
       {model::Action::kSwitchover, model::Action::kFailback, model::Action::kCallOff}) {
    plan.action = planned;
    EXPECT_TRUE(CannotGoOnWithout(plan, plan.from));
    EXPECT_TRUE(CannotGoOnWithout(plan, plan.to));
    EXPECT_FALSE(CannotGoOnWithout(plan, model::Region()));
  }
  plan.action = model::Action::kFailover;
  EXPECT_FALSE(CannotGoOnWithout(plan, plan.from)) << "that is what it is for";
  EXPECT_TRUE(CannotGoOnWithout(plan, plan.to));
}

TEST(ExecuteTest, AMoveIsCalledOffUntilSomethingFinalHasBegun) {
  Plan plan = Diamond();
  for (model::Step& step : plan.steps) step.undo = "take it back";
  Paper paper(plan);
  EXPECT_EQ(paper.Fail("promote", 9).Run().outcome, Outcome::kFailed);
  EXPECT_FALSE(KeepsFromCallingOff(plan, paper.Now()).has_value());
  plan.steps[1].undo.clear();
  EXPECT_EQ(KeepsFromCallingOff(plan, paper.Now()), plan.steps[1].id);
  plan.steps[1].undo = "take it back";
  plan.steps[1].phase = model::Phase::kTraffic;
  EXPECT_EQ(KeepsFromCallingOff(plan, paper.Now()), plan.steps[1].id);
}

TEST(ExecuteTest, ParallelStepsAreBounded) {
  Plan wide;
  for (int i = 0; i < 40; ++i) wide.steps.push_back(MakeStep("s" + std::to_string(i), {}));
  Limits limits;
  limits.parallel = 4;
  const State state = Replay(wide, model::ExecutionId("e1"), {});
  EXPECT_EQ(Next(wide, state, {}, kNow, limits).commands.size(), 4u);
  EXPECT_EQ(
      Next(wide, state, {StepId("s0"), StepId("s1"), StepId("s2")}, kNow, limits).commands.size(),
      1u);
}

TEST(ExecuteTest, MeasuredBoundsBecomeLossBoundRecords) {
  Plan plan = Diamond();
  plan.steps[0].parameters["budget-ns"] = "5000000000";
  const State state = Replay(plan, model::ExecutionId("e1"), {});
  const std::vector<Event> records = Succeeded(plan, state, StepId("measure"), kNow, "ok",
                                               {{"bound_ns", "120000000"}, {"source", "canary"}});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].kind, EventKind::kLossBound);
  EXPECT_EQ(records[0].Field("component"), "orders");
  EXPECT_EQ(records[0].Field("bound_ns"), "120000000");
  EXPECT_EQ(records[0].Field("budget_ns"), "5000000000");
  EXPECT_EQ(records[1].kind, EventKind::kStepDone);
}

TEST(ExecuteTest, ApprovalsBecomeRecordsOfWhoAndWhy) {
  const Plan plan = Diamond();
  const State state = Replay(plan, model::ExecutionId("e1"), {});
  const std::vector<Event> records = Succeeded(plan, state, StepId("measure"), kNow, "ok",
                                               {{"approval.1", "ann: home: it burns"},
                                                {"approval.2", "bob: I see it too"},
                                                {"approved-at.1", "2026-11-23T03:12:40.000Z"},
                                                {"approved-plan", "digest"}});
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].kind, EventKind::kApproval);
  EXPECT_EQ(records[0].step, StepId("measure"));
  EXPECT_EQ(records[0].Field("who"), "ann");
  EXPECT_EQ(records[0].Field("reason"), "home: it burns");
  EXPECT_EQ(records[0].Field("given"), "2026-11-23T03:12:40.000Z");
  EXPECT_EQ(records[0].Field("plan_sha256"), "digest");
  EXPECT_EQ(records[1].Field("who"), "bob");
  EXPECT_EQ(records[1].Field("given"), "");
  EXPECT_EQ(records[2].kind, EventKind::kStepDone);
}

TEST(ExecuteTest, OtherExecutionsInTheJournalAreNotMixedIn) {
  Paper paper(Diamond());
  paper.Run();
  const State other = Replay(Diamond(), model::ExecutionId("e2"), paper.history());
  EXPECT_FALSE(other.started);
  EXPECT_EQ(StateOf(other, "measure"), StepState::kWaiting);
}

TEST(ExecuteTest, EmptyPlanIsDoneAtOnce) {
  const Batch batch = Next(Plan(), Replay(Plan(), model::ExecutionId("e1"), {}), {}, kNow, kLimits);
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].Field("outcome"), "done");
}

}  // namespace
}  // namespace leeward::execute

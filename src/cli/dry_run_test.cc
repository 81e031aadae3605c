#include "cli/dry_run.h"

#include <gtest/gtest.h>

namespace leeward::cli {
namespace {

using base::ErrorCode;
using steps::Finding;
using steps::Would;

model::Step StepOf(const char* id, model::OnFailure on_failure = model::OnFailure::kStop) {
  model::Step step;
  step.id = model::StepId(id);
  step.region = model::Region("us-west-2");
  step.phase = model::Phase::kFence;
  step.on_failure = on_failure;
  return step;
}

DryRun Failover() {
  DryRun dry;
  dry.plan.application = model::ApplicationName("shop");
  dry.plan.from = model::Region("us-east-1");
  dry.plan.to = model::Region("us-west-2");
  dry.plan.steps = {StepOf("rds.fence/orders", model::OnFailure::kContinue),
                    StepOf("gate.fence-proof"), StepOf("rds.promote/orders")};
  for (const model::Step& step : dry.plan.steps)
    dry.findings[step.id] = Finding{Would::kAct, "would do it", {}, {}};
  return dry;
}

Finding Stop(ErrorCode code) { return {Would::kStop, "no", code, {}}; }

TEST(DryRunTest, NothingInTheWayIsDone) {
  const DryRun dry = Failover();
  EXPECT_EQ(dry.StoppedBy(), nullptr);
  EXPECT_EQ(dry.ExitCode(), 0);
}

TEST(DryRunTest, TheFirstStepThatIsStoppedDecidesAndBestEffortDoesNot) {
  DryRun dry = Failover();
  dry.findings[model::StepId("rds.fence/orders")] = Stop(ErrorCode::kUnreachable);
  EXPECT_EQ(dry.ExitCode(), 0);
  dry.findings[model::StepId("rds.promote/orders")] = Stop(ErrorCode::kUnreachable);
  EXPECT_EQ(dry.ExitCode(), 4);
  dry.findings[model::StepId("rds.promote/orders")] = Stop(ErrorCode::kInvalid);
  EXPECT_EQ(dry.ExitCode(), 1);
  dry.findings[model::StepId("gate.fence-proof")] = Stop(ErrorCode::kRefused);
  EXPECT_EQ(dry.ExitCode(), 3);
  EXPECT_EQ(dry.StoppedBy()->id.str(), "gate.fence-proof");
}

TEST(DryRunTest, TextWrapsOnlyOnATerminal) {
  DryRun dry = Failover();
  dry.findings[model::StepId("gate.fence-proof")] = {
      Would::kStop, "the writer of orders in us-east-1 was not reached", ErrorCode::kRefused, {}};
  const std::string text = DryRunText(dry, {});
  EXPECT_NE(
      text.find("  2  gate.fence-proof                us-west-2  STOPS: the writer of orders in "
                "us-east-1 was not reached\n"),
      std::string::npos)
      << text;
  const std::string narrow = DryRunText(dry, {.live = true, .width = 78});
  EXPECT_NE(narrow.find("\n" + std::string(48, ' ') + "us-east-1 was not reached\n"),
            std::string::npos)
      << narrow;
}

}  // namespace
}  // namespace leeward::cli

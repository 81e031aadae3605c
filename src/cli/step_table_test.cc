#include "cli/step_table.h"

#include <gtest/gtest.h>

#include <mutex>

#include "cli/live_view.h"

namespace leeward::cli {
namespace {

using base::WallTime;
using namespace std::chrono_literals;

model::Plan TwoSteps() {
  model::Plan plan;
  model::Step promote;
  promote.id = model::StepId("rds.promote/orders");
  promote.phase = model::Phase::kPromote;
  promote.title = "promote orders in us-west-2";
  model::Step scale;
  scale.id = model::StepId("ecs.scale/web");
  scale.phase = model::Phase::kScale;
  scale.title = "scale web in us-west-2 to 3 tasks, which is a title that does not fit";
  plan.steps = {promote, scale};
  return plan;
}

model::Event About(const model::Step& step, model::EventKind kind, base::Duration at) {
  model::Event event;
  event.kind = kind;
  event.step = step.id;
  event.at = WallTime{at};
  return event;
}

Terminal Plain(int width) {
  Terminal terminal;
  terminal.width = width;
  return terminal;
}

TEST(StepTable, ShowsStateTimeAndDetailInEightyColumns) {
  const model::Plan plan = TwoSteps();
  StepTable table(plan, {});
  table.Apply(About(plan.steps[0], model::EventKind::kStepIntended, 1s));
  model::Event done = About(plan.steps[0], model::EventKind::kStepDone, 1s + 61ms);
  done.fields["detail"] = "timeline 2\n";
  table.Apply(done);
  const auto lines = table.Lines(WallTime{2s}, Plain(80), 0, 100);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "  promote   + promote orders in us-west-2               0.06 s  timeline 2");
  for (const std::string& line : lines) EXPECT_LE(Columns(line), 80);
  EXPECT_NE(lines[1].find("scale     . scale web"), std::string::npos) << lines[1];
}

TEST(StepTable, KeepsRunningStepsInSightWhenThereIsLittleRoom) {
  const model::Plan plan = TwoSteps();
  StepTable table(plan, {});
  table.Apply(About(plan.steps[1], model::EventKind::kStepIntended, 1s));
  const auto lines = table.Lines(WallTime{3s}, Plain(80), 0, 1 + 0);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("and 2 more"), std::string::npos);
  const auto both = table.Lines(WallTime{3s}, Plain(80), 0, 2);
  ASSERT_EQ(both.size(), 2u);
}

TEST(StepTable, AWrongByteOfAServiceCannotMoveTheCursor) {
  const model::Plan plan = TwoSteps();
  StepTable table(plan, {});
  table.Apply(About(plan.steps[0], model::EventKind::kStepIntended, 1s));
  table.Progress(plan.steps[0].id, "waiting\x1b[2J");
  EXPECT_EQ(table.Lines(WallTime{1s}, Plain(80), 0, 9)[0].find('\x1b'), std::string::npos);
}

TEST(Terminal, FitsByColumnsNotBytes) {
  Terminal terminal;
  terminal.unicode = true;
  EXPECT_EQ(Fit(terminal, "é→x", 3), "é→x");
  EXPECT_EQ(Fit(terminal, "é→xy", 3), "é→…");
  EXPECT_EQ(Fit(terminal, "x", 3, Pad::kLeft), "  x");
  EXPECT_EQ(Fit(terminal, "abc", 0), "");
}

class Kept : public Output {
 public:
  void Write(std::string_view text) override { kept += text; }
  std::string kept;
};

TEST(LiveView, WithoutATerminalEveryEventIsALine) {
  ports::ManualClock clock(WallTime{5s});
  Kept output;
  const model::Plan plan = TwoSteps();
  {
    LiveView view(clock, Plain(80), output);
    view.Say("failover of shop");
    view.OnPlan(plan, {});
    view.OnEvent(About(plan.steps[0], model::EventKind::kStepIntended, 1s));
    view.OnEvent(About(plan.steps[0], model::EventKind::kStepDone, 1s + 61ms));
  }
  EXPECT_EQ(output.kept,
            "failover of shop\n"
            "1970-01-01T00:00:01.000Z  promote   start    promote orders in us-west-2\n"
            "1970-01-01T00:00:01.061Z  promote   done     promote orders in us-west-2 (0.06 s)\n");
}

TEST(LiveView, OnATerminalTheTableIsRedrawnInPlaceAndStaysAtTheEnd) {
  ports::ManualClock clock(WallTime{5s});
  Kept output;
  const model::Plan plan = TwoSteps();
  Terminal terminal = Plain(80);
  terminal.live = true;
  {
    LiveView view(clock, terminal, output);
    view.OnPlan(plan, {});
    view.OnEvent(About(plan.steps[0], model::EventKind::kStepIntended, 1s));
    view.OnEvent(About(plan.steps[0], model::EventKind::kStepDone, 1s + 61ms));
  }
  const auto last = output.kept.rfind("promote orders");
  ASSERT_NE(last, std::string::npos);
  EXPECT_EQ(output.kept.find("\x1b[2A", last), std::string::npos)
      << "nothing is drawn over the final table";
}

}  // namespace
}  // namespace leeward::cli

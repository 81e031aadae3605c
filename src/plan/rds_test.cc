// Plans for a database that is restored of replicated backups.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/golden.h"
#include "model/testing/shop.h"
#include "plan/draft.h"
#include "plan/plan.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Health;
using model::Region;
using model::StepId;

model::Application RestoredShop() {
  model::Application shop = model::testing::Shop();
  std::get<model::Rds>(shop.components[0].kind).recovery = model::Recovery::kRestore;
  for (model::Component& component : shop.components) {
    auto* ecs = std::get_if<model::Ecs>(&component.kind);
    if (ecs == nullptr) continue;
    ecs->standby = 0;
    ecs->environment = {{"SHOP_DB_HOST", model::ComponentName("orders")}};
  }
  return shop;
}

model::Plan RestoredPlan(Action action, const char* active, Health home) {
  const Region region(active);
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'763'887'253'000'000'000)};
  model::Verdict verdict;
  verdict.region = Region("us-east-1");
  verdict.health = home;
  snapshot.verdicts = {verdict};
  verdict.region = Region("us-west-2");
  verdict.health = Health::kUp;
  snapshot.verdicts.push_back(verdict);
  snapshot.active = {{model::ComponentName("orders"), region},
                     {model::ComponentName("traffic"), region}};
  base::Result<model::Plan> plan = Make(action, RestoredShop(), {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

bool ComesAfter(const model::Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const StepId& id) {
    return id.str() == before || ComesAfter(plan, id.str(), before);
  });
}

bool HasKind(const model::Plan& plan, std::string_view kind) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [&](const model::Step& step) { return step.kind.str() == kind; });
}

void ExpectRestoredGolden(const std::string& name, const model::Plan& plan) {
  base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
}

TEST(PlanOfRestoredTest, ReadsAsReviewed) {
  ExpectRestoredGolden("restore_protect.txt",
                       RestoredPlan(Action::kProtect, "us-east-1", Health::kUp));
  ExpectRestoredGolden("restore_failover_home_lost.txt",
                       RestoredPlan(Action::kFailover, "us-east-1", Health::kDown));
  ExpectRestoredGolden("restore_failover_home_answers.txt",
                       RestoredPlan(Action::kFailover, "us-east-1", Health::kUp));
  ExpectRestoredGolden("restore_switchover.txt",
                       RestoredPlan(Action::kSwitchover, "us-east-1", Health::kUp));
  ExpectRestoredGolden("restore_failback.txt",
                       RestoredPlan(Action::kFailback, "us-west-2", Health::kUp));
}

// measure-backup → gates → restore → readdress → scale → ready → shift
TEST(PlanOfRestoredTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsDatabase) {
  const model::Plan plan = RestoredPlan(Action::kFailover, "us-east-1", Health::kDown);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"), "rds.measure-backup/orders");
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(ComesAfter(plan, "rds.restore/orders", gate)) << gate;
  EXPECT_TRUE(ComesAfter(plan, "ecs.readdress/web", "rds.restore/orders"));
  EXPECT_TRUE(ComesAfter(plan, "ecs.scale/web", "ecs.readdress/web"));
  EXPECT_TRUE(ComesAfter(plan, "route53.shift/traffic", "ecs.ready/web"));
  EXPECT_FALSE(HasKind(plan, "rds.promote"));
  for (const model::Step& step : plan.steps) {
    EXPECT_NE(step.region, Region("us-east-1")) << step.id;
    for (const model::AwsCall& call : step.calls)
      EXPECT_NE(call.control_plane, Region("us-east-1")) << step.id;
  }
}

TEST(PlanOfRestoredTest, ARegionThatMayAnswerIsFencedFirst) {
  const model::Plan plan = RestoredPlan(Action::kFailover, "us-east-1", Health::kUp);
  EXPECT_TRUE(ComesAfter(plan, "rds.restore/orders", "rds.fence/orders"));
}

// A planned move loses nothing: it makes a replica for itself, and leaves backups behind it.
TEST(PlanOfRestoredTest, APlannedMoveGoesByAReplica) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, "us-east-1"), std::pair(Action::kFailback, "us-west-2")}) {
    const model::Plan plan = RestoredPlan(action, active, Health::kUp);
    EXPECT_EQ(plan.Find(StepId("rds.replicate/orders"))->region, plan.to);
    EXPECT_EQ(plan.Find(StepId("rds.copy-backups/orders"))->region, plan.from);
    EXPECT_TRUE(ComesAfter(plan, "rds.quiesce/orders", "rds.replicate/orders"));
    EXPECT_TRUE(ComesAfter(plan, "rds.copy-backups/orders", "rds.retire-old/orders"));
    EXPECT_FALSE(HasKind(plan, "rds.restore"));
  }
}

}  // namespace
}  // namespace leeward::plan

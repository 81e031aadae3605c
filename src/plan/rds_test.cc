// Plans for a database that is restored of replicated backups.
#include <gtest/gtest.h>

#include "plan/testing/shop_plans.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Health;
using model::Region;
using model::StepId;
using testing::ExpectPlan;
using testing::HasKind;
using testing::kHome;
using testing::kRecovery;
using testing::PlanOf;
using testing::WaitsFor;

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

model::Plan RestoredPlan(Action action, const Region& active, Health home) {
  return PlanOf(RestoredShop(), action, active, home);
}

TEST(PlanOfRestoredTest, ReadsAsReviewed) {
  ExpectPlan("restore_protect.txt", RestoredPlan(Action::kProtect, kHome, Health::kUp));
  ExpectPlan("restore_failover_home_lost.txt",
             RestoredPlan(Action::kFailover, kHome, Health::kDown));
  ExpectPlan("restore_failover_home_answers.txt",
             RestoredPlan(Action::kFailover, kHome, Health::kUp));
  ExpectPlan("restore_switchover.txt", RestoredPlan(Action::kSwitchover, kHome, Health::kUp));
  ExpectPlan("restore_failback.txt", RestoredPlan(Action::kFailback, kRecovery, Health::kUp));
}

// measure-backup → gates → restore → readdress → scale → ready → shift
TEST(PlanOfRestoredTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsDatabase) {
  const model::Plan plan = RestoredPlan(Action::kFailover, kHome, Health::kDown);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"), "rds.measure-backup/orders");
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(WaitsFor(plan, "rds.restore/orders", gate)) << gate;
  EXPECT_TRUE(WaitsFor(plan, "ecs.readdress/web", "rds.restore/orders"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.scale/web", "ecs.readdress/web"));
  EXPECT_TRUE(WaitsFor(plan, "route53.shift/traffic", "ecs.ready/web"));
  EXPECT_FALSE(HasKind(plan, "rds.promote"));
  for (const model::Step& step : plan.steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(PlanOfRestoredTest, ARegionThatMayAnswerIsFencedFirst) {
  const model::Plan plan = RestoredPlan(Action::kFailover, kHome, Health::kUp);
  EXPECT_TRUE(WaitsFor(plan, "rds.restore/orders", "rds.fence/orders"));
}

// A planned move loses nothing: it makes a replica for itself, and leaves backups behind it.
TEST(PlanOfRestoredTest, APlannedMoveGoesByAReplica) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, kHome), std::pair(Action::kFailback, kRecovery)}) {
    const model::Plan plan = RestoredPlan(action, active, Health::kUp);
    EXPECT_EQ(plan.Find(StepId("rds.replicate/orders"))->region, plan.to);
    EXPECT_EQ(plan.Find(StepId("rds.copy-backups/orders"))->region, plan.from);
    EXPECT_TRUE(WaitsFor(plan, "rds.quiesce/orders", "rds.replicate/orders"));
    EXPECT_TRUE(WaitsFor(plan, "rds.copy-backups/orders", "rds.retire-old/orders"));
    EXPECT_FALSE(HasKind(plan, "rds.restore"));
  }
}

}  // namespace
}  // namespace leeward::plan

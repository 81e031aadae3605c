// Plans for a table that is restored of AWS Backup's recovery points.
#include <gtest/gtest.h>

#include "plan/testing/shop_plans.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Health;
using model::Region;
using model::StepId;
using testing::ExpectPlan;
using testing::kHome;
using testing::kRecovery;
using testing::PlanOf;
using testing::WaitsFor;

model::Application BackedShop() {
  model::Application shop = model::testing::Shop();
  model::Dynamodb carts;
  carts.table = "carts";
  carts.backup.recovery = model::Recovery::kRestore;
  carts.backup.vault = "leeward-shop";
  shop.components.push_back({model::ComponentName("carts"), carts, {}, {}});
  for (model::Component& component : shop.components) {
    auto* ecs = std::get_if<model::Ecs>(&component.kind);
    if (ecs == nullptr) continue;
    ecs->standby = 0;
    ecs->environment = {{"SHOP_CARTS_TABLE", model::ComponentName("carts")}};
  }
  return shop;
}

model::Plan BackedPlan(Action action, const Region& active, Health home) {
  return PlanOf(BackedShop(), action, active, home);
}

TEST(PlanOfBackedTableTest, ReadsAsReviewed) {
  ExpectPlan("backed_table_protect.txt", BackedPlan(Action::kProtect, kHome, Health::kUp));
  ExpectPlan("backed_table_failover.txt", BackedPlan(Action::kFailover, kHome, Health::kDown));
  ExpectPlan("backed_table_failback.txt", BackedPlan(Action::kFailback, kRecovery, Health::kUp));
}

TEST(PlanOfBackedTableTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsTable) {
  const model::Plan plan = BackedPlan(Action::kFailover, kHome, Health::kDown);
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(WaitsFor(plan, "dynamodb.restore/carts", gate)) << gate;
  EXPECT_TRUE(WaitsFor(plan, "ecs.scale/web", "dynamodb.restore/carts"));
  EXPECT_TRUE(WaitsFor(plan, "gate.loss", "dynamodb.measure-backup/carts"));
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

// deny → last backup → restore → verify → delete what was left → back up the other way
TEST(PlanOfBackedTableTest, APlannedMoveTakesItsLastBackupBehindTheLastWrite) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, kHome), std::pair(Action::kFailback, kRecovery)}) {
    const model::Plan plan = BackedPlan(action, active, Health::kUp);
    EXPECT_TRUE(WaitsFor(plan, "dynamodb.final-backup/carts", "dynamodb.quiesce/carts"));
    EXPECT_TRUE(WaitsFor(plan, "dynamodb.restore/carts", "dynamodb.final-backup/carts"));
    EXPECT_TRUE(WaitsFor(plan, "dynamodb.retire-old/carts", "app.verify"));
    EXPECT_TRUE(WaitsFor(plan, "dynamodb.copy-backups/carts", "dynamodb.retire-old/carts"));
    EXPECT_EQ(plan.Find(StepId("dynamodb.retire-old/carts"))->region, plan.from);
    EXPECT_EQ(plan.Find(StepId("dynamodb.preserve-old/carts")) != nullptr,
              action == Action::kFailback);
  }
}

}  // namespace
}  // namespace leeward::plan

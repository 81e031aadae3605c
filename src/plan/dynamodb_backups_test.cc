// Plans for a table that is restored of AWS Backup's recovery points.
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

model::Plan BackedPlan(Action action, const char* active, Health home) {
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
  base::Result<model::Plan> plan = Make(action, BackedShop(), {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

bool IsBehind(const model::Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const StepId& id) {
    return id.str() == before || IsBehind(plan, id.str(), before);
  });
}

TEST(PlanOfBackedTableTest, ReadsAsReviewed) {
  const auto expect = [](const std::string& name, const model::Plan& plan) {
    base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
  };
  expect("backed_table_protect.txt", BackedPlan(Action::kProtect, "us-east-1", Health::kUp));
  expect("backed_table_failover.txt", BackedPlan(Action::kFailover, "us-east-1", Health::kDown));
  expect("backed_table_failback.txt", BackedPlan(Action::kFailback, "us-west-2", Health::kUp));
}

TEST(PlanOfBackedTableTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsTable) {
  const model::Plan plan = BackedPlan(Action::kFailover, "us-east-1", Health::kDown);
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(IsBehind(plan, "dynamodb.restore/carts", gate)) << gate;
  EXPECT_TRUE(IsBehind(plan, "ecs.scale/web", "dynamodb.restore/carts"));
  EXPECT_TRUE(IsBehind(plan, "gate.loss", "dynamodb.measure-backup/carts"));
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls)
      EXPECT_NE(call.control_plane, Region("us-east-1")) << step.id;
  }
}

// deny → last backup → restore → verify → delete what was left → back up the other way
TEST(PlanOfBackedTableTest, APlannedMoveTakesItsLastBackupBehindTheLastWrite) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, "us-east-1"), std::pair(Action::kFailback, "us-west-2")}) {
    const model::Plan plan = BackedPlan(action, active, Health::kUp);
    EXPECT_TRUE(IsBehind(plan, "dynamodb.final-backup/carts", "dynamodb.quiesce/carts"));
    EXPECT_TRUE(IsBehind(plan, "dynamodb.restore/carts", "dynamodb.final-backup/carts"));
    EXPECT_TRUE(IsBehind(plan, "dynamodb.retire-old/carts", "app.verify"));
    EXPECT_TRUE(IsBehind(plan, "dynamodb.copy-backups/carts", "dynamodb.retire-old/carts"));
    EXPECT_EQ(plan.Find(StepId("dynamodb.retire-old/carts"))->region, plan.from);
    EXPECT_EQ(plan.Find(StepId("dynamodb.preserve-old/carts")) != nullptr,
              action == Action::kFailback);
  }
}

}  // namespace
}  // namespace leeward::plan

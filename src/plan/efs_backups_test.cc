// Plans for a file system that is restored of AWS Backup's recovery points.
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

model::Application ShopOfBackedFiles() {
  model::Application shop = model::testing::Shop();
  const model::ComponentName name("uploads");
  model::Efs uploads;
  uploads.file_system = "uploads";
  uploads.backup.recovery = model::Recovery::kRestore;
  uploads.backup.vault = "leeward-shop";
  shop.components.push_back({name, uploads, {}, {}});
  for (model::Component& component : shop.components) {
    auto* ecs = std::get_if<model::Ecs>(&component.kind);
    if (ecs == nullptr) continue;
    ecs->standby = 0;
    ecs->active = 3;
    component.needs.push_back(name);
  }
  return shop;
}

model::Plan PlanOfBackedFiles(Action action, const Region& active, Health home) {
  return PlanOf(ShopOfBackedFiles(), action, active, home);
}

TEST(PlanOfBackedFilesTest, ReadsAsReviewed) {
  ExpectPlan("backed_files_protect.txt", PlanOfBackedFiles(Action::kProtect, kHome, Health::kUp));
  ExpectPlan("backed_files_failover.txt",
             PlanOfBackedFiles(Action::kFailover, kHome, Health::kDown));
  ExpectPlan("backed_files_failback.txt",
             PlanOfBackedFiles(Action::kFailback, kRecovery, Health::kUp));
}

TEST(PlanOfBackedFilesTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsFiles) {
  const model::Plan plan = PlanOfBackedFiles(Action::kFailover, kHome, Health::kDown);
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(WaitsFor(plan, "efs.restore/uploads", gate)) << gate;
  EXPECT_TRUE(WaitsFor(plan, "gate.loss", "efs.measure-backup/uploads"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.readdress/web", "efs.restore/uploads"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.scale/web", "ecs.readdress/web"));
  EXPECT_EQ(plan.Find(StepId("efs.restore/uploads"))->parameters.at("writers"), "web");
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

// end the tasks → last backup → restore → start them on it → verify → put aside what was left →
// back up the other way
TEST(PlanOfBackedFilesTest, APlannedMoveStartsItsTasksOnWhatItRestored) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, kHome), std::pair(Action::kFailback, kRecovery)}) {
    const model::Plan plan = PlanOfBackedFiles(action, active, Health::kUp);
    const std::string web = "ecs.replicate/web@" + plan.to.str();
    EXPECT_TRUE(WaitsFor(plan, "efs.quiesce/uploads", web));
    EXPECT_EQ(plan.Find(StepId(web))->parameters.at("desired"), "0");
    EXPECT_TRUE(WaitsFor(plan, "efs.final-backup/uploads", "efs.quiesce/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "efs.restore/uploads", "efs.final-backup/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "ecs.readdress/web", "efs.restore/uploads"));
    EXPECT_EQ(plan.Find(StepId("ecs.readdress/web"))->parameters.at("desired"), "3");
    EXPECT_TRUE(WaitsFor(plan, "ecs.ready/web", "ecs.readdress/web"));
    EXPECT_TRUE(WaitsFor(plan, "efs.retire-old/uploads", "app.verify"));
    EXPECT_TRUE(WaitsFor(plan, "efs.copy-backups/uploads", "efs.retire-old/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "ecs.replicate/web@" + plan.from.str(), "efs.retire-old/uploads"));
    EXPECT_EQ(plan.Find(StepId("efs.preserve-old/uploads")) != nullptr,
              action == Action::kFailback);
  }
}

}  // namespace
}  // namespace leeward::plan

// Plans for a file system that is restored of AWS Backup's recovery points.
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

model::Plan PlanOfBackedFiles(Action action, const char* active, Health home) {
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
  base::Result<model::Plan> plan = Make(action, ShopOfBackedFiles(), {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

bool FollowsOn(const model::Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const StepId& id) {
    return id.str() == before || FollowsOn(plan, id.str(), before);
  });
}

TEST(PlanOfBackedFilesTest, ReadsAsReviewed) {
  const auto expect = [](const std::string& name, const model::Plan& plan) {
    base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
  };
  expect("backed_files_protect.txt", PlanOfBackedFiles(Action::kProtect, "us-east-1", Health::kUp));
  expect("backed_files_failover.txt",
         PlanOfBackedFiles(Action::kFailover, "us-east-1", Health::kDown));
  expect("backed_files_failback.txt",
         PlanOfBackedFiles(Action::kFailback, "us-west-2", Health::kUp));
}

TEST(PlanOfBackedFilesTest, NothingIsRestoredBeforeTheGatesAndNoTaskStartedBeforeItsFiles) {
  const model::Plan plan = PlanOfBackedFiles(Action::kFailover, "us-east-1", Health::kDown);
  for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"})
    EXPECT_TRUE(FollowsOn(plan, "efs.restore/uploads", gate)) << gate;
  EXPECT_TRUE(FollowsOn(plan, "gate.loss", "efs.measure-backup/uploads"));
  EXPECT_TRUE(FollowsOn(plan, "ecs.readdress/web", "efs.restore/uploads"));
  EXPECT_TRUE(FollowsOn(plan, "ecs.scale/web", "ecs.readdress/web"));
  EXPECT_EQ(plan.Find(StepId("efs.restore/uploads"))->parameters.at("writers"), "web");
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls)
      EXPECT_NE(call.control_plane, Region("us-east-1")) << step.id;
  }
}

// end the tasks → last backup → restore → start them on it → verify → put aside what was left →
// back up the other way
TEST(PlanOfBackedFilesTest, APlannedMoveStartsItsTasksOnWhatItRestored) {
  for (const auto& [action, active] :
       {std::pair(Action::kSwitchover, "us-east-1"), std::pair(Action::kFailback, "us-west-2")}) {
    const model::Plan plan = PlanOfBackedFiles(action, active, Health::kUp);
    const std::string web = "ecs.replicate/web@" + plan.to.str();
    EXPECT_TRUE(FollowsOn(plan, "efs.quiesce/uploads", web));
    EXPECT_EQ(plan.Find(StepId(web))->parameters.at("desired"), "0");
    EXPECT_TRUE(FollowsOn(plan, "efs.final-backup/uploads", "efs.quiesce/uploads"));
    EXPECT_TRUE(FollowsOn(plan, "efs.restore/uploads", "efs.final-backup/uploads"));
    EXPECT_TRUE(FollowsOn(plan, "ecs.readdress/web", "efs.restore/uploads"));
    EXPECT_EQ(plan.Find(StepId("ecs.readdress/web"))->parameters.at("desired"), "3");
    EXPECT_TRUE(FollowsOn(plan, "ecs.ready/web", "ecs.readdress/web"));
    EXPECT_TRUE(FollowsOn(plan, "efs.retire-old/uploads", "app.verify"));
    EXPECT_TRUE(FollowsOn(plan, "efs.copy-backups/uploads", "efs.retire-old/uploads"));
    EXPECT_TRUE(FollowsOn(plan, "ecs.replicate/web@" + plan.from.str(), "efs.retire-old/uploads"));
    EXPECT_EQ(plan.Find(StepId("efs.preserve-old/uploads")) != nullptr,
              action == Action::kFailback);
  }
}

}  // namespace
}  // namespace leeward::plan

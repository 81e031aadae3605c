// Plans for secrets.
#include <gtest/gtest.h>

#include "plan/testing/shop_plans.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Health;
using model::Plan;
using model::Region;
using model::StepId;
using testing::ExpectPlan;
using testing::kHome;
using testing::kRecovery;
using testing::PlanOf;
using testing::WaitsFor;

Plan WithSecret(Action action, const Region& active, Health home,
                model::SecretPrimary primary = model::SecretPrimary::kFollows) {
  model::Application shop = model::testing::ShopWithSecret();
  std::get<model::Secret>(shop.components[1].kind).primary = primary;
  return PlanOf(shop, action, active, home);
}

TEST(SecretPlanTest, ReadsAsReviewed) {
  ExpectPlan("secret_protect.txt", WithSecret(Action::kProtect, kHome, Health::kUp));
  ExpectPlan("secret_failover_home_lost.txt", WithSecret(Action::kFailover, kHome, Health::kDown));
  ExpectPlan("secret_switchover.txt", WithSecret(Action::kSwitchover, kHome, Health::kUp));
  ExpectPlan("secret_failback.txt", WithSecret(Action::kFailback, kRecovery, Health::kUp));
}

TEST(SecretPlanTest, IsMadeItsOwnBehindTheGatesAndNeedsNothingOfALostRegion) {
  const Plan plan = WithSecret(Action::kFailover, kHome, Health::kDown);
  const std::string promote = "secretsmanager.promote/login";
  EXPECT_TRUE(WaitsFor(plan, promote, "gate.final-loss"));
  EXPECT_TRUE(WaitsFor(plan, "app.verify", promote));
  // It is no store: no fence and no loss bound of it is waited for.
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"), "rds.measure/orders");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"), "orders");
  for (const model::Step& step : plan.steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(SecretPlanTest, OneWhosePrimaryStaysIsLookedAtAndNotPromoted) {
  for (const Action action : {Action::kFailover, Action::kSwitchover}) {
    const Plan plan = WithSecret(action, kHome, Health::kUp, model::SecretPrimary::kStays);
    const model::Step* ready = plan.Find(StepId("secretsmanager.ready/login"));
    ASSERT_NE(ready, nullptr);
    EXPECT_EQ(ready->region, kRecovery);
    EXPECT_EQ(plan.Find(StepId("secretsmanager.promote/login")), nullptr);
  }
  const Plan again =
      WithSecret(Action::kProtect, kRecovery, Health::kUp, model::SecretPrimary::kStays);
  EXPECT_EQ(again.Find(StepId("secretsmanager.replicate/login"))->region, kRecovery);
}

TEST(SecretPlanTest, TheWayHomeKeepsWhatIsAloneBeforeAReplicaTakesTheName) {
  const Plan plan = WithSecret(Action::kFailback, kRecovery, Health::kUp);
  const std::string name = "/login@";
  const auto step = [&](const char* kind, const char* region) {
    return "secretsmanager." + std::string(kind) + name + region;
  };
  EXPECT_TRUE(WaitsFor(plan, step("replicate", "us-east-1"), step("preserve-old", "us-east-1")));
  EXPECT_TRUE(WaitsFor(plan, "secretsmanager.drain-to/login", step("replicate", "us-east-1")));
  EXPECT_TRUE(WaitsFor(plan, "secretsmanager.drain-to/login", "rds.quiesce/orders"));
  EXPECT_TRUE(WaitsFor(plan, "secretsmanager.promote/login", "secretsmanager.drain-to/login"));
  EXPECT_TRUE(WaitsFor(plan, step("preserve-old", "us-west-2"), "secretsmanager.promote/login"));
  EXPECT_TRUE(WaitsFor(plan, step("replicate", "us-west-2"), step("preserve-old", "us-west-2")));
  EXPECT_TRUE(WaitsFor(plan, step("replicate", "us-west-2"), "app.verify"));
}

TEST(SecretPlanTest, AKeyIsMadeBeforeWhatIsEncryptedUnderItAndNeedsNothingInAFailover) {
  model::Application shop = model::testing::ShopWithSecret();
  shop.components.push_back({model::ComponentName("key"), model::Kms{.key = "alias/shop"}, {}});
  const auto made = [&](Action action, Health home) { return PlanOf(shop, action, kHome, home); };
  const Plan protect = made(Action::kProtect, Health::kUp);
  EXPECT_TRUE(WaitsFor(protect, "secretsmanager.replicate/login", "kms.replicate/key"));
  EXPECT_TRUE(WaitsFor(protect, "rds.replicate/orders", "kms.replicate/key"));
  const Plan failover = made(Action::kFailover, Health::kDown);
  const model::Step* ready = failover.Find(StepId("kms.ready/key"));
  ASSERT_NE(ready, nullptr);
  EXPECT_EQ(ready->on_failure, model::OnFailure::kContinue);
  EXPECT_EQ(ready->title, "nothing to do for key but see that the key in us-west-2 is enabled");
  for (const model::AwsCall& call : ready->calls) {
    EXPECT_EQ(call.operation, "DescribeKey");
    EXPECT_EQ(call.control_plane, kRecovery);
  }
  for (const model::Step& step : failover.steps) {
    EXPECT_EQ(step.component == model::ComponentName("key"), &step == ready) << step.id;
  }
  const Plan move = made(Action::kSwitchover, Health::kUp);
  EXPECT_TRUE(WaitsFor(move, "secretsmanager.promote/login", "kms.replicate/key"));
}

}  // namespace
}  // namespace leeward::plan

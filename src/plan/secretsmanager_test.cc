// Plans for secrets.
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
using model::Plan;
using model::Region;
using model::StepId;

const Region kSecretHome("us-east-1"), kSecretRecovery("us-west-2");

Plan WithSecret(Action action, const Region& active, Health home,
                model::SecretPrimary primary = model::SecretPrimary::kFollows) {
  model::Application shop = model::testing::ShopWithSecret();
  std::get<model::Secret>(shop.components[1].kind).primary = primary;
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'763'887'253'000'000'000)};
  for (const auto& [region, health] :
       {std::pair(kSecretHome, home), std::pair(kSecretRecovery, Health::kUp)}) {
    model::Verdict verdict;
    verdict.region = region;
    verdict.health = health;
    snapshot.verdicts.push_back(verdict);
  }
  for (const char* name : {"orders", "login", "traffic"})
    snapshot.active[model::ComponentName(name)] = active;
  base::Result<Plan> plan = Make(action, shop, {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

bool Follows(const Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const StepId& id) {
    return id.str() == before || Follows(plan, id.str(), before);
  });
}

void ExpectSecretGolden(const std::string& name, const Plan& plan) {
  base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
}

TEST(SecretPlanTest, ReadsAsReviewed) {
  ExpectSecretGolden("secret_protect.txt", WithSecret(Action::kProtect, kSecretHome, Health::kUp));
  ExpectSecretGolden("secret_failover_home_lost.txt",
                     WithSecret(Action::kFailover, kSecretHome, Health::kDown));
  ExpectSecretGolden("secret_switchover.txt",
                     WithSecret(Action::kSwitchover, kSecretHome, Health::kUp));
  ExpectSecretGolden("secret_failback.txt",
                     WithSecret(Action::kFailback, kSecretRecovery, Health::kUp));
}

TEST(SecretPlanTest, IsMadeItsOwnBehindTheGatesAndNeedsNothingOfALostRegion) {
  const Plan plan = WithSecret(Action::kFailover, kSecretHome, Health::kDown);
  const std::string promote = "secretsmanager.promote/login";
  EXPECT_TRUE(Follows(plan, promote, "gate.final-loss"));
  EXPECT_TRUE(Follows(plan, "app.verify", promote));
  // It is no store: no fence and no loss bound of it is waited for.
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"), "rds.measure/orders");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"), "orders");
  for (const model::Step& step : plan.steps) {
    EXPECT_NE(step.region, kSecretHome) << step.id;
    for (const model::AwsCall& call : step.calls)
      EXPECT_NE(call.control_plane, kSecretHome) << step.id;
  }
}

TEST(SecretPlanTest, OneWhosePrimaryStaysIsLookedAtAndNotPromoted) {
  for (const Action action : {Action::kFailover, Action::kSwitchover}) {
    const Plan plan = WithSecret(action, kSecretHome, Health::kUp, model::SecretPrimary::kStays);
    const model::Step* ready = plan.Find(StepId("secretsmanager.ready/login"));
    ASSERT_NE(ready, nullptr);
    EXPECT_EQ(ready->region, kSecretRecovery);
    EXPECT_EQ(plan.Find(StepId("secretsmanager.promote/login")), nullptr);
  }
  const Plan again =
      WithSecret(Action::kProtect, kSecretRecovery, Health::kUp, model::SecretPrimary::kStays);
  EXPECT_EQ(again.Find(StepId("secretsmanager.replicate/login"))->region, kSecretRecovery);
}

TEST(SecretPlanTest, TheWayHomeKeepsWhatIsAloneBeforeAReplicaTakesTheName) {
  const Plan plan = WithSecret(Action::kFailback, kSecretRecovery, Health::kUp);
  const std::string name = "/login@";
  const auto step = [&](const char* kind, const char* region) {
    return "secretsmanager." + std::string(kind) + name + region;
  };
  EXPECT_TRUE(Follows(plan, step("replicate", "us-east-1"), step("preserve-old", "us-east-1")));
  EXPECT_TRUE(Follows(plan, "secretsmanager.drain-to/login", step("replicate", "us-east-1")));
  EXPECT_TRUE(Follows(plan, "secretsmanager.drain-to/login", "rds.quiesce/orders"));
  EXPECT_TRUE(Follows(plan, "secretsmanager.promote/login", "secretsmanager.drain-to/login"));
  EXPECT_TRUE(Follows(plan, step("preserve-old", "us-west-2"), "secretsmanager.promote/login"));
  EXPECT_TRUE(Follows(plan, step("replicate", "us-west-2"), step("preserve-old", "us-west-2")));
  EXPECT_TRUE(Follows(plan, step("replicate", "us-west-2"), "app.verify"));
}

TEST(SecretPlanTest, AKeyIsMadeBeforeWhatIsEncryptedUnderItAndNeedsNothingInAFailover) {
  model::Application shop = model::testing::ShopWithSecret();
  shop.components.push_back({model::ComponentName("key"), model::Kms{.key = "alias/shop"}, {}});
  const auto made = [&](Action action, Health home) {
    model::Snapshot snapshot;
    for (const auto& [region, health] :
         {std::pair(kSecretHome, home), std::pair(kSecretRecovery, Health::kUp)}) {
      model::Verdict verdict;
      verdict.region = region;
      verdict.health = health;
      snapshot.verdicts.push_back(verdict);
    }
    for (const char* name : {"orders", "login", "key", "traffic"})
      snapshot.active[model::ComponentName(name)] = kSecretHome;
    base::Result<Plan> plan = Make(action, shop, {}, snapshot, {});
    CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
    return *std::move(plan);
  };
  const Plan protect = made(Action::kProtect, Health::kUp);
  EXPECT_TRUE(Follows(protect, "secretsmanager.replicate/login", "kms.replicate/key"));
  EXPECT_TRUE(Follows(protect, "rds.replicate/orders", "kms.replicate/key"));
  const Plan failover = made(Action::kFailover, Health::kDown);
  const model::Step* ready = failover.Find(StepId("kms.ready/key"));
  ASSERT_NE(ready, nullptr);
  EXPECT_EQ(ready->on_failure, model::OnFailure::kContinue);
  EXPECT_EQ(ready->title, "nothing to do for key but see that the key in us-west-2 is enabled");
  for (const model::AwsCall& call : ready->calls) {
    EXPECT_EQ(call.operation, "DescribeKey");
    EXPECT_EQ(call.control_plane, kSecretRecovery);
  }
  for (const model::Step& step : failover.steps) {
    EXPECT_EQ(step.component == model::ComponentName("key"), &step == ready) << step.id;
  }
  const Plan move = made(Action::kSwitchover, Health::kUp);
  EXPECT_TRUE(Follows(move, "secretsmanager.promote/login", "kms.replicate/key"));
}

}  // namespace
}  // namespace leeward::plan

#include "steps/secretsmanager.h"

#include <gtest/gtest.h>

#include "steps/testing/fake_secrets.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using testing::FakeSecrets;
using testing::Shop;

constexpr char kHomeName[] = "us-east-1", kRecoveryName[] = "us-west-2";

Limits QuickSecretLimits() {
  Limits limits;
  limits.api_poll_first = milliseconds(2);
  limits.api_poll_most = milliseconds(5);
  return limits;
}

class SecretStepsTest : public ::testing::Test {
 protected:
  SecretStepsTest() : shop_(QuickSecretLimits()), aws_(shop_) {
    shop_.application.components.push_back({model::ComponentName("login"), secret_, {}});
    aws_.Put(kHomeName, "v1");
  }
  model::Secret& spec() {
    return std::get<model::Secret>(shop_.application.components.back().kind);
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region) {
    const std::string id = kind + "/login@" + region.str();
    if (shop_.plan.Find(model::StepId(id)) == nullptr) {
      model::Step& step = shop_.Add(
          id, region, {{"source-region", region == shop_.home ? kRecoveryName : kHomeName}});
      step.component = model::ComponentName("login");
    }
    return shop_.Run(id);
  }
  Result<StepOutcome> Replicate() { return Run("secretsmanager.replicate", shop_.recovery); }
  std::size_t Count(const std::string& operation) const {
    return shop_.aws.Calls("secretsmanager:" + operation).size();
  }
  static void ExpectRefused(const Result<StepOutcome>& outcome, ErrorCode code,
                            const std::string& what) {
    ASSERT_FALSE(outcome.ok()) << outcome->detail;
    EXPECT_EQ(outcome.error().code(), code);
    EXPECT_NE(outcome.error().message().find(what), std::string::npos) << outcome.error().message();
  }
  // No value is in anything that is told or saved.
  void ExpectNoValueTold() const {
    for (const auto& output : shop_.outputs) {
      EXPECT_EQ(output.second.find("value of"), std::string::npos) << output.first;
    }
  }

  model::Secret secret_{.secret = "shop/login"};
  Shop shop_;
  FakeSecrets aws_;
};

TEST_F(SecretStepsTest, AReplicaIsMadeOnceAndWaitedForUntilItHasTheSameLabels) {
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->outputs.at("version"), "v1");
  EXPECT_EQ(aws_.In(kRecoveryName).primary, kHomeName);
  ASSERT_TRUE(Replicate().ok());
  EXPECT_EQ(Count("ReplicateSecretToRegions"), 1u);
  EXPECT_EQ(Count("GetSecretValue"), 0u);
}

TEST_F(SecretStepsTest, ASyncThatIsSaidAndNotSeenIsNone) {
  ASSERT_TRUE(Replicate().ok());
  aws_.In(kRecoveryName).versions.at("v1").stages = {"AWSPENDING"};
  const SecretSeen primary = ReadSecret(*shop_.aws.Call("secretsmanager", "DescribeSecret",
                                                        Value::Struct({{"SecretId", "shop/login"}}),
                                                        {.region = kHomeName}));
  EXPECT_EQ(CompareSecrets(primary, {}, shop_.recovery).state, SecretSync::State::kUnknown);
  const SecretSeen replica = ReadSecret(*shop_.aws.Call("secretsmanager", "DescribeSecret",
                                                        Value::Struct({{"SecretId", "shop/login"}}),
                                                        {.region = kRecoveryName}));
  EXPECT_EQ(CompareSecrets(primary, replica, shop_.recovery).state, SecretSync::State::kDiffers);
  EXPECT_EQ(CompareSecrets(primary, replica, Region("eu-west-1")).state, SecretSync::State::kNone);
}

TEST_F(SecretStepsTest, AFailedReplicationIsToldAndAskedForAgain) {
  aws_.refusal = "no such key";
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "Failed: no such key");
  aws_.refusal.clear();
  ASSERT_TRUE(Replicate().ok());
  EXPECT_EQ(Count("ReplicateSecretToRegions"), 2u);
}

TEST_F(SecretStepsTest, AKeyThatIsNotThereOrCannotBeUsedIsToldBeforeAnythingIsMade) {
  spec().kms_key = "alias/shop";
  aws_.keys[{kHomeName, "alias/shop"}] = "Enabled";
  ExpectRefused(Replicate(), ErrorCode::kNotFound,
                "there is no KMS key 'alias/shop' in us-west-2, and keys and aliases are of one "
                "Region");
  aws_.keys[{kRecoveryName, "alias/shop"}] = "Disabled";
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "'alias/shop' in us-west-2 is Disabled");
  EXPECT_EQ(Count("ReplicateSecretToRegions"), 0u);
  aws_.keys[{kRecoveryName, "alias/shop"}] = "Enabled";
  ASSERT_TRUE(Replicate().ok());
  EXPECT_EQ(aws_.In(kRecoveryName).key, "alias/shop");
}

TEST_F(SecretStepsTest, WhatHasTheNameAndAnotherContentIsNotReplaced) {
  aws_.Put(kRecoveryName, "stranger");
  ExpectRefused(Replicate(), ErrorCode::kWrongState,
                "has versions that us-east-1 has not (stranger)");
  EXPECT_EQ(Count("ReplicateSecretToRegions"), 0u);
  EXPECT_TRUE(aws_.In(kRecoveryName).versions.contains("stranger"));
}

TEST_F(SecretStepsTest, AFailoverNeedsNothingOfTheLostRegion) {
  ASSERT_TRUE(Replicate().ok());
  aws_.dark.insert(kHomeName);
  const auto promoted = Run("secretsmanager.promote", shop_.recovery);
  ASSERT_TRUE(promoted.ok()) << promoted.error().message();
  EXPECT_EQ(promoted->outputs.at("version"), "v1");
  EXPECT_EQ(aws_.In(kRecoveryName).primary, "");
  ASSERT_TRUE(Run("secretsmanager.promote", shop_.recovery).ok());
  EXPECT_EQ(Count("StopReplicationToReplica"), 1u);
}

TEST_F(SecretStepsTest, TheWayHomeKeepsWhatEachRegionChanged) {
  ASSERT_TRUE(Replicate().ok());
  aws_.Put(kHomeName, "v2-never-sent");
  ASSERT_TRUE(Run("secretsmanager.promote", shop_.recovery).ok());
  aws_.Put(kRecoveryName, "v3-of-recovery");

  ExpectRefused(Run("secretsmanager.replicate", shop_.home), ErrorCode::kWrongState,
                "v2-never-sent");
  const auto kept = Run("secretsmanager.preserve-old", shop_.home);
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  const std::string aside = "shop/login/leeward-aside/v2-never-sent";
  EXPECT_EQ(kept->outputs.at("kept"), aside);
  ASSERT_TRUE(aws_.Has(kHomeName, aside));
  EXPECT_EQ(aws_.secrets.at({kHomeName, aside}).versions.at("v2-never-sent").value,
            "value of v2-never-sent");
  ASSERT_TRUE(Run("secretsmanager.preserve-old", shop_.home).ok());
  EXPECT_EQ(Count("CreateSecret"), 1u);

  const auto home = Run("secretsmanager.replicate", shop_.home);
  ASSERT_TRUE(home.ok()) << home.error().message();
  EXPECT_EQ(aws_.In(kHomeName).primary, kRecoveryName);
  ASSERT_TRUE(Run("secretsmanager.drain-to", shop_.home).ok());
  ASSERT_TRUE(Run("secretsmanager.promote", shop_.home).ok());
  EXPECT_TRUE(aws_.In(kHomeName).versions.at("v3-of-recovery").stages.contains("AWSCURRENT"));
  ASSERT_TRUE(Run("secretsmanager.preserve-old", shop_.recovery).ok());
  const auto again = Run("secretsmanager.replicate", shop_.recovery);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(aws_.In(kRecoveryName).primary, kHomeName);
  ExpectNoValueTold();
}

TEST_F(SecretStepsTest, ASecretThatIsToBeDeletedOrIsAReplicaIsNoSource) {
  aws_.In(kHomeName).deleted = true;
  ExpectRefused(Run("secretsmanager.check-source", shop_.home), ErrorCode::kWrongState,
                "is to be deleted");
  aws_.In(kHomeName).deleted = false;
  ASSERT_TRUE(Run("secretsmanager.check-source", shop_.home).ok());
  ASSERT_TRUE(Replicate().ok());
  ExpectRefused(Run("secretsmanager.check-source", shop_.recovery), ErrorCode::kWrongState,
                "is itself the replica of us-east-1's");
  ASSERT_TRUE(Run("secretsmanager.ready", shop_.recovery).ok());
}

}  // namespace
}  // namespace leeward::steps

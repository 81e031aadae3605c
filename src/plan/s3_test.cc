// Plans for buckets.
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

Plan WithBuckets(Action action, const Region& active, Health home, std::string batch_role = "") {
  model::Application shop = model::testing::ShopWithBuckets();
  for (model::Component& component : shop.components) {
    if (auto* s3 = std::get_if<model::S3>(&component.kind)) s3->batch_role = batch_role;
  }
  return PlanOf(shop, action, active, home);
}

TEST(S3PlanTest, ReadsAsReviewed) {
  ExpectPlan("buckets_protect.txt", WithBuckets(Action::kProtect, kHome, Health::kUp));
  ExpectPlan("buckets_failover_home_lost.txt",
             WithBuckets(Action::kFailover, kHome, Health::kDown));
  ExpectPlan("buckets_failover_home_answers.txt",
             WithBuckets(Action::kFailover, kHome, Health::kUp));
  ExpectPlan("buckets_switchover.txt", WithBuckets(Action::kSwitchover, kHome, Health::kUp));
  ExpectPlan("buckets_failback.txt", WithBuckets(Action::kFailback, kRecovery, Health::kUp));
}

TEST(S3PlanTest, AFailoverSetsNothingOfABucketAndNeedsNothingOfALostRegion) {
  const Plan plan = WithBuckets(Action::kFailover, kHome, Health::kDown);
  EXPECT_TRUE(WaitsFor(plan, "s3.ready/pictures", "gate.final-loss"));
  EXPECT_TRUE(WaitsFor(plan, "gate.loss", "s3.measure/pictures"));
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"), "orders,pictures");
  EXPECT_EQ(plan.Find(StepId("s3.drain/pictures")), nullptr);
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls) {
      EXPECT_NE(call.control_plane, kHome) << step.id;
      EXPECT_FALSE(call.operation.starts_with("PutBucket")) << step.id;
    }
  }
}

TEST(S3PlanTest, WhatIsUnderWayIsWaitedForBehindTheFenceWhereTheOldRegionAnswers) {
  const Plan plan = WithBuckets(Action::kFailover, kHome, Health::kUp);
  EXPECT_TRUE(WaitsFor(plan, "s3.drain/pictures", "gate.fence-proof"));
  EXPECT_TRUE(WaitsFor(plan, "gate.final-loss", "s3.drain/pictures"));
  EXPECT_TRUE(WaitsFor(plan, "s3.ready/pictures", "s3.drain/pictures"));
}

TEST(S3PlanTest, RulesAreSetThroughUsEast1WhereverTheBucketIs) {
  const Plan plan = WithBuckets(Action::kProtect, kHome, Health::kUp);
  int set = 0;
  for (const model::AwsCall& call : plan.Find(StepId("s3.replicate/pictures"))->calls) {
    if (!call.operation.starts_with("PutBucket")) continue;
    EXPECT_EQ(call.control_plane, kHome) << call.operation;
    ++set;
  }
  EXPECT_EQ(set, 4);
}

TEST(S3PlanTest, TheWayHomeIsProvenBeforeTheWritersEnd) {
  const Plan plan = WithBuckets(Action::kFailback, kRecovery, Health::kUp);
  EXPECT_TRUE(WaitsFor(plan, "s3.converge/pictures", "s3.replicate/pictures"));
  EXPECT_TRUE(WaitsFor(plan, "s3.gap/pictures", "s3.converge/pictures"));
  EXPECT_TRUE(WaitsFor(plan, "s3.quiesce/pictures", "s3.gap/pictures"));
  EXPECT_TRUE(WaitsFor(plan, "s3.drain-to/pictures", "s3.quiesce/pictures"));
  EXPECT_TRUE(WaitsFor(plan, "s3.ready/pictures", "s3.drain-to/pictures"));
}

TEST(S3PlanTest, WhatHadNoRuleIsCopiedWhereARoleIsGivenForIt) {
  const auto told = [](Action action, const Region& active) {
    std::string ids;
    for (const model::Step& step :
         WithBuckets(action, active, Health::kUp, "arn:aws:iam::123456789012:role/batch").steps) {
      if (step.kind.str() == "s3.backfill") ids += step.id.str() + " ";
    }
    return ids;
  };
  EXPECT_EQ(told(Action::kProtect, kHome), "s3.backfill/pictures ");
  EXPECT_EQ(told(Action::kSwitchover, kHome), "");
  EXPECT_EQ(told(Action::kFailback, kRecovery),
            "s3.backfill/pictures@us-east-1 s3.backfill/pictures@us-west-2 ");
  const Plan home = WithBuckets(Action::kFailback, kRecovery, Health::kUp,
                                "arn:aws:iam::123456789012:role/batch");
  EXPECT_TRUE(WaitsFor(home, "s3.backfill/pictures@us-east-1", "s3.replicate/pictures"));
  EXPECT_TRUE(WaitsFor(home, "s3.converge/pictures", "s3.backfill/pictures@us-east-1"));
  EXPECT_TRUE(WaitsFor(home, "s3.gap/pictures", "s3.backfill/pictures@us-west-2"));
  const Plan without = WithBuckets(Action::kProtect, kHome, Health::kUp);
  EXPECT_EQ(without.Find(StepId("s3.backfill/pictures")), nullptr);
}

}  // namespace
}  // namespace leeward::plan

// Plans for buckets.
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

const Region kBucketHome("us-east-1"), kBucketRecovery("us-west-2");

Plan WithBuckets(Action action, const Region& active, Health home, std::string batch_role = "") {
  model::Application shop = model::testing::ShopWithBuckets();
  for (model::Component& component : shop.components) {
    if (auto* s3 = std::get_if<model::S3>(&component.kind)) s3->batch_role = batch_role;
  }
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'763'887'253'000'000'000)};
  for (const auto& [region, health] :
       {std::pair(kBucketHome, home), std::pair(kBucketRecovery, Health::kUp)}) {
    model::Verdict verdict;
    verdict.region = region;
    verdict.health = health;
    snapshot.verdicts.push_back(verdict);
  }
  for (const char* name : {"orders", "pictures", "traffic"})
    snapshot.active[model::ComponentName(name)] = active;
  base::Result<Plan> plan = Make(action, shop, {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

bool StandsBehind(const Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const StepId& id) {
    return id.str() == before || StandsBehind(plan, id.str(), before);
  });
}

TEST(S3PlanTest, ReadsAsReviewed) {
  const auto expect = [](const std::string& name, const Plan& plan) {
    base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
  };
  expect("buckets_protect.txt", WithBuckets(Action::kProtect, kBucketHome, Health::kUp));
  expect("buckets_failover_home_lost.txt",
         WithBuckets(Action::kFailover, kBucketHome, Health::kDown));
  expect("buckets_failover_home_answers.txt",
         WithBuckets(Action::kFailover, kBucketHome, Health::kUp));
  expect("buckets_switchover.txt", WithBuckets(Action::kSwitchover, kBucketHome, Health::kUp));
  expect("buckets_failback.txt", WithBuckets(Action::kFailback, kBucketRecovery, Health::kUp));
}

TEST(S3PlanTest, AFailoverSetsNothingOfABucketAndNeedsNothingOfALostRegion) {
  const Plan plan = WithBuckets(Action::kFailover, kBucketHome, Health::kDown);
  EXPECT_TRUE(StandsBehind(plan, "s3.ready/pictures", "gate.final-loss"));
  EXPECT_TRUE(StandsBehind(plan, "gate.loss", "s3.measure/pictures"));
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"), "orders,pictures");
  EXPECT_EQ(plan.Find(StepId("s3.drain/pictures")), nullptr);
  for (const model::Step& step : plan.steps) {
    for (const model::AwsCall& call : step.calls) {
      EXPECT_NE(call.control_plane, kBucketHome) << step.id;
      EXPECT_FALSE(call.operation.starts_with("PutBucket")) << step.id;
    }
  }
}

TEST(S3PlanTest, WhatIsUnderWayIsWaitedForBehindTheFenceWhereTheOldRegionAnswers) {
  const Plan plan = WithBuckets(Action::kFailover, kBucketHome, Health::kUp);
  EXPECT_TRUE(StandsBehind(plan, "s3.drain/pictures", "gate.fence-proof"));
  EXPECT_TRUE(StandsBehind(plan, "gate.final-loss", "s3.drain/pictures"));
  EXPECT_TRUE(StandsBehind(plan, "s3.ready/pictures", "s3.drain/pictures"));
}

TEST(S3PlanTest, RulesAreSetThroughUsEast1WhereverTheBucketIs) {
  const Plan plan = WithBuckets(Action::kProtect, kBucketHome, Health::kUp);
  int set = 0;
  for (const model::AwsCall& call : plan.Find(StepId("s3.replicate/pictures"))->calls) {
    if (!call.operation.starts_with("PutBucket")) continue;
    EXPECT_EQ(call.control_plane, Region("us-east-1")) << call.operation;
    ++set;
  }
  EXPECT_EQ(set, 4);
}

TEST(S3PlanTest, TheWayHomeIsProvenBeforeTheWritersEnd) {
  const Plan plan = WithBuckets(Action::kFailback, kBucketRecovery, Health::kUp);
  EXPECT_TRUE(StandsBehind(plan, "s3.converge/pictures", "s3.replicate/pictures"));
  EXPECT_TRUE(StandsBehind(plan, "s3.gap/pictures", "s3.converge/pictures"));
  EXPECT_TRUE(StandsBehind(plan, "s3.quiesce/pictures", "s3.gap/pictures"));
  EXPECT_TRUE(StandsBehind(plan, "s3.drain-to/pictures", "s3.quiesce/pictures"));
  EXPECT_TRUE(StandsBehind(plan, "s3.ready/pictures", "s3.drain-to/pictures"));
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
  EXPECT_EQ(told(Action::kProtect, kBucketHome), "s3.backfill/pictures ");
  EXPECT_EQ(told(Action::kSwitchover, kBucketHome), "");
  EXPECT_EQ(told(Action::kFailback, kBucketRecovery),
            "s3.backfill/pictures@us-east-1 s3.backfill/pictures@us-west-2 ");
  const Plan home = WithBuckets(Action::kFailback, kBucketRecovery, Health::kUp,
                                "arn:aws:iam::123456789012:role/batch");
  EXPECT_TRUE(StandsBehind(home, "s3.backfill/pictures@us-east-1", "s3.replicate/pictures"));
  EXPECT_TRUE(StandsBehind(home, "s3.converge/pictures", "s3.backfill/pictures@us-east-1"));
  EXPECT_TRUE(StandsBehind(home, "s3.gap/pictures", "s3.backfill/pictures@us-west-2"));
  const Plan without = WithBuckets(Action::kProtect, kBucketHome, Health::kUp);
  EXPECT_EQ(without.Find(StepId("s3.backfill/pictures")), nullptr);
}

}  // namespace
}  // namespace leeward::plan

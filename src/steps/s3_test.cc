#include "steps/s3.h"

#include <gtest/gtest.h>

#include "steps/testing/fake_s3.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::FakeS3;
using testing::SeenCall;
using testing::Shop;

constexpr auto& kEast = FakeS3::kHome;
constexpr auto& kWest = FakeS3::kRecovery;
constexpr char kRule[] = "leeward-shop-pictures";
constexpr char kCanaryOfEast[] = ".leeward/canary/us-east-1";

Limits QuickBucketLimits() {
  Limits limits;
  limits.api_poll_first = limits.api_poll_most = std::chrono::milliseconds(1);
  limits.http_poll = std::chrono::milliseconds(1);
  return limits;
}

class S3StepsTest : public ::testing::Test {
 protected:
  S3StepsTest() : shop_(QuickBucketLimits()), aws_(shop_) {
    model::S3 s3{.home_bucket = FakeS3::kHomeBucket,
                 .recovery_bucket = FakeS3::kRecoveryBucket,
                 .role = "arn:aws:iam::123456789012:role/copier"};
    shop_.application.components.push_back({model::ComponentName("pictures"), s3, {}});
    shop_.patience = std::chrono::seconds(5);
  }
  model::S3& spec() { return std::get<model::S3>(shop_.application.components.back().kind); }
  Result<StepOutcome> Run(const std::string& kind, const Region& region) {
    const std::string id = kind + "/pictures";
    if (shop_.plan.Find(model::StepId(id)) == nullptr) {
      const std::string other = region == shop_.home ? kWest : kEast;
      shop_.Add(id, region, {{"source-region", other}, {"writer-region", other}}).component =
          model::ComponentName("pictures");
    }
    return shop_.Run(id);
  }
  Result<StepOutcome> Replicate() { return Run("s3.replicate", shop_.recovery); }
  std::size_t Count(const std::string& operation) const {
    return shop_.aws.Calls(operation).size();
  }
  static void ExpectRefused(const Result<StepOutcome>& outcome, ErrorCode code,
                            const std::string& what) {
    ASSERT_FALSE(outcome.ok()) << outcome->detail;
    EXPECT_EQ(outcome.error().code(), code);
    EXPECT_NE(outcome.error().message().find(what), std::string::npos) << outcome.error().message();
  }
  static Value Foreign(const std::string& id, const std::string& to, const std::string& prefix,
                       int priority) {
    return Value::Struct({{"ID", id},
                          {"Priority", priority},
                          {"Filter", Value::Struct({{"Prefix", prefix}})},
                          {"Status", "Enabled"},
                          {"Destination", Value::Struct({{"Bucket", "arn:aws:s3:::" + to}})},
                          {"DeleteMarkerReplication", Value::Struct({{"Status", "Disabled"}})}});
  }
  void PutForeign(Value rule, const std::string& role = "arn:aws:iam::123456789012:role/copier") {
    aws_.In(kEast).replication =
        Value::Struct({{"Role", role}, {"Rules", Value::List{std::move(rule)}}});
  }

  Shop shop_;
  FakeS3 aws_;
};

TEST_F(S3StepsTest, RulesArePutBothWaysAndACanaryGoesTheWay) {
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->outputs.at("not_copied"), "0");
  for (const char* region : {kEast, kWest}) {
    EXPECT_EQ(aws_.In(region).versioning, "Enabled");
    ASSERT_EQ(aws_.RulesIn(region), std::vector<std::string>{kRule});
    const Value& rule = aws_.In(region).replication.Items("Rules").front();
    EXPECT_EQ(rule.Sub("Destination").String("Bucket"), region == std::string(kEast)
                                                            ? "arn:aws:s3:::pictures-west"
                                                            : "arn:aws:s3:::pictures-east");
    EXPECT_EQ(rule.Sub("DeleteMarkerReplication").String("Status"), "Enabled");
    EXPECT_EQ(rule.Sub("SourceSelectionCriteria").Sub("ReplicaModifications").String("Status"),
              "Enabled");
    EXPECT_EQ(rule.Sub("Destination").Sub("ReplicationTime").Sub("Time").Int("Minutes"), 15);
    EXPECT_EQ(rule.Sub("Destination").Sub("Metrics").String("Status"), "Enabled");
  }
  EXPECT_TRUE(aws_.Has(kWest, kCanaryOfEast));
  ASSERT_TRUE(Replicate().ok());
  EXPECT_EQ(Count("s3:PutBucketReplication"), 2u);
  EXPECT_EQ(Count("s3:PutBucketVersioning"), 2u);
}

TEST_F(S3StepsTest, WithoutTimeControlTheMetricsAreLeft) {
  ASSERT_TRUE(Replicate().ok());
  spec().time_control = model::TimeControl::kOff;
  ASSERT_TRUE(Replicate().ok());
  EXPECT_EQ(Count("s3:PutBucketReplication"), 4u);
  const Value& to = aws_.In(kEast).replication.Items("Rules").front().Sub("Destination");
  EXPECT_FALSE(to.Has("ReplicationTime"));
  EXPECT_EQ(to.Sub("Metrics").String("Status"), "Enabled");
  EXPECT_FALSE(to.Sub("Metrics").Has("EventThreshold"));
}

TEST_F(S3StepsTest, RulesOfOthersStayAsTheyAre) {
  const Value logs = Foreign("logs", "archive", "", 7);
  PutForeign(logs);
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << made.error().message();
  const Value::List& rules = aws_.In(kEast).replication.Items("Rules");
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0], logs);
  EXPECT_EQ(rules[1].Int("Priority"), 8);
  EXPECT_EQ(aws_.RulesIn(kWest), std::vector<std::string>{kRule});
}

TEST_F(S3StepsTest, WhatPeopleAddedToTheRuleStays) {
  ASSERT_TRUE(Replicate().ok());
  Value& rules = *aws_.In(kEast).replication.Find("Rules");
  Value& rule = rules.list().front();
  rule.Find("Destination")->Set("StorageClass", "STANDARD_IA");
  rule.Set("Status", "Disabled");
  ASSERT_TRUE(Replicate().ok());
  const Value& now = aws_.In(kEast).replication.Items("Rules").front();
  EXPECT_EQ(now.String("Status"), "Enabled");
  EXPECT_EQ(now.Sub("Destination").String("StorageClass"), "STANDARD_IA");
}

TEST_F(S3StepsTest, ARuleInTheWayIsRefusedByItsNameAndNothingIsChanged) {
  PutForeign(Foreign("everything", FakeS3::kRecoveryBucket, "", 1));
  ExpectRefused(Replicate(), ErrorCode::kWrongState,
                "replication rule 'everything' of bucket "
                "pictures-east");
  PutForeign(Foreign(kRule, "elsewhere", "", 1));
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "copies to arn:aws:s3:::elsewhere");
  PutForeign(Foreign("logs", "archive", "", 1), "arn:aws:iam::123456789012:role/other");
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "role/other");
  Value old = Foreign("old", "archive", "", 1);
  old.Erase("Filter");
  PutForeign(old);
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "rules of one form only");
  EXPECT_EQ(Count("s3:PutBucketReplication"), 0u);
  EXPECT_EQ(Count("s3:PutBucketVersioning"), 0u);
}

TEST_F(S3StepsTest, ABucketOfAnotherRegionIsToldOf) {
  aws_.In(kWest).region = "eu-west-1";
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "'pictures-west' is not in us-west-2");
  spec().recovery_bucket = "nowhere";
  ExpectRefused(Replicate(), ErrorCode::kNotFound, "`recovery-bucket`");
}

TEST_F(S3StepsTest, WhatWasThereBeforeTheRuleIsCountedAndNamed) {
  for (const char* key : {"a.png", "b.png", "c.png", "d.png"}) aws_.Write(kEast, key);
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->outputs.at("not_copied"), "4");
  EXPECT_NE(made->detail.find("a.png (no rule)"), std::string::npos) << made->detail;
  EXPECT_NE(made->detail.find("Batch Replication"), std::string::npos) << made->detail;
}

TEST_F(S3StepsTest, NoCanaryAndNoDatapointIsUnknown) {
  const auto measured = Run("s3.measure", shop_.recovery);
  ASSERT_TRUE(measured.ok()) << measured.error().message();
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
  EXPECT_EQ(measured->detail.find("unknown: no canary of us-east-1"), 0u) << measured->detail;
}

TEST_F(S3StepsTest, TheLossIsBoundedByTheCanaryAndByWhatCloudWatchKnowsToBeUnderWay) {
  ASSERT_TRUE(Replicate().ok());
  const auto by_canary = Run("s3.measure", shop_.recovery);
  ASSERT_TRUE(by_canary.ok()) << by_canary.error().message();
  EXPECT_EQ(by_canary->outputs.at("source"), "newest canary");
  EXPECT_LT(std::stoll(by_canary->outputs.at("bound_ns")), 60'000'000'000);

  aws_.metrics[kWest] = {shop_.clock.Now() - base::Duration(std::chrono::minutes(2)), 300, 12};
  const auto by_metric = Run("s3.measure", shop_.recovery);
  ASSERT_TRUE(by_metric.ok()) << by_metric.error().message();
  EXPECT_EQ(by_metric->outputs.at("source"), "CloudWatch");
  EXPECT_EQ(by_metric->outputs.at("pending_operations"), "12");
  EXPECT_GE(std::stoll(by_metric->outputs.at("bound_ns")), 420'000'000'000);

  // Nothing under way: the canary is newer than the minute of which CloudWatch tells.
  aws_.metrics[kWest].operations = 0;
  EXPECT_EQ(Run("s3.measure", shop_.recovery)->outputs.at("source"), "newest canary");
}

TEST_F(S3StepsTest, AFailoverNeedsNothingOfTheLostRegion) {
  ASSERT_TRUE(Replicate().ok());
  aws_.dark.insert(kEast);
  shop_.aws.ForgetCalls();
  ASSERT_TRUE(Run("s3.measure", shop_.recovery).ok());
  const auto ready = Run("s3.ready", shop_.recovery);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_TRUE(ready->outputs.contains("parted"));
  for (const SeenCall& call : shop_.aws.Calls()) EXPECT_EQ(call.options.region, kWest);
  EXPECT_TRUE(aws_.Has(kWest, ".leeward/probe/us-west-2"));
}

TEST_F(S3StepsTest, WhatIsUnderWayIsWaitedForOnlyWhereTheOldRegionLives) {
  ASSERT_TRUE(Replicate().ok());
  const auto came = Run("s3.drain", shop_.recovery);
  ASSERT_TRUE(came.ok()) << came.error().message();
  EXPECT_NE(came->detail.find("came over"), std::string::npos) << came->detail;
  EXPECT_TRUE(came->outputs.contains("bound_ns"));
  aws_.dark.insert(kEast);
  const auto dark = Run("s3.drain", shop_.recovery);
  ASSERT_TRUE(dark.ok()) << dark.error().message();
  EXPECT_NE(dark->detail.find("takes no canary"), std::string::npos) << dark->detail;
  EXPECT_TRUE(dark->outputs.contains("bound_ns"));
}

class S3BackfillTest : public S3StepsTest {
 protected:
  S3BackfillTest() {
    spec().batch_role = "arn:aws:iam::123456789012:role/batch";
    aws_.Write(kEast, "old.png");
    CHECK(Replicate().ok());
    shop_.Add("s3.backfill/pictures", shop_.recovery, {{"batch-role", spec().batch_role}})
        .component = model::ComponentName("pictures");
    shop_.execution = model::ExecutionId("e1");
  }
  Result<StepOutcome> Backfill() { return shop_.Run("s3.backfill/pictures"); }
};

TEST_F(S3BackfillTest, WhatWasThereBeforeTheRuleIsCopiedByOneJob) {
  const auto done = Backfill();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_TRUE(aws_.Has(kWest, "old.png"));
  EXPECT_EQ(done->outputs.at("not_copied"), "0");
  EXPECT_NE(done->detail.find("copied 1 of 1 objects"), std::string::npos) << done->detail;
  const SeenCall made = shop_.aws.Calls("s3control:CreateJob").front();
  EXPECT_EQ(made.options.region, kEast);
  EXPECT_EQ(made.input.String("AccountId"), "123456789012");
  EXPECT_EQ(made.input.String("ClientRequestToken").size(), 64u);
  EXPECT_FALSE(made.input.Flag("ConfirmationRequired", true));
  const auto again = Backfill();
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_NE(again->detail.find("no job"), std::string::npos) << again->detail;
  EXPECT_EQ(Count("s3control:CreateJob"), 1u);
}

TEST_F(S3BackfillTest, ATokenIsOfOneStepOfOneExecution) {
  aws_.jobs_hang = true;
  shop_.patience = std::chrono::milliseconds(200);
  const auto token = [&](const char* execution) {
    shop_.execution = model::ExecutionId(execution);
    EXPECT_TRUE(Backfill().ok());
    return std::string(
        shop_.aws.Calls("s3control:CreateJob").back().input.String("ClientRequestToken"));
  };
  const std::string first = token("e1");
  EXPECT_EQ(token("e1"), first);
  EXPECT_NE(token("e2"), first);
}

TEST_F(S3BackfillTest, AJobThatTakesLongerIsToldOfAndGoesOn) {
  aws_.jobs_hang = true;
  shop_.patience = std::chrono::milliseconds(200);
  const auto done = Backfill();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_NE(done->detail.find("goes on by itself"), std::string::npos) << done->detail;
  EXPECT_NE(done->detail.find("old.png (no rule)"), std::string::npos) << done->detail;
}

TEST_F(S3BackfillTest, AJobThatFailsLeavesItsReasonAndTheNames) {
  aws_.job_fails = "the role cannot be assumed";
  ExpectRefused(Backfill(), ErrorCode::kWrongState, "the role cannot be assumed");
  ExpectRefused(Backfill(), ErrorCode::kWrongState, "old.png (no rule)");
}

TEST_F(S3BackfillTest, WhatFailsAgainIsNamed) {
  aws_.refused.insert("old.png");
  const auto done = Backfill();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_NE(done->detail.find("0 of 1 objects, 1 failed"), std::string::npos) << done->detail;
  EXPECT_NE(done->detail.find("old.png (FAILED)"), std::string::npos) << done->detail;
}

class S3MoveTest : public S3StepsTest {
 protected:
  // The writers ended just now.
  Result<StepOutcome> DrainTo() {
    if (shop_.plan.Find(model::StepId("s3.quiesce/pictures")) == nullptr)
      shop_.Add("s3.quiesce/pictures", shop_.home).component = model::ComponentName("pictures");
    shop_.outputs["s3.quiesce/pictures.final_ns"] =
        std::to_string(shop_.clock.Now().since_epoch.count());
    return Run("s3.drain-to", shop_.recovery);
  }
};

TEST_F(S3MoveTest, APlannedMoveWaitsForTheLastObject) {
  ASSERT_TRUE(Replicate().ok());
  aws_.looks = 30;
  for (const char* key : {"a.png", "b.png", "c.png", "d.png"}) aws_.Write(kEast, key);
  const auto drained = DrainTo();
  ASSERT_TRUE(drained.ok()) << drained.error().message();
  for (const char* key : {"a.png", "b.png", "c.png", "d.png"}) EXPECT_TRUE(aws_.Has(kWest, key));
}

TEST_F(S3MoveTest, WhatIsCopiedIsNotAskedForAgain) {
  ASSERT_TRUE(Replicate().ok());
  for (const char* key : {"a.png", "b.png"}) aws_.Write(kEast, key);
  const int soon = std::exchange(aws_.looks, 60);
  aws_.Write(kEast, "late.png");
  aws_.looks = soon;  // the canary is not held up
  ASSERT_TRUE(DrainTo().ok());
  std::map<std::string, int> asked;
  for (const SeenCall& call : shop_.aws.Calls("s3:HeadObject"))
    ++asked[std::string(call.input.String("Key"))];
  EXPECT_LE(asked["a.png"], 3);
  EXPECT_LE(asked["b.png"], 3);
  EXPECT_GT(asked["late.png"], 3);
}

TEST_F(S3MoveTest, APlannedMoveStopsAtWhatS3GaveUp) {
  ASSERT_TRUE(Replicate().ok());
  aws_.refused.insert("bad.png");
  aws_.Write(kEast, "bad.png");
  ExpectRefused(DrainTo(), ErrorCode::kWrongState, "bad.png (FAILED)");
}

TEST_F(S3StepsTest, NobodyIsEndedForAMoveThatCannotCome) {
  aws_.Write(kEast, "old.png");
  ASSERT_TRUE(Replicate().ok());
  ExpectRefused(Run("s3.quiesce", shop_.home), ErrorCode::kWrongState, "old.png (no rule)");
  EXPECT_EQ(Count("ecs:UpdateService"), 0u);
}

TEST_F(S3StepsTest, TheWayHomeWaitsForWhatItsCanaryHasOvertaken) {
  ASSERT_TRUE(Replicate().ok());
  aws_.looks = 40;
  aws_.Write(kWest, "large.png");
  aws_.looks = 2;
  const auto home = Run("s3.converge", shop_.home);
  ASSERT_TRUE(home.ok()) << home.error().message();
  EXPECT_TRUE(aws_.Has(kEast, "large.png"));
}

TEST_F(S3StepsTest, TheWayHomeIsProvenBothWaysAndTheGapIsNamed) {
  ASSERT_TRUE(Replicate().ok());
  ASSERT_TRUE(Run("s3.ready", shop_.recovery).ok());
  aws_.Write(kWest, "new.png");
  aws_.refused.insert("stuck.png");
  aws_.Write(kEast, "stuck.png");
  const auto home = Run("s3.converge", shop_.home);
  ASSERT_TRUE(home.ok()) << home.error().message();
  EXPECT_FALSE(home->outputs.at("last_ns").empty());
  const auto gap = Run("s3.gap", shop_.home);
  ASSERT_TRUE(gap.ok()) << gap.error().message();
  EXPECT_TRUE(aws_.Has(kEast, "new.png"));
  EXPECT_EQ(gap->outputs.at("not_copied_of_us-east-1"), "1");
  EXPECT_EQ(gap->outputs.at("not_copied_of_us-west-2"), "0");
  EXPECT_NE(gap->detail.find("stuck.png (FAILED)"), std::string::npos) << gap->detail;
}

}  // namespace
}  // namespace leeward::steps

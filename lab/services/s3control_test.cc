#include "lab/services/s3control.h"

#include <gmock/gmock.h>

#include "lab/services/s3_test_world.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

constexpr std::string_view kFrom = "us-east-1";
constexpr std::string_view kTo = "us-west-2";

Value Switch(std::string_view status) { return Value::Struct({{"Status", status}}); }

Value Statuses(std::initializer_list<const char*> statuses) {
  Value::List list;
  for (const char* status : statuses) list.emplace_back(status);
  return Value(std::move(list));
}

// A job as Leeward asks for one.
Value JobOf(std::string_view bucket, std::string_view token, Value statuses) {
  Value filter = Value::Struct({{"EligibleForReplication", true}});
  filter.Set("ObjectReplicationStatuses", std::move(statuses));
  const Value generator = Value::Struct({{"SourceBucket", "arn:aws:s3:::" + std::string(bucket)},
                                         {"EnableManifestOutput", false},
                                         {"Filter", filter}});
  return Value::Struct(
      {{"Operation", Value::Struct({{"S3ReplicateObject", Value::Struct()}})},
       {"Report", Value::Struct({{"Enabled", false}})},
       {"ClientRequestToken", token},
       {"Priority", 1},
       {"ConfirmationRequired", false},
       {"RoleArn", "arn:aws:iam::123456789012:role/copy"},
       {"ManifestGenerator", Value::Struct({{"S3JobManifestGenerator", generator}})}});
}

class S3ControlTest : public ::testing::Test {
 protected:
  S3ControlTest() {
    Connect();
    Make(home_, "orders", kFrom);
    Make(away_, "orders-b", kTo);
  }
  void Connect() { FakeHost::Connect({&home_.host(), &away_.host()}); }
  static void Make(Side& side, std::string_view bucket, std::string_view region) {
    Value input = Of(bucket);
    if (region != kFrom)
      input.Set("CreateBucketConfiguration", Value::Struct({{"LocationConstraint", region}}));
    side.Get("CreateBucket", input);
    side.Get("PutBucketVersioning", Of(bucket).Set("VersioningConfiguration", Switch("Enabled")));
  }
  void Replicate(std::string_view markers = "Disabled") {
    Value rule = Value::Struct({{"ID", "all"}, {"Priority", 1}, {"Status", "Enabled"}});
    rule.Set("Filter", Value::Struct({{"Prefix", "in/"}}));
    rule.Set("DeleteMarkerReplication", Switch(markers));
    rule.Set("Destination", Value::Struct({{"Bucket", "arn:aws:s3:::orders-b"}}));
    const Value configuration = Value::Struct(
        {{"Role", "arn:aws:iam::123456789012:role/copy"}, {"Rules", Value(Value::List{rule})}});
    home_.Get("PutBucketReplication", Of("orders").Set("ReplicationConfiguration", configuration));
  }
  std::string Put(std::string_view key, std::string_view bytes = "x") {
    return std::string(
        home_.Get("PutObject", Of("orders", key).Set("Body", Bytes(bytes))).String("VersionId"));
  }
  std::string StatusOf(std::string_view key, std::string_view id) {
    return std::string(home_.Get("HeadObject", Of("orders", key).Set("VersionId", id))
                           .String("ReplicationStatus"));
  }
  std::vector<std::string> Away(const char* list = "Versions") {
    std::vector<std::string> ids;
    const Value versions = away_.Get("ListObjectVersions", Of("orders-b"));
    for (const Value& each : versions.Items(list)) ids.emplace_back(each.String("VersionId"));
    return ids;
  }
  Value Control(std::string_view operation, const Value& input) {
    const Answer answer = home_.AskControl(operation, input);
    const auto* error = std::get_if<ApiError>(&answer);
    EXPECT_EQ(error, nullptr) << operation << ": " << error->code << ": " << error->message;
    return error == nullptr ? std::get<Value>(answer) : Value::Struct();
  }
  std::string Refused(std::string_view operation, const Value& input) {
    const Answer answer = home_.AskControl(operation, input);
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "answered" : error->code;
  }
  std::string Start(const Value& job) {
    return std::string(Control("CreateJob", job).String("JobId"));
  }
  Value Told(std::string_view id) {
    return Control("DescribeJob", Value::Struct({{"JobId", id}})).Sub("Job");
  }
  bool Becomes(std::string_view id, std::string_view status) {
    return home_.host().PumpUntil([&] { return Told(id).String("Status") == status; }, 20s);
  }
  static std::string Counts(const Value& job) {
    const Value& progress = job.Sub("ProgressSummary");
    return std::to_string(progress.Int("TotalNumberOfTasks")) + " " +
           std::to_string(progress.Int("NumberOfTasksSucceeded")) + " " +
           std::to_string(progress.Int("NumberOfTasksFailed"));
  }
  std::string Ask(std::string_view id, std::string_view status) {
    const Value input = Value::Struct({{"JobId", id}, {"RequestedJobStatus", status}});
    const Answer answer = home_.AskControl("UpdateJobStatus", input);
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? std::string(std::get<Value>(answer).String("Status")) : error->code;
  }
  Side home_{std::string(kFrom), 1};
  Side away_{std::string(kTo), 2};
};

TEST_F(S3ControlTest, WhatWasThereBeforeTheRuleIsCopiedAndNothingElse) {
  const std::string first = Put("in/k", "first");
  const std::string second = Put("in/k", "second");
  const std::string outside = Put("out/k");
  Replicate();
  const std::string after = Put("in/later");
  ASSERT_TRUE(
      home_.host().PumpUntil([&] { return StatusOf("in/later", after) == "COMPLETED"; }, 10s));
  const std::string id = Start(JobOf("orders", "t", Statuses({"NONE", "FAILED"})));
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_EQ(Counts(Told(id)), "2 2 0");
  EXPECT_THAT(Away(), ElementsAre(second, first, after));
  EXPECT_EQ(StatusOf("in/k", first), "COMPLETED");
  EXPECT_EQ(StatusOf("out/k", outside), "");
  const Value told = Told(id);
  EXPECT_EQ(told.String("JobArn"), "arn:aws:s3:us-east-1:123456789012:job/" + id);
  EXPECT_TRUE(told.Has("TerminationDate"));
  EXPECT_TRUE(told.Sub("Operation").Has("S3ReplicateObject"));
}

TEST_F(S3ControlTest, WhatFailedIsCopiedOnceItCanBe) {
  Replicate();
  away_.Get("PutBucketVersioning",
            Of("orders-b").Set("VersioningConfiguration", Switch("Suspended")));
  const std::string version = Put("in/k");
  const auto is = [&](std::string_view status) { return StatusOf("in/k", version) == status; };
  ASSERT_TRUE(home_.host().PumpUntil([&] { return is("FAILED"); }, 10s));
  const std::string vain = Start(JobOf("orders", "vain", Statuses({"FAILED"})));
  ASSERT_TRUE(Becomes(vain, "Complete"));
  EXPECT_EQ(Counts(Told(vain)), "1 0 1");
  EXPECT_TRUE(is("FAILED"));
  away_.Get("PutBucketVersioning",
            Of("orders-b").Set("VersioningConfiguration", Switch("Enabled")));
  const std::string id = Start(JobOf("orders", "t", Statuses({"FAILED"})));
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_EQ(Counts(Told(id)), "1 1 0");
  EXPECT_TRUE(is("COMPLETED"));
  EXPECT_THAT(Away(), ElementsAre(version));
}

// Replicas keep their place; a delete marker goes where the rule says so.
TEST_F(S3ControlTest, WhatIsThereAlreadyIsTakenOnce) {
  const std::string old = Put("in/k");
  const std::string marker(home_.Get("DeleteObject", Of("orders", "in/k")).String("VersionId"));
  Replicate("Enabled");
  for (const char* token : {"one", "two"}) {
    const std::string id =
        Start(JobOf("orders", token, Statuses({"NONE", "COMPLETED", "FAILED", "REPLICA"})));
    ASSERT_TRUE(Becomes(id, "Complete"));
    EXPECT_EQ(Counts(Told(id)), "2 2 0");
  }
  EXPECT_THAT(Away(), ElementsAre(old));
  EXPECT_THAT(Away("DeleteMarkers"), ElementsAre(marker));
}

TEST_F(S3ControlTest, AJobWithNothingToDoOrWithoutARuleFails) {
  const std::string without = Start(JobOf("orders", "a", Statuses({"NONE"})));
  ASSERT_TRUE(Becomes(without, "Failed"));
  EXPECT_EQ(Told(without).Items("FailureReasons").front().String("FailureCode"),
            "ReplicationConfigurationNotFoundError");
  Replicate();
  const std::string empty = Start(JobOf("orders", "b", Statuses({"NONE"})));
  ASSERT_TRUE(Becomes(empty, "Failed"));
  EXPECT_EQ(Told(empty).Items("FailureReasons").front().String("FailureReason"),
            "Manifest generation found no keys matching the filter criteria.");
  const std::string elsewhere = Start(JobOf("orders-b", "c", Statuses({"NONE"})));
  EXPECT_TRUE(Becomes(elsewhere, "Failed"));
}

TEST_F(S3ControlTest, TimesOfTheFilterBoundWhatIsCopied) {
  Put("in/a");
  home_.host().Advance(10s);
  const base::WallTime between = home_.host().clock().Now();
  home_.host().Advance(10s);
  const std::string late = Put("in/b");
  Replicate();
  Value job = JobOf("orders", "t", Statuses({"NONE"}));
  Value& filter = *job.Find("ManifestGenerator")->Find("S3JobManifestGenerator")->Find("Filter");
  filter.Set("CreatedAfter", between);
  const std::string id = Start(job);
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_THAT(Away(), ElementsAre(late));
}

TEST_F(S3ControlTest, KeysOfTheFilterBoundWhatIsCopied) {
  const std::string inside = Put("in/a/1");
  Put("in/b/1");
  Replicate();
  Value job = JobOf("orders", "t", Statuses({"NONE"}));
  Value& filter = *job.Find("ManifestGenerator")->Find("S3JobManifestGenerator")->Find("Filter");
  filter.Set("KeyNameConstraint", Value::Struct({{"MatchAnyPrefix", Statuses({"in/a/", "c/"})}}));
  const std::string id = Start(job);
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_THAT(Away(), ElementsAre(inside));
  filter.Set("KeyNameConstraint", Value::Struct({{"MatchAnySuffix", Statuses({"1"})}}));
  EXPECT_EQ(Refused("CreateJob", job), "NotImplemented");
}

TEST_F(S3ControlTest, AJobWaitsForItsConfirmationUnlessToldNotTo) {
  Put("in/k");
  Replicate();
  Value asked = JobOf("orders", "t", Statuses({"NONE"}));
  asked.Erase("ConfirmationRequired");
  const std::string id = Start(asked);
  ASSERT_TRUE(Becomes(id, "Suspended"));
  EXPECT_EQ(Counts(Told(id)), "1 0 0");
  home_.Restart();
  Connect();
  EXPECT_EQ(Told(id).String("Status"), "Suspended");
  EXPECT_EQ(Ask(id, "Ready"), "Ready");
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_EQ(Away().size(), 1U);
  EXPECT_EQ(Ask(id, "Ready"), "JobStatusException");
  EXPECT_EQ(Ask(id, "Cancelled"), "JobStatusException");
}

TEST_F(S3ControlTest, AJobOutlivesAKillAndARegionThatIsAway) {
  const std::string version = Put("in/k");
  Replicate();
  home_.host().Cut(std::string(kTo));
  const std::string id = Start(JobOf("orders", "t", Statuses({"NONE"})));
  ASSERT_TRUE(Becomes(id, "Active"));
  ASSERT_TRUE(home_.host().PumpUntil([&] { return StatusOf("in/k", version) == "PENDING"; }, 10s));
  home_.Restart();
  home_.host().Cut(std::string(kTo));
  Connect();
  home_.host().Advance(30s);
  EXPECT_EQ(Told(id).String("Status"), "Active");
  home_.host().Mend(std::string(kTo));
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_EQ(Counts(Told(id)), "1 1 0");
  EXPECT_THAT(Away(), ElementsAre(version));
  home_.Restart();
  Connect();
  EXPECT_EQ(Told(id).String("Status"), "Complete");
}

TEST_F(S3ControlTest, AJobThatIsCancelledEnds) {
  Put("in/k");
  Replicate();
  home_.host().Cut(std::string(kTo));
  const std::string id = Start(JobOf("orders", "t", Statuses({"NONE"})));
  ASSERT_TRUE(Becomes(id, "Active"));
  EXPECT_EQ(Ask(id, "Cancelled"), "Cancelling");
  ASSERT_TRUE(Becomes(id, "Cancelled"));
  EXPECT_EQ(Counts(Told(id)), "1 0 0");
}

TEST_F(S3ControlTest, ATokenIsOfOneJob) {
  Put("in/k");
  Replicate();
  const Value asked = JobOf("orders", "t", Statuses({"NONE"}));
  const std::string id = Start(asked);
  EXPECT_EQ(Start(asked), id);
  ASSERT_TRUE(Becomes(id, "Complete"));
  EXPECT_EQ(Start(asked), id);
  Value other = asked;
  other.Set("Priority", 2);
  EXPECT_EQ(Refused("CreateJob", other), "IdempotencyException");
  const Value listed = Control("ListJobs", Value::Struct());
  ASSERT_EQ(listed.Items("Jobs").size(), 1U);
  EXPECT_EQ(listed.Items("Jobs").front().String("Operation"), "S3ReplicateObject");
  const Value none = Control("ListJobs", Value::Struct({{"JobStatuses", Statuses({"Active"})}}));
  EXPECT_TRUE(none.Items("Jobs").empty());
}

TEST_F(S3ControlTest, WhatTheLabHasNotIsRefusedByName) {
  Replicate();
  const Value job = JobOf("orders", "t", Statuses({"NONE"}));
  const auto with = [&](std::string_view member, Value value) {
    Value changed = job;
    changed.Set(member, std::move(value));
    return Refused("CreateJob", changed);
  };
  EXPECT_EQ(with("AccountId", "210987654321"), "AccessDenied");
  EXPECT_EQ(with("Operation", Value::Struct({{"S3PutObjectTagging", Value::Struct()}})),
            "NotImplemented");
  EXPECT_EQ(with("Operation", Value::Struct()), "BadRequestException");
  EXPECT_EQ(with("Report", Value::Struct({{"Enabled", true}})), "NotImplemented");
  EXPECT_EQ(with("Manifest", Value::Struct()), "BadRequestException");
  Value output = job;
  output.Find("ManifestGenerator")
      ->Find("S3JobManifestGenerator")
      ->Set("EnableManifestOutput", true);
  EXPECT_EQ(Refused("CreateJob", output), "NotImplemented");
  Value sized = job;
  sized.Find("ManifestGenerator")
      ->Find("S3JobManifestGenerator")
      ->Find("Filter")
      ->Set("ObjectSizeGreaterThanBytes", 1);
  EXPECT_EQ(Refused("CreateJob", sized), "NotImplemented");
  EXPECT_EQ(Refused("DescribeJob", Value::Struct({{"JobId", "none"}})), "NoSuchJobException");
}

TEST_F(S3ControlTest, ThePriorityOfAJobIsKept) {
  Put("in/k");
  Replicate();
  Value asked = JobOf("orders", "t", Statuses({"NONE"}));
  asked.Set("ConfirmationRequired", true);
  const std::string id = Start(asked);
  ASSERT_TRUE(Becomes(id, "Suspended"));
  Control("UpdateJobPriority", Value::Struct({{"JobId", id}, {"Priority", 7}}));
  EXPECT_EQ(Told(id).Int("Priority"), 7);
  EXPECT_EQ(Ask(id, "Cancelled"), "Cancelled");
  EXPECT_EQ(Refused("UpdateJobPriority", Value::Struct({{"JobId", id}, {"Priority", 8}})),
            "BadRequestException");
}

}  // namespace
}  // namespace leeward::lab::s3

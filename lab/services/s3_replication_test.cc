#include <gmock/gmock.h>

#include "lab/services/region_links.h"
#include "lab/services/s3_rules.h"
#include "lab/services/s3_test_world.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::string_view kHome = "us-east-1";
constexpr std::string_view kAway = "us-west-2";

// CloudWatch, as far as it is told things.
class Sink : public Service, public MetricSink {
 public:
  std::string_view name() const override { return "cloudwatch"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply /*reply*/) override {}
  base::Status Start() override { return base::Ok(); }
  void Publish(std::string_view metric_namespace, std::string_view metric, const Dimensions& named,
               std::string_view /*unit*/, double value) override {
    EXPECT_EQ(metric_namespace, "AWS/S3");
    last[std::string(metric)] = value;
    dimensions = named;
    most[std::string(metric)] = std::max(most[std::string(metric)], value);
  }
  std::map<std::string, double> last;
  std::map<std::string, double> most;
  Dimensions dimensions;
};

Value Status(std::string_view status) { return Value::Struct({{"Status", status}}); }

Value RuleTo(std::string_view bucket, std::string_view id = "all") {
  return Value::Struct(
      {{"ID", id},
       {"Priority", 1},
       {"Filter", Value::Struct({{"Prefix", ""}})},
       {"Status", "Enabled"},
       {"DeleteMarkerReplication", Status("Disabled")},
       {"Destination", Value::Struct({{"Bucket", "arn:aws:s3:::" + std::string(bucket)}})}});
}

Value Configuration(Value::List rules) {
  return Value::Struct(
      {{"Role", "arn:aws:iam::123456789012:role/copy"}, {"Rules", Value(std::move(rules))}});
}

class S3ReplicationTest : public ::testing::Test {
 protected:
  S3ReplicationTest() {
    Connect();
    Make(home_, "orders", kHome);
    Make(away_, "orders-b", kAway);
  }
  void Connect() { FakeHost::Connect({&home_.host(), &away_.host()}); }
  static void Make(Side& side, std::string_view bucket, std::string_view region) {
    Value input = Of(bucket);
    if (region != kHome)
      input.Set("CreateBucketConfiguration", Value::Struct({{"LocationConstraint", region}}));
    side.Get("CreateBucket", input);
    side.Get("PutBucketVersioning", Of(bucket).Set("VersioningConfiguration", Status("Enabled")));
  }
  static void Replicate(Side& side, std::string_view bucket, const Value& rule) {
    side.Get("PutBucketReplication",
             Of(bucket).Set("ReplicationConfiguration", Configuration({rule})));
  }
  std::string Refused(const Value& rule, std::string_view bucket = "orders") {
    return home_.Refusal("PutBucketReplication",
                         Of(bucket).Set("ReplicationConfiguration", Configuration({rule})));
  }
  static std::string Put(Side& side, std::string_view bucket, std::string_view key,
                         std::string_view bytes) {
    return std::string(
        side.Get("PutObject", Of(bucket, key).Set("Body", Bytes(bytes))).String("VersionId"));
  }
  static Value Head(Side& side, std::string_view bucket, std::string_view key,
                    std::string_view id) {
    const Answer answer = side.Ask("HeadObject", Of(bucket, key).Set("VersionId", id));
    const auto* value = std::get_if<Value>(&answer);
    return value == nullptr ? Value::Struct() : *value;
  }
  std::string HomeStatus(std::string_view key, std::string_view id) {
    return std::string(Head(home_, "orders", key, id).String("ReplicationStatus"));
  }
  bool Becomes(std::string_view key, std::string_view id, std::string_view status) {
    return home_.host().PumpUntil([&] { return HomeStatus(key, id) == status; }, 10s);
  }
  static std::vector<std::string> Ids(Side& side, std::string_view bucket, const char* list) {
    std::vector<std::string> ids;
    const Value versions = side.Get("ListObjectVersions", Of(bucket));
    for (const Value& each : versions.Items(list)) ids.emplace_back(each.String("VersionId"));
    return ids;
  }
  Side home_{std::string(kHome), 1};
  Side away_{std::string(kAway), 2};
};

TEST_F(S3ReplicationTest, WhatIsWrittenAfterTheRuleIsCopiedAsItIs) {
  const std::string before = Put(home_, "orders", "k", "before");
  Replicate(home_, "orders", RuleTo("orders-b"));
  Value put = Of("orders", "k").Set("Body", Bytes("after")).Set("ContentType", "text/plain");
  put.Set("Metadata", Value::Struct({{"Colour", "blue"}}));
  const std::string after(home_.Get("PutObject", put).String("VersionId"));
  EXPECT_EQ(HomeStatus("k", after), "PENDING");
  ASSERT_TRUE(Becomes("k", after, "COMPLETED"));
  EXPECT_EQ(HomeStatus("k", before), "");
  const Value there = away_.Get("GetObject", Of("orders-b", "k"));
  EXPECT_EQ(there.Sub("Body").blob().bytes, "after");
  EXPECT_EQ(there.String("VersionId"), after);
  EXPECT_EQ(there.String("ReplicationStatus"), "REPLICA");
  EXPECT_EQ(there.String("ContentType"), "text/plain");
  EXPECT_EQ(there.Sub("Metadata").String("colour"), "blue");
  EXPECT_EQ(there.Sub("LastModified").time(),
            Head(home_, "orders", "k", after).Sub("LastModified").time());
  EXPECT_THAT(Ids(away_, "orders-b", "Versions"), ElementsAre(after));
}

TEST_F(S3ReplicationTest, DeleteMarkersAreCopiedWhereTheRuleSaysSoAndDeletesOfVersionsNever) {
  Replicate(home_, "orders", RuleTo("orders-b"));
  const std::string id = Put(home_, "orders", "k", "x");
  ASSERT_TRUE(Becomes("k", id, "COMPLETED"));
  home_.Get("DeleteObject", Of("orders", "k"));
  Replicate(home_, "orders", RuleTo("orders-b").Set("DeleteMarkerReplication", Status("Enabled")));
  const std::string second(home_.Get("DeleteObject", Of("orders", "k")).String("VersionId"));
  ASSERT_TRUE(home_.host().PumpUntil(
      [&] { return !Ids(away_, "orders-b", "DeleteMarkers").empty(); }, 10s));
  EXPECT_THAT(Ids(away_, "orders-b", "DeleteMarkers"), ElementsAre(second));
  home_.Get("DeleteObject", Of("orders", "k").Set("VersionId", id));
  home_.Get("DeleteObject", Of("orders", "k").Set("VersionId", second));
  const std::string last = Put(home_, "orders", "k", "y");
  ASSERT_TRUE(Becomes("k", last, "COMPLETED"));
  EXPECT_THAT(Ids(away_, "orders-b", "Versions"), ElementsAre(last, id));
  EXPECT_THAT(Ids(away_, "orders-b", "DeleteMarkers"), ElementsAre(second));
}

TEST_F(S3ReplicationTest, ACutLinkAndAKillDelayAndLoseNothing) {
  Replicate(home_, "orders", RuleTo("orders-b"));
  home_.host().Cut(std::string(kAway));
  std::vector<std::string> ids;
  for (int i = 0; i < 9; ++i) ids.push_back(Put(home_, "orders", "k" + std::to_string(i), "x"));
  const std::string gone = Put(home_, "orders", "gone", "x");
  home_.Get("DeleteObject", Of("orders", "gone").Set("VersionId", gone));
  home_.host().Advance(7s);  // attempts fail
  EXPECT_EQ(HomeStatus("k0", ids[0]), "PENDING");
  EXPECT_THAT(Ids(away_, "orders-b", "Versions"), IsEmpty());
  home_.Restart();
  Connect();
  for (int i = 0; i < 9; ++i)
    ASSERT_TRUE(Becomes("k" + std::to_string(i), ids[static_cast<std::size_t>(i)], "COMPLETED"));
  EXPECT_EQ(Ids(away_, "orders-b", "Versions").size(), 9U);
  home_.Restart();
  Connect();
  EXPECT_EQ(HomeStatus("k0", ids[0]), "COMPLETED");
}

TEST_F(S3ReplicationTest, ABucketThatCannotTakeThemIsAFailure) {
  Replicate(home_, "orders", RuleTo("orders-b"));
  away_.Get("PutBucketVersioning",
            Of("orders-b").Set("VersioningConfiguration", Status("Suspended")));
  const std::string id = Put(home_, "orders", "k", "x");
  ASSERT_TRUE(Becomes("k", id, "FAILED"));
  away_.Get("DeleteBucket", Of("orders-b"));
  const std::string other = Put(home_, "orders", "k", "y");
  ASSERT_TRUE(Becomes("k", other, "FAILED"));
}

TEST_F(S3ReplicationTest, WhatIsLargeGoesInPieces) {
  home_.service().limits.piece = 10;
  Replicate(home_, "orders", RuleTo("orders-b"));
  const std::string bytes = "a text that is longer than what goes at once";
  const std::string id = Put(home_, "orders", "k", bytes);
  ASSERT_TRUE(Becomes("k", id, "COMPLETED"));
  EXPECT_EQ(away_.Get("GetObject", Of("orders-b", "k")).Sub("Body").blob().bytes, bytes);
  EXPECT_TRUE(std::filesystem::is_empty(away_.Folder() / "incoming"));
  const std::string empty = Put(home_, "orders", "empty", "");
  ASSERT_TRUE(Becomes("empty", empty, "COMPLETED"));
}

TEST_F(S3ReplicationTest, BothWaysNothingGoesInCirclesAndBothEndAlike) {
  Replicate(home_, "orders", RuleTo("orders-b"));
  Replicate(away_, "orders-b", RuleTo("orders"));
  home_.host().Cut(std::string(kAway));
  const std::string first = Put(home_, "orders", "k", "of home");
  away_.host().Advance(1s);
  home_.host().Advance(1s);
  const std::string second = Put(away_, "orders-b", "k", "of away");
  home_.host().Mend(std::string(kAway));
  ASSERT_TRUE(Becomes("k", first, "COMPLETED"));
  ASSERT_TRUE(Becomes("k", second, "REPLICA"));
  EXPECT_EQ(Ids(home_, "orders", "Versions"), Ids(away_, "orders-b", "Versions"));
  EXPECT_EQ(Ids(home_, "orders", "Versions").size(), 2U);
  EXPECT_EQ(Head(away_, "orders-b", "k", first).String("ReplicationStatus"), "REPLICA");
}

TEST_F(S3ReplicationTest, MetricsArePublishedWhereTheCopiesGo) {
  Sink here;
  Sink there;
  home_.host().Add(here);
  away_.host().Add(there);
  Value rule = RuleTo("orders-b");
  rule.Find("Destination")->Set("Metrics", Status("Enabled"));
  Replicate(home_, "orders", rule);
  home_.service().limits.copies = 0;  // nothing is on its way
  Put(home_, "orders", "k", "12345");
  Put(home_, "orders", "l", "12345");
  ASSERT_TRUE(home_.host().PumpUntil([&] { return there.last["ReplicationLatency"] > 2; }, 10s));
  EXPECT_EQ(there.last["BytesPendingReplication"], 10);
  EXPECT_EQ(there.last["OperationsPendingReplication"], 2);
  EXPECT_THAT(there.dimensions,
              ElementsAre(std::pair("SourceBucket", "orders"),
                          std::pair("DestinationBucket", "orders-b"), std::pair("RuleId", "all")));
  EXPECT_EQ(here.last.contains("BytesPendingReplication"), false);
  EXPECT_EQ(here.last.at("OperationsFailedReplication"), 0);
  home_.service().limits.copies = 4;
  Put(home_, "orders", "m", "1");
  ASSERT_TRUE(
      home_.host().PumpUntil([&] { return there.last["OperationsPendingReplication"] == 0; }, 10s));
  EXPECT_EQ(there.last["ReplicationLatency"], 0);

  away_.Get("PutBucketVersioning",
            Of("orders-b").Set("VersioningConfiguration", Status("Suspended")));
  Put(home_, "orders", "n", "1");
  ASSERT_TRUE(
      home_.host().PumpUntil([&] { return here.most["OperationsFailedReplication"] == 1; }, 10s));
}

TEST_F(S3ReplicationTest, ConfigurationsAreCheckedAsS3Does) {
  EXPECT_EQ(home_.Refusal("GetBucketReplication", Of("orders")),
            "ReplicationConfigurationNotFoundError");
  EXPECT_EQ(Refused(RuleTo("nowhere")), "InvalidRequest");
  EXPECT_EQ(Refused(RuleTo("orders")), "InvalidRequest");
  home_.Get("CreateBucket", Of("plain"));
  EXPECT_EQ(Refused(RuleTo("plain")), "InvalidRequest");
  EXPECT_EQ(Refused(RuleTo("orders-b"), "plain"), "InvalidRequest");
  Value rule = RuleTo("orders-b");
  rule.Erase("Priority");
  EXPECT_EQ(Refused(rule), "InvalidRequest");
  rule = RuleTo("orders-b");
  rule.Erase("Filter");
  EXPECT_EQ(Refused(rule), "NotImplemented");
  rule = RuleTo("orders-b");
  rule.Find("Destination")
      ->Set("ReplicationTime", Status("Enabled").Set("Time", Value::Struct({{"Minutes", 15}})));
  EXPECT_EQ(Refused(rule), "InvalidRequest");
  rule.Find("Destination")
      ->Set("Metrics", Status("Enabled").Set("EventThreshold", Value::Struct({{"Minutes", 15}})));
  Replicate(home_, "orders", rule);
  EXPECT_EQ(home_.Get("GetBucketReplication", Of("orders"))
                .Sub("ReplicationConfiguration")
                .Items("Rules")
                .front(),
            rule);
  EXPECT_EQ(home_.Refusal("PutBucketVersioning",
                          Of("orders").Set("VersioningConfiguration", Status("Suspended"))),
            "InvalidBucketState");
  home_.Get("DeleteBucketReplication", Of("orders"));
  const std::string id = Put(home_, "orders", "k", "x");
  EXPECT_EQ(HomeStatus("k", id), "");
}

TEST(S3RulesTest, TheHighestPriorityThatIsForTheKeyDecides) {
  const auto rule = [](const char* id, std::int64_t priority, const char* prefix, bool markers) {
    Rule made;
    made.id = id;
    made.priority = priority;
    made.prefix = prefix;
    made.enabled = true;
    made.delete_markers = markers;
    made.bucket = "to";
    return made;
  };
  std::vector<Rule> rules{rule("all", 1, "", true), rule("logs", 5, "logs/", false),
                          rule("off", 9, "", true)};
  rules[2].enabled = false;
  Version version;
  EXPECT_EQ(CopiesOf(rules, "logs/1", version).at(0).rule, "logs");
  EXPECT_EQ(CopiesOf(rules, "other", version).at(0).rule, "all");
  version.is_marker = true;
  EXPECT_THAT(CopiesOf(rules, "logs/1", version), IsEmpty());
  EXPECT_EQ(CopiesOf(rules, "other", version).size(), 1U);
}

}  // namespace
}  // namespace leeward::lab::s3

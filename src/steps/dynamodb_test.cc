#include "steps/dynamodb.h"

#include <gtest/gtest.h>

#include "probe/canary.h"
#include "steps/testing/fake_items.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using std::chrono::seconds;
using testing::FakeItems;
using testing::SeenCall;
using testing::Shop;

class DynamodbTest : public ::testing::Test {
 protected:
  DynamodbTest() { SetCarts({.table = "carts"}); }

  void SetCarts(model::Dynamodb carts) {
    std::erase_if(shop_.application.components,
                  [](const model::Component& one) { return one.name.str() == "carts"; });
    shop_.application.components.push_back({model::ComponentName("carts"), carts, {}});
  }
  void Know() {
    for (const Region& region : {shop_.home, shop_.recovery}) {
      shop_.Know("carts", region, "table.arn", FakeItems::Arn(region.str()));
      shop_.Know("carts", region, "key.hash.name", "id");
      shop_.Know("carts", region, "key.hash.type", "S");
    }
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region,
                          std::map<std::string, std::string> parameters = {}) {
    return shop_.AddAndRun(kind + "/carts", region, std::move(parameters));
  }
  Result<StepOutcome> Replicate() {
    return Run("dynamodb.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
  }
  ItemTable In(const Region& region) {
    return {
        "carts", {{"id", "S"}, {}}, [this, region](std::string_view operation, const Value& input) {
          aws::CallOptions options;
          options.region = region.str();
          return shop_.aws.Call("dynamodb", operation, input, options);
        }};
  }
  static std::string Detail(const Result<StepOutcome>& outcome) {
    return outcome.ok() ? outcome->detail : outcome.error().message();
  }

  Shop shop_;
  FakeItems items_{shop_};
};

TEST_F(DynamodbTest, ProtectAddsAReplicaAndWhatAwsDoesNotCopy) {
  items_.home().point_in_time = items_.home().protection = true;
  items_.home().tags = {Value::Struct({{"Key", "owner"}, {"Value", "shop"}})};
  items_.home().policy = R"({"Statement":[{"Sid":"Mine","Effect":"Allow","Principal":"*",)"
                         R"("Action":"dynamodb:GetItem","Resource":")" +
                         FakeItems::Arn("us-east-1") + "\"}]}";
  ASSERT_TRUE(Run("dynamodb.check-source", shop_.home).ok());
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << Detail(made);
  EXPECT_EQ(made->detail,
            "created, a canary arrived; has point-in-time recovery, deletion protection, 1 tag, "
            "resource policy");
  EXPECT_EQ(items_.stream_view, "NEW_AND_OLD_IMAGES");
  EXPECT_TRUE(items_.recovery().point_in_time && items_.recovery().protection);
  EXPECT_EQ(items_.recovery().tags, items_.home().tags);
  EXPECT_NE(items_.recovery().policy.find(FakeItems::Arn("us-west-2")), std::string::npos);
  const auto again = shop_.Run("dynamodb.replicate/carts");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->detail.find("was there already"), 0u) << again->detail;
  EXPECT_EQ(shop_.aws.Calls("dynamodb:TagResource").size(), 1u);
  EXPECT_EQ(shop_.aws.Calls("dynamodb:UpdateContinuousBackups").size(), 1u);
}

TEST_F(DynamodbTest, WhatCannotBeReplicatedIsRefusedByName) {
  items_.home().exists = false;
  const auto absent = Run("dynamodb.check-source", shop_.home);
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Detail(absent),
            "there is no DynamoDB table 'carts' in us-east-1; check `table` in the spec");
  items_.home().exists = true;
  items_.MakeReplica();
  items_.version = "2017.11.29";
  EXPECT_NE(Detail(Run("dynamodb.check-source", shop_.home)).find("version 2017.11.29"),
            std::string::npos);
  items_.version = "2019.11.21";
  items_.consistency = "STRONG";
  EXPECT_NE(Detail(Run("dynamodb.check-source", shop_.home)).find("strong consistency"),
            std::string::npos);
  items_.consistency.clear();
  items_.replica = "CREATION_FAILED";
  EXPECT_NE(Detail(Replicate()).find("delete that replica"), std::string::npos);
  items_.replica.clear();
  const auto stranger = Replicate();
  EXPECT_EQ(stranger.error().code(), ErrorCode::kWrongState);
  EXPECT_NE(Detail(stranger).find("is no replica"), std::string::npos);
  items_.recovery().exists = false;
  items_.stream_view = "KEYS_ONLY";
  EXPECT_NE(Detail(Replicate()).find("stream of KEYS_ONLY"), std::string::npos);
}

TEST_F(DynamodbTest, AStrongTableIsMadeFromAnEmptyOneAloneInThreeRegions) {
  SetCarts({.table = "carts", .consistency = model::Consistency::kStrong});
  items_.home().items["x"] = Value::Struct();
  const auto full = Run("dynamodb.check-source", shop_.home);
  EXPECT_EQ(full.error().code(), ErrorCode::kRefused) << Detail(full);
  items_.home().items.clear();
  ASSERT_TRUE(shop_.Run("dynamodb.check-source/carts").ok());
  ASSERT_TRUE(Replicate().ok());
  const SeenCall made = shop_.aws.Calls("dynamodb:UpdateTable").front();
  EXPECT_EQ(made.input.String("MultiRegionConsistency"), "STRONG");
  EXPECT_EQ(made.input.Items("ReplicaUpdates").size(), 1u);
  EXPECT_EQ(
      made.input.Items("GlobalTableWitnessUpdates").front().Sub("Create").String("RegionName"),
      "eu-west-1");
  const auto measured = Run("dynamodb.measure", shop_.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  EXPECT_EQ(measured->outputs.at("bound_ns"), "0");
}

TEST_F(DynamodbTest, AReplicaIsMadeUnderTheKeyThatTheSpecNamesOnceItIsThere) {
  SetCarts({.table = "carts", .kms_key = "alias/shop"});
  EXPECT_NE(Detail(Replicate()).find("under a key that AWS owns"), std::string::npos);
  items_.encryption = "KMS";
  bool there = false;
  shop_.aws.On("kms:DescribeKey", [&](const SeenCall& call) -> Result<Value> {
    EXPECT_EQ(call.options.region, "us-west-2");
    if (!there) return base::NotFound("kms: NotFoundException");
    return Value::Struct({{"KeyMetadata", Value::Struct({{"KeyState", "Enabled"}})}});
  });
  EXPECT_NE(Detail(Replicate()).find("there is no KMS key 'alias/shop' in us-west-2"),
            std::string::npos);
  EXPECT_TRUE(shop_.aws.Calls("dynamodb:UpdateTable").empty());
  there = true;
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << Detail(made);
  Value create;
  for (const SeenCall& call : shop_.aws.Calls("dynamodb:UpdateTable")) {
    if (call.input.Has("ReplicaUpdates"))
      create = call.input.Items("ReplicaUpdates").front().Sub("Create");
  }
  EXPECT_EQ(create.String("KMSMasterKeyId"), "alias/shop");
}

TEST_F(DynamodbTest, ATableThatIsBusyIsWaitedForAndAThrottledOneAskedAgain) {
  int refusals = 0;
  shop_.aws.On("dynamodb:UpdateTable", [&](const SeenCall&) -> Result<Value> {
    if (++refusals == 1) return base::WrongState("busy").WithServiceCode("ResourceInUseException");
    if (refusals == 2) return base::Throttled("slow down");
    items_.stream_view = "NEW_AND_OLD_IMAGES";
    items_.MakeReplica();
    return Value::Struct();
  });
  EXPECT_TRUE(Replicate().ok());
  EXPECT_GE(refusals, 3);
}

TEST_F(DynamodbTest, WhatIsThrottledIsAskedAgainInTheSameAttemptUntilThatIsOver) {
  items_.throttled = 4;
  const auto checked = Run("dynamodb.check-source", shop_.home);
  EXPECT_TRUE(checked.ok()) << Detail(checked);
  items_.throttled = 1'000'000;
  shop_.patience = std::chrono::milliseconds(200);
  const auto never = Run("dynamodb.check-source", shop_.home);
  EXPECT_EQ(never.error().code(), ErrorCode::kThrottled) << Detail(never);
}

TEST_F(DynamodbTest, TheBoundIsTheAgeOfTheNewestCanaryAndUnknownWithoutOne) {
  Know();
  items_.MakeReplica();
  const auto unknown = Run("dynamodb.measure", shop_.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->outputs.count("bound_ns"), 0u);
  const base::WallTime then = shop_.clock.Now() - seconds(3);
  ASSERT_TRUE(PutStamp(In(shop_.home), probe::CanaryOf("us-east-1"), then).ok());
  const auto known = shop_.Run("dynamodb.measure/carts");
  ASSERT_TRUE(known.ok());
  const std::int64_t bound = std::stoll(known->outputs.at("bound_ns"));
  EXPECT_GE(bound, base::Duration(seconds(3)).count());
  EXPECT_LT(bound, base::Duration(seconds(20)).count());
}

TEST_F(DynamodbTest, AFailoverAsksNothingOfTheLostRegionAndProvesAWrite) {
  Know();
  items_.MakeReplica();
  ASSERT_TRUE(PutStamp(In(shop_.home), probe::CanaryOf("us-east-1"), shop_.clock.Now()).ok());
  items_.dark = {"us-east-1"};
  shop_.aws.ForgetCalls();
  const auto ready = Run("dynamodb.ready", shop_.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(ready.ok()) << Detail(ready);
  EXPECT_FALSE(ready->outputs.at("parted").empty());
  EXPECT_EQ(ready->outputs.count("bound_ns"), 1u) << "what holds is measured after the fence";
  for (const SeenCall& call : shop_.aws.Calls()) EXPECT_EQ(call.options.region, "us-west-2");
  const auto put = shop_.aws.Calls("dynamodb:PutItem");
  ASSERT_EQ(put.size(), 1u);
  EXPECT_TRUE(put.front().input.Has("ConditionExpression"));
}

TEST_F(DynamodbTest, AFenceIsBelievedWhenWritesAreDeniedAndLeavesThePolicyThatWasThere) {
  Know();
  items_.MakeReplica();
  items_.home().policy_lag = 3;
  items_.home().policy = R"({"Statement":[{"Sid":"Mine","Effect":"Allow"}]})";
  const auto fenced = Run("dynamodb.fence", shop_.home);
  ASSERT_TRUE(fenced.ok());
  EXPECT_EQ(fenced->outputs.at("proof"), "closed") << fenced->detail;
  EXPECT_NE(items_.home().policy.find("Mine"), std::string::npos);
  EXPECT_NE(items_.home().policy.find("replication.dynamodb.amazonaws.com"), std::string::npos)
      << "replication is not denied";
  EXPECT_NE(fenced->outputs.at("final_ns"), "0") << "the last write that was let through";
  const auto again = shop_.Run("dynamodb.fence/carts");
  EXPECT_EQ(again->outputs.at("final_ns"), fenced->outputs.at("final_ns"));
  ASSERT_TRUE(Run("dynamodb.open", shop_.home).ok());
  EXPECT_EQ(items_.home().policy, R"({"Statement":[{"Sid":"Mine","Effect":"Allow"}]})");
}

TEST_F(DynamodbTest, AFenceThatCannotReachProvesNothingAndFailsNothing) {
  const auto unknown = Run("dynamodb.fence", shop_.home);
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->outputs.at("proof"), "unreachable") << "not in the inventory";
  Know();
  items_.dark = {"us-east-1"};
  const auto dark = shop_.Run("dynamodb.fence/carts");
  ASSERT_TRUE(dark.ok());
  EXPECT_EQ(dark->outputs.at("proof"), "unreachable");
  items_.dark.clear();
  shop_.aws.On("dynamodb:PutResourcePolicy", [](const SeenCall&) -> Result<Value> {
    return base::Denied("not allowed").WithServiceCode("AccessDeniedException");
  });
  const auto denied = shop_.Run("dynamodb.fence/carts");
  ASSERT_TRUE(denied.ok());
  EXPECT_EQ(denied->outputs.at("proof"), "unreachable");
}

TEST_F(DynamodbTest, APlannedMoveClosesWaitsForTheLastWriteAndOpens) {
  Know();
  items_.MakeReplica();
  items_.home().policy_lag = 2;
  const auto closed = Run("dynamodb.quiesce", shop_.home);
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  const auto drained = Run("dynamodb.drain-to", shop_.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(drained.ok()) << Detail(drained);
  EXPECT_EQ(drained->outputs.at("final_ns"), closed->outputs.at("final_ns"));
  ASSERT_TRUE(Run("dynamodb.open", shop_.recovery).ok());
  EXPECT_TRUE(HasFence(items_.home().policy)) << "the old side stays closed until it is released";
  ASSERT_TRUE(Run("dynamodb.release", shop_.home).ok());
  EXPECT_TRUE(items_.home().policy.empty());
}

// The first run put its marker and the policy, and was cut off; until the policy was obeyed the
// application wrote on.
TEST_F(DynamodbTest, AFenceOfARunThatWasCutOffIsNotDrainedToItsOldMarker) {
  Know();
  items_.MakeReplica();
  const base::WallTime marker = shop_.clock.Now();
  ASSERT_TRUE(PutStamp(In(shop_.home), "fence:us-east-1", marker).ok());
  const base::WallTime written = shop_.clock.Now();
  items_.home().policy = *WithFence("", "arn");
  const auto closed = Run("dynamodb.quiesce", shop_.home);
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  EXPECT_GT(std::stoll(closed->outputs.at("final_ns")), written.since_epoch.count());
  EXPECT_TRUE(HasFence(items_.home().policy));
}

TEST_F(DynamodbTest, APolicyThatIsObeyedAtOnceLeavesAMarkerToo) {
  Know();
  items_.MakeReplica();
  const auto closed = Run("dynamodb.quiesce", shop_.home);
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  EXPECT_NE(closed->outputs.at("final_ns"), "0");
}

TEST_F(DynamodbTest, TheLastWriteIsWaitedForAsLongAsItTakes) {
  Know();
  items_.MakeReplica();
  items_.home().policy_lag = 1;
  items_.replicating = false;
  ASSERT_TRUE(Run("dynamodb.quiesce", shop_.home).ok());
  shop_.patience = std::chrono::milliseconds(300);
  EXPECT_EQ(
      Run("dynamodb.drain-to", shop_.recovery, {{"source-region", "us-east-1"}}).error().code(),
      ErrorCode::kUnreachable);
  items_.Replicate();
  shop_.patience = seconds(20);
  EXPECT_TRUE(shop_.Run("dynamodb.drain-to/carts").ok());
}

TEST_F(DynamodbTest, ConvergenceIsProvenBothWaysThoughOneSideIsDenied) {
  Know();
  items_.MakeReplica();
  items_.replicating = false;
  ASSERT_TRUE(PutStamp(In(shop_.home), probe::CanaryOf("us-east-1"), shop_.clock.Now()).ok());
  ASSERT_TRUE(Run("dynamodb.fence", shop_.home).ok());
  shop_.patience = std::chrono::milliseconds(300);
  EXPECT_FALSE(Run("dynamodb.converge", shop_.home, {{"writer-region", "us-west-2"}}).ok())
      << "nothing crosses";
  items_.replicating = true;
  shop_.patience = seconds(20);
  const auto converged = shop_.Run("dynamodb.converge/carts");
  ASSERT_TRUE(converged.ok()) << Detail(converged);
  EXPECT_FALSE(converged->outputs.at("last_ns").empty());
}

Value Change(const std::string& id, base::WallTime at, const std::string& item) {
  const Value key = Value::Struct({{"id", Value::Struct({{"S", id}})}});
  Value image = key;
  image.Set("item", Value::Struct({{"S", item}}));
  return Value::Struct(
      {{"dynamodb",
        Value::Struct({{"ApproximateCreationDateTime", at}, {"Keys", key}, {"NewImage", image}})}});
}

TEST_F(DynamodbTest, LateWritesAreFoundInTheOldRegionsStreamAndComparedWithWhatStands) {
  Know();
  items_.MakeReplica();
  items_.stream_view = "NEW_AND_OLD_IMAGES";
  const base::WallTime parted = shop_.clock.Now() - seconds(60), last = parted + seconds(5);
  ASSERT_TRUE(PutStamp(In(shop_.home), probe::CanaryOf("us-east-1"), last).ok());
  const auto have = [&](const char* id, const char* item) {
    const Value key = Value::Struct({{"S", id}});
    items_.recovery().items[ToJson(key)] =
        Value::Struct({{"item", Value::Struct({{"S", item}})}, {"id", key}});
  };
  have("stands", "rope");
  have("replaced", "newer");
  const Value::List records = {
      Change("before", parted - seconds(30), "x"), Change("stands", parted + seconds(2), "lamp"),
      Change("stands", parted + seconds(3), "rope"),
      Change("replaced", parted + seconds(4), "older"), Change("after", last + seconds(30), "x")};
  shop_.aws.On("dynamodbstreams:DescribeStream", [](const SeenCall&) -> Result<Value> {
    const Value shard = Value::Struct({{"ShardId", "s-1"}});
    return Value::Struct({{"StreamDescription", Value::Struct({{"Shards", Value::List{shard}}})}});
  });
  shop_.aws.On("dynamodbstreams:GetShardIterator", [](const SeenCall& call) -> Result<Value> {
    EXPECT_EQ(call.options.region, "us-east-1");
    return Value::Struct({{"ShardIterator", "1"}});
  });
  shop_.aws.On("dynamodbstreams:GetRecords", [&](const SeenCall&) -> Result<Value> {
    return Value::Struct({{"Records", records}});
  });
  const auto late = Run("dynamodb.late-writes", shop_.home,
                        {{"writer-region", "us-west-2"}, {"parted", base::FormatIso8601(parted)}});
  ASSERT_TRUE(late.ok()) << Detail(late);
  EXPECT_EQ(late->outputs.at("late_items"), "2");
  EXPECT_EQ(late->detail.find("2 items written late, 1 of them replaced by a later write"), 0u)
      << late->detail;
}

TEST_F(DynamodbTest, LateWritesThatCannotBeToldApartAreSaidToBeSo) {
  Know();
  items_.MakeReplica();
  const auto late =
      Run("dynamodb.late-writes", shop_.home, {{"writer-region", "us-west-2"}, {"parted", ""}});
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late->detail.find("late writes are not listed"), 0u);
}

TEST(ItemsTest, KeysOfEveryTypeHoldLeewardsItems) {
  for (const char* type : {"S", "N", "B"}) {
    std::map<std::string, Value> stored;
    ItemTable table{"t",
                    {{"pk", type}, {"sk", type}},
                    [&](std::string_view operation, const Value& input) -> Result<Value> {
                      const Value& of =
                          operation == "PutItem" ? input.Sub("Item") : input.Sub("Key");
                      const std::string key = ToJson(of.Sub("pk")) + ToJson(of.Sub("sk"));
                      EXPECT_TRUE(of.Sub("pk").Has(type) && of.Sub("sk").Has(type));
                      if (operation == "PutItem") {
                        EXPECT_TRUE(IsLeewards(table.key, of));
                        stored[key] = of;
                        return Value::Struct();
                      }
                      const auto found = stored.find(key);
                      if (found == stored.end()) return Value::Struct();
                      return Value::Struct({{"Item", found->second}});
                    }};
    const base::WallTime stamp{seconds(5)};
    EXPECT_EQ(*GetStamp(table, "canary:a"), std::nullopt);
    ASSERT_TRUE(PutStamp(table, "canary:a", stamp).ok());
    ASSERT_TRUE(PutStamp(table, "canary:b", base::WallTime{seconds(6)}).ok());
    EXPECT_EQ(*GetStamp(table, "canary:a"), stamp) << type;
  }
}

TEST(PolicyTest, AFenceIsPutAndTakenAwayAndNothingElseIsTouched) {
  const std::string mine = R"({"Version":"2012-10-17","Statement":{"Sid":"Mine"}})";
  const std::string fenced = *WithFence(mine, "arn");
  EXPECT_TRUE(HasFence(fenced));
  EXPECT_FALSE(HasFence(mine));
  EXPECT_EQ(*WithFence(fenced, "arn"), fenced) << "once";
  EXPECT_NE(WithoutFence(fenced)->find("Mine"), std::string::npos);
  EXPECT_EQ(*WithoutFence(mine), mine) << "as it was";
  EXPECT_EQ(*WithoutFence(*WithFence("", "arn")), "");
  EXPECT_EQ(WithFence("[]", "arn").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(WithFence("{\"Statement\":1}", "arn").error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace leeward::steps

#include "steps/kms.h"

#include <gtest/gtest.h>

#include <set>

#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::SeenCall;
using testing::Shop;

// KMS in two Regions: keys by Region and id, aliases by Region and name.
class KmsStepsTest : public ::testing::Test {
 protected:
  struct Key {
    std::string state = "Enabled", primary;  // the latter empty: a key of one Region
  };
  using Place = std::pair<std::string, std::string>;

  KmsStepsTest() : shop_(Quick()) {
    shop_.application.components.push_back(
        {model::ComponentName("key"), model::Kms{.key = "alias/shop"}, {}});
    keys_[{"us-east-1", "mrk-1"}] = {"Enabled", "us-east-1"};
    aliases_[{"us-east-1", "alias/shop"}] = "mrk-1";
    On("DescribeKey", [this](const SeenCall& call) { return Describe(call); });
    On("GetKeyPolicy", [](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"Policy", "{}"}});
    });
    On("ReplicateKey", [this](const SeenCall& call) -> Result<Value> {
      const std::string into(call.input.String("ReplicaRegion"));
      keys_[{into, std::string(call.input.String("KeyId"))}] = {"Creating", call.options.region};
      return Value::Struct();
    });
    On("CreateAlias", [this](const SeenCall& call) -> Result<Value> {
      aliases_[{call.options.region, std::string(call.input.String("AliasName"))}] =
          call.input.String("TargetKeyId");
      return Value::Struct();
    });
  }
  static Limits Quick() {
    Limits limits;
    limits.api_poll_first = std::chrono::milliseconds(1);
    limits.api_poll_most = std::chrono::milliseconds(2);
    return limits;
  }
  void On(const std::string& operation, testing::FakeAws::Answer answer) {
    shop_.aws.On("kms:" + operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (dark_.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      return answer(call);
    });
  }
  Result<Value> Describe(const SeenCall& call) {
    const std::string& region = call.options.region;
    std::string id(call.input.String("KeyId"));
    const auto alias = aliases_.find({region, id});
    if (alias != aliases_.end()) id = alias->second;
    const auto found = keys_.find({region, id});
    if (found == keys_.end()) return base::NotFound("kms: NotFoundException");
    Key& key = found->second;
    const std::string state = key.state;
    if (state == "Creating") key.state = "Enabled";
    Value told = Value::Struct({{"KeyId", id},
                                {"Arn", "arn:" + region + ":" + id},
                                {"KeyState", state},
                                {"MultiRegion", !key.primary.empty()}});
    if (!key.primary.empty()) {
      told.Set("MultiRegionConfiguration",
               Value::Struct({{"PrimaryKey", Value::Struct({{"Region", key.primary}})}}));
    }
    return Value::Struct({{"KeyMetadata", told}});
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region) {
    const std::string id = kind + "/key";
    if (shop_.plan.Find(model::StepId(id)) != nullptr) return shop_.Run(id);
    return shop_.AddAndRun(id, region, {{"source-region", "us-east-1"}});
  }
  static void ExpectKeyRefused(const Result<StepOutcome>& outcome, ErrorCode code,
                               const std::string& what) {
    ASSERT_FALSE(outcome.ok()) << outcome->detail;
    EXPECT_EQ(outcome.error().code(), code);
    EXPECT_NE(outcome.error().message().find(what), std::string::npos) << outcome.error().message();
  }

  Shop shop_;
  std::map<Place, Key> keys_;
  std::map<Place, std::string> aliases_;
  std::set<std::string> dark_;
};

TEST_F(KmsStepsTest, AReplicaAndItsAliasAreMadeOnce) {
  ASSERT_TRUE(Run("kms.check-source", shop_.home).ok());
  const auto made = Run("kms.replicate", shop_.recovery);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->outputs.at("key"), "mrk-1");
  EXPECT_EQ(keys_.at({"us-west-2", "mrk-1"}).state, "Enabled");
  EXPECT_EQ(aliases_.at({"us-west-2", "alias/shop"}), "mrk-1");
  ASSERT_TRUE(Run("kms.replicate", shop_.recovery).ok());
  EXPECT_EQ(shop_.aws.Calls("kms:ReplicateKey").size(), 1u);
  EXPECT_EQ(shop_.aws.Calls("kms:CreateAlias").size(), 1u);
}

TEST_F(KmsStepsTest, AFailoverLooksAndNeedsNothingOfTheLostRegion) {
  ASSERT_TRUE(Run("kms.replicate", shop_.recovery).ok());
  dark_.insert("us-east-1");
  const auto ready = Run("kms.ready", shop_.recovery);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_NE(ready->detail.find("works alone: there is nothing to do; its primary stays in "
                               "us-east-1"),
            std::string::npos)
      << ready->detail;
  keys_.at({"us-west-2", "mrk-1"}).state = "Disabled";
  ExpectKeyRefused(Run("kms.ready", shop_.recovery), ErrorCode::kWrongState, "is Disabled");
}

TEST_F(KmsStepsTest, AnAliasOfAnotherKeyIsNeverMoved) {
  keys_[{"us-west-2", "other"}] = {};
  aliases_[{"us-west-2", "alias/shop"}] = "other";
  ExpectKeyRefused(Run("kms.replicate", shop_.recovery), ErrorCode::kWrongState,
                   "is another key, other");
  EXPECT_EQ(aliases_.at({"us-west-2", "alias/shop"}), "other");
}

TEST_F(KmsStepsTest, AKeyOfOneRegionIsRefused) {
  keys_[{"us-east-1", "mrk-1"}].primary = "";
  ExpectKeyRefused(Run("kms.check-source", shop_.home), ErrorCode::kWrongState,
                   "is a key of one Region");
  aliases_.clear();
  shop_.plan.steps.clear();
  ExpectKeyRefused(Run("kms.check-source", shop_.home), ErrorCode::kNotFound,
                   "there is no KMS key alias/shop in us-east-1");
}

}  // namespace
}  // namespace leeward::steps

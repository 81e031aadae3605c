#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/core/testing.h"
#include "lab/services/arc_config.h"
#include "lab/services/arc_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kOn = ControlState::kOn;
constexpr auto kOff = ControlState::kOff;
const base::WallTime kNow{1'000'000s};

// Two controls, a on and b off.
ArcState TwoControls() {
  ArcState state;
  state.clusters.push_back({"cluster", "c", {}, "DEPLOYED"});
  state.panels.push_back({"panel", "cluster", "p", true, "DEPLOYED"});
  state.controls.push_back({"a", "panel", "a", kOn, "DEPLOYED"});
  state.controls.push_back({"b", "panel", "b", kOff, "DEPLOYED"});
  return state;
}

ArcRule Rule(ArcRule::Kind kind, ArcRule::Type type, std::int64_t threshold) {
  ArcRule rule;
  rule.arn = "rule";
  rule.panel = "panel";
  rule.name = "rule";
  rule.kind = kind;
  rule.type = type;
  rule.threshold = threshold;
  rule.judged = {"a", "b"};
  return rule;
}

bool Passes(const ArcState& state, const std::vector<ControlChange>& changes,
            const std::vector<std::string>& overrides = {}, base::WallTime now = kNow) {
  return !CheckChanges(state, changes, overrides, now).has_value();
}

TEST(ArcRulesTest, AtLeastOneStaysOn) {
  ArcState state = TwoControls();
  state.rules.push_back(Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAtLeast, 1));
  EXPECT_FALSE(Passes(state, {{"a", kOff}}));
  EXPECT_TRUE(Passes(state, {{"a", kOff}, {"b", kOn}}));  // the batch is judged as one
  EXPECT_TRUE(Passes(state, {{"b", kOn}}));
}

TEST(ArcRulesTest, AndOrAndInverted) {
  ArcState state = TwoControls();
  state.rules.push_back(Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAnd, 0));
  state.rules[0].sense = ArcRule::Sense::kInverted;  // never both on
  EXPECT_FALSE(Passes(state, {{"b", kOn}}));
  EXPECT_TRUE(Passes(state, {{"a", kOff}, {"b", kOn}}));
  state.rules[0] = Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kOr, 0);
  EXPECT_FALSE(Passes(state, {{"a", kOff}}));
  EXPECT_TRUE(Passes(state, {{"b", kOn}}));
  state.rules[0] = Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAnd, 0);
  EXPECT_TRUE(Passes(state, {{"b", kOn}}));
  EXPECT_FALSE(Passes(state, {{"a", kOff}}));
}

TEST(ArcRulesTest, ChangesThatChangeNothingPass) {
  ArcState state = TwoControls();
  state.rules.push_back(Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAnd, 0));  // broken already
  EXPECT_TRUE(Passes(state, {{"a", kOn}, {"b", kOff}}));
}

TEST(ArcRulesTest, GateMustBeOpenBefore) {
  ArcState state = TwoControls();
  ArcRule gate = Rule(ArcRule::Kind::kGating, ArcRule::Type::kAtLeast, 1);
  gate.judged = {"b"};
  gate.targets = {"a"};
  state.rules.push_back(gate);
  EXPECT_FALSE(Passes(state, {{"a", kOff}}));
  EXPECT_FALSE(Passes(state, {{"a", kOff}, {"b", kOn}}));
  EXPECT_TRUE(Passes(state, {{"b", kOn}}));
  ApplyChanges(state, {{"b", kOn}}, kNow);
  EXPECT_TRUE(Passes(state, {{"a", kOff}}));
}

TEST(ArcRulesTest, WaitPeriodStopsFlapping) {
  ArcState state = TwoControls();
  ArcRule rule = Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAtLeast, 0);
  rule.wait = 5s;
  state.rules.push_back(rule);
  EXPECT_TRUE(Passes(state, {{"b", kOn}}));
  ApplyChanges(state, {{"b", kOn}}, kNow);
  EXPECT_FALSE(Passes(state, {{"b", kOff}}, {}, kNow + 4s));
  EXPECT_TRUE(Passes(state, {{"b", kOn}}, {}, kNow + 4s));
  EXPECT_TRUE(Passes(state, {{"b", kOff}}, {}, kNow + 5s));
}

TEST(ArcRulesTest, OverrideSkipsTheNamedRuleOnly) {
  ArcState state = TwoControls();
  state.rules.push_back(Rule(ArcRule::Kind::kAssertion, ArcRule::Type::kAtLeast, 1));
  EXPECT_TRUE(Passes(state, {{"a", kOff}}, {"rule"}));
  EXPECT_EQ(CheckChanges(state, {{"a", kOff}}, {"nothing"}, kNow)->code,
            "ResourceNotFoundException");
  state.rules.push_back(state.rules[0]);
  state.rules[1].arn = "other";
  EXPECT_FALSE(Passes(state, {{"a", kOff}}, {"rule"}));
}

TEST(ArcRulesTest, StateSurvivesText) {
  ArcState state = TwoControls();
  ArcRule gate = Rule(ArcRule::Kind::kGating, ArcRule::Type::kOr, 2);
  gate.sense = ArcRule::Sense::kInverted;
  gate.wait = 1500ms;
  gate.targets = {"b"};
  gate.last_change = kNow;
  state.rules.push_back(gate);
  state.clusters[0].endpoints = {{"us-east-1", "127.0.0.9"}};
  state.tags = {{"cluster", "k", "v"}};
  state.tokens = {{"t", "cluster"}};
  const std::string text = shapes::ToJson(ToValue(state));
  EXPECT_EQ(shapes::ToJson(ToValue(ArcStateFrom(*shapes::FromJson(text)))), text);
}

class ArcServiceTest : public ::testing::Test {
 protected:
  ArcServiceTest() {
    host_.Add(config_);
    host_.Add(cluster_);
    EXPECT_TRUE(config_.Start().ok());
    host_.Advance(1s);
  }

  Value Config(std::string_view operation, Value input) {
    Answer answer = host_.CallOperation(config_, operation, std::move(input));
    EXPECT_FALSE(std::holds_alternative<ApiError>(answer)) << std::get<ApiError>(answer).message;
    return std::get<Value>(answer);
  }
  std::string ConfigError(std::string_view operation, Value input) {
    return std::get<ApiError>(host_.CallOperation(config_, operation, std::move(input))).code;
  }
  Answer Update(std::string_view state) {
    return host_.CallOperation(
        cluster_, "UpdateRoutingControlState",
        Value::Struct({{"RoutingControlArn", control_}, {"RoutingControlState", state}}));
  }
  std::string StateNow(ArcCluster53& cluster) {
    const Answer answer = host_.CallOperation(cluster, "GetRoutingControlState",
                                              Value::Struct({{"RoutingControlArn", control_}}));
    return std::string(std::get<Value>(answer).String("RoutingControlState"));
  }
  void MakeControl() {
    const Value made = Config("CreateCluster", Value::Struct({{"ClusterName", "shop"}}));
    cluster_arn_ = made.Sub("Cluster").String("ClusterArn");
    host_.Advance(1s);
    control_ = Config("CreateRoutingControl",
                      Value::Struct({{"ClusterArn", cluster_arn_}, {"RoutingControlName", "home"}}))
                   .Sub("RoutingControl")
                   .String("RoutingControlArn");
    host_.Advance(1s);
  }

  FakeHost host_{{.region = "global"}};
  ArcConfig config_{host_};
  ArcCluster53 cluster_{host_};
  std::string cluster_arn_;
  std::string control_;
};

TEST_F(ArcServiceTest, ClusterGetsFiveEndpointsAndDeploys) {
  const Value made = Config("CreateCluster", Value::Struct({{"ClusterName", "shop"}}));
  EXPECT_EQ(made.Sub("Cluster").String("Status"), "PENDING");
  EXPECT_EQ(made.Sub("Cluster").Items("ClusterEndpoints").size(), 5U);
  EXPECT_EQ(host_.fake_network().endpoints.size(), 5U);
  const std::string arn(made.Sub("Cluster").String("ClusterArn"));
  EXPECT_EQ(ConfigError("CreateControlPanel",
                        Value::Struct({{"ClusterArn", arn}, {"ControlPanelName", "p"}})),
            "ConflictException");
  host_.Advance(1s);
  const Value now = Config("DescribeCluster", Value::Struct({{"ClusterArn", arn}}));
  EXPECT_EQ(now.Sub("Cluster").String("Status"), "DEPLOYED");
  EXPECT_EQ(Config("ListControlPanels", Value::Struct()).Items("ControlPanels").size(), 1U);
}

TEST_F(ArcServiceTest, SameTokenMakesOneCluster) {
  const Value input = Value::Struct({{"ClusterName", "shop"}, {"ClientToken", "t"}});
  EXPECT_EQ(Config("CreateCluster", input), Config("CreateCluster", input));
  EXPECT_EQ(ConfigError("CreateCluster", Value::Struct({{"ClusterName", "shop"}})),
            "ConflictException");
}

TEST_F(ArcServiceTest, WriteNeedsThreeOfFiveEndpoints) {
  MakeControl();
  EXPECT_EQ(StateNow(cluster_), "Off");
  host_.fake_network().dark = {"us-east-1", "us-west-2"};
  EXPECT_FALSE(std::holds_alternative<ApiError>(Update("On")));
  host_.fake_network().dark.insert("eu-west-1");
  const Answer answer = Update("Off");
  EXPECT_EQ(std::get<ApiError>(answer).code, "EndpointTemporarilyUnavailableException");
  EXPECT_EQ(StateNow(cluster_), "On");
}

TEST_F(ArcServiceTest, BatchIsAllOrNothing) {
  MakeControl();
  const Answer answer = host_.CallOperation(
      cluster_, "UpdateRoutingControlStates",
      Value::Struct({{"UpdateRoutingControlStateEntries",
                      Value::List{Value::Struct({{"RoutingControlArn", control_},
                                                 {"RoutingControlState", "On"}}),
                                  Value::Struct({{"RoutingControlArn", "arn:none"},
                                                 {"RoutingControlState", "On"}})}}}));
  EXPECT_EQ(std::get<ApiError>(answer).code, "ResourceNotFoundException");
  EXPECT_EQ(StateNow(cluster_), "Off");
}

TEST_F(ArcServiceTest, SafetyRuleRefusesWithItsName) {
  MakeControl();
  const std::string panel(Config("ListControlPanels", Value::Struct())
                              .Items("ControlPanels")[0]
                              .String("ControlPanelArn"));
  ASSERT_FALSE(std::holds_alternative<ApiError>(Update("On")));
  const Value rule = Value::Struct(
      {{"ControlPanelArn", panel},
       {"Name", "one-on"},
       {"AssertedControls", Value::List{control_}},
       {"RuleConfig", Value::Struct({{"Inverted", false}, {"Threshold", 1}, {"Type", "ATLEAST"}})},
       {"WaitPeriodMs", 0}});
  Config("CreateSafetyRule", Value::Struct({{"AssertionRule", rule}}));
  const Answer refused = Update("Off");
  EXPECT_EQ(std::get<ApiError>(refused).code, "ConflictException");
  EXPECT_THAT(std::get<ApiError>(refused).message, HasSubstr("one-on"));
  EXPECT_EQ(ConfigError("DeleteRoutingControl", Value::Struct({{"RoutingControlArn", control_}})),
            "ConflictException");
}

TEST_F(ArcServiceTest, StateOutlivesTheProcess) {
  MakeControl();
  ASSERT_FALSE(std::holds_alternative<ApiError>(Update("On")));
  host_.fake_network().endpoints.clear();
  ArcConfig again(host_);
  ASSERT_TRUE(again.Start().ok());
  EXPECT_EQ(again.StateOf(control_), kOn);
  EXPECT_EQ(host_.fake_network().endpoints.size(), 5U);
  host_.Advance(1s);
}

}  // namespace
}  // namespace leeward::lab

#include "steps/route53.h"

#include <gtest/gtest.h>

#include <set>

#include "probe/testing/small_servers.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::SeenCall;
using testing::Shop;

constexpr const char* kRegions[] = {"us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1",
                                    "ap-southeast-2"};

constexpr char kEndpoint[] = "http://127.0.0.1:1/";

void KnowCluster(Shop& shop) {
  shop.Know("traffic", shop.home, "routing-control.arn", "arn:control-home");
  shop.Know("traffic", shop.recovery, "routing-control.arn", "arn:control-recovery");
  for (std::size_t i = 0; i < std::size(kRegions); ++i) {
    shop.Know("traffic", Region(), EndpointUrlFact(i),
              "http://127.0.0.1:1/" + std::string(kRegions[i]));
    shop.Know("traffic", Region(), EndpointRegionFact(i), kRegions[i]);
  }
}

Limits QuickLimits() {
  Limits limits;
  limits.arc_hedge = std::chrono::milliseconds(30);
  limits.arc_call = std::chrono::milliseconds(300);
  return limits;
}

class ShiftTest : public ::testing::Test {
 protected:
  ShiftTest() : shop_(QuickLimits()) {
    KnowCluster(shop_);
    shop_.Add("route53.shift/traffic", shop_.recovery, {{"on", "us-west-2"}, {"off", "us-east-1"}});
  }
  // Silent until its deadline, as a lost Region is.
  Result<Value> Silence(const SeenCall& call) {
    WaitFor(call.options.deadline, shop_.clock, {});
    return base::Unreachable("no answer");
  }
  Shop shop_;
};

TEST_F(ShiftTest, TurnsOneOnAndTheOtherOffInOneChange) {
  shop_.aws.On("route53-recovery-cluster:UpdateRoutingControlStates",
               [](const SeenCall&) -> Result<Value> { return Value::Struct(); });
  const auto shifted = shop_.Run("route53.shift/traffic");
  ASSERT_TRUE(shifted.ok()) << shifted.error().message();
  const auto calls = shop_.aws.Calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].options.endpoint_url, "http://127.0.0.1:1/" + calls[0].options.region)
      << "each endpoint is signed for its own Region";
  std::map<std::string, std::string> states;
  for (const Value& entry : calls[0].input.Items("UpdateRoutingControlStateEntries")) {
    states[std::string(entry.String("RoutingControlArn"))] = entry.String("RoutingControlState");
  }
  EXPECT_EQ(states, (std::map<std::string, std::string>{{"arn:control-home", "Off"},
                                                        {"arn:control-recovery", "On"}}));
}

TEST_F(ShiftTest, SilentEndpointsAreHedgedAndTheLostRegionIsAskedLast) {
  const std::set<std::string> dark = {"us-east-1", "eu-west-1", "ap-northeast-1"};
  shop_.aws.On(
      "route53-recovery-cluster:UpdateRoutingControlStates",
      [this, dark](const SeenCall& call) -> Result<Value> {  // calls left behind may outlive it
        if (dark.contains(call.options.region)) return Silence(call);
        return Value::Struct();
      });
  for (int i = 0; i < 5; ++i) {
    const base::MonotonicTime begin = shop_.clock.Monotonic();
    const auto shifted = shop_.Run("route53.shift/traffic");
    ASSERT_TRUE(shifted.ok()) << shifted.error().message();
    EXPECT_LT(shop_.clock.Monotonic() - begin, std::chrono::milliseconds(900));
  }
  for (const SeenCall& call : shop_.aws.Calls()) EXPECT_NE(call.options.region, "us-east-1");
}

TEST_F(ShiftTest, AFailedEndpointIsFollowedByAnotherAtOnce) {
  std::atomic<int> calls{0};
  shop_.aws.On("route53-recovery-cluster:UpdateRoutingControlStates",
               [&](const SeenCall&) -> Result<Value> {
                 if (++calls < 3) return base::ServiceBroken("EndpointTemporarilyUnavailable");
                 return Value::Struct();
               });
  ASSERT_TRUE(shop_.Run("route53.shift/traffic").ok());
  EXPECT_EQ(calls, 3);
}

TEST_F(ShiftTest, WhatEveryEndpointWouldRefuseEndsAtOnce) {
  shop_.aws.On("route53-recovery-cluster:UpdateRoutingControlStates",
               [](const SeenCall&) -> Result<Value> { return base::Denied("no"); });
  EXPECT_EQ(shop_.Run("route53.shift/traffic").error().code(), ErrorCode::kDenied);
}

TEST_F(ShiftTest, AllEndpointsGoneIsUnreachable) {
  shop_.aws.On("route53-recovery-cluster:UpdateRoutingControlStates",
               [](const SeenCall&) -> Result<Value> { return base::Unreachable("gone"); });
  EXPECT_EQ(shop_.Run("route53.shift/traffic").error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(shop_.aws.Calls().size(), 3 * std::size(kRegions)) << "each is asked in three rounds";
}

TEST_F(ShiftTest, WithoutAnInventoryItSaysWhatToDo) {
  shop_.inventory.facts.clear();
  const auto shifted = shop_.Run("route53.shift/traffic");
  EXPECT_EQ(shifted.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(shifted.error().message().find("leeward protect"), std::string::npos);
}

TEST(ConfirmTest, WaitsUntilTheNameLeadsToTheRegionAndItServes) {
  std::atomic<int> status{503};
  const probe::testing::HttpServer away("127.79.2.1", 0, [&](auto&&...) { return status.load(); });
  probe::testing::DnsServerOfOne dns({.address = "127.79.1.1"});
  Shop shop({}, {{"127.0.0.1", dns.port()}});
  std::get<model::Route53>(shop.application.components[2].kind).port = away.port();
  shop.Know("traffic", shop.recovery, "load-balancer.address", "127.79.2.1");
  shop.Add("route53.confirm/traffic", shop.recovery, {{"region", "us-west-2"}});
  shop.patience = std::chrono::milliseconds(300);
  const auto still_home = shop.Run("route53.confirm/traffic");
  EXPECT_EQ(still_home.error().code(), ErrorCode::kUnreachable);
  dns.Set({.address = "127.79.2.1"});
  EXPECT_FALSE(shop.Run("route53.confirm/traffic").ok()) << "it does not serve";
  status = 200;
  shop.patience = std::chrono::seconds(10);
  const auto confirmed = shop.Run("route53.confirm/traffic");
  ASSERT_TRUE(confirmed.ok()) << confirmed.error().message();
  EXPECT_EQ(confirmed->outputs.at("address"), "127.79.2.1");
}

TEST(ConfirmTest, AFrontMayChangeItsAddressesMeanwhile) {
  probe::testing::DnsServerOfOne dns({.address = "127.79.2.1"});
  const probe::testing::HttpServer first("127.79.2.1", 0, [&](auto&&...) {
    dns.Set({.address = "127.79.2.2"});
    return 503;
  });
  const probe::testing::HttpServer then("127.79.2.2", first.port(), [](auto&&...) { return 200; });
  Shop shop({}, {{"127.0.0.1", dns.port()}});
  std::get<model::Route53>(shop.application.components[2].kind).port = first.port();
  shop.Know("traffic", shop.recovery, "load-balancer.address", "front.example.test");
  shop.Add("route53.confirm/traffic", shop.recovery, {{"region", "us-west-2"}});
  shop.patience = std::chrono::seconds(10);
  const auto confirmed = shop.Run("route53.confirm/traffic");
  ASSERT_TRUE(confirmed.ok()) << confirmed.error().message();
  EXPECT_EQ(confirmed->outputs.at("address"), "127.79.2.2");
}

// ARC's configuration, Route 53 and the load balancers as far as protecting traffic needs them.
class ProtectTest : public ::testing::Test {
 protected:
  ProtectTest() {
    ServeArc();
    ServeControls();
    ServeRules();
    ServeStates();
    ServeDns();
    shop_.aws.On("elbv2:DescribeLoadBalancers", [](const SeenCall& call) -> Result<Value> {
      const char* address = call.options.region == "us-east-1" ? "127.1.0.9" : "127.2.0.9";
      return Value::Struct(
          {{"LoadBalancers",
            Value::List{Value::Struct({{"LoadBalancerArn", "arn:lb"}, {"DNSName", address}})}}});
    });
    shop_.Add("route53.protect/traffic", shop_.recovery, {{"active-region", "us-east-1"}});
  }

  void ServeArc() {
    const std::string config = "route53-recovery-control-config:";
    shop_.aws.On(config + "ListControlPanels", [](const SeenCall&) -> Result<Value> {
      return Value::Struct(
          {{"ControlPanels", Value::List{Value::Struct({{"Name", "shop"},
                                                        {"Status", "DEPLOYED"},
                                                        {"ClusterArn", "arn:cluster"},
                                                        {"ControlPanelArn", "arn:panel"}})}}});
    });
    shop_.aws.On(config + "DescribeCluster", [](const SeenCall&) -> Result<Value> {
      Value::List endpoints;
      for (const char* region : kRegions) {
        endpoints.push_back(Value::Struct({{"Region", region}, {"Endpoint", kEndpoint}}));
      }
      return Value::Struct(
          {{"Cluster", Value::Struct({{"ClusterEndpoints", std::move(endpoints)}})}});
    });
    shop_.aws.On(config + "ListRoutingControls", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"RoutingControls", controls_}});
    });
  }

  void ServeControls() {
    const std::string config = "route53-recovery-control-config:";
    shop_.aws.On(config + "CreateRoutingControl", [this](const SeenCall& call) -> Result<Value> {
      const std::string name(call.input.String("RoutingControlName"));
      controls_.push_back(Value::Struct(
          {{"Name", name}, {"RoutingControlArn", "arn:" + name}, {"Status", "DEPLOYED"}}));
      states_["arn:" + name] = "Off";
      return Value::Struct({{"RoutingControl", controls_.back()}});
    });
    shop_.aws.On(config + "DescribeRoutingControl", [](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"RoutingControl", Value::Struct({{"Status", "DEPLOYED"}})}});
    });
  }

  void ServeRules() {
    const std::string config = "route53-recovery-control-config:";
    shop_.aws.On(config + "ListSafetyRules", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"SafetyRules", rules_}});
    });
    shop_.aws.On(config + "CreateSafetyRule", [this](const SeenCall& call) -> Result<Value> {
      rules_.push_back(Value::Struct({{"ASSERTION", call.input.Sub("AssertionRule")}}));
      return Value::Struct();
    });
  }

  void ServeStates() {
    shop_.aws.On(
        "route53-recovery-cluster:GetRoutingControlState",
        [this](const SeenCall& call) -> Result<Value> {
          return Value::Struct({{"RoutingControlState",
                                 states_[std::string(call.input.String("RoutingControlArn"))]}});
        });
    shop_.aws.On("route53-recovery-cluster:UpdateRoutingControlStates",
                 [this](const SeenCall& call) -> Result<Value> {
                   for (const Value& entry : call.input.Items("UpdateRoutingControlStateEntries")) {
                     states_[std::string(entry.String("RoutingControlArn"))] =
                         entry.String("RoutingControlState");
                   }
                   return Value::Struct();
                 });
  }

  void ServeDns() {
    shop_.aws.On("route53:ListHostedZonesByName", [](const SeenCall&) -> Result<Value> {
      return Value::Struct(
          {{"HostedZones",
            Value::List{Value::Struct({{"Id", "/hostedzone/Z1"}, {"Name", "example.test."}})}}});
    });
    shop_.aws.On("route53:ListHealthChecks", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"HealthChecks", checks_}});
    });
    shop_.aws.On("route53:CreateHealthCheck", [this](const SeenCall& call) -> Result<Value> {
      EXPECT_LE(call.input.String("CallerReference").size(), 64u);
      checks_.push_back(
          Value::Struct({{"Id", "check-" + std::to_string(checks_.size())},
                         {"HealthCheckConfig", call.input.Sub("HealthCheckConfig")}}));
      return Value::Struct({{"HealthCheck", checks_.back()}});
    });
    shop_.aws.On("route53:ListResourceRecordSets", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"ResourceRecordSets", records_}});
    });
    shop_.aws.On("route53:ChangeResourceRecordSets", [this](const SeenCall& call) -> Result<Value> {
      for (const Value& change : call.input.Sub("ChangeBatch").Items("Changes")) {
        records_.push_back(change.Sub("ResourceRecordSet"));
      }
      return Value::Struct(
          {{"ChangeInfo", Value::Struct({{"Id", "/change/C1"}, {"Status", "PENDING"}})}});
    });
    shop_.aws.On("route53:GetChange", [](const SeenCall& call) -> Result<Value> {
      EXPECT_EQ(call.input.String("Id"), "C1");
      return Value::Struct({{"ChangeInfo", Value::Struct({{"Status", "INSYNC"}})}});
    });
  }

  std::size_t Changing() const {
    std::size_t count = 0;
    for (const SeenCall& call : shop_.aws.Calls()) {
      const std::string verb = call.operation.substr(call.operation.find(':') + 1);
      if (verb.starts_with("Create") || verb.starts_with("Change") || verb.starts_with("Update"))
        ++count;
    }
    return count;
  }

  Shop shop_;
  Value::List controls_, rules_, checks_, records_;
  std::map<std::string, std::string> states_;
};

TEST_F(ProtectTest, MakesWhatIsMissingAndNothingTheSecondTime) {
  const auto made = shop_.Run("route53.protect/traffic");
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(states_, (std::map<std::string, std::string>{{"arn:shop-us-east-1", "On"},
                                                         {"arn:shop-us-west-2", "Off"}}));
  EXPECT_EQ(rules_.size(), 1u);
  EXPECT_EQ(checks_.size(), 2u);
  ASSERT_EQ(records_.size(), 2u);
  EXPECT_EQ(records_[0].String("Failover"), "PRIMARY");
  EXPECT_EQ(records_[0].String("Name"), "shop.example.test.");
  EXPECT_EQ(records_[0].Items("ResourceRecords").front().String("Value"), "127.1.0.9");
  EXPECT_EQ(records_[0].Int("TTL"), 1);
  EXPECT_EQ(records_[1].String("Failover"), "SECONDARY");
  EXPECT_EQ(records_[1].String("HealthCheckId"), "check-1");
  shop_.aws.ForgetCalls();
  const auto again = shop_.Run("route53.protect/traffic");
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(Changing(), 0u);
}

TEST_F(ProtectTest, ARecordInTheWayIsRefusedBeforeAnythingIsMade) {
  records_.push_back(Value::Struct({{"Name", "shop.example.test."}, {"Type", "A"}, {"TTL", 60}}));
  const auto refused = shop_.Run("route53.protect/traffic");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(Changing(), 0u);
}

TEST_F(ProtectTest, AZoneIsNotListedBehindTheRecordsOfTheName) {
  const Value mine =
      Value::Struct({{"Name", "shop.example.test."}, {"Type", "AAAA"}, {"SetIdentifier", "x"}});
  shop_.aws.On("route53:ListResourceRecordSets", [&](const SeenCall& call) -> Result<Value> {
    const bool second = call.input.String("StartRecordType") == "AAAA";
    return Value::Struct({{"ResourceRecordSets", second ? Value::List{mine} : Value::List{}},
                          {"IsTruncated", true},
                          {"NextRecordName", second ? "zebra.example.test." : "shop.example.test."},
                          {"NextRecordType", second ? "A" : "AAAA"},
                          {"MaxItems", "300"}});
  });
  const auto refused = shop_.Run("route53.protect/traffic");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState) << "the next page of the name is read";
  EXPECT_EQ(shop_.aws.Calls("route53:ListResourceRecordSets").size(), 2u);
}

TEST_F(ProtectTest, NeverMovesTrafficThatIsSwitchedElsewhere) {
  ASSERT_TRUE(shop_.Run("route53.protect/traffic").ok());
  states_ = {{"arn:shop-us-east-1", "Off"}, {"arn:shop-us-west-2", "On"}};
  const auto states = states_;
  const auto refused = shop_.Run("route53.protect/traffic");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(states_, states);
}

TEST_F(ProtectTest, AMissingPanelSaysWhatToDo) {
  std::get<model::Route53>(shop_.application.components[2].kind).control_panel = "other";
  const auto missing = shop_.Run("route53.protect/traffic");
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Changing(), 0u);
}

}  // namespace
}  // namespace leeward::steps

#include "lab/services/elbv2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/core/testing.h"
#include "lab/services/ec2_vpc.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

// The global plane's side of the story.
class RecordingRoute53 : public Service {
 public:
  std::string_view name() const override { return "route53"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply /*reply*/) override {}
  base::Status Start() override { return base::Ok(); }
  void HandleInternal(std::string_view operation, const Value& input, Reply reply) override {
    EXPECT_EQ(operation, "LoadBalancers");
    last = input;
    reply(Value::Struct());
  }
  bool Healthy() const {
    const Value::List& all = last.Items("LoadBalancers");
    return !all.empty() && all.front().Flag("Healthy", false);
  }
  Value last;
};

class Elbv2Test : public ::testing::Test {
 protected:
  Elbv2Test() {
    FakeHost::Connect({&host_, &global_});
    global_.Add(route53_);
    host_.Add(elbv2_);
    EXPECT_TRUE(elbv2_.Start().ok());
  }
  Value Ok(std::string_view operation, Value input) {
    Answer answer = host_.CallOperation(elbv2_, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  std::string Error(std::string_view operation, Value input) {
    Answer answer = host_.CallOperation(elbv2_, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "" : error->code;
  }
  void MakeFront() {
    balancer_ = Ok("CreateLoadBalancer", Value::Struct({{"Name", "shop"}}))
                    .Items("LoadBalancers")[0]
                    .String("LoadBalancerArn");
    group_ = Ok("CreateTargetGroup", Group()).Items("TargetGroups")[0].String("TargetGroupArn");
    listener_ = Ok("CreateListener", Listener(8080)).Items("Listeners")[0].String("ListenerArn");
  }
  static Value Group() {
    return Value::Struct({{"Name", "shop"},
                          {"Protocol", "HTTP"},
                          {"Port", 8080},
                          {"TargetType", "ip"},
                          {"HealthCheckPath", "/health"},
                          {"HealthCheckIntervalSeconds", 5},
                          {"HealthyThresholdCount", 2}});
  }
  Value Listener(int port) {
    return Value::Struct(
        {{"LoadBalancerArn", balancer_},
         {"Protocol", "HTTP"},
         {"Port", port},
         {"DefaultActions",
          Value::List{Value::Struct({{"Type", "forward"}, {"TargetGroupArn", group_}})}}});
  }
  Value TargetInput(const Fd& listener) {
    return Value::Struct(
        {{"TargetGroupArn", group_},
         {"Targets", Value::List{Value::Struct(
                         {{"Id", "127.0.0.1"}, {"Port", std::int64_t{LocalPort(listener)}}})}}});
  }
  std::string HealthNow() {
    const Value health = Ok("DescribeTargetHealth", Value::Struct({{"TargetGroupArn", group_}}));
    const Value::List& list = health.Items("TargetHealthDescriptions");
    return list.empty() ? "none" : std::string(list[0].Sub("TargetHealth").String("State"));
  }

  FakeHost host_{{.region = "us-west-2", .time = FakeHostOptions::Time::kReal}};
  FakeHost global_{{.region = "global", .time = FakeHostOptions::Time::kReal}};
  RecordingRoute53 route53_;
  Elbv2 elbv2_{host_};
  std::string balancer_, group_, listener_;
};

TEST_F(Elbv2Test, FrontIsALiteralAddressWithTheRegionsZone) {
  MakeFront();
  const Value shape = Ok("DescribeLoadBalancers", Value::Struct({{"Names", Value::List{"shop"}}}))
                          .Items("LoadBalancers")[0];
  EXPECT_EQ(shape.String("CanonicalHostedZoneId"), "Z1H1FL5HABSF5");
  EXPECT_TRUE(IsIpv4Literal(std::string(shape.String("DNSName"))));
  const auto& published = host_.fake_network().endpoints.at("elbv2:shop:8080");
  EXPECT_EQ(published.address, shape.String("DNSName"));
  EXPECT_EQ(published.port, 8080);
  EXPECT_TRUE(std::filesystem::exists(published.backend));
  // Route 53 knew it before the creation was answered.
  EXPECT_EQ(route53_.last.Items("LoadBalancers")[0].String("DNSName"), shape.String("DNSName"));
}

TEST_F(Elbv2Test, CreatingTheSameAgainIsTheSame) {
  MakeFront();
  EXPECT_EQ(Ok("CreateLoadBalancer", Value::Struct({{"Name", "shop"}}))
                .Items("LoadBalancers")[0]
                .String("LoadBalancerArn"),
            balancer_);
  EXPECT_EQ(Ok("CreateTargetGroup", Group()).Items("TargetGroups")[0].String("TargetGroupArn"),
            group_);
  EXPECT_EQ(Ok("CreateListener", Listener(8080)).Items("Listeners")[0].String("ListenerArn"),
            listener_);
  EXPECT_EQ(Error("CreateLoadBalancer", Value::Struct({{"Name", "shop"}, {"Scheme", "internal"}})),
            "DuplicateLoadBalancerName");
  Value other = Group();
  other.Set("Port", 81);
  EXPECT_EQ(Error("CreateTargetGroup", other), "DuplicateTargetGroupName");
}

// EC2, as far as load balancers see it.
class OneGroup : public Service, public SecurityGroups {
 public:
  std::string_view name() const override { return "ec2"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply /*reply*/) override {}
  base::Status Start() override { return base::Ok(); }
  bool Exists(std::string_view group_id) const override { return group_id == "sg-front"; }
  std::string DefaultGroup() const override { return "sg-default"; }
  std::vector<std::string> Ingress(const std::vector<std::string>& /*groups*/,
                                   std::uint16_t port) const override {
    return port == 8080 ? open : std::vector<std::string>();
  }
  std::vector<std::string> open = {"127.1.0.0/16"};
};

TEST_F(Elbv2Test, ListenersLetInWhatTheirGroupsDo) {
  OneGroup ec2;
  host_.Add(ec2);
  EXPECT_EQ(Error("CreateLoadBalancer",
                  Value::Struct({{"Name", "shop"}, {"SecurityGroups", Value::List{"sg-none"}}})),
            "InvalidSecurityGroup");
  balancer_ = Ok("CreateLoadBalancer",
                 Value::Struct({{"Name", "shop"}, {"SecurityGroups", Value::List{"sg-front"}}}))
                  .Items("LoadBalancers")[0]
                  .String("LoadBalancerArn");
  EXPECT_TRUE(elbv2_.UsesGroup("sg-front"));
  EXPECT_FALSE(elbv2_.UsesGroup("sg-other"));
  group_ = Ok("CreateTargetGroup", Group()).Items("TargetGroups")[0].String("TargetGroupArn");
  Ok("CreateListener", Listener(8080));
  auto& ingress = host_.fake_network().ingress;
  EXPECT_EQ(ingress.at("elbv2:shop:8080"), std::vector<std::string>{"127.1.0.0/16"});
  ec2.open.clear();
  elbv2_.SecurityGroupsChanged();
  EXPECT_TRUE(ingress.at("elbv2:shop:8080").empty());
}

TEST_F(Elbv2Test, ABalancerIsWhereItsNetworkIs) {
  const std::vector<DefaultSubnet> subnets = DefaultSubnets(host_);
  const Value shape =
      Ok("CreateLoadBalancer",
         Value::Struct({{"Name", "shop"}, {"Subnets", Value::List{subnets[0].id, subnets[1].id}}}))
          .Items("LoadBalancers")[0];
  EXPECT_EQ(shape.String("VpcId"), DefaultVpcId(host_));
  ASSERT_EQ(shape.Items("AvailabilityZones").size(), 2u);
  EXPECT_EQ(shape.Items("AvailabilityZones")[1].String("ZoneName"), subnets[1].zone);
  EXPECT_EQ(Error("CreateLoadBalancer",
                  Value::Struct({{"Name", "n"}, {"Subnets", Value::List{"subnet-none"}}})),
            "SubnetNotFound");
  EXPECT_EQ(
      Error("CreateLoadBalancer", Value::Struct({{"Name", "n"}, {"IpAddressType", "dualstack"}})),
      "InvalidConfigurationRequest");
}

TEST_F(Elbv2Test, TargetsThatAreNotRegisteredAreUnused) {
  MakeFront();
  const Value health = Ok(
      "DescribeTargetHealth",
      Value::Struct({{"TargetGroupArn", group_},
                     {"Targets", Value::List{Value::Struct({{"Id", "127.0.0.9"}, {"Port", 1}})}}}));
  ASSERT_EQ(health.Items("TargetHealthDescriptions").size(), 1u);
  const Value& state = health.Items("TargetHealthDescriptions")[0].Sub("TargetHealth");
  EXPECT_EQ(state.String("State"), "unused");
  EXPECT_EQ(state.String("Reason"), "Target.NotRegistered");
}

TEST_F(Elbv2Test, ListsComeInPages) {
  MakeFront();
  Value second = Group();
  Ok("CreateTargetGroup", second.Set("Name", "other"));
  Ok("CreateListener", Listener(8081));
  const auto pages = [&](std::string_view operation, const std::string& key, Value input) {
    std::vector<std::size_t> sizes;
    std::string marker;
    do {
      if (!marker.empty()) input.Set("Marker", marker);
      const Value page = Ok(operation, input);
      sizes.push_back(page.Items(key).size());
      marker = page.String("NextMarker");
    } while (!marker.empty() && sizes.size() < 5);
    return sizes;
  };
  const std::vector<std::size_t> one_by_one = {1, 1};
  EXPECT_EQ(pages("DescribeTargetGroups", "TargetGroups", Value::Struct({{"PageSize", 1}})),
            one_by_one);
  EXPECT_EQ(pages("DescribeListeners", "Listeners",
                  Value::Struct({{"LoadBalancerArn", balancer_}, {"PageSize", 1}})),
            one_by_one);
  EXPECT_EQ(Error("DescribeTargetGroups", Value::Struct({{"Marker", "none"}})), "ValidationError");
}

TEST_F(Elbv2Test, UnservedAndMissingThingsAreRefusedByName) {
  MakeFront();
  EXPECT_EQ(Error("CreateLoadBalancer", Value::Struct({{"Name", "n"}, {"Type", "network"}})),
            "InvalidConfigurationRequest");
  EXPECT_EQ(Error("CreateLoadBalancer", Value::Struct({{"Name", "-bad-"}})), "ValidationError");
  EXPECT_EQ(Error("CreateListener", Listener(80)), "InvalidConfigurationRequest");
  Value https = Listener(8443);
  https.Set("Protocol", "HTTPS");
  EXPECT_EQ(Error("CreateListener", https), "UnsupportedProtocol");
  EXPECT_EQ(Error("DescribeLoadBalancers", Value::Struct({{"Names", Value::List{"none"}}})),
            "LoadBalancerNotFound");
  EXPECT_EQ(Error("DescribeTargetGroups", Value::Struct({{"Names", Value::List{"none"}}})),
            "TargetGroupNotFound");
  EXPECT_EQ(Error("DeleteListener", Value::Struct({{"ListenerArn", "none"}})), "ListenerNotFound");
  EXPECT_EQ(Error("DeleteTargetGroup", Value::Struct({{"TargetGroupArn", group_}})),
            "ResourceInUse");
  Value instances = Group();
  instances.Set("Name", "i").Set("TargetType", "instance");
  EXPECT_EQ(Error("CreateTargetGroup", instances), "InvalidConfigurationRequest");
  const auto group = [&](const std::string& member, Value value) {
    Value input = Group();
    input.Set("Name", "g");
    return Error("CreateTargetGroup", input.Set(member, std::move(value)));
  };
  EXPECT_EQ(group("ProtocolVersion", "GRPC"), "InvalidConfigurationRequest");
  EXPECT_EQ(group("IpAddressType", "ipv6"), "InvalidConfigurationRequest");
  EXPECT_EQ(group("HealthCheckEnabled", false), "ValidationError");
}

TEST_F(Elbv2Test, TargetThatRefusesIsUnhealthyAndRoute53Learns) {
  MakeFront();
  Fd listener = *ListenTcp({"127.0.0.1", 0});
  const Value target = TargetInput(listener);
  listener.Close();
  Ok("RegisterTargets", target);
  EXPECT_EQ(HealthNow(), "initial");
  EXPECT_TRUE(host_.PumpUntil([&] { return HealthNow() == "unhealthy"; }, 10s));
  EXPECT_FALSE(route53_.Healthy());
  Ok("DeregisterTargets", target);
  EXPECT_EQ(HealthNow(), "draining");
  EXPECT_TRUE(host_.PumpUntil([&] { return HealthNow() == "none"; }, 10s));
}

TEST_F(Elbv2Test, StateOutlivesTheProcess) {
  MakeFront();
  const Fd listener = *ListenTcp({"127.0.0.1", 0});
  Ok("RegisterTargets", TargetInput(listener));
  host_.fake_network().endpoints.clear();
  Elbv2 again(host_);
  ASSERT_TRUE(again.Start().ok());
  EXPECT_TRUE(host_.fake_network().endpoints.contains("elbv2:shop:8080"));
  const Answer answer = host_.CallOperation(again, "DescribeTargetHealth",
                                            Value::Struct({{"TargetGroupArn", group_}}));
  EXPECT_EQ(std::get<Value>(answer).Items("TargetHealthDescriptions").size(), 1U);
}

TEST(TargetTest, ThresholdsInARow) {
  Target target;
  EXPECT_TRUE(target.Observe(true, 5, 2));  // a new one needs one success
  EXPECT_EQ(target.state, TargetState::kHealthy);
  EXPECT_FALSE(target.Observe(false, 5, 2));
  EXPECT_FALSE(target.Observe(true, 5, 2));
  EXPECT_FALSE(target.Observe(false, 5, 2));
  EXPECT_TRUE(target.Observe(false, 5, 2));
  EXPECT_EQ(target.state, TargetState::kUnhealthy);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(target.Observe(true, 5, 2));
  EXPECT_TRUE(target.Observe(true, 5, 2));
}

TEST(TargetTest, Matchers) {
  EXPECT_TRUE(MatchesCode("200", 200));
  EXPECT_FALSE(MatchesCode("200", 201));
  EXPECT_TRUE(MatchesCode("200,202", 202));
  EXPECT_TRUE(MatchesCode("200-299,404", 250));
  EXPECT_TRUE(MatchesCode("200-299,404", 404));
  EXPECT_FALSE(MatchesCode("200-299,404", 300));
  EXPECT_FALSE(MatchesCode("", 200));
}

}  // namespace
}  // namespace leeward::lab

#include "lab/services/route53.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/core/testing.h"
#include "lab/services/arc_config.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr char kAlbEast[] = "Z35SXDOTRQ7X7K";
constexpr char kAlbWest[] = "Z1H1FL5HABSF5";
constexpr char kCloudFront[] = "Z2FDTNDATAQYW2";

Value A(std::string name, std::string value) {
  return Value::Struct({{"Name", name},
                        {"Type", "A"},
                        {"TTL", 5},
                        {"ResourceRecords", Value::List{Value::Struct({{"Value", value}})}}});
}

Value ElbAlias(std::string name, std::string zone_id, std::string target, bool evaluate) {
  return Value::Struct({{"Name", name},
                        {"Type", "A"},
                        {"AliasTarget", Value::Struct({{"HostedZoneId", zone_id},
                                                       {"DNSName", target},
                                                       {"EvaluateTargetHealth", evaluate}})}});
}

Value Failover(Value record, const std::string& side, const std::string& check = "") {
  record.Set("Failover", side).Set("SetIdentifier", side);
  if (!check.empty()) record.Set("HealthCheckId", check);
  return record;
}

Value Change(std::string action, Value record) {
  return Value::Struct({{"Action", action}, {"ResourceRecordSet", std::move(record)}});
}

class Route53Test : public ::testing::Test {
 protected:
  Route53Test() {
    host_.Add(arc_);
    host_.Add(arc_cluster_);
    host_.Add(route53_);
    EXPECT_TRUE(arc_.Start().ok());
    const base::Status started = route53_.Start();
    EXPECT_TRUE(started.ok()) << started.error().message();
    zone_ =
        Ok("CreateHostedZone", Value::Struct({{"Name", "example.test"}, {"CallerReference", "1"}}))
            .Sub("HostedZone")
            .String("Id");
    TellBalancers({{"127.1.0.9", kAlbEast}, {"127.2.0.9", kAlbWest}});
  }

  void TellBalancers(const std::vector<std::pair<std::string, std::string>>& balancers,
                     bool healthy = true) {
    Value::List list;
    for (const auto& [address, zone] : balancers) {
      list.push_back(Value::Struct(
          {{"DNSName", address}, {"CanonicalHostedZoneId", zone}, {"Healthy", healthy}}));
    }
    route53_.HandleInternal("LoadBalancers",
                            Value::Struct({{"Region", "r"}, {"LoadBalancers", list}}),
                            [](const Answer&) {});
  }
  Answer Run(std::string_view operation, Value input) {
    host_.Advance(1s);  // for the five requests a second
    return host_.CallOperation(route53_, operation, std::move(input));
  }
  Value Ok(std::string_view operation, Value input) {
    Answer answer = Run(operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  ApiError Error(std::string_view operation, Value input) {
    Answer answer = Run(operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) return *error;
    ADD_FAILURE() << operation << " was not refused";
    return {};
  }
  Value BatchOf(Value::List changes) {
    return Value::Struct({{"HostedZoneId", zone_},
                          {"ChangeBatch", Value::Struct({{"Changes", std::move(changes)}})}});
  }
  void Apply(Value::List changes) {
    Ok("ChangeResourceRecordSets", BatchOf(std::move(changes)));
    host_.Advance(1s);
  }
  std::string Refused(Value::List changes) {
    const ApiError error = Error("ChangeResourceRecordSets", BatchOf(std::move(changes)));
    return error.code + ": " + error.message;
  }
  std::vector<std::string> Dns(const std::string& name) {
    std::vector<std::string> values;
    const DnsAnswer answer = Resolve(route53_.world(), {CanonicalName(name), RrType::kA},
                                     [](std::uint64_t) { return std::uint64_t{0}; });
    for (const Rr& record : answer.answer) values.push_back(record.value);
    return values;
  }
  ApiError RefusedCheck(Value config) {
    return Error("CreateHealthCheck", Value::Struct({{"CallerReference", "x"},
                                                     {"HealthCheckConfig", std::move(config)}}));
  }
  std::string MakeCheck(std::string reference, Value config) {
    return std::string(
        Ok("CreateHealthCheck", Value::Struct({{"CallerReference", reference},
                                               {"HealthCheckConfig", std::move(config)}}))
            .Sub("HealthCheck")
            .String("Id"));
  }

  FakeHost host_{{.region = "global", .dns_address = "127.0.0.1:0"}};
  ArcConfig arc_{host_};
  ArcCluster53 arc_cluster_{host_};
  Route53 route53_{host_};
  std::string zone_;
};

TEST_F(Route53Test, ChangeSpreadsFromPendingToInsync) {
  const Value made =
      Ok("ChangeResourceRecordSets", BatchOf({Change("CREATE", A("a.example.test", "1.2.3.4"))}));
  EXPECT_EQ(made.Sub("ChangeInfo").String("Status"), "PENDING");
  EXPECT_THAT(Dns("a.example.test"), IsEmpty());
  const std::string id(made.Sub("ChangeInfo").String("Id"));
  EXPECT_EQ(Ok("GetChange", Value::Struct({{"Id", id}})).Sub("ChangeInfo").String("Status"),
            "INSYNC");
  EXPECT_THAT(Dns("a.example.test"), ElementsAre("1.2.3.4"));
  EXPECT_EQ(Error("GetChange", Value::Struct({{"Id", "C123"}})).code, "NoSuchChange");
}

TEST_F(Route53Test, BatchIsAllOrNothingWithEveryMessage) {
  const std::string refused = Refused({Change("CREATE", A("ok.example.test", "1.1.1.1")),
                                       Change("DELETE", A("gone.example.test", "1.1.1.1")),
                                       Change("CREATE", A("bad.example.test", "lb.example.com")),
                                       Change("CREATE", A("a.elsewhere.test", "1.1.1.1"))});
  EXPECT_THAT(refused, HasSubstr("InvalidChangeBatch: ["));
  EXPECT_THAT(refused, HasSubstr("Tried to delete resource record set [name='gone.example.test.', "
                                 "type='A'] but it was not found"));
  EXPECT_THAT(refused, HasSubstr("ARRDATAIllegalIPv4Address"));
  EXPECT_THAT(
      refused,
      HasSubstr("RRSet with DNS name a.elsewhere.test. is not permitted in zone example.test."));
  host_.Advance(1s);
  EXPECT_THAT(Dns("ok.example.test"), IsEmpty());
}

TEST_F(Route53Test, CreateTwiceAndDeleteWithOtherValues) {
  Apply({Change("CREATE", A("a.example.test", "1.1.1.1"))});
  EXPECT_THAT(Refused({Change("CREATE", A("A.example.test.", "1.1.1.2"))}),
              HasSubstr("but it already exists"));
  EXPECT_THAT(Refused({Change("DELETE", A("a.example.test", "1.1.1.2"))}),
              HasSubstr("do not match the current values"));
  Apply({Change("UPSERT", A("a.example.test", "1.1.1.2"))});
  EXPECT_THAT(Dns("a.example.test"), ElementsAre("1.1.1.2"));
  Apply({Change("DELETE", A("a.example.test", "1.1.1.2"))});
  EXPECT_THAT(Dns("a.example.test"), IsEmpty());
}

TEST_F(Route53Test, FailoverCannotStandBesideAPlainRecord) {
  Apply({Change("CREATE", A("f.example.test", "1.1.1.1"))});
  EXPECT_THAT(Refused({Change("UPSERT", Failover(A("f.example.test", "1.1.1.2"), "PRIMARY"))}),
              HasSubstr("cannot be created because a non failover rrset exists"));
  // In one batch the plain one may make room.
  Apply({Change("DELETE", A("f.example.test", "1.1.1.1")),
         Change("CREATE", Failover(A("f.example.test", "1.1.1.2"), "PRIMARY")),
         Change("CREATE", Failover(A("f.example.test", "1.1.1.3"), "SECONDARY"))});
  EXPECT_THAT(Dns("f.example.test"), ElementsAre("1.1.1.2"));
  Value third = Failover(A("f.example.test", "1.1.1.4"), "PRIMARY");
  third.Set("SetIdentifier", "another");
  EXPECT_THAT(Refused({Change("CREATE", third)}), HasSubstr("Failover value already exists"));
}

TEST_F(Route53Test, AliasNeedsTheZoneOfItsLoadBalancer) {
  EXPECT_THAT(
      Refused({Change("CREATE", ElbAlias("e.example.test", kCloudFront, "127.1.0.9", false))}),
      HasSubstr("the alias target name does not lie within the target zone"));
  EXPECT_THAT(Refused({Change("CREATE", ElbAlias("e.example.test", kCloudFront,
                                                 "shop-1.us-east-1.elb.amazonaws.com", false))}),
              HasSubstr("InvalidChangeBatch"));
  EXPECT_THAT(Refused({Change("CREATE", ElbAlias("e.example.test", kAlbWest, "127.1.0.9", false))}),
              HasSubstr("does not lie within the target zone"));
  EXPECT_THAT(
      Refused({Change("CREATE", ElbAlias("e.example.test", kAlbEast, "127.1.0.77", false))}),
      HasSubstr("that target was not found"));
  Apply({Change("CREATE", ElbAlias("e.example.test", kAlbEast, "127.1.0.9", false))});
  EXPECT_THAT(Dns("e.example.test"), ElementsAre("127.1.0.9"));
}

TEST_F(Route53Test, FailoverAliasMustEvaluateItsTarget) {
  EXPECT_THAT(
      Refused({Change("CREATE", Failover(ElbAlias("f.example.test", kAlbEast, "127.1.0.9", false),
                                         "PRIMARY"))}),
      HasSubstr("EvaluateTargetHealth set to true"));
}

TEST_F(Route53Test, RecordsNeedWholeData) {
  Value half = A("a.example.test", "1.1.1.1");
  half.Erase("TTL");
  EXPECT_THAT(Refused({Change("CREATE", half)}),
              HasSubstr("InvalidInput: Invalid request: Expected exactly one of [AliasTarget"));
  Value both = ElbAlias("a.example.test", kAlbEast, "127.1.0.9", false);
  both.Set("TTL", 5);
  EXPECT_THAT(Refused({Change("CREATE", both)}), HasSubstr("but found more than one"));
  Value nameless = A("a.example.test", "1.1.1.1");
  nameless.Set("Failover", "PRIMARY");
  EXPECT_THAT(Refused({Change("CREATE", nameless)}), HasSubstr("Missing field 'SetIdentifier'"));
  Value geo = A("a.example.test", "1.1.1.1");
  geo.Set("GeoLocation", Value::Struct({{"CountryCode", "DE"}}));
  EXPECT_THAT(Refused({Change("CREATE", geo)}), HasSubstr("GeoLocation"));
}

TEST_F(Route53Test, CnameRules) {
  const auto cname = [](std::string name) {
    Value record = A(std::move(name), "target.test.");
    return record.Set("Type", "CNAME");
  };
  EXPECT_THAT(Refused({Change("CREATE", cname("example.test"))}),
              HasSubstr("is not permitted at apex"));
  Apply({Change("CREATE", A("a.example.test", "1.1.1.1")),
         Change("CREATE", cname("c.example.test"))});
  EXPECT_THAT(Refused({Change("CREATE", cname("a.example.test"))}),
              HasSubstr("conflicts with other records"));
  EXPECT_THAT(Refused({Change("CREATE", A("c.example.test", "1.1.1.1"))}),
              HasSubstr("conflicting RRSet of type CNAME"));
}

TEST_F(Route53Test, ApexRecordsStayAndZoneMustBeEmptyToGo) {
  const Value listed = Ok("ListResourceRecordSets", Value::Struct({{"HostedZoneId", zone_}}));
  ASSERT_EQ(listed.Items("ResourceRecordSets").size(), 2U);
  EXPECT_THAT(Refused({Change("DELETE", listed.Items("ResourceRecordSets")[0])}),
              HasSubstr("must contain at least one NS"));
  Apply({Change("CREATE", A("a.example.test", "1.1.1.1"))});
  EXPECT_EQ(Error("DeleteHostedZone", Value::Struct({{"Id", zone_}})).code, "HostedZoneNotEmpty");
  Apply({Change("DELETE", A("a.example.test", "1.1.1.1"))});
  Ok("DeleteHostedZone", Value::Struct({{"Id", zone_}}));
  EXPECT_EQ(Error("GetHostedZone", Value::Struct({{"Id", zone_}})).code, "NoSuchHostedZone");
}

TEST_F(Route53Test, ListIsOrderedAndPaged) {
  Apply({Change("CREATE", A("b.example.test", "1.1.1.1")),
         Change("CREATE", A("a.b.example.test", "1.1.1.1")),
         Change("CREATE", A("\\052.example.test", "1.1.1.1")),
         Change("CREATE", A("a.example.test", "1.1.1.1"))});
  std::vector<std::string> names;
  Value input = Value::Struct({{"HostedZoneId", zone_}, {"MaxItems", "2"}});
  for (int page = 0; page < 10; ++page) {
    const Value listed = Ok("ListResourceRecordSets", input);
    for (const Value& record : listed.Items("ResourceRecordSets"))
      names.emplace_back(record.String("Name"));
    if (!listed.Flag("IsTruncated", false)) break;
    input.Set("StartRecordName", listed.String("NextRecordName"));
    input.Set("StartRecordType", listed.String("NextRecordType"));
  }
  EXPECT_THAT(names, ElementsAre("example.test.", "example.test.", "\\052.example.test.",
                                 "a.example.test.", "b.example.test.", "a.b.example.test."));
}

TEST_F(Route53Test, FiveRequestsASecond) {
  host_.Advance(10s);
  int taken = 0;
  for (int i = 0; i < 12; ++i) {
    const Answer answer = host_.CallOperation(route53_, "GetHostedZoneCount", Value::Struct());
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      EXPECT_EQ(error->code, "Throttling");
      EXPECT_EQ(error->message, "Rate exceeded");
    } else {
      ++taken;
    }
  }
  EXPECT_EQ(taken, 5);
}

TEST_F(Route53Test, SecondChangeOnABusyZone) {
  host_.Advance(1s);
  const auto change = [&](std::string name) {
    return host_.CallOperation(route53_, "ChangeResourceRecordSets",
                               BatchOf({Change("CREATE", A(std::move(name), "1.1.1.1"))}));
  };
  EXPECT_FALSE(std::holds_alternative<ApiError>(change("a.example.test")));
  EXPECT_EQ(std::get<ApiError>(change("b.example.test")).code, "PriorRequestNotComplete");
}

TEST_F(Route53Test, HealthCheckConfigurationsAreRefusedAsAwsDoes) {
  const auto http = [](const std::string& member, Value value) {
    Value config = Value::Struct({{"Type", "HTTP"}, {"IPAddress", "127.1.0.9"}});
    return config.Set(member, std::move(value));
  };
  EXPECT_THAT(RefusedCheck(http("IPAddress", "shop-1.us-east-1.elb.amazonaws.com")).message,
              HasSubstr("is not a valid IP address"));
  EXPECT_EQ(RefusedCheck(http("IPAddress", "shop-1.us-east-1.elb.amazonaws.com")).code,
            "InvalidInput");
  EXPECT_EQ(RefusedCheck(http("IPAddress", "10.0.0.1")).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(http("RequestInterval", 20)).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(http("SearchString", "x")).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(http("Type", "HTTP_STR_MATCH")).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(http("Type", "TCP")).code, "InvalidInput");  // no port
  EXPECT_EQ(RefusedCheck(Value::Struct({{"Type", "TCP"},
                                        {"IPAddress", "127.0.0.1"},
                                        {"Port", 80},
                                        {"FullyQualifiedDomainName", "a.example.test"}}))
                .message,
            "TCP health checks that have IP address must not have a fully qualified domain name "
            "specified.");
  EXPECT_EQ(RefusedCheck(
                http("AlarmIdentifier", Value::Struct({{"Region", "us-east-1"}, {"Name", "lag"}})))
                .message,
            "Invalid parameter : Basic health checks must not have an metric region specified.");
  EXPECT_EQ(RefusedCheck(http("Regions", Value::List{"us-east-1"})).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(Value::Struct({{"Type", "HTTP"}})).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(Value::Struct({{"Type", "RECOVERY_CONTROL"}})).code, "InvalidInput");
  EXPECT_EQ(
      RefusedCheck(Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", "arn:none"}}))
          .code,
      "InvalidInput");
  EXPECT_EQ(RefusedCheck(Value::Struct({{"Type", "CLOUDWATCH_METRIC"}})).code, "InvalidInput");
  EXPECT_EQ(RefusedCheck(Value::Struct({{"Type", "CALCULATED"},
                                        {"HealthThreshold", 1},
                                        {"ChildHealthChecks", Value::List{"none"}}}))
                .code,
            "InvalidInput");
}

TEST_F(Route53Test, ACheckWithoutAnAddressGetsNoneLater) {
  const std::string id = MakeCheck(
      "named", Value::Struct({{"Type", "HTTP"}, {"FullyQualifiedDomainName", "a.example.test"}}));
  EXPECT_EQ(
      Error("UpdateHealthCheck", Value::Struct({{"HealthCheckId", id}, {"IPAddress", "127.1.0.9"}}))
          .code,
      "InvalidInput");
  Ok("UpdateHealthCheck", Value::Struct({{"HealthCheckId", id}, {"Port", 81}}));
}

TEST_F(Route53Test, OneLatencyRecordForARegion) {
  const auto latency = [](const std::string& set, const std::string& region) {
    Value record = A("l.example.test", "1.1.1.1");
    return Change("CREATE", record.Set("SetIdentifier", set).Set("Region", region));
  };
  Apply({latency("one", "us-east-1"), latency("two", "us-west-2")});
  EXPECT_THAT(Refused({latency("three", "us-east-1")}), HasSubstr("region already exists"));
}

TEST_F(Route53Test, AnAnswerForAResolverSomewhereIsRefused) {
  Apply({Change("CREATE", A("a.example.test", "1.2.3.4"))});
  Value asked = Value::Struct(
      {{"HostedZoneId", zone_}, {"RecordName", "a.example.test"}, {"RecordType", "A"}});
  EXPECT_EQ(Ok("TestDNSAnswer", asked).Items("RecordData").size(), 1u);
  EXPECT_EQ(Error("TestDNSAnswer", asked.Set("ResolverIP", "8.8.8.8")).code, "InvalidInput");
}

TEST_F(Route53Test, NoZoneIsPrivate) {
  EXPECT_EQ(Ok("ListHostedZones", Value::Struct()).Items("HostedZones").size(), 1u);
  EXPECT_EQ(Ok("ListHostedZones", Value::Struct({{"HostedZoneType", "PrivateHostedZone"}}))
                .Items("HostedZones")
                .size(),
            0u);
}

TEST_F(Route53Test, CallerReferenceNamesOneCheck) {
  const Value config = Value::Struct({{"Type", "TCP"}, {"IPAddress", "127.1.0.9"}, {"Port", 80}});
  EXPECT_EQ(MakeCheck("r", config), MakeCheck("r", config));
  Value other = config;
  other.Set("Port", 81);
  EXPECT_EQ(Error("CreateHealthCheck",
                  Value::Struct({{"CallerReference", "r"}, {"HealthCheckConfig", other}}))
                .code,
            "HealthCheckAlreadyExists");
}

class SwitchTest : public Route53Test {
 protected:
  SwitchTest() {
    const auto config = [&](std::string_view operation, Value input) {
      return std::get<Value>(host_.CallOperation(arc_, operation, std::move(input)));
    };
    const std::string cluster(config("CreateCluster", Value::Struct({{"ClusterName", "c"}}))
                                  .Sub("Cluster")
                                  .String("ClusterArn"));
    host_.Advance(1s);
    for (std::string* control : {&home_, &recovery_}) {
      *control =
          config("CreateRoutingControl",
                 Value::Struct({{"ClusterArn", cluster},
                                {"RoutingControlName", control == &home_ ? "home" : "recovery"}}))
              .Sub("RoutingControl")
              .String("RoutingControlArn");
    }
    const std::string home =
        MakeCheck("h", Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", home_}}));
    const std::string recovery = MakeCheck(
        "r", Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", recovery_}}));
    Apply({Change("CREATE", Failover(ElbAlias("shop.example.test", kAlbEast, "127.1.0.9", true),
                                     "PRIMARY", home)),
           Change("CREATE", Failover(ElbAlias("shop.example.test", kAlbWest, "127.2.0.9", true),
                                     "SECONDARY", recovery))});
  }

  void Set(std::string home, std::string recovery) {
    TellBalancers({{"127.1.0.9", kAlbEast}, {"127.2.0.9", kAlbWest}});
    const Answer answer = host_.CallOperation(
        arc_cluster_, "UpdateRoutingControlStates",
        Value::Struct({{"UpdateRoutingControlStateEntries",
                        Value::List{Value::Struct({{"RoutingControlArn", home_},
                                                   {"RoutingControlState", home}}),
                                    Value::Struct({{"RoutingControlArn", recovery_},
                                                   {"RoutingControlState", recovery}})}}}));
    ASSERT_FALSE(std::holds_alternative<ApiError>(answer));
  }

  std::string home_;
  std::string recovery_;
};

TEST_F(SwitchTest, RoutingControlMovesTheVeryNextAnswer) {
  Set("On", "Off");
  EXPECT_THAT(Dns("shop.example.test"), ElementsAre("127.1.0.9"));
  Set("Off", "On");
  EXPECT_THAT(Dns("shop.example.test"), ElementsAre("127.2.0.9"));
  Set("On", "Off");
  EXPECT_THAT(Dns("shop.example.test"), ElementsAre("127.1.0.9"));
}

TEST_F(SwitchTest, SilentRegionIsDownAndBothDownIsPrimary) {
  Set("On", "On");
  TellBalancers({{"127.1.0.9", kAlbEast}, {"127.2.0.9", kAlbWest}}, false);
  EXPECT_THAT(Dns("shop.example.test"), ElementsAre("127.1.0.9"));
  TellBalancers({{"127.1.0.9", kAlbEast}, {"127.2.0.9", kAlbWest}}, true);
  EXPECT_EQ(route53_.world().health->load_balancers.at("127.1.0.9."), true);
  host_.Advance(10s);
  EXPECT_EQ(route53_.world().health->load_balancers.at("127.1.0.9."), false);
}

TEST_F(SwitchTest, StateOutlivesTheProcess) {
  Set("Off", "On");
  Route53 again(host_);
  ASSERT_TRUE(again.Start().ok());
  const DnsAnswer answer = Resolve(again.world(), {"shop.example.test.", RrType::kA},
                                   [](std::uint64_t) { return std::uint64_t{0}; });
  // Both are off or not yet heard from: PRIMARY, until the Regions tell of their load balancers
  // again.
  ASSERT_EQ(answer.answer.size(), 1U);
  EXPECT_EQ(again.world().health->checks, route53_.world().health->checks);
}

TEST(CheckTest, CheckerChangesItsMindAfterThresholdInARow) {
  Checker checker;
  EXPECT_FALSE(checker.Observe(Seen::kFailure, 3));
  EXPECT_FALSE(checker.Observe(Seen::kFailure, 3));
  EXPECT_FALSE(checker.Observe(Seen::kSuccess, 3));  // the row is broken
  EXPECT_FALSE(checker.Observe(Seen::kFailure, 3));
  EXPECT_FALSE(checker.Observe(Seen::kFailure, 3));
  EXPECT_TRUE(checker.Observe(Seen::kFailure, 3));
  EXPECT_FALSE(checker.healthy);
  EXPECT_FALSE(checker.Observe(Seen::kSuccess, 3));
  EXPECT_FALSE(checker.Observe(Seen::kSuccess, 3));
  EXPECT_TRUE(checker.Observe(Seen::kSuccess, 3));
  EXPECT_TRUE(checker.healthy);
}

TEST(CheckTest, HealthyNeedsMoreThanEighteenPercent) {
  std::vector<Checker> eight(8);
  for (Checker& checker : eight) checker.healthy = false;
  eight[0].healthy = true;
  EXPECT_FALSE(Quorum(eight));  // 12.5 %
  eight[1].healthy = true;
  EXPECT_TRUE(Quorum(eight));  // 25 %
  std::vector<Checker> three(3);
  for (Checker& checker : three) checker.healthy = false;
  three[0].healthy = true;
  EXPECT_TRUE(Quorum(three));
}

class EffectiveTest : public ::testing::Test {
 protected:
  HealthCheck& Add(const std::string& id, Value config) {
    HealthCheck check;
    check.id = id;
    check.config = std::move(config);
    return checks_[id] = check;
  }
  HealthCheck& AddHttp(const std::string& id, bool healthy) {
    HealthCheck& check = Add(id, Value::Struct({{"Type", "HTTP"}}));
    check.checkers.resize(1);
    check.checkers[0].healthy = healthy;
    return check;
  }
  bool Health(const std::string& id) {
    return EffectiveHealth(checks_, checks_.at(id),
                           [](std::string_view arn) { return arn == "on"; });
  }
  CheckTable checks_;
};

TEST_F(EffectiveTest, InvertedAndDisabled) {
  AddHttp("a", false).config.Set("Inverted", true);
  EXPECT_TRUE(Health("a"));
  AddHttp("b", false).config.Set("Disabled", true);
  EXPECT_TRUE(Health("b"));
  checks_["b"].config.Set("Inverted", true);
  EXPECT_FALSE(Health("b"));
}

TEST_F(EffectiveTest, CalculatedCountsItsChildren) {
  AddHttp("a", true);
  AddHttp("b", false);
  HealthCheck& sum = Add("c", Value::Struct({{"Type", "CALCULATED"},
                                             {"ChildHealthChecks", Value::List{"a", "b"}},
                                             {"HealthThreshold", 1}}));
  EXPECT_TRUE(Health("c"));
  sum.config.Set("HealthThreshold", 2);
  EXPECT_FALSE(Health("c"));
  sum.config.Set("HealthThreshold", 0);
  EXPECT_TRUE(Health("c"));
}

TEST_F(EffectiveTest, CalculatedCycleIsUnhealthyAndEnds) {
  Add("c", Value::Struct({{"Type", "CALCULATED"},
                          {"ChildHealthChecks", Value::List{"c"}},
                          {"HealthThreshold", 1}}));
  EXPECT_FALSE(Health("c"));
}

TEST_F(EffectiveTest, RecoveryControl) {
  Add("on", Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", "on"}}));
  Add("off", Value::Struct({{"Type", "RECOVERY_CONTROL"}, {"RoutingControlArn", "off"}}));
  EXPECT_TRUE(Health("on"));
  EXPECT_FALSE(Health("off"));
}

TEST_F(EffectiveTest, AlarmWithoutDataIsWhatTheConfigurationSays) {
  HealthCheck& check = Add("m", Value::Struct({{"Type", "CLOUDWATCH_METRIC"}}));
  check.last_known = false;
  EXPECT_FALSE(Health("m"));
  check.config.Set("InsufficientDataHealthStatus", "Healthy");
  EXPECT_TRUE(Health("m"));
  check.config.Set("InsufficientDataHealthStatus", "Unhealthy");
  EXPECT_FALSE(Health("m"));
  check.alarm = AlarmData::kOk;
  EXPECT_TRUE(Health("m"));
  check.alarm = AlarmData::kAlarm;
  EXPECT_FALSE(Health("m"));
}

}  // namespace
}  // namespace leeward::lab

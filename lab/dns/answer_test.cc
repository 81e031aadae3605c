#include "lab/dns/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace leeward::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kAlbEast[] = "Z35SXDOTRQ7X7K";

RecordSet Plain(std::string name, RrType type, std::vector<std::string> values) {
  RecordSet record;
  record.name = std::move(name);
  record.type = type;
  record.ttl = 30;
  record.values = std::move(values);
  return record;
}

RecordSet AliasTo(std::string name, std::string zone_id, std::string target, TargetHealth health) {
  RecordSet record;
  record.name = std::move(name);
  record.alias = Alias{std::move(zone_id), std::move(target), health};
  return record;
}

RecordSet Routed(RecordSet record, Routing routing, std::string check = "") {
  record.routing = routing;
  record.set_identifier = record.values.empty() ? record.alias->target : record.values.front();
  record.health_check = std::move(check);
  return record;
}

RecordSet Weighted(const std::string& value, std::uint32_t weight, const std::string& check = "") {
  RecordSet record = Routed(Plain("w.z.test.", RrType::kA, {value}), Routing::kWeighted, check);
  record.weight = weight;
  return record;
}

class AnswerTest : public ::testing::Test {
 protected:
  AnswerTest() {
    zone_->id = "Z1";
    zone_->name = "z.test.";
    Add(Plain("z.test.", RrType::kSoa, {"ns.z.test. host.z.test. 1 7200 900 1209600 86400"}));
    Add(Plain("z.test.", RrType::kNs, {"ns-1.lab."}));
    world_.zones["z.test."] = zone_;
    world_.health = health_;
  }

  void Add(RecordSet record) {
    zone_->sets[{SortKey(record.name), record.type}].push_back(std::move(record));
  }
  DnsAnswer Ask(const std::string& name, RrType type = RrType::kA) {
    return Resolve(world_, {name, type}, [this](std::uint64_t bound) { return draw_++ % bound; });
  }
  std::vector<std::string> Values(const std::string& name, RrType type = RrType::kA) {
    std::vector<std::string> values;
    for (const Rr& record : Ask(name, type).answer) values.push_back(record.value);
    return values;
  }
  void Failover(const std::string& primary_check, const std::string& secondary_check) {
    Add(Routed(Plain("f.z.test.", RrType::kA, {"1.1.1.1"}), Routing::kPrimary, primary_check));
    Add(Routed(Plain("f.z.test.", RrType::kA, {"2.2.2.2"}), Routing::kSecondary, secondary_check));
  }

  std::shared_ptr<Zone> zone_ = std::make_shared<Zone>();
  std::shared_ptr<HealthView> health_ = std::make_shared<HealthView>();
  World world_;
  std::uint64_t draw_ = 0;
};

TEST_F(AnswerTest, SimpleRecordAnswersAllItsValues) {
  Add(Plain("a.z.test.", RrType::kA, {"1.1.1.1", "1.1.1.2"}));
  const DnsAnswer answer = Ask("a.z.test.");
  EXPECT_EQ(answer.rcode, Rcode::kNoError);
  EXPECT_TRUE(answer.authoritative);
  EXPECT_THAT(answer.answer, ElementsAre(Rr{"a.z.test.", RrType::kA, 30, "1.1.1.1"},
                                         Rr{"a.z.test.", RrType::kA, 30, "1.1.1.2"}));
}

TEST_F(AnswerTest, ApexAnswersSoaAndNs) {
  EXPECT_THAT(Values("z.test.", RrType::kNs), ElementsAre("ns-1.lab."));
  EXPECT_EQ(Values("z.test.", RrType::kSoa).size(), 1U);
}

TEST_F(AnswerTest, MissingNameIsNxdomainWithSoa) {
  const DnsAnswer answer = Ask("no.z.test.");
  EXPECT_EQ(answer.rcode, Rcode::kNxDomain);
  ASSERT_EQ(answer.authority.size(), 1U);
  EXPECT_EQ(answer.authority[0].type, RrType::kSoa);
}

TEST_F(AnswerTest, MissingTypeIsNodataWithSoa) {
  Add(Plain("a.z.test.", RrType::kA, {"1.1.1.1"}));
  const DnsAnswer answer = Ask("a.z.test.", RrType::kAaaa);
  EXPECT_EQ(answer.rcode, Rcode::kNoError);
  EXPECT_THAT(answer.answer, IsEmpty());
  ASSERT_EQ(answer.authority.size(), 1U);
  EXPECT_EQ(answer.authority[0].type, RrType::kSoa);
}

TEST_F(AnswerTest, EmptyNameBetweenOthersIsNodataNotNxdomain) {
  Add(Plain("x.y.z.test.", RrType::kA, {"1.1.1.1"}));
  EXPECT_EQ(Ask("y.z.test.").rcode, Rcode::kNoError);
}

TEST_F(AnswerTest, ForeignNameIsRefused) {
  EXPECT_EQ(Ask("a.other.").rcode, Rcode::kRefused);
  EXPECT_EQ(Ask("notz.test.").rcode, Rcode::kRefused);
}

TEST_F(AnswerTest, ClosestZoneAnswers) {
  auto inner = std::make_shared<Zone>();
  inner->name = "in.z.test.";
  inner->sets[{SortKey("a.in.z.test."), RrType::kA}].push_back(
      Plain("a.in.z.test.", RrType::kA, {"9.9.9.9"}));
  world_.zones["in.z.test."] = inner;
  Add(Plain("a.in.z.test.", RrType::kA, {"1.1.1.1"}));
  EXPECT_THAT(Values("a.in.z.test."), ElementsAre("9.9.9.9"));
}

TEST_F(AnswerTest, WildcardAnswersNamesThatDoNotExist) {
  Add(Plain("*.z.test.", RrType::kA, {"1.1.1.1"}));
  Add(Plain("here.z.test.", RrType::kTxt, {"\"x\""}));
  const DnsAnswer answer = Ask("any.deep.z.test.");
  ASSERT_EQ(answer.answer.size(), 1U);
  EXPECT_EQ(answer.answer[0].name, "any.deep.z.test.");
  // A name that exists hides the wildcard, also for types it does not have, and for what is below
  // it.
  EXPECT_THAT(Values("here.z.test."), IsEmpty());
  EXPECT_EQ(Ask("below.here.z.test.").rcode, Rcode::kNxDomain);
}

TEST_F(AnswerTest, CnameIsFollowedInsideTheZoneOnly) {
  Add(Plain("c.z.test.", RrType::kCname, {"D.z.test"}));
  Add(Plain("d.z.test.", RrType::kCname, {"far.example."}));
  EXPECT_THAT(Values("c.z.test."), ElementsAre("D.z.test", "far.example."));
  EXPECT_THAT(Values("c.z.test.", RrType::kCname), ElementsAre("D.z.test"));
}

TEST_F(AnswerTest, CnameToMissingNameKeepsTheChainAndSaysNxdomain) {
  Add(Plain("c.z.test.", RrType::kCname, {"gone.z.test."}));
  const DnsAnswer answer = Ask("c.z.test.");
  EXPECT_EQ(answer.rcode, Rcode::kNxDomain);
  EXPECT_EQ(answer.answer.size(), 1U);
  EXPECT_EQ(answer.authority.size(), 1U);
}

TEST_F(AnswerTest, CnameLoopEnds) {
  Add(Plain("c.z.test.", RrType::kCname, {"d.z.test."}));
  Add(Plain("d.z.test.", RrType::kCname, {"c.z.test."}));
  EXPECT_LE(Ask("c.z.test.").answer.size(), 8U);
}

TEST_F(AnswerTest, DelegationIsReferredTo) {
  Add(Plain("sub.z.test.", RrType::kNs, {"ns.elsewhere."}));
  const DnsAnswer answer = Ask("www.sub.z.test.");
  EXPECT_FALSE(answer.authoritative);
  EXPECT_THAT(answer.answer, IsEmpty());
  ASSERT_EQ(answer.authority.size(), 1U);
  EXPECT_EQ(answer.authority[0].value, "ns.elsewhere.");
}

TEST_F(AnswerTest, AliasToLoadBalancerAnswersItsAddressForSixtySeconds) {
  Add(AliasTo("e.z.test.", kAlbEast, "127.1.2.3.", TargetHealth::kIgnore));
  EXPECT_THAT(Ask("e.z.test.").answer, ElementsAre(Rr{"e.z.test.", RrType::kA, 60, "127.1.2.3"}));
}

TEST_F(AnswerTest, AliasToRecordTakesItsValuesAndTtl) {
  Add(Plain("t.z.test.", RrType::kA, {"7.7.7.7"}));
  Add(AliasTo("z.test.", "Z1", "t.z.test.", TargetHealth::kIgnore));
  EXPECT_THAT(Ask("z.test.").answer, ElementsAre(Rr{"z.test.", RrType::kA, 30, "7.7.7.7"}));
}

TEST_F(AnswerTest, HealthOfSimpleRecordsIsIgnored) {
  RecordSet record = Plain("a.z.test.", RrType::kA, {"1.1.1.1"});
  record.health_check = "down";
  Add(record);
  health_->checks["down"] = false;
  EXPECT_THAT(Values("a.z.test."), ElementsAre("1.1.1.1"));
}

// Failover: primary up -> primary; down -> secondary; both down -> primary again.
TEST_F(AnswerTest, FailoverFollowsHealth) {
  Failover("p", "s");
  struct Case {
    bool primary, secondary;
    const char* expected;
  };
  for (const Case& c : {Case{true, true, "1.1.1.1"}, Case{true, false, "1.1.1.1"},
                        Case{false, true, "2.2.2.2"}, Case{false, false, "1.1.1.1"}}) {
    health_->checks = {{"p", c.primary}, {"s", c.secondary}};
    EXPECT_THAT(Values("f.z.test."), ElementsAre(c.expected)) << c.primary << c.secondary;
  }
}

TEST_F(AnswerTest, FailoverReturnsToPrimaryByItself) {
  Failover("p", "s");
  health_->checks = {{"p", false}, {"s", true}};
  EXPECT_THAT(Values("f.z.test."), ElementsAre("2.2.2.2"));
  health_->checks["p"] = true;
  EXPECT_THAT(Values("f.z.test."), ElementsAre("1.1.1.1"));
}

TEST_F(AnswerTest, SecondaryWithoutCheckIsUsedWheneverPrimaryIsDown) {
  Failover("p", "");
  health_->checks["p"] = false;
  EXPECT_THAT(Values("f.z.test."), ElementsAre("2.2.2.2"));
}

TEST_F(AnswerTest, PrimaryAloneAnswersWhenDown) {
  Add(Routed(Plain("f.z.test.", RrType::kA, {"1.1.1.1"}), Routing::kPrimary, "p"));
  health_->checks["p"] = false;
  EXPECT_THAT(Values("f.z.test."), ElementsAre("1.1.1.1"));
}

TEST_F(AnswerTest, FailoverAliasFollowsLoadBalancerHealthAndCheck) {
  Add(Routed(AliasTo("f.z.test.", kAlbEast, "127.1.0.1.", TargetHealth::kEvaluate),
             Routing::kPrimary, "p"));
  Add(Routed(AliasTo("f.z.test.", "Z1H1FL5HABSF5", "127.2.0.1.", TargetHealth::kEvaluate),
             Routing::kSecondary, "s"));
  health_->load_balancers = {{"127.1.0.1.", true}, {"127.2.0.1.", true}};
  health_->checks = {{"p", true}, {"s", true}};
  EXPECT_THAT(Values("f.z.test."), ElementsAre("127.1.0.1"));
  health_->checks["p"] = false;  // the routing control is Off though all targets are well
  EXPECT_THAT(Values("f.z.test."), ElementsAre("127.2.0.1"));
  health_->checks["p"] = true;
  health_->load_balancers["127.1.0.1."] = false;
  EXPECT_THAT(Values("f.z.test."), ElementsAre("127.2.0.1"));
  health_->load_balancers.clear();  // both load balancers are gone
  EXPECT_THAT(Values("f.z.test."), ElementsAre("127.1.0.1"));
}

TEST_F(AnswerTest, AliasHealthIsThatOfTheGroupBehindIt) {
  Add(Plain("backup.z.test.", RrType::kA, {"3.3.3.3"}));
  Add(Weighted("1.1.1.1", 1, "a"));
  Add(Weighted("1.1.1.2", 1, "b"));
  Add(Routed(AliasTo("f.z.test.", "Z1", "w.z.test.", TargetHealth::kEvaluate), Routing::kPrimary));
  Add(Routed(AliasTo("f.z.test.", "Z1", "backup.z.test.", TargetHealth::kEvaluate),
             Routing::kSecondary));
  health_->checks = {{"a", false}, {"b", true}};
  EXPECT_THAT(Values("f.z.test."), ElementsAre("1.1.1.2"));
  health_->checks["b"] = false;
  EXPECT_THAT(Values("f.z.test."), ElementsAre("3.3.3.3"));
}

TEST_F(AnswerTest, WeightsShareAnswersInProportion) {
  Add(Weighted("1.1.1.1", 3));
  Add(Weighted("2.2.2.2", 1));
  std::map<std::string, int> counts;
  for (int i = 0; i < 400; ++i) ++counts[Values("w.z.test.").at(0)];
  EXPECT_EQ(counts["1.1.1.1"], 300);
  EXPECT_EQ(counts["2.2.2.2"], 100);
}

TEST_F(AnswerTest, WeightZeroAnswersOnlyWhenAllOthersAreDown) {
  Add(Weighted("1.1.1.1", 10, "a"));
  Add(Weighted("2.2.2.2", 0));
  health_->checks["a"] = true;
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Values("w.z.test."), ElementsAre("1.1.1.1"));
  health_->checks["a"] = false;
  EXPECT_THAT(Values("w.z.test."), ElementsAre("2.2.2.2"));
}

TEST_F(AnswerTest, WeightedFailsOpen) {
  Add(Weighted("1.1.1.1", 1, "a"));
  Add(Weighted("2.2.2.2", 1, "b"));
  health_->checks = {{"a", false}, {"b", false}};
  std::map<std::string, int> counts;
  for (int i = 0; i < 10; ++i) ++counts[Values("w.z.test.").at(0)];
  EXPECT_EQ(counts.size(), 2U);
}

TEST_F(AnswerTest, AllWeightsZeroAnswerEqually) {
  Add(Weighted("1.1.1.1", 0));
  Add(Weighted("2.2.2.2", 0));
  std::map<std::string, int> counts;
  for (int i = 0; i < 10; ++i) ++counts[Values("w.z.test.").at(0)];
  EXPECT_EQ(counts["1.1.1.1"], 5);
}

TEST_F(AnswerTest, MultivalueGivesHealthyOnesAndAtMostEight) {
  for (int i = 1; i <= 10; ++i) {
    const std::string value = "1.1.1." + std::to_string(i);
    Add(Routed(Plain("m.z.test.", RrType::kA, {value}), Routing::kMultivalue, value));
    health_->checks[value] = i <= 2;
  }
  EXPECT_THAT(Values("m.z.test."), UnorderedElementsAre("1.1.1.1", "1.1.1.2"));
  for (auto& [id, healthy] : health_->checks) healthy = false;
  EXPECT_EQ(Values("m.z.test.").size(), 8U);
}

TEST_F(AnswerTest, LatencyPrefersTheNearestHealthyRegion) {
  RecordSet east = Routed(Plain("l.z.test.", RrType::kA, {"1.1.1.1"}), Routing::kLatency, "e");
  east.region = "us-east-1";
  RecordSet west = Routed(Plain("l.z.test.", RrType::kA, {"2.2.2.2"}), Routing::kLatency, "w");
  west.region = "us-west-2";
  Add(west);
  Add(east);
  health_->checks = {{"e", true}, {"w", true}};
  EXPECT_THAT(Values("l.z.test."), ElementsAre("1.1.1.1"));
  health_->checks["e"] = false;
  EXPECT_THAT(Values("l.z.test."), ElementsAre("2.2.2.2"));
  health_->checks["w"] = false;
  EXPECT_THAT(Values("l.z.test."), ElementsAre("1.1.1.1"));
}

TEST_F(AnswerTest, AliasLoopCountsAsDownAndEnds) {
  Add(AliasTo("a.z.test.", "Z1", "b.z.test.", TargetHealth::kEvaluate));
  Add(AliasTo("b.z.test.", "Z1", "a.z.test.", TargetHealth::kEvaluate));
  EXPECT_THAT(Values("a.z.test."), IsEmpty());
}

TEST(ZoneTest, ListsInRoute53Order) {
  std::vector<std::string> names = {"b.z.test.", "z.test.", "a.b.z.test.", "a.z.test."};
  std::ranges::sort(names, {}, [](const std::string& name) { return SortKey(name); });
  EXPECT_THAT(names, ElementsAre("z.test.", "a.z.test.", "b.z.test.", "a.b.z.test."));
}

TEST(ZoneTest, CanonicalNames) {
  EXPECT_EQ(CanonicalName("WWW.Z.test"), "www.z.test.");
  EXPECT_EQ(CanonicalName("\\052.z.test."), "*.z.test.");
}

}  // namespace
}  // namespace leeward::lab

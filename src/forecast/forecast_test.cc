// What is read from drills, what is drawn from it, and what is told of the runs.
#include "forecast/forecast.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "forecast/measurement.h"

namespace leeward::forecast {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

model::Application Shop() {
  model::Application shop;
  shop.name = model::ApplicationName("shop");
  shop.regions = {model::Region("us-east-1"), model::Region("us-west-2"),
                  model::Region("eu-west-1")};
  shop.objectives = {seconds(10), seconds(5)};
  shop.detection = {milliseconds(500), milliseconds(500), 3, 2};
  model::Route53 traffic;
  traffic.ttl = seconds(1);
  model::Ecs web;
  web.standby = 1;
  shop.components = {{model::ComponentName("orders"), model::Rds{}, {}},
                     {model::ComponentName("web"), web, {}},
                     {model::ComponentName("traffic"), traffic, {}}};
  shop.workload.emplace().rate = 200;
  return shop;
}

// The fault came 8 ms before a slot of probes.
constexpr char kReport[] = R"({"leeward_report":1,"application":"shop",
  "fault":{"name":"region-loss","region":"us-east-1","at":"2026-11-23T21:46:26.492Z"},
  "rto":{"total_s":2.785907,"detect_s":1.484625,"decide_s":0.005669,"fence_s":0.0004,
         "promote_s":0.14,"scale_s":0.004,"traffic_s":0.002,"client_tail_s":1.146564},
  "rpo":{"acknowledged":855,"lost":6,"lost_s":0.027113,"bound_s":1.627779},
  "executions":[
    {"execution":"a","action":"protect","began":"2026-11-23T21:46:18.986Z","outcome":"done"},
    {"execution":"b","action":"failover","began":"2026-11-23T21:46:27.978Z","outcome":"done"},
    {"execution":"c","action":"failback","began":"2026-11-23T21:46:30.902Z","outcome":"done"}],
  "timeline":[
    {"execution":"a","step":"rds.replicate/orders","phase":"prepare","took_s":3.7,"state":"done"},
    {"execution":"b","step":"rds.measure/orders","phase":"decide","took_s":0.003655,"state":"done"},
    {"execution":"b","step":"gate.loss","phase":"decide","took_s":0.000692,"state":"done"},
    {"execution":"b","step":"rds.promote/orders","phase":"promote","took_s":0.139,"state":"done"},
    {"execution":"c","step":"rds.promote/orders","phase":"promote","took_s":0.6,"state":"done"}]})";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ReadMeasurement, TakesWhatTheFailoverOfTheDrillTook) {
  const auto read = ReadMeasurement(Shop(), "region-loss", kReport);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->detection_late, microseconds(1625)) << "8 ms to the slot, two slots, 475 ms";
  EXPECT_EQ(read->planning, microseconds(5669 - 3655 - 692));
  EXPECT_EQ(read->client_phase, microseconds(785907));
  EXPECT_EQ(read->client_late, seconds(1));
  EXPECT_EQ(read->replication_lag, microseconds(27113 + 2500));
  ASSERT_EQ(read->steps.size(), 3u) << "of the failover alone";
  EXPECT_EQ(read->steps.at(model::StepId("rds.promote/orders")), milliseconds(139));
}

struct Bad {
  const char *from, *to, *why;
};

class Refusal : public testing::TestWithParam<Bad> {};

TEST_P(Refusal, SaysWhatIsMissing) {
  const auto read =
      ReadMeasurement(Shop(), "region-loss", Replaced(kReport, GetParam().from, GetParam().to));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), base::ErrorCode::kInvalid);
  EXPECT_NE(read.error().message().find(GetParam().why), std::string::npos)
      << read.error().message();
}

INSTANTIATE_TEST_SUITE_P(
    ReadMeasurement, Refusal,
    testing::Values(Bad{"{\"leeward_report\":1", "[{\"leeward_report\":1", "not JSON"},
                    Bad{"\"leeward_report\":1", "\"leeward_report\":2", "not the document"},
                    Bad{"\"shop\"", "\"till\"", "application till"},
                    Bad{"region-loss", "region-dark", "no fault region-loss"},
                    Bad{"us-east-1", "us-west-2", "lost us-west-2"},
                    Bad{"\"rto\":", "\"old\":", "no recovery"},
                    Bad{"\"rpo\":", "\"old\":", "no loss"},
                    Bad{"\"detect_s\":1.484625", "\"detect_s\":-1", "detect_s cannot be"},
                    Bad{"\"failover\"", "\"switchover\"", "no failover"},
                    Bad{"\"lost_s\":0.027113", "\"lost_s\":\"0\"", "no lost_s"}));

std::vector<Latencies> Two() {
  Latencies slow, fast;
  slow.planning = milliseconds(40);
  slow.client_phase = milliseconds(900);
  slow.steps[model::StepId("rds.promote/orders")] = milliseconds(400);
  fast.planning = milliseconds(10);
  fast.client_phase = milliseconds(950);
  fast.steps[model::StepId("rds.promote/orders")] = milliseconds(100);
  return {slow, fast};
}

TEST(Sampler, TheSameChanceDrawsTheSame) {
  const Sampler sampler(Two(), Shop().detection, seconds(1));
  ports::SeededRandom one(7), same(7), other(8);
  const Latencies first = sampler.Draw(one), again = sampler.Draw(same);
  EXPECT_EQ(first.steps, again.steps);
  EXPECT_EQ(first.fault_phase, again.fault_phase);
  EXPECT_NE(sampler.Draw(other).fault_phase, first.fault_phase);
}

TEST(Sampler, DrawsAroundWhatWasMeasuredAndKeepsADrillTogether) {
  const Sampler sampler(Two(), Shop().detection, seconds(1));
  ports::SeededRandom random(1);
  int slow = 0;
  for (int i = 0; i < 1000; ++i) {
    const Latencies drawn = sampler.Draw(random);
    const Duration promote = drawn.steps.at(model::StepId("rds.promote/orders"));
    EXPECT_GE(promote, Duration(0));
    EXPECT_GE(drawn.planning, Duration(0));
    EXPECT_GE(drawn.client_phase, Duration(0));
    EXPECT_LT(drawn.client_phase, seconds(1));
    EXPECT_LT(drawn.fault_phase, milliseconds(500));
    if (promote > milliseconds(400)) {
      ++slow;
      EXPECT_GT(drawn.planning, Duration(0));
    }
  }
  EXPECT_GT(slow, 150) << "half of those of the slow drill";
  EXPECT_LT(slow, 350);
}

TEST(Sampler, OneDrillAloneIsDrawnAsItWas) {
  const Sampler sampler({Two().front()}, Shop().detection, seconds(1));
  ports::SeededRandom random(1);
  EXPECT_EQ(sampler.Draw(random).steps, Two().front().steps);
}

TEST(KernelWidth, IsSilvermansOfTheSmallerSpread) {
  EXPECT_EQ(KernelWidth({seconds(3)}), Duration(0));
  EXPECT_EQ(KernelWidth({seconds(3), seconds(3), seconds(3)}), Duration(0));
  // Quartiles of 1..5: 2 and 4. One that is far off does not widen it.
  const double expected = 0.9 * 2 / 1.34 * 0.724779664;
  const Duration width =
      KernelWidth({seconds(1), seconds(2), seconds(3), seconds(4), seconds(500)});
  EXPECT_NEAR(base::Seconds(width), expected, 1e-6);
}

TEST(Quantile, LiesOnTheLineBetweenNeighbours) {
  const std::vector<Duration> values = {seconds(1), seconds(2), seconds(3), seconds(4)};
  EXPECT_EQ(Quantile(values, 0), seconds(1));
  EXPECT_EQ(Quantile(values, 1), seconds(4));
  EXPECT_EQ(Quantile(values, 0.5), milliseconds(2500));
  EXPECT_EQ(Quantile({seconds(9)}, 0.95), seconds(9));
}

TEST(Histogram, CountsEveryValueInRoundBins) {
  const Histogram bins = HistogramOf(
      {milliseconds(1810), milliseconds(1999), milliseconds(2000), milliseconds(2950)}, 12);
  EXPECT_EQ(bins.width, milliseconds(200));
  EXPECT_EQ(bins.from, milliseconds(1800));
  EXPECT_EQ(bins.counts, (std::vector<int>{2, 1, 0, 0, 0, 1}));
  EXPECT_EQ(HistogramOf({seconds(1)}, 12).counts, std::vector<int>{1});
  EXPECT_TRUE(HistogramOf({}, 12).counts.empty());
}

Trial Recovered(Duration rto, Duration lost) {
  Trial run;
  run.rto = rto;
  run.lost = lost;
  run.bound = lost + seconds(1);
  return run;
}

TEST(Sum, SharesAreOfAllRunsAndARefusedOneKeepsNoObjective) {
  Trial refused;
  refused.refused = "gate.loss: orders may lose up to 7.00 s";
  const std::vector<Trial> runs = {Recovered(seconds(2), seconds(1)),
                                   Recovered(seconds(11), seconds(6)),
                                   Recovered(seconds(3), seconds(1)), refused};
  const Forecast forecast = Sum(Shop(), runs);
  EXPECT_EQ(forecast.runs, 4u);
  EXPECT_EQ(forecast.refused, 1u);
  EXPECT_EQ(forecast.gates, (std::map<std::string, std::size_t>{{"gate.loss", 1}}));
  EXPECT_EQ(forecast.rto_within, 2u);
  EXPECT_EQ(forecast.rpo_within, 2u);
  EXPECT_EQ(forecast.rto.p50, seconds(3));
  EXPECT_EQ(forecast.rto.max, seconds(11));
  const std::string json = ToJson(forecast);
  EXPECT_NE(json.find("\"schema\": \"leeward/forecast/v1\""), std::string::npos);
  EXPECT_NE(json.find("\"share\": 0.25"), std::string::npos) << json;
  EXPECT_NE(ToText(forecast).find("within the RTO of 10.0 s: 50.0 % of all runs"),
            std::string::npos)
      << ToText(forecast);
}

TEST(ToText, WarnsOfFewMeasurementsAndShowsNoBandsWithoutARecovery) {
  Trial refused;
  refused.refused = "gate.loss: no";
  Forecast forecast = Sum(Shop(), {refused});
  EXPECT_EQ(ToText(forecast).find("median"), std::string::npos);
  forecast.basis.used = {"a", "b", "c", "d"};
  EXPECT_NE(ToText(forecast).find("warning: fewer than 5"), std::string::npos);
  forecast.basis.used.push_back("e");
  EXPECT_EQ(ToText(forecast).find("warning"), std::string::npos);
  EXPECT_NE(ToJson(forecast).find("\"rto\": null"), std::string::npos);
}

}  // namespace
}  // namespace leeward::forecast

// A rehearsal goes through the real loop: what it takes follows from the latencies, and gates
// refuse as they do.
#include "sim/rehearse.h"

#include <gtest/gtest.h>

namespace leeward::sim {
namespace {

using base::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

model::Application Shop() {
  model::Application shop;
  shop.name = model::ApplicationName("shop");
  shop.regions = {model::Region("us-east-1"), model::Region("us-west-2"),
                  model::Region("eu-west-1")};
  shop.objectives = {std::chrono::minutes(15), seconds(5)};
  shop.detection = {milliseconds(500), milliseconds(500), 3, 2};
  model::Rds orders;
  orders.instance = "orders";
  model::Ecs web;
  web.cluster = web.service = web.load_balancer = "shop";
  web.active = 3;
  model::Route53 traffic;
  traffic.name = "shop.example.test";
  traffic.control_panel = traffic.load_balancer = "shop";
  traffic.ttl = seconds(1);
  shop.components = {{model::ComponentName("orders"), orders, {}},
                     {model::ComponentName("web"), web, {model::ComponentName("orders")}},
                     {model::ComponentName("traffic"), traffic, {model::ComponentName("web")}}};
  shop.workload.emplace().rate = 200;
  return shop;
}

forecast::Latencies Measured() {
  forecast::Latencies measured;
  measured.fault_phase = milliseconds(123);
  measured.planning = milliseconds(7);
  measured.client_phase = milliseconds(900);
  measured.replication_lag = milliseconds(40);
  const std::pair<const char*, int> steps[] = {
      {"rds.measure/orders", 11},     {"gate.loss", 1},       {"gate.fence-proof", 2},
      {"rds.drain/orders", 3},        {"gate.final-loss", 1}, {"ecs.scale/web", 9},
      {"rds.promote/orders", 140},    {"ecs.ready/web", 5},   {"route53.shift/traffic", 6},
      {"route53.confirm/traffic", 8}, {"ecs.settle/web", 10}, {"app.verify", 20}};
  for (const auto& [step, took] : steps) measured.steps[model::StepId(step)] = milliseconds(took);
  return measured;
}

Rehearsal Rehearsed(const model::Application& application, const forecast::Latencies& measured) {
  const auto rehearsal = Rehearse(application, measured, 1);
  EXPECT_TRUE(rehearsal.ok()) << rehearsal.error().message();
  return rehearsal.ok() ? *rehearsal : Rehearsal{};
}

// Agendas round up to the nanosecond, once for each of the steps.
void ExpectAbout(Duration got, Duration expected, const char* what) {
  EXPECT_LT(std::chrono::abs(got - expected), std::chrono::microseconds(1))
      << what << ": " << base::HumanDuration(got) << ", not " << base::HumanDuration(expected);
}

TEST(Rehearse, PhasesAreWhatTheirStepsTake) {
  const Rehearsal rehearsal = Rehearsed(Shop(), Measured());
  EXPECT_EQ(rehearsal.refused, "");
  const report::RtoSplit& rto = rehearsal.rto;
  ExpectAbout(rto.decide, milliseconds(7 + 11 + 1), "decide");
  ExpectAbout(rto.fence, milliseconds(2), "fence");
  ExpectAbout(rto.promote, milliseconds(3 + 1 + 140), "promote");
  ExpectAbout(rto.scale, milliseconds(5), "scale");
  ExpectAbout(rto.traffic, milliseconds(6), "traffic");
  EXPECT_EQ(
      rto.detect + rto.decide + rto.fence + rto.promote + rto.scale + rto.traffic + rto.client_tail,
      rto.total);
}

TEST(Rehearse, TheLoopDetectsWhenTheSlotsOfProbesSay) {
  for (const int phase : {1, 123, 250, 499}) {
    for (const int late : {-20, 0, 300}) {
      forecast::Latencies measured = Measured();
      measured.fault_phase = milliseconds(phase);
      measured.detection_late = milliseconds(late);
      ExpectAbout(
          Rehearsed(Shop(), measured).rto.detect,
          forecast::DetectionBySlots(Shop().detection, measured.fault_phase) + milliseconds(late),
          "detect");
    }
  }
}

// The name leads to the recovery Region 2.029 s after the fault.
TEST(Rehearse, TheClientRecoversWhenItAsksForTheNameAgain) {
  forecast::Latencies measured = Measured();
  ExpectAbout(Rehearsed(Shop(), measured).rto.total, milliseconds(2900), "asked in time");
  measured.client_phase = milliseconds(10);
  ExpectAbout(Rehearsed(Shop(), measured).rto.total, milliseconds(3010), "asked too early");
  measured.client_phase = milliseconds(40);
  ExpectAbout(Rehearsed(Shop(), measured).rto.total, milliseconds(2040), "asked just then");
  measured.client_late = seconds(1);
  ExpectAbout(Rehearsed(Shop(), measured).rto.total, milliseconds(3040), "clung to the old one");
}

TEST(Rehearse, WhatIsLostIsWhatHadNotArrivedAndTheBoundCoversIt) {
  for (const int lag : {0, 40, 700}) {
    forecast::Latencies measured = Measured();
    measured.replication_lag = milliseconds(lag);
    const Rehearsal rehearsal = Rehearsed(Shop(), measured);
    EXPECT_LE(rehearsal.lost, milliseconds(lag));
    EXPECT_GE(rehearsal.lost, milliseconds(lag - 5)) << "one write every 5 ms";
    ASSERT_TRUE(rehearsal.bound.has_value());
    EXPECT_GE(*rehearsal.bound, rehearsal.lost);
  }
}

TEST(Rehearse, TheLossGateRefusesWhatIsOverTheRpo) {
  model::Application shop = Shop();
  shop.objectives.rpo = seconds(3);
  shop.failover.when_loss_over_rpo = model::OverRpo::kAsk;
  forecast::Latencies measured = Measured();
  EXPECT_EQ(Rehearsed(shop, measured).refused, "");
  measured.replication_lag = seconds(3);
  EXPECT_TRUE(Rehearsed(shop, measured).refused.starts_with("gate.loss: "))
      << Rehearsed(shop, measured).refused;
  shop.failover.when_loss_over_rpo = model::OverRpo::kProceed;
  EXPECT_EQ(Rehearsed(shop, measured).refused, "");
}

TEST(Rehearse, AStepThatNoDrillMeasuredIsNotMadeUp) {
  forecast::Latencies measured = Measured();
  measured.steps.erase(model::StepId("rds.promote/orders"));
  const auto rehearsal = Rehearse(Shop(), measured, 1);
  ASSERT_FALSE(rehearsal.ok());
  EXPECT_EQ(rehearsal.error().code(), base::ErrorCode::kInvalid);
  EXPECT_NE(rehearsal.error().message().find("rds.promote/orders"), std::string::npos);
}

}  // namespace
}  // namespace leeward::sim

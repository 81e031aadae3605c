#include "report/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "base/check.h"
#include "base/testing/golden.h"
#include "model/testing/shop.h"
#include "report/axis.h"
#include "report/svg.h"

namespace leeward::report {
namespace {

using model::Event;
using model::EventKind;
using model::ExecutionId;
using model::Phase;
using std::chrono::milliseconds;

const ExecutionId kFailover("failover-1"), kFailback("failback-1");
const model::ComponentName kOrders("orders");

// Milliseconds after the fault.
base::WallTime At(int after_fault) {
  return base::WallTime{base::Duration(1'795'423'253'000'000'000)} + milliseconds(after_fault);
}

model::Step StepOf(const std::string& id, Phase phase, const std::string& region) {
  model::Step step;
  step.id = model::StepId(id);
  step.phase = phase;
  step.region = model::Region(region);
  step.title = "do " + id;
  step.reason = "because of " + id;
  return step;
}

model::Plan FailoverPlan() {
  model::Plan plan;
  plan.action = model::Action::kFailover;
  plan.from = model::Region("us-east-1");
  plan.to = model::Region("us-west-2");
  plan.reason = "home is down";
  const auto add = [&](const std::string& id, Phase phase, const std::vector<std::string>& after) {
    plan.steps.push_back(StepOf(id, phase, "us-west-2"));
    for (const std::string& one : after) plan.steps.back().after.emplace_back(one);
  };
  add("rds.measure/orders", Phase::kDecide, {});
  add("gate.loss", Phase::kDecide, {"rds.measure/orders"});
  add("gate.fence-proof", Phase::kFence, {});
  add("rds.drain/orders", Phase::kPromote, {"gate.loss", "gate.fence-proof"});
  add("rds.promote/orders", Phase::kPromote, {"rds.drain/orders"});
  add("ecs.scale/web", Phase::kScale, {"gate.loss", "gate.fence-proof"});
  add("ecs.ready/web", Phase::kScale, {"rds.promote/orders", "ecs.scale/web"});
  add("route53.shift/traffic", Phase::kTraffic, {"ecs.ready/web"});
  add("route53.confirm/traffic", Phase::kTraffic, {"route53.shift/traffic"});
  add("app.verify", Phase::kVerify, {"route53.confirm/traffic"});
  plan.steps[4].calls = {
      {"rds", "PromoteReadReplica", model::Region("us-west-2"), model::Region("us-west-2")}};
  plan.steps[4].undo = "";
  plan.steps[0].undo = "nothing to take back";
  return plan;
}

// Writes the history of a drill.
class Story {
 public:
  Story& Started(const ExecutionId& execution, const std::string& action, int at) {
    const bool home = action == "failback";
    Add(EventKind::kExecutionStarted, execution, "", at,
        {{"action", action},
         {"from", home ? "us-west-2" : "us-east-1"},
         {"to", home ? "us-east-1" : "us-west-2"}});
    return *this;
  }
  Story& Step(const ExecutionId& execution, const std::string& step, int from, int to) {
    Add(EventKind::kStepIntended, execution, step, from, {{"attempt", "1"}});
    Add(EventKind::kStepDone, execution, step, to, {{"detail", "ok"}});
    return *this;
  }
  Story& Finished(const ExecutionId& execution, const std::string& outcome, int at) {
    Add(EventKind::kExecutionFinished, execution, "", at, {{"outcome", outcome}});
    return *this;
  }
  Story& Say(Event event) {
    events_.push_back(std::move(event));
    return *this;
  }
  Story& Bound(int milliseconds_bound, int at) {
    Add(EventKind::kLossBound, kFailover, "rds.measure/orders", at,
        {{"component", "orders"}, {"bound_ns", std::to_string(milliseconds_bound * 1'000'000LL)}});
    return *this;
  }
  std::vector<Event> Take() { return events_; }

 private:
  void Add(EventKind kind, const ExecutionId& execution, const std::string& step, int at,
           std::map<std::string, std::string> fields) {
    Event event;
    event.kind = kind;
    event.at = At(at);
    event.execution = execution;
    event.step = model::StepId(step);
    event.fields = std::move(fields);
    events_.push_back(std::move(event));
  }
  std::vector<Event> events_;
};

Event Down(int at) {
  return Judged(
      {model::Region("us-east-1"), model::Health::kDown, 2, 2, At(at), "us-east-1 is down"});
}

void TellFailover(Story& story) {
  story.Say(Fault("region-loss", model::Region("us-east-1"), At(0)))
      .Say(Load(kLastAcknowledged, At(-4)))
      .Say(Down(1512))
      .Started(kFailover, "failover", 1515)
      .Step(kFailover, "gate.fence-proof", 1520, 1528)
      .Step(kFailover, "rds.measure/orders", 1520, 1541)
      .Bound(640, 1541)
      .Step(kFailover, "gate.loss", 1542, 1550)
      .Step(kFailover, "rds.drain/orders", 1552, 1570)
      .Step(kFailover, "ecs.scale/web", 1552, 1640)
      .Step(kFailover, "rds.promote/orders", 1572, 1721)
      .Step(kFailover, "ecs.ready/web", 1723, 1842)
      .Step(kFailover, "route53.shift/traffic", 1844, 1893)
      .Say(Load(kFirstRecovered, At(2711)))
      .Step(kFailover, "route53.confirm/traffic", 1895, 2790)
      .Step(kFailover, "app.verify", 2792, 2850)
      .Finished(kFailover, "done", 2852);
}

LoadSeries SampleLoad() {
  LoadSeries load;
  load.start = At(-5000);
  std::mt19937 random(7);
  for (int bucket = 0; bucket < 200; ++bucket) {
    const int at = -5000 + bucket * 100;
    const auto jitter = static_cast<std::uint32_t>(random() % 5);
    const bool out = at >= 0 && at < 2700;
    load.buckets.push_back({out ? 0 : 18 + jitter, out ? 18 + jitter : 0, at == -100 ? 3u : 0u});
  }
  return load;
}

Sessions SampleSessions(const std::string& mode, int lost) {
  Sessions sessions;
  sessions.mode = mode;
  sessions.rate = 498;
  sessions.live = 4211;
  sessions.lost = lost;
  sessions.survived = sessions.live - lost;
  sessions.lost_span = lost == 0 ? base::Duration(0) : milliseconds(83);
  sessions.stale = lost;
  sessions.revoked = sessions.still_revoked = 312;
  sessions.undecided = 1;
  return sessions;
}

Input Drill() {
  Input input;
  input.application = model::testing::Shop();
  input.spec_text = "apiVersion: leeward/v1\napplication: shop\n# <script>alert('no')</script>\n";
  input.plans[kFailover] = FailoverPlan();
  Story story;
  TellFailover(story);
  story.Say(Measured(kAcknowledged, {}, 3412, At(9000)))
      .Say(Measured(kLost, {}, 3, At(9000)))
      .Say(Measured(kLostSpan, {}, 61'000'000, At(9000)))
      .Say(Measured(kAcknowledged, kOrders, 3412, At(9000)))
      .Say(Measured(kLost, kOrders, 3, At(9000)))
      .Say(Measured(kLostSpan, kOrders, 61'000'000, At(9000)))
      .Say(MeasuredSessions(SampleSessions("redis", 2), At(9000)))
      .Say(MeasuredSessions(SampleSessions("tokens", 0), At(9000)))
      .Started(kFailback, "failback", 9100)
      .Step(kFailback, "rds.preserve-old/orders", 9110, 10'400)
      .Step(kFailback, "rds.quiesce/orders", 14'000, 14'100)
      .Finished(kFailback, "done", 14'900)
      .Say(Measured(kFailbackAcknowledged, {}, 2210, At(15'000)))
      .Say(Measured(kFailbackLost, {}, 0, At(15'000)))
      .Say(Measured(kFailbackUnavailable, {}, 812'000'000, At(15'000)));
  input.events = story.Take();
  input.load = SampleLoad();
  input.journal_path = "/var/lib/leeward/shop/journal/journal.lwj";
  input.journal_last_hash = "716ea55d0e5e3601684225e902b8200b3f7c8dfeb2a905612028eca3e92bfd9a";
  input.journal_records = 123;
  return input;
}

// The same, with a store that was made of a backup.
Input RestoredDrill() {
  const model::StepId before("rds.promote/orders"), after("rds.restore/orders");
  Input input = Drill();
  for (model::Step& step : input.plans[kFailover].steps) {
    if (step.id == before) step.id = after;
    std::replace(step.after.begin(), step.after.end(), before, after);
  }
  for (Event& event : input.events) {
    if (event.step == before) event.step = after;
  }
  return input;
}

base::Duration Sum(const RtoSplit& rto) {
  return rto.detect + rto.decide + rto.fence + rto.promote + rto.scale + rto.traffic +
         rto.client_tail;
}

TEST(ReportTest, EachStoresRestoreIsToldBesideTheSplit) {
  const Report report = Make(RestoredDrill());
  ASSERT_TRUE(report.rto);
  EXPECT_EQ(report.rto->restores,
            (std::map<model::ComponentName, base::Duration>{{kOrders, milliseconds(149)}}));
  EXPECT_EQ(Sum(*report.rto), report.rto->total) << "a restore is no further part";
  EXPECT_NE(ToText(report, Colour::kNo).find(" restore of orders          149 ms"),
            std::string::npos)
      << ToText(report, Colour::kNo);
  EXPECT_NE(ToJson(report).find("\"orders\": {\n        \"took_s\": 0.149"), std::string::npos);
  EXPECT_NE(ToHtml(report).find("restore of orders 149 ms"), std::string::npos);
  EXPECT_TRUE(Make(Drill()).rto->restores.empty());
}

TEST(RtoTest, PartsAreTheOnesDefinedAndAddUp) {
  const Report report = Make(Drill());
  ASSERT_TRUE(report.rto.has_value());
  const RtoSplit& rto = *report.rto;
  EXPECT_EQ(rto.total, milliseconds(2711));
  EXPECT_EQ(rto.detect, milliseconds(1512));
  EXPECT_EQ(rto.decide, milliseconds(1550 - 1512));
  EXPECT_EQ(rto.fence, milliseconds(0)) << "over before deciding was";
  EXPECT_EQ(rto.promote, milliseconds(1721 - 1550));
  EXPECT_EQ(rto.scale, milliseconds(1842 - 1721));
  EXPECT_EQ(rto.traffic, milliseconds(1893 - 1842)) << "confirming is not waited for";
  EXPECT_EQ(rto.client_tail, milliseconds(2711 - 1893));
  EXPECT_EQ(Sum(rto), rto.total);
}

//   measure → gate.loss → drain → promote → ready → shift: what ran beside it does not count
TEST(ChainTest, IsTheStepsThatTheLengthWasMadeOf) {
  const Report report = Make(Drill());
  ASSERT_TRUE(report.chain.has_value());
  std::vector<std::string> steps;
  for (const ChainLink& link : report.chain->links) steps.push_back(link.step.str());
  EXPECT_EQ(steps, (std::vector<std::string>{"rds.measure/orders", "gate.loss", "rds.drain/orders",
                                             "rds.promote/orders", "ecs.ready/web",
                                             "route53.shift/traffic"}));
  EXPECT_EQ(report.chain->length, milliseconds(1893 - 1520));
  EXPECT_EQ(report.chain->in_turn, milliseconds(8 + 21 + 8 + 18 + 88 + 149 + 119 + 49));
}

TEST(StoresTest, EachIsCountedAndJudgedByItself) {
  Input input = Drill();
  input.application = model::testing::ShopOfThreeStores();
  const model::ComponentName carts("carts"), sessions("sessions");
  for (const auto& [store, lost, span] :
       {std::tuple(carts, 2, 900'000'000LL), std::tuple(sessions, 0, 0LL)}) {
    input.events.push_back(Measured(kAcknowledged, store, 3412, At(9000)));
    input.events.push_back(Measured(kLost, store, lost, At(9000)));
    input.events.push_back(Measured(kLostSpan, store, span, At(9000)));
    Event bound = input.events.front();
    for (const Event& event : input.events) {
      if (event.kind == EventKind::kLossBound) bound = event;
    }
    bound.fields["component"] = store.str();
    input.events.push_back(bound);
  }
  const Report report = Make(input);
  EXPECT_EQ(report.components.at(carts).writes->lost, 2);
  EXPECT_EQ(report.components.at(sessions).writes->lost, 0);
  const auto verdict = [&](const std::string& name) {
    for (const Objective& one : report.objectives) {
      if (one.name == name) return one.verdict;
    }
    return Verdict::kIncomplete;
  };
  EXPECT_EQ(verdict("loss of carts within its own bound"), Verdict::kFail) << "900 ms over 640";
  EXPECT_EQ(verdict("loss of sessions within its own bound"), Verdict::kPass);
  EXPECT_EQ(verdict("rpo"), Verdict::kPass);
  const std::string text = ToText(report, Colour::kNo);
  EXPECT_NE(text.find("lost of carts"), std::string::npos) << text;
  EXPECT_NE(text.find("longest chain"), std::string::npos) << text;
}

TEST(StoresTest, EachIsJudgedByAnRpoOfItsOwn) {
  const auto verdict = [](base::Duration all, std::optional<base::Duration> own) {
    Input input = Drill();
    input.application = model::testing::ShopOfThreeStores();
    input.application.objectives.rpo = all;
    const model::ComponentName carts("carts");
    for (model::Component& one : input.application.components) {
      if (one.name == carts) one.rpo = own;
    }
    input.events.push_back(Measured(kAcknowledged, carts, 3412, At(9000)));
    input.events.push_back(Measured(kLost, carts, 2, At(9000)));
    input.events.push_back(Measured(kLostSpan, carts, 900'000'000, At(9000)));
    for (const Objective& one : Make(input).objectives) {
      if (one.name == "rpo") return one.verdict;
    }
    return Verdict::kIncomplete;
  };
  EXPECT_EQ(verdict(milliseconds(5000), std::nullopt), Verdict::kPass);
  EXPECT_EQ(verdict(milliseconds(5000), milliseconds(800)), Verdict::kFail);
  EXPECT_EQ(verdict(milliseconds(800), std::nullopt), Verdict::kFail);
  EXPECT_EQ(verdict(milliseconds(800), milliseconds(5000)), Verdict::kPass)
      << "what all lost together is within the others' objective";
}

TEST(RtoTest, PartsAddUpWhateverTheOrderOfEvents) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    Input input = Drill();
    for (Event& event : input.events) {
      if (event.kind != EventKind::kFault) event.at = At(static_cast<int>(random() % 6000));
    }
    const Report report = Make(input);
    if (!report.rto) continue;
    EXPECT_EQ(Sum(*report.rto), report.rto->total);
    for (base::Duration part :
         {report.rto->detect, report.rto->decide, report.rto->fence, report.rto->promote,
          report.rto->scale, report.rto->traffic, report.rto->client_tail}) {
      EXPECT_GE(part.count(), 0);
    }
  }
}

TEST(VerdictTest, ADrillThatKeepsEverythingPasses) {
  const Report report = Make(Drill());
  EXPECT_EQ(report.verdict, Verdict::kPass);
  EXPECT_TRUE(report.problems.empty());
}

TEST(VerdictTest, NothingRecoveredIsAFail) {
  Input input = Drill();
  std::erase_if(input.events,
                [](const Event& event) { return event.Field("what") == kFirstRecovered; });
  EXPECT_EQ(Make(input).verdict, Verdict::kFail);
}

TEST(VerdictTest, WhatWasNotMeasuredIsNotAPass) {
  Input input = Drill();
  std::erase_if(input.events,
                [](const Event& event) { return event.kind == EventKind::kMeasured; });
  EXPECT_EQ(Make(input).verdict, Verdict::kIncomplete);
  EXPECT_EQ(Make(Input()).verdict, Verdict::kIncomplete);
}

TEST(VerdictTest, EachBrokenPromiseIsAFail) {
  const auto with = [](const char* what, std::int64_t value) {
    Input input = Drill();
    for (Event& event : input.events) {
      if (event.Field("what") == what) event.fields["value"] = std::to_string(value);
    }
    return Make(input).verdict;
  };
  EXPECT_EQ(with(kLostSpan, 5'100'000'000), Verdict::kFail) << "over the RPO";
  EXPECT_EQ(with(kLostSpan, 700'000'000), Verdict::kFail) << "over the bound stated before";
  EXPECT_EQ(with(kFailbackLost, 1), Verdict::kFail);
  Input slow = Drill();
  slow.application.objectives.rto = milliseconds(2710);
  EXPECT_EQ(Make(slow).verdict, Verdict::kFail);
  Input unstated = Drill();
  std::erase_if(unstated.events,
                [](const Event& event) { return event.kind == EventKind::kLossBound; });
  EXPECT_EQ(Make(unstated).verdict, Verdict::kFail) << "no bound was stated before promotion";
}

// The drill with that said of sessions that were kept so.
Report WithSessions(const std::string& mode, const std::function<void(Sessions&)>& change) {
  Input input = Drill();
  std::erase_if(input.events, [](const Event& event) { return event.Field("what") == kSessions; });
  Sessions sessions = SampleSessions(mode, 0);
  change(sessions);
  input.events.push_back(MeasuredSessions(sessions, At(9000)));
  return Make(input);
}

TEST(SessionsTest, CountsComeBackAsTheyWereMeasured) {
  const Report report = Make(Drill());
  ASSERT_EQ(report.sessions.size(), 2u);
  const Sessions& redis = report.sessions[0];
  EXPECT_EQ(redis.mode, "redis");
  EXPECT_EQ(redis.survived, 4209);
  EXPECT_EQ(redis.lost_span, milliseconds(83));
  EXPECT_EQ(redis.still_revoked, 312);
  EXPECT_NE(ToHtml(report).find("99.95 %"), std::string::npos);
}

TEST(SessionsTest, AShareIsRoundedDown) {
  const Report report = WithSessions("redis", [](Sessions& one) {
    one.survived = 999'999;
    one.lost = 1;
  });
  EXPECT_NE(ToText(report, Colour::kNo).find("99.99 %"), std::string::npos);
}

TEST(SessionsTest, WhereNobodyAnsweredNoShareIsTold) {
  const Report report = WithSessions("redis", [](Sessions& one) {
    one.unknown = one.live;
    one.survived = one.lost = 0;
  });
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_NE(ToJson(report).find("\"survived_share\": null"), std::string::npos) << ToJson(report);
  EXPECT_NE(ToText(report, Colour::kNo).find("an unknown share, 0 of 0; 4211 did not answer"),
            std::string::npos)
      << ToText(report, Colour::kNo);
}

TEST(SessionsTest, LossIsJudgedByTheRpoAndOfTokensNoneIsAllowed) {
  const auto lose = [](milliseconds span) {
    return [span](Sessions& one) { one.survived -= 3, one.lost = 3, one.lost_span = span; };
  };
  EXPECT_EQ(WithSessions("redis", lose(milliseconds(900))).verdict, Verdict::kPass);
  EXPECT_EQ(WithSessions("redis", lose(milliseconds(5001))).verdict, Verdict::kFail);
  EXPECT_EQ(WithSessions("tokens", lose(milliseconds(1))).verdict, Verdict::kFail);
}

TEST(SessionsTest, ARevokedSessionThatIsServedIsAFail) {
  const auto back = [](Sessions& one) { --one.still_revoked, ++one.back_alive; };
  EXPECT_EQ(WithSessions("sync", back).verdict, Verdict::kFail);
  EXPECT_EQ(WithSessions("sync", [](Sessions& one) { one.revoked_served = 1; }).verdict,
            Verdict::kFail);
}

TEST(SessionsTest, WhatWasNotAnsweredOrNotMeasuredIsNotAPass) {
  EXPECT_EQ(WithSessions("sync", [](Sessions& one) { --one.survived, ++one.unknown; }).verdict,
            Verdict::kIncomplete);
  EXPECT_EQ(WithSessions("sync", [](Sessions& one) { --one.still_revoked, ++one.revoked_unknown; })
                .verdict,
            Verdict::kIncomplete);
  EXPECT_EQ(WithSessions("sync", [](Sessions& one) { one.live = one.survived = 0; }).verdict,
            Verdict::kIncomplete);
  EXPECT_EQ(
      WithSessions("sync", [](Sessions& one) { one.revoked = one.still_revoked = 0; }).verdict,
      Verdict::kIncomplete);
  Input input = Drill();
  input.application.workload.emplace().sessions = {{model::SessionMode::kRedis, {}, 1},
                                                   {model::SessionMode::kSync, {}, 1}};
  const Report report = Make(input);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_NE(ToText(report, Colour::kNo).find("sessions by sync survive: not measured"),
            std::string::npos);
}

TEST(StoreTest, WritesOfAStoreAreItsOwnOrNotMeasured) {
  Input input = Drill();
  EXPECT_TRUE(Make(input).components.at(kOrders).writes);
  std::erase_if(input.events, [](const Event& event) {
    return event.kind == EventKind::kMeasured && event.Field("component") == kOrders.str();
  });
  const Report report = Make(input);
  EXPECT_FALSE(report.components.at(kOrders).writes) << "nobody counted for this store alone";
  EXPECT_TRUE(report.components.at(kOrders).bound);
  EXPECT_NE(ToHtml(report).find("not measured"), std::string::npos);
}

TEST(VerdictTest, AFailedExecutionIsNamed) {
  Input input = Drill();
  for (Event& event : input.events) {
    if (event.kind != EventKind::kExecutionFinished || event.execution != kFailback) continue;
    event.fields = {{"outcome", "failed"}, {"reason", "rds.quiesce/orders: no answer"}};
  }
  const Report report = Make(input);
  EXPECT_EQ(report.verdict, Verdict::kFail);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0],
            "failback failback-1 ended as failed: rds.quiesce/orders: no answer");
}

TEST(VerdictTest, AnExecutionThatNeverEndedIsUnfinished) {
  Input input = Drill();
  std::erase_if(input.events,
                [](const Event& event) { return event.kind == EventKind::kExecutionFinished; });
  const Report report = Make(input);
  EXPECT_EQ(report.executions[0].outcome, "unfinished");
  EXPECT_EQ(report.executions[0].ended, At(2850));
  EXPECT_EQ(report.verdict, Verdict::kFail);
}

TEST(TimelineTest, RetriesAreOneRow) {
  Input input = Drill();
  Story story;
  story.Started(ExecutionId("e"), "protect", 0)
      .Step(ExecutionId("e"), "s", 10, 20)
      .Step(ExecutionId("e"), "s", 30, 45);
  input.events = story.Take();
  const Report report = Make(input);
  ASSERT_EQ(report.timeline.size(), 1u);
  EXPECT_EQ(report.timeline[0].attempts, 2);
  EXPECT_EQ(report.timeline[0].began, At(10));
  EXPECT_EQ(report.timeline[0].ended, At(45));
}

TEST(FormsTest, ReadAsReviewed) {
  const Report report = Make(Drill());
  base::testing::ExpectGolden("src/report/testdata/drill.txt", ToText(report, Colour::kNo));
  base::testing::ExpectGolden("src/report/testdata/drill.json", ToJson(report));
}

TEST(FormsTest, TextIsColouredOnlyWhenAskedFor) {
  const Report report = Make(Drill());
  EXPECT_EQ(ToText(report, Colour::kNo).find('\x1b'), std::string::npos);
  EXPECT_NE(ToText(report, Colour::kYes).find("\x1b[1;32mpass"), std::string::npos);
}

TEST(FormsTest, EmptyReportsHaveAllForms) {
  const Report report = Make(Input());
  EXPECT_FALSE(ToText(report, Colour::kNo).empty());
  EXPECT_NE(ToJson(report).find("\"rto\": null"), std::string::npos);
  EXPECT_NE(ToHtml(report).find("</html>"), std::string::npos);
}

TEST(HtmlTest, FetchesNothingAndEscapesEverything) {
  Input input = Drill();
  for (Event& event : input.events) {
    for (auto& [name, value] : event.fields) {
      if (name == "detail" || name == "reason" || name == "fault")
        value = "\"><script>alert(1)</script>&'";
    }
  }
  const std::string html = ToHtml(Make(input));
  EXPECT_EQ(html.find("<script"), std::string::npos);
  for (const char* outside : {"http://", "https://", "src=", "href=", "url(", "@import"}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
}

TEST(HtmlTest, ShowsTheWholeStory) {
  const Input input = Drill();
  const std::string html = ToHtml(Make(input));
  for (const model::Step& step : FailoverPlan().steps) {
    EXPECT_NE(html.find(step.id.str()), std::string::npos) << step.id;
  }
  for (const std::string& part :
       {std::string(">3 lost</text>"), input.journal_last_hash, std::string("2.71 s"),
        std::string("# &lt;script&gt;"), std::string("class=\"outage\""),
        std::string("rds.preserve-old/orders")}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
}

TEST(HtmlTest, LongLoadsAreDrawnWithBoundedDetail) {
  Input input = Drill();
  input.load.buckets.resize(36'000, LoadBucket{20, 0, 0});  // an hour
  EXPECT_LT(ToHtml(Make(input)).size(), 200'000u);
}

TEST(AxisTest, TicksAreRoundAndInside) {
  EXPECT_EQ(Ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(TickText(Ticks(-0.35, 0.35, 7)[3]), "0");
  for (double high : {1e-6, 0.003, 0.7, 3.0, 99.0, 12345.0}) {
    const std::vector<double> ticks = Ticks(0, high, 8);
    EXPECT_GE(ticks.size(), 2u) << high;
    EXPECT_LE(ticks.size(), 12u) << high;
    EXPECT_LE(ticks.back(), high * 1.000001) << high;
  }
  EXPECT_EQ(Ticks(5, 5, 3).size(), 1u);
}

TEST(EscapeTest, LeavesNoWayOut) {
  EXPECT_EQ(Escape("<a href=\"x\">'&\x01"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp; ");
}

}  // namespace
}  // namespace leeward::report

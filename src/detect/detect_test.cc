#include "detect/detect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "model/names.h"
#include "model/testing/shop.h"

namespace leeward::detect {
namespace {

using model::Health;
using model::Observation;
using model::ObserverId;
using model::Region;
using model::Seen;
using model::Signal;
using model::Target;
using model::TargetHealth;
using model::View;

const Region kHome("us-east-1");
const model::ComponentName kOrders("orders"), kTraffic("traffic");
const Options kOptions = OptionsFor(model::testing::Shop());

base::WallTime At(int milliseconds) {
  return base::WallTime{std::chrono::milliseconds(milliseconds)};
}

Observation See(Seen seen, int milliseconds,
                Target target = {kHome, Signal::kApplication, kTraffic},
                const std::string& observer = "west") {
  Observation observation;
  observation.observer = ObserverId(observer);
  observation.from = Region("us-west-2");
  observation.target = std::move(target);
  observation.sequence = static_cast<std::uint64_t>(milliseconds) + 1;
  observation.at = At(milliseconds);
  observation.seen = seen;
  observation.detail = seen == Seen::kBad ? "connect timed out" : "";
  return observation;
}

// "GGBBB" every 500 ms; the health after each.
std::string Story(const std::string& story) {
  Memory memory;
  std::string health;
  int now = 0;
  for (char c : story) {
    const Seen seen = c == 'G' ? Seen::kGood : c == 'B' ? Seen::kBad : Seen::kNothing;
    memory = Fold(std::move(memory), See(seen, now), kOptions);
    health += memory.targets.empty()
                  ? '?'
                  : "?USD"[static_cast<int>(memory.targets.begin()->second.health.health)];
    now += 500;
  }
  return health;
}

TEST(FoldTest, DownAfterAsManyFailuresInARowAsTheSpecSays) {
  EXPECT_EQ(Story("GGBBB"), "UUSSD");
  EXPECT_EQ(Story("BBB"), "SSD");
  EXPECT_EQ(Story("GBBGBBG"), "USSUSSU") << "failures must be in a row";
}

TEST(FoldTest, OneGoodAnswerDoesNotBringItBack) {
  EXPECT_EQ(Story("BBBGG"), "SSDDU");
  EXPECT_EQ(Story("BBBGBGBG"), "SSDDDDDD") << "flapping stays down";
}

TEST(FoldTest, NotAskedIsNotAnAnswer) {
  EXPECT_EQ(Story("--"), "??");
  EXPECT_EQ(Story("GBB-B"), "USSSD");
}

TEST(FoldTest, OlderObservationsChangeNothing) {
  Memory memory = Fold({}, See(Seen::kGood, 1000), kOptions);
  for (int i = 0; i < 5; ++i) memory = Fold(std::move(memory), See(Seen::kBad, 900), kOptions);
  EXPECT_EQ(memory.targets.begin()->second.health.health, Health::kUp);
}

TEST(FoldTest, SinceIsWhenItBecameSo) {
  Memory memory;
  for (int now : {0, 500, 1000, 1500, 2000})
    memory = Fold(std::move(memory), See(Seen::kBad, now), kOptions);
  const TargetHealth& health = memory.targets.begin()->second.health;
  EXPECT_EQ(health.since, At(1000));
  EXPECT_EQ(health.consecutive_failures, 5);
  EXPECT_EQ(health.reason, "connect timed out, 5 in a row");
}

TEST(ViewsTest, WhatIsNotProbedLatelyIsUnknown) {
  const Memory memory = Fold({}, See(Seen::kGood, 0), kOptions);
  const auto health_at = [&](int now) { return ViewsOf(memory, At(now), kOptions)[0].health; };
  EXPECT_EQ(health_at(2500), Health::kUp);
  EXPECT_EQ(health_at(2501), Health::kUnknown);
}

TEST(ViewsTest, OneViewForEachObserverAndRegion) {
  Memory memory;
  const Target west{Region("us-west-2"), Signal::kApplication, kTraffic};
  memory = Fold(std::move(memory), See(Seen::kGood, 0), kOptions);
  memory = Fold(std::move(memory), See(Seen::kGood, 1, west), kOptions);
  memory = Fold(std::move(memory), See(Seen::kGood, 2, {kHome, Signal::kStore, kOrders}), kOptions);
  memory = Fold(std::move(memory), See(Seen::kGood, 3, west, "witness"), kOptions);
  EXPECT_EQ(ViewsOf(memory, At(4), kOptions).size(), 3u);
}

TargetHealth Is(Signal signal, Health health) {
  TargetHealth target;
  target.target = {kHome, signal,
                   signal == Signal::kControlPlane ? model::ComponentName() : kOrders};
  target.health = health;
  target.reason = std::string(model::Name(health));
  return target;
}

using DownWhen = std::vector<model::Combination>;
const DownWhen kBoth = {{Signal::kApplication, Signal::kStore}};

Health Sum(const std::vector<TargetHealth>& targets, const DownWhen& down_when = kBoth) {
  return Summarise(targets, down_when).health;
}

TEST(SummaryTest, DownNeedsTheApplicationAndEveryStore) {
  const TargetHealth app = Is(Signal::kApplication, Health::kDown);
  EXPECT_EQ(Sum({app, Is(Signal::kStore, Health::kDown)}), Health::kDown);
  EXPECT_EQ(Sum({app, Is(Signal::kStore, Health::kUp)}), Health::kSuspect);
  EXPECT_EQ(Sum({app, Is(Signal::kStore, Health::kDown), Is(Signal::kStore, Health::kSuspect)}),
            Health::kSuspect);
  EXPECT_EQ(Sum({app, Is(Signal::kStore, Health::kUnknown)}), Health::kSuspect);
  EXPECT_EQ(Sum({app}), Health::kSuspect) << "the application alone is not the Region";
  EXPECT_EQ(Sum({app, Is(Signal::kControlPlane, Health::kDown)}), Health::kDown);
}

TEST(SummaryTest, ControlPlaneAloneNeverMakesARegionDown) {
  EXPECT_EQ(Sum({Is(Signal::kControlPlane, Health::kDown)}), Health::kUnknown);
  EXPECT_EQ(Sum({Is(Signal::kApplication, Health::kUp), Is(Signal::kStore, Health::kUp),
                 Is(Signal::kControlPlane, Health::kDown)}),
            Health::kUp);
}

TEST(SummaryTest, ADeadApplicationBesideALivingApiIsToldApart) {
  const auto reason = [](Health api) {
    return Summarise({Is(Signal::kApplication, Health::kDown), Is(Signal::kStore, Health::kDown),
                      Is(Signal::kControlPlane, api)},
                     kBoth)
        .reason;
  };
  EXPECT_NE(reason(Health::kUp).find("its AWS APIs do answer"), std::string::npos);
  EXPECT_NE(reason(Health::kDown).find("its AWS APIs do not answer either"), std::string::npos);
}

TEST(SummaryTest, NothingIsUpThatWasNotSeenUp) {
  EXPECT_EQ(Sum({}), Health::kUnknown);
  EXPECT_EQ(Sum({Is(Signal::kApplication, Health::kUnknown), Is(Signal::kStore, Health::kUp)}),
            Health::kUnknown);
  EXPECT_EQ(Sum({Is(Signal::kApplication, Health::kUp), Is(Signal::kStore, Health::kUnknown)}),
            Health::kSuspect);
}

// One row of what the spec may say: whether a Region is down of which these three are as written.
struct Counts {
  DownWhen down_when;
  Health application, store, control;
  Health expected;
};

TEST(SummaryTest, WhatTheSpecCountsMakesARegionDown) {
  using enum Health;
  const Signal app = Signal::kApplication, store = Signal::kStore, api = Signal::kControlPlane;
  const std::vector<Counts> table = {
      {{{app, store}}, kDown, kDown, kUp, kDown},
      {{{app, store}}, kDown, kUp, kDown, kSuspect},
      {{{app}}, kDown, kUp, kUp, kDown},
      {{{app}}, kDown, kUnknown, kUp, kDown},
      {{{app}}, kUp, kDown, kDown, kSuspect},  // up takes all that is watched
      {{{app}}, kSuspect, kDown, kDown, kSuspect},
      {{{app}}, kUnknown, kDown, kDown, kUnknown},
      {{{store}}, kUp, kDown, kUp, kDown},
      {{{store}}, kUnknown, kDown, kUp, kDown},
      {{{store}}, kDown, kUp, kDown, kSuspect},
      {{{app, api}}, kDown, kUp, kDown, kDown},
      {{{app, api}}, kDown, kDown, kUp, kSuspect},
      {{{app, api}}, kDown, kUp, kUnknown, kSuspect},
      {{{store, api}}, kUp, kDown, kDown, kDown},
      {{{store, api}}, kDown, kDown, kUp, kSuspect},
      {{{app, store, api}}, kDown, kDown, kDown, kDown},
      {{{app, store, api}}, kDown, kDown, kUp, kSuspect},
      {{{app, store, api}}, kDown, kDown, kUnknown, kSuspect},
      {{{app}, {store, api}}, kDown, kUp, kUp, kDown},
      {{{app}, {store, api}}, kUp, kDown, kDown, kDown},
      {{{app}, {store, api}}, kUp, kDown, kUp, kSuspect},
      {{{app}}, kUp, kUp, kDown, kUp},
      {{{app, store, api}}, kUp, kUp, kDown, kUp},
  };
  for (const Counts& row : table) {
    EXPECT_EQ(
        Sum({Is(app, row.application), Is(store, row.store), Is(api, row.control)}, row.down_when),
        row.expected)
        << "row " << &row - table.data();
  }
}

// The slow and obvious second version of the rule that is in force where the spec says nothing.
TEST(SummaryTest, WithoutAWordInTheSpecTheApplicationAndEveryStoreCount) {
  for (int code = 0; code < 64; ++code) {
    const Health app = Health(code & 3), first = Health(code >> 2 & 3), second = Health(code >> 4);
    const bool down = app == Health::kDown && first == Health::kDown && second == Health::kDown;
    for (const Health api : {Health::kUp, Health::kDown}) {
      TargetHealth other = Is(Signal::kStore, second);
      other.target.component = kTraffic;
      const Health sum = Sum({Is(Signal::kApplication, app), Is(Signal::kStore, first), other,
                              Is(Signal::kControlPlane, api)},
                             model::Detection().down_when);
      EXPECT_EQ(sum == Health::kDown, down) << code;
    }
  }
}

TEST(SummaryTest, TheControlPlaneStandsInForWhatIsNotWatched) {
  const auto stores = [](Health api, const DownWhen& down_when) {
    return Summarise({Is(Signal::kStore, Health::kDown), Is(Signal::kControlPlane, api)},
                     down_when);
  };
  EXPECT_EQ(stores(Health::kDown, kBoth).health, Health::kDown);
  EXPECT_NE(stores(Health::kDown, kBoth).reason.find("counted: store and control-plane"),
            std::string::npos);
  EXPECT_EQ(stores(Health::kUp, kBoth).health, Health::kSuspect);
  EXPECT_EQ(stores(Health::kDown, {{Signal::kApplication}}).health, Health::kSuspect)
      << "of the control plane alone nothing is made";
}

TEST(SummaryTest, WhatDoesNotCountIsToldAllTheSame) {
  const Summary summary =
      Summarise({Is(Signal::kApplication, Health::kDown), Is(Signal::kStore, Health::kUp),
                 Is(Signal::kControlPlane, Health::kUp)},
                {{Signal::kApplication}});
  EXPECT_EQ(summary.reason,
            "orders: down; a store answers (orders: up); its AWS APIs do answer; "
            "counted: application");
  EXPECT_TRUE(summary.answers_in_part);
  EXPECT_FALSE(
      Summarise({Is(Signal::kApplication, Health::kDown), Is(Signal::kStore, Health::kDown)}, kBoth)
          .answers_in_part);
}

View Vote(const std::string& observer, Health health, int at = 0) {
  View view;
  view.observer = ObserverId(observer);
  view.of = kHome;
  view.health = health;
  view.at = At(at);
  return view;
}

Health Verdict2(const std::vector<View>& views) {
  return Judge(views, kHome, At(0), kOptions).health;
}

TEST(JudgeTest, LostQuorumIsUnknownNotDown) {
  EXPECT_EQ(Verdict2({}), Health::kUnknown);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown)}), Health::kUnknown);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kUnknown)}), Health::kUnknown);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("a", Health::kDown)}), Health::kUnknown)
      << "nobody votes twice";
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kDown, -10'000)}),
            Health::kUnknown)
      << "an old view is no view";
}

TEST(JudgeTest, AgreementIsAVerdictAndDisagreementIsDoubt) {
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kDown)}), Health::kDown);
  EXPECT_EQ(Verdict2({Vote("a", Health::kUp), Vote("b", Health::kUp)}), Health::kUp);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kUp)}), Health::kSuspect);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kSuspect)}), Health::kSuspect);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kDown), Vote("c", Health::kUp)}),
            Health::kDown);
  EXPECT_EQ(Verdict2({Vote("a", Health::kDown), Vote("b", Health::kDown), Vote("c", Health::kUp),
                      Vote("d", Health::kUp)}),
            Health::kSuspect)
      << "two quorums against each other";
}

// The slow and obvious second version: look at every set of observers.
Health Obvious(const std::vector<View>& votes, int quorum) {
  bool any = false, down = false, up = false;
  for (unsigned set = 0; set < (1u << votes.size()); ++set) {
    int size = 0;
    bool all_down = true, all_up = true;
    for (std::size_t i = 0; i < votes.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      if (votes[i].health == Health::kUnknown) size = -100;
      ++size;
      all_down = all_down && votes[i].health == Health::kDown;
      all_up = all_up && votes[i].health == Health::kUp;
    }
    if (size < quorum) continue;
    any = true;
    down = down || all_down;
    up = up || all_up;
  }
  if (!any) return Health::kUnknown;
  if (down == up) return Health::kSuspect;
  return down ? Health::kDown : Health::kUp;
}

TEST(JudgeTest, AgreesWithTheObviousVersionOnEveryVoteOfUpToSix) {
  constexpr Health kVotes[] = {Health::kUnknown, Health::kUp, Health::kSuspect, Health::kDown};
  for (int observers = 0; observers <= 6; ++observers) {
    for (int code = 0; code < 1 << (2 * observers); ++code) {
      std::vector<View> votes;
      votes.reserve(static_cast<std::size_t>(observers));
      for (int i = 0; i < observers; ++i)
        votes.push_back(Vote("o" + std::to_string(i), kVotes[code >> (2 * i) & 3]));
      for (int quorum = 1; quorum <= 4; ++quorum) {
        Options options = kOptions;
        options.quorum = quorum;
        ASSERT_EQ(Judge(votes, kHome, At(0), options).health, Obvious(votes, quorum))
            << observers << " " << code;
      }
    }
  }
}

TEST(JudgeTest, ARegionThatIsDownAndAnswersInPartIsSaidToBe) {
  Options options = kOptions;
  options.down_when = {{Signal::kApplication}};
  for (const Health store : {Health::kUp, Health::kDown}) {
    std::vector<View> votes = {Vote("a", Health::kDown), Vote("b", Health::kDown)};
    for (View& vote : votes)
      vote.targets = {Is(Signal::kApplication, Health::kDown), Is(Signal::kStore, store)};
    const model::Verdict verdict = Judge(votes, kHome, At(0), options);
    EXPECT_EQ(verdict.health, Health::kDown);
    EXPECT_EQ(verdict.answers_in_part, store == Health::kUp);
    EXPECT_NE(verdict.reason.find("counted: application"), std::string::npos) << verdict.reason;
  }
}

TEST(JudgeTest, OrderOfViewsDoesNotMatter) {
  std::vector<View> votes = {Vote("a", Health::kDown), Vote("b", Health::kUp),
                             Vote("c", Health::kDown), Vote("d", Health::kSuspect)};
  const model::Verdict first = Judge(votes, kHome, At(0), kOptions);
  std::mt19937 random(1);
  for (int i = 0; i < 24; ++i) {
    std::shuffle(votes.begin(), votes.end(), random);
    EXPECT_EQ(Judge(votes, kHome, At(0), kOptions).reason, first.reason);
  }
}

// Both observers see the Region die at 1000 ms; probes every 500 ms, three failures.
TEST(DetectTest, TheWholeWayFromObservationsToAVerdict) {
  Memory memory;
  int down_at = -1;
  for (int now = 0; now <= 4000 && down_at < 0; now += 500) {
    for (const char* observer : {"west", "witness"}) {
      const Seen seen = now < 1000 ? Seen::kGood : Seen::kBad;
      memory = Fold(std::move(memory),
                    See(seen, now, {kHome, Signal::kApplication, kTraffic}, observer), kOptions);
      memory = Fold(std::move(memory), See(seen, now, {kHome, Signal::kStore, kOrders}, observer),
                    kOptions);
    }
    const model::Verdict verdict =
        Judge(ViewsOf(memory, At(now), kOptions), kHome, At(now), kOptions);
    if (verdict.health == Health::kDown) down_at = now;
  }
  EXPECT_EQ(down_at, 2000);
}

}  // namespace
}  // namespace leeward::detect

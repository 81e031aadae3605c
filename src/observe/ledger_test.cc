#include "observe/ledger.h"

#include <gtest/gtest.h>

#include "model/testing/shop.h"

namespace leeward::observe {
namespace {

using namespace std::chrono_literals;
using model::Health;
using model::Region;
using model::Signal;

const Region kHome("us-east-1"), kRecovery("us-west-2"), kWitness("eu-west-1");
constexpr base::Duration kEvery = 500ms;

// What an observer sees of one Region.
struct Sees {
  Health application = Health::kUp, store = Health::kUp, control = Health::kUp;
};
constexpr Sees kAlive{};
constexpr Sees kDead{Health::kDown, Health::kDown, Health::kDown};

class LedgerTest : public testing::Test {
 protected:
  explicit LedgerTest(const model::Application& shop = model::testing::Shop()) : ledger_(shop) {}

  // An observer's next view of home; the recovery Region is up.
  View Next(const Region& from, const Sees& home) {
    View& view = views_[from];
    if (view.who.empty()) view.who = "observer of " + from.str();
    view.from = from;
    ++view.sequence;
    view.at = clock_of_observers_;
    const std::uint64_t probes = ++probes_[from];
    view.looks.clear();
    for (const auto& [region, sees] : {std::pair(kHome, home), std::pair(kRecovery, kAlive)}) {
      const model::ComponentName web("web"), orders("orders");
      view.looks.push_back({{region, Signal::kApplication, web}, sees.application, 0, probes, "a"});
      view.looks.push_back({{region, Signal::kStore, orders}, sees.store, 0, probes, "b"});
      view.looks.push_back({{region, Signal::kControlPlane, {}}, sees.control, 0, probes, "c"});
    }
    return view;
  }
  static ports::SharedEntry Entry(const View& view) {
    return {Key(model::ApplicationName("shop"), view.from), ToJson(view), view.sequence};
  }
  void Take(const View& view) { ledger_.Take({Entry(view)}, now_); }
  // One round: each of these publishes what it sees of home.
  void Round(const std::map<Region, Sees>& seen) {
    now_ = now_ + kEvery;
    for (const auto& [from, sees] : seen) Take(Next(from, sees));
  }
  void Rounds(int count, const std::map<Region, Sees>& seen) {
    for (int i = 0; i < count; ++i) Round(seen);
  }
  RegionVerdict Home() const { return ledger_.Judge(now_).front(); }
  Health HomeHealth() const { return Home().verdict.health; }
  Standing StandingOf(const Region& from) const {
    for (const Sight& sight : ledger_.Sights(now_)) {
      if (sight.from == from) return sight.standing;
    }
    return Standing::kAbsent;
  }

  Ledger ledger_;
  base::MonotonicTime now_{1h};
  base::WallTime clock_of_observers_{base::Duration(1'795'421'000'000'000'000)};
  std::map<Region, View> views_;
  std::map<Region, std::uint64_t> probes_;
};

TEST_F(LedgerTest, TwoOfThreeThatSeeHomeDeadMakeItDown) {
  Rounds(3, {{kHome, kAlive}, {kRecovery, kAlive}, {kWitness, kAlive}});
  EXPECT_EQ(HomeHealth(), Health::kUp);
  Rounds(1, {{kRecovery, kDead}, {kWitness, kDead}});  // home's own observer died with it
  EXPECT_EQ(HomeHealth(), Health::kDown);
  EXPECT_EQ(ledger_.Judge(now_).back().verdict.health, Health::kUp);
}

TEST_F(LedgerTest, OneObserverLostChangesNothing) {
  Rounds(3, {{kHome, kAlive}, {kRecovery, kAlive}, {kWitness, kAlive}});
  Rounds(20, {{kHome, kAlive}, {kRecovery, kAlive}});
  EXPECT_EQ(HomeHealth(), Health::kUp);
  EXPECT_EQ(StandingOf(kWitness), Standing::kStale);
}

TEST_F(LedgerTest, OneThatSeesOnlyItsOwnCutLinkMakesNoVerdict) {
  Rounds(3, {{kHome, kAlive}, {kRecovery, kAlive}, {kWitness, kAlive}});
  Rounds(20, {{kHome, kAlive}, {kRecovery, kDead}, {kWitness, kAlive}});
  EXPECT_EQ(HomeHealth(), Health::kUp);
  // Nor where home's own observer is lost, too: one against one is a doubt.
  Rounds(20, {{kRecovery, kDead}, {kWitness, kAlive}});
  EXPECT_EQ(HomeHealth(), Health::kSuspect);
  Rounds(20, {{kRecovery, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
}

TEST_F(LedgerTest, WhatWasThereBeforeTheReaderCameIsOnlyABeginning) {
  Round({{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
  EXPECT_EQ(StandingOf(kRecovery), Standing::kBeginning);
  for (int i = 0; i < 20; ++i) {
    now_ = now_ + kEvery;
    Take(views_[kRecovery]);
    Take(views_[kWitness]);
    EXPECT_EQ(HomeHealth(), Health::kUnknown);
  }
  EXPECT_EQ(StandingOf(kRecovery), Standing::kStale);
}

TEST_F(LedgerTest, ARepeatedViewDoesNotKeepAVerdict) {
  Rounds(3, {{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
  for (int i = 0; i < 6; ++i) {
    now_ = now_ + kEvery;
    Take(views_[kRecovery]);
    Take(Next(kWitness, kDead));
  }
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
}

TEST_F(LedgerTest, ASequenceThatGoesOnWithoutProbesGrowsOld) {
  Rounds(3, {{kRecovery, kDead}, {kWitness, kDead}});
  for (int i = 0; i < 6; ++i) {
    now_ = now_ + kEvery;
    --probes_[kRecovery];
    Take(Next(kRecovery, kDead));
    Take(Next(kWitness, kDead));
  }
  EXPECT_EQ(StandingOf(kRecovery), Standing::kFresh);
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
}

TEST_F(LedgerTest, GoingBackInSequenceMakesNothingFresh) {
  std::vector<View> past;
  Rounds(3, {{kRecovery, kAlive}, {kWitness, kAlive}});
  for (int i = 0; i < 6; ++i) {
    Round({{kWitness, kDead}});
    past.push_back(Next(kRecovery, kDead));
  }
  Take(past.back());
  now_ = now_ + 10s;
  Rounds(3, {{kWitness, kDead}});
  for (const View& view : past) {  // all of it once more, as from a store that was set back
    Round({{kWitness, kDead}});
    Take(view);
    EXPECT_EQ(HomeHealth(), Health::kUnknown);
  }
  const std::vector<Sight> sights = ledger_.Sights(now_);
  EXPECT_NE(sights[1].trouble.find("came after"), std::string::npos) << sights[1].trouble;
}

TEST_F(LedgerTest, OneLateViewAfterASilenceIsABeginningOnly) {
  Rounds(3, {{kRecovery, kAlive}, {kWitness, kAlive}});
  for (int i = 0; i < 20; ++i) Round({{kWitness, kDead}});
  Take(Next(kRecovery, kDead));
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
  Round({{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
}

TEST_F(LedgerTest, AnObserversClockCountsForNothing) {
  for (const base::Duration lie : {base::Duration(-1000h), base::Duration(1000h)}) {
    clock_of_observers_ = clock_of_observers_ + lie;
    Rounds(3, {{kRecovery, kAlive}, {kWitness, kAlive}});
    EXPECT_EQ(HomeHealth(), Health::kUp);
    clock_of_observers_ = clock_of_observers_ + base::Duration(500h);
    now_ = now_ + 3s;  // silence, whatever the stamps say
    EXPECT_EQ(HomeHealth(), Health::kUnknown);
  }
}

TEST_F(LedgerTest, AnotherProcessOfTheSameRegionBeginsAnewAndHasTheSameVoice) {
  Rounds(3, {{kRecovery, kDead}, {kWitness, kAlive}});
  for (int i = 0; i < 6; ++i) {  // two that take turns are never more than a beginning
    views_[kRecovery].who = "observer " + std::to_string(i);
    Round({{kRecovery, kDead}, {kWitness, kDead}});
    EXPECT_EQ(HomeHealth(), Health::kUnknown);
  }
  Round({{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
}

TEST_F(LedgerTest, WhoSpeaksForAnotherRegionOrATornOneHasNoVoice) {
  Rounds(3, {{kRecovery, kDead}, {kWitness, kDead}});
  ports::SharedEntry entry = Entry(Next(kRecovery, kDead));
  entry.key = Key(model::ApplicationName("shop"), kWitness);
  ledger_.Take({entry}, now_);
  EXPECT_EQ(StandingOf(kWitness), Standing::kUnreadable);
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
  Round({{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
  entry = Entry(Next(kWitness, kDead));
  entry.value.pop_back();
  ledger_.Take({entry}, now_);
  EXPECT_EQ(HomeHealth(), Health::kUnknown);
  // A Region that the spec does not name is not heard at all.
  View stranger = Next(kWitness, kDead);
  stranger.from = Region("ap-south-1");
  ledger_.Take({Entry(stranger)}, now_);
  EXPECT_EQ(ledger_.Sights(now_).size(), 3u);
}

TEST_F(LedgerTest, AFlappingRegionIsNotDownUnlessAQuorumSaysSoAtOnce) {
  Rounds(3, {{kRecovery, kAlive}, {kWitness, kAlive}});
  for (int i = 0; i < 20; ++i) {
    const bool even = i % 2 == 0;
    Round({{kRecovery, even ? kDead : kAlive}, {kWitness, even ? kAlive : kDead}});
    EXPECT_NE(HomeHealth(), Health::kDown);
  }
}

TEST_F(LedgerTest, ADeadApplicationBesideALivingApiAndTheReverseAreToldApart) {
  constexpr Sees kAppDead{Health::kDown, Health::kDown, Health::kUp};
  constexpr Sees kApiDead{Health::kUp, Health::kUp, Health::kDown};
  Rounds(3, {{kRecovery, kAppDead}, {kWitness, kAppDead}});
  EXPECT_EQ(Home().application, Health::kDown);
  EXPECT_EQ(Home().control_plane, Health::kUp);
  EXPECT_EQ(Apart(Home()), "the application is dead, the AWS API answers");
  Rounds(3, {{kRecovery, kApiDead}, {kWitness, kApiDead}});
  EXPECT_EQ(HomeHealth(), Health::kUp);
  EXPECT_EQ(Apart(Home()), "the application lives, the AWS API does not answer");
  Rounds(3, {{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(Apart(Home()), "");
}

model::Application ShopThatCounts(std::vector<model::Combination> down_when) {
  model::Application shop = model::testing::Shop();
  shop.detection.down_when = std::move(down_when);
  return shop;
}

class ApplicationAloneTest : public LedgerTest {
 protected:
  ApplicationAloneTest() : LedgerTest(ShopThatCounts({{Signal::kApplication}})) {}
};

TEST_F(ApplicationAloneTest, WhatDoesNotCountIsSeenAndHasNoVote) {
  Rounds(3, {{kRecovery, {Health::kDown, Health::kUp, Health::kUp}},
             {kWitness, {Health::kDown, Health::kUp, Health::kUp}}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
  EXPECT_EQ(Home().stores, Health::kUp);
  EXPECT_EQ(Home().control_plane, Health::kUp);
  EXPECT_EQ(Apart(Home()), "the application is dead, the AWS API answers");
  EXPECT_NE(Home().verdict.reason.find("a store answers"), std::string::npos)
      << Home().verdict.reason;
  EXPECT_TRUE(Home().verdict.answers_in_part);
  Rounds(3, {{kRecovery, {Health::kUp, Health::kDown, Health::kDown}},
             {kWitness, {Health::kUp, Health::kDown, Health::kDown}}});
  EXPECT_EQ(HomeHealth(), Health::kSuspect) << "a dead store does not count, and is not health";
  EXPECT_EQ(Home().stores, Health::kDown);
}

class ApiMustAgreeTest : public LedgerTest {
 protected:
  ApiMustAgreeTest()
      : LedgerTest(
            ShopThatCounts({{Signal::kApplication, Signal::kStore, Signal::kControlPlane}})) {}
};

TEST_F(ApiMustAgreeTest, ADeadApplicationBesideALivingApiIsADoubt) {
  constexpr Sees kApiLives{Health::kDown, Health::kDown, Health::kUp};
  Rounds(3, {{kRecovery, kApiLives}, {kWitness, kApiLives}});
  EXPECT_EQ(HomeHealth(), Health::kSuspect);
  EXPECT_EQ(Apart(Home()), "the application is dead, the AWS API answers");
  Rounds(3, {{kRecovery, kDead}, {kWitness, kDead}});
  EXPECT_EQ(HomeHealth(), Health::kDown);
}

// The slow, obvious version: a reader that sees any prefix of a history of one lying observer never
// says "down" while the honest ones see home up.
TEST_F(LedgerTest, NothingThatOneObserverDoesMakesHomeDown) {
  std::uint64_t chance = 88172645463325252ull;
  const auto next = [&chance] {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    return chance ^= chance << 17;
  };
  std::vector<View> past;
  for (int i = 0; i < 3000; ++i) {
    Round({{kHome, kAlive}, {kWitness, kAlive}});
    View lie = Next(kRecovery, kDead);
    past.push_back(lie);
    if (next() % 3 == 0) lie = past[next() % past.size()];
    if (next() % 5 == 0) lie.sequence += next() % 1000;
    if (next() % 7 == 0) lie.who = "another";
    lie.at = {base::Duration(static_cast<std::int64_t>(next() % (1ull << 60)))};
    Take(lie);
    ASSERT_NE(HomeHealth(), Health::kDown) << i;
    if (i > 3) {
      ASSERT_EQ(HomeHealth(), Health::kUp) << i;
    }
  }
}

}  // namespace
}  // namespace leeward::observe

#include "serve/rules.h"

#include <gtest/gtest.h>

#include <utility>

namespace leeward::serve {
namespace {

using decide::Goal;

Facts HomeDown() {
  Facts facts;
  facts.leading = facts.move_known = true;
  facts.controller = "me";
  facts.goal = Goal::kFailover;
  facts.goal_reason = "home is down";
  return facts;
}
Move Begun(MoveState state, const std::string& controller = "me") {
  return {controller, model::Region("us-east-1"), model::Region("us-west-2"), state, "why", {}};
}
Do What(const Facts& facts) { return Choose(facts).what; }

TEST(RulesTest, ALeaderStartsWhatTheTableWants) { EXPECT_EQ(What(HomeDown()), Do::kStart); }

TEST(RulesTest, OnlyALeaderThatKnowsTheStoreActs) {
  Facts facts = HomeDown();
  facts.leading = false;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts = HomeDown();
  facts.move_known = false;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts = HomeDown();
  facts.running = true;
  EXPECT_EQ(What(facts), Do::kNothing);
}

TEST(RulesTest, WhatTheTableAsksAPersonForWaitsForOne) {
  Facts facts = HomeDown();
  facts.goal = Goal::kAskFailover;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.ordered = true;
  EXPECT_EQ(What(facts), Do::kStart);
}

TEST(RulesTest, AnOrderMovesNothingThatIsWell) {
  for (const Goal goal :
       {Goal::kStay, Goal::kWatch, Goal::kAskFailback, Goal::kAlarm, Goal::kResume}) {
    Facts facts = HomeDown();
    facts.goal = goal;
    facts.ordered = true;
    EXPECT_EQ(What(facts), Do::kNothing);
  }
}

TEST(RulesTest, AnotherControllersMoveIsNotBegunTwice) {
  for (const bool ordered : {false, true}) {
    Facts facts = HomeDown();
    facts.ordered = ordered;
    facts.move = Begun(MoveState::kRunning, "another");
    EXPECT_EQ(What(facts), Do::kNothing);
    EXPECT_NE(Choose(facts).why.find("another"), std::string::npos);
    EXPECT_TRUE(Choose(facts).yield);
  }
}

TEST(RulesTest, WhatALostControllerBeganIsBegunAnewOnlyWhereNothingHadMoved) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kRunning, "another");
  facts.whole_since_leading = true;
  EXPECT_EQ(What(facts), Do::kStart);
  for (const Goal goal : {Goal::kResume, Goal::kAlarm, Goal::kAskFailover, Goal::kStay}) {
    facts.goal = goal;
    EXPECT_EQ(What(facts), Do::kNothing);
  }
}

TEST(RulesTest, WhatALostControllerLeftInTheStoreIsGoneOnWithByAnother) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kRunning, "another");
  facts.mirrored = true;
  // Whole or not: what it began is not begun anew.
  for (const Goal goal : {Goal::kFailover, Goal::kResume, Goal::kAlarm}) {
    facts.goal = goal;
    facts.whole_since_leading = goal == Goal::kFailover;
    EXPECT_EQ(What(facts), Do::kGoOn);
    EXPECT_NE(Choose(facts).why.find("by another"), std::string::npos);
  }
  facts.leading = false;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.leading = true;
  facts.tries = kMaxTries;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.tries = 0;
  for (const MoveState state : {MoveState::kRefused, MoveState::kAborted}) {
    facts.move = Begun(state, "another");
    EXPECT_EQ(What(facts), Do::kNothing);
    facts.ordered = true;
    EXPECT_EQ(What(facts), Do::kGoOn);
    facts.ordered = false;
  }
}

TEST(RulesTest, WhatEndedElsewhereIsNotGoneOnWith) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kDone, "another");
  facts.goal = Goal::kStay;
  facts.unfinished = true;
  EXPECT_EQ(What(facts), Do::kNothing);
}

TEST(RulesTest, WhatSomebodyCarriesOutByHandElsewhereIsLeftToHands) {
  Facts facts = HomeDown();
  facts.hand = "cli:ann";
  for (const bool ordered : {false, true}) {
    facts.ordered = ordered;
    EXPECT_EQ(What(facts), Do::kNothing);
    EXPECT_NE(Choose(facts).why.find("cli:ann"), std::string::npos);
  }
}

TEST(RulesTest, ItsOwnMoveIsGoneOnWithAndNotForEver) {
  Facts facts = HomeDown();
  facts.goal = Goal::kResume;  // parts have moved already
  facts.unfinished = true;
  for (const MoveState state : {MoveState::kRunning, MoveState::kFailed}) {
    facts.move = Begun(state);
    facts.tries = 0;
    EXPECT_EQ(What(facts), Do::kGoOn);
    facts.tries = kMaxTries;
    EXPECT_EQ(What(facts), Do::kNothing);
    facts.ordered = true;
    EXPECT_EQ(What(facts), Do::kGoOn);
    facts.ordered = false;
  }
}

TEST(RulesTest, WhatMovedNothingIsNotGoneOnWithWhileTheRegionThatItLeavesIsWell) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kRunning);
  facts.unfinished = true;
  facts.well_in = facts.move->from;
  facts.goal = Goal::kStay;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.ordered = true;
  EXPECT_EQ(What(facts), Do::kGoOn);
}

// A failover to home that was cut off behind its traffic: home serves, and steps are still to come.
TEST(RulesTest, WhatMovedAllThatServesIsGoneOnWithToItsEnd) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kRunning);
  std::swap(facts.move->from, facts.move->to);
  facts.unfinished = true;
  facts.well_in = facts.move->to;
  facts.goal = Goal::kStay;
  EXPECT_EQ(What(facts), Do::kGoOn);
}

TEST(RulesTest, AnApplicationIsWellWhereItIsActiveAndThatRegionIsUp) {
  using decide::Row;
  const model::Regions regions{model::Region("us-east-1"), model::Region("us-west-2"), {}};
  EXPECT_EQ(WellIn(Row::kHomeHealthy, regions), regions.home);
  EXPECT_EQ(WellIn(Row::kAwayHealthy, regions), regions.recovery);
  EXPECT_EQ(WellIn(Row::kAwayHomeBack, regions), regions.recovery);
  for (const Row row : {Row::kHomeSuspect, Row::kAwayDownHomeUp, Row::kActiveMixed})
    EXPECT_TRUE(WellIn(row, regions).empty());
}

TEST(RulesTest, AMoveThatTheJournalNeverKnewOfIsJudgedAnew) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kRunning);
  EXPECT_EQ(What(facts), Do::kStart);
  facts.goal = Goal::kStay;
  EXPECT_EQ(What(facts), Do::kNothing);
}

TEST(RulesTest, ARefusalIsNotTriedAgainUntilAPersonSaysSoOrAllWasWell) {
  for (const MoveState state : {MoveState::kRefused, MoveState::kAborted, MoveState::kFailed}) {
    Facts facts = HomeDown();
    facts.move = Begun(state);
    if (state == MoveState::kFailed) {
      EXPECT_EQ(What(facts), Do::kStart);
    }
    facts.tries = kMaxTries;
    EXPECT_EQ(What(facts), Do::kNothing);
    facts.ordered = true;
    EXPECT_EQ(What(facts), Do::kStart);
    facts.ordered = false;
    facts.calm = true;
    EXPECT_EQ(What(facts), Do::kStart);
  }
}

TEST(RulesTest, AnAbortedMoveWaitsForAPerson) {
  Facts facts = HomeDown();
  facts.move = Begun(MoveState::kAborted);
  facts.unfinished = true;
  facts.goal = Goal::kResume;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.ordered = true;
  EXPECT_EQ(What(facts), Do::kGoOn);
}

TEST(RulesTest, WhatAPersonJustEndedIsNeitherGoneOnWithNorBegun) {
  Facts facts = HomeDown();
  facts.aborting = true;
  EXPECT_EQ(What(facts), Do::kNothing);
  for (const Goal goal : {Goal::kFailover, Goal::kResume}) {
    facts.goal = goal;
    facts.move = Begun(MoveState::kRunning);
    facts.unfinished = true;
    EXPECT_EQ(What(facts), Do::kNothing);
    facts.aborting = false;
    EXPECT_EQ(What(facts), Do::kGoOn) << "it is the abort that stands in the way";
    facts.aborting = true;
  }
}

TEST(RulesTest, WorkBegunByHandIsLeftToHands) {
  Facts facts = HomeDown();
  facts.foreign_work = true;
  EXPECT_EQ(What(facts), Do::kNothing);
  facts.ordered = true;
  EXPECT_EQ(What(facts), Do::kNothing);
}

TEST(MoveTest, IsReadAsItWasWrittenAndTornOnesAreRefused) {
  Move move = Begun(MoveState::kFailed);
  move.at = {base::Duration(1'795'421'000'000'000'000)};
  const std::string text = ToJson(move);
  const base::Result<Move> read = MoveFromJson(text);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, move);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(MoveFromJson(text.substr(0, size)).ok());
  }
  for (const char* bad : {"{}", "[]", "{\"v\":2}", "{\"v\":1,\"state\":\"over\"}"}) {
    EXPECT_FALSE(MoveFromJson(bad).ok());
  }
  move.why = std::string(100'000, '\xff');
  EXPECT_TRUE(MoveFromJson(ToJson(move)).ok());
}

}  // namespace
}  // namespace leeward::serve

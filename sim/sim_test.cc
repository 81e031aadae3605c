// Whole runs: seeds without a planted bug break no rule, and every planted bug is found.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/run.h"

namespace leeward::sim {
namespace {

Outcome RunSeed(std::uint64_t seed, Bug bug = Bug::kNone,
                std::optional<FaultKind> only = std::nullopt) {
  ScenarioOptions options;
  options.seed = seed;
  options.bug = bug;
  options.only = only;
  return sim::Run(options);
}

std::string Told(std::uint64_t seed, const Outcome& outcome) {
  std::string text = "build/leeward-sim --seed " + std::to_string(seed);
  for (const Violation& violation : outcome.violations) {
    text += "\n  " + violation.checker + ": " + violation.what;
  }
  return text;
}

TEST(Simulation, TheSameSeedIsTheSameHistory) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EXPECT_EQ(ToText(RunSeed(seed).history), ToText(RunSeed(seed).history)) << "seed " << seed;
  }
  EXPECT_NE(ToText(RunSeed(1).history), ToText(RunSeed(2).history));
}

// Many more seeds are run by the test `sim_seeds`.
TEST(Simulation, NoSeedBreaksARule) {
  std::set<std::string> ends;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Outcome outcome = RunSeed(seed);
    EXPECT_TRUE(outcome.violations.empty()) << Told(seed, outcome);
    ends.insert(outcome.end);
  }
  for (const char* end : {"home", "moved", "refused", "held"})
    EXPECT_TRUE(ends.contains(end)) << "the seeds do not reach the end " << end;
}

// Outside the stated bounds nothing is promised. That it goes wrong there shows that the bounds
// carry weight: the same seeds are clean within them.
TEST(Simulation, BeyondTheBoundsOfTheLeaseTwoWritersAreSeen) {
  int with_two_writers = 0;
  for (std::uint64_t seed = 1; seed <= 2000 && with_two_writers == 0; ++seed) {
    ScenarioOptions options;
    options.seed = seed;
    options.only = FaultKind::kIsolation;
    options.beyond_bounds = true;
    for (const Violation& violation : sim::Run(options).violations) {
      if (violation.checker == "writers") ++with_two_writers;
    }
    options.beyond_bounds = false;
    const Outcome within = sim::Run(options);
    EXPECT_TRUE(within.violations.empty()) << Told(seed, within) << " --fault isolation";
  }
  EXPECT_GT(with_two_writers, 0);
}

TEST(Simulation, EveryKindOfFaultAloneEndsWell) {
  for (int kind = 0; kind < kFaultKinds; ++kind) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      ScenarioOptions options;
      options.seed = seed;
      options.only = static_cast<FaultKind>(kind);
      const Outcome outcome = sim::Run(options);
      EXPECT_TRUE(outcome.violations.empty())
          << Told(seed, outcome) << " --fault " << Name(*options.only);
    }
  }
}

// No planted mistake is needed to see that the end is looked at.
TEST(CheckEnd, SeesARunThatDidNotEndAndOneThatSaysSoWithoutServing) {
  const auto found = [](const History& history) {
    Violations violations;
    CheckEnd(history, &violations);
    return violations.size();
  };
  const auto at = [](int seconds) { return Duration(std::chrono::seconds(seconds)); };
  History history;
  EXPECT_EQ(found(history), 1u) << "it never ended";
  history.facts = {{at(9), FactKind::kEnded, Place::kRecovery, 0, 0, "moved", "done"}};
  EXPECT_EQ(found(history), 1u) << "nothing was acknowledged";
  history.facts.insert(history.facts.begin(),
                       {at(8), FactKind::kAcknowledged, Place::kHome, 1, 7, "", ""});
  EXPECT_EQ(found(history), 1u) << "it was acknowledged elsewhere";
  history.facts.front().place = Place::kRecovery;
  EXPECT_EQ(found(history), 0u);
  history.facts.front().at = at(1);
  EXPECT_EQ(found(history), 1u) << "long ago";
  history.facts = {{at(9), FactKind::kEnded, Place::kRecovery, 0, 0, "refused", ""}};
  EXPECT_EQ(found(history), 1u) << "no reason";
}

// What each kind of run is there for happens among the seeds: a controller goes on with what
// another began, and a person's moves come to their end, are called off, and are given up.
TEST(Simulation, ControllersTakeOverAndPeopleMoveThereAndBack) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    std::map<std::string, Hand> begun;
    for (const Fact& fact : RunSeed(seed).history.facts) {
      if (fact.kind != FactKind::kRecorded) continue;
      if (fact.text.starts_with("execution-started")) begun[fact.detail] = fact.hand;
      if (fact.text == "execution-resumed failover" && begun[fact.detail] != fact.hand)
        seen.insert("taken over");
      if (fact.text.starts_with("execution-finished"))
        seen.insert(fact.detail.substr(0, fact.detail.find('-')) + " " +
                    fact.text.substr(fact.text.rfind(' ') + 1));
    }
  }
  for (const char* wanted :
       {"taken over", "switchover done", "failback done", "call done", "switchover abandoned"}) {
    EXPECT_TRUE(seen.contains(wanted)) << wanted << " is in no seed";
  }
}

// The old lease's end is what a loss behind the fence counts to. On a clock that runs fast, more
// time seems to have gone by since, and writes just before the end would be younger than it.
TEST(Simulation, TheEndOfALeaseIsNotTakenForEarlierThanItWas) {
  const Outcome outcome = RunSeed(396'734);
  EXPECT_TRUE(outcome.violations.empty()) << Told(396'734, outcome);
}

// A failover that is held over what its fence left to be lost goes on when people accept as much,
// is held again when they accept less or who heard them died, and stays held when nobody says
// anything.
TEST(Simulation, AHeldFailoverGoesOnWhenItsLossIsAccepted) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const Outcome outcome = RunSeed(seed);
    std::string said, gate;
    bool held = false;
    for (const Fact& fact : outcome.history.facts) {
      if (fact.kind == FactKind::kAccepted) said = fact.text;
      if (fact.kind == FactKind::kAccepted && fact.text == kApproved && gate == "gate.final-loss")
        seen.insert("approved behind the fence");
      if (fact.kind != FactKind::kRecorded) continue;
      if (fact.text.starts_with("step-intended gate.")) gate = fact.text.substr(14);
      if (fact.text == "execution-finished held") {
        seen.insert(held ? "held again" : "held");
        held = true;
      }
      if (held && fact.text == "execution-finished done" && said == kAcceptLoss)
        seen.insert("went on with accept-loss");
    }
    if (outcome.end == "held") seen.insert("held for good");
  }
  for (const char* wanted : {"held", "held again", "went on with accept-loss", "held for good",
                             "approved behind the fence"}) {
    EXPECT_TRUE(seen.contains(wanted)) << wanted << " is in no seed";
  }
}

// A failover that measured five seconds, was held over them, and has an RPO of one.
struct HeldHistory {
  static constexpr char kMove[] = "failover-recovery-1";
  static Duration At(int seconds) { return std::chrono::seconds(seconds); }
  static std::uint64_t Count(int seconds) {
    return static_cast<std::uint64_t>(At(seconds).count());
  }

  HeldHistory() {
    history.rpo = At(1);
    history.policy = model::OverRpo::kAsk;
    Stated(1, At(5));
    Recorded(1, 2, "execution-finished held");
  }
  void Stated(std::uint64_t record, Duration bound) {
    model::Event event;
    event.kind = model::EventKind::kLossBound;
    event.execution = model::ExecutionId(kMove);
    event.sequence = record;
    event.fields["bound_ns"] = std::to_string(bound.count());
    history.journals[1].push_back({event, record});
  }
  void Recorded(int at, std::uint64_t record, const char* text) {
    Add({At(at), FactKind::kRecorded, Place::kRecovery, 0, record, text, kMove, Hand::kRecovery});
  }
  void Said(int at, const char* how, int loss) {
    Add({At(at), FactKind::kAccepted, Place::kRecovery, 0, Count(loss), how, kMove,
         Hand::kRecovery});
  }
  void Promotes(int at) {
    Add({At(at), FactKind::kEffect, Place::kRecovery, 0, 9, "rds.promote/orders", kMove,
         Hand::kRecovery});
  }
  void Add(const Fact& fact) { history.facts.push_back(fact); }
  std::string Found() const {
    Violations violations;
    CheckHeld(history, &violations);
    return violations.empty() ? "" : violations.front().what;
  }
  History history;
};

TEST(CheckHeld, NobodyWritesWhileAFailoverIsHeldAndNothingIsPromotedThatNobodyAccepted) {
  HeldHistory writes;
  EXPECT_EQ(writes.Found(), "");
  writes.Add({HeldHistory::At(2), FactKind::kAcknowledged, Place::kHome, 1, 7, "", ""});
  EXPECT_NE(writes.Found().find("home acknowledged while"), std::string::npos) << writes.Found();

  HeldHistory unproven;
  unproven.history.facts.clear();
  unproven.Recorded(1, 2, "gate-refused gate.fence-proof");
  unproven.Recorded(1, 3, "execution-finished held");
  unproven.Add({HeldHistory::At(2), FactKind::kAcknowledged, Place::kHome, 1, 7, "", ""});
  EXPECT_EQ(unproven.Found(), "") << "what did not answer is not known to be closed";

  HeldHistory promotes;
  promotes.Recorded(2, 3, "execution-resumed failover");
  promotes.Said(2, kAcceptLoss, 4);
  promotes.Promotes(3);
  EXPECT_NE(promotes.Found().find("nobody accepted the loss of up to 5.00 s"), std::string::npos)
      << promotes.Found();
  promotes.history.facts[2].number = HeldHistory::Count(5);
  EXPECT_EQ(promotes.Found(), "");
}

TEST(CheckHeld, AcceptingTheLossHasItGoOnAndTheLossDoesNotGrow) {
  HeldHistory approved;
  approved.Said(2, kApproved, 5);
  approved.Recorded(3, 3, "execution-resumed failover");
  approved.Recorded(4, 4, "execution-finished held");
  EXPECT_NE(approved.Found().find("had been accepted"), std::string::npos) << approved.Found();

  HeldHistory grows;
  grows.Recorded(2, 3, "execution-resumed failover");
  grows.Stated(4, HeldHistory::At(6));
  grows.Recorded(3, 5, "execution-finished held");
  EXPECT_NE(grows.Found().find("over a loss of 6.00 s, and over 5.00 s before"), std::string::npos)
      << grows.Found();

  HeldHistory ignored;
  ignored.Said(2, kOrdered, 4);
  ignored.Add(
      {HeldHistory::At(9), FactKind::kEnded, Place::kWitness, 0, 0, "held", "it was asked"});
  EXPECT_EQ(ignored.Found(), "");
  ignored.history.facts[1].number = HeldHistory::Count(5);
  EXPECT_NE(ignored.Found().find("told to go on"), std::string::npos) << ignored.Found();
}

// The record of the end reached the mirror and its answer was lost: who comes next may begin.
TEST(Simulation, AnEndThatOnlyTheMirrorHasIsAnEnd) {
  for (const std::uint64_t seed : {106'241u, 291'805u}) {
    const Outcome outcome = RunSeed(seed);
    EXPECT_TRUE(outcome.violations.empty()) << Told(seed, outcome);
  }
}

// A run that moved the application, for what is done to its journal afterwards.
History Moved() {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Outcome outcome = RunSeed(seed);
    if (outcome.end == "moved") return std::move(outcome.history);
  }
  ADD_FAILURE() << "none of the seeds moves the application";
  return {};
}

std::vector<History::Entry>& JournalOf(History& history) {
  for (auto& journal : history.journals) {
    if (!journal.empty()) return journal;
  }
  ADD_FAILURE() << "a run without a journal";
  return history.journals.front();
}

model::Event& StartIn(History& history) {
  for (History::Entry& entry : JournalOf(history)) {
    if (entry.event.kind == model::EventKind::kExecutionStarted) return entry.event;
  }
  ADD_FAILURE() << "nothing was begun";
  return JournalOf(history).front().event;
}

std::size_t FoundByReplay(const History& history) {
  constexpr int kEveryRecord = 1000;
  Violations violations;
  CheckReplay(history, kEveryRecord, &violations);
  return violations.size();
}

// No planted mistake of the controller is needed to see that going on is tried.
TEST(CheckReplay, SeesAJournalThatCannotBeGoneOnWithToTheEnd) {
  const History whole = Moved();
  EXPECT_EQ(FoundByReplay(whole), 0u);

  History unreadable = whole;
  std::string& plan = StartIn(unreadable).fields.at("plan");
  plan.resize(plan.size() / 2);
  EXPECT_GT(FoundByReplay(unreadable), 0u);

  // A step that waits for one that waits for it: started again, this plan would never end.
  History endless = whole;
  std::string& knotted = StartIn(endless).fields.at("plan");
  const std::string free = "\"after\": []", id = "\"id\": \"";
  const auto last = knotted.rfind(id) + id.size();
  const auto first = knotted.find(free);
  ASSERT_NE(first, std::string::npos);
  knotted.replace(first, free.size(),
                  "\"after\": [\"" + knotted.substr(last, knotted.find('"', last) - last) + "\"]");
  EXPECT_GT(FoundByReplay(endless), 0u);
}

struct Planted {
  Bug bug;
  const char* checker;
  std::uint64_t within;  // seeds
  std::optional<FaultKind> only = {};
};

// The first seed at which the checker finds the bug; 0: none of the first.
std::uint64_t FoundAt(const Planted& planted) {
  for (std::uint64_t seed = 1; seed <= planted.within; ++seed) {
    for (const Violation& violation : RunSeed(seed, planted.bug, planted.only).violations) {
      if (violation.checker == planted.checker) return seed;
    }
  }
  return 0;
}

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFound) {
  const Planted& planted = GetParam();
  EXPECT_NE(FoundAt(planted), 0u) << Name(planted.bug) << " is not found by the checker "
                                  << planted.checker << " within " << planted.within << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Simulation, PlantedBug,
                         testing::Values(Planted{Bug::kNoFenceWait, "writers", 1000},
                                         Planted{Bug::kLeaseWithoutMargin, "writers", 4000},
                                         Planted{Bug::kEffectBeforeIntent, "intent", 100},
                                         Planted{Bug::kPromotionOnStatus, "intent", 1000},
                                         Planted{Bug::kAutoReturn, "return", 1000},
                                         Planted{Bug::kMeasuredEarly, "loss", 4000},
                                         Planted{Bug::kEachForItself, "hands", 1000},
                                         Planted{Bug::kUnfencedMirror, "hands", 6000,
                                                 FaultKind::kControllerPause},
                                         Planted{Bug::kDrainUnchecked, "loss", 1000},
                                         Planted{Bug::kOverwritesOld, "kept", 2000},
                                         Planted{Bug::kFinalLossIgnored, "held", 1000}),
                         [](const auto& planted) {
                           std::string name(Name(planted.param.bug));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace leeward::sim

#include "decide/decide.h"

#include <gtest/gtest.h>

#include <set>

#include "decide/failover_table.h"
#include "model/names.h"
#include "model/testing/shop.h"

namespace leeward::decide {
namespace {

using model::FailoverMode;
using model::Health;

const model::Application kShop = model::testing::Shop();

std::vector<Situation> EverySituation() {
  std::vector<Situation> all;
  for (Active active : {Active::kHome, Active::kRecovery, Active::kMixed, Active::kUnknown}) {
    for (Health home : model::AllOf<Health>()) {
      for (Health recovery : model::AllOf<Health>()) {
        for (FailoverMode mode : model::AllOf<FailoverMode>()) {
          for (bool cooling : {false, true}) all.push_back({active, home, recovery, mode, cooling});
        }
      }
    }
  }
  return all;
}

TEST(FailoverTableTest, EverySituationMatchesExactlyOneRow) {
  for (const Situation& situation : EverySituation()) {
    int matches = 0;
    for (const TableRow& row : FailoverTable()) matches += row.Matches(situation) ? 1 : 0;
    EXPECT_EQ(matches, 1) << Name(situation.active) << " " << Name(situation.home) << " "
                          << Name(situation.recovery);
  }
}

TEST(FailoverTableTest, EveryRowIsReachedAndNamedOnce) {
  std::set<Row> reached;
  std::set<std::string_view> names;
  for (const Situation& situation : EverySituation()) reached.insert(Decide(kShop, situation).row);
  for (const TableRow& row : FailoverTable()) {
    EXPECT_TRUE(reached.contains(row.row)) << Name(row.row);
    EXPECT_TRUE(names.insert(Name(row.row)).second) << Name(row.row);
  }
}

TEST(DecideTest, NothingMovesUnlessAQuorumSaysTheActiveRegionIsDown) {
  for (const Situation& situation : EverySituation()) {
    const Decision decision = Decide(kShop, situation);
    if (ActionFor(decision.goal) != model::Action::kFailover) continue;
    EXPECT_EQ(situation.active == Active::kHome ? situation.home : situation.recovery,
              Health::kDown);
    EXPECT_NE(situation.active == Active::kHome ? situation.recovery : situation.home,
              Health::kDown);
  }
}

TEST(DecideTest, OnlyOneRowActsUnasked) {
  for (const Situation& situation : EverySituation()) {
    if (Decide(kShop, situation).goal != Goal::kFailover) continue;
    EXPECT_EQ(situation.active, Active::kHome);
    EXPECT_EQ(situation.mode, FailoverMode::kAutomatic);
    EXPECT_FALSE(situation.cooling);
    EXPECT_NE(situation.recovery, Health::kUnknown);
  }
}

TEST(DecideTest, AnAutomaticFailoverHappensWhenItShould) {
  const Decision decision =
      Decide(kShop, {Active::kHome, Health::kDown, Health::kUp, FailoverMode::kAutomatic, false});
  EXPECT_EQ(decision.goal, Goal::kFailover);
  EXPECT_EQ(decision.from, kShop.regions.home);
  EXPECT_EQ(decision.to, kShop.regions.recovery);
}

TEST(DecideTest, ItNeverGoesHomeByItself) {
  EXPECT_EQ(
      Decide(kShop, {Active::kRecovery, Health::kUp, Health::kUp, FailoverMode::kAutomatic, false})
          .goal,
      Goal::kAskFailback);
}

model::Snapshot SnapshotOf(const std::map<std::string, std::string>& active) {
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'000'000'000'000)};
  for (const auto& [component, region] : active)
    snapshot.active[model::ComponentName(component)] = model::Region(region);
  return snapshot;
}

TEST(SituationTest, MissingVerdictsAndActivityAreUnknown) {
  const Situation situation = SituationOf(kShop, SnapshotOf({}), std::nullopt, {});
  EXPECT_EQ(situation.active, Active::kUnknown);
  EXPECT_EQ(situation.home, Health::kUnknown);
  EXPECT_EQ(Decide(kShop, situation).goal, Goal::kAlarm);
}

TEST(SituationTest, ActiveInTwoRegionsIsMixedAndElsewhereUnknown) {
  EXPECT_EQ(
      SituationOf(kShop, SnapshotOf({{"orders", "us-west-2"}, {"traffic", "us-east-1"}}), {}, {})
          .active,
      Active::kMixed);
  EXPECT_EQ(SituationOf(kShop, SnapshotOf({{"orders", "sa-east-1"}}), {}, {}).active,
            Active::kUnknown);
  EXPECT_EQ(SituationOf(kShop, SnapshotOf({{"orders", "us-west-2"}}), {}, {}).active,
            Active::kRecovery);
}

TEST(SituationTest, CoolDownEnds) {
  const model::Snapshot snapshot = SnapshotOf({{"orders", "us-east-1"}});
  Options options;
  options.cool_down = base::Duration(100);
  EXPECT_TRUE(SituationOf(kShop, snapshot, snapshot.at - base::Duration(99), options).cooling);
  EXPECT_FALSE(SituationOf(kShop, snapshot, snapshot.at - base::Duration(100), options).cooling);
}

TEST(DecideTest, TheReasonQuotesTheVerdicts) {
  model::Snapshot snapshot = SnapshotOf({{"orders", "us-east-1"}});
  snapshot.verdicts = {
      {kShop.regions.home, Health::kDown, 2, 2, snapshot.at, "us-east-1 is down: 2 of 2"},
      {kShop.regions.recovery, Health::kUp, 2, 2, snapshot.at, "us-west-2 is up: 2 of 2"}};
  EXPECT_EQ(Decide(kShop, snapshot, std::nullopt, {}).reason,
            "home is down and the recovery Region can take over; us-east-1 is down: 2 of 2; "
            "us-west-2 is up: 2 of 2");
}

// --- Loss gate
// ---------------------------------------------------------------------------------------------

constexpr base::Duration kSecond(1'000'000'000);

LossBound Loses(const std::string& name, int seconds) {
  return {model::ComponentName(name), seconds * kSecond};
}
LossBound Unknown(const std::string& name) { return {model::ComponentName(name), std::nullopt}; }
LossTerms Terms(model::OverRpo policy, std::optional<int> accepted = std::nullopt) {
  LossTerms terms{5 * kSecond, policy, std::nullopt};
  if (accepted) terms.accepted = *accepted * kSecond;
  return terms;
}

TEST(LossGateTest, WithinTheRpoPasses) {
  const GateAnswer answer =
      LossGate({Loses("orders", 5), Loses("carts", 2)}, Terms(model::OverRpo::kRefuse));
  EXPECT_EQ(answer.answer, Answer::kPass);
  EXPECT_EQ(answer.reason, "orders may lose up to 5.00 s, within the RPO of 5.00 s");
}

TEST(LossGateTest, AStoreMayHaveAnRpoOfItsOwn) {
  LossBound files = Loses("uploads", 600);
  files.budget = 900 * kSecond;
  const LossTerms terms = Terms(model::OverRpo::kRefuse);
  const GateAnswer both = LossGate({Loses("orders", 4), files}, terms);
  EXPECT_EQ(both.answer, Answer::kPass);
  EXPECT_EQ(both.reason, "uploads may lose up to 10 min 0 s, within its RPO of 15 min 0 s");
  EXPECT_EQ(LossGate({Loses("orders", 6), files}, terms).answer, Answer::kRefuse)
      << "the wider one is the other store's";
  files.bound = 901 * kSecond;
  EXPECT_EQ(LossGate({Loses("orders", 4), files}, terms).answer, Answer::kRefuse);
  files.budget = kSecond;
  files.bound = 2 * kSecond;
  EXPECT_EQ(LossGate({Loses("orders", 4), files}, terms).answer, Answer::kRefuse)
      << "a narrower one counts too";
}

TEST(LossGateTest, OverTheRpoFollowsThePolicy) {
  EXPECT_EQ(LossGate({Loses("orders", 6)}, Terms(model::OverRpo::kAsk)).answer, Answer::kAsk);
  EXPECT_EQ(LossGate({Loses("orders", 6)}, Terms(model::OverRpo::kRefuse)).answer, Answer::kRefuse);
  EXPECT_EQ(LossGate({Loses("orders", 6)}, Terms(model::OverRpo::kProceed)).answer, Answer::kPass);
  EXPECT_EQ(LossGate({Loses("orders", 6)}, Terms(model::OverRpo::kAsk)).reason,
            "orders may lose up to 6.00 s, the RPO is 5.00 s; run again with --accept-loss 6s to "
            "accept that");
}

TEST(LossGateTest, AcceptanceCoversWhatItSaysAndNoMore) {
  for (model::OverRpo policy : model::AllOf<model::OverRpo>()) {
    EXPECT_EQ(LossGate({Loses("orders", 6)}, Terms(policy, 6)).answer, Answer::kPass);
  }
  EXPECT_EQ(LossGate({Loses("orders", 7)}, Terms(model::OverRpo::kAsk, 6)).answer, Answer::kAsk);
  EXPECT_EQ(
      LossGate({Loses("orders", 6), Loses("carts", 9)}, Terms(model::OverRpo::kRefuse, 6)).answer,
      Answer::kRefuse);
}

TEST(LossGateTest, AnUnknownBoundIsOverEveryBudgetAndCannotBeAccepted) {
  EXPECT_EQ(LossGate({Unknown("orders")}, Terms(model::OverRpo::kAsk, 1000)).answer, Answer::kAsk);
  EXPECT_EQ(LossGate({Unknown("orders")}, Terms(model::OverRpo::kRefuse, 1000)).answer,
            Answer::kRefuse);
  EXPECT_EQ(LossGate({Unknown("orders")}, Terms(model::OverRpo::kProceed)).answer, Answer::kPass);
  EXPECT_NE(LossGate({Loses("carts", 99), Unknown("orders")}, Terms(model::OverRpo::kAsk))
                .reason.find("orders"),
            std::string::npos)
      << "the worst store is named";
}

// The obvious second version: it passes when the policy proceeds or every single store is covered.
TEST(LossGateTest, AgreesWithTheObviousVersion) {
  const std::vector<std::optional<int>> values = {std::nullopt, 0, 5, 6, 7};
  for (const auto& a : values) {
    for (const auto& b : values) {
      for (model::OverRpo policy : model::AllOf<model::OverRpo>()) {
        for (const std::optional<int>& accepted : {std::optional<int>(), std::optional<int>(6)}) {
          bool covered = true;
          std::vector<LossBound> bounds;
          for (const auto& one : {a, b}) {
            bounds.push_back(one ? Loses("store", *one) : Unknown("store"));
            covered = covered && one && (*one <= 5 || (accepted && *one <= *accepted));
          }
          const Answer answer = LossGate(bounds, Terms(policy, accepted)).answer;
          EXPECT_EQ(answer == Answer::kPass, covered || policy == model::OverRpo::kProceed);
          EXPECT_EQ(answer == Answer::kRefuse, !covered && policy == model::OverRpo::kRefuse);
        }
      }
    }
  }
}

TEST(BoundTest, IsTheAgeOfTheNewestVisiblePlusTheMargin) {
  model::StoreLag lag;
  const base::WallTime now{100 * kSecond};
  EXPECT_FALSE(BoundOf(lag, now, kSecond).bound.has_value());
  lag.newest_visible = base::WallTime{97 * kSecond};
  EXPECT_EQ(BoundOf(lag, now, kSecond).bound, 4 * kSecond);
  lag.newest_visible = base::WallTime{103 * kSecond};
  EXPECT_EQ(BoundOf(lag, now, kSecond).bound, kSecond) << "a clock that runs ahead is no gain";
}

// --- Fence
// -------------------------------------------------------------------------------------------------

FenceEvidence Evidence(const std::vector<OldWriter>& writers) {
  FenceEvidence evidence;
  evidence.old_region = model::Region("us-east-1");
  for (OldWriter writer : writers) {
    evidence.stores.push_back(
        {model::ComponentName("store" + std::to_string(evidence.stores.size())), writer});
  }
  return evidence;
}

TEST(FenceProofTest, EveryWriterMustBeClosed) {
  EXPECT_EQ(FenceProof(Evidence({})).answer, Answer::kPass);
  EXPECT_EQ(FenceProof(Evidence({OldWriter::kClosed, OldWriter::kClosed})).answer, Answer::kPass);
  FenceEvidence doorless = Evidence({OldWriter::kUnreachable, OldWriter::kUnreachable});
  doorless.lease = LeaseGround{"expired", doorless.old_region, "3", "4"};
  EXPECT_EQ(FenceProof(doorless).reason.find("no guard closes"), std::string::npos);
  doorless.stores[1].guarded = false;
  EXPECT_EQ(FenceProof(doorless).answer, Answer::kPass);
  EXPECT_NE(
      FenceProof(doorless).reason.find("no guard closes " + doorless.stores[1].component.str()),
      std::string::npos)
      << FenceProof(doorless).reason;
  EXPECT_EQ(FenceProof(Evidence({OldWriter::kClosed, OldWriter::kUnreachable})).answer,
            Answer::kRefuse);
  EXPECT_EQ(FenceProof(Evidence({OldWriter::kNotTried})).answer, Answer::kRefuse);
}

TEST(FenceProofTest, SilenceIsNoProofAndTheWayOutIsSaid) {
  EXPECT_EQ(FenceProof(Evidence({OldWriter::kUnreachable})).reason,
            "the writer of store0 in us-east-1 was tried and did not answer, which proves nothing; "
            "make sure that it "
            "cannot write, then run again with --override-fence \"NAME: REASON\"");
}

TEST(FenceProofTest, AnOverrideMustBeSigned) {
  FenceEvidence evidence = Evidence({OldWriter::kUnreachable});
  for (const char* unsigned_text : {"yes", ": because", "ANA:", " : ", "ANA:  "}) {
    evidence.override_text = unsigned_text;
    EXPECT_EQ(FenceProof(evidence).answer, Answer::kRefuse) << unsigned_text;
  }
  evidence.override_text = "ANA: I pulled the plug";
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kPass);
  EXPECT_EQ(FenceProof(evidence).reason, "overridden by ANA: I pulled the plug");
}

TEST(FenceProofTest, TheOldRegionsLeaseCountsWhenItsGuardGaveItUpOrItEnded) {
  FenceEvidence evidence = Evidence({OldWriter::kUnreachable});
  evidence.lease = LeaseGround{"expired", model::Region("us-east-1"), "3", "4"};
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kPass);
  EXPECT_EQ(FenceProof(evidence).reason,
            "the lease of epoch 3 of us-east-1 expired, taken as epoch 4");
  evidence.lease->ground = "released";
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kPass);
  for (const char* ground : {"unguarded", "first", ""}) {
    evidence.lease->ground = ground;
    EXPECT_EQ(FenceProof(evidence).answer, Answer::kRefuse) << ground;
  }
  evidence.lease = LeaseGround{"expired", model::Region("us-west-2"), "3", "4"};
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kRefuse) << "another Region's";
  evidence.lease = LeaseGround{"expired", model::Region("us-east-1"), "3", ""};
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kRefuse) << "never taken";
}

TEST(FenceProofTest, WritesEndWithAnExpiredLeaseAndElseWithTheProof) {
  const base::WallTime now{100 * kSecond}, ended{90 * kSecond};
  FenceEvidence evidence = Evidence({OldWriter::kUnreachable});
  evidence.lease = LeaseGround{"expired", evidence.old_region, "3", "4", ended};
  EXPECT_EQ(NoWritesAfter(evidence, now), ended);
  EXPECT_EQ(NoWritesAfter(evidence, base::WallTime{80 * kSecond}), base::WallTime{80 * kSecond});
  evidence.lease->ground = "released";
  EXPECT_EQ(NoWritesAfter(evidence, now), now) << "when is not known";
  evidence.lease->ground = "expired";
  evidence.lease->from = model::Region("us-west-2");
  EXPECT_EQ(NoWritesAfter(evidence, now), now) << "another Region's";
  evidence.lease->from = evidence.old_region;
  evidence.stores[0].writer = OldWriter::kClosed;
  EXPECT_EQ(NoWritesAfter(evidence, now), now) << "what was closed by hand was open until then";
}

TEST(FenceProofTest, ADrillsKillCountsForTheRegionItKilled) {
  FenceEvidence evidence = Evidence({OldWriter::kNotTried});
  evidence.killed = KilledByDrill{model::Region("us-west-2"), base::WallTime{}};
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kRefuse);
  evidence.killed->region = model::Region("us-east-1");
  EXPECT_EQ(FenceProof(evidence).answer, Answer::kPass);
}

TEST(FenceProofTest, WritesEndWithADrillsKill) {
  const base::WallTime now{100 * kSecond}, gone{90 * kSecond};
  FenceEvidence evidence = Evidence({OldWriter::kUnreachable});
  evidence.killed = KilledByDrill{evidence.old_region, gone};
  EXPECT_EQ(NoWritesAfter(evidence, now), gone);
  EXPECT_EQ(NoWritesAfter(evidence, base::WallTime{80 * kSecond}), base::WallTime{80 * kSecond});
  evidence.killed->region = model::Region("us-west-2");
  EXPECT_EQ(NoWritesAfter(evidence, now), now) << "another Region's";
  evidence.killed->region = evidence.old_region;
  evidence.stores[0].writer = OldWriter::kClosed;
  EXPECT_EQ(NoWritesAfter(evidence, now), now) << "it was closed, so somebody was there to do it";
}

}  // namespace
}  // namespace leeward::decide

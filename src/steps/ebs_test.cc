#include "steps/ebs.h"

#include <gtest/gtest.h>

#include "steps/dry_run.h"
#include "steps/testing/fake_disks.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeDisks;
using testing::SeenCall;
using testing::Shop;

Limits QuickDiskLimits() {
  Limits limits;
  limits.api_poll_first = milliseconds(5);
  limits.api_poll_most = milliseconds(20);
  limits.clock_margin = milliseconds(20);
  return limits;
}

class EbsStepsTest : public ::testing::Test {
 protected:
  EbsStepsTest() : shop_(QuickDiskLimits()), disks_((AddDisks(shop_), shop_)) { disks_.MakeHome(); }

  static void AddDisks(Shop& shop) {
    model::Ebs disks;
    disks.tag = "app=disks";
    disks.every = minutes(5);
    disks.keep = 2;
    shop.application.components.push_back({model::ComponentName("disks"), disks, {}});
    shop.execution = model::ExecutionId("x1");
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region,
                          std::map<std::string, std::string> parameters = {}) {
    const std::string id = kind + "/disks";
    if (shop_.plan.Find(model::StepId(id)) != nullptr) return shop_.Run(id);
    return shop_.AddAndRun(id, region, std::move(parameters));
  }
  Result<StepOutcome> Replicate(const std::string& execution = "x1") {
    shop_.execution = model::ExecutionId(execution);
    return Run("ebs.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
  }
  Result<StepOutcome> DrainTo() {
    return Run("ebs.drain-to", shop_.recovery, {{"source-region", "us-east-1"}});
  }
  Result<StepOutcome> Promote(const std::string& execution = "x2") {
    shop_.execution = model::ExecutionId(execution);
    return Run("ebs.promote", shop_.recovery);
  }
  static std::string Detail(const Result<StepOutcome>& outcome) {
    return outcome.ok() ? outcome->detail : outcome.error().message();
  }
  std::size_t Count(const std::string& operation) const {
    return shop_.aws.Calls("ec2:" + operation).size();
  }
  std::size_t CountChanges() const {
    return Count("CreateSnapshots") + Count("CreateSnapshot") + Count("CopySnapshot") +
           Count("DeleteSnapshot") + Count("CreateVolume") + Count("CreateTags") +
           Count("DeleteTags");
  }
  void ExpectRefused(const Result<StepOutcome>& outcome, ErrorCode code, const std::string& what) {
    ASSERT_FALSE(outcome.ok()) << outcome->detail;
    EXPECT_EQ(outcome.error().code(), code);
    EXPECT_NE(Detail(outcome).find(what), std::string::npos) << Detail(outcome);
  }
  // What a dry run says of one step, alone.
  Finding Dry(const std::string& kind, const Region& region,
              std::map<std::string, std::string> parameters = {}) {
    model::Step step = shop_.Add(kind + "/disks", region, std::move(parameters));
    shop_.plan.steps.pop_back();
    step.timeout = seconds(5);
    model::Plan plan = shop_.plan;
    plan.steps = {step};
    DryRunner runner(shop_.TheTools(), QuickDiskLimits());
    return runner.Walk(shop_.application, shop_.inventory, plan, {}, {}).at(step.id);
  }

  Shop shop_;
  FakeDisks disks_;
};

TEST_F(EbsStepsTest, VolumesOfOneInstanceAreGoodAndThoseOfNoneToo) {
  const auto good = Run("ebs.check-source", shop_.home);
  ASSERT_TRUE(good.ok()) << Detail(good);
  EXPECT_EQ(good->detail, "vol-1 (8 GiB), vol-2 (1 GiB), attached: vol-1 to i-1, vol-2 to i-1");
  EXPECT_EQ(good->outputs.at("volumes"), "2");
  disks_.Detach();
  EXPECT_EQ(Detail(Run("ebs.check-source", shop_.home)),
            "vol-1 (8 GiB), vol-2 (1 GiB), attached to no instance");
}

TEST_F(EbsStepsTest, AbsentVolumesAndThoseOfTheWrongRegionAreTold) {
  disks_.disks.clear();
  disks_.Add({"vol-9", FakeDisks::kRecovery});
  ExpectRefused(Run("ebs.check-source", shop_.home), ErrorCode::kNotFound,
                "there are no volumes with the tag app=disks in us-east-1; give the tag to the "
                "volumes, or check `tag` in the spec");
  ExpectRefused(Replicate(), ErrorCode::kNotFound, "in us-east-1");
  ExpectRefused(Run("ebs.quiesce", shop_.home), ErrorCode::kNotFound, "in us-east-1");
  ExpectRefused(Run("ebs.open", shop_.home), ErrorCode::kNotFound, "in us-east-1");
  EXPECT_EQ(CountChanges(), 0u);
}

TEST_F(EbsStepsTest, VolumesThatAreNoSetAreRefusedWithTheReason) {
  disks_.Of("vol-2").state = "error";
  ExpectRefused(Run("ebs.check-source", shop_.home), ErrorCode::kWrongState, "vol-2 of the");
  disks_.Of("vol-2").state = "in-use";
  disks_.Of("vol-2").type = "io2";
  ExpectRefused(Run("ebs.check-source", shop_.home), ErrorCode::kWrongState, "is of type io2");
  disks_.Of("vol-2").type = "gp3";
  disks_.Of("vol-2").instance = "i-2";
  ExpectRefused(Run("ebs.check-source", shop_.home), ErrorCode::kWrongState,
                "attached: vol-1 to i-1, vol-2 to i-2");
  ExpectRefused(Replicate(), ErrorCode::kWrongState, "no snapshots of one instant");
  disks_.Of("vol-2").instance = "i-1";
  for (int i = 0; i < 19; ++i)
    disks_.Add({"vol-more" + std::to_string(i), FakeDisks::kHome, "i-1"});
  ExpectRefused(Run("ebs.check-source", shop_.home), ErrorCode::kWrongState, "at most 20");
  EXPECT_EQ(CountChanges(), 0u);
}

TEST_F(EbsStepsTest, ASetIsOfTheComponentsVolumesAloneAndASecondRunTakesNone) {
  const auto taken = Replicate();
  ASSERT_TRUE(taken.ok()) << Detail(taken);
  const auto calls = shop_.aws.Calls("ec2:CreateSnapshots");
  ASSERT_EQ(calls.size(), 1u);
  const Value& specification = calls[0].input.Sub("InstanceSpecification");
  ASSERT_EQ(specification.Items("ExcludeDataVolumeIds").size(), 1u);
  EXPECT_EQ(specification.Items("ExcludeDataVolumeIds").front().str(), "vol-root");
  ASSERT_EQ(disks_.ShotsIn("us-east-1").size(), 2u);
  const auto copies = disks_.ShotsIn("us-west-2");
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0]->tags.at(kVolumeTag), "vol-1");
  EXPECT_EQ(copies[1]->tags.at(kVolumeTag), "vol-2");
  EXPECT_EQ(copies[1]->tags.at(kTypeTag), "gp2");
  EXPECT_EQ(copies[1]->tags.at(kDeviceTag), "/dev/sdg");
  EXPECT_EQ(copies[0]->tags.at(kSetTag), taken->outputs.at("set"));
  const std::size_t before = CountChanges();
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("set"), taken->outputs.at("set"));
  EXPECT_EQ(CountChanges(), before);
}

TEST_F(EbsStepsTest, ARunThatWasCutOffBetweenItsCopiesMakesTheOthersAlone) {
  int copies = 0;
  shop_.aws.gate = [&](const SeenCall& call) -> base::Status {
    if (call.operation == "ec2:CopySnapshot" && ++copies == 2) return base::Denied("cut");
    return base::Ok();
  };
  EXPECT_FALSE(Replicate().ok());
  shop_.aws.gate = {};
  const auto whole = Replicate();
  ASSERT_TRUE(whole.ok()) << Detail(whole);
  EXPECT_EQ(Count("CreateSnapshots"), 1u);
  EXPECT_EQ(disks_.ShotsIn("us-east-1").size(), 2u);
  EXPECT_EQ(disks_.ShotsIn("us-west-2").size(), 2u);
}

TEST_F(EbsStepsTest, VolumesOfNoInstanceAreTakenOneByOneAndTheRestAfterACut) {
  disks_.Detach();
  int taken = 0;
  shop_.aws.gate = [&](const SeenCall& call) -> base::Status {
    if (call.operation == "ec2:CreateSnapshot" && ++taken == 2) return base::Denied("cut");
    return base::Ok();
  };
  EXPECT_FALSE(Replicate().ok());
  EXPECT_EQ(disks_.ShotsIn("us-east-1").size(), 1u);
  shop_.aws.gate = {};
  const auto whole = Replicate();
  ASSERT_TRUE(whole.ok()) << Detail(whole);
  EXPECT_EQ(disks_.ShotsIn("us-east-1").size(), 2u);
  EXPECT_EQ(disks_.ShotsIn("us-west-2").size(), 2u);
  EXPECT_EQ(Count("CreateSnapshots"), 0u);
}

TEST_F(EbsStepsTest, ASetThatIsListedInPartIsWaitedForAndNeverTakenTwice) {
  ASSERT_TRUE(Replicate().ok());
  const FakeDisks::Shot hidden = disks_.shots[1];
  disks_.shots.erase(disks_.shots.begin() + 1);
  shop_.plan.steps.back().timeout = shop_.patience = milliseconds(200);
  ExpectRefused(Replicate(), ErrorCode::kUnreachable, "to be complete");
  EXPECT_EQ(Count("CreateSnapshots"), 1u);
  disks_.shots.push_back(hidden);
  EXPECT_TRUE(Replicate().ok());
}

TEST_F(EbsStepsTest, ASnapshotInErrorIsToldAndTheOlderSetStaysTheOneToUse) {
  const auto older = Replicate("x1");
  ASSERT_TRUE(older.ok()) << Detail(older);
  disks_.fails = true;
  ExpectRefused(Replicate("x2"), ErrorCode::kWrongState, "the older sets are whole");
  EXPECT_EQ(Count("DeleteSnapshot"), 0u);
  const auto promoted = Promote();
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("set"), older->outputs.at("set"));
}

TEST_F(EbsStepsTest, SoManySetsAreKeptInEachRegionAndNobodyElsesIsDeleted) {
  disks_.shots.push_back({"snap-mine", FakeDisks::kHome, "vol-1", "completed", {}, {}});
  for (const char* execution : {"x1", "x2", "x3"}) {
    const auto taken = Replicate(execution);
    ASSERT_TRUE(taken.ok()) << Detail(taken);
  }
  EXPECT_EQ(disks_.ShotsIn("us-east-1").size(), 5u);
  EXPECT_EQ(disks_.ShotsIn("us-west-2").size(), 4u);
  for (const FakeDisks::Shot& one : disks_.shots) {
    if (one.id == "snap-mine") continue;
    EXPECT_FALSE(one.tags.at(kSetTag).starts_with("x1/")) << one.id;
  }
}

TEST_F(EbsStepsTest, TheLossIsBoundedByTheStartOfTheNewestCompleteSet) {
  const auto unknown = Run("ebs.measure", shop_.recovery);
  ASSERT_TRUE(unknown.ok()) << Detail(unknown);
  EXPECT_FALSE(unknown->outputs.contains("bound_ns"));
  EXPECT_EQ(unknown->detail, "unknown: no set of snapshots is complete in us-west-2");
  ASSERT_TRUE(Replicate("x1").ok());
  const auto fresh = Run("ebs.measure", shop_.recovery);
  ASSERT_TRUE(fresh.ok()) << Detail(fresh);
  EXPECT_LT(base::Duration(std::stoll(fresh->outputs.at("bound_ns"))), minutes(1));
  for (FakeDisks::Shot& one : disks_.shots) {
    if (one.region != FakeDisks::kRecovery) continue;
    one.tags[kStartedTag] = base::FormatIso8601(shop_.clock.Now() - minutes(7));
  }
  const auto late = Run("ebs.measure", shop_.recovery);
  ASSERT_TRUE(late.ok()) << Detail(late);
  const base::Duration bound(std::stoll(late->outputs.at("bound_ns")));
  EXPECT_GE(bound, minutes(7));
  EXPECT_LT(bound, minutes(8));
  EXPECT_NE(late->detail.find("whatever runs `leeward protect` is behind"), std::string::npos)
      << late->detail;
}

TEST_F(EbsStepsTest, AnIncompleteSetBoundsNothingAndIsNotPromoted) {
  ASSERT_TRUE(Replicate("x1").ok());
  std::erase_if(disks_.shots, [](const FakeDisks::Shot& one) {
    return one.region == FakeDisks::kRecovery && one.tags.at(kVolumeTag) == "vol-2";
  });
  const auto measured = Run("ebs.measure", shop_.recovery);
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
  ExpectRefused(Promote(), ErrorCode::kNotFound,
                "no set of snapshots of disks is complete in us-west-2");
  EXPECT_EQ(Count("CreateVolume"), 0u);
}

TEST_F(EbsStepsTest, VolumesThatAreInUseAlreadyAreOfUnknownLossUnlessAMoveIsKnownToHaveDecidedIt) {
  disks_.Add({"vol-9", FakeDisks::kRecovery, "i-9"});
  const auto stranger = Run("ebs.measure", shop_.recovery);
  ASSERT_TRUE(stranger.ok()) << Detail(stranger);
  EXPECT_TRUE(stranger->outputs.contains("unknown_because"));
  shop_.plan.steps.back().parameters["promoted-by"] = "f1";
  EXPECT_EQ(Run("ebs.measure", shop_.recovery)->outputs.at("already_promoted"), "yes");
}

TEST_F(EbsStepsTest, AFenceIsProofOnlyWhenNoInstanceHasThemAttached) {
  shop_.patience = milliseconds(200);
  const auto attached = Run("ebs.fence", shop_.home);
  ASSERT_TRUE(attached.ok()) << Detail(attached);
  EXPECT_EQ(attached->outputs.at("proof"), "unreachable");
  disks_.dark.insert(FakeDisks::kHome);
  const auto dark = Run("ebs.fence", shop_.home);
  ASSERT_TRUE(dark.ok()) << Detail(dark);
  EXPECT_EQ(dark->outputs.at("proof"), "unreachable");
  disks_.dark.clear();
  disks_.Detach();
  const auto closed = Run("ebs.fence", shop_.home);
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  EXPECT_EQ(closed->outputs.at("proof"), "closed");
  EXPECT_EQ(CountChanges(), 0u) << "it detaches nothing";
}

TEST_F(EbsStepsTest, APlannedMoveIsRefusedWhileVolumesAreAttached) {
  ExpectRefused(Run("ebs.quiesce", shop_.home), ErrorCode::kWrongState,
                "still attached in us-east-1: vol-1 to i-1, vol-2 to i-1; stop what writes, "
                "unmount and detach them (aws ec2 detach-volume), then run the same command again");
  ExpectRefused(DrainTo(), ErrorCode::kWrongState, "attached again in us-east-1");
  EXPECT_EQ(CountChanges(), 0u);
  disks_.Detach();
  const auto closed = Run("ebs.quiesce", shop_.home);
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  EXPECT_EQ(closed->outputs.at("proof"), "closed");
  EXPECT_TRUE(closed->outputs.contains("final_ns"));
}

TEST_F(EbsStepsTest, APlannedMoveMakesItsVolumesOfItsOwnLastSet) {
  ASSERT_TRUE(Replicate("x1").ok());
  disks_.Detach();
  shop_.execution = model::ExecutionId("x2");
  const auto drained = DrainTo();
  ASSERT_TRUE(drained.ok()) << Detail(drained);
  EXPECT_EQ(drained->outputs.at("complete"), "yes");
  const auto promoted = Promote("x2");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("set"), drained->outputs.at("set"));
}

TEST_F(EbsStepsTest, APlannedMoveWhoseLastSetIsGoneMakesNothingOfAnOlder) {
  ASSERT_TRUE(Replicate("x1").ok());
  disks_.Detach();
  shop_.execution = model::ExecutionId("x2");
  ASSERT_TRUE(DrainTo().ok());
  std::erase_if(disks_.shots,
                [](const FakeDisks::Shot& one) { return one.tags.at(kSetTag).starts_with("x2/"); });
  EXPECT_EQ(Promote("x2").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Count("CreateVolume"), 0u);
}

TEST_F(EbsStepsTest, AFailoverMakesEachVolumeOnceAndASecondRunNone) {
  const auto taken = Replicate("x1");
  ASSERT_TRUE(taken.ok()) << Detail(taken);
  disks_.dark.insert(FakeDisks::kHome);
  const auto promoted = Promote();
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "made");
  EXPECT_EQ(promoted->outputs.at("parted"), taken->outputs.at("started"));
  const auto made = disks_.ChosenIn("us-west-2");
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0]->tags.at(kVolumeTag), "vol-1");
  EXPECT_EQ(made[0]->type, "gp3");
  EXPECT_EQ(made[1]->type, "gp2");
  EXPECT_EQ(made[1]->tags.at(kDeviceTag), "/dev/sdg");
  const auto calls = shop_.aws.Calls("ec2:CreateVolume");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].input.String("AvailabilityZone"), "us-west-2a");
  EXPECT_NE(calls[0].input.String("ClientToken"), calls[1].input.String("ClientToken"));
  const auto again = Promote();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("how"), "already");
  EXPECT_EQ(Count("CreateVolume"), 2u);
}

TEST_F(EbsStepsTest, APromotionThatWasCutOffGoesOnWithItsSetAlthoughThereIsANewerOne) {
  ASSERT_TRUE(Replicate("x1").ok());
  int made = 0;
  shop_.aws.gate = [&](const SeenCall& call) -> base::Status {
    if (call.operation == "ec2:CreateVolume" && ++made == 2) return base::Denied("cut");
    return base::Ok();
  };
  EXPECT_FALSE(Promote("x2").ok());
  shop_.aws.gate = {};
  ASSERT_TRUE(Replicate("x3").ok());
  const auto whole = Promote("x2");
  ASSERT_TRUE(whole.ok()) << Detail(whole);
  EXPECT_TRUE(whole->outputs.at("set").starts_with("x1/")) << whole->outputs.at("set");
  EXPECT_EQ(disks_.ChosenIn("us-west-2").size(), 2u);
}

TEST_F(EbsStepsTest, WhatAnEarlierMoveMadeIsPutAsideUnlessItIsInUse) {
  ASSERT_TRUE(Replicate("x1").ok());
  ASSERT_TRUE(Promote("x2").ok());
  const std::string old = disks_.ChosenIn("us-west-2").front()->id;
  disks_.Of(old).instance = "i-9";
  ExpectRefused(Promote("x3"), ErrorCode::kWrongState, "are in use (" + old + " to i-9)");
  disks_.Of(old).instance = "";
  const auto promoted = Promote("x3");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_NE(promoted->detail.find("kept and put aside here: " + old), std::string::npos)
      << promoted->detail;
  EXPECT_EQ(disks_.ChosenIn("us-west-2").size(), 2u);
  EXPECT_TRUE(disks_.Of(old).tags.contains(kVolumeAsideTag));
}

TEST_F(EbsStepsTest, OldVolumesAreKeptUnderAnotherTagAndNeverWhileAttached) {
  const std::map<std::string, std::string> told = {{"parted", "2026-11-23T08:20:53Z"}};
  ExpectRefused(Run("ebs.preserve-old", shop_.home, told), ErrorCode::kWrongState,
                "old volumes are attached in us-east-1 (vol-1 to i-1, vol-2 to i-1)");
  ExpectRefused(Run("ebs.retire-old", shop_.home), ErrorCode::kWrongState, "detach them");
  EXPECT_EQ(CountChanges(), 0u);
  disks_.Detach();
  const auto kept = Run("ebs.preserve-old", shop_.home);
  ASSERT_TRUE(kept.ok()) << Detail(kept);
  EXPECT_EQ(kept->outputs.at("kept"), "vol-1 (8 GiB), vol-2 (1 GiB)");
  EXPECT_NE(kept->detail.find("after 2026-11-23T08:20:53Z and is not listed"), std::string::npos);
  EXPECT_EQ(disks_.disks.size(), 3u) << "nothing is deleted";
  EXPECT_TRUE(disks_.ChosenIn("us-east-1").empty());
  EXPECT_TRUE(disks_.Of("vol-1").tags.at(kVolumeAsideTag).starts_with("app=disks until "));
  const auto none = Run("ebs.retire-old", shop_.home);
  ASSERT_TRUE(none.ok()) << Detail(none);
  EXPECT_TRUE(none->detail.starts_with("there are no old volumes")) << none->detail;
}

TEST_F(EbsStepsTest, AMoveThatIsCalledOffFindsThemWhereTheyWere) {
  const auto open = Run("ebs.open", shop_.home);
  ASSERT_TRUE(open.ok()) << Detail(open);
  EXPECT_NE(open->detail.find("attach them again"), std::string::npos) << open->detail;
}

TEST_F(EbsStepsTest, ADryRunSaysWhatWouldBeDoneAndDoesNothing) {
  const std::map<std::string, std::string> source = {{"source-region", "us-east-1"}};
  EXPECT_EQ(Dry("ebs.check-source", shop_.home).would, Would::kPass);
  const Finding replicate = Dry("ebs.replicate", shop_.recovery, source);
  EXPECT_EQ(replicate.would, Would::kAct);
  EXPECT_EQ(replicate.detail,
            "would take snapshots of vol-1 (8 GiB), vol-2 (1 GiB) in us-east-1 and copy them to "
            "us-west-2, and keep the newest 2 sets");
  EXPECT_EQ(Dry("ebs.measure", shop_.recovery).would, Would::kPass);
  EXPECT_EQ(Dry("ebs.fence", shop_.home).outputs.at("proof"), "unreachable");
  EXPECT_EQ(Dry("ebs.quiesce", shop_.home).would, Would::kStop);
  EXPECT_EQ(Dry("ebs.promote", shop_.recovery).would, Would::kStop);
  EXPECT_EQ(Dry("ebs.open", shop_.home).would, Would::kPass);
  EXPECT_EQ(Dry("ebs.preserve-old", shop_.home).would, Would::kStop);
  disks_.Detach();
  EXPECT_EQ(Dry("ebs.preserve-old", shop_.home).would, Would::kAct);
  EXPECT_EQ(Dry("ebs.drain-to", shop_.recovery, source).would, Would::kAct);
  EXPECT_EQ(Dry("ebs.fence", shop_.home).outputs.at("proof"), "closed");
  EXPECT_EQ(CountChanges(), 0u);
  ASSERT_TRUE(Replicate("x1").ok());
  EXPECT_EQ(Dry("ebs.promote", shop_.recovery).would, Would::kAct);
}

}  // namespace
}  // namespace leeward::steps

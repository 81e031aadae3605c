#include "steps/efs.h"

#include <gtest/gtest.h>

#include "steps/dry_run.h"
#include "steps/testing/fake_files.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeFiles;
using testing::SeenCall;
using testing::Shop;

Limits SoonLimits() {
  Limits limits;
  limits.api_poll_most = milliseconds(50);
  limits.clock_margin = milliseconds(20);
  return limits;
}

class EfsTest : public ::testing::Test {
 protected:
  EfsTest() : shop_(SoonLimits()), files_((AddUploads(shop_), shop_)) {}

  static void AddUploads(Shop& shop) {
    model::Efs uploads;
    uploads.file_system = "uploads";
    shop.application.components.push_back({model::ComponentName("uploads"), uploads, {}});
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region,
                          std::map<std::string, std::string> parameters = {}) {
    return shop_.AddAndRun(kind + "/uploads", region, std::move(parameters));
  }
  Result<StepOutcome> Replicate() {
    return Run("efs.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
  }
  Result<StepOutcome> Promote(const std::string& source) {
    return Run("efs.promote", shop_.recovery, {{"source-region", "us-east-1"}, {"source", source}});
  }
  Result<StepOutcome> PreserveOld() {
    return Run("efs.preserve-old", shop_.home,
               {{"writer-region", "us-west-2"}, {"parted", "2026-11-23T08:20:53Z"}});
  }
  static std::string Detail(const Result<StepOutcome>& outcome) {
    return outcome.ok() ? outcome->detail : outcome.error().message();
  }
  std::size_t Count(const std::string& operation) const {
    return shop_.aws.Calls(operation).size();
  }
  // What a dry run says of the plan's last step.
  Finding Dry() {
    model::Step& step = shop_.plan.steps.back();
    step.timeout = seconds(5);
    model::Plan plan = shop_.plan;
    plan.steps = {step};
    DryRunner runner(shop_.TheTools(), SoonLimits());
    return runner.Walk(shop_.application, shop_.inventory, plan, {}, {}).at(step.id);
  }

  Shop shop_;
  FakeFiles files_;
};

TEST_F(EfsTest, ARegionalSourceIsGoodAndAnyOtherIsRefusedWithTheReason) {
  const auto good = Run("efs.check-source", shop_.home);
  ASSERT_TRUE(good.ok()) << Detail(good);
  EXPECT_EQ(good->outputs.at("file_system"), "fs-home");
  files_.Of("fs-home").zone = "us-east-1a";
  const auto one_zone = shop_.Run("efs.check-source/uploads");
  ASSERT_FALSE(one_zone.ok());
  EXPECT_EQ(one_zone.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(Detail(one_zone),
            "uploads (fs-home) in us-east-1 is a One Zone file system: it is gone with us-east-1a "
            "alone; create a Regional one and copy the files");
  files_.Of("fs-home").zone = "";
  files_.Of("fs-home").state = "updating";
  EXPECT_NE(Detail(shop_.Run("efs.check-source/uploads")).find("is updating"), std::string::npos);
  files_.systems.clear();
  EXPECT_EQ(shop_.Run("efs.check-source/uploads").error().code(), ErrorCode::kNotFound);
}

TEST_F(EfsTest, AReplicaCannotBeTheSource) {
  files_.MakeReplica();
  const auto checked = Run("efs.check-source", shop_.recovery);
  EXPECT_NE(Detail(checked).find("is itself the replica of fs-home"), std::string::npos)
      << Detail(checked);
}

TEST_F(EfsTest, TwoFileSystemsOfOneNameAreNotGuessedBetween) {
  files_.Add({"fs-twin", FakeFiles::kHome, "other", "uploads"});
  const auto checked = Run("efs.check-source", shop_.home);
  EXPECT_NE(Detail(checked).find("fs-home and fs-twin"), std::string::npos) << Detail(checked);
}

TEST_F(EfsTest, AReplicaIsMadeNamedAndMountableAndASecondRunChangesNothing) {
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << Detail(made);
  const std::string id = made->outputs.at("file_system");
  EXPECT_EQ(files_.Of(id).region, "us-west-2");
  EXPECT_EQ(files_.Of(id).name, "uploads");
  EXPECT_EQ(files_.Of(id).mounted_in, (std::set<std::string>{"us-west-2a", "us-west-2b"}));
  const auto again = shop_.Run("efs.replicate/uploads");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("file_system"), id);
  EXPECT_EQ(Count("efs:CreateReplicationConfiguration"), 1u);
  EXPECT_EQ(Count("efs:CreateMountTarget"), 2u);
  EXPECT_EQ(Count("efs:TagResource"), 1u);
}

TEST_F(EfsTest, AReplicaIsMadeUnderTheKeyThatTheSpecNamesOnceItIsThere) {
  for (model::Component& component : shop_.application.components) {
    auto* efs = std::get_if<model::Efs>(&component.kind);
    if (efs != nullptr) efs->kms_key = "alias/shop";
  }
  std::string state;
  shop_.aws.On("kms:DescribeKey", [&](const SeenCall& call) -> Result<Value> {
    EXPECT_EQ(call.options.region, "us-west-2");
    if (state.empty()) return base::NotFound("kms: NotFoundException");
    return Value::Struct({{"KeyMetadata", Value::Struct({{"KeyState", state}})}});
  });
  EXPECT_NE(Detail(Replicate()).find("there is no KMS key 'alias/shop' in us-west-2"),
            std::string::npos);
  state = "PendingDeletion";
  EXPECT_NE(Detail(Replicate()).find("'alias/shop' in us-west-2 is PendingDeletion"),
            std::string::npos);
  EXPECT_EQ(Count("efs:CreateReplicationConfiguration"), 0u);
  state = "Enabled";
  ASSERT_TRUE(Replicate().ok());
  const auto made = shop_.aws.Calls("efs:CreateReplicationConfiguration");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].input.Items("Destinations").front().String("KmsKeyId"), "alias/shop");
}

TEST_F(EfsTest, ARunThatWasCutOffBeforeTheNameIsFinished) {
  files_.Add({"fs-away", FakeFiles::kRecovery, "made-by-efs", ""}).protection = "REPLICATING";
  files_.sides[FakeFiles::kHome] = files_.sides[FakeFiles::kRecovery] = {"fs-home", "fs-away"};
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << Detail(made);
  EXPECT_EQ(files_.Of("fs-away").name, "uploads");
  EXPECT_EQ(Count("efs:CreateReplicationConfiguration"), 0u);
}

TEST_F(EfsTest, AnExistingFileSystemIsNeverOverwrittenUnlessItsProtectionIsOff) {
  files_.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""}).bytes = 12345;
  const auto refused = Replicate();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
  EXPECT_NE(Detail(refused).find("12345 bytes"), std::string::npos) << Detail(refused);
  EXPECT_NE(Detail(refused).find("--file-system-id fs-old"), std::string::npos);
  EXPECT_EQ(Count("efs:UpdateFileSystemProtection"), 0u);
  EXPECT_EQ(Count("efs:CreateReplicationConfiguration"), 0u);
  files_.Of("fs-old").protection = "DISABLED";
  const auto adopted = shop_.Run("efs.replicate/uploads");
  ASSERT_TRUE(adopted.ok()) << Detail(adopted);
  EXPECT_EQ(adopted->outputs.at("file_system"), "fs-old");
}

TEST_F(EfsTest, ADestinationThatCannotHoldTheSourceIsRefused) {
  auto& old = files_.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""});
  old.protection = "DISABLED";
  old.encrypted = false;
  EXPECT_NE(Detail(Replicate()).find("is not encrypted"), std::string::npos);
  files_.Of("fs-old").encrypted = true;
  files_.Of("fs-old").zone = "us-west-2a";
  EXPECT_NE(Detail(shop_.Run("efs.replicate/uploads")).find("One Zone"), std::string::npos);
}

TEST_F(EfsTest, ACopyIsWaitedForUntilItIsWholeAndAnErrorIsTold) {
  files_.behind.reset();
  shop_.patience = milliseconds(300);
  const auto waited = Replicate();
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().code(), ErrorCode::kUnreachable) << Detail(waited);
  EXPECT_NE(Detail(waited).find("the first copy to uploads"), std::string::npos) << Detail(waited);
  files_.sides[FakeFiles::kRecovery].status = "ERROR";
  EXPECT_EQ(shop_.Run("efs.replicate/uploads").error().code(), ErrorCode::kWrongState);
}

TEST_F(EfsTest, TheLossIsBoundedByWhatHasArrivedAndUnknownWithoutIt) {
  files_.MakeReplica();
  files_.behind = seconds(90);
  const auto measured =
      Run("efs.measure", shop_.recovery, {{"source-region", "us-east-1"}, {"budget-ns", "1"}});
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  const base::Duration bound(std::stoll(measured->outputs.at("bound_ns")));
  EXPECT_GE(bound, seconds(90));
  EXPECT_LT(bound, seconds(95));
  EXPECT_FALSE(measured->outputs.at("newest_visible").empty());
  files_.behind.reset();
  const auto unknown = shop_.Run("efs.measure/uploads");
  ASSERT_TRUE(unknown.ok()) << Detail(unknown);
  EXPECT_FALSE(unknown->outputs.contains("bound_ns"));
  EXPECT_TRUE(unknown->detail.starts_with("unknown")) << unknown->detail;
}

TEST_F(EfsTest, AFileSystemThatTakesWritesAlreadyIsOfUnknownLossUnlessAMoveIsKnownToHaveDecidedIt) {
  files_.Add({"fs-away", FakeFiles::kRecovery, "uploads", ""});
  const auto stranger = Run("efs.measure", shop_.recovery);
  ASSERT_TRUE(stranger.ok()) << Detail(stranger);
  EXPECT_TRUE(stranger->outputs.contains("unknown_because"));
  shop_.plan.steps.back().parameters["promoted-by"] = "f1";
  EXPECT_EQ(shop_.Run("efs.measure/uploads")->outputs.at("already_promoted"), "yes");
}

TEST_F(EfsTest, APromotionEndsTheReplicationInBothRegionsWhereBothAnswer) {
  files_.MakeReplica();
  const auto promoted = Promote("may-answer");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "both");
  EXPECT_FALSE(promoted->outputs.at("parted").empty());
  EXPECT_TRUE(files_.sides.empty());
  EXPECT_EQ(files_.Of("fs-away").protection, "ENABLED");
  const auto calls = shop_.aws.Calls("efs:DeleteReplicationConfiguration");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].options.region, "us-west-2");
  EXPECT_EQ(calls[0].input.String("SourceFileSystemId"), "fs-home");
  const auto again = shop_.Run("efs.promote/uploads");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("how"), "already");
  EXPECT_EQ(Count("efs:DeleteReplicationConfiguration"), 1u);
}

TEST_F(EfsTest, APromotionGoesAloneWhereTheOtherRegionDoesNotAnswer) {
  files_.MakeReplica();
  files_.dark = {FakeFiles::kHome};
  const auto promoted = Promote("may-answer");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "here alone");
  const auto calls = shop_.aws.Calls("efs:DeleteReplicationConfiguration");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].input.String("DeletionMode"), "ALL_CONFIGURATIONS");
  EXPECT_LE(calls[0].options.deadline, SoonLimits().both_regions);
  EXPECT_EQ(calls[1].input.String("DeletionMode"), "LOCAL_CONFIGURATION_ONLY");
  for (const SeenCall& call : shop_.aws.Calls()) EXPECT_EQ(call.options.region, "us-west-2");
}

TEST_F(EfsTest, APromotionGoesAloneWhereTheOtherRegionRefuses) {
  files_.MakeReplica();
  files_.other_refuses = true;
  const auto promoted = Promote("may-answer");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "here alone");
}

TEST_F(EfsTest, APromotionAsksNobodyInARegionThatIsLost) {
  files_.MakeReplica();
  files_.dark = {FakeFiles::kHome};
  const auto promoted = Promote("lost");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  const auto calls = shop_.aws.Calls("efs:DeleteReplicationConfiguration");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].input.String("DeletionMode"), "LOCAL_CONFIGURATION_ONLY");
}

TEST_F(EfsTest, APromotionThatIsThrottledAsksAgainAndOneThatIsDeniedDoesNot) {
  files_.MakeReplica();
  files_.throttled = 4;
  const auto promoted = Promote("lost");
  EXPECT_TRUE(promoted.ok()) << Detail(promoted);
  files_.systems.pop_back();
  files_.MakeReplica();
  shop_.aws.On("efs:DeleteReplicationConfiguration",
               [](const SeenCall&) -> Result<Value> { return base::Denied("not you"); });
  EXPECT_EQ(shop_.Run("efs.promote/uploads").error().code(), ErrorCode::kDenied);
}

TEST_F(EfsTest, AFenceIsProvenWhenNoTaskIsLeftAndElseProvesNothing) {
  files_.services[FakeFiles::kHome] = {0, 2};
  const auto closed = Run("efs.fence", shop_.home, {{"writers", "web"}});
  ASSERT_TRUE(closed.ok()) << Detail(closed);
  EXPECT_EQ(closed->outputs.at("proof"), "closed");
  EXPECT_GE(Count("ecs:DescribeTasks"), 3u) << "a task that is ending still writes";
  shop_.patience = milliseconds(200);
  files_.services[FakeFiles::kHome].desired = 1;
  EXPECT_EQ(shop_.Run("efs.fence/uploads")->outputs.at("proof"), "unreachable");
  files_.dark = {FakeFiles::kHome};
  EXPECT_EQ(shop_.Run("efs.fence/uploads")->outputs.at("proof"), "unreachable");
}

TEST_F(EfsTest, AMoveEndsTheWritersAndGoesOnWhenWhatTheyWroteHasArrived) {
  files_.MakeReplica();
  files_.services[FakeFiles::kHome].ending = 2;
  const auto quiesced = Run("efs.quiesce", shop_.home, {{"writers", "web"}});
  ASSERT_TRUE(quiesced.ok()) << Detail(quiesced);
  EXPECT_EQ(files_.services[FakeFiles::kHome].desired, 0);
  EXPECT_EQ(quiesced->outputs.at("proof"), "closed");
  files_.behind = seconds(60);
  shop_.patience = milliseconds(200);
  const auto late = Run("efs.drain-to", shop_.recovery, {{"source-region", "us-east-1"}});
  EXPECT_EQ(late.error().code(), ErrorCode::kUnreachable) << Detail(late);
  files_.behind = base::Duration(0);
  shop_.patience = seconds(20);
  const auto drained = shop_.Run("efs.drain-to/uploads");
  ASSERT_TRUE(drained.ok()) << Detail(drained);
  EXPECT_EQ(drained->outputs.at("complete"), "yes");
  files_.sides.clear();
  EXPECT_EQ(shop_.Run("efs.drain-to/uploads").error().code(), ErrorCode::kWrongState);
}

TEST_F(EfsTest, AFileSystemWithoutKnownWritersIsNotTakenForClosed) {
  EXPECT_EQ(Run("efs.quiesce", shop_.home, {{"writers", ""}}).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(Count("ecs:UpdateService"), 0u);
}

TEST_F(EfsTest, AMoveThatIsCalledOffStartsTheWritersAgain) {
  files_.MakeReplica();
  files_.services[FakeFiles::kHome].desired = 0;
  const auto open = Run("efs.open", shop_.home, {{"writers", "web"}});
  ASSERT_TRUE(open.ok()) << Detail(open);
  EXPECT_EQ(files_.services[FakeFiles::kHome].desired, shop_.ecs.active);
  shop_.Add("efs.open/uploads", shop_.recovery, {{"writers", "web"}});
  shop_.plan.steps.erase(shop_.plan.steps.end() - 2);
  EXPECT_EQ(shop_.Run("efs.open/uploads").error().code(), ErrorCode::kWrongState);
}

// home → recovery, planned: what was drained may be overwritten, and its file system is used again.
TEST_F(EfsTest, AfterAMoveTheDrainedSideFollowsWithoutANewFileSystem) {
  files_.MakeReplica();
  ASSERT_TRUE(Run("efs.quiesce", shop_.home, {{"writers", "web"}}).ok());
  ASSERT_TRUE(Run("efs.drain-to", shop_.recovery, {{"source-region", "us-east-1"}}).ok());
  ASSERT_TRUE(Promote("may-answer").ok());
  const auto reversed = Run("efs.replicate", shop_.home, {{"source-region", "us-west-2"}});
  ASSERT_TRUE(reversed.ok()) << Detail(reversed);
  EXPECT_EQ(reversed->outputs.at("file_system"), "fs-home");
  EXPECT_EQ(files_.Of("fs-home").protection, "REPLICATING");
  EXPECT_EQ(files_.sides[FakeFiles::kHome].source, "fs-away");
}

TEST_F(EfsTest, ASideThatWasNotDrainedByThisPlanIsNotOverwrittenByIt) {
  files_.MakeReplica();
  ASSERT_TRUE(Promote("may-answer").ok());
  const auto reversed = Run("efs.replicate", shop_.home, {{"source-region", "us-west-2"}});
  EXPECT_EQ(reversed.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(Count("efs:UpdateFileSystemProtection"), 0u);
}

// A failover that could not reach home; home is back, with what it alone holds.
TEST_F(EfsTest, AFailbackKeepsTheOldFileSystemAndReplicatesIntoANewOne) {
  files_.MakeReplica();
  files_.dark = {FakeFiles::kHome};
  ASSERT_TRUE(Promote("lost").ok());
  files_.dark.clear();
  EXPECT_EQ(files_.sides.at(FakeFiles::kHome).status, "ERROR") << "what is left of it";
  const auto kept = PreserveOld();
  ASSERT_TRUE(kept.ok()) << Detail(kept);
  EXPECT_EQ(kept->outputs.at("old_file_system"), "fs-home");
  EXPECT_NE(kept->detail.find("after 2026-11-23T08:20:53Z"), std::string::npos) << kept->detail;
  EXPECT_NE(kept->detail.find("no backup was made"), std::string::npos) << kept->detail;
  EXPECT_TRUE(files_.sides.empty());
  EXPECT_TRUE(files_.Of("fs-home").name.starts_with("uploads-before-"));
  const auto again = shop_.Run("efs.preserve-old/uploads");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_FALSE(again->outputs.contains("old_file_system"));

  const auto reversed = Run("efs.replicate", shop_.home, {{"source-region", "us-west-2"}});
  ASSERT_TRUE(reversed.ok()) << Detail(reversed);
  EXPECT_NE(reversed->outputs.at("file_system"), "fs-home");
  EXPECT_EQ(files_.Of("fs-home").protection, "ENABLED") << "nothing overwrites it";
  EXPECT_EQ(shop_.Run("efs.preserve-old/uploads")->detail,
            "follows us-west-2 already; there is nothing to keep");
  // The inventory still has the old id; what is drained and promoted is the new one.
  files_.services[FakeFiles::kRecovery] = {0, 0};
  ASSERT_TRUE(Run("efs.quiesce", shop_.recovery, {{"writers", "web"}}).ok());
  const auto drained = Run("efs.drain-to", shop_.home, {{"source-region", "us-west-2"}});
  EXPECT_TRUE(drained.ok()) << Detail(drained);
}

TEST_F(EfsTest, NothingIsPutAsideWhileTheSaidWriterIsAReplica) {
  files_.MakeReplica();
  EXPECT_EQ(PreserveOld().error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(Count("efs:TagResource"), 0u);
}

TEST_F(EfsTest, TheInventoryKnowsWhatAFailoverNeeds) {
  files_.MakeReplica();
  shop_.inventory.facts.clear();
  shop_.application.components.erase(shop_.application.components.begin(),
                                     shop_.application.components.end() - 1);
  ASSERT_TRUE(shop_.AddAndRun("inventory.refresh", shop_.recovery).ok());
  const model::ComponentName uploads("uploads");
  EXPECT_EQ(shop_.saved.Fact(uploads, shop_.home, "file-system.id"), "fs-home");
  EXPECT_EQ(shop_.saved.Fact(uploads, shop_.recovery, "file-system.id"), "fs-away");
}

TEST_F(EfsTest, ADryRunSaysWhatWouldBeDoneAndDoesNothing) {
  shop_.Add("efs.replicate/uploads", shop_.recovery, {{"source-region", "us-east-1"}});
  EXPECT_EQ(Dry().detail,
            "would create a replica of fs-home (6144 bytes) in us-west-2, with mount targets");
  files_.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""});
  EXPECT_EQ(Dry().stop, ErrorCode::kWrongState);
  files_.systems.pop_back();
  files_.MakeReplica();
  EXPECT_EQ(Dry().would, Would::kNothing);
  shop_.Add("efs.promote/uploads", shop_.recovery, {{"source", "lost"}});
  EXPECT_EQ(Dry().would, Would::kAct);
  EXPECT_NE(Dry().detail.find("in this Region alone"), std::string::npos) << Dry().detail;
  shop_.Add("efs.quiesce/uploads", shop_.home, {{"writers", "web"}});
  EXPECT_EQ(Dry().detail, "would end the 3 tasks that have it mounted");
  shop_.Add("efs.fence/uploads", shop_.home, {{"writers", "web"}});
  EXPECT_EQ(Dry().outputs.at("proof"), "closed");
  shop_.Add("efs.open/uploads", shop_.home, {{"writers", "web"}});
  EXPECT_EQ(Dry().would, Would::kAct);
  shop_.Add("efs.drain-to/uploads", shop_.recovery, {{"source-region", "us-east-1"}});
  EXPECT_EQ(Dry().would, Would::kAct);
  shop_.Add("efs.preserve-old/uploads", shop_.home, {{"writer-region", "us-west-2"}});
  EXPECT_EQ(Dry().would, Would::kAct);
  for (const SeenCall& call : shop_.aws.Calls())
    EXPECT_NE(call.operation.find(call.operation.starts_with("ecs:List") ? "List" : "Describe"),
              std::string::npos)
        << call.operation;
}

}  // namespace
}  // namespace leeward::steps

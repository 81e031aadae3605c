#include "steps/datasync.h"

#include <gtest/gtest.h>

#include "steps/datasync_task.h"
#include "steps/dry_run.h"
#include "steps/testing/fake_sync.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeFiles;
using testing::FakeSync;
using testing::SeenCall;
using testing::Shop;

Limits SyncLimits() {
  Limits limits;
  limits.api_poll_first = milliseconds(1);
  limits.api_poll_most = milliseconds(5);
  limits.clock_margin = milliseconds(20);
  return limits;
}

bool Looks(const SeenCall& call) {
  return call.operation.find(":Describe") != std::string::npos ||
         call.operation.find(":List") != std::string::npos;
}

// Two Regions with the uploads in home, and the steps of `datasync` to run on them.
struct SyncWorld {
  SyncWorld() : shop(SyncLimits()), files((AddUploads(shop), shop)), sync(shop, files) {}

  static void AddUploads(Shop& shop) {
    model::DataSync uploads;
    uploads.file_system = "uploads";
    shop.application.components.push_back({model::ComponentName("uploads"), uploads, {}});
  }
  model::DataSync& spec() {
    return std::get<model::DataSync>(shop.application.components.back().kind);
  }
  Result<StepOutcome> Do(const std::string& kind, const Region& region,
                         std::map<std::string, std::string> parameters = {}) {
    const std::string id = "datasync." + kind + "/uploads";
    std::erase_if(shop.plan.steps, [&](const model::Step& step) { return step.id.str() == id; });
    return shop.AddAndRun(id, region, std::move(parameters));
  }
  Result<StepOutcome> Replicate() {
    return Do("replicate", shop.recovery, {{"source-region", "us-east-1"}});
  }
  Result<StepOutcome> ReplicateHome() {
    return Do("replicate", shop.home, {{"source-region", "us-west-2"}});
  }
  Result<StepOutcome> Promote() { return Do("promote", shop.recovery); }
  Result<StepOutcome> Measure() {
    return Do("measure", shop.recovery, {{"source-region", "us-east-1"}});
  }
  Result<StepOutcome> PreserveOld() {
    return Do("preserve-old", shop.home,
              {{"writer-region", "us-west-2"}, {"parted", "2026-11-23T08:20:53Z"}});
  }
  // The file system in the Region that the name leads to.
  FakeFiles::System& Named(const std::string& region) {
    for (FakeFiles::System& one : files.systems) {
      if (one.region == region && one.name != "" && one.name.find("-before-") == std::string::npos)
        return one;
    }
    return files.Of("fs-home");
  }
  static std::string TagOf(const FakeFiles::System& system, const std::string& key) {
    std::string value;
    for (const auto& tag : system.tags) {
      if (tag.first == key) value = tag.second;
    }
    return value;
  }
  std::size_t Count(const std::string& operation) const { return shop.aws.Calls(operation).size(); }
  // What takes effect before this run is killed.
  void KillAfter(int changes) {
    shop.aws.gate = [this, changes, made = 0](const SeenCall& call) mutable -> base::Status {
      if (!Looks(call) && made < changes) {
        ++made;
        return base::Ok();
      }
      if (made >= changes) {
        killed = true;
        return base::Denied("killed");
      }
      return base::Ok();
    };
  }
  void LetLive() { shop.aws.gate = nullptr; }
  // What a dry run says of the plan's last step.
  Finding Dry() {
    model::Step& step = shop.plan.steps.back();
    step.timeout = seconds(5);
    model::Plan plan = shop.plan;
    plan.steps = {step};
    DryRunner runner(shop.TheTools(), SyncLimits());
    return runner.Walk(shop.application, shop.inventory, plan, {}, {}).at(step.id);
  }

  Shop shop;
  FakeFiles files;
  FakeSync sync;
  bool killed = false;
};

std::string Detail(const Result<StepOutcome>& outcome) {
  return outcome.ok() ? outcome->detail : outcome.error().message();
}

class DataSyncTest : public ::testing::Test, protected SyncWorld {
 protected:
  void ExpectRefused(const Result<StepOutcome>& outcome, const std::string& reason) {
    ASSERT_FALSE(outcome.ok()) << outcome->detail;
    EXPECT_EQ(outcome.error().code(), ErrorCode::kWrongState) << Detail(outcome);
    EXPECT_NE(Detail(outcome).find(reason), std::string::npos) << Detail(outcome);
  }
};

TEST_F(DataSyncTest, ARegionalSourceThatIsMountedIsGoodAndAnyOtherIsRefusedWithTheReason) {
  const auto good = Do("check-source", shop.home);
  ASSERT_TRUE(good.ok()) << Detail(good);
  files.Of("fs-home").zone = "us-east-1a";
  ExpectRefused(Do("check-source", shop.home), "is a One Zone file system");
  files.Of("fs-home").zone = "";
  files.Of("fs-home").mounted_in.clear();
  ExpectRefused(Do("check-source", shop.home), "has no mount target");
  files.Of("fs-home").tags = {{kCopyTag, "fs-other 2026-11-23T08:20:53Z"}};
  ExpectRefused(Do("check-source", shop.home), "is itself kept as a copy of fs-other");
  files.Of("fs-home").tags.clear();
  files.Of("fs-home").protection = "REPLICATING";
  ExpectRefused(Do("check-source", shop.home), "which makes it read-only");
  files.systems.clear();
  EXPECT_EQ(Do("check-source", shop.home).error().code(), ErrorCode::kNotFound);
}

TEST_F(DataSyncTest, ACopyIsMadeRegionalEncryptedAndKeptByATaskInItsOwnRegion) {
  const auto made = Replicate();
  ASSERT_TRUE(made.ok()) << Detail(made);
  const FakeFiles::System& copy = files.Of(made->outputs.at("file_system"));
  EXPECT_EQ(copy.region, "us-west-2");
  EXPECT_EQ(copy.name, "uploads");
  EXPECT_TRUE(copy.encrypted);
  EXPECT_EQ(copy.zone, "");
  EXPECT_EQ(copy.mounted_in, (std::set<std::string>{"us-west-2a", "us-west-2b"}));
  EXPECT_TRUE(TagOf(copy, kCopyTag).starts_with("fs-home "));
  const FakeSync::Task& task = sync.TaskIn("us-west-2");
  EXPECT_EQ(task.asked.String("Name"), "leeward/shop/uploads");
  EXPECT_EQ(task.asked.String("TaskMode"), "BASIC");
  EXPECT_EQ(task.asked.Sub("Schedule").String("ScheduleExpression"), "rate(1 hour)");
  EXPECT_EQ(sync.tasks.size(), 1u);
  ASSERT_EQ(sync.locations.size(), 2u);
  const auto locations = shop.aws.Calls("datasync:CreateLocationEfs");
  const Value& network = locations[0].input.Sub("Ec2Config");
  EXPECT_EQ(locations[0].options.region, "us-east-1");
  EXPECT_EQ(network.String("SubnetArn"),
            "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-us-east-1a");
  EXPECT_EQ(network.Items("SecurityGroupArns").front().str(),
            "arn:aws:ec2:us-east-1:123456789012:security-group/sg-nfs");
  EXPECT_EQ(locations[1].options.region, "us-west-2");
  EXPECT_NE(made->detail.find("the RPO of 5s is out of reach"), std::string::npos) << made->detail;
}

TEST_F(DataSyncTest, ASecondRunChangesNothing) {
  ASSERT_TRUE(Replicate().ok());
  shop.aws.ForgetCalls();
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  for (const SeenCall& call : shop.aws.Calls()) EXPECT_TRUE(Looks(call)) << call.operation;
}

TEST_F(DataSyncTest, EachOptionIsDataSyncsOwn) {
  model::DataSync plain;
  const Value safe = SyncOptions(plain);
  EXPECT_EQ(safe.String("VerifyMode"), "ONLY_FILES_TRANSFERRED");
  EXPECT_EQ(safe.String("PreserveDeletedFiles"), "PRESERVE");
  EXPECT_EQ(safe.String("Mtime"), "PRESERVE");
  EXPECT_EQ(safe.String("Uid"), "INT_VALUE");
  EXPECT_EQ(safe.Int("BytesPerSecond"), -1);
  model::DataSync bold;
  bold.verify = model::SyncVerify::kEverything;
  bold.overwrite = model::SyncOverwrite::kNever;
  bold.deleted = model::SyncDeleted::kRemove;
  bold.owner = bold.permissions = bold.times = model::SyncAttribute::kDrop;
  bold.bytes_per_second = 125'829'120;
  bold.every = minutes(90);
  const Value options = SyncOptions(bold);
  EXPECT_EQ(options.String("VerifyMode"), "POINT_IN_TIME_CONSISTENT");
  EXPECT_EQ(options.String("OverwriteMode"), "NEVER");
  EXPECT_EQ(options.String("PreserveDeletedFiles"), "REMOVE");
  for (const char* name : {"Atime", "Mtime", "Uid", "Gid", "PosixPermissions"})
    EXPECT_EQ(options.String(name), "NONE") << name;
  EXPECT_EQ(options.Int("BytesPerSecond"), 125'829'120);
  EXPECT_EQ(ScheduleOf(bold), "rate(90 minutes)");
  bold.every = hours(48);
  EXPECT_EQ(ScheduleOf(bold), "rate(2 days)");
}

TEST_F(DataSyncTest, WhatTheSpecChangesIsToldToTheTaskThatThereIs) {
  ASSERT_TRUE(Replicate().ok());
  spec().exclude = {"/cache", "*.tmp"};
  spec().deleted = model::SyncDeleted::kRemove;
  sync.TaskIn("us-west-2").off_by = "SERVICE";
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  const FakeSync::Task& task = sync.TaskIn("us-west-2");
  EXPECT_EQ(task.off_by, "");
  EXPECT_EQ(task.asked.Items("Excludes").front().String("Value"), "/cache|*.tmp");
  EXPECT_EQ(task.asked.Sub("Options").String("PreserveDeletedFiles"), "REMOVE");
  EXPECT_NE(again->detail.find("keep a backup beside it"), std::string::npos) << again->detail;
  EXPECT_EQ(sync.tasks.size(), 1u);
}

TEST_F(DataSyncTest, AnExistingFileSystemIsOverwrittenOnlyByPermissionWhichIsUsedUp) {
  files.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""}).bytes = 12345;
  const auto refused = Replicate();
  ExpectRefused(refused, "12345 bytes");
  EXPECT_NE(Detail(refused).find("--file-system-id fs-old"), std::string::npos);
  for (const SeenCall& call : shop.aws.Calls()) EXPECT_TRUE(Looks(call)) << call.operation;
  files.Of("fs-old").protection = "DISABLED";
  const auto adopted = Replicate();
  ASSERT_TRUE(adopted.ok()) << Detail(adopted);
  EXPECT_EQ(adopted->outputs.at("file_system"), "fs-old");
  EXPECT_EQ(files.Of("fs-old").protection, "ENABLED");
}

TEST_F(DataSyncTest, ADestinationThatCannotBeACopyIsRefused) {
  auto& old = files.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""});
  old.protection = "DISABLED";
  old.encrypted = false;
  ExpectRefused(Replicate(), "is not encrypted");
  files.Of("fs-old").encrypted = true;
  files.Of("fs-old").zone = "us-west-2a";
  ExpectRefused(Replicate(), "One Zone");
  files.Of("fs-old").zone = "";
  files.Of("fs-old").protection = "REPLICATING";
  files.sides[FakeFiles::kRecovery] = {"fs-home", "fs-old"};
  ExpectRefused(Replicate(), "The two are alternatives");
  EXPECT_EQ(Count("datasync:CreateTask"), 0u);
}

TEST_F(DataSyncTest, SomebodyElsesTaskIntoTheCopyIsRefusedAndOurOwnOfAnotherSourceIsDropped) {
  ASSERT_TRUE(Replicate().ok());
  const Value asked = sync.TaskIn("us-west-2").asked;
  sync.tasks.push_back({"arn:stranger", "us-west-2", asked, ""});
  sync.tasks.back().asked.Set("Name", "imports");
  ExpectRefused(Replicate(), "arn:stranger (imports) too");
  const std::string gone = sync.AddLocation("us-east-1", "fs-gone").arn;
  sync.tasks.back().asked.Set("Name", asked.String("Name")).Set("SourceLocationArn", gone);
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(sync.tasks.size(), 1u);
  EXPECT_EQ(sync.locations.size(), 2u);
}

TEST_F(DataSyncTest, AnExecutionThatFailsIsToldWithDataSyncsReason) {
  sync.fails = true;
  ExpectRefused(Replicate(), "VerificationFailed: one file differs");
  sync.fails = false;
  EXPECT_TRUE(Replicate().ok());
}

TEST_F(DataSyncTest, AnExecutionThatIsUnderWayAlreadyIsWaitedFor) {
  ASSERT_TRUE(Replicate().ok());
  sync.executions.clear();
  sync.AddExecution(sync.TaskIn("us-west-2").arn, base::Duration(0), "TRANSFERRING");
  shop.aws.ForgetCalls();
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(Count("datasync:StartTaskExecution"), 0u);
}

// Killed after any of its changes and run again, it ends as a run that nobody killed.
TEST_F(DataSyncTest, AReplicateThatIsKilledAnywhereIsFinishedByTheNext) {
  int kills = 0;
  for (int changes = 0; changes < 20; ++changes) {
    SyncWorld world;
    world.KillAfter(changes);
    const auto cut = world.Replicate();
    if (!world.killed) break;
    ++kills;
    EXPECT_FALSE(cut.ok());
    world.LetLive();
    const auto made = world.Replicate();
    ASSERT_TRUE(made.ok()) << changes << ": " << Detail(made);
    EXPECT_EQ(world.files.systems.size(), 2u) << changes;
    EXPECT_EQ(world.sync.tasks.size(), 1u) << changes;
    EXPECT_EQ(world.sync.locations.size(), 2u) << changes;
    EXPECT_EQ(world.sync.executions.size(), 1u) << changes;
  }
  EXPECT_GE(kills, 6) << "file system, mount targets, locations, task, execution";
}

TEST_F(DataSyncTest, TheLossIsBoundedByTheStartOfTheNewestSuccess) {
  ASSERT_TRUE(Replicate().ok());
  const std::string task = sync.TaskIn("us-west-2").arn;
  files.Of(Named("us-west-2").id).tags = {{kCopyTag, "fs-home 2020-01-01T00:00:00Z"}};
  sync.executions.clear();
  sync.AddExecution(task, hours(3), "SUCCESS");
  sync.AddExecution(task, hours(2), "SUCCESS");
  sync.AddExecution(task, hours(1), "SUCCESS");
  sync.AddExecution(task, minutes(5), "ERROR");
  for (const bool reversed : {false, true}) {
    sync.in_reverse = reversed;
    const auto measured = Measure();
    ASSERT_TRUE(measured.ok()) << Detail(measured);
    const base::Duration bound(std::stoll(measured->outputs.at("bound_ns")));
    EXPECT_GE(bound, hours(1));
    EXPECT_LT(bound, hours(1) + minutes(1));
  }
}

TEST_F(DataSyncTest, ALossThatIsNotKnownIsNeverHealthyAndTheReasonIsSaid) {
  ASSERT_TRUE(Replicate().ok());
  // What succeeded before it became this copy says nothing of it.
  for (auto& one : sync.executions) one.start = shop.clock.Now() - hours(1);
  EXPECT_TRUE(Detail(Measure()).starts_with("unknown: the first copy")) << Detail(Measure());
  sync.executions.clear();
  EXPECT_FALSE(Measure()->outputs.contains("bound_ns"));
  sync.AddExecution(sync.TaskIn("us-west-2").arn, base::Duration(0), "SUCCESS");
  sync.TaskIn("us-west-2").off_by = "SERVICE";
  EXPECT_NE(Detail(Measure()).find("switched off by DataSync itself (NetworkTimeout)"),
            std::string::npos)
      << Detail(Measure());
  EXPECT_TRUE(Measure()->outputs.contains("bound_ns"));
  spec().overwrite = model::SyncOverwrite::kNever;
  EXPECT_FALSE(Measure()->outputs.contains("bound_ns"));
  EXPECT_NE(Measure()->outputs.at("unknown_because").find("'never'"), std::string::npos);
  spec().overwrite = model::SyncOverwrite::kAlways;
  sync.tasks.clear();
  EXPECT_NE(Detail(Measure()).find("no task of Leeward's"), std::string::npos) << Detail(Measure());
  Named("us-west-2").tags.clear();
  EXPECT_TRUE(Measure()->outputs.contains("unknown_because")) << "it takes writes already";
}

TEST_F(DataSyncTest, APromotionStopsTheTaskBeforeTheMarkGoesAndAsksNobodyElsewhere) {
  ASSERT_TRUE(Replicate().ok());
  const std::string task = sync.TaskIn("us-west-2").arn;
  sync.AddExecution(task, base::Duration(0), "TRANSFERRING").looks = 1000;
  files.dark = {FakeFiles::kHome};
  shop.aws.ForgetCalls();
  const auto promoted = Promote();
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "stopped");
  EXPECT_EQ(promoted->outputs.at("cut_off"), "yes");
  EXPECT_FALSE(promoted->outputs.at("parted").empty());
  EXPECT_NE(promoted->detail.find("some files are newer"), std::string::npos) << promoted->detail;
  EXPECT_EQ(sync.TaskIn("us-west-2").off_by, "USER");
  EXPECT_EQ(sync.executions.back().status, "ERROR");
  EXPECT_EQ(TagOf(Named("us-west-2"), kCopyTag), "");
  std::vector<std::string> changes;
  for (const SeenCall& call : shop.aws.Calls()) {
    EXPECT_EQ(call.options.region, "us-west-2");
    if (!Looks(call)) changes.push_back(call.operation);
  }
  EXPECT_EQ(changes,
            (std::vector<std::string>{"datasync:UpdateTask", "datasync:CancelTaskExecution",
                                      "efs:UntagResource"}));
  const auto again = Promote();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("how"), "already");
}

TEST_F(DataSyncTest, APromotionThatIsKilledAnywhereIsFinishedByTheNext) {
  for (int changes = 0; changes < 3; ++changes) {
    SyncWorld world;
    ASSERT_TRUE(world.Replicate().ok());
    world.sync.AddExecution(world.sync.TaskIn("us-west-2").arn, base::Duration(0), "PREPARING");
    world.sync.executions.back().looks = 1000;
    world.KillAfter(changes);
    EXPECT_FALSE(world.Promote().ok()) << changes;
    world.LetLive();
    const auto promoted = world.Promote();
    ASSERT_TRUE(promoted.ok()) << changes << ": " << Detail(promoted);
    EXPECT_EQ(world.sync.TaskIn("us-west-2").off_by, "USER") << changes;
    EXPECT_EQ(world.TagOf(world.Named("us-west-2"), kCopyTag), "") << changes;
    EXPECT_EQ(world.sync.executions.back().status, "ERROR") << changes;
  }
}

TEST_F(DataSyncTest, APromotionThatIsNotHeardFromGivesUpInItsTime) {
  ASSERT_TRUE(Replicate().ok());
  files.dark = {FakeFiles::kRecovery};
  shop.patience = milliseconds(100);
  EXPECT_EQ(Promote().error().code(), ErrorCode::kUnreachable);
}

TEST_F(DataSyncTest, AMoveEndsTheWritersAndBringsWhatTheyWroteByAnExecutionOfItsOwn) {
  ASSERT_TRUE(Replicate().ok());
  files.services[FakeFiles::kHome].ending = 2;
  ASSERT_TRUE(Do("quiesce", shop.home, {{"writers", "web"}}).ok());
  shop.aws.ForgetCalls();
  // Begun before the writers ended: it is waited for, and is not enough.
  sync.AddExecution(sync.TaskIn("us-west-2").arn, seconds(30), "TRANSFERRING");
  const auto drained = Do("drain-to", shop.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(drained.ok()) << Detail(drained);
  EXPECT_EQ(drained->outputs.at("complete"), "yes");
  EXPECT_GE(Count("datasync:StartTaskExecution"), 1u);
  sync.tasks.clear();
  ExpectRefused(Do("drain-to", shop.recovery), "has no task that brings it files");
}

TEST_F(DataSyncTest, AMoveThatWouldLeaveChangesBehindIsRefusedBeforeAnyWriterIsEnded) {
  spec().overwrite = model::SyncOverwrite::kNever;
  EXPECT_EQ(Do("quiesce", shop.home, {{"writers", "web"}}).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(Count("ecs:UpdateService"), 0u);
}

TEST_F(DataSyncTest, WritersAreNotStartedOnACopy) {
  ASSERT_TRUE(Replicate().ok());
  EXPECT_TRUE(Do("open", shop.home, {{"writers", "web"}}).ok());
  ExpectRefused(Do("open", shop.recovery, {{"writers", "web"}}), "is kept as a copy of fs-home");
}

// home → recovery, planned, and back: what was drained may be overwritten, and all is used again.
TEST_F(DataSyncTest, AfterAMoveTheDrainedSideFollowsAndTheWayHomeUsesBothTasksAgain) {
  ASSERT_TRUE(Replicate().ok());
  const std::string away = Named("us-west-2").id;
  ASSERT_TRUE(Do("quiesce", shop.home, {{"writers", "web"}}).ok());
  ASSERT_TRUE(Do("drain-to", shop.recovery).ok());
  ASSERT_TRUE(Promote().ok());
  const auto reversed = ReplicateHome();
  ASSERT_TRUE(reversed.ok()) << Detail(reversed);
  EXPECT_EQ(reversed->outputs.at("file_system"), "fs-home");
  EXPECT_TRUE(TagOf(files.Of("fs-home"), kCopyTag).starts_with(away + " "));
  EXPECT_EQ(sync.TaskIn("us-west-2").off_by, "USER");
  EXPECT_EQ(PreserveOld()->detail, "follows us-west-2 already; there is nothing to keep");

  shop.plan.steps.clear();
  shop.outputs.clear();
  ASSERT_TRUE(Do("quiesce", shop.recovery, {{"writers", "web"}}).ok());
  ASSERT_TRUE(Do("drain-to", shop.home).ok());
  ASSERT_TRUE(Do("promote", shop.home).ok());
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("file_system"), away);
  EXPECT_EQ(sync.tasks.size(), 2u);
  EXPECT_EQ(sync.locations.size(), 2u);
  EXPECT_EQ(sync.TaskIn("us-west-2").off_by, "");
  EXPECT_EQ(sync.TaskIn("us-east-1").off_by, "USER");
}

TEST_F(DataSyncTest, ASideThatWasNotDrainedByThisPlanIsNotOverwrittenByIt) {
  ASSERT_TRUE(Replicate().ok());
  ASSERT_TRUE(Promote().ok());
  ExpectRefused(ReplicateHome(), "a task overwrites its destination");
  EXPECT_EQ(sync.tasks.size(), 1u);
}

// A failover that could not reach home; home is back, with what it alone holds.
TEST_F(DataSyncTest, AFailbackKeepsTheOldFileSystemAndLeavesNoTaskThatReadsOrWritesIt) {
  ASSERT_TRUE(Replicate().ok());
  ASSERT_TRUE(Promote().ok());
  const auto kept = PreserveOld();
  ASSERT_TRUE(kept.ok()) << Detail(kept);
  EXPECT_NE(kept->detail.find("after 2026-11-23T08:20:53Z"), std::string::npos) << kept->detail;
  EXPECT_TRUE(files.Of("fs-home").name.starts_with("uploads-before-"));
  EXPECT_FALSE(PreserveOld()->outputs.contains("old_file_system"));
  const auto reversed = ReplicateHome();
  ASSERT_TRUE(reversed.ok()) << Detail(reversed);
  const std::string fresh = reversed->outputs.at("file_system");
  EXPECT_NE(fresh, "fs-home");
  ASSERT_TRUE(Do("quiesce", shop.recovery, {{"writers", "web"}}).ok());
  ASSERT_TRUE(Do("drain-to", shop.home).ok());
  ASSERT_TRUE(Do("promote", shop.home).ok());
  const auto again = Replicate();
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(sync.tasks.size(), 2u) << "that of the old source is gone";
  for (const FakeSync::Location& one : sync.locations)
    EXPECT_EQ(one.uri.find("fs-home"), std::string::npos) << one.uri;
  EXPECT_TRUE(TagOf(Named("us-west-2"), kCopyTag).starts_with(fresh + " "));
}

TEST_F(DataSyncTest, NothingIsPutAsideWhileTheSaidWriterIsACopy) {
  ASSERT_TRUE(Replicate().ok());
  ExpectRefused(PreserveOld(), "it is where the application is said to live");
  EXPECT_EQ(files.Of("fs-home").name, "");
}

TEST_F(DataSyncTest, TheInventoryKnowsWhatAFailoverNeeds) {
  ASSERT_TRUE(Replicate().ok());
  shop.application.components.erase(shop.application.components.begin(),
                                    shop.application.components.end() - 1);
  ASSERT_TRUE(shop.AddAndRun("inventory.refresh", shop.recovery).ok());
  const model::ComponentName uploads("uploads");
  EXPECT_EQ(shop.saved.Fact(uploads, shop.home, "file-system.id"), "fs-home");
  EXPECT_EQ(shop.saved.Fact(uploads, shop.recovery, "task.arn"), sync.TaskIn("us-west-2").arn);
}

TEST_F(DataSyncTest, ADryRunSaysWhatWouldBeDoneAndDoesNothing) {
  const auto say = [this](const std::string& kind, const Region& region,
                          std::map<std::string, std::string> parameters = {}) {
    shop.plan.steps.clear();
    shop.Add("datasync." + kind + "/uploads", region, std::move(parameters));
    return Dry();
  };
  const std::map<std::string, std::string> from = {{"source-region", "us-east-1"}};
  EXPECT_EQ(say("replicate", shop.recovery, from).detail,
            "would create a copy of fs-home (6144 bytes) in us-west-2, with mount targets and a "
            "task, rate(1 hour)");
  files.Add({"fs-old", FakeFiles::kRecovery, "uploads", ""});
  EXPECT_EQ(say("replicate", shop.recovery, from).stop, ErrorCode::kWrongState);
  files.systems.pop_back();
  ASSERT_TRUE(Replicate().ok());
  shop.aws.ForgetCalls();
  EXPECT_EQ(say("promote", shop.recovery).would, Would::kAct);
  EXPECT_EQ(say("drain-to", shop.recovery).would, Would::kAct);
  EXPECT_EQ(say("open", shop.home, {{"writers", "web"}}).would, Would::kAct);
  EXPECT_EQ(say("fence", shop.home, {{"writers", "web"}}).outputs.at("proof"), "closed");
  EXPECT_EQ(say("quiesce", shop.home, {{"writers", "web"}}).would, Would::kAct);
  EXPECT_EQ(say("preserve-old", shop.home, {{"writer-region", "us-west-2"}}).would, Would::kAct);
  for (const SeenCall& call : shop.aws.Calls()) EXPECT_TRUE(Looks(call)) << call.operation;
}

}  // namespace
}  // namespace leeward::steps

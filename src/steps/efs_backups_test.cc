// File systems that AWS Backup keeps: what they would lose, how one is restored and brought to
// where tasks look for it, and what is refused by name.
#include <gtest/gtest.h>

#include "steps/efs.h"
#include "steps/testing/fake_files.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::FakeFiles;
using testing::SeenCall;
using testing::Shop;

constexpr char kHomeFiles[] =
    "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-home";

class EfsBackupsTest : public ::testing::Test {
 protected:
  EfsBackupsTest() : files_((AddUploads(shop_), shop_)) {
    shop_.Know("uploads", shop_.home, "file-system.id", "fs-home");
    shop_.Know("uploads", shop_.home, "file-system.arn", kHomeFiles);
    OnBackup("ListRecoveryPointsByBackupVault", [this](const Value&) -> Result<Value> {
      if (!vault_) return base::NotFound("Backup vault leeward-shop not found");
      return Value::Struct({{"RecoveryPoints", Value(points_)}});
    });
    OnBackup("GetRecoveryPointRestoreMetadata", [](const Value&) -> Result<Value> {
      return Value::Struct({{"RestoreMetadata", Value::Struct({{"Encrypted", "true"},
                                                               {"PerformanceMode", "maxIO"}})}});
    });
    OnBackup("StartRestoreJob", [this](const Value& input) { return Restore(input); });
    OnBackup("DescribeRestoreJob", [this](const Value&) -> Result<Value> {
      if (!failure_.empty())
        return Value::Struct({{"Status", "FAILED"}, {"StatusMessage", failure_}});
      return Value::Struct(
          {{"Status", "COMPLETED"},
           {"CreatedResourceArn", "arn:aws:elasticfilesystem:us-west-2:1:file-system/" + made_}});
    });
    shop_.aws.On("ec2:DescribeSecurityGroups", [](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"SecurityGroups", Value::List{}}});
    });
    OnEcs();
    points_ = {Point("new", std::chrono::minutes(10), "COMPLETED")};
  }

  static void AddUploads(Shop& shop) {
    model::Efs uploads;
    uploads.file_system = "uploads";
    uploads.backup = {model::Recovery::kRestore, "leeward-shop", "service-role/dr"};
    shop.application.components.push_back({model::ComponentName("uploads"), uploads, {}, {}});
    for (model::Component& component : shop.application.components) {
      if (component.name.str() == "web") component.needs.emplace_back("uploads");
    }
  }
  void OnBackup(const std::string& operation, std::function<Result<Value>(const Value&)> answer) {
    shop_.aws.On("backup:" + operation,
                 [answer](const SeenCall& call) -> Result<Value> { return answer(call.input); });
  }
  // A service that mounts what it had at home, and the one task that is run beside it.
  void OnEcs() {
    shop_.aws.On("ecs:DescribeServices", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"services", Value::List{Value::Struct({{"status", "ACTIVE"},
                                                                    {"desiredCount", 0},
                                                                    {"launchType", "FARGATE"},
                                                                    {"taskDefinition", runs_}})}}});
    });
    shop_.aws.On("ecs:DescribeTaskDefinition", [this](const SeenCall& call) -> Result<Value> {
      return Value::Struct(
          {{"taskDefinition", definitions_.at(std::string(call.input.String("taskDefinition")))}});
    });
    shop_.aws.On("ecs:RegisterTaskDefinition", [this](const SeenCall& call) -> Result<Value> {
      const std::string arn = "arn:definition-" + std::to_string(definitions_.size());
      definitions_[arn] = call.input;
      return Value::Struct({{"taskDefinition", Value::Struct({{"taskDefinitionArn", arn}})}});
    });
    shop_.aws.On("ecs:DeregisterTaskDefinition",
                 [](const SeenCall&) -> Result<Value> { return Value::Struct(); });
    shop_.aws.On("ecs:RunTask", [this](const SeenCall& call) -> Result<Value> {
      ran_ = definitions_.at(std::string(call.input.String("taskDefinition")));
      return Value::Struct({{"tasks", Value::List{Value::Struct({{"taskArn", "arn:task"}})}}});
    });
    shop_.aws.On("ecs:DescribeTasks", [this](const SeenCall&) -> Result<Value> {
      Value task = Value::Struct({{"lastStatus", "STOPPED"}, {"stoppedReason", "no image"}});
      if (exit_) task.Set("containers", Value::List{Value::Struct({{"exitCode", *exit_}})});
      return Value::Struct({{"tasks", Value::List{task}}});
    });
    shop_.aws.On("ecs:UpdateService", [this](const SeenCall& call) -> Result<Value> {
      runs_ = call.input.String("taskDefinition");
      updated_ = call.input;
      return Value::Struct();
    });
    const Value mounted = Value::Struct(
        {{"name", "uploads"},
         {"efsVolumeConfiguration",
          Value::Struct({{"fileSystemId", "fs-home"}, {"rootDirectory", "/pages"}})}});
    definitions_[runs_] = Value::Struct(
        {{"family", "web"},
         {"containerDefinitions",
          Value::List{Value::Struct(
              {{"name", "web"},
               {"image", "shop:1"},
               {"environment",
                Value::List{Value::Struct({{"name", "SHOP_DB_HOST"}, {"value", "somewhere"}})}},
               {"mountPoints", Value::List{Value::Struct({{"sourceVolume", "uploads"}})}}})}},
         {"volumes", Value::List{mounted}}});
  }
  Result<Value> Restore(const Value& input) {
    asked_ = input.Sub("Metadata");
    const std::string token(asked_.String("CreationToken"));
    for (const FakeFiles::System& system : files_.systems) {
      if (system.token == token) return Value::Struct({{"RestoreJobId", "job"}});
    }
    made_ = "fs-made-" + std::to_string(files_.systems.size());
    files_.Add({made_, FakeFiles::kRecovery, token, ""});
    return Value::Struct({{"RestoreJobId", "job"}});
  }
  Value Point(const std::string& name, base::Duration age, const std::string& status) {
    return Value::Struct({{"RecoveryPointArn", "arn:" + name},
                          {"ResourceArn", kHomeFiles},
                          {"Status", status},
                          {"CreationDate", shop_.clock.Now() - age}});
  }
  Result<StepOutcome> Run(const std::string& kind) {
    return shop_.AddAndRun(kind + "/uploads", shop_.recovery,
                           {{"source-region", "us-east-1"}, {"writers", "web"}});
  }
  Result<StepOutcome> Again(const std::string& kind) { return shop_.Run(kind + "/uploads"); }
  static std::string Detail(const Result<StepOutcome>& outcome) {
    return outcome.ok() ? outcome->detail : outcome.error().message();
  }
  std::size_t Count(const std::string& operation) const {
    return shop_.aws.Calls(operation).size();
  }
  // Such as nothing but the home Region's file system, which is lost.
  std::size_t NamedHere() const {
    return static_cast<std::size_t>(
        std::count_if(files_.systems.begin(), files_.systems.end(), [](const auto& one) {
          return one.region == FakeFiles::kRecovery && one.name == "uploads";
        }));
  }

  Shop shop_;
  FakeFiles files_;
  Value::List points_;
  Value asked_, ran_, updated_;
  std::map<std::string, Value> definitions_;
  std::string made_, failure_, runs_ = "arn:web-1";
  std::optional<int> exit_ = 0;
  bool vault_ = true;
};

TEST_F(EfsBackupsTest, TheLossIsBoundedByTheNewestCompletePoint) {
  points_ = {Point("running", std::chrono::minutes(1), "CREATING"),
             Point("old", std::chrono::hours(2), "COMPLETED"),
             Point("new", std::chrono::minutes(10), "COMPLETED")};
  const auto measured = Run("efs.measure-backup");
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  const double bound = std::stod(measured->outputs.at("bound_ns")) / 1e9;
  EXPECT_GT(bound, 599);
  EXPECT_LT(bound, 620);
  EXPECT_EQ(measured->outputs.at("point"), "arn:new");
}

TEST_F(EfsBackupsTest, WithoutACompletePointTheLossIsUnknownAndNothingRestored) {
  points_ = {Point("running", std::chrono::minutes(1), "CREATING")};
  const auto measured = Run("efs.measure-backup");
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  EXPECT_EQ(measured->detail.find("unknown"), 0u);
  const auto restored = Run("efs.restore");
  ASSERT_FALSE(restored.ok());
  EXPECT_NE(Detail(restored).find("no complete recovery point of " + std::string(kHomeFiles) +
                                  " in vault leeward-shop in us-west-2"),
            std::string::npos);
}

TEST_F(EfsBackupsTest, AVaultThatIsNotThereIsNamed) {
  vault_ = false;
  for (const char* kind : {"efs.measure-backup", "efs.restore"}) {
    const auto told = Run(kind);
    ASSERT_FALSE(told.ok());
    EXPECT_NE(Detail(told).find("no backup vault leeward-shop in us-west-2"), std::string::npos);
  }
}

TEST_F(EfsBackupsTest, ARestoredFileSystemIsNamedLastAndASecondRunChangesNothing) {
  const auto restored = Run("efs.restore");
  ASSERT_TRUE(restored.ok()) << Detail(restored);
  EXPECT_EQ(asked_.String("newFileSystem"), "true");
  EXPECT_EQ(asked_.String("Encrypted"), "true");
  EXPECT_EQ(asked_.String("PerformanceMode"), "maxIO");
  EXPECT_FALSE(asked_.Has("KmsKeyId")) << "the key of the lost Region is of no use here";
  EXPECT_LE(asked_.String("CreationToken").size(), 64u);
  const std::string id = restored->outputs.at("file_system");
  EXPECT_EQ(files_.Of(id).name, "uploads");
  EXPECT_EQ(files_.Of(id).mounted_in.size(), 2u);
  const Value& mounted = ran_.Items("volumes").front().Sub("efsVolumeConfiguration");
  EXPECT_EQ(mounted.String("fileSystemId"), id);
  EXPECT_EQ(ran_.Items("containerDefinitions").front().String("image"), "shop:1");
  const auto again = Again("efs.restore");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->outputs.at("file_system"), id);
  EXPECT_EQ(again->outputs.at("parted"), restored->outputs.at("parted"));
  EXPECT_EQ(Count("backup:StartRestoreJob"), 1u);
  EXPECT_EQ(Count("ecs:RunTask"), 1u);
}

TEST_F(EfsBackupsTest, AKeyOfTheSpecIsThatOfWhatIsRestored) {
  std::get<model::Efs>(shop_.application.components.back().kind).kms_key = "alias/shop";
  shop_.aws.On("kms:DescribeKey", [](const SeenCall& call) -> Result<Value> {
    EXPECT_EQ(call.options.region, "us-west-2");
    return Value::Struct({{"KeyMetadata", Value::Struct({{"KeyState", "Enabled"},
                                                         {"Enabled", true},
                                                         {"KeyUsage", "ENCRYPT_DECRYPT"},
                                                         {"KeySpec", "SYMMETRIC_DEFAULT"},
                                                         {"Arn", "arn:key"}})}});
  });
  const auto restored = Run("efs.restore");
  ASSERT_TRUE(restored.ok()) << Detail(restored);
  EXPECT_EQ(asked_.String("KmsKeyId"), "alias/shop");
}

TEST_F(EfsBackupsTest, AJobThatFailedSaysWhyAndTheNextRunPutsItsHalfAside) {
  failure_ = "The role cannot restore.";
  const auto failed = Run("efs.restore");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kWrongState);
  EXPECT_NE(Detail(failed).find("is FAILED: The role cannot restore."), std::string::npos);
  EXPECT_EQ(NamedHere(), 0u);
  const std::string half = made_;
  failure_ = "";
  shop_.execution = model::ExecutionId("another");
  const auto restored = Again("efs.restore");
  ASSERT_TRUE(restored.ok()) << Detail(restored);
  EXPECT_NE(restored->outputs.at("file_system"), half);
  EXPECT_EQ(files_.Of(half).name.find("uploads-half-"), 0u);
  EXPECT_EQ(NamedHere(), 1u);
}

// The files are whole, and where no task looks for them.
TEST_F(EfsBackupsTest, WhatWasRestoredAndNotPlacedIsFinishedByTheNextRun) {
  exit_ = std::nullopt;
  const auto unplaced = Run("efs.restore");
  ASSERT_FALSE(unplaced.ok());
  EXPECT_NE(Detail(unplaced).find("did not run: no image"), std::string::npos) << Detail(unplaced);
  exit_ = 3;
  EXPECT_NE(Detail(Again("efs.restore")).find("not exactly one folder aws-backup-restore_"),
            std::string::npos);
  EXPECT_EQ(NamedHere(), 0u);
  exit_ = 0;
  shop_.execution = model::ExecutionId("another");
  const auto restored = Again("efs.restore");
  ASSERT_TRUE(restored.ok()) << Detail(restored);
  EXPECT_EQ(restored->outputs.at("file_system"), made_);
  EXPECT_EQ(Count("backup:StartRestoreJob"), 1u);
}

// What an earlier run made of an older point is not what is to be restored now.
TEST_F(EfsBackupsTest, AnOlderPointsFileSystemIsNotTakenForTheNewest) {
  exit_ = 1;
  ASSERT_FALSE(Run("efs.restore").ok());
  const std::string older = made_;
  exit_ = 0;
  points_.push_back(Point("newer", std::chrono::minutes(2), "COMPLETED"));
  shop_.execution = model::ExecutionId("another");
  const auto restored = Again("efs.restore");
  ASSERT_TRUE(restored.ok()) << Detail(restored);
  EXPECT_NE(restored->outputs.at("file_system"), older);
  EXPECT_TRUE(files_.Of(older).name.starts_with("uploads-half-"));
}

TEST_F(EfsBackupsTest, ARoleThatIsLackingIsNamed) {
  OnBackup("StartRestoreJob",
           [](const Value&) -> Result<Value> { return base::Denied("Insufficient privileges"); });
  const auto restored = Run("efs.restore");
  ASSERT_FALSE(restored.ok());
  EXPECT_NE(Detail(restored).find("arn:aws:iam::123456789012:role/service-role/dr (backup-role in "
                                  "the spec"),
            std::string::npos)
      << Detail(restored);
}

TEST_F(EfsBackupsTest, TasksMountWhatWasRestoredWhereItsFilesAre) {
  ASSERT_TRUE(Run("efs.restore").ok());
  const std::string id = made_;
  shop_.aws.On("rds:DescribeDBInstances", [](const SeenCall&) -> Result<Value> {
    return base::NotFound("DBInstance orders not found.");
  });
  for (model::Component& component : shop_.application.components) {
    if (auto* ecs = std::get_if<model::Ecs>(&component.kind)) ecs->environment.clear();
  }
  const auto told = shop_.AddAndRun("ecs.readdress/web", shop_.recovery, {{"desired", "3"}});
  ASSERT_TRUE(told.ok()) << Detail(told);
  EXPECT_EQ(updated_.Int("desiredCount"), 3);
  const Value& volume = definitions_.at(runs_).Items("volumes").front();
  EXPECT_EQ(volume.Sub("efsVolumeConfiguration").String("fileSystemId"), id);
  EXPECT_EQ(volume.Sub("efsVolumeConfiguration").String("rootDirectory"),
            "/leeward-restored/pages");
  const std::string revision = runs_;
  runs_ = "arn:web-1";
  definitions_[runs_] = definitions_.at(revision);
  definitions_[runs_]
      .Find("volumes")
      ->list()
      .front()
      .Find("efsVolumeConfiguration")
      ->Set("fileSystemId", "fs-stranger");
  const auto refused = shop_.Run("ecs.readdress/web");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(Detail(refused).find("has no volume of fs-home"), std::string::npos) << Detail(refused);
}

TEST_F(EfsBackupsTest, AFileSystemInTheOtherRegionOrAReplicaIsNotBackedUpOver) {
  files_.Add({"fs-away", FakeFiles::kRecovery, "uploads", ""});
  EXPECT_NE(Detail(Run("efs.copy-backups")).find("restored only when it is needed"),
            std::string::npos);
  files_.systems.pop_back();
  files_.MakeReplica();
  EXPECT_NE(Detail(Again("efs.copy-backups")).find("better than a backup"), std::string::npos);
}

TEST_F(EfsBackupsTest, NoLastBackupIsTakenWhileTasksMayWrite) {
  EXPECT_NE(Detail(Run("efs.final-backup")).find("ends no tasks before its last backup"),
            std::string::npos);
}

TEST_F(EfsBackupsTest, NothingLosesItsNameWithoutALastBackup) {
  files_.Add({"fs-away", FakeFiles::kRecovery, "uploads", ""});
  OnBackup("ListBackupPlans", [](const Value&) -> Result<Value> {
    return Value::Struct({{"BackupPlansList", Value::List{}}});
  });
  EXPECT_NE(Detail(Run("efs.retire-old")).find("it keeps its name"), std::string::npos);
  EXPECT_EQ(Count("efs:TagResource"), 0u);
}

}  // namespace
}  // namespace leeward::steps

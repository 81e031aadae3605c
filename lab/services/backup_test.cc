#include "lab/services/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/full_disk.h"
#include "lab/services/backup_test_world.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST(BackupChecksTest, ALifecycleThatCannotBeIsRefused) {
  const auto refused = [](std::initializer_list<std::pair<std::string, Value>> lifecycle) {
    const Problem problem = CheckLifecycle(Value::Struct(lifecycle));
    return problem ? problem->message : "taken";
  };
  EXPECT_EQ(refused({}), "taken");
  EXPECT_EQ(refused({{"DeleteAfterDays", 1}}), "taken");
  EXPECT_EQ(refused({{"DeleteAfterDays", 120}, {"MoveToColdStorageAfterDays", 30}}), "taken");
  EXPECT_THAT(refused({{"DeleteAfterDays", 119}, {"MoveToColdStorageAfterDays", 30}}),
              HasSubstr("90 days apart"));
  EXPECT_THAT(refused({{"DeleteAfterDays", 0}}), HasSubstr("between 1"));
}

TEST(BackupRecordsTest, APointIsDueWhenItsLifecycleSaysSo) {
  const base::WallTime created{1'000'000s};
  Point point;
  EXPECT_FALSE(IsDue(point, created + 24h * 10000));
  point.record.Set(
      "CalculatedLifecycle",
      CalculatedLifecycle(
          Value::Struct({{"DeleteAfterDays", 2}, {"MoveToColdStorageAfterDays", 1}}), created));
  EXPECT_FALSE(IsDue(point, created + 24h * 2 - 1s));
  EXPECT_TRUE(IsDue(point, created + 24h * 2));
  EXPECT_EQ(StorageClassOf(point, created + 23h), "WARM");
  EXPECT_EQ(StorageClassOf(point, created + 24h), "COLD");
}

class BackupTest : public BackupTestBase {
 protected:
  BackupTest() {
    for (Side* side : {&a, &b}) Backed(*side, "CreateBackupVault", Vaulted("vault"));
    source = Make(a);
  }

  // Something of every kind.
  void Fill() {
    const fs::path root = Tree(a, source);
    Write(root / "plain", "text");
    Write(root / "empty", "");
    Write(root / "d/e/deep", std::string(20'000, 'x'));
    Write(root / "d/\xc3 odd\n", "odd");
    fs::create_symlink("../plain", root / "d/link");
    fs::create_hard_link(root / "plain", root / "d/other");
    ASSERT_EQ(chmod((root / "plain").c_str(), 0751), 0);
  }
  // What Fill made is below `root`.
  static void ExpectFilled(const fs::path& root) {
    EXPECT_EQ(Read(root / "plain"), "text");
    EXPECT_EQ(Read(root / "empty"), "");
    EXPECT_EQ(Read(root / "d/e/deep"), std::string(20'000, 'x'));
    EXPECT_EQ(Read(root / "d/\xc3 odd\n"), "odd");
    EXPECT_EQ(fs::read_symlink(root / "d/link"), "../plain");
    struct stat first {};
    struct stat second {};
    ASSERT_EQ(stat((root / "plain").c_str(), &first), 0);
    ASSERT_EQ(stat((root / "d/other").c_str(), &second), 0);
    EXPECT_EQ(first.st_ino, second.st_ino);
    EXPECT_EQ(first.st_mode & 0777U, 0751U);
  }
  // The one folder that a restore has made in the root.
  static fs::path RestoredIn(const fs::path& tree) {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(tree)) {
      if (entry.path().filename().native().starts_with("aws-backup-restore_")) found = entry.path();
    }
    EXPECT_FALSE(found.empty()) << tree;
    return found;
  }
  static Value Fresh() {
    return Value::Struct({{"newFileSystem", "true"},
                          {"CreationToken", "restored"},
                          {"Encrypted", "true"},
                          {"PerformanceMode", "generalPurpose"}});
  }
  fs::path TreeOf(Side& side, std::string_view arn) {
    return Tree(side, std::string(arn.substr(arn.rfind('/') + 1)));
  }
  std::string Resource() { return FileSystemArn(a, source); }

  std::string source;
};

TEST_F(BackupTest, VaultsAreMadeShownAndOnlyEmptyOnesDeleted) {
  EXPECT_THAT(NotBacked(a, "CreateBackupVault", Vaulted("vault")),
              StartsWith("AlreadyExistsException: "));
  EXPECT_EQ(NotBacked(a, "DescribeBackupVault", Vaulted("none")),
            "AccessDeniedException: Insufficient privileges to perform this action.");
  BackUp(a, Resource());
  EXPECT_EQ(Backed(a, "DescribeBackupVault", Vaulted("vault")).Int("NumberOfRecoveryPoints"), 1);
  EXPECT_THAT(NotBacked(a, "DeleteBackupVault", Vaulted("vault")),
              StartsWith("InvalidRequestException: Backup vault cannot be deleted"));
  Backed(b, "DeleteBackupVault", Vaulted("vault"));
  EXPECT_TRUE(Backed(b, "ListBackupVaults").Items("BackupVaultList").empty());
}

TEST_F(BackupTest, AFileSystemIsRestoredAsItWasWhenItWasBackedUp) {
  Fill();
  const std::string point = BackUp(a, Resource());
  Write(Tree(a, source) / "plain", "changed");
  fs::remove_all(Tree(a, source) / "d");
  const Value job = Restored(a, point, Fresh());
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  ExpectFilled(RestoredIn(TreeOf(a, job.String("CreatedResourceArn"))));
  EXPECT_EQ(Read(Tree(a, source) / "plain"), "changed");
}

TEST_F(BackupTest, ARestoreIntoTheSameFileSystemOverwritesNothing) {
  Fill();
  const std::string point = BackUp(a, Resource());
  Write(Tree(a, source) / "plain", "changed");
  const Value metadata =
      Backed(a, "GetRecoveryPointRestoreMetadata", Vaulted("vault").Set("RecoveryPointArn", point))
          .Sub("RestoreMetadata");
  EXPECT_EQ(metadata.String("file-system-id"), source);
  const Value job = Restored(a, point, metadata);
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  EXPECT_EQ(job.String("CreatedResourceArn"), Resource());
  ExpectFilled(RestoredIn(Tree(a, source)));
  EXPECT_EQ(Read(Tree(a, source) / "plain"), "changed");
}

TEST_F(BackupTest, SomeItemsAreRestoredAndWhatIsNotThereFails) {
  Fill();
  const std::string point = BackUp(a, Resource());
  Value job = Restored(a, point, Fresh().Set("ItemsToRestore", "[\"/d/e\"]"));
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  const fs::path restored = RestoredIn(TreeOf(a, job.String("CreatedResourceArn")));
  EXPECT_TRUE(fs::exists(restored / "d/e/deep"));
  EXPECT_FALSE(fs::exists(restored / "plain"));
  job = Restored(a, point, Fresh().Set("ItemsToRestore", "[\"/no\"]").Set("CreationToken", "2"));
  EXPECT_EQ(job.String("Status"), "FAILED");
  EXPECT_THAT(job.String("StatusMessage"), HasSubstr("/no is not in"));
}

TEST_F(BackupTest, ACopyIsRestoredWhenTheRegionThatItCameFromIsGone) {
  Fill();
  const std::string point = BackUp(a, Resource());
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  ASSERT_EQ(copy.String("State"), "COMPLETED") << copy.String("StatusMessage");
  links.dark.insert("us-east-1");
  ASSERT_EQ(PointsOf(b).size(), 1U);
  const Value shown = PointsOf(b).front();
  EXPECT_EQ(shown.String("RecoveryPointArn"), copy.String("DestinationRecoveryPointArn"));
  EXPECT_EQ(shown.String("ResourceArn"), Resource());
  const Value job = Restored(b, std::string(shown.String("RecoveryPointArn")), Fresh());
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  ExpectFilled(RestoredIn(TreeOf(b, job.String("CreatedResourceArn"))));
}

TEST_F(BackupTest, ACopyWhoseSourceFallsSilentFailsAndLeavesNothing) {
  Fill();
  const std::string point = BackUp(a, Resource());
  links.refusing.insert("ReadParts");
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  EXPECT_EQ(copy.String("State"), "FAILED");
  EXPECT_THAT(copy.String("StatusMessage"), HasSubstr("us-east-1, does not answer"));
  EXPECT_TRUE(PointsOf(b).empty());
  EXPECT_TRUE(world.RunUntil([&] { return CountFolders(b) == 0; }));
}

TEST_F(BackupTest, ADestinationThatIsKilledInACopyHasNoPointAndTheJobFails) {
  Fill();
  const std::string point = BackUp(a, Resource());
  links.refusing.insert("ReadParts");
  const std::string copy = StartCopy(a, point, b);
  ASSERT_TRUE(world.RunUntil([&] { return CountFolders(b) == 1; }));
  RestartRegion(b);
  links.refusing.clear();
  EXPECT_EQ(AwaitCopy(a, copy).String("State"), "FAILED");
  EXPECT_TRUE(PointsOf(b).empty());
  EXPECT_TRUE(world.RunUntil([&] { return CountFolders(b) == 0; }));
  EXPECT_EQ(AwaitCopy(a, StartCopy(a, point, b)).String("State"), "COMPLETED");
}

TEST_F(BackupTest, ASourceThatIsKilledInACopyFindsItDone) {
  Fill();
  const std::string point = BackUp(a, Resource());
  links.refusing.insert("StateOfCopy");
  const std::string copy = StartCopy(a, point, b);
  ASSERT_TRUE(world.RunUntil([&] { return PointsOf(b).size() == 1; }));
  RestartRegion(a);
  EXPECT_FALSE(CopyJob(a, copy).Has("CompletionDate"));
  links.refusing.clear();
  EXPECT_EQ(AwaitCopy(a, copy).String("State"), "COMPLETED");
}

TEST_F(BackupTest, AFileThatDiffersFromTheListIsNoCopy) {
  Fill();
  const std::string point = BackUp(a, Resource());
  fs::path folder;
  for (const auto& entry : fs::directory_iterator(a.host.StateDirectory("backup") / "points"))
    folder = entry.path();
  Write(folder / "content/plain", "tEXt");
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  EXPECT_EQ(copy.String("State"), "FAILED");
  EXPECT_THAT(copy.String("StatusMessage"), HasSubstr("did not arrive as it was sent"));
  EXPECT_TRUE(PointsOf(b).empty());
}

TEST_F(BackupTest, AVaultThatIsNotThereEndsTheCopy) {
  const std::string point = BackUp(a, Resource());
  Backed(b, "DeleteBackupVault", Vaulted("vault"));
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  EXPECT_EQ(copy.String("State"), "FAILED");
  EXPECT_THAT(copy.String("StatusMessage"), HasSubstr("Backup vault vault not found"));
}

TEST_F(BackupTest, ABackupThatTheRegionWasKilledInHasFailed) {
  Fill();
  const std::string id(Backed(a, "StartBackupJob", Asked(a, Resource())).String("BackupJobId"));
  ASSERT_TRUE(world.RunUntil([&] { return Job(a, id).String("State") == "RUNNING"; }));
  RestartRegion(a);
  const Value job = AwaitBackup(a, id);
  EXPECT_EQ(job.String("State"), "FAILED");
  EXPECT_TRUE(PointsOf(a).empty());
  EXPECT_TRUE(world.RunUntil([&] { return CountFolders(a) == 0; }));
}

TEST_F(BackupTest, ADiskThatIsFullFailsTheJobAndLeavesNothing) {
  Fill();
  {
    const base::testing::FullDisk full;
    const std::string id(Backed(a, "StartBackupJob", Asked(a, Resource())).String("BackupJobId"));
    const Value job = AwaitBackup(a, id);
    EXPECT_EQ(job.String("State"), "FAILED");
    EXPECT_THAT(job.String("StatusMessage"), HasSubstr("File too large"));
  }
  EXPECT_TRUE(PointsOf(a).empty());
  EXPECT_TRUE(world.RunUntil([&] { return CountFolders(a) == 0; }));
  BackUp(a, Resource());
  EXPECT_EQ(PointsOf(a).size(), 1u);
}

TEST_F(BackupTest, AStoppedJobIsAbortedAndAnEndedOneIsNotStopped) {
  Fill();
  const std::string id(Backed(a, "StartBackupJob", Asked(a, Resource())).String("BackupJobId"));
  Backed(a, "StopBackupJob", Value::Struct({{"BackupJobId", id}}));
  EXPECT_EQ(AwaitBackup(a, id).String("State"), "ABORTED");
  EXPECT_TRUE(PointsOf(a).empty());
  EXPECT_THAT(NotBacked(a, "StopBackupJob", Value::Struct({{"BackupJobId", id}})),
              StartsWith("InvalidRequestException: "));
}

TEST_F(BackupTest, WhatCannotBeBackedUpIsRefused) {
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, "arn:aws:fsx:us-east-1:123456789012:x/y")),
              StartsWith("InvalidParameterValueException: Unsupported resource type"));
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, FileSystemArn(a, "fs-0123"))),
              StartsWith("ResourceNotFoundException: "));
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, FileSystemArn(b, source))),
              HasSubstr("is not a resource of us-east-1"));
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, Resource()).Set("BackupVaultName", "no")),
              StartsWith("ResourceNotFoundException: Backup vault no"));
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, Resource()).Set("IamRoleArn", "me")),
              HasSubstr("Invalid IAM role"));
  EXPECT_THAT(NotBacked(a, "StartBackupJob", Asked(a, Resource()).Set("StartWindowMinutes", 59)),
              HasSubstr("at least 60"));
}

TEST_F(BackupTest, ATokenStartsOneJobAndADeletedPointIsGone) {
  const Value asked = Asked(a, Resource()).Set("IdempotencyToken", "once");
  const Value first = Backed(a, "StartBackupJob", asked);
  EXPECT_EQ(Backed(a, "StartBackupJob", asked).String("BackupJobId"), first.String("BackupJobId"));
  AwaitBackup(a, std::string(first.String("BackupJobId")));
  ASSERT_EQ(PointsOf(a).size(), 1U);
  const Value named = Vaulted("vault").Set("RecoveryPointArn", first.String("RecoveryPointArn"));
  EXPECT_EQ(Backed(a, "DescribeRecoveryPoint", named).String("Status"), "COMPLETED");
  EXPECT_EQ(Backed(a, "ListProtectedResources").Items("Results").size(), 1U);
  Backed(a, "DeleteRecoveryPoint", named);
  EXPECT_THAT(NotBacked(a, "DescribeRecoveryPoint", named),
              StartsWith("ResourceNotFoundException: "));
  EXPECT_TRUE(world.RunUntil([&] { return CountFolders(a) == 0; }));
}

}  // namespace
}  // namespace leeward::lab::backup

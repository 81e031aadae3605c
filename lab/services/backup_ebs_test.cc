// Volumes in AWS Backup, on the lab's own EBS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "lab/services/backup_test_world.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class BackupEbsTest : public BackupTestBase {
 protected:
  BackupEbsTest() {
    for (Side* side : {&a, &b}) Backed(*side, "CreateBackupVault", Vaulted("vault"));
  }

  Answer Ec2(Side& side, std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("ec2");
    call.operation = call.model->FindOperation(operation);
    CHECK_MSG(call.operation != nullptr, std::string(operation).c_str());
    call.input = std::move(input);
    std::optional<Answer> answer;
    side.ec2->Handle(call, [&answer](Answer given) { answer = std::move(given); });
    EXPECT_TRUE(world.RunUntil([&] { return answer.has_value(); })) << operation;
    return *answer;
  }
  std::string NotDone(Side& side, std::string_view operation, Value input) {
    const Answer answer = Ec2(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }
  Value VolumeOf(Side& side, const std::string& id) {
    const Answer answer =
        Ec2(side, "DescribeVolumes", Value::Struct({{"VolumeIds", Value(Value::List{Value(id)})}}));
    if (IsError(answer)) return Value::Struct();
    return std::get<Value>(answer).Items("Volumes").front();
  }
  Value SnapshotOf(Side& side, const std::string& id) {
    const Answer answer = Ec2(side, "DescribeSnapshots",
                              Value::Struct({{"SnapshotIds", Value(Value::List{Value(id)})}}));
    if (IsError(answer)) return Value::Struct();
    return std::get<Value>(answer).Items("Snapshots").front();
  }
  // ARN of a volume that says `text`.
  std::string MakeVolume(Side& side, std::string_view text, Value more = Value::Struct()) {
    more.Set("AvailabilityZone", side.host.region() + "a").Set("Size", 1);
    Value tag = Value::Struct({{"Key", "app"}, {"Value", "disks"}});
    Value tags = Value::Struct({{"ResourceType", "volume"}});
    tags.Set("Tags", Value(Value::List{tag}));
    more.Set("TagSpecifications", Value(Value::List{tags}));
    const Answer made = Ec2(side, "CreateVolume", std::move(more));
    EXPECT_FALSE(IsError(made));
    const std::string id(std::get<Value>(made).String("VolumeId"));
    EXPECT_TRUE(world.RunUntil([&] { return VolumeOf(side, id).String("State") == "available"; }));
    Say(side, id, text);
    return Arn(side.host, "ec2", "volume/" + id);
  }
  static fs::path PathOf(Side& side, std::string_view id) {
    return side.host.StateDirectory("ebs") / "volumes" / id.substr(id.rfind('/') + 1);
  }
  static void Say(Side& side, std::string_view id, std::string_view text) {
    std::fstream file(PathOf(side, id), std::ios::binary | std::ios::in | std::ios::out);
    file << text;
    ASSERT_TRUE(file.flush());
  }
  static std::string Said(Side& side, std::string_view id) {
    std::ifstream file(PathOf(side, id), std::ios::binary);
    std::string text(6, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }
  static std::string IdOf(std::string_view arn) {
    return std::string(arn.substr(arn.rfind('/') + 1));
  }
  static Value In(Side& side) {
    return Value::Struct({{"availabilityZone", side.host.region() + "b"}, {"volumeType", "gp3"}});
  }
};

TEST_F(BackupEbsTest, AVolumeIsRestoredAsItWasWhenItWasBackedUp) {
  const std::string volume = MakeVolume(a, "before");
  const std::string point = BackUp(a, volume);
  EXPECT_THAT(point, MatchesRegex("arn:aws:ec2:us-east-1::snapshot/snap-[0-9a-f]{17}"));
  const Value shown = PointsOf(a).front();
  EXPECT_EQ(shown.String("ResourceType"), "EBS");
  EXPECT_EQ(shown.Int("BackupSizeInBytes"), std::int64_t{1} << 30);
  EXPECT_EQ(SnapshotOf(a, IdOf(point)).Items("Tags").front().String("Value"), "disks");
  Say(a, volume, "AFTER!");
  const Value job = Restored(a, point, In(a));
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  const std::string made = IdOf(job.String("CreatedResourceArn"));
  EXPECT_EQ(Said(a, made), "before");
  EXPECT_EQ(Said(a, volume), "AFTER!");
  EXPECT_EQ(VolumeOf(a, made).String("VolumeType"), "gp3");
  EXPECT_EQ(VolumeOf(a, made).String("AvailabilityZone"), "us-east-1b");
}

TEST_F(BackupEbsTest, WhatAPointSaysOfItsVolumeRestoresIt) {
  const std::string volume = MakeVolume(a, "before");
  const std::string point = BackUp(a, volume);
  const Value metadata =
      Backed(a, "GetRecoveryPointRestoreMetadata", Vaulted("vault").Set("RecoveryPointArn", point))
          .Sub("RestoreMetadata");
  EXPECT_EQ(metadata.String("volumeId"), IdOf(volume));
  const Value job = Restored(a, point, metadata);
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  EXPECT_EQ(Said(a, job.String("CreatedResourceArn")), "before");
}

TEST_F(BackupEbsTest, ACopyIsRestoredWhenTheRegionThatItCameFromIsGone) {
  const std::string point = BackUp(a, MakeVolume(a, "before"));
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  ASSERT_EQ(copy.String("State"), "COMPLETED") << copy.String("StatusMessage");
  links.dark.insert("us-east-1");
  const std::string there(PointsOf(b).front().String("RecoveryPointArn"));
  EXPECT_EQ(there, copy.String("DestinationRecoveryPointArn"));
  EXPECT_THAT(there, StartsWith("arn:aws:ec2:us-west-2::snapshot/snap-"));
  const Value job = Restored(b, there, In(b));
  ASSERT_EQ(job.String("Status"), "COMPLETED") << job.String("StatusMessage");
  EXPECT_EQ(Said(b, job.String("CreatedResourceArn")), "before");
}

TEST_F(BackupEbsTest, AnEncryptedVolumeIsCopiedWithoutAnybodysPresignedUrl) {
  const std::string volume = MakeVolume(a, "before", Value::Struct({{"Encrypted", true}}));
  const std::string point = BackUp(a, volume);
  EXPECT_THAT(
      NotDone(b, "CopySnapshot",
              Value::Struct({{"SourceRegion", "us-east-1"}, {"SourceSnapshotId", IdOf(point)}})),
      StartsWith("MissingParameter: "));
  const Value copy = AwaitCopy(a, StartCopy(a, point, b));
  ASSERT_EQ(copy.String("State"), "COMPLETED") << copy.String("StatusMessage");
  EXPECT_TRUE(
      SnapshotOf(b, IdOf(copy.String("DestinationRecoveryPointArn"))).Flag("Encrypted", false));
}

TEST_F(BackupEbsTest, ASnapshotThatIsARecoveryPointIsDeletedByItsVaultAlone) {
  const std::string point = BackUp(a, MakeVolume(a, "before"));
  const Value snapshot = Value::Struct({{"SnapshotId", IdOf(point)}});
  EXPECT_EQ(NotDone(a, "DeleteSnapshot", snapshot),
            "InvalidParameterValue: This snapshot is managed by the AWS Backup service and cannot "
            "be deleted via EC2 APIs. If you wish to delete this snapshot, please do so via the "
            "Backup console.");
  EXPECT_THAT(NotBacked(a, "DeleteBackupVault", Vaulted("vault")),
              HasSubstr("contains recovery points"));
  Backed(a, "DeleteRecoveryPoint", Vaulted("vault").Set("RecoveryPointArn", point));
  EXPECT_TRUE(world.RunUntil([&] { return !SnapshotOf(a, IdOf(point)).Has("SnapshotId"); }));
  Backed(a, "DeleteBackupVault", Vaulted("vault"));
}

TEST_F(BackupEbsTest, WhatARestoreMayNotBeToldIsRefused) {
  const std::string point = BackUp(a, MakeVolume(a, "before"));
  const auto refused = [&](Value metadata) {
    Value input = Value::Struct({{"RecoveryPointArn", point}, {"IamRoleArn", kRole}});
    return NotBacked(a, "StartRestoreJob", input.Set("Metadata", std::move(metadata)));
  };
  EXPECT_THAT(refused(Value::Struct({{"volumeType", "gp3"}})),
              HasSubstr("must provide availabilityZone"));
  EXPECT_THAT(refused(In(a).Set("iops", "3000")), HasSubstr("iops is not served"));
  EXPECT_THAT(refused(In(a).Set("encrypted", "maybe")), HasSubstr("true or false"));
  EXPECT_THAT(refused(In(a).Set("kmsKeyId", "alias/aws/ebs")), HasSubstr("encrypted must be set"));
  EXPECT_THAT(refused(In(a).Set("volumeSize", "big")), HasSubstr("volumeSize is big"));
  const Value elsewhere = Restored(a, point, In(b));
  EXPECT_EQ(elsewhere.String("Status"), "FAILED");
  EXPECT_THAT(elsewhere.String("StatusMessage"), HasSubstr("us-west-2b"));
}

TEST_F(BackupEbsTest, AVolumeThatIsDeletedBeforeItsJobRunsFailsIt) {
  const std::string volume = MakeVolume(a, "before");
  const std::string id(Backed(a, "StartBackupJob", Asked(a, volume)).String("BackupJobId"));
  ASSERT_FALSE(IsError(Ec2(a, "DeleteVolume", Value::Struct({{"VolumeId", IdOf(volume)}}))));
  EXPECT_EQ(AwaitBackup(a, id).String("State"), "FAILED");
  EXPECT_TRUE(PointsOf(a).empty());
}

TEST_F(BackupEbsTest, APlanBacksUpTheVolumesOfATag) {
  const std::string volume = MakeVolume(a, "before");
  const Value rule = Value::Struct({{"RuleName", "noon"},
                                    {"TargetBackupVaultName", "vault"},
                                    {"ScheduleExpression", "cron(0 12 * * ? *)"},
                                    {"StartWindowMinutes", 1500}});
  const Value plan = Value::Struct({{"BackupPlanName", "daily"}, {"Rules", Value::List{rule}}});
  const std::string id(
      Backed(a, "CreateBackupPlan", Value::Struct({{"BackupPlan", plan}})).String("BackupPlanId"));
  const Value tag = Value::Struct(
      {{"ConditionType", "STRINGEQUALS"}, {"ConditionKey", "app"}, {"ConditionValue", "disks"}});
  const Value selection = Value::Struct(
      {{"SelectionName", "disks"}, {"IamRoleArn", kRole}, {"ListOfTags", Value::List{tag}}});
  Backed(a, "CreateBackupSelection",
         Value::Struct({{"BackupPlanId", id}, {"BackupSelection", selection}}));
  EXPECT_TRUE(PointsOf(a).empty());
  a.host.SetSkew(24h);
  ASSERT_TRUE(world.RunUntil([&] { return PointsOf(a).size() == 1; }));
  EXPECT_EQ(PointsOf(a).front().String("ResourceArn"), volume);
}

}  // namespace
}  // namespace leeward::lab::backup

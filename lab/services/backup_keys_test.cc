// Keys of vaults, and which key a recovery point and its copy are under.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/services/backup_test_world.h"
#include "lab/services/keys_testing.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BackupKeysTest : public BackupTestBase {
 protected:
  BackupKeysTest() {
    for (Side* side : {&a, &b}) {
      auto& keys = keys_[side];
      keys = std::make_unique<FakeKeys>(side->host);
      side->host.services["kms"] = keys.get();
      key_[side] = keys->Put("own", "alias/own", true);
    }
  }
  void MakeVault(Side& side, const std::string& key = "") {
    Value input = Vaulted("vault");
    if (!key.empty()) input.Set("EncryptionKeyArn", key);
    Backed(side, "CreateBackupVault", input);
  }
  std::string VaultKey(Side& side) {
    return std::string(
        Backed(side, "DescribeBackupVault", Vaulted("vault")).String("EncryptionKeyArn"));
  }
  std::string MakeVolume(Side& side, Value more = Value::Struct()) {
    more.Set("AvailabilityZone", side.host.region() + "a").Set("Size", 1);
    const Answer made = side.ec2->Volumes().RestoreVolume(more);
    EXPECT_FALSE(IsError(made));
    const std::string id(std::get<Value>(made).String("VolumeId"));
    EXPECT_TRUE(world.RunUntil([&] { return NotYet(side, id).empty(); }));
    return Arn(side.host, "ec2", "volume/" + id);
  }
  // Why a volume takes no snapshot yet; empty: it does.
  std::string NotYet(Side& side, const std::string& id) {
    Call call;
    call.model = shapes::FindModel("ec2");
    call.operation = call.model->FindOperation("DescribeVolumes");
    call.input = Value::Struct({{"VolumeIds", Value(Value::List{Value(id)})}});
    std::string state;
    side.ec2->Handle(call, [&state](const Answer& answer) {
      const auto* value = std::get_if<Value>(&answer);
      if (value != nullptr) state = value->Items("Volumes").front().String("State");
    });
    return state == "available" ? "" : state + "?";
  }
  void Disable(Side& side) { keys_[&side]->Put("own", "alias/own", false); }

  std::map<Side*, std::unique_ptr<FakeKeys>> keys_;
  std::map<Side*, std::string> key_;
};

TEST_F(BackupKeysTest, AVaultTakesAUsableKeyOfItsRegionByItsArn) {
  const auto refused = [&](const std::string& key) {
    return NotBacked(a, "CreateBackupVault", Vaulted("vault").Set("EncryptionKeyArn", key));
  };
  EXPECT_THAT(refused("alias/own"),
              StartsWith("InvalidParameterValueException: Invalid encryption key ARN"));
  EXPECT_THAT(refused(key_[&b]), HasSubstr("does not exist in us-east-1"));
  Disable(a);
  EXPECT_THAT(refused(key_[&a]), HasSubstr("cannot be used"));
  keys_[&a]->Put("own", "alias/own", true);
  MakeVault(a, key_[&a]);
  EXPECT_EQ(VaultKey(a), key_[&a]);
  MakeVault(b);
  EXPECT_EQ(
      VaultKey(b),
      Arn(b.host, "kms", "key/" + ManagedKeyId("us-west-2", b.host.account(), "alias/aws/backup")));
}

TEST_F(BackupKeysTest, WhatTheVaultKeepsIsUnderTheKeyOfTheVaultThatHasIt) {
  MakeVault(a, key_[&a]);
  MakeVault(b, key_[&b]);
  const std::string point = BackUp(a, FileSystemArn(a, Make(a)));
  EXPECT_EQ(PointsOf(a).front().String("EncryptionKeyArn"), key_[&a]);
  EXPECT_EQ(AwaitCopy(a, StartCopy(a, point, b)).String("State"), "COMPLETED");
  EXPECT_EQ(PointsOf(b).front().String("EncryptionKeyArn"), key_[&b]);
}

TEST_F(BackupKeysTest, AKeyThatCannotBeUsedStopsBackupsCopiesAndRestores) {
  MakeVault(a, key_[&a]);
  MakeVault(b, key_[&b]);
  const std::string resource = FileSystemArn(a, Make(a));
  const std::string point = BackUp(a, resource);
  Disable(b);
  Value job = AwaitCopy(a, StartCopy(a, point, b));
  EXPECT_EQ(job.String("State"), "FAILED");
  EXPECT_THAT(job.String("StatusMessage"), HasSubstr(key_[&b] + " cannot be used"));
  EXPECT_TRUE(PointsOf(b).empty());
  Disable(a);
  job = AwaitCopy(a, StartCopy(a, point, b));
  EXPECT_THAT(job.String("StatusMessage"), HasSubstr(key_[&a] + " cannot be used"));
  job = Restored(a, point,
                 Value::Struct({{"newFileSystem", "true"},
                                {"CreationToken", "restored"},
                                {"PerformanceMode", "generalPurpose"}}));
  EXPECT_EQ(job.String("Status"), "FAILED");
  EXPECT_THAT(job.String("StatusMessage"), HasSubstr("cannot be used"));
  job = AwaitBackup(
      a, std::string(Backed(a, "StartBackupJob", Asked(a, resource)).String("BackupJobId")));
  EXPECT_EQ(job.String("State"), "FAILED");
  EXPECT_EQ(PointsOf(a).size(), 1U);
}

TEST_F(BackupKeysTest, WhatAServiceKeepsIsUnderItsOwnKeyAndItsCopyUnderTheVaults) {
  MakeVault(a);
  MakeVault(b, key_[&b]);
  const std::string plain = BackUp(a, MakeVolume(a));
  EXPECT_FALSE(PointsOf(a).front().Flag("IsEncrypted", true));
  EXPECT_FALSE(PointsOf(a).front().Has("EncryptionKeyArn"));
  EXPECT_EQ(AwaitCopy(a, StartCopy(a, plain, b)).String("State"), "COMPLETED");
  EXPECT_TRUE(PointsOf(b).front().Flag("IsEncrypted", false));
  EXPECT_EQ(PointsOf(b).front().String("EncryptionKeyArn"), key_[&b]);
  Backed(a, "DeleteRecoveryPoint", Vaulted("vault").Set("RecoveryPointArn", plain));
  const Value encrypted = Value::Struct({{"Encrypted", true}, {"KmsKeyId", "alias/own"}});
  BackUp(a, MakeVolume(a, encrypted));
  EXPECT_EQ(PointsOf(a).front().String("EncryptionKeyArn"), key_[&a]);
  EXPECT_TRUE(PointsOf(a).front().Flag("IsEncrypted", false));
}

}  // namespace
}  // namespace leeward::lab::backup

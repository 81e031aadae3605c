// What of a table that AWS Backup keeps can be told without one: its recovery points, and what is
// refused.
#include <gtest/gtest.h>

#include "steps/backups.h"
#include "steps/dynamodb.h"
#include "steps/testing/fake_aws.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::SeenCall;
using testing::Shop;

constexpr char kHomeTable[] = "arn:aws:dynamodb:us-east-1:123456789012:table/carts";

class DynamodbBackupsTest : public ::testing::Test {
 protected:
  DynamodbBackupsTest() {
    model::Dynamodb carts;
    carts.table = "carts";
    carts.backup = {model::Recovery::kRestore, "leeward-shop", "service-role/dr"};
    shop_.application.components.push_back({model::ComponentName("carts"), carts, {}, {}});
    shop_.aws.On("dynamodb:DescribeTable", [this](const SeenCall& call) -> Result<Value> {
      if (!tables_.contains(call.options.region))
        return base::NotFound("Requested resource not found");
      return Value::Struct({{"Table", tables_.at(call.options.region)}});
    });
    shop_.aws.On("backup:ListRecoveryPointsByBackupVault",
                 [this](const SeenCall& call) -> Result<Value> {
                   asked_ = call.input;
                   if (!vault_) return base::NotFound("Backup vault leeward-shop not found");
                   return Value::Struct({{"RecoveryPoints", Value(points_)}});
                 });
    shop_.Know("carts", shop_.home, "table.arn", kHomeTable);
  }
  Value Point(const std::string& name, base::Duration age, const std::string& status) {
    return Value::Struct({{"RecoveryPointArn", "arn:" + name},
                          {"ResourceArn", kHomeTable},
                          {"Status", status},
                          {"CreationDate", shop_.clock.Now() - age}});
  }
  Value Table(const Region& region) {
    return Value::Struct(
        {{"TableName", "carts"},
         {"TableArn", "arn:aws:dynamodb:" + region.str() + ":123456789012:table/carts"},
         {"TableStatus", "ACTIVE"}});
  }
  Result<StepOutcome> Run(const std::string& kind) {
    return shop_.AddAndRun(kind + "/carts", shop_.recovery,
                           {{"source-region", "us-east-1"}, {"writer-region", "us-east-1"}});
  }

  Shop shop_;
  std::map<std::string, Value> tables_;
  Value::List points_;
  Value asked_;
  bool vault_ = true;
};

TEST_F(DynamodbBackupsTest, TheLossIsBoundedByTheNewestCompletePoint) {
  points_ = {Point("running", std::chrono::minutes(1), "CREATING"),
             Point("old", std::chrono::hours(2), "COMPLETED"),
             Point("new", std::chrono::minutes(10), "COMPLETED")};
  const auto measured = Run("dynamodb.measure-backup");
  ASSERT_TRUE(measured.ok()) << measured.error().message();
  const double bound = std::stod(measured->outputs.at("bound_ns")) / 1e9;
  EXPECT_GT(bound, 599);
  EXPECT_LT(bound, 620);
  EXPECT_EQ(measured->outputs.at("point"), "arn:new");
  EXPECT_EQ(asked_.String("ByResourceArn"), kHomeTable);
}

// A copy may be told with the time at which its backup was initiated.
TEST_F(DynamodbBackupsTest, APointIsAsOldAsWhenItsBackupBegan) {
  Value point = Point("copied", std::chrono::minutes(1), "COMPLETED");
  points_ = {point.Set("InitiationDate", shop_.clock.Now() - std::chrono::minutes(30))};
  EXPECT_GT(std::stod(Run("dynamodb.measure-backup")->outputs.at("bound_ns")) / 1e9, 1799);
}

TEST_F(DynamodbBackupsTest, WithoutACompletePointTheLossIsUnknown) {
  points_ = {Point("running", std::chrono::minutes(1), "CREATING")};
  const auto measured = Run("dynamodb.measure-backup");
  ASSERT_TRUE(measured.ok());
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
  EXPECT_EQ(measured->detail.find("unknown"), 0u);
  const auto restored = Run("dynamodb.restore");
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(restored.error().message().find("no complete recovery point"), std::string::npos);
}

TEST_F(DynamodbBackupsTest, AVaultThatIsNotThereIsNamed) {
  vault_ = false;
  const auto measured = Run("dynamodb.measure-backup");
  ASSERT_FALSE(measured.ok());
  EXPECT_NE(measured.error().message().find("no backup vault leeward-shop in us-west-2"),
            std::string::npos);
}

TEST_F(DynamodbBackupsTest, ATableThatIsHereAlreadyHasNoToldLoss) {
  tables_["us-west-2"] = Table(shop_.recovery);
  points_ = {Point("new", std::chrono::minutes(10), "COMPLETED")};
  const auto measured = Run("dynamodb.measure-backup");
  ASSERT_TRUE(measured.ok());
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
}

class DynamodbKeysTest : public DynamodbBackupsTest {
 protected:
  DynamodbKeysTest() {
    auto& carts = std::get<model::Dynamodb>(shop_.application.components.back().kind);
    carts.kms_key = "alias/shop";
    carts.backup.vault_key = "alias/vault";
    shop_.aws.On("kms:DescribeKey", [](const SeenCall& call) -> Result<Value> {
      const std::string name(call.input.String("KeyId"));
      return Value::Struct(
          {{"KeyMetadata",
            Value::Struct({{"KeyState", "Enabled"}, {"Arn", call.options.region + ":" + name}})}});
    });
    shop_.aws.On("backup:ListBackupVaults", [this](const SeenCall&) -> Result<Value> {
      return Value::Struct({{"BackupVaultList", Value(vaults_)}});
    });
    // What follows is not looked at.
    for (const char* operation : {"backup:CreateBackupVault", "backup:StartRestoreJob"}) {
      shop_.aws.On(operation,
                   [](const SeenCall&) -> Result<Value> { return base::Denied("enough"); });
    }
  }
  Value::List vaults_;
};

TEST_F(DynamodbKeysTest, VaultsAreMadeUnderTheKeyThatTheSpecNamesAndUnderNoOther) {
  tables_["us-east-1"] = Table(shop_.home);
  ASSERT_FALSE(Run("dynamodb.copy-backups").ok());
  const auto made = shop_.aws.Calls("backup:CreateBackupVault");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].input.String("EncryptionKeyArn"), "us-east-1:alias/vault");
  vaults_ = {Value::Struct({{"BackupVaultName", "leeward-shop"}, {"EncryptionKeyArn", "another"}})};
  const auto refused = shop_.Run("dynamodb.copy-backups/carts");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("is under the key another"), std::string::npos)
      << refused.error().message();
}

TEST_F(DynamodbKeysTest, ATableIsRestoredUnderTheKeyThatTheSpecNames) {
  points_ = {Point("new", std::chrono::minutes(10), "COMPLETED")};
  ASSERT_FALSE(Run("dynamodb.restore").ok());
  const auto begun = shop_.aws.Calls("backup:StartRestoreJob");
  ASSERT_EQ(begun.size(), 1u);
  EXPECT_EQ(begun[0].input.Sub("Metadata").String("encryptionType"), "KMS");
  EXPECT_EQ(begun[0].input.Sub("Metadata").String("kmsMasterKeyArn"), "us-west-2:alias/shop");
}

TEST_F(DynamodbBackupsTest, ATableInTheOtherRegionIsNotBackedUpOver) {
  tables_["us-east-1"] = Table(shop_.home);
  tables_["us-west-2"] = Table(shop_.recovery);
  const auto copied = Run("dynamodb.copy-backups");
  ASSERT_FALSE(copied.ok());
  EXPECT_NE(copied.error().message().find("restored only when it is needed"), std::string::npos);
}

// Nothing is deleted of which no last backup is known.
TEST_F(DynamodbBackupsTest, NothingIsDeletedWithoutItsLastBackup) {
  tables_["us-west-2"] = Table(shop_.recovery);
  shop_.aws.On("backup:ListBackupPlans", [](const SeenCall&) -> Result<Value> {
    return Value::Struct({{"BackupPlansList", Value::List{}}});
  });
  shop_.aws.On("dynamodb:DeleteTable", [](const SeenCall&) -> Result<Value> {
    ADD_FAILURE() << "it was deleted";
    return Value::Struct();
  });
  EXPECT_FALSE(Run("dynamodb.retire-old").ok());
}

}  // namespace
}  // namespace leeward::steps

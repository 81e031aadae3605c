// What of a restored database can be told without one: its backups, and the tasks that wait for it.
#include <gtest/gtest.h>

#include "steps/rds.h"
#include "steps/testing/fake_aws.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::SeenCall;
using testing::Shop;

class RdsBackupsTest : public ::testing::Test {
 protected:
  RdsBackupsTest() {
    std::get<model::Rds>(shop_.application.components[0].kind).recovery = model::Recovery::kRestore;
    shop_.aws.On("rds:DescribeDBInstances", [this](const SeenCall&) -> Result<Value> {
      if (!restored_) return base::NotFound("DBInstance orders not found.");
      return Value::Struct(
          {{"DBInstances",
            Value::List{Value::Struct(
                {{"DBInstanceIdentifier", "orders"},
                 {"DBInstanceStatus", "available"},
                 {"Endpoint", Value::Struct({{"Address", "10.2.0.9"}, {"Port", 5432}})}})}}});
    });
    shop_.aws.On("rds:DescribeDBInstanceAutomatedBackups",
                 [this](const SeenCall&) -> Result<Value> {
                   return Value::Struct({{"DBInstanceAutomatedBackups", Value(backups_)}});
                 });
  }
  Value Backup(const std::string& resource, std::optional<base::Duration> age) {
    Value window = Value::Struct();
    if (age) window.Set("LatestTime", shop_.clock.Now() - *age);
    return Value::Struct({{"DBInstanceAutomatedBackupsArn", "arn:" + resource},
                          {"DbiResourceId", resource},
                          {"DBInstanceIdentifier", "orders"},
                          {"Region", "us-east-1"},
                          {"Status", "replicating"},
                          {"RestoreWindow", window}});
  }
  Result<StepOutcome> Measure() {
    return shop_.AddAndRun("rds.measure-backup/orders", shop_.recovery,
                           {{"source-region", "us-east-1"}});
  }

  Shop shop_;
  Value::List backups_;
  bool restored_ = false;
};

TEST_F(RdsBackupsTest, TheLossIsBoundedByTheLatestRestorableTime) {
  backups_ = {Backup("db-OLD", std::chrono::hours(1)), Backup("db-NEW", std::chrono::minutes(5))};
  const auto measured = Measure();
  ASSERT_TRUE(measured.ok()) << measured.error().message();
  const double bound = std::stod(measured->outputs.at("bound_ns")) / 1e9;
  EXPECT_GT(bound, 299);
  EXPECT_LT(bound, 320);
  EXPECT_EQ(measured->outputs.at("backup"), "arn:db-NEW");
}

TEST_F(RdsBackupsTest, TheBackupIsTheHomeInstancesOwnWhereItIsKnown) {
  shop_.Know("orders", shop_.home, "instance.resource-id", "db-OLD");
  backups_ = {Backup("db-OLD", std::chrono::hours(1)), Backup("db-NEW", std::chrono::minutes(5))};
  EXPECT_EQ(Measure()->outputs.at("backup"), "arn:db-OLD");
}

TEST_F(RdsBackupsTest, WithoutARestorableTimeTheLossIsUnknown) {
  backups_ = {Backup("db-NEW", std::nullopt)};
  const auto measured = Measure();
  ASSERT_TRUE(measured.ok());
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
  EXPECT_EQ(measured->detail.find("unknown"), 0u);
}

// This Region's own backups are of an instance that is here.
TEST_F(RdsBackupsTest, BackupsOfThisRegionAreNoCopies) {
  Value own = Backup("db-HERE", std::chrono::seconds(1));
  backups_ = {own.Set("Region", "us-west-2")};
  EXPECT_FALSE(Measure()->outputs.contains("bound_ns"));
}

TEST_F(RdsBackupsTest, ADatabaseThatIsThereAlreadyIsNotMeasured) {
  restored_ = true;
  backups_ = {Backup("db-NEW", std::chrono::minutes(5))};
  const auto measured = Measure();
  ASSERT_TRUE(measured.ok());
  EXPECT_FALSE(measured->outputs.contains("bound_ns"));
}

TEST_F(RdsBackupsTest, WithoutABackupNothingIsRestored) {
  const auto restored = shop_.AddAndRun("rds.restore/orders", shop_.recovery);
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(shop_.aws.Calls("rds:RestoreDBInstanceToPointInTime").empty());
}

TEST_F(RdsBackupsTest, TasksAreToldTheAddressOfWhatWasRestored) {
  restored_ = true;
  std::string told;
  shop_.aws.On("ecs:DescribeServices", [](const SeenCall&) -> Result<Value> {
    return Value::Struct({{"services", Value::List{Value::Struct({{"status", "ACTIVE"},
                                                                  {"taskDefinition", "web:1"},
                                                                  {"desiredCount", 0}})}}});
  });
  shop_.aws.On("ecs:DescribeTaskDefinition", [](const SeenCall&) -> Result<Value> {
    const Value variable = Value::Struct({{"name", "SHOP_DB_HOST"}, {"value", ""}});
    const Value container =
        Value::Struct({{"name", "web"}, {"environment", Value::List{variable}}});
    return Value::Struct(
        {{"taskDefinition",
          Value::Struct({{"family", "web"}, {"containerDefinitions", Value::List{container}}})}});
  });
  shop_.aws.On("ecs:RegisterTaskDefinition", [&told](const SeenCall& call) -> Result<Value> {
    const Value& container = call.input.Items("containerDefinitions").front();
    told = container.Items("environment").front().String("value");
    return Value::Struct({{"taskDefinition", Value::Struct({{"taskDefinitionArn", "web:2"}})}});
  });
  shop_.aws.On("ecs:UpdateService", [](const SeenCall&) -> Result<Value> { return Value(); });
  const auto done = shop_.AddAndRun("ecs.readdress/web", shop_.recovery);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(told, "10.2.0.9");
  const auto updates = shop_.aws.Calls("ecs:UpdateService");
  ASSERT_EQ(updates.size(), 1u);
  EXPECT_EQ(updates[0].input.String("taskDefinition"), "web:2");
  EXPECT_FALSE(updates[0].input.Has("desiredCount")) << "sizing is another step's";
  for (const SeenCall& call : shop_.aws.Calls())
    EXPECT_EQ(call.options.region, "us-west-2") << call.operation;
}

}  // namespace
}  // namespace leeward::steps

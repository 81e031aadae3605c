#include "cli/stage.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace leeward::cli {
namespace {

using shapes::Value;

constexpr char kStage[] = R"(apiVersion: leeward/stage/v1
calls:
  - { region: "${home}", service: rds, operation: CreateDBInstance,
      input: { DBInstanceIdentifier: orders, DBInstanceClass: db.t4g.small, Engine: postgres, AllocatedStorage: 20, MasterUserPassword: "${env:PASSWORD}" } }
  - { region: "${home}", service: rds, operation: DescribeDBInstances, input: { DBInstanceIdentifier: orders },
      until: { "DBInstances[0].DBInstanceStatus": available }, save: { host: "DBInstances[0].Endpoint.Address" } }
  - { region: eu-west-1, service: ecs, operation: CreateCluster, input: { clusterName: "at-${host}" } }
)";

Value Instance(const char* status) {
  return Value::Struct(
      {{"DBInstances", Value(Value::List{Value::Struct(
                           {{"DBInstanceStatus", status},
                            {"Endpoint", Value::Struct({{"Address", "10.0.0.7"}})}})})}});
}

TEST(Stage, CallsInOrderWaitsAndHandsOn) {
  const auto stage = ParseStage(kStage, "stage.yaml");
  ASSERT_TRUE(stage.ok()) << stage.error().message();
  std::vector<std::string> calls;
  int looks = 0;
  StageHands hands;
  hands.call = [&](const StageCall& call, const std::string& region,
                   const Value& input) -> base::Result<Value> {
    calls.push_back(region + " " + call.operation + " " + shapes::ToJson(input));
    if (call.operation == "DescribeDBInstances")
      return Instance(++looks < 3 ? "creating" : "available");
    return Value::Struct();
  };
  int pauses = 0;
  hands.pause = [&](base::Duration) { return ++pauses, base::Ok(); };
  const auto done = ApplyStage(*stage, {{"home", "us-east-1"}, {"env:PASSWORD", "secret"}}, hands);
  ASSERT_TRUE(done.ok()) << done.error().message();
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_NE(calls[0].find("\"AllocatedStorage\":20"), std::string::npos) << calls[0];
  EXPECT_NE(calls[0].find("\"MasterUserPassword\":\"secret\""), std::string::npos) << calls[0];
  EXPECT_EQ(calls[4], "eu-west-1 CreateCluster {\"clusterName\":\"at-10.0.0.7\"}");
  EXPECT_EQ(pauses, 2);
}

TEST(Stage, AFailedCallEndsItAndIsNamedWithItsPlace) {
  const auto stage = ParseStage(kStage, "stage.yaml");
  ASSERT_TRUE(stage.ok());
  int calls = 0;
  StageHands hands;
  hands.call = [&](const StageCall&, const std::string&, const Value&) -> base::Result<Value> {
    ++calls;
    return base::Already("DBInstance already exists");
  };
  const auto done = ApplyStage(*stage, {{"home", "us-east-1"}, {"env:PASSWORD", "x"}}, hands);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().message(), "stage.yaml:3: DBInstance already exists");
  EXPECT_EQ(calls, 1);
}

TEST(Stage, AVariableWithoutAValueIsNamed) {
  const auto stage = ParseStage(kStage, "stage.yaml");
  const auto done = ApplyStage(*stage, {{"home", "us-east-1"}}, {});
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message().find("${env:PASSWORD}"), std::string::npos)
      << done.error().message();
}

base::Result<Value> StoppedTask(int exit_code) {
  Value container = Value::Struct();
  container.Set("exitCode", exit_code);
  Value task = Value::Struct();
  task.Set("lastStatus", "STOPPED");
  task.Set("containers", Value(Value::List{std::move(container)}));
  Value answer = Value::Struct();
  answer.Set("tasks", Value(Value::List{std::move(task)}));
  return answer;
}

constexpr char kPreparing[] =
    "apiVersion: leeward/stage/v1\ncalls:\n"
    "  - region: a\n    service: ecs\n    operation: DescribeTasks\n"
    "    until: { \"tasks[0].lastStatus\": STOPPED, \"tasks[0].containers[0].exitCode\": 0 }\n"
    "    over: { \"tasks[0].lastStatus\": STOPPED }\n";

TEST(Stage, WhatIsOverAndNotAsWantedEndsTheStageAtOnce) {
  const auto stage = ParseStage(kPreparing, "stage.yaml");
  ASSERT_TRUE(stage.ok()) << stage.error().message();
  int looks = 0;
  StageHands hands;
  hands.call = [&](const StageCall&, const std::string&, const Value&) {
    ++looks;
    return StoppedTask(1);
  };
  hands.pause = [](base::Duration) { return base::Ok(); };
  const auto failed = ApplyStage(*stage, {}, hands);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(
      failed.error().message(),
      "stage.yaml:3: ecs DescribeTasks is over and tasks[0].containers[0].exitCode is 1, not 0");
  EXPECT_EQ(looks, 1);
  hands.call = [](const StageCall&, const std::string&, const Value&) { return StoppedTask(0); };
  EXPECT_TRUE(ApplyStage(*stage, {}, hands).ok());
}

TEST(Stage, WhatNeverComesIsToldWithWhatWasSeen) {
  const auto stage = ParseStage(
      "apiVersion: leeward/stage/v1\ncalls:\n  - { region: a, service: ecs, operation: "
      "DescribeTasks, until: { \"tasks[0].lastStatus\": RUNNING } }\n",
      "stage.yaml");
  ASSERT_TRUE(stage.ok()) << stage.error().message();
  StageHands hands;
  hands.call = [](const StageCall&, const std::string&, const Value&) { return StoppedTask(0); };
  hands.pause = [](base::Duration) { return base::Ok(); };
  const auto failed = ApplyStage(*stage, {}, hands);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message().find("tasks[0].lastStatus is STOPPED, not RUNNING"),
            std::string::npos)
      << failed.error().message();
}

TEST(Stage, TheShopsStagesFitTheServiceModels) {
  for (const char* name : {"stage.yaml", "stage-orders-only.yaml", "stage-orders-mariadb.yaml",
                           "stage-sessions.yaml", "stage-backup-restore.yaml"}) {
    std::ifstream file(std::string("examples/shop/") + name);
    ASSERT_TRUE(file) << "run from the top of the tree";
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto stage = ParseStage(text, name);
    ASSERT_TRUE(stage.ok()) << stage.error().message();
    EXPECT_GT(stage->calls.size(), 10u);
  }
}

TEST(Stage, MistakesAreNamedWithTheirLine) {
  const std::string head = "apiVersion: leeward/stage/v1\ncalls:\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "s.yaml:1: a stage begins with"},
      {"\x01\x02", "s.yaml:1: "},
      {"[1, 2", "s.yaml:"},
      {head + "  - { region: a, service: nosuch, operation: X }\n",
       "s.yaml:3: service nosuch is not known"},
      {head + "  - { region: a, service: rds, operation: MakeIt }\n",
       "s.yaml:3: rds has no operation MakeIt"},
      {head + "  - { region: a, service: rds }\n", "s.yaml:3: the call has no operation"},
      {head +
           "  - { region: a, service: rds, operation: DescribeDBInstances, input: { Nmae: x } }\n",
       "has no member Nmae"},
      {head + "  - { region: a, service: rds, operation: DescribeDBInstances, input: { MaxRecords: "
              "many } }\n",
       "a whole number is expected"},
      {head + "  - { region: a, service: rds, operation: DescribeDBInstances, input: { MaxRecords: "
              "99999999999999999999 } }\n",
       "a whole number is expected"},
      {head + "  - { region: a, service: rds, operation: DescribeDBInstances, inptu: {} }\n",
       "unknown key inptu"},
      {head + "  - { region: a, service: rds, operation: DescribeDBInstances, over: { x: y } }\n",
       "`over` ends an `until`"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto stage = ParseStage(text, "s.yaml");
    ASSERT_FALSE(stage.ok()) << text;
    EXPECT_NE(stage.error().message().find(wanted), std::string::npos) << stage.error().message();
  }
}

}  // namespace
}  // namespace leeward::cli

#include "lab/services/ecs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "lab/core/testing.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace std::chrono_literals;

// Target groups that only remember.
class RecordingElbv2 : public Service, public TargetRegistry {
 public:
  std::string_view name() const override { return "elbv2"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply /*reply*/) override {}
  base::Status Start() override { return base::Ok(); }
  bool HasTargetGroup(std::string_view arn) const override { return arn == "tg"; }
  void Register(std::string_view /*group*/, const Endpoint& e) override {
    targets.insert(e.address + ":" + std::to_string(e.port));
  }
  void Deregister(std::string_view /*group*/, const Endpoint& e) override {
    targets.erase(e.address + ":" + std::to_string(e.port));
  }
  std::set<std::string> targets;
};

class EcsTest : public ::testing::Test {
 protected:
  EcsTest() {
    host_.Add(elbv2_);
    host_.Add(ecs_);
    EXPECT_TRUE(ecs_.Start().ok());
    Ok("CreateCluster", Value::Struct({{"clusterName", "shop"}}));
    Register();
  }
  Value Ok(std::string_view operation, Value input) {
    Answer answer = host_.CallOperation(ecs_, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  std::string Error(std::string_view operation, Value input) {
    Answer answer = host_.CallOperation(ecs_, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "" : error->code;
  }
  static Value Container() {
    return Value::Struct(
        {{"name", "web"},
         {"image", "shop:1"},
         {"command", Value::List{"/bin/sleep", "1000"}},
         {"portMappings", Value::List{Value::Struct({{"containerPort", 8080}})}},
         {"environment", Value::List{Value::Struct({{"name", "DB"}, {"value", "orders"}})}}});
  }
  Value Register(Value container = Container()) {
    return Ok("RegisterTaskDefinition",
              Value::Struct({{"family", "web"},
                             {"containerDefinitions", Value::List{std::move(container)}}}));
  }
  void CreateService(int desired) {
    Ok("CreateService",
       Value::Struct({{"cluster", "shop"},
                      {"serviceName", "web"},
                      {"taskDefinition", "web"},
                      {"desiredCount", desired},
                      {"loadBalancers", Value::List{Value::Struct({{"targetGroupArn", "tg"},
                                                                   {"containerName", "web"},
                                                                   {"containerPort", 8080}})}}}));
    host_.Advance(1s);
  }
  Value Service() {
    const Value described = Ok(
        "DescribeServices", Value::Struct({{"cluster", "shop"}, {"services", Value::List{"web"}}}));
    return described.Items("services").at(0);
  }
  void Update(Value input) {
    input.Set("cluster", "shop").Set("service", "web");
    Ok("UpdateService", std::move(input));
  }
  std::vector<FakeHost::Child*> Running() {
    std::vector<FakeHost::Child*> running;
    for (FakeHost::Child& child : host_.children()) {
      if (child.running) running.push_back(&child);
    }
    return running;
  }
  // Ends every child that was told to.
  void ObeySignals() {
    for (FakeHost::Child* child : Running()) {
      if (!child->signals.empty()) host_.EndChild(child->id, {-1, child->signals.front()});
    }
    host_.Advance(100ms);
  }

  FakeHost host_;
  RecordingElbv2 elbv2_;
  Ecs ecs_{host_};
};

TEST_F(EcsTest, ServiceRunsItsTasksWithAddressesOfTheirOwn) {
  CreateService(3);
  ASSERT_EQ(Running().size(), 3U);
  const Value service = Service();
  EXPECT_EQ(service.Int("runningCount"), 3);
  EXPECT_EQ(service.Int("pendingCount"), 0);
  EXPECT_EQ(service.Items("deployments").size(), 1U);
  EXPECT_EQ(service.Items("deployments")[0].String("rolloutState"), "COMPLETED");
  EXPECT_THAT(service.Items("events")[0].String("message"),
              HasSubstr("has reached a steady state"));
  EXPECT_EQ(elbv2_.targets.size(), 3U);
  std::set<std::string> hosts;
  for (const FakeHost::Child* child : Running()) {
    EXPECT_EQ(child->spec.argv, (std::vector<std::string>{"/bin/sleep", "1000"}));
    EXPECT_THAT(child->spec.environment, Contains(Pair("DB", "orders")));
    EXPECT_THAT(child->spec.environment, Contains(Pair("PORT", "8080")));
    for (const auto& [key, value] : child->spec.environment) {
      if (key == "HOST") hosts.insert(value);
    }
  }
  EXPECT_EQ(hosts.size(), 3U);
}

TEST_F(EcsTest, ScalingDownDrainsBeforeItStops) {
  CreateService(3);
  Update(Value::Struct({{"desiredCount", 1}}));
  EXPECT_EQ(elbv2_.targets.size(), 1U);  // no new requests at once
  for (const FakeHost::Child* child : Running()) EXPECT_TRUE(child->signals.empty());
  host_.Advance(1s);
  EXPECT_EQ(std::ranges::count_if(Running(), [](const auto* c) { return !c->signals.empty(); }), 2);
  ObeySignals();
  EXPECT_EQ(Running().size(), 1U);
  EXPECT_EQ(Service().Int("runningCount"), 1);
}

TEST_F(EcsTest, TaskThatIgnoresSigtermIsKilled) {
  CreateService(1);
  Update(Value::Struct({{"desiredCount", 0}}));
  host_.Advance(10s);
  ASSERT_EQ(Running().size(), 1U);
  EXPECT_THAT(Running()[0]->signals, ::testing::ElementsAre(SIGTERM, SIGKILL));
}

TEST_F(EcsTest, TaskThatEndsIsReplacedWithBackOff) {
  CreateService(1);
  const auto first = Running().at(0)->id;
  host_.EndChild(first, {1, 0});
  host_.Advance(50ms);
  EXPECT_TRUE(Running().empty());
  EXPECT_TRUE(elbv2_.targets.empty());
  host_.Advance(1s);
  ASSERT_EQ(Running().size(), 1U);
  // Again and again: fewer starts than ends would make without a pause.
  for (int i = 0; i < 600; ++i) {
    for (const FakeHost::Child* child : Running()) host_.EndChild(child->id, {1, 0});
    host_.Advance(100ms);
  }
  EXPECT_LT(host_.children().size(), 20U);
  EXPECT_GT(host_.children().size(), 6U);
}

TEST_F(EcsTest, NewDefinitionReplacesTasksOnceTheNewOnesRun) {
  CreateService(2);
  Value container = Container();
  container.Set("command", Value::List{"/bin/sleep", "2000"});
  Register(container);
  Update(Value::Struct({{"taskDefinition", "web:2"}}));
  EXPECT_EQ(Service().Items("deployments").size(), 2U);
  host_.Advance(2s);
  ObeySignals();
  ASSERT_EQ(Running().size(), 2U);
  for (const FakeHost::Child* child : Running()) EXPECT_EQ(child->spec.argv[1], "2000");
  EXPECT_EQ(Service().Items("deployments").size(), 1U);
}

TEST_F(EcsTest, DeletingAServiceStopsItsTasks) {
  CreateService(1);
  const Value input = Value::Struct({{"cluster", "shop"}, {"service", "web"}});
  EXPECT_EQ(Error("DeleteService", input), "InvalidParameterException");
  EXPECT_EQ(Error("DeleteCluster", Value::Struct({{"cluster", "shop"}})),
            "ClusterContainsServicesException");
  Value force = input;
  Ok("DeleteService", force.Set("force", true));
  host_.Advance(1s);
  ObeySignals();
  host_.Advance(1s);
  EXPECT_EQ(Service().String("status"), "INACTIVE");
  Ok("DeleteCluster", Value::Struct({{"cluster", "shop"}}));
}

TEST_F(EcsTest, ProgramThatIsNotThereStopsTheTaskWithItsReason) {
  Value container = Container();
  Register(container.Set("command", Value::List{"/no/such/program"}));
  const Value ran = Ok("RunTask", Value::Struct({{"cluster", "shop"}, {"taskDefinition", "web"}}));
  const std::string arn(ran.Items("tasks").at(0).String("taskArn"));
  host_.Advance(1s);
  const Value task =
      Ok("DescribeTasks", Value::Struct({{"cluster", "shop"}, {"tasks", Value::List{arn}}}))
          .Items("tasks")
          .at(0);
  EXPECT_EQ(task.String("lastStatus"), "STOPPED");
  EXPECT_EQ(task.String("stopCode"), "TaskFailedToStart");
  EXPECT_THAT(task.String("stoppedReason"),
              HasSubstr("/no/such/program is not a program on this machine"));
}

TEST_F(EcsTest, RunTaskTakesOverridesAndStopsByName) {
  const Value overrides = Value::Struct(
      {{"containerOverrides",
        Value::List{Value::Struct({{"name", "web"}, {"command", Value::List{"sleep", "5"}}})}}});
  const Value ran =
      Ok("RunTask",
         Value::Struct({{"cluster", "shop"}, {"taskDefinition", "web"}, {"overrides", overrides}}));
  host_.Advance(1s);
  ASSERT_EQ(Running().size(), 1U);
  EXPECT_THAT(Running()[0]->spec.argv[0], HasSubstr("bin/sleep"));
  Ok("StopTask",
     Value::Struct({{"cluster", "shop"}, {"task", ran.Items("tasks").at(0).String("taskArn")}}));
  host_.Advance(100ms);
  ObeySignals();
  const Value stopped =
      Ok("ListTasks", Value::Struct({{"cluster", "shop"}, {"desiredStatus", "STOPPED"}}));
  EXPECT_EQ(stopped.Items("taskArns").size(), 1U);
}

TEST_F(EcsTest, RefusalsName) {
  EXPECT_EQ(Error("CreateService", Value::Struct({{"cluster", "none"}, {"serviceName", "web"}})),
            "ClusterNotFoundException");
  EXPECT_EQ(Error("UpdateService", Value::Struct({{"cluster", "shop"}, {"service", "none"}})),
            "ServiceNotFoundException");
  EXPECT_EQ(Error("DescribeTaskDefinition", Value::Struct({{"taskDefinition", "none:1"}})),
            "ClientException");
  Value imageless = Container();
  imageless.Erase("command");
  EXPECT_EQ(
      Error("RegisterTaskDefinition",
            Value::Struct({{"family", "x"}, {"containerDefinitions", Value::List{imageless}}})),
      "ClientException");
  EXPECT_EQ(Error("CreateService",
                  Value::Struct({{"cluster", "shop"},
                                 {"serviceName", "web"},
                                 {"taskDefinition", "web"},
                                 {"loadBalancers",
                                  Value::List{Value::Struct({{"targetGroupArn", "none"}})}}})),
            "InvalidParameterException");
}

TEST_F(EcsTest, WhatNothingLooksAfterInAContainerIsRefusedByName) {
  const auto refusal = [&](const std::string& member, Value value) {
    Value container = Container();
    container.Set(member, std::move(value));
    return Error("RegisterTaskDefinition",
                 Value::Struct({{"family", "web"},
                                {"containerDefinitions", Value::List{std::move(container)}}}));
  };
  EXPECT_EQ(refusal("healthCheck", Value::Struct({{"command", Value::List{"CMD", "true"}}})),
            "ClientException");
  EXPECT_EQ(refusal("stopTimeout", 30), "ClientException");
  EXPECT_EQ(refusal("user", "1000"), "ClientException");
  EXPECT_EQ(refusal("user", "0"), "");
  EXPECT_EQ(refusal("essential", false), "ClientException");
  EXPECT_EQ(refusal("essential", true), "");
}

TEST_F(EcsTest, TagsAreShownToThoseWhoAsk) {
  const Value tag = Value::Struct({{"key", "team"}, {"value", "shop"}});
  const Value input = Value::Struct({{"family", "tagged"},
                                     {"containerDefinitions", Value::List{Container()}},
                                     {"tags", Value::List{tag}}});
  const Value made = Ok("RegisterTaskDefinition", input);
  EXPECT_EQ(made.Items("tags").size(), 1u);
  EXPECT_FALSE(made.Sub("taskDefinition").Has("tags"));
  Value named = Value::Struct({{"taskDefinition", "tagged"}});
  EXPECT_EQ(Ok("DescribeTaskDefinition", named).Items("tags").size(), 0u);
  EXPECT_EQ(
      Ok("DescribeTaskDefinition", named.Set("include", Value::List{"TAGS"})).Items("tags").size(),
      1u);
  const Value arn =
      Value::Struct({{"resourceArn", made.Sub("taskDefinition").String("taskDefinitionArn")}});
  EXPECT_EQ(Ok("ListTagsForResource", arn).Items("tags").size(), 1u);
}

TEST_F(EcsTest, ARequestThatIsTriedAgainBeginsNothingTwice) {
  Register(Container());
  Value run = Value::Struct(
      {{"cluster", "shop"}, {"taskDefinition", "web"}, {"clientToken", "t1"}, {"count", 2}});
  const Value first = Ok("RunTask", run);
  ASSERT_EQ(first.Items("tasks").size(), 2u);
  const auto arns = [](const Value& answer) {
    std::set<std::string> all;
    for (const Value& task : answer.Items("tasks")) all.emplace(task.String("taskArn"));
    return all;
  };
  EXPECT_EQ(arns(Ok("RunTask", run)), arns(first));
  EXPECT_EQ(Error("RunTask", run.Set("count", 1)), "ConflictException");
  Value other = run;
  EXPECT_EQ(Ok("RunTask", other.Set("clientToken", "t2")).Items("tasks").size(), 1u);
}

TEST_F(EcsTest, UpdateChangesWhatIsShownAndRefusesWhatIsNotServed) {
  CreateService(1);
  Update(Value::Struct({{"healthCheckGracePeriodSeconds", 45}}));
  EXPECT_EQ(Service().Int("healthCheckGracePeriodSeconds"), 45);
  const auto update = [&](const std::string& member, Value value) {
    Value input = Value::Struct({{"cluster", "shop"}, {"service", "web"}});
    return Error("UpdateService", input.Set(member, std::move(value)));
  };
  EXPECT_EQ(update("enableExecuteCommand", true), "InvalidParameterException");
  EXPECT_EQ(update("loadBalancers", Value::EmptyList()), "InvalidParameterException");
  EXPECT_EQ(update("capacityProviderStrategy",
                   Value::List{Value::Struct({{"capacityProvider", "FARGATE_SPOT"}})}),
            "InvalidParameterException");
  EXPECT_EQ(
      Error("RunTask",
            Value::Struct({{"cluster", "shop"}, {"taskDefinition", "web"}, {"launchType", "EC2"}})),
      "InvalidParameterException");
}

TEST_F(EcsTest, ServicesComeBackWithTheProcess) {
  CreateService(2);
  const std::size_t before = host_.children().size();
  Ecs again(host_);
  ASSERT_TRUE(again.Start().ok());
  host_.Advance(1s);
  EXPECT_EQ(host_.children().size(), before + 2);
  EXPECT_EQ(elbv2_.targets.size(), 2U);
}

}  // namespace
}  // namespace leeward::lab

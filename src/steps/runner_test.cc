#include "steps/runner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "probe/testing/small_servers.h"
#include "steps/testing/shop.h"
#include "steps/work.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using testing::SeenCall;
using testing::Shop;

TEST(RunnerTest, KindsAreSortedAndUnknownOnesAreRefused) {
  const auto kinds = AllRunners();
  EXPECT_TRUE(std::is_sorted(kinds.begin(), kinds.end()));
  EXPECT_EQ(std::adjacent_find(kinds.begin(), kinds.end()), kinds.end());
  Shop shop;
  EXPECT_EQ(shop.AddAndRun("rds.unheard-of/orders", shop.home).error().code(), ErrorCode::kInvalid);
}

TEST(RunnerTest, AStepOfAnotherSpecIsRefused) {
  Shop shop;
  EXPECT_EQ(shop.AddAndRun("rds.promote/web", shop.home).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(shop.AddAndRun("rds.promote/nothing", shop.home).error().code(), ErrorCode::kInvalid);
}

TEST(RunnerTest, AStepEndsSoonWhenItIsCancelledOrItsTimeIsUp) {
  Shop shop;
  shop.aws.On("ecs:DescribeServices", [](const SeenCall&) -> Result<Value> {
    return Value::Struct(
        {{"services", Value::List{Value::Struct({{"status", "ACTIVE"}, {"runningCount", 1}})}}});
  });
  shop.Add("ecs.settle/web", shop.recovery, {{"desired", "3"}});
  shop.patience = std::chrono::milliseconds(200);
  const base::MonotonicTime begin = shop.clock.Monotonic();
  EXPECT_EQ(shop.Run("ecs.settle/web").error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(shop.clock.Monotonic() - begin, std::chrono::seconds(1));
  shop.patience = std::chrono::seconds(20);
  shop.cancelled = true;
  EXPECT_EQ(shop.Run("ecs.settle/web").error().code(), ErrorCode::kCancelled);
}

TEST(RunnerTest, TasksThatDoNotComeUpAreToldWithWhatEcsSaysOfThem) {
  Shop shop;
  int looks = 0;
  shop.aws.On("ecs:DescribeServices", [&looks](const SeenCall&) -> Result<Value> {
    const std::string event = "(service web) has stopped 1 tasks: (task " +
                              std::to_string(++looks) + "). CannotPullContainerError: denied";
    const Value events = Value::List{Value::Struct({{"message", event}})};
    const Value service =
        Value::Struct({{"status", "ACTIVE"}, {"runningCount", 1}, {"events", events}});
    return Value::Struct({{"services", Value::List{service}}});
  });
  shop.Add("ecs.settle/web", shop.recovery, {{"desired", "3"}});
  shop.patience = std::chrono::milliseconds(200);
  const auto late = shop.Run("ecs.settle/web");
  EXPECT_EQ(late.error().code(), ErrorCode::kUnreachable);
  const std::string why =
      "1 of 3 tasks run; ECS says: (service web) has stopped 1 tasks: (a task). "
      "CannotPullContainerError: denied";
  EXPECT_NE(late.error().message().find(why), std::string::npos) << late.error().message();
  EXPECT_GT(looks, 1);
  EXPECT_EQ(shop.Said(), std::vector<std::string>{why}) << "the same is said once";
}

TEST(GateTest, LossIsComparedWithTheBudgetAndUnknownIsNotZero) {
  Shop shop;
  shop.Add("rds.measure/orders", shop.recovery);
  shop.Add("gate.loss", shop.recovery, {{"measures", "rds.measure/orders"}});
  EXPECT_EQ(shop.Run("gate.loss").error().code(), ErrorCode::kRefused) << "nothing was measured";
  shop.outputs["rds.measure/orders.bound_ns"] = "1500000000";
  EXPECT_TRUE(shop.Run("gate.loss").ok());
  shop.outputs["rds.measure/orders.bound_ns"] = "9000000000";
  EXPECT_EQ(shop.Run("gate.loss").error().code(), ErrorCode::kRefused);
  shop.plan.steps[1].parameters["accept-loss-ns"] = "10000000000";
  EXPECT_TRUE(shop.Run("gate.loss").ok());
  shop.plan.steps[1].parameters.erase("accept-loss-ns");
  shop.outputs["rds.measure/orders.already_promoted"] = "yes";
  EXPECT_TRUE(shop.Run("gate.loss").ok()) << "there is nothing left to decide";
}

TEST(GateTest, WhatAStoreLacksThatSomebodyPromotedIsUnknownAndNoAcceptedLossCoversIt) {
  Shop shop;
  shop.Add("rds.measure/orders", shop.recovery);
  shop.Add("gate.loss", shop.recovery,
           {{"measures", "rds.measure/orders"}, {"accept-loss-ns", "36000000000000"}});
  shop.outputs["rds.measure/orders.bound_ns"] = "1500000000";  // of an earlier look
  shop.outputs["rds.measure/orders.unknown_because"] = "takes writes in us-west-2 already";
  const auto refused = shop.Run("gate.loss");
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_EQ(refused.error().message(),
            "orders takes writes in us-west-2 already, the RPO is 5.00 s; only 10 h 0 min was "
            "accepted; --accept-loss does not cover that: where us-east-1 lives put orders in "
            "us-west-2 aside and run `leeward protect`, else find out what it lacks and have "
            "people approve of it (failover.approval), or set when-loss-over-rpo: proceed");
  shop.outputs["rds.measure/orders.unknown_because"] = "";
  EXPECT_TRUE(shop.Run("gate.loss").ok()) << "it follows again";
}

constexpr char kFinalLoss[] = "gate.final-loss";

void AddFinalLoss(Shop& shop) {
  shop.Add("rds.measure/orders", shop.recovery);
  shop.Add("rds.drain/orders", shop.recovery);
  shop.Add(kFinalLoss, shop.recovery,
           {{"measures", "rds.measure/orders"}, {"restates", "rds.drain/orders"}});
  shop.outputs["rds.measure/orders.bound_ns"] = "1500000000";
}

TEST(GateTest, TheLossThatHoldsBehindTheFenceIsComparedToo) {
  Shop shop;
  AddFinalLoss(shop);
  EXPECT_EQ(shop.Run(kFinalLoss).error().code(), ErrorCode::kRefused) << "it was not read again";
  shop.outputs["rds.drain/orders.bound_ns"] = "4900000000";
  EXPECT_TRUE(shop.Run(kFinalLoss).ok());
  shop.outputs["rds.drain/orders.bound_ns"] = "8200000000";
  const auto over = shop.Run(kFinalLoss);
  EXPECT_EQ(over.error().code(), ErrorCode::kRefused);
  EXPECT_EQ(over.error().message(),
            "orders may lose up to 8.20 s, the RPO is 5.00 s; run again with --accept-loss 9s to "
            "accept that; us-east-1 is fenced and nothing is promoted, so nobody writes until this "
            "is decided");
  shop.application.failover.when_loss_over_rpo = model::OverRpo::kRefuse;
  EXPECT_NE(shop.Run(kFinalLoss).error().message().find("the policy is to refuse; us-east-1 is"),
            std::string::npos);
  shop.application.failover.when_loss_over_rpo = model::OverRpo::kProceed;
  EXPECT_TRUE(shop.Run(kFinalLoss).ok());
}

TEST(GateTest, WhatAPersonAcceptedCoversTheFinalLossUpToThatMuch) {
  Shop shop;
  AddFinalLoss(shop);
  shop.outputs["rds.drain/orders.bound_ns"] = "8200000000";
  shop.outputs["gate.loss.accepted_loss_ns"] = "8000000000";
  EXPECT_EQ(shop.Run(kFinalLoss).error().code(), ErrorCode::kRefused) << "it has grown since";
  shop.outputs["gate.loss.accepted_loss_ns"] = "8200000000";
  EXPECT_TRUE(shop.Run(kFinalLoss).ok());
  shop.outputs.erase("gate.loss.accepted_loss_ns");
  Tools tools = shop.TheTools();
  tools.accepted_loss = std::chrono::seconds(9);
  Runner accepting(tools);
  const ports::StepContext context{shop.application,       shop.inventory, shop.plan,
                                   shop.plan.steps.back(), shop.outputs,   1};
  EXPECT_TRUE(accepting.Run(context).ok()) << "whoever goes on with the plan says so";
}

// A store that is not read again behind the fence: what it lacks was written until then.
TEST(GateTest, AStoreThatIsNotReadAgainIsCountedUntilTheFence) {
  Shop shop;
  shop.Add("elasticache.measure/sessions", shop.recovery);
  shop.Add("gate.fence-proof", shop.recovery);
  shop.Add(kFinalLoss, shop.recovery, {{"measures", "elasticache.measure/sessions"}});
  const std::string measured = "elasticache.measure/sessions.";
  const base::WallTime newest = shop.clock.Now() - std::chrono::seconds(60);
  shop.outputs[measured + "bound_ns"] = "3000000000";
  shop.outputs[measured + "newest_visible"] = base::FormatIso8601(newest);
  shop.outputs[measured + "clock_margin_ns"] = "100000000";
  const auto fenced = [&](base::Duration later) {
    shop.outputs["gate.fence-proof.no_writes_after_ns"] =
        std::to_string((newest + later).since_epoch.count());
  };
  fenced(std::chrono::seconds(4));
  EXPECT_TRUE(shop.Run(kFinalLoss).ok()) << shop.Run(kFinalLoss).error().message();
  fenced(std::chrono::seconds(7));
  EXPECT_NE(shop.Run(kFinalLoss).error().message().find("sessions may lose up to 7.10 s"),
            std::string::npos)
      << shop.Run(kFinalLoss).error().message();
}

TEST(GateTest, FenceNeedsProofForEveryStore) {
  Shop shop;
  shop.Add("rds.fence/orders", shop.home);
  shop.Add("gate.fence-proof", shop.recovery,
           {{"old-region", "us-east-1"}, {"stores", "orders"}, {"fences", "rds.fence/orders"}});
  auto& parameters = shop.plan.steps[1].parameters;
  shop.outputs["rds.fence/orders.proof"] = "unreachable";
  EXPECT_EQ(shop.Run("gate.fence-proof").error().code(), ErrorCode::kRefused);
  shop.outputs["rds.fence/orders.proof"] = "closed";
  EXPECT_TRUE(shop.Run("gate.fence-proof").ok());
  const std::string proven = shop.outputs["gate.fence-proof.no_writes_after_ns"];
  EXPECT_FALSE(proven.empty());
  EXPECT_TRUE(shop.Run("gate.fence-proof").ok());
  EXPECT_EQ(shop.outputs["gate.fence-proof.no_writes_after_ns"], proven)
      << "what was proven holds when it is looked at again";
  parameters["fences"] = "";
  EXPECT_EQ(shop.Run("gate.fence-proof").error().code(), ErrorCode::kRefused) << "not tried";
  parameters["override"] = "ann: power is off";
  EXPECT_TRUE(shop.Run("gate.fence-proof").ok());
  parameters.erase("override");
  parameters["killed-region"] = "us-east-1";
  parameters["killed-at-ns"] = "1763888053000000000";
  EXPECT_TRUE(shop.Run("gate.fence-proof").ok());
  parameters["killed-region"] = "us-west-2";
  EXPECT_EQ(shop.Run("gate.fence-proof").error().code(), ErrorCode::kRefused) << "the wrong Region";
}

TEST(GateTest, ARefusalBehindAFenceThatActedSaysWhatIsClosedAndWhatToDo) {
  Shop shop;
  shop.Add("rds.fence/orders", shop.home);
  shop.Add("elasticache.fence/sessions", shop.home);
  shop.Add("ecs.quiesce/web", shop.home);
  shop.Add("lease.take", shop.recovery);
  for (model::Step& step : shop.plan.steps) step.phase = model::Phase::kFence;
  shop.Add("gate.fence-proof", shop.recovery,
           {{"old-region", "us-east-1"},
            {"stores", "orders,sessions"},
            {"fences", "rds.fence/orders,elasticache.fence/sessions"}});
  constexpr char kWhy[] =
      "the writer of sessions in us-east-1 was tried and did not answer, which proves nothing; "
      "make sure that it cannot write, then run again with --override-fence \"NAME: REASON\"; ";
  constexpr char kNext[] =
      ", and nothing is promoted: `leeward failover` again tries once more what did not answer, "
      "`leeward abandon` gives it up and says how to open again what is closed";
  shop.outputs["rds.fence/orders.proof"] = "closed";
  shop.outputs["elasticache.fence/sessions.proof"] = "unreachable";
  EXPECT_EQ(shop.Run("gate.fence-proof").error().message(),
            std::string(kWhy) + "orders is closed in us-east-1" + kNext);
  shop.outputs["ecs.quiesce/web.proof"] = "asked";
  shop.outputs["lease.take.epoch"] = "7";
  EXPECT_EQ(shop.Run("gate.fence-proof").error().message(),
            std::string(kWhy) +
                "orders is closed in us-east-1, web is told to stop in us-east-1 and the lease is "
                "us-west-2's, epoch 7" +
                kNext);
  shop.outputs.clear();
  EXPECT_NE(
      shop.Run("gate.fence-proof").error().message().find("; nothing is known to be closed in "),
      std::string::npos);
}

class EcsTest : public ::testing::Test {
 protected:
  EcsTest() {
    shop_.aws.On("ecs:DescribeServices", [this](const SeenCall& call) -> Result<Value> {
      const auto found = services_.find(call.options.region);
      if (found == services_.end()) return Value::Struct({{"services", Value::List{}}});
      return Value::Struct({{"services", Value::List{found->second}}});
    });
    shop_.aws.On("ecs:UpdateService", [this](const SeenCall& call) -> Result<Value> {
      services_[call.options.region].Set("desiredCount", call.input.Int("desiredCount"));
      return Value::Struct();
    });
  }
  void ServeReplication();
  Shop shop_;
  std::map<std::string, Value> services_;
  std::map<std::string, Value> definitions_;
};

void EcsTest::ServeReplication() {
  services_["us-east-1"] =
      Value::Struct({{"status", "ACTIVE"},
                     {"taskDefinition", "arn:home"},
                     {"desiredCount", 3},
                     {"launchType", "FARGATE"},
                     {"loadBalancers", Value::List{Value::Struct({{"targetGroupArn", "arn:tg-home"},
                                                                  {"containerName", "web"},
                                                                  {"containerPort", 8080}})}}});
  const Value variable = Value::Struct({{"name", "SHOP_DB_HOST"}, {"value", "127.1.0.5"}});
  definitions_["arn:home"] = Value::Struct(
      {{"family", "web"},
       {"revision", 7},
       {"status", "ACTIVE"},
       {"containerDefinitions",
        Value::List{Value::Struct({{"name", "web"}, {"environment", Value::List{variable}}})}}});
  shop_.aws.On("ecs:DescribeTaskDefinition", [this](const SeenCall& call) -> Result<Value> {
    return Value::Struct(
        {{"taskDefinition", definitions_.at(std::string(call.input.String("taskDefinition")))}});
  });
  shop_.aws.On("ecs:RegisterTaskDefinition", [this](const SeenCall& call) -> Result<Value> {
    Value registered = call.input;
    registered.Set("revision", 1).Set("taskDefinitionArn", "arn:away");
    definitions_["arn:away"] = registered;
    return Value::Struct({{"taskDefinition", registered}});
  });
  shop_.aws.On("ecs:DescribeClusters", [](const SeenCall&) -> Result<Value> {
    return Value::Struct({{"clusters", Value::List{Value::Struct({{"status", "ACTIVE"}})}}});
  });
  shop_.aws.On("ecs:CreateService", [this](const SeenCall& call) -> Result<Value> {
    services_[call.options.region] = Value(call.input).Set("status", "ACTIVE");
    return Value::Struct();
  });
  shop_.aws.On("rds:DescribeDBInstances", [](const SeenCall&) -> Result<Value> {
    const Value endpoint = Value::Struct({{"Address", "127.2.0.5"}, {"Port", 5432}});
    return Value::Struct({{"DBInstances", Value::List{Value::Struct({{"Endpoint", endpoint}})}}});
  });
  shop_.aws.On("elbv2:DescribeTargetGroups", [](const SeenCall&) -> Result<Value> {
    return Value::Struct(
        {{"TargetGroups", Value::List{Value::Struct({{"TargetGroupArn", "arn:tg-away"}})}}});
  });
  shop_.aws.On("elbv2:DescribeTargetHealth", [](const SeenCall&) -> Result<Value> {
    const Value health = Value::Struct({{"TargetHealth", Value::Struct({{"State", "healthy"}})}});
    return Value::Struct({{"TargetHealthDescriptions", Value::List{health}}});
  });
}

TEST_F(EcsTest, ReplicateClonesWithTheRegionsOwnAddressesOnce) {
  ServeReplication();
  shop_.Add("ecs.replicate/web", shop_.recovery,
            {{"source-region", "us-east-1"}, {"desired", "1"}});
  const auto made = shop_.Run("ecs.replicate/web");
  ASSERT_TRUE(made.ok()) << made.error().message();
  const Value& container = definitions_.at("arn:away").Items("containerDefinitions").front();
  EXPECT_EQ(container.Items("environment").front().String("value"), "127.2.0.5");
  EXPECT_FALSE(shop_.aws.Calls("ecs:RegisterTaskDefinition")[0].input.Has("revision"));
  const Value& service = services_.at("us-west-2");
  EXPECT_EQ(service.Int("desiredCount"), 1);
  EXPECT_EQ(service.Items("loadBalancers").front().String("targetGroupArn"), "arn:tg-away");
  EXPECT_EQ(service.Items("loadBalancers").front().String("containerName"), "web");
  shop_.aws.ForgetCalls();
  const auto again = shop_.Run("ecs.replicate/web");
  ASSERT_TRUE(again.ok()) << again.error().message();
  for (const char* change :
       {"ecs:RegisterTaskDefinition", "ecs:CreateService", "ecs:UpdateService"}) {
    EXPECT_TRUE(shop_.aws.Calls(change).empty()) << change;
  }
}

TEST_F(EcsTest, AVolumeMountsTheRegionsOwnFileSystem) {
  ServeReplication();
  model::Efs uploads;
  uploads.file_system = "uploads";
  shop_.application.components.push_back({model::ComponentName("uploads"), uploads, {}});
  shop_.aws.On("efs:DescribeFileSystems", [](const SeenCall& call) -> Result<Value> {
    const char* id = call.options.region == "us-east-1" ? "fs-home" : "fs-away";
    return Value::Struct(
        {{"FileSystems",
          Value::List{Value::Struct({{"FileSystemId", id}, {"CreationToken", "uploads"}})}}});
  });
  const auto mounts = [this](const Value& configuration) {
    const Value volume =
        Value::Struct({{"name", "files"}, {"efsVolumeConfiguration", configuration}});
    definitions_["arn:home"].Set("volumes", Value::List{volume});
  };
  mounts(Value::Struct({{"fileSystemId", "fs-home"}}));
  shop_.Add("ecs.replicate/web", shop_.recovery,
            {{"source-region", "us-east-1"}, {"desired", "1"}});
  const auto made = shop_.Run("ecs.replicate/web");
  ASSERT_TRUE(made.ok()) << made.error().message();
  const Value& volume = definitions_.at("arn:away").Items("volumes").front();
  EXPECT_EQ(volume.Sub("efsVolumeConfiguration").String("fileSystemId"), "fs-away");
  mounts(Value::Struct({{"fileSystemId", "fs-stranger"}}));
  EXPECT_EQ(shop_.Run("ecs.replicate/web").error().message(),
            "volume files: its file system fs-stranger in us-east-1 is no component of the spec; "
            "add one of kind efs or datasync for it");
  mounts(Value::Struct({{"fileSystemId", "fs-home"},
                        {"authorizationConfig", Value::Struct({{"accessPointId", "fsap-1"}})}}));
  EXPECT_NE(shop_.Run("ecs.replicate/web").error().message().find("access point"),
            std::string::npos);
}

TEST_F(EcsTest, AVariableThatNoContainerHasIsAMistakeOfTheSpec) {
  ServeReplication();
  std::get<model::Ecs>(shop_.application.components[1].kind).environment = {
      {"DB", model::ComponentName("orders")}};
  const auto refused = shop_.AddAndRun("ecs.replicate/web", shop_.recovery,
                                       {{"source-region", "us-east-1"}, {"desired", "1"}});
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  EXPECT_TRUE(shop_.aws.Calls("ecs:CreateService").empty());
}

TEST_F(EcsTest, ScaleChangesOnlyWhatIsDifferent) {
  services_["us-west-2"] = Value::Struct({{"status", "ACTIVE"}, {"desiredCount", 1}});
  shop_.Add("ecs.scale/web", shop_.recovery, {{"desired", "3"}});
  ASSERT_TRUE(shop_.Run("ecs.scale/web").ok());
  EXPECT_EQ(services_["us-west-2"].Int("desiredCount"), 3);
  ASSERT_TRUE(shop_.Run("ecs.scale/web").ok());
  EXPECT_EQ(shop_.aws.Calls("ecs:UpdateService").size(), 1u);
  services_.clear();
  EXPECT_EQ(shop_.Run("ecs.scale/web").error().code(), ErrorCode::kNotFound);
}

TEST_F(EcsTest, QuiesceOfALostRegionIsDoneInTimeAndSaysSo) {
  shop_.aws.On("ecs:UpdateService",
               [](const SeenCall&) -> Result<Value> { return base::Unreachable("dark"); });
  const auto quiesced = shop_.AddAndRun("ecs.quiesce/web", shop_.home, {{"desired", "0"}});
  ASSERT_TRUE(quiesced.ok());
  EXPECT_EQ(quiesced->outputs.at("proof"), "unreachable");
  EXPECT_LE(shop_.aws.Calls()[0].options.deadline, Limits().old_region);
}

TEST_F(EcsTest, ReadyNeedsHealthyTargetsAndAServingFront) {
  std::atomic<int> healthy{0}, status{503};
  const probe::testing::HttpServer front("127.79.2.2", 0, [&](auto&&...) { return status.load(); });
  std::get<model::Ecs>(shop_.application.components[1].kind).port = front.port();
  shop_.Know("web", shop_.recovery, "target-group.arn", "arn:tg");
  shop_.Know("web", shop_.recovery, "load-balancer.address", "127.79.2.2");
  shop_.aws.On("elbv2:DescribeTargetHealth", [&](const SeenCall&) -> Result<Value> {
    Value::List targets;
    for (int i = 0; i < healthy; ++i) {
      targets.push_back(Value::Struct({{"TargetHealth", Value::Struct({{"State", "healthy"}})}}));
    }
    return Value::Struct({{"TargetHealthDescriptions", std::move(targets)}});
  });
  shop_.Add("ecs.ready/web", shop_.recovery, {{"healthy", "1"}});
  shop_.patience = std::chrono::milliseconds(200);
  EXPECT_EQ(shop_.Run("ecs.ready/web").error().code(), ErrorCode::kUnreachable);
  healthy = 1;
  EXPECT_EQ(shop_.Run("ecs.ready/web").error().code(), ErrorCode::kUnreachable);
  status = 200;
  shop_.patience = std::chrono::seconds(10);
  const auto ready = shop_.Run("ecs.ready/web");
  EXPECT_TRUE(ready.ok()) << ready.error().message();
}

}  // namespace
}  // namespace leeward::steps

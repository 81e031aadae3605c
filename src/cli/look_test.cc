// What a look asks of AWS, by how much there is to look at.
#include "cli/look.h"

#include <gtest/gtest.h>

#include "model/testing/shop.h"
#include "steps/testing/fake_aws.h"

namespace leeward::cli {
namespace {

using model::ComponentName;
using model::Region;
using shapes::Value;

// The shop with so many databases and web tiers, protected; databases have no address, so that
// nobody is asked.
struct Wide {
  explicit Wide(int databases, int tiers) {
    project.application = model::testing::Shop();
    const model::Component orders = project.application.components[0];
    const model::Component web = project.application.components[1];
    const auto add = [&](model::Component copy, int number) {
      copy.name = ComponentName(copy.name.str() + "-" + std::to_string(number));
      project.application.components.push_back(std::move(copy));
    };
    for (int i = 1; i < databases; ++i) add(orders, i);
    for (int i = 1; i < tiers; ++i) add(web, i);
    const ComponentName traffic("traffic");
    inventory.facts[{traffic, Region(), "cluster-endpoint.0"}] = "http://127.0.0.1:1";
    inventory.facts[{traffic, Region(), "cluster-endpoint-region.0"}] = "eu-west-1";
    for (const char* region : {"us-east-1", "us-west-2"}) {
      inventory.facts[{traffic, Region(region), "routing-control.arn"}] = region;
    }
  }
  Project project;
  model::Inventory inventory;
};

class LookTest : public testing::Test {
 protected:
  LookTest() {
    world_ = World::Make({}).value();
    auto aws = std::make_unique<steps::testing::FakeAws>();
    aws_ = aws.get();
    world_->aws = std::move(aws);
    aws_->On("route53-recovery-cluster:GetRoutingControlState",
             [](const auto& call) -> base::Result<Value> {
               const bool home = call.input.String("RoutingControlArn") == "us-east-1";
               return Value::Struct({{"RoutingControlState", home ? "On" : "Off"}});
             });
    aws_->On("sts:GetCallerIdentity",
             [](const auto&) -> base::Result<Value> { return Value::Struct(); });
  }

  std::size_t CallsOf(Seen (*look)(World&, const Project&, const model::Inventory&),
                      const Wide& wide) {
    aws_->ForgetCalls();
    seen_ = look(*world_, wide.project, wide.inventory);
    return aws_->Calls().size();
  }

  std::unique_ptr<World> world_;
  steps::testing::FakeAws* aws_ = nullptr;
  Seen seen_;
};

TEST_F(LookTest, CallsToAwsDoNotGrowWithComponents) {
  EXPECT_EQ(CallsOf(Look, Wide(1, 1)), 2u);
  EXPECT_EQ(seen_.stores.size(), 2u);
  EXPECT_EQ(CallsOf(Look, Wide(49, 50)), 2u);
  EXPECT_EQ(seen_.stores.size(), 98u);
  EXPECT_EQ(aws_->Calls("route53-recovery-cluster:GetRoutingControlState").size(), 2u);
  EXPECT_TRUE(seen_.control_planes.empty());
  EXPECT_EQ(CallsOf(LookAround, Wide(49, 50)), 4u);
  EXPECT_EQ(seen_.control_planes.size(), 2u);
}

TEST_F(LookTest, WithoutItsDatabasesAnApplicationIsWhereItsTrafficGoes) {
  const Wide wide(3, 3);
  seen_ = Look(*world_, wide.project, wide.inventory);
  const model::Snapshot snapshot = SnapshotOf(seen_, wide.project, wide.inventory);
  EXPECT_EQ(snapshot.active.size(), wide.project.application.components.size());
  for (const auto& [component, region] : snapshot.active) EXPECT_EQ(region.str(), "us-east-1");
}

// The databases of it have no address, so that the API alone speaks.
TEST_F(LookTest, WhoRefusesOrThrottlesAnswersAndCredentialsThatNobodySawProveNothing) {
  using base::Error;
  using base::ErrorCode;
  const Wide wide(1, 1);
  const auto health = [&](const Error& error) {
    aws_->On("sts:GetCallerIdentity",
             [error](const auto&) -> base::Result<Value> { return error; });
    seen_ = LookAround(*world_, wide.project, wide.inventory);
    return SnapshotOf(seen_, wide.project, wide.inventory).verdicts.at(0).health;
  };
  EXPECT_EQ(health(Error(ErrorCode::kDenied, "no").WithServiceCode("AccessDenied")),
            model::Health::kUp);
  EXPECT_EQ(health(Error(ErrorCode::kThrottled, "slower").WithServiceCode("Throttling")),
            model::Health::kUp);
  EXPECT_EQ(health(Error(ErrorCode::kDenied, "no credentials were found")),
            model::Health::kUnknown);
  EXPECT_EQ(health(Error(ErrorCode::kUnreachable, "no answer")), model::Health::kDown);
}

TEST_F(LookTest, ATableIsAskedForStatusAloneAndHasNoWriterOfItsOwn) {
  Wide wide(1, 1);
  model::Dynamodb carts;
  carts.table = "carts";
  wide.project.application.components.push_back({ComponentName("carts"), carts, {}});
  for (const char* region : {"us-east-1", "us-west-2"}) {
    wide.inventory.facts[{ComponentName("carts"), Region(region), "key.hash.name"}] = "id";
    wide.inventory.facts[{ComponentName("carts"), Region(region), "key.hash.type"}] = "S";
  }
  aws_->On("dynamodb:GetItem", [](const auto& call) -> base::Result<Value> {
    // Each Region is asked for the other's canary.
    const std::string key(call.input.Sub("Key").Sub("id").String("S"));
    if (key.find(call.options.region) != std::string::npos) return Value::Struct();
    const Value stamp = Value::Struct({{"N", "1795425253000000000"}});
    return Value::Struct({{"Item", Value::Struct({{"leeward_stamp", stamp}})}});
  });
  EXPECT_EQ(CallsOf(Look, wide), 2u) << "not by a daemon, all day";
  EXPECT_EQ(CallsOf(LookAround, wide), 6u);
  int peers = 0;
  for (const StoreSeen& store : seen_.stores) {
    if (store.component != ComponentName("carts")) continue;
    EXPECT_EQ(store.role, StoreRole::kPeer);
    EXPECT_TRUE(store.newest_canary.has_value()) << store.region;
    ++peers;
  }
  EXPECT_EQ(peers, 2);
  const model::Snapshot snapshot = SnapshotOf(seen_, wide.project, wide.inventory);
  EXPECT_EQ(snapshot.active.at(ComponentName("carts")).str(), "us-east-1")
      << "where the traffic goes";
}

}  // namespace
}  // namespace leeward::cli

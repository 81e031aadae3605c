#include "cli/going_on.h"

#include <gtest/gtest.h>

#include "model/testing/shop.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

const model::Region kHome("us-east-1");
constexpr char kBy[] = "ann: it is switched off";

model::Plan Failover(const plan::Options& options) {
  model::Application shop = model::testing::Shop();
  shop.failover.store.emplace();
  shop.failover.store->path = "store.db";
  model::Snapshot snapshot;
  model::Inventory inventory;
  for (const model::Component& component : shop.components) snapshot.active[component.name] = kHome;
  return plan::Make(model::Action::kFailover, shop, inventory, snapshot, options).value();
}

TEST(GoingOnTest, WhoSaysWhereToGoIsNotTakenElsewhere) {
  const model::Plan plan = Failover({});
  EXPECT_TRUE(CheckTo("", plan, "").ok());
  EXPECT_TRUE(CheckTo("us-west-2", plan, "").ok());
  const base::Status other = CheckTo("us-east-1", plan, "it was begun");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), base::ErrorCode::kWrongState);
  EXPECT_EQ(other.error().message(), "failover would go to us-west-2, not us-east-1; it was begun");
}

TEST(GoingOnTest, AFenceIsVouchedForLaterAsFromTheBeginning) {
  plan::Options vouched;
  vouched.override_fence = kBy;
  const model::Plan meant = Failover(vouched);
  model::Plan plan = Failover({});
  ASSERT_NE(plan::ToJson(plan), plan::ToJson(meant));
  Vouch("", plan);
  EXPECT_EQ(plan::ToJson(plan), plan::ToJson(Failover({})));
  Vouch(kBy, plan);
  EXPECT_EQ(plan::ToJson(plan), plan::ToJson(meant));
}

}  // namespace
}  // namespace leeward::cli

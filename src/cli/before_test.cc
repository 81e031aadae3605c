#include "cli/before.h"

#include <gtest/gtest.h>

#include "model/testing/shop.h"

namespace leeward::cli {
namespace {

using model::Action;
using model::Region;

const Region kHome("us-east-1"), kRecovery("us-west-2");

// The shop, at home, as its Regions' APIs answer.
class ReachTest : public testing::Test {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.aws = WorldOptions::Aws::kOnlyGiven;
    world_ = World::Make(options).value();
    for (const model::Component& component : model::testing::Shop().components)
      snapshot_.active[component.name] = kHome;
  }
  bool Reaches(const Region& dark, Action action, const Region& spared = {}) {
    Seen seen;
    for (const Region& region : {kHome, kRecovery}) {
      const bool answers = region != dark;
      seen.control_planes.emplace(
          region, answers ? base::Ok() : base::Status(base::Unreachable("no answer")));
    }
    return CheckReach(*world_, seen, snapshot_, action, spared).ok();
  }

  std::unique_ptr<World> world_;
  model::Snapshot snapshot_;
};

TEST_F(ReachTest, APlannedMoveNeedsBothRegionsAndAFailoverTheOneItGoesTo) {
  EXPECT_FALSE(Reaches(kHome, Action::kSwitchover));
  EXPECT_FALSE(Reaches(kRecovery, Action::kSwitchover));
  EXPECT_TRUE(Reaches(kHome, Action::kFailover));
  EXPECT_FALSE(Reaches(kRecovery, Action::kFailover));
}

// The Region that a switchover was going to is lost, and home is closed: home is opened again.
TEST_F(ReachTest, ACallOffNeedsNothingOfTheRegionThatTheMoveWasToGoTo) {
  EXPECT_TRUE(Reaches(kRecovery, Action::kCallOff, kRecovery));
  EXPECT_FALSE(Reaches(kHome, Action::kCallOff, kRecovery));
}

}  // namespace
}  // namespace leeward::cli

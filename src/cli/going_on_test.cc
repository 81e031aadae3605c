#include "cli/going_on.h"

#include <gtest/gtest.h>

#include "base/testing/scratch_folder.h"
#include "model/testing/shop.h"
#include "os/files.h"
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
  EXPECT_EQ(Vouch("", plan), "");
  EXPECT_EQ(plan::ToJson(plan), plan::ToJson(Failover({})));
  EXPECT_EQ(Vouch(kBy, plan), kBy);
  EXPECT_EQ(plan::ToJson(plan), plan::ToJson(meant));
  EXPECT_EQ(Vouch(kBy, plan), "") << "the plan says so already";
}

TEST(GoingOnTest, TheJournalHasANoteOfWhoVouchedLater) {
  const base::testing::ScratchFolder scratch("leeward-going-on-XXXXXX");
  Project project;
  project.state = scratch.path();
  os::SystemFiles files;
  auto opened = OpenJournal(files, project);
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  const Interrupted begun{model::ExecutionId("e1"), {}};
  ASSERT_TRUE(NoteVouched("", begun, {}, *opened->journal).ok());
  ASSERT_TRUE(NoteVouched(kBy, begun, {}, *opened->journal).ok());
  const auto contents = journal::Read(files, project.JournalPath());
  ASSERT_TRUE(contents.ok());
  ASSERT_EQ(contents->events.size(), 1u);
  EXPECT_EQ(contents->events[0].Field("text"),
            "e1 is gone on with, and its fence is vouched for by ann: it is switched off");
}

}  // namespace
}  // namespace leeward::cli

#include "plan/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/testing/golden.h"
#include "base/wrap.h"
#include "model/names.h"
#include "model/testing/shop.h"
#include "plan/draft.h"
#include "plan/testing/shop_plans.h"

namespace leeward::plan {
namespace {

using base::ErrorCode;
using model::Action;
using model::Health;
using model::Plan;
using model::Region;
using model::Step;
using model::StepId;
using testing::kHome;
using testing::kRecovery;
using testing::WaitsFor;

model::Verdict VerdictOf(const Region& region, Health health) {
  model::Verdict verdict;
  verdict.region = region;
  verdict.health = health;
  return verdict;
}

// Everything is active in one Region.
model::Snapshot ActiveIn(const Region& region, Health home, Health recovery) {
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'763'887'253'000'000'000)};
  snapshot.verdicts = {VerdictOf(kHome, home), VerdictOf(kRecovery, recovery)};
  snapshot.active = {{model::ComponentName("orders"), region},
                     {model::ComponentName("traffic"), region}};
  return snapshot;
}

const model::Snapshot kAllWell = ActiveIn(kHome, Health::kUp, Health::kUp);
const model::Snapshot kHomeLost = ActiveIn(kHome, Health::kDown, Health::kUp);
const model::Snapshot kAway = ActiveIn(kRecovery, Health::kUp, Health::kUp);

base::Result<Plan> MakeFor(Action action, const model::Snapshot& snapshot,
                           const Options& options = {}) {
  return Make(action, model::testing::Shop(), {}, snapshot, options);
}

Plan MustMake(Action action, const model::Snapshot& snapshot, const Options& options = {}) {
  base::Result<Plan> plan = MakeFor(action, snapshot, options);
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

void ExpectGolden(const std::string& name, const std::string& actual) {
  base::testing::ExpectGolden("src/plan/testdata/" + name, actual);
}

TEST(PlanTest, ReadsAsReviewed) {
  ExpectGolden("protect.txt", ToText(MustMake(Action::kProtect, kAllWell)));
  ExpectGolden("failover_home_lost.txt", ToText(MustMake(Action::kFailover, kHomeLost)));
  ExpectGolden("failover_home_answers.txt", ToText(MustMake(Action::kFailover, kAllWell)));
  ExpectGolden("switchover.txt", ToText(MustMake(Action::kSwitchover, kAllWell)));
  ExpectGolden("failback.txt", ToText(MustMake(Action::kFailback, kAway)));
  ExpectGolden("failover_home_lost_80.txt", ToText(MustMake(Action::kFailover, kHomeLost), 80));
  ExpectGolden("failback_80.txt", ToText(MustMake(Action::kFailback, kAway), 80));
  ExpectGolden("failover_home_lost.json", ToJson(MustMake(Action::kFailover, kHomeLost)));
  ExpectGolden("failover_home_lost.dot", ToDot(MustMake(Action::kFailover, kHomeLost)));
}

// The same steps in the same order; what takes a closed writer back is the engine's own.
TEST(PlanTest, ADatabaseOfAnotherEngineMovesByTheSamePlan) {
  model::Application shop = model::testing::Shop();
  std::get<model::Rds>(shop.components[0].kind).engine = model::Engine::kMariadb;
  const auto made = [&](Action action, const model::Snapshot& snapshot) {
    base::Result<Plan> plan = Make(action, shop, {}, snapshot, {});
    CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
    return *std::move(plan);
  };
  ExpectGolden("mariadb_failover_home_answers.txt", ToText(made(Action::kFailover, kAllWell)));
  const Plan there = made(Action::kFailback, kAway), same = MustMake(Action::kFailback, kAway);
  ASSERT_EQ(there.steps.size(), same.steps.size());
  for (std::size_t i = 0; i < same.steps.size(); ++i) {
    EXPECT_EQ(there.steps[i].id.str(), same.steps[i].id.str());
    EXPECT_EQ(there.steps[i].after, same.steps[i].after);
    const bool closes = same.steps[i].kind.str() == "rds.quiesce";
    EXPECT_EQ(there.steps[i].undo == same.steps[i].undo, !closes) << same.steps[i].id.str();
  }
}

Plan ThreeStores(Action action, model::Snapshot snapshot, const Options& options = {}) {
  const Region active = snapshot.active.begin()->second;
  for (const char* store : {"carts", "sessions"})
    snapshot.active[model::ComponentName(store)] = active;
  base::Result<Plan> plan =
      Make(action, model::testing::ShopOfThreeStores(), {}, snapshot, options);
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

TEST(PlanTest, ThreeStoresReadAsReviewed) {
  ExpectGolden("stores_protect.txt", ToText(ThreeStores(Action::kProtect, kAllWell)));
  ExpectGolden("stores_failover_home_lost.txt", ToText(ThreeStores(Action::kFailover, kHomeLost)));
  ExpectGolden("stores_failover_home_answers.txt",
               ToText(ThreeStores(Action::kFailover, kAllWell)));
  ExpectGolden("stores_switchover.txt", ToText(ThreeStores(Action::kSwitchover, kAllWell)));
  ExpectGolden("stores_failback.txt", ToText(ThreeStores(Action::kFailback, kAway)));
}

template <typename Kind>
Plan WithFilesOf(Action action, model::Snapshot snapshot, const Options& options = {}) {
  snapshot.active[model::ComponentName("uploads")] = snapshot.active.begin()->second;
  base::Result<Plan> plan =
      Make(action, model::testing::ShopWithFiles<Kind>(), {}, snapshot, options);
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

Plan WithFiles(Action action, const model::Snapshot& snapshot, const Options& options = {}) {
  return WithFilesOf<model::Efs>(action, snapshot, options);
}

TEST(PlanTest, FilesReadAsReviewed) {
  ExpectGolden("files_protect.txt", ToText(WithFiles(Action::kProtect, kAllWell)));
  ExpectGolden("files_failover_home_lost.txt", ToText(WithFiles(Action::kFailover, kHomeLost)));
  ExpectGolden("files_failover_home_answers.txt", ToText(WithFiles(Action::kFailover, kAllWell)));
  ExpectGolden("files_switchover.txt", ToText(WithFiles(Action::kSwitchover, kAllWell)));
  ExpectGolden("files_failback.txt", ToText(WithFiles(Action::kFailback, kAway)));
}

TEST(PlanTest, FilesArePromotedBesideTheDatabaseBehindTheGates) {
  const Plan plan = WithFiles(Action::kFailover, kHomeLost);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"),
            "rds.measure/orders,efs.measure/uploads");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"), "orders,uploads");
  EXPECT_TRUE(WaitsFor(plan, "efs.promote/uploads", "gate.final-loss"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.ready/web", "efs.promote/uploads"));
  EXPECT_FALSE(WaitsFor(plan, "efs.promote/uploads", "rds.promote/orders"));
  EXPECT_EQ(plan.Find(StepId("efs.promote/uploads"))->parameters.at("source"), "lost");
  for (const Step& step : plan.steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(PlanTest, FilesOfARegionThatMayAnswerAreLookedAtWhenItsTasksWereToldToEnd) {
  const Plan plan = WithFiles(Action::kFailover, kAllWell);
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("fences"),
            "rds.fence/orders,efs.fence/uploads");
  const Step* fence = plan.Find(StepId("efs.fence/uploads"));
  ASSERT_NE(fence, nullptr);
  EXPECT_EQ(fence->on_failure, model::OnFailure::kContinue);
  EXPECT_EQ(fence->parameters.at("writers"), "web");
  EXPECT_TRUE(WaitsFor(plan, "efs.fence/uploads", "ecs.quiesce/web"));
  EXPECT_EQ(plan.Find(StepId("efs.promote/uploads"))->parameters.at("source"), "may-answer");
}

TEST(PlanTest, AMoveEndsTheWritersOfFilesBetweenTheirCopyAndTheirPromotion) {
  for (const auto& [action, snapshot] :
       {std::pair(Action::kSwitchover, kAllWell), std::pair(Action::kFailback, kAway)}) {
    const Plan plan = WithFiles(action, snapshot);
    const std::string away = plan.from.str();
    EXPECT_EQ(plan.Find(StepId("efs.quiesce/uploads"))->parameters.at("writers"), "web");
    EXPECT_TRUE(WaitsFor(plan, "efs.quiesce/uploads", "ecs.scale/web@" + plan.to.str()));
    EXPECT_TRUE(WaitsFor(plan, "efs.drain-to/uploads", "efs.quiesce/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "efs.promote/uploads", "efs.drain-to/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "rds.promote/orders", "efs.drain-to/uploads"));
    const std::string again =
        action == Action::kFailback ? "efs.replicate/uploads@" + away : "efs.replicate/uploads";
    EXPECT_TRUE(WaitsFor(plan, again, "app.verify"));
    EXPECT_TRUE(WaitsFor(plan, "ecs.scale/web@" + away, again));
  }
  const Plan back = WithFiles(Action::kFailback, kAway);
  EXPECT_TRUE(WaitsFor(back, "efs.replicate/uploads@us-east-1", "efs.preserve-old/uploads"));
  EXPECT_TRUE(WaitsFor(back, "efs.quiesce/uploads", "efs.replicate/uploads@us-east-1"));
}

TEST(PlanTest, ACallOffStartsTheWritersOfFilesAgain) {
  Options options;
  options.to = kHome;
  const Plan plan = WithFiles(Action::kCallOff, kAllWell, options);
  const Step* open = plan.Find(StepId("efs.open/uploads"));
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->region, kHome);
  EXPECT_EQ(open->parameters.at("writers"), "web");
  EXPECT_TRUE(WaitsFor(plan, "app.verify", "efs.open/uploads"));
  EXPECT_EQ(plan.Find(StepId("efs.promote/uploads")), nullptr);
}

TEST(PlanTest, SyncedFilesReadAsReviewed) {
  const auto text = [](Action action, const model::Snapshot& snapshot) {
    return ToText(WithFilesOf<model::DataSync>(action, snapshot));
  };
  ExpectGolden("synced_protect.txt", text(Action::kProtect, kAllWell));
  ExpectGolden("synced_failover_home_lost.txt", text(Action::kFailover, kHomeLost));
  ExpectGolden("synced_failover_home_answers.txt", text(Action::kFailover, kAllWell));
  ExpectGolden("synced_switchover.txt", text(Action::kSwitchover, kAllWell));
  ExpectGolden("synced_failback.txt", text(Action::kFailback, kAway));
}

TEST(PlanTest, SyncedFilesNeedNothingOfALostRegion) {
  const Plan plan = WithFilesOf<model::DataSync>(Action::kFailover, kHomeLost);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"),
            "rds.measure/orders,datasync.measure/uploads");
  EXPECT_TRUE(WaitsFor(plan, "datasync.promote/uploads", "gate.final-loss"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.ready/web", "datasync.promote/uploads"));
  for (const Step& step : plan.steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(PlanTest, AMoveCopiesTheLastOfSyncedFilesBetweenTheirWritersEndAndTheirPromotion) {
  for (const auto& [action, snapshot] :
       {std::pair(Action::kSwitchover, kAllWell), std::pair(Action::kFailback, kAway)}) {
    const Plan plan = WithFilesOf<model::DataSync>(action, snapshot);
    EXPECT_TRUE(WaitsFor(plan, "datasync.drain-to/uploads", "datasync.quiesce/uploads"));
    EXPECT_TRUE(WaitsFor(plan, "datasync.promote/uploads", "datasync.drain-to/uploads"));
    EXPECT_EQ(plan.Find(StepId("datasync.quiesce/uploads"))->parameters.at("writers"), "web");
  }
  const Plan back = WithFilesOf<model::DataSync>(Action::kFailback, kAway);
  EXPECT_TRUE(
      WaitsFor(back, "datasync.replicate/uploads@us-east-1", "datasync.preserve-old/uploads"));
  EXPECT_TRUE(WaitsFor(back, "datasync.quiesce/uploads", "datasync.replicate/uploads@us-east-1"));
}

Plan WithDisks(Action action, model::Snapshot snapshot, const Options& options = {}) {
  snapshot.active[model::ComponentName("disks")] = snapshot.active.begin()->second;
  base::Result<Plan> plan = Make(action, model::testing::ShopWithDisks(), {}, snapshot, options);
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

TEST(PlanTest, VolumesReadAsReviewed) {
  ExpectGolden("disks_protect.txt", ToText(WithDisks(Action::kProtect, kAllWell)));
  ExpectGolden("disks_failover_home_lost.txt", ToText(WithDisks(Action::kFailover, kHomeLost)));
  ExpectGolden("disks_failover_home_answers.txt", ToText(WithDisks(Action::kFailover, kAllWell)));
  ExpectGolden("disks_switchover.txt", ToText(WithDisks(Action::kSwitchover, kAllWell)));
  ExpectGolden("disks_failback.txt", ToText(WithDisks(Action::kFailback, kAway)));
}

TEST(PlanTest, VolumesNeedNothingOfALostRegion) {
  const Plan plan = WithDisks(Action::kFailover, kHomeLost);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"),
            "rds.measure/orders,ebs.measure/disks");
  EXPECT_TRUE(WaitsFor(plan, "ebs.promote/disks", "gate.final-loss"));
  EXPECT_TRUE(WaitsFor(plan, "app.verify", "ebs.promote/disks"));
  EXPECT_FALSE(WaitsFor(plan, "ebs.promote/disks", "rds.promote/orders"));
  for (const Step& step : plan.steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(PlanTest, VolumesOfARegionThatMayAnswerAreLookedAtAndTheGateJudges) {
  const Plan plan = WithDisks(Action::kFailover, kAllWell);
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("fences"),
            "rds.fence/orders,ebs.fence/disks");
  const Step* fence = plan.Find(StepId("ebs.fence/disks"));
  ASSERT_NE(fence, nullptr);
  EXPECT_EQ(fence->on_failure, model::OnFailure::kContinue);
  EXPECT_EQ(fence->region, kHome);
  EXPECT_TRUE(WaitsFor(plan, "ebs.fence/disks", "ecs.quiesce/web"));
}

TEST(PlanTest, AMoveTakesTheLastSetBetweenTheVolumesDetachmentAndTheirPromotion) {
  for (const auto& [action, snapshot] :
       {std::pair(Action::kSwitchover, kAllWell), std::pair(Action::kFailback, kAway)}) {
    const Plan plan = WithDisks(action, snapshot);
    const std::string away = plan.from.str();
    EXPECT_TRUE(WaitsFor(plan, "ebs.drain-to/disks", "ebs.quiesce/disks"));
    EXPECT_TRUE(WaitsFor(plan, "ebs.promote/disks", "ebs.drain-to/disks"));
    EXPECT_TRUE(WaitsFor(plan, "ebs.retire-old/disks", "app.verify"));
    EXPECT_TRUE(WaitsFor(plan, "ebs.replicate/disks@" + away, "ebs.promote/disks"));
  }
  const Plan back = WithDisks(Action::kFailback, kAway);
  EXPECT_TRUE(WaitsFor(back, "ebs.replicate/disks@us-east-1", "ebs.preserve-old/disks"));
  EXPECT_TRUE(WaitsFor(back, "ebs.quiesce/disks", "ebs.replicate/disks@us-east-1"));
}

TEST(PlanTest, ACallOffLeavesVolumesWhereTheyAre) {
  Options options;
  options.to = kHome;
  const Plan plan = WithDisks(Action::kCallOff, kAllWell, options);
  const Step* open = plan.Find(StepId("ebs.open/disks"));
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->region, kHome);
  EXPECT_EQ(plan.Find(StepId("ebs.promote/disks")), nullptr);
}

// measure ×3 → gates → drain → gate.final-loss → orders: promote ───┐
//                                                carts: ready ──────┼→ ready → shift
//                                                sessions: promote ─┘
TEST(PlanTest, StoresArePromotedBesideEachOtherAfterGatesThatCountAllOfThem) {
  const Plan plan = ThreeStores(Action::kFailover, kHomeLost);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("measures"),
            "rds.measure/orders,dynamodb.measure/carts,elasticache.measure/sessions");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("stores"),
            "orders,carts,sessions");
  const std::vector<std::string> chains = {"rds.promote/orders", "dynamodb.ready/carts",
                                           "elasticache.promote/sessions"};
  for (const std::string& one : chains) {
    EXPECT_TRUE(WaitsFor(plan, one, "gate.loss")) << one;
    EXPECT_TRUE(WaitsFor(plan, one, "gate.fence-proof")) << one;
    EXPECT_TRUE(WaitsFor(plan, "ecs.ready/web", one)) << one;
    for (const std::string& other : chains)
      EXPECT_FALSE(one != other && WaitsFor(plan, one, other));
  }
}

TEST(PlanTest, EveryStoreIsFencedWhenItsRegionMayAnswer) {
  const Plan plan = ThreeStores(Action::kFailover, kAllWell);
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("fences"),
            "rds.fence/orders,dynamodb.fence/carts,elasticache.fence/sessions");
  for (const char* fence : {"dynamodb.fence/carts", "elasticache.fence/sessions"}) {
    EXPECT_EQ(plan.Find(StepId(fence))->on_failure, model::OnFailure::kContinue) << fence;
    EXPECT_TRUE(WaitsFor(plan, fence, "gate.loss")) << fence;
  }
}

TEST(PlanTest, AFailbackClosesNoStoreBeforeEveryCopyIsThereAndItsLateWritesAreListed) {
  const Plan plan = ThreeStores(Action::kFailback, kAway);
  for (const char* closes :
       {"rds.quiesce/orders", "dynamodb.quiesce/carts", "elasticache.quiesce/sessions"}) {
    for (const char* before :
         {"rds.replicate/orders@us-east-1", "dynamodb.converge/carts",
          "elasticache.replicate/sessions@us-east-1", "ecs.scale/web@us-east-1"})
      EXPECT_TRUE(WaitsFor(plan, closes, before)) << closes << " before " << before;
  }
  EXPECT_TRUE(WaitsFor(plan, "dynamodb.quiesce/carts", "dynamodb.late-writes/carts"));
  EXPECT_TRUE(WaitsFor(plan, "elasticache.replicate/sessions@us-east-1",
                       "elasticache.preserve-old/sessions"))
      << "following again wipes what it holds";
  for (const char* opens : {"rds.open/orders", "dynamodb.open/carts", "elasticache.open/sessions"})
    EXPECT_TRUE(WaitsFor(plan, "route53.shift/traffic", opens)) << opens;
  EXPECT_TRUE(WaitsFor(plan, "dynamodb.release/carts", "app.verify"));
}

TEST(PlanTest, ACallOffOpensEveryStore) {
  Options options;
  options.to = kHome;
  const Plan plan = ThreeStores(Action::kCallOff, kAllWell, options);
  for (const char* opens : {"rds.open/orders", "dynamodb.open/carts", "elasticache.open/sessions"})
    EXPECT_TRUE(WaitsFor(plan, "app.verify", opens)) << opens;
  EXPECT_EQ(plan.Find(StepId("elasticache.promote/sessions")), nullptr);
}

// ready → shift → confirm ┬→ app.verify
//                         └→ app.consistency
TEST(PlanTest, ReferencesAreVerifiedWhenTheApplicationServesAndNothingWaitsForThat) {
  model::Application shop = model::testing::ShopOfThreeStores();
  shop.references.emplace_back().name = "orders name their carts";
  const auto plan = Make(Action::kFailover, shop, {}, kHomeLost, {});
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  const Step* step = plan->Find(StepId("app.consistency"));
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->region, kRecovery);
  EXPECT_EQ(step->on_failure, model::OnFailure::kContinue);
  EXPECT_EQ(step->parameters.at("measures"),
            "rds.measure/orders,dynamodb.measure/carts,elasticache.measure/sessions");
  EXPECT_EQ(step->parameters.at("restates"), "rds.drain/orders");
  EXPECT_TRUE(WaitsFor(*plan, "app.consistency", "route53.confirm/traffic"));
  for (const Step& other : plan->steps)
    EXPECT_FALSE(WaitsFor(*plan, other.id.str(), "app.consistency")) << other.id;
  const auto planned = Make(Action::kSwitchover, shop, {}, kAllWell, {});
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->Find(StepId("app.consistency")), nullptr) << "nothing is cut in half there";
}

TEST(PlanTest, NoFailoverOfThreeStoresNeedsTheLostRegion) {
  for (const Step& step : ThreeStores(Action::kFailover, kHomeLost).steps) {
    EXPECT_NE(step.region, kHome) << step.id;
    for (const model::AwsCall& call : step.calls) EXPECT_NE(call.control_plane, kHome) << step.id;
  }
}

TEST(PlanTest, PeopleAreAskedBeforeAnythingIsMeasuredWhereTheSpecSaysSo) {
  model::Application shop = model::testing::Shop();
  Options daemon;
  daemon.starter = Starter::kDaemon;
  const auto make = [&](const Options& options) {
    return *Make(Action::kFailover, shop, {}, kHomeLost, options);
  };
  EXPECT_EQ(make(daemon).Find(StepId("gate.approval")), nullptr) << "the spec asks nobody";
  shop.failover.approval = {2, std::chrono::minutes(15)};
  const Plan asked = make(daemon);
  const Step* gate = asked.Find(StepId("gate.approval"));
  ASSERT_NE(gate, nullptr);
  EXPECT_EQ(gate->parameters.at("approval-people"), "2");
  EXPECT_EQ(gate->parameters.at("approval-within-ns"), "900000000000");
  EXPECT_GT(gate->timeout, std::chrono::minutes(15));
  for (const Step& step : asked.steps) {
    if (step.id == gate->id) continue;
    EXPECT_TRUE(WaitsFor(asked, step.id.str(), "gate.approval")) << step.id.str();
  }
  const Plan by_hand = make({});
  EXPECT_EQ(by_hand.Find(StepId("gate.approval")), nullptr) << "whoever starts it has said yes";
  EXPECT_TRUE(by_hand.Find(StepId("gate.loss"))->parameters.contains("approval-people"));
  Options accepting;
  accepting.accept_loss = std::chrono::seconds(10);
  EXPECT_FALSE(make(accepting).Find(StepId("gate.loss"))->parameters.contains("approval-people"))
      << "a person said how much, and is not asked again";
  shop.failover.when_loss_over_rpo = model::OverRpo::kRefuse;
  EXPECT_FALSE(make({}).Find(StepId("gate.loss"))->parameters.contains("approval-people"));
}

TEST(PlanTest, TheListKeepsToItsWidth) {
  for (const int width : {60, 80, 120}) {
    std::istringstream lines(ToText(MustMake(Action::kFailback, kAway), width));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(base::CountColumns(line), width) << line;
  }
}

TEST(PlanTest, JsonComesBackAsTheSamePlan) {
  for (Action action : {Action::kProtect, Action::kFailover, Action::kSwitchover}) {
    Options options;
    options.reason = "because \"quoted\" → and more";
    const std::string json = ToJson(MustMake(action, kAllWell, options));
    const base::Result<Plan> back = FromJson(json);
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(ToJson(*back), json);
  }
}

TEST(PlanTest, EditedJsonIsCheckedAgain) {
  const std::string json = ToJson(MustMake(Action::kFailover, kHomeLost));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string edited = json;
    CHECK(edited.find(from) != std::string::npos);
    return edited.replace(edited.find(from), from.size(), to);
  };
  for (const std::string& wrong :
       {std::string(), std::string("[]"), with("\"leeward_plan\": 1", "\"leeward_plan\": 2"),
        with("\"failover\"", "\"flyover\""), with("\"timeout_ns\": ", "\"timeout_ns\": -"),
        with("\"rds.measure/orders\"", "\"gate.loss\""), with("\"title\"", "\"titel\"")}) {
    EXPECT_EQ(FromJson(wrong).error().code(), ErrorCode::kInvalid);
  }
}

TEST(PlanTest, EveryStepWaitsOnlyForStepsBeforeIt) {
  for (const auto& [action, snapshot] :
       {std::pair(Action::kProtect, kAllWell), std::pair(Action::kFailover, kHomeLost),
        std::pair(Action::kFailover, kAllWell), std::pair(Action::kSwitchover, kAllWell),
        std::pair(Action::kFailback, kAway)}) {
    std::set<StepId> before;
    for (const Step& step : MustMake(action, snapshot).steps) {
      for (const StepId& id : step.after)
        EXPECT_TRUE(before.contains(id)) << step.id << " waits for " << id;
      EXPECT_TRUE(before.insert(step.id).second) << step.id << " is there twice";
      EXPECT_FALSE(step.title.empty() || step.reason.empty()) << step.id;
      EXPECT_EQ(step.title.find('{'), std::string::npos) << step.title;
      EXPECT_GT(step.timeout.count(), 0) << step.id;
    }
  }
}

TEST(PlanTest, NoFailoverStepNeedsTheLostRegionInEitherDirection) {
  for (const auto& [active, lost_home, lost_recovery] :
       {std::tuple(kHome, Health::kDown, Health::kUp),
        std::tuple(kRecovery, Health::kUp, Health::kDown)}) {
    const Plan plan = MustMake(Action::kFailover, ActiveIn(active, lost_home, lost_recovery));
    for (const Step& step : plan.steps) {
      EXPECT_NE(step.region, active) << step.id;
      for (const model::AwsCall& call : step.calls) {
        EXPECT_NE(call.region, active) << step.id << " " << call.operation;
        EXPECT_NE(call.control_plane, active) << step.id << " " << call.operation;
      }
    }
  }
}

TEST(PlanTest, AFailoverThatWouldNeedTheLostRegionIsRefused) {
  model::Application shop = model::testing::Shop();
  const Options options;
  Draft draft{shop, {}, kHomeLost, options, {}};
  draft.plan.from = kHome;
  draft.plan.to = kRecovery;
  draft.Emit("route53.protect", model::ComponentName("traffic"), kRecovery);  // needs us-east-1
  ASSERT_TRUE(AnnotateCalls(draft).ok());
  EXPECT_EQ(CheckNothingNeedsTheLost(draft).error().code(), ErrorCode::kRefused);
}

TEST(PlanTest, OldWriterIsFencedOnlyWhenItsRegionMayAnswer) {
  EXPECT_EQ(MustMake(Action::kFailover, kHomeLost).Find(StepId("rds.fence/orders")), nullptr);
  for (Health health : {Health::kUp, Health::kSuspect, Health::kUnknown}) {
    const Plan plan = MustMake(Action::kFailover, ActiveIn(kHome, health, Health::kUp));
    ASSERT_NE(plan.Find(StepId("rds.fence/orders")), nullptr);
    EXPECT_TRUE(WaitsFor(plan, "rds.fence/orders", "gate.loss"))
        << "nothing is closed before the loss is accepted";
    EXPECT_TRUE(WaitsFor(plan, "gate.fence-proof", "rds.fence/orders"));
    EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("fences"), "rds.fence/orders");
  }
}

// What counts as down is the spec's to say, and need not be everything: what is left may still
// write.
TEST(PlanTest, OldWriterIsFencedInARegionThatIsDownAndAnswersInPart) {
  model::Snapshot snapshot = kHomeLost;
  snapshot.verdicts[0].answers_in_part = true;
  const Plan plan = MustMake(Action::kFailover, snapshot);
  ASSERT_NE(plan.Find(StepId("rds.fence/orders")), nullptr);
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("fences"), "rds.fence/orders");
}

//   measure → gate.loss ┬→ drain → promote ┬→ ready → shift → confirm → verify
//   gate.fence-proof ───┴→ scale ──────────┘
TEST(PlanTest, FailoverPromotesAfterBothGatesAndShiftsAfterReady) {
  const Plan plan = MustMake(Action::kFailover, kHomeLost);
  for (const char* step : {"rds.promote/orders", "ecs.scale/web"}) {
    EXPECT_TRUE(WaitsFor(plan, step, "gate.loss")) << step;
    EXPECT_TRUE(WaitsFor(plan, step, "gate.fence-proof")) << step;
  }
  EXPECT_FALSE(WaitsFor(plan, "ecs.scale/web", "rds.promote/orders"))
      << "tasks start while the store is promoted";
  EXPECT_TRUE(WaitsFor(plan, "ecs.ready/web", "rds.promote/orders"));
  EXPECT_TRUE(WaitsFor(plan, "route53.shift/traffic", "ecs.ready/web"));
  EXPECT_TRUE(WaitsFor(plan, "app.verify", "route53.confirm/traffic"));
}

//   gate.fence-proof → drain → gate.final-loss ┬→ rds.promote
//                                              ├→ elasticache.promote
//                                              └→ dynamodb.ready
TEST(PlanTest, NothingIsPromotedBeforeTheLossThatHoldsForAllIsAccepted) {
  const Plan plan = ThreeStores(Action::kFailover, kHomeLost);
  const Step* gate = plan.Find(StepId("gate.final-loss"));
  ASSERT_NE(gate, nullptr);
  EXPECT_EQ(gate->parameters.at("restates"), "rds.drain/orders");
  EXPECT_TRUE(WaitsFor(plan, "gate.final-loss", "rds.drain/orders"));
  EXPECT_TRUE(WaitsFor(plan, "gate.final-loss", "gate.fence-proof"));
  int stores = 0;
  for (const Step& step : plan.steps) {
    if (!step.kind.str().ends_with(".promote") && step.kind.str() != "dynamodb.ready") continue;
    EXPECT_TRUE(WaitsFor(plan, step.id.str(), "gate.final-loss")) << step.id;
    ++stores;
  }
  EXPECT_EQ(stores, 3);
  EXPECT_FALSE(WaitsFor(plan, "ecs.scale/web", "gate.final-loss")) << "tasks start meanwhile";
  EXPECT_EQ(MustMake(Action::kSwitchover, kAllWell).Find(StepId("gate.final-loss")), nullptr)
      << "a planned move loses nothing";
}

TEST(PlanTest, TrafficMovesLastEvenWhenTheSpecDoesNotSaySo) {
  model::Application shop = model::testing::Shop();
  for (model::Component& component : shop.components) component.needs.clear();
  const base::Result<Plan> plan = Make(Action::kFailover, shop, {}, kHomeLost, {});
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(WaitsFor(*plan, "route53.shift/traffic", "rds.promote/orders"));
  EXPECT_TRUE(WaitsFor(*plan, "route53.shift/traffic", "ecs.ready/web"));
}

TEST(PlanTest, PlannedMovesCloseTheWriterOnlyWhenEverythingIsThere) {
  const Plan plan = MustMake(Action::kFailback, kAway);
  EXPECT_EQ(plan.from, kRecovery);
  EXPECT_EQ(plan.to, kHome);
  EXPECT_TRUE(WaitsFor(plan, "rds.replicate/orders@us-east-1", "rds.preserve-old/orders"));
  EXPECT_TRUE(WaitsFor(plan, "rds.quiesce/orders", "rds.replicate/orders@us-east-1"));
  EXPECT_TRUE(WaitsFor(plan, "rds.quiesce/orders", "ecs.scale/web@us-east-1"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.replicate/web@us-east-1", "rds.replicate/orders@us-east-1"))
      << "tasks carry the new instance's address";
  EXPECT_TRUE(WaitsFor(plan, "ecs.scale/web@us-east-1", "ecs.replicate/web@us-east-1"));
  EXPECT_TRUE(WaitsFor(plan, "ecs.replicate/web@us-west-2", "rds.replicate/orders@us-west-2"));
  EXPECT_TRUE(WaitsFor(plan, "rds.promote/orders", "rds.drain-to/orders"));
  EXPECT_TRUE(WaitsFor(plan, "route53.shift/traffic", "rds.open/orders"));
  EXPECT_TRUE(WaitsFor(plan, "rds.retire-old/orders", "app.verify"));
  EXPECT_TRUE(WaitsFor(plan, "rds.replicate/orders@us-west-2", "rds.retire-old/orders"));
  EXPECT_TRUE(WaitsFor(plan, "inventory.refresh", "rds.replicate/orders@us-west-2"));
}

TEST(PlanTest, WhatCannotBePlannedIsSaid) {
  EXPECT_EQ(MakeFor(Action::kFailover, model::Snapshot()).error().message(),
            "it is not known where the application is active; say --to us-west-2 to leave "
            "us-east-1, --to us-east-1 the other way round");
  model::Application tables = model::testing::ShopOfThreeStores();
  std::erase_if(tables.components, [](const model::Component& component) {
    return !std::holds_alternative<model::Dynamodb>(component.kind);
  });
  EXPECT_EQ(Make(Action::kFailover, tables, {}, model::Snapshot(), {}).error().message(),
            "it is not known where the application is active: its stores take writes in every "
            "Region alike; say --to us-west-2 to leave us-east-1, --to us-east-1 the other way "
            "round");
  EXPECT_EQ(MakeFor(Action::kFailback, kAllWell).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(MakeFor(Action::kSwitchover, kHomeLost).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(MakeFor(Action::kFailover, ActiveIn(kHome, Health::kUp, Health::kDown)).error().code(),
            ErrorCode::kWrongState);
  model::Snapshot mixed = kAllWell;
  mixed.active[model::ComponentName("orders")] = kRecovery;
  EXPECT_NE(MakeFor(Action::kFailover, mixed).error().message().find("--to REGION"),
            std::string::npos);
  Options options;
  options.to = Region("eu-west-1");
  EXPECT_EQ(MakeFor(Action::kFailover, kAllWell, options).error().code(), ErrorCode::kInvalid);
}

TEST(PlanTest, MixedAndUnknownStatesCanBeLeftByNamingTheRegion) {
  model::Snapshot mixed = kAllWell;
  mixed.active[model::ComponentName("orders")] = kRecovery;
  Options options;
  options.to = kRecovery;
  EXPECT_TRUE(MakeFor(Action::kFailover, mixed, options).ok());
  EXPECT_TRUE(MakeFor(Action::kFailover, model::Snapshot(), options).ok());
}

// Should the old Region be lost on the way, either nothing is promoted or every store is complete.
TEST(PlanTest, APlannedMovePromotesNothingBeforeEveryStoreIsComplete) {
  for (const auto& [action, seen] :
       {std::pair(Action::kSwitchover, kAllWell), std::pair(Action::kFailback, kAway)}) {
    const Plan plan = ThreeStores(action, seen);
    for (const char* promotes :
         {"rds.promote/orders", "dynamodb.open/carts", "elasticache.promote/sessions"}) {
      for (const char* last :
           {"rds.drain-to/orders", "dynamodb.drain-to/carts", "elasticache.drain-to/sessions"})
        EXPECT_TRUE(WaitsFor(plan, promotes, last)) << promotes << " " << last;
    }
  }
}

TEST(PlanTest, OptionsOutOfRangeAreRefused) {
  Options options;
  options.timeouts.promote = base::Duration(0);
  EXPECT_EQ(MakeFor(Action::kFailover, kHomeLost, options).error().message(),
            "time-out 'promote' is 0s; write 1s to 2h");
  options = {};
  options.attempts = 0;
  EXPECT_EQ(MakeFor(Action::kFailover, kHomeLost, options).error().code(), ErrorCode::kInvalid);
}

TEST(PlanTest, GateParametersCarryWhatAPersonSaid) {
  Options options;
  options.accept_loss = base::Duration(30'000'000'000);
  options.override_fence = "ANA: I pulled the plug";
  options.killed = KilledByDrill{kHome, base::WallTime{base::Duration(5)}};
  const Plan plan = MustMake(Action::kFailover, kHomeLost, options);
  EXPECT_EQ(plan.Find(StepId("gate.loss"))->parameters.at("accept-loss-ns"), "30000000000");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("override"),
            "ANA: I pulled the plug");
  EXPECT_EQ(plan.Find(StepId("gate.fence-proof"))->parameters.at("killed-at-ns"), "5");
}

TEST(PlanTest, WhatIsPromotedAlreadyIsKnownOnlyWhereAMoveDidIt) {
  Options options;
  options.promoted = {
      {model::ComponentName("orders"), {kRecovery, model::ExecutionId("s1")}},
      {model::ComponentName("sessions"), {kHome, model::ExecutionId("s1")}},
  };
  const auto plan =
      Make(Action::kFailover, model::testing::ShopOfThreeStores(), {}, kHomeLost, options);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  for (const char* step : {"rds.measure/orders", "rds.drain/orders"})
    EXPECT_EQ(plan->Find(StepId(step))->parameters.at("promoted-by"), "s1") << step;
  EXPECT_FALSE(
      plan->Find(StepId("elasticache.measure/sessions"))->parameters.contains("promoted-by"))
      << "it was promoted the other way";
}

TEST(PlanTest, ALeaseIsTakenBeforeAnythingIsPromotedOrClosed) {
  model::Application shop = model::testing::Shop();
  EXPECT_EQ(MustMake(Action::kFailover, kHomeLost).Find(StepId("lease.take")), nullptr);
  shop.failover.store = model::SharedStorePlace{};
  const auto failover = Make(Action::kFailover, shop, {}, kHomeLost, {});
  ASSERT_TRUE(failover.ok()) << failover.error().message();
  EXPECT_TRUE(WaitsFor(*failover, "gate.fence-proof", "lease.take"));
  EXPECT_TRUE(WaitsFor(*failover, "lease.take", "gate.loss"));
  EXPECT_TRUE(WaitsFor(*failover, "rds.promote/orders", "lease.take"));
  const auto move = Make(Action::kSwitchover, shop, {}, kAllWell, {});
  ASSERT_TRUE(move.ok()) << move.error().message();
  EXPECT_TRUE(WaitsFor(*move, "rds.quiesce/orders", "lease.take"));
  EXPECT_TRUE(WaitsFor(*move, "lease.take", "lease.hand-over"));
  EXPECT_TRUE(WaitsFor(*move, "lease.hand-over", "ecs.scale/web@us-west-2"));
  EXPECT_EQ(move->Find(StepId("lease.hand-over"))->region, kHome);
  EXPECT_EQ(failover->Find(StepId("lease.hand-over")), nullptr) << "nobody to ask";
  EXPECT_FALSE(failover->Find(StepId("gate.fence-proof"))->parameters.contains("without-door"));
  const auto back = Make(Action::kFailback, shop, {}, kAway, {});
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_TRUE(WaitsFor(*back, "rds.quiesce/orders", "lease.take"));
  EXPECT_TRUE(WaitsFor(*back, "lease.hand-over", "rds.late-writes/orders"));
}

TEST(PlanTest, ACallOffOpensWhatTheMoveHadClosed) {
  model::Application shop = model::testing::Shop();
  shop.failover.store = model::SharedStorePlace{};
  Options options;
  options.to = kHome;
  const auto off = Make(Action::kCallOff, shop, {}, kAllWell, options);
  ASSERT_TRUE(off.ok()) << off.error().message();
  EXPECT_EQ(off->from, kRecovery);
  EXPECT_EQ(off->Find(StepId("lease.hand-over"))->region, kRecovery);
  EXPECT_EQ(off->Find(StepId("lease.take"))->region, kHome);
  EXPECT_TRUE(WaitsFor(*off, "rds.open/orders", "lease.take"));
  EXPECT_TRUE(WaitsFor(*off, "app.verify", "rds.open/orders"));
  EXPECT_EQ(off->Find(StepId("ecs.scale/web"))->parameters.at("desired"), "1");
  EXPECT_EQ(off->Find(StepId("rds.promote/orders")), nullptr);
  EXPECT_EQ(off->Find(StepId("route53.shift/traffic")), nullptr);
}

// The Region that the move was to go to may be lost: nothing in it may keep the other one closed.
TEST(PlanTest, ACallOffNeedsNothingOfTheRegionThatTheMoveWasToGoTo) {
  Options options;
  options.to = kHome;
  const model::Snapshot recovery_lost = ActiveIn(kHome, Health::kUp, Health::kDown);
  for (const Step& step : ThreeStores(Action::kCallOff, recovery_lost, options).steps) {
    if (step.on_failure == model::OnFailure::kContinue) continue;
    for (const model::AwsCall& call : step.calls)
      EXPECT_NE(call.control_plane, kRecovery) << step.id;
  }
}

TEST(PlanTest, ControlPlanesAreWhereAwsHasThem) {
  EXPECT_EQ(ControlPlaneOf("route53", {}), Region("us-east-1"));
  EXPECT_EQ(ControlPlaneOf("route53-recovery-control-config", {}), Region("us-west-2"));
  EXPECT_EQ(ControlPlaneOf("route53-recovery-cluster", {}), Region());
  EXPECT_EQ(ControlPlaneOf("rds", Region("eu-west-1")), Region("eu-west-1"));
}

TEST(PlanTest, EveryKindEmittedIsListedOnceAndEveryRuleNamesAKind) {
  std::set<std::string> kinds;
  for (const model::StepKind& kind : AllStepKinds())
    EXPECT_TRUE(kinds.insert(kind.str()).second) << kind;
  const auto known = [&](const std::string& side) {
    return MeansAny(side.substr(0, side.find('@')));
  };
  std::vector<OrderRule> rules = CommonOrder();
  for (const Recipe* recipe : Recipes())
    rules.insert(rules.end(), recipe->order().begin(), recipe->order().end());
  for (const OrderRule& rule : rules)
    EXPECT_TRUE(known(rule.before) && known(rule.after)) << rule.before << rule.after;
  EXPECT_FALSE(AllOperations().empty());
}

}  // namespace
}  // namespace leeward::plan

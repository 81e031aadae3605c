// What a controller makes of what people ask of it, against a store and a journal that are real; of
// AWS and of the application nothing answers.
#include "cli/keeper.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/testing/scratch_folder.h"
#include "cli/carry_out.h"
#include "cli/inventory_file.h"
#include "cli/mirroring.h"
#include "execute/execute.h"
#include "lease/in_store.h"
#include "model/testing/shop.h"
#include "plan/plan.h"
#include "store/sqlite.h"

namespace leeward::cli {
namespace {

using namespace std::chrono_literals;

const model::Region kHome("us-east-1"), kRecovery("us-west-2");
constexpr char kName[] = "00000000000000aa";  // the controller's
constexpr char kOther[] = "00000000000000bb";

class KeeperTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    setenv("AWS_ACCESS_KEY_ID", "test", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    setenv("SHOP_DB_PASSWORD", "test", 1);
  }
  void SetUp() override {
    world_ = World::Make({}).value();
    project_.application = model::testing::Shop();
    model::SharedStorePlace place;
    place.kind = model::SharedStoreKind::kSqlite;
    place.path = folder_ + "/store.db";
    project_.application.failover.store = place;
    project_.spec_path = folder_ + "/shop.yaml";
    project_.state = folder_ + "/state";
    ASSERT_TRUE(world_->files.MakeDirectories(project_.state).ok());
    ASSERT_TRUE(world_->files.WriteAtomically(project_.state + "/controller", kName).ok());
    for (const model::Region& region : {kHome, kRecovery}) {
      inventory_.facts[{model::ComponentName("orders"), region, "endpoint.address"}] = "127.0.0.1";
      inventory_.facts[{model::ComponentName("orders"), region, "endpoint.port"}] = "1";
    }
    ASSERT_TRUE(InventoryKeeper(world_->files, project_.InventoryPath()).Save(inventory_).ok());
    store_ = store::OpenSqlite({.path = folder_ + "/store.db"}, world_->clock).value();
  }

  // A failover of that controller's is in this project's journal, and not in the store.
  void BeginInJournal(const std::string& controller) {
    auto opened = OpenJournal(world_->files, project_);
    ASSERT_TRUE(opened.ok());
    ASSERT_TRUE(opened->journal->Append({Begun(controller)}).ok());
  }
  // Another controller's is in a journal elsewhere, and in the store.
  void BeginElsewhere(const std::string& controller) {
    Project elsewhere = project_;
    elsewhere.state = folder_ + "/elsewhere";
    auto opened = OpenJournal(world_->files, elsewhere);
    ASSERT_TRUE(opened.ok());
    const auto mirroring =
        StartMirroring(*world_, elsewhere, "serve:" + controller, store_.get(), *opened);
    ASSERT_TRUE(mirroring.ok()) << mirroring.error().message();
    ASSERT_TRUE(opened->journal->Append({Begun(controller)}).ok());
  }
  model::Event Begun(const std::string& controller) {
    model::Snapshot snapshot;
    snapshot.at = world_->clock.Now();
    for (const model::Component& component : project_.application.components)
      snapshot.active[component.name] = kHome;
    plan::Options options;
    options.starter = plan::Starter::kDaemon;
    const model::Plan plan =
        plan::Make(model::Action::kFailover, project_.application, inventory_, snapshot, options)
            .value();
    return execute::Started(
        plan, {model::ExecutionId("e1"), "serve:" + controller, plan::ToJson(plan)}, snapshot.at);
  }
  void PutMove(const std::string& controller, serve::MoveState state) {
    const serve::Move move{controller, kHome, kRecovery, state, "asked for", world_->clock.Now()};
    ASSERT_TRUE(store_
                    ->Put(serve::MoveKey(project_.application.name), serve::ToJson(move),
                          ports::kAbsent, Soon())
                    .ok());
  }
  std::optional<serve::MoveState> MoveInStore() {
    const auto entry = store_->Get(serve::MoveKey(project_.application.name), Soon());
    if (!entry.ok() || !*entry) return std::nullopt;
    return serve::MoveFromJson((*entry)->value).value().state;
  }

  std::unique_ptr<Keeper> Start() {
    auto made = Keeper::Make(project_, "", [](const std::string&) {});
    EXPECT_TRUE(made.ok()) << made.error().message();
    return made.ok() ? *std::move(made) : nullptr;
  }
  base::MonotonicTime Soon() const { return world_->clock.Monotonic() + 10s; }
  bool Await(const std::function<bool()>& condition, base::Duration pause = 2ms) {
    const base::MonotonicTime until = world_->clock.Monotonic() + 30s;
    while (!condition()) {
      if (world_->clock.Monotonic() > until || !world_->Pause(pause)) return false;
    }
    return true;
  }

  const base::testing::ScratchFolder scratch_{"leeward-keeper-XXXXXX"};
  const std::string folder_ = scratch_.path();
  std::unique_ptr<World> world_;
  Project project_;
  model::Inventory inventory_;
  std::unique_ptr<ports::SharedStore> store_;
};

// It is asked for as soon as it may be, which is while the controller is about to go on.
TEST_F(KeeperTest, AnAbortThatWasTakenStopsWhatWasAboutToBeGoneOnWith) {
  BeginInJournal(kName);
  PutMove(kName, serve::MoveState::kRunning);
  const auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  ASSERT_TRUE(Await([&] { return keeper->Abort().ok(); }, base::Duration(1000)));
  EXPECT_TRUE(Await([&] { return MoveInStore() == serve::MoveState::kAborted; }))
      << "doing: " << keeper->Now().doing;
}

TEST_F(KeeperTest, AnOverrideWithoutANameIsNotTakenToBeRefusedByTheGate) {
  const auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  for (const char* by : {"yes", "ann", "ann: ", ": it is off"}) {
    const base::Status started = keeper->Start({.accept_loss = {}, .override_fence = by});
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code(), base::ErrorCode::kInvalid) << by;
  }
}

TEST_F(KeeperTest, AControllerThatEndsInTheMiddleOfAMoveLeavesTheTurnToOthersAtOnce) {
  BeginInJournal(kName);
  PutMove(kName, serve::MoveState::kRunning);
  auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  ASSERT_TRUE(Await([&] { return keeper->Now().running.has_value(); }));
  keeper.reset();
  const auto seen = lease::ReadFrom(*store_, ControllersKey(project_.application.name), Soon());
  ASSERT_TRUE(seen.ok() && seen->has_value());
  EXPECT_TRUE((*seen)->record.released);
  EXPECT_EQ(MoveInStore(), serve::MoveState::kRunning) << "it is gone on with";
}

TEST_F(KeeperTest, AnAbortThatWasTakenOutlivesTheController) {
  BeginInJournal(kName);
  PutMove(kName, serve::MoveState::kRunning);
  auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  ASSERT_TRUE(Await([&] { return keeper->Now().running.has_value(); }));
  ASSERT_TRUE(keeper->Abort().ok());
  keeper.reset();
  EXPECT_EQ(MoveInStore(), serve::MoveState::kAborted);
}

// Its journal has nothing of it; the store has all that another one left, and it was ended there.
TEST_F(KeeperTest, WhatAnotherControllerLeftIsGoneOnWithWhenAPersonAsks) {
  BeginElsewhere(kOther);
  PutMove(kOther, serve::MoveState::kAborted);
  const auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  EXPECT_TRUE(Await([&] { return keeper->Start({}).ok(); }));
  EXPECT_TRUE(Await([&] { return keeper->Now().running.has_value(); })) << keeper->Now().doing;
}

TEST_F(KeeperTest, AnAbortEndsWhatFailedAndWaitsToBeTriedAgain) {
  BeginInJournal(kName);
  PutMove(kName, serve::MoveState::kRunning);
  const auto keeper = Start();
  ASSERT_NE(keeper, nullptr);
  ASSERT_TRUE(Await([&] { return MoveInStore() == serve::MoveState::kFailed; }));
  ASSERT_TRUE(Await([&] { return !keeper->Now().running; }));
  const base::Status aborted = keeper->Abort();
  EXPECT_TRUE(aborted.ok()) << aborted.error().message();
  EXPECT_TRUE(Await([&] { return MoveInStore() == serve::MoveState::kAborted; }));
}

}  // namespace
}  // namespace leeward::cli

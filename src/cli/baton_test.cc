#include "cli/baton.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/testing/scratch_folder.h"
#include "model/testing/shop.h"
#include "ports/testing/cut_store.h"
#include "store/sqlite.h"

namespace leeward::cli {
namespace {

using namespace std::chrono_literals;

// One controller: its connection, its baton, and whether something runs.
struct Controller {
  Controller(World& world, const std::string& path) : store(Connect(world, path)) {
    baton = std::make_unique<Baton>(
        world, model::testing::Shop(), store,
        Baton::Hooks{[this] { running = false; }, [this] { return !running; }});
  }
  static std::unique_ptr<ports::SharedStore> Connect(World& world, const std::string& path) {
    auto opened = store::OpenSqlite({.path = path}, world.clock);
    CHECK(opened.ok());
    return *std::move(opened);
  }
  std::atomic<bool> running{false};
  ports::testing::CutStore store;
  std::unique_ptr<Baton> baton;
};

class BatonTest : public testing::Test {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.aws = WorldOptions::Aws::kOnlyGiven;
    auto made = World::Make(options);
    ASSERT_TRUE(made.ok()) << made.error().message();
    world_ = *std::move(made);
  }
  std::unique_ptr<Controller> Start() {
    return std::make_unique<Controller>(*world_, folder_ + "/store.db");
  }
  // Waits, and holds all the while that never two of them have it.
  bool Await(const std::vector<Controller*>& all, const std::function<bool()>& condition) {
    const base::MonotonicTime until = world_->clock.Monotonic() + 30s;
    while (!condition()) {
      int held = 0;
      for (const Controller* each : all) held += each->baton->Held() ? 1 : 0;
      EXPECT_LE(held, 1);
      if (world_->clock.Monotonic() > until || !world_->Pause(2ms)) return false;
    }
    return true;
  }

  const base::testing::ScratchFolder scratch_{"leeward-baton-XXXXXX"};
  const std::string folder_ = scratch_.path();
  std::unique_ptr<World> world_;
};

TEST_F(BatonTest, OneOfSeveralHasItAndLeavesItToTheNext) {
  auto first = Start(), second = Start(), third = Start();
  const std::vector<Controller*> all = {first.get(), second.get(), third.get()};
  std::unique_ptr<Controller>* holder = nullptr;
  ASSERT_TRUE(Await(all, [&] {
    for (auto* each : {&first, &second, &third}) {
      if ((*each)->baton->Held()) holder = each;
    }
    return holder != nullptr;
  }));
  holder->reset();
  EXPECT_TRUE(Await({}, [&] {
    for (auto* each : {&first, &second, &third}) {
      if (*each && (*each)->baton->Held()) return true;
    }
    return false;
  }));
}

TEST_F(BatonTest, WhoIsCutOffFromTheStoreStopsBeforeAnotherBegins) {
  auto first = Start();
  ASSERT_TRUE(Await({first.get()}, [&] { return first->baton->Held(); }));
  auto second = Start();
  first->running = true;
  first->store.cut = true;
  EXPECT_TRUE(Await({first.get(), second.get()}, [&] { return second->baton->Held(); }));
  EXPECT_FALSE(first->running);
  EXPECT_FALSE(first->baton->Held());
}

TEST_F(BatonTest, WhoYieldsLetsAnotherInAndMayHaveItAgain) {
  auto first = Start();
  ASSERT_TRUE(Await({first.get()}, [&] { return first->baton->Held(); }));
  first->baton->Yield(1s);
  EXPECT_TRUE(Await({first.get()}, [&] { return !first->baton->Held(); }));
  EXPECT_TRUE(Await({first.get()}, [&] { return first->baton->Held(); }));
  auto second = Start();
  first->baton->Yield(600s);
  EXPECT_TRUE(Await({first.get(), second.get()}, [&] { return second->baton->Held(); }));
}

}  // namespace
}  // namespace leeward::cli

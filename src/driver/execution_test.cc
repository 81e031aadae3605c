// The loop killed at every record boundary, before and after the record is durable, and started
// again.
#include "driver/execution.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "driver/ticking_clock.h"
#include "plan/plan.h"
#include "ports/testing/memory_files.h"

namespace leeward::driver {
namespace {

using base::Result;
using base::Status;
using model::Event;
using model::EventKind;
using model::StepId;

constexpr char kPath[] = "journal.lwj";

// The point at which the process dies: nothing it does afterwards has an effect.
struct Death {
  enum class When { kBeforeSync, kAfterSync };
  int at_sync = -1;  // counted from 0; -1: never
  When when = When::kBeforeSync;
  int syncs = 0;
  std::atomic<bool> dead = false;
};

// Files of a process that may die, for several threads.
class MortalFiles : public ports::Files {
 public:
  MortalFiles(ports::Files& below, std::mutex& mutex, Death& death)
      : below_(below), mutex_(mutex), death_(death) {}

  Result<std::string> Read(const std::string& path, std::uint64_t max_bytes) override {
    std::lock_guard lock(mutex_);
    return below_.Read(path, max_bytes);
  }
  Status WriteAtomically(const std::string& path, std::string_view bytes) override {
    return below_.WriteAtomically(path, bytes);
  }
  Result<std::unique_ptr<ports::AppendFile>> OpenAppend(const std::string& path) override {
    std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(std::unique_ptr<ports::AppendFile> file, below_.OpenAppend(path));
    return std::unique_ptr<ports::AppendFile>(new File(*this, std::move(file)));
  }
  Status MakeDirectories(const std::string& path) override { return below_.MakeDirectories(path); }
  Status Remove(const std::string& path) override { return below_.Remove(path); }
  Result<bool> Exists(const std::string& path) override { return below_.Exists(path); }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    return below_.List(directory);
  }

 private:
  class File : public ports::AppendFile {
   public:
    File(MortalFiles& owner, std::unique_ptr<ports::AppendFile> below)
        : owner_(owner), below_(std::move(below)) {}
    ~File() override {
      std::lock_guard lock(owner_.mutex_);
      below_.reset();
    }
    Status Append(std::string_view bytes) override {
      std::lock_guard lock(owner_.mutex_);
      if (owner_.death_.dead) return base::Unreachable("dead");
      return below_->Append(bytes);
    }
    Status Sync() override {
      std::lock_guard lock(owner_.mutex_);
      Death& death = owner_.death_;
      if (death.dead) return base::Unreachable("dead");
      const bool now = death.syncs++ == death.at_sync;
      if (now && death.when == Death::When::kBeforeSync) {
        death.dead = true;
        return base::Unreachable("dead");
      }
      RETURN_IF_ERROR(below_->Sync());
      if (now) death.dead = true;
      return base::Ok();
    }
    Result<std::uint64_t> Size() const override { return below_->Size(); }
    Status Truncate(std::uint64_t size) override {
      if (owner_.death_.dead) return base::Unreachable("dead");
      return below_->Truncate(size);
    }

   private:
    MortalFiles& owner_;
    std::unique_ptr<ports::AppendFile> below_;
  };

  ports::Files& below_;
  std::mutex& mutex_;
  Death& death_;
};

// What the steps have made of the world, and whether each was intended first.
struct World {
  std::map<StepId, int> effects;
  int unintended = 0;
};

// Looks, acts when it must, confirms.
class FakeSteps : public ports::StepRunner {
 public:
  FakeSteps(World& world, ports::testing::MemoryFiles& disk, std::mutex& mutex, Death& death)
      : world_(world), disk_(disk), mutex_(mutex), death_(death) {}

  Result<ports::StepOutcome> Run(const ports::StepContext& context) override {
    std::lock_guard lock(mutex_);
    if (death_.dead) return base::Unreachable("dead");
    if (refuse == context.step.id) return base::Refused("no");
    if (failures[context.step.id] > 0) {
      --failures[context.step.id];
      return base::Unreachable("not yet");
    }
    if (!Intended(context.step.id)) ++world_.unintended;
    for (const StepId& before : context.step.after) EXPECT_EQ(world_.effects[before], 1) << before;
    if (world_.effects[context.step.id] == 0) world_.effects[context.step.id] = 1;
    return ports::StepOutcome{"did it", {{"made", context.step.id.str()}}};
  }

  std::map<StepId, int> failures;
  StepId refuse;

 private:
  bool Intended(const StepId& step) {
    const auto contents = journal::Read(disk_, kPath);
    if (!contents.ok()) return false;
    for (const Event& event : contents->events) {
      if (event.kind == EventKind::kStepIntended && event.step == step) return true;
    }
    return false;
  }

  World& world_;
  ports::testing::MemoryFiles& disk_;
  std::mutex& mutex_;
  Death& death_;
};

class Ignore : public EventSink {
 public:
  void OnPlan(const model::Plan&, const execute::State&) override {}
  void OnEvent(const Event& event) override { events.push_back(event); }
  void OnProgress(const StepId&, std::string_view) override {}
  std::vector<Event> events;
};

//   a ──▶ b ──▶ d
//    ╲──▶ c ──╱
model::Plan Diamond() {
  model::Plan plan;
  plan.application = model::ApplicationName("shop");
  plan.from = model::Region("us-east-1");
  plan.to = model::Region("us-west-2");
  const auto add = [&](const char* id, std::vector<StepId> after) {
    model::Step step;
    step.id = StepId(id);
    step.kind = model::StepKind("test.step");
    step.after = std::move(after);
    step.timeout = base::Duration(1'000'000'000);
    step.max_attempts = 3;
    plan.steps.push_back(step);
  };
  add("a", {});
  add("b", {StepId("a")});
  add("c", {StepId("a")});
  add("d", {StepId("b"), StepId("c")});
  return plan;
}

struct Bench {
  ports::testing::MemoryFiles disk;
  std::mutex mutex;
  World world;
  TickingClock clock;
  model::Application application;
  model::Inventory inventory;
  Ignore sink;
  model::Plan plan = Diamond();

  // One life of the process: begins, or goes on with what it finds.
  Result<Finish> Live(Death& death, FakeSteps& steps, std::stop_token stop = {}) {
    MortalFiles files(disk, mutex, death);
    ASSIGN_OR_RETURN(journal::Journal::Opened opened, journal::Journal::Open(files, kPath));
    Setting setting{application, inventory, *opened.journal, steps, clock, sink, stop, {}};
    setting.limits.backoff = base::Duration(0);
    const auto unfinished = execute::FindUnfinished(opened.events);
    if (!unfinished) {
      return Begin(setting, plan, {model::ExecutionId("x1"), "test", plan::ToJson(plan)});
    }
    ASSIGN_OR_RETURN(const model::Plan saved, plan::FromJson(unfinished->plan_json));
    return GoOn(setting, saved, unfinished->execution, "test", opened.events);
  }
  Result<Finish> Live(Death& death) {
    FakeSteps steps(world, disk, mutex, death);
    return Live(death, steps);
  }
};

TEST(Execution, RunsEveryStepOnceInOrder) {
  Bench bench;
  Death never;
  const Result<Finish> finish = bench.Live(never);
  ASSERT_TRUE(finish.ok()) << finish.error().message();
  EXPECT_EQ(finish->outcome, execute::Outcome::kDone);
  EXPECT_EQ(bench.world.effects.size(), 4u);
  EXPECT_EQ(bench.world.unintended, 0);
  EXPECT_EQ(finish->state.outputs.at("d.made"), "d");
}

TEST(Execution, KilledAtEveryRecordBoundaryItComesToTheSameEnd) {
  int deaths = 0;
  for (const Death::When when : {Death::When::kBeforeSync, Death::When::kAfterSync}) {
    for (int sync = 0;; ++sync) {
      Bench bench;
      Death death;
      death.at_sync = sync;
      death.when = when;
      const bool lived = bench.Live(death).ok() && !death.dead;
      if (lived) break;
      ++deaths;
      bench.disk.LosePower();
      Death never;
      const Result<Finish> finish = bench.Live(never);
      ASSERT_TRUE(finish.ok()) << "sync " << sync << ": " << finish.error().message();
      EXPECT_EQ(finish->outcome, execute::Outcome::kDone) << "sync " << sync;
      EXPECT_EQ(bench.world.unintended, 0) << "sync " << sync;
      for (const model::Step& step : bench.plan.steps) {
        EXPECT_EQ(bench.world.effects[step.id], 1) << "sync " << sync << " step " << step.id;
      }
      ASSERT_LT(sync, 100) << "the execution never ends";
    }
  }
  EXPECT_GE(deaths, 8) << "the boundaries were not reached";
}

TEST(Execution, TriesAgainAndGivesUpAfterItsAttempts) {
  Bench bench;
  Death never;
  FakeSteps steps(bench.world, bench.disk, bench.mutex, never);
  steps.failures[StepId("b")] = 2;
  EXPECT_EQ(bench.Live(never, steps)->outcome, execute::Outcome::kDone);

  Bench other;
  FakeSteps broken(other.world, other.disk, other.mutex, never);
  broken.failures[StepId("b")] = 3;
  const Result<Finish> finish = other.Live(never, broken);
  ASSERT_TRUE(finish.ok());
  EXPECT_EQ(finish->outcome, execute::Outcome::kFailed);
  EXPECT_EQ(other.world.effects[StepId("c")], 1);
  EXPECT_EQ(other.world.effects[StepId("d")], 0);
  // Started again, it goes on where it stopped.
  EXPECT_EQ(other.Live(never)->outcome, execute::Outcome::kDone);
  EXPECT_EQ(other.world.effects[StepId("d")], 1);
}

TEST(Execution, ARefusalEndsItAndNothingBehindItRuns) {
  Bench bench;
  Death never;
  FakeSteps steps(bench.world, bench.disk, bench.mutex, never);
  bench.plan.steps[0].kind = model::StepKind("gate.test");
  steps.refuse = StepId("a");
  const Result<Finish> finish = bench.Live(never, steps);
  ASSERT_TRUE(finish.ok());
  EXPECT_EQ(finish->outcome, execute::Outcome::kRefused);
  EXPECT_TRUE(bench.world.effects.empty());
}

TEST(Execution, AFullDiskStopsItBeforeAnythingActs) {
  Bench bench;
  Death never;
  FakeSteps steps(bench.world, bench.disk, bench.mutex, never);
  MortalFiles files(bench.disk, bench.mutex, never);
  auto opened = journal::Journal::Open(files, kPath);
  ASSERT_TRUE(opened.ok());
  bench.disk.SetSpace(0);
  Setting setting{
      bench.application, bench.inventory, *opened->journal, steps, bench.clock, bench.sink, {}, {}};
  const Result<Finish> finish =
      Begin(setting, bench.plan, {model::ExecutionId("x1"), "test", "{}"});
  ASSERT_FALSE(finish.ok());
  EXPECT_EQ(finish.error().code(), base::ErrorCode::kExhausted);
  EXPECT_TRUE(bench.world.effects.empty());
}

TEST(Execution, AStopIsCleanAndGoneOnWith) {
  Bench bench;
  Death never;
  std::stop_source stop;
  stop.request_stop();
  FakeSteps steps(bench.world, bench.disk, bench.mutex, never);
  const Result<Finish> finish = bench.Live(never, steps, stop.get_token());
  ASSERT_TRUE(finish.ok());
  EXPECT_EQ(finish->outcome, execute::Outcome::kAborted);
  EXPECT_TRUE(bench.world.effects.empty());
  EXPECT_EQ(bench.Live(never)->outcome, execute::Outcome::kDone);
}

}  // namespace
}  // namespace leeward::driver

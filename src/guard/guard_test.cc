#include "guard/guard.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "base/testing/scratch_folder.h"
#include "guard/doors.h"
#include "os/clock.h"
#include "ports/testing/cut_store.h"
#include "store/sqlite.h"

namespace leeward::guard {
namespace {

using namespace std::chrono_literals;

const model::Region kHome("us-east-1");
const model::Region kOther("us-west-2");
constexpr char kRequestKey[] = "leeward/shop/hand-over";
constexpr char kKey[] = "leeward/shop/lease";

// A door that remembers until when it is open.
class RememberedDoor : public Door {
 public:
  explicit RememberedDoor(const ports::Clock& clock) : clock_(clock) {}
  base::Status Open(base::MonotonicTime until, const Cancelled&) override {
    const std::lock_guard lock(mutex_);
    until_ = until;
    return base::Ok();
  }
  base::Status Extend(base::MonotonicTime until, const Cancelled&) override {
    const std::lock_guard lock(mutex_);
    until_ = std::max(until_, until);
    return base::Ok();
  }
  base::Status Close(base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    ++closings_;
    if (jammed_ > 0) {
      --jammed_;
      return base::Unreachable("jammed");
    }
    until_ = {};
    return base::Ok();
  }
  // From now on closing fails that many times.
  void Jam(int times) {
    const std::lock_guard lock(mutex_);
    jammed_ = times;
  }
  int closings() const {
    const std::lock_guard lock(mutex_);
    return closings_;
  }
  bool IsOpen() const {
    const std::lock_guard lock(mutex_);
    return clock_.Monotonic() < until_;
  }

 private:
  const ports::Clock& clock_;
  mutable std::mutex mutex_;
  base::MonotonicTime until_;
  int jammed_ = 0;
  int closings_ = 0;
};

// What the guard tells of its fences.
class Fences {
 public:
  Guard::OnFence Listener() {
    return [this](const Fencing& fencing) {
      const std::lock_guard lock(mutex_);
      told_.push_back(fencing);
    };
  }
  std::vector<Fencing> told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Fencing> told_;
};

class GuardTest : public testing::Test {
 protected:
  void SetUp() override { store_ = std::make_unique<ports::testing::CutStore>(Connect()); }
  void TearDown() override { store_.reset(); }
  std::unique_ptr<ports::SharedStore> Connect() {
    auto opened = store::OpenSqlite({.path = folder_ + "/store.db"}, clock_);
    CHECK(opened.ok());
    return *std::move(opened);
  }
  std::unique_ptr<Guard> Start(const model::Region& region, const std::string& who, Door& door,
                               Guard::OnFence on_fence = {}) {
    return std::make_unique<Guard>(
        lease::HolderOptions{lease::TermsFor(1s), region, who, region == kHome},
        Guard::Keys{kKey, kRequestKey}, *store_, door, clock_, std::move(on_fence));
  }
  bool Await(const std::function<bool()>& condition) {
    const base::MonotonicTime until = clock_.Monotonic() + 20s;
    while (!condition()) {
      if (clock_.Monotonic() > until) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  }
  lease::Seen Record() {
    const auto entry = store_->Get(kKey, clock_.Monotonic() + 5s);
    CHECK(entry.ok() && *entry);
    return {*lease::RecordFromJson((*entry)->value), (*entry)->revision};
  }

  os::SystemClock clock_;
  const base::testing::ScratchFolder scratch_{"leeward-guard-XXXXXX"};
  const std::string folder_ = scratch_.path();
  std::unique_ptr<ports::testing::CutStore> store_;
};

TEST_F(GuardTest, HoldsTheDoorOpenClosesWhenCutOffAndOpensAgain) {
  RememberedDoor door(clock_);
  const auto guard = Start(kHome, "guard-1", door);
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 1u && door.IsOpen(); }));
  const std::uint64_t first = Record().record.renewal;
  ASSERT_TRUE(Await([&] { return Record().record.renewal > first + 5; }));
  EXPECT_TRUE(door.IsOpen()) << "renewals keep it open";
  store_->cut = true;
  ASSERT_TRUE(Await([&] { return !guard->Status().epoch && !door.IsOpen(); }));
  EXPECT_EQ(guard->Status().late_fences, 0);
  store_->cut = false;
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 2u && door.IsOpen(); }));
}

TEST_F(GuardTest, EachFenceIsToldOnceWithItsEpochAndReason) {
  RememberedDoor door(clock_);
  Fences fences;
  const auto guard = Start(kHome, "guard-1", door, fences.Listener());
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 1u; }));
  ASSERT_EQ(fences.told().size(), 1u);
  EXPECT_FALSE(fences.told()[0].epoch) << "a guard that starts does not know what was held";
  door.Jam(2);
  const int before = door.closings();
  store_->cut = true;
  ASSERT_TRUE(Await([&] { return door.closings() >= before + 3; })) << "it is told until it closes";
  store_->cut = false;
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 2u; }));
  ASSERT_EQ(fences.told().size(), 2u) << "that was one fence";
  EXPECT_EQ(fences.told()[1].epoch, 1u);
  EXPECT_EQ(fences.told()[1].reason, "the lease could not be renewed in time");
  guard->Release();
  ASSERT_TRUE(Await([&] { return guard->Status().released; }));
  ASSERT_EQ(fences.told().size(), 3u);
  EXPECT_EQ(fences.told()[2].epoch, 2u);
  EXPECT_EQ(fences.told()[2].reason, "the lease is handed over");
}

// A door that closes, but not when there is no time.
class InTimeDoor : public Door {
 public:
  InTimeDoor(const ports::Clock& clock, std::atomic<int>* closed)
      : clock_(clock), closed_(closed) {}
  base::Status Open(base::MonotonicTime, const Cancelled&) override { return base::Ok(); }
  base::Status Extend(base::MonotonicTime, const Cancelled&) override { return base::Ok(); }
  base::Status Close(base::MonotonicTime deadline) override {
    if (clock_.Monotonic() >= deadline) return base::Unreachable("no time is left");
    ++*closed_;
    return base::Ok();
  }

 private:
  const ports::Clock& clock_;
  std::atomic<int>* const closed_;
};

// A door that does not answer while any of those is open.
class DeadDoor : public Door {
 public:
  DeadDoor(const ports::Clock& clock, const std::atomic<int>* closed, int of)
      : clock_(clock), closed_(closed), of_(of) {}
  base::Status Open(base::MonotonicTime, const Cancelled&) override { return base::Ok(); }
  base::Status Extend(base::MonotonicTime, const Cancelled&) override { return base::Ok(); }
  base::Status Close(base::MonotonicTime deadline) override {
    while (*closed_ < of_ && clock_.Monotonic() < deadline) ::poll(nullptr, 0, 1);
    return base::Unreachable("dead");
  }

 private:
  const ports::Clock& clock_;
  const std::atomic<int>* const closed_;
  const int of_;
};

TEST(DoorsTest, OneThatDoesNotAnswerKeepsNoOtherOpen) {
  const os::SystemClock clock;
  std::atomic<int> closed = 0;
  Doors doors;
  doors.Add(std::make_unique<InTimeDoor>(clock, &closed));
  doors.Add(std::make_unique<DeadDoor>(clock, &closed, 2));
  doors.Add(std::make_unique<DeadDoor>(clock, &closed, 2));
  doors.Add(std::make_unique<InTimeDoor>(clock, &closed));
  const base::Status all = doors.Close(clock.Monotonic() + 5s);
  ASSERT_FALSE(all.ok()) << "two are not closed";
  EXPECT_EQ(all.error().message(), "dead");
  EXPECT_EQ(closed, 2);
}

TEST(DoorsTest, WhereAllCloseTheyAreClosed) {
  const os::SystemClock clock;
  std::atomic<int> closed = 0;
  Doors doors;
  EXPECT_TRUE(doors.Close(clock.Monotonic() + 5s).ok()) << "there is none";
  for (int i = 0; i < 3; ++i) doors.Add(std::make_unique<InTimeDoor>(clock, &closed));
  EXPECT_TRUE(doors.Close(clock.Monotonic() + 5s).ok());
  EXPECT_EQ(closed, 3);
}

// A program that never ends by itself.
class Hanging : public Program {
 public:
  ProgramEnd Run(const ProgramCall&, const Cancelled& stopped) override {
    while (!stopped()) ::poll(nullptr, 0, 1);
    return {};
  }
};

TEST_F(GuardTest, AHookThatHangsDelaysNothing) {
  RememberedDoor door(clock_);
  Hanging program;
  FenceHook hook({{"/bin/fenced"}, 60s}, {model::ApplicationName("shop"), kHome}, program, clock_,
                 [](const std::string&) {});
  const auto guard =
      Start(kHome, "guard-1", door, [&](const Fencing& fencing) { hook.Run(fencing); });
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 1u && door.IsOpen(); }));
  ASSERT_TRUE(Await([&] { return hook.Status().state == HookState::kRunning; }));
  store_->cut = true;
  ASSERT_TRUE(Await([&] { return !guard->Status().epoch && !door.IsOpen(); }));
  EXPECT_EQ(guard->Status().late_fences, 0);
  store_->cut = false;
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 2u && door.IsOpen(); }));
  EXPECT_EQ(hook.Status().runs, 1u) << "still the first";
}

TEST_F(GuardTest, OnlyTheRegionOfTheRecordOpens) {
  RememberedDoor home(clock_), other(clock_);
  const auto first = Start(kHome, "guard-1", home);
  const auto second = Start(kOther, "guard-2", other);
  ASSERT_TRUE(Await([&] { return first->Status().epoch == 1u; }));
  first->Release();
  ASSERT_TRUE(Await([&] { return Record().record.released && first->Status().released; }));
  EXPECT_FALSE(home.IsOpen());
  lease::Record taken = Record().record;
  taken.epoch = 2;
  taken.holder = kOther;
  taken.who = "controller-1";
  taken.guarded = false;
  taken.released = false;
  ASSERT_TRUE(
      store_->Put(kKey, lease::ToJson(taken), Record().revision, clock_.Monotonic() + 5s).ok());
  ASSERT_TRUE(Await([&] { return second->Status().epoch == 2u && other.IsOpen(); }));
  EXPECT_FALSE(home.IsOpen());
  EXPECT_FALSE(first->Status().epoch);
  EXPECT_TRUE(Record().record.guarded) << "adopted";
}

TEST_F(GuardTest, GivesTheLeaseUpWhenAControllerAsksForItsEpoch) {
  RememberedDoor door(clock_);
  const auto guard = Start(kHome, "guard-1", door);
  ASSERT_TRUE(Await([&] { return guard->Status().epoch == 1u; }));
  std::uint64_t revision = ports::kAbsent;
  lease::HandOver request{kHome, 9, "controller-1", 0};
  const auto ask = [&] {
    ++request.asked;
    const auto put =
        store_->Put(kRequestKey, lease::ToJson(request), revision, clock_.Monotonic() + 5s);
    CHECK(put.ok());
    revision = *put;
    const std::uint64_t renewal = Record().record.renewal;
    return Await([&] { return Record().record.renewal > renewal + 2 || !guard->Status().epoch; });
  };
  ASSERT_TRUE(ask() && ask() && ask());
  EXPECT_EQ(guard->Status().epoch, 1u) << "another epoch is another lease";
  request.epoch = 1;
  ASSERT_TRUE(ask());
  ASSERT_TRUE(Await([&] { return guard->Status().released && Record().record.released; }));
  EXPECT_FALSE(door.IsOpen());
}

TEST(WritableTest, SaysTheEpochOrWhyNot) {
  GuardStatus status;
  status.epoch = 4;
  EXPECT_EQ(WritableJson(status, kHome), "{\"epoch\":4,\"region\":\"us-east-1\"}\n");
  status.epoch.reset();
  status.phase = lease::HolderPhase::kClosed;
  status.why = "the lease is epoch 5, us-west-2 (guard-2)";
  EXPECT_EQ(WritableJson(status, kHome),
            "{\"region\":\"us-east-1\",\"phase\":\"closed\",\"reason\":\"the lease is epoch 5, "
            "us-west-2 (guard-2)\"}\n");
  status.epoch = 6;
  status.hook = HookStatus{HookState::kTimedOut, 3, 1, "did not end within 5s and was ended"};
  EXPECT_EQ(WritableJson(status, kHome),
            "{\"epoch\":6,\"region\":\"us-east-1\",\"hook\":{\"state\":\"timed-out\",\"runs\":3,"
            "\"failures\":1,\"detail\":\"did not end within 5s and was ended\"}}\n");
}

}  // namespace
}  // namespace leeward::guard

// Holders and takers of two Regions against one store, with everything between them going wrong:
// slow, lost and late messages, pauses, crashes, clocks that drift, a store that is away. Doors
// shut by themselves, as the protocol asks of them. Never may both be open; and the machines must
// find back from wherever that left them.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <tuple>

#include "lease/holder.h"
#include "lease/taker.h"

namespace leeward::lease {
namespace {

using namespace std::chrono_literals;
using Real = base::Duration;  // real time since the start

const model::Region kA("us-east-1");
const model::Region kB("us-west-2");

struct Faults {
  int drift_ppm = 100'000;             // each clock runs off by up to this much
  base::Duration close_takes = 500ms;  // at most
  int lost_percent = 10;
  bool pauses = true;
};

struct Outcome {
  int overlaps = 0;
  int opens = 0;
  int takes = 0;
  bool open_at_end = false;
  bool released_at_end = false;
};

class World {
 public:
  World(std::uint64_t seed, const Terms& terms, const Faults& faults)
      : terms_(terms), faults_(faults), random_(seed) {}

  Outcome Run(Real span, Real quiet_from) {
    quiet_from_ = quiet_from;
    StartGuard(kA);
    StartGuard(kB);
    for (Real at = 3s; at < quiet_from; at += Span(1s, 8s)) At(at, [this] { StartTaker(); });
    for (Real at = 1s; at < quiet_from; at += Span(2s, 9s)) At(at, [this] { Strike(); });
    while (!events_.empty() && events_.top().at <= span) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.run();
    }
    outcome_.open_at_end = IsOpen(kA) || IsOpen(kB);
    outcome_.released_at_end = record_ && record_->record.released;
    return outcome_;
  }

 private:
  struct Event {
    Real at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };
  // A process with its own clock. Events for one that is paused wait; for one that is dead, vanish.
  struct Process {
    double rate = 1;
    base::Duration offset{};
    Real paused_until{};
    std::uint64_t life = 0;
    std::uint64_t wake = 0;
  };
  struct Guard : Process {
    std::unique_ptr<Holder> holder;
  };
  struct Controller : Process {
    std::unique_ptr<Taker> taker;
  };
  struct Door {
    std::optional<Real> open_until;  // begins to shut by itself then
    std::optional<Real> shut_at;     // nothing gets through any more
    std::uint64_t opened = 0;
  };

  bool Quiet() const { return now_ >= quiet_from_; }
  Real Span(Real from, Real to) {
    return Real(std::uniform_int_distribution<std::int64_t>(from.count(), to.count())(random_));
  }
  bool Chance(int percent) { return !Quiet() && Span(0ns, 99ns).count() < percent; }
  void At(Real at, std::function<void()> run) { events_.push({at, ++order_, std::move(run)}); }

  base::MonotonicTime Local(const Process& process) const {
    return {process.offset +
            Real(static_cast<std::int64_t>(static_cast<double>(now_.count()) * process.rate))};
  }
  Real RealOf(const Process& process, base::MonotonicTime local) const {
    return Real(static_cast<std::int64_t>(
        static_cast<double>((local.since_epoch - process.offset).count()) / process.rate));
  }
  template <typename Any>
  void Begin(Any* process) {
    const double drift = static_cast<double>(faults_.drift_ppm) / 1e6;
    process->rate = 1 + std::uniform_real_distribution<>(-drift, drift)(random_);
    if (Chance(50)) process->rate = 1 + (Chance(50) ? drift : -drift);
    process->offset = Span(1h, 9h);
    process->paused_until = now_;
    ++process->life;
  }
  // Runs `run` in the process when it is awake and still the same life.
  template <typename Any>
  void In(Any* process, Real at, std::function<void()> run) {
    In(process, process->life, at, std::move(run));
  }
  template <typename Any>
  void In(Any* process, std::uint64_t life, Real at, std::function<void()> run) {
    At(at, [this, process, life, run = std::move(run)] {
      if (process->life != life) return;
      if (process->paused_until > now_) {
        In(process, life, process->paused_until, run);
        return;
      }
      run();
    });
  }

  // --- the store: applies a call at one instant between its sending and its answer ---

  Real Travel() { return Quiet() ? Span(1ms, 20ms) : Chance(15) ? Span(0s, 6s) : Span(1ms, 200ms); }
  template <typename Any, typename Machine>
  void Call(Any* process, Machine give, const Read& read) {
    if (Chance(faults_.lost_percent)) return;
    At(now_ + Travel(), [this, process, life = process->life, give, read] {
      const std::optional<Seen> seen = record_;
      if (Chance(faults_.lost_percent)) return;
      In(process, life, now_ + Travel(), [give, read, seen] {
        give(ReadDone{read.request, seen});
      });
    });
  }
  template <typename Any, typename Machine>
  void Call(Any* process, Machine give, const Put& put) {
    if (Chance(faults_.lost_percent)) return;
    At(now_ + Travel(), [this, process, life = process->life, give, put] {
      base::Result<std::uint64_t> answer = base::WrongState("the revision moved");
      if ((record_ ? record_->revision : 0) == put.expected) {
        EXPECT_TRUE(!record_ || put.record.epoch >= record_->record.epoch) << "an epoch fell";
        record_ = Seen{put.record, ++revision_};
        answer = revision_;
      }
      if (Chance(faults_.lost_percent)) return;
      In(process, life, now_ + Travel(), [give, put, answer] {
        give(PutDone{put.request, answer});
      });
    });
  }

  // --- doors ---

  bool IsOpen(const model::Region& region) {
    const Door& door = doors_[region];
    return door.open_until && (!door.shut_at || now_ < *door.shut_at);
  }
  void Close(Door* door) {
    if (!door->open_until) return;
    const Real done = now_ + Span(0ns, faults_.close_takes);
    door->shut_at = door->shut_at ? std::min(*door->shut_at, done) : done;
  }
  void ShutByItself(const model::Region& region, std::uint64_t opened) {
    Door& door = doors_[region];
    if (door.opened != opened || !door.open_until || door.shut_at) return;
    if (now_ < *door.open_until) {
      At(*door.open_until, [this, region, opened] { ShutByItself(region, opened); });
      return;
    }
    Close(&door);
  }
  void Do(Guard* guard, const model::Region& region, const Open& open) {
    Door& door = doors_[region];
    const Real until = RealOf(*guard, open.until);
    const bool in_time = now_ < until;
    if (in_time) {
      if (IsOpen(region == kA ? kB : kA)) ++outcome_.overlaps;
      door = {until, std::nullopt, door.opened + 1};
      ++outcome_.opens;
      At(until, [this, region, opened = door.opened] { ShutByItself(region, opened); });
    }
    const base::Status status = in_time ? base::Ok() : base::Status(base::WrongState("too late"));
    In(guard, now_ + Span(1ms, 30ms), [this, guard, region, open, status] {
      Give(guard, region, OpenDone{open.request, status});
    });
  }
  void Do(Guard* guard, const model::Region& region, const Extend& extend) {
    Door& door = doors_[region];
    if (door.open_until && !door.shut_at) door.open_until = RealOf(*guard, extend.until);
  }
  void Do(Guard* guard, const model::Region& region, const Fence& fence) {
    Door& door = doors_[region];
    Close(&door);
    const Real done = door.shut_at ? std::max(*door.shut_at, now_) : now_;
    const std::uint64_t opened = door.opened;
    In(guard, done, [this, guard, region, fence, opened] {
      if (doors_[region].opened == opened) doors_[region].open_until.reset();
      Give(guard, region, FenceDone{fence.request, base::Ok()});
    });
  }
  void Do(Guard* guard, const model::Region& region, const Read& read) {
    Call(
        guard, [this, guard, region](const HolderEvent& event) { Give(guard, region, event); },
        read);
  }
  void Do(Guard* guard, const model::Region& region, const Put& put) {
    Call(
        guard, [this, guard, region](const HolderEvent& event) { Give(guard, region, event); },
        put);
  }

  // --- processes ---

  void StartGuard(const model::Region& region) {
    Guard* guard = &guards_[region];
    Begin(guard);
    guard->holder = std::make_unique<Holder>(HolderOptions{
        terms_, region, "guard-" + region.str() + std::to_string(guard->life), region == kA});
    Give(guard, region, Tick{});
  }
  void Give(Guard* guard, const model::Region& region, const HolderEvent& event) {
    for (const HolderAction& action : guard->holder->On(event, Local(*guard))) {
      std::visit([&](const auto& each) { Do(guard, region, each); }, action);
    }
    const base::MonotonicTime wake = guard->holder->NextWake();
    ASSERT_LE(wake - Local(*guard), 30s) << "a dead end: nothing will ever happen again";
    const Real at = std::max(RealOf(*guard, wake), now_) + 1us;
    In(guard, at, [this, guard, region, number = ++guard->wake] {
      if (guard->wake == number) Give(guard, region, Tick{});
    });
  }
  void StartTaker() {
    Begin(&controller_);
    const model::Region region = Chance(50) ? kA : kB;
    controller_.taker = std::make_unique<Taker>(
        TakerOptions{terms_, region, "controller" + std::to_string(controller_.life)});
    Give(AskTake{});
  }
  void Give(const TakerEvent& event) {
    Controller* const controller = &controller_;
    for (const TakerAction& action : controller->taker->On(event, Local(*controller))) {
      if (const Read* read = std::get_if<Read>(&action)) {
        Call(
            controller, [this](const TakerEvent& each) { Give(each); }, *read);
      } else if (const Put* put = std::get_if<Put>(&action)) {
        // The ground that is no proof of fence is for a human to judge: here nobody goes on with
        // it.
        if (put->record.how == How::kUnguarded) return;
        Call(
            controller, [this](const TakerEvent& each) { Give(each); }, *put);
      } else {
        ++outcome_.takes;
      }
    }
    if (controller->taker->done()) return;
    const Real at = std::max(RealOf(*controller, controller->taker->NextWake()), now_) + 1us;
    In(controller, at, [this, controller, number = ++controller->wake] {
      if (controller->wake == number) Give(Tick{});
    });
  }
  void Strike() {
    const model::Region region = Chance(50) ? kA : kB;
    Guard& guard = guards_[region];
    switch (Span(0ns, 3ns).count()) {
      case 0:
        if (faults_.pauses) guard.paused_until = now_ + Span(100ms, 8s);
        break;
      case 1:  // killed; started again some time later
        ++guard.life;
        guard.holder.reset();
        At(now_ + Span(10ms, 6s), [this, region] { StartGuard(region); });
        break;
      case 2:
        if (faults_.pauses) controller_.paused_until = now_ + Span(100ms, 4s);
        break;
      default:
        if (guard.holder != nullptr && guard.paused_until <= now_ && Chance(30)) {
          Give(&guard, region, AskRelease{});
        }
    }
  }

  const Terms terms_;
  const Faults faults_;
  std::mt19937_64 random_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  Real now_{};
  Real quiet_from_{};
  std::optional<Seen> record_;
  std::uint64_t revision_ = 0;
  std::map<model::Region, Guard> guards_;
  std::map<model::Region, Door> doors_;
  Controller controller_;
  Outcome outcome_;
};

Outcome RunSeeds(int seeds, const Terms& terms, const Faults& faults) {
  Outcome all;
  for (int seed = 1; seed <= seeds; ++seed) {
    const Outcome one = World(static_cast<std::uint64_t>(seed), terms, faults)
                            .Run(/*span=*/150s, /*quiet_from=*/120s);
    all.overlaps += one.overlaps;
    all.opens += one.opens;
    all.takes += one.takes;
  }
  return all;
}

TEST(DuelTest, TwoDoorsAreNeverOpen) {
  const Outcome all = RunSeeds(1000, TermsFor(2s), Faults{});
  EXPECT_EQ(all.overlaps, 0);
  EXPECT_GT(all.opens, 1000 * 5) << "the histories are too dull to show anything";
  EXPECT_GT(all.takes, 1000 * 2);
}

TEST(DuelTest, WhenTheFaultsEndTheRegionThatHoldsTheLeaseServes) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Outcome outcome = World(seed, TermsFor(2s), Faults{}).Run(150s, 120s);
    EXPECT_NE(outcome.open_at_end, outcome.released_at_end) << seed;
  }
}

// Whether any of many histories shows two open doors.
bool Caught(const Terms& terms, const Faults& faults) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    if (World(seed, terms, faults).Run(150s, 120s).overlaps > 0) return true;
  }
  return false;
}

TEST(DuelTest, ClocksThatDriftMoreThanTheTermsSayAreCaught) {
  Faults faults;
  faults.drift_ppm = 500'000;
  EXPECT_TRUE(Caught(TermsFor(2s), faults));
}

TEST(DuelTest, ClosingThatTakesLongerThanItsBudgetIsCaught) {
  Faults faults;
  faults.close_takes = 4s;
  EXPECT_TRUE(Caught(TermsFor(2s), faults));
}

}  // namespace
}  // namespace leeward::lease

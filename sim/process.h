// Process: something that runs in a Region on a clock of its own, and may crash, start again or
// stand still at any instant.
#pragma once

#include <algorithm>
#include <utility>

#include "ports/clock.h"
#include "sim/agenda.h"

namespace leeward::sim {

// How a machine's clocks differ from true time.
struct ClockError {
  double drift = 0;    // by how much the monotonic clock runs fast; a fraction, may be negative
  Duration offset{0};  // of the wall clock, which is kept in step by others
};

class Process : public ports::Clock {
 public:
  Process(Agenda& agenda, ClockError error) : agenda_(agenda), error_(error) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  base::WallTime Now() const override { return {kBegin + agenda_.now() + error_.offset}; }
  base::MonotonicTime Monotonic() const override { return {Local()}; }
  void SetClockOffset(Duration offset) { error_.offset = offset; }

  bool running() const { return running_; }
  void Start();
  // Ends at once: nothing that was to happen in it happens.
  void Crash();
  // Stands still until then; what is due meanwhile happens at the end of it.
  void Pause(Duration until) { paused_until_ = std::max(paused_until_, until); }

  // After `delay` on this process's own clock; never when it crashed before.
  template <typename F>
  void After(Duration delay, F what) {
    agenda_.After(TrueDelay(delay), Bound(std::move(what)));
  }
  // The same function, to be called from outside: does nothing when the process crashed meanwhile
  // and waits while it stands still.
  template <typename F>
  auto Bound(F what) {
    return [this, life = life_, what = std::move(what)] { Enter(life, what); };
  }

 protected:
  virtual void OnStart() = 0;
  virtual void OnCrash() = 0;
  Agenda& agenda() const { return agenda_; }

 private:
  // Nanoseconds since 1970 at which every simulation begins.
  static constexpr Duration kBegin{1'700'000'000'000'000'000};
  Duration Local() const;
  // What has to pass until this process's own clock has gone on by `delay`.
  Duration TrueDelay(Duration delay) const;
  template <typename F>
  void Enter(int life, const F& what) {
    if (life != life_) return;
    if (agenda_.now() < paused_until_) {
      agenda_.At(paused_until_, [this, life, what] { Enter(life, what); });
    } else {
      what();
    }
  }

  Agenda& agenda_;
  ClockError error_;
  bool running_ = false;
  int life_ = 0;
  Duration paused_until_{0};
};

}  // namespace leeward::sim

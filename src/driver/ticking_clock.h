// A clock for tests of loops with threads: each look at it is a microsecond later than the one
// before.
#pragma once

#include <atomic>

#include "ports/clock.h"

namespace leeward::driver {

class TickingClock : public ports::Clock {
 public:
  base::WallTime Now() const override {
    return {base::Duration(1'700'000'000'000'000'000) + Tick()};
  }
  base::MonotonicTime Monotonic() const override { return {Tick()}; }

 private:
  base::Duration Tick() const { return base::Duration(1000 * ++ticks_); }
  mutable std::atomic<std::int64_t> ticks_ = 0;
};

}  // namespace leeward::driver

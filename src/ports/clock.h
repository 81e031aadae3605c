// Clock: the only way to learn the time outside `os`.
#pragma once

#include "base/time.h"

namespace leeward::ports {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual base::WallTime Now() const = 0;
  virtual base::MonotonicTime Monotonic() const = 0;
};

// A clock that stands still until it is turned. For tests and the simulator.
class ManualClock : public Clock {
 public:
  explicit ManualClock(base::WallTime start) : wall_(start) {}
  base::WallTime Now() const override { return wall_; }
  base::MonotonicTime Monotonic() const override { return monotonic_; }
  void Advance(base::Duration by) {
    wall_ = wall_ + by;
    monotonic_ = monotonic_ + by;
  }

 private:
  base::WallTime wall_;
  base::MonotonicTime monotonic_;
};

}  // namespace leeward::ports

// A Region's idea of the time in a process below the Region's own, and its other faults.
#pragma once

#include <optional>

#include "os/clock.h"
#include "os/shared_numbers.h"
#include "ports/clock.h"

namespace leeward::lab::dynamo {

// Which number of the faults file is what.
enum FaultNumber : std::size_t { kClockOffset, kControlPlaneDown };

class RegionClock : public ports::Clock {
 public:
  // From now on as the file says, whose numbers the Region's process sets.
  base::Status Follow(const std::string& path) {
    ASSIGN_OR_RETURN(os::SharedNumbers numbers, os::SharedNumbers::Open(path));
    numbers_ = std::move(numbers);
    return base::Ok();
  }
  base::WallTime Now() const override { return system_.Now() + Offset(); }
  base::MonotonicTime Monotonic() const override { return system_.Monotonic(); }
  bool control_plane_down() const { return numbers_ && numbers_->Get(kControlPlaneDown) != 0; }

 private:
  base::Duration Offset() const {
    return base::Duration(numbers_ ? numbers_->Get(kClockOffset) : 0);
  }

  os::SystemClock system_;
  std::optional<os::SharedNumbers> numbers_;
};

}  // namespace leeward::lab::dynamo

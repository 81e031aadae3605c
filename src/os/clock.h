// The machine's own clocks.
#pragma once

#include "ports/clock.h"

namespace leeward::os {

class SystemClock : public ports::Clock {
 public:
  base::WallTime Now() const override;
  base::MonotonicTime Monotonic() const override;
};

}  // namespace leeward::os

#include "os/clock.h"

#include <time.h>

#include "base/check.h"

namespace leeward::os {
namespace {

base::Duration Read(clockid_t id) {
  timespec now{};
  CHECK(clock_gettime(id, &now) == 0);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

base::WallTime SystemClock::Now() const { return {Read(CLOCK_REALTIME)}; }
// CLOCK_MONOTONIC stands still while the machine sleeps: a lease that was counted with it would
// still run after waking, for whoever held it.
base::MonotonicTime SystemClock::Monotonic() const { return {Read(CLOCK_BOOTTIME)}; }

}  // namespace leeward::os

// Waiting for a socket, never past a deadline.
#pragma once

#include <functional>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"

namespace leeward::probe {

enum class Ready { kRead, kWrite };

// Asked now and then while something waits; true: stop, the answer is kCancelled. May be empty.
using Cancelled = std::function<bool()>;

// Returns when `fd` can be read or written (or has failed: the next operation on it says how).
// kUnreachable at the deadline, kCancelled when asked to stop.
base::Status WaitFor(int fd, Ready ready, base::MonotonicTime deadline, const ports::Clock& clock,
                     const Cancelled& cancelled = {});

// Time left, never below zero.
base::Duration Left(base::MonotonicTime deadline, const ports::Clock& clock);

// Time left in whole milliseconds, rounded up, at least 1 and at most INT_MAX: what poll and curl
// take.
int LeftMillis(base::MonotonicTime deadline, const ports::Clock& clock);

}  // namespace leeward::probe

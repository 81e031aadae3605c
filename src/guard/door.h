// Door: what stands before everything of a Region that can be written.
#pragma once

#include <functional>

#include "base/result.h"
#include "base/time.h"

namespace leeward::guard {

// Polled in waits; true: end soon, the outcome does not matter any more.
using Cancelled = std::function<bool()>;

// Never called from two threads at once. Times are on the guard's clock; every call ends soon after
// its deadline, where there is one.
class Door {
 public:
  virtual ~Door() = default;
  // Opens until `until`; from then on it shuts by itself, whatever becomes of the guard. Has no
  // effect when it arrives later. kWrongState: a replica, there is nothing to open yet.
  virtual base::Status Open(base::MonotonicTime until, const Cancelled& cancelled) = 0;
  // Moves the time on. An error leaves it where it was.
  virtual base::Status Extend(base::MonotonicTime until, const Cancelled& cancelled) = 0;
  // Closes, and confirms that nothing is left that could write.
  virtual base::Status Close(base::MonotonicTime deadline) = 0;
};

}  // namespace leeward::guard

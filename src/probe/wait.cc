#include "probe/wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace leeward::probe {
namespace {

// How long a wait sleeps before it asks again whether to stop.
constexpr base::Duration kLookAtCancel = std::chrono::milliseconds(50);

}  // namespace

base::Duration Left(base::MonotonicTime deadline, const ports::Clock& clock) {
  return std::max(deadline - clock.Monotonic(), base::Duration::zero());
}

int LeftMillis(base::MonotonicTime deadline, const ports::Clock& clock) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(Left(deadline, clock)).count();
  return static_cast<int>(std::clamp<std::int64_t>(millis, 1, std::numeric_limits<int>::max()));
}

base::Status WaitFor(int fd, Ready ready, base::MonotonicTime deadline, const ports::Clock& clock,
                     const Cancelled& cancelled) {
  while (true) {
    if (cancelled && cancelled()) return base::Cancelled("stopped while waiting for an answer");
    const base::Duration left = Left(deadline, clock);
    if (left == base::Duration::zero()) return base::Unreachable("no answer in time");
    const base::MonotonicTime look = clock.Monotonic() + std::min(left, kLookAtCancel);
    pollfd wait{fd, static_cast<short>(ready == Ready::kRead ? POLLIN : POLLOUT), 0};
    const int count = ::poll(&wait, 1, LeftMillis(look, clock));
    if (count > 0) return base::Ok();
    if (count < 0 && errno != EINTR) return base::Unreachable("waiting on a socket failed");
  }
}

}  // namespace leeward::probe

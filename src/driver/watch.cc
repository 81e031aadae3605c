#include "driver/watch.h"

#include <utility>

namespace leeward::driver {
namespace {

constexpr std::size_t kMaxObservations = 4096;  // waiting to be taken in
constexpr base::Duration kTick{100'000'000};    // views grow old without an observation, too

bool IsMove(decide::Goal goal) {
  return goal == decide::Goal::kFailover || goal == decide::Goal::kAskFailover;
}

}  // namespace

Watch::Watch(const model::Application& application,
             std::map<model::ComponentName, model::Region> active, const ports::Clock& clock)
    : active_(std::move(active)), clock_(clock), lookout_(application), inbox_(kMaxObservations) {}

void Watch::Gather(std::stop_token stop) {
  for (const model::Observation& seen : inbox_.Take(kTick, std::move(stop))) {
    lookout_.Take(seen);
  }
}

Ruling Watch::Look() const { return lookout_.Look(clock_.Now(), active_, std::nullopt); }

bool Watch::WaitUntilCalm(base::Duration patience, std::stop_token stop) {
  const base::MonotonicTime end = clock_.Monotonic() + patience;
  while (!stop.stop_requested() && clock_.Monotonic() < end) {
    Gather(stop);
    if (Look().decision.goal == decide::Goal::kStay) return true;
  }
  return false;
}

std::optional<Ruling> Watch::WaitForMove(base::Duration patience, std::stop_token stop) {
  const base::MonotonicTime end = clock_.Monotonic() + patience;
  while (!stop.stop_requested() && clock_.Monotonic() < end) {
    Gather(stop);
    Ruling ruling = Look();
    if (IsMove(ruling.decision.goal)) return ruling;
  }
  return std::nullopt;
}

}  // namespace leeward::driver

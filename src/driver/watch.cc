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
    : application_(application),
      active_(std::move(active)),
      clock_(clock),
      options_(detect::OptionsFor(application)),
      inbox_(kMaxObservations) {}

void Watch::Gather(std::stop_token stop) {
  for (const model::Observation& seen : inbox_.Take(kTick, std::move(stop))) {
    memory_ = detect::Fold(std::move(memory_), seen, options_);
  }
}

Ruling Watch::Look() const {
  Ruling ruling;
  model::Snapshot& snapshot = ruling.snapshot;
  snapshot.at = clock_.Now();
  snapshot.active = active_;
  const std::vector<model::View> views = detect::ViewsOf(memory_, snapshot.at, options_);
  for (const model::Region& region : {application_.regions.home, application_.regions.recovery}) {
    snapshot.verdicts.push_back(detect::Judge(views, region, snapshot.at, options_));
  }
  ruling.decision = decide::Decide(
      application_, decide::SituationOf(application_, snapshot, std::nullopt, decide::Options{}));
  return ruling;
}

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

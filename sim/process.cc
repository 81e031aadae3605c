#include "sim/process.h"

#include <cstdint>

namespace leeward::sim {

Duration Process::Local() const {
  const Duration now = agenda_.now();
  return now + Duration(static_cast<std::int64_t>(static_cast<double>(now.count()) * error_.drift));
}

void Process::Start() {
  if (running_) return;
  running_ = true;
  ++life_;
  paused_until_ = Duration(0);
  OnStart();
}

void Process::Crash() {
  if (!running_) return;
  running_ = false;
  ++life_;
  OnCrash();
}

// Rounded up: on its own clock, too, the delay is over by then.
Duration Process::TrueDelay(Duration delay) const {
  const double exact = static_cast<double>(delay.count()) / (1 + error_.drift);
  return Duration(static_cast<std::int64_t>(exact) + 1);
}

}  // namespace leeward::sim

#include "sim/process.h"

#include <utility>

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

void Process::Enter(int life, const std::function<void()>& what) {
  if (life != life_) return;
  if (agenda_.now() < paused_until_) {
    agenda_.At(paused_until_, [this, life, what] { Enter(life, what); });
    return;
  }
  what();
}

void Process::After(Duration delay, std::function<void()> what) {
  // Rounded up: on its own clock, too, the delay is over when this happens.
  const double exact = static_cast<double>(delay.count()) / (1 + error_.drift);
  const auto true_delay = Duration(static_cast<std::int64_t>(exact) + 1);
  agenda_.After(true_delay, [this, life = life_, what = std::move(what)] { Enter(life, what); });
}

std::function<void()> Process::Bound(std::function<void()> what) {
  return [this, life = life_, what = std::move(what)] { Enter(life, what); };
}

}  // namespace leeward::sim

#include "probe/watcher.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace leeward::probe {
namespace {

constexpr int kSpareOfSlot = 20;  // one part in so many of a slot is kept free of the probe

}  // namespace

Watcher::Watcher(std::vector<ProbeTarget> targets, const Standpoint& standpoint, Options options,
                 const Resolver& resolver, const ports::Clock& clock, Sink sink)
    : options_(options), clock_(clock), sink_(std::move(sink)) {
  CHECK(targets.size() <= kMaxTargets);
  CHECK(options.every > base::Duration::zero() && options.timeout <= options.every);
  for (ProbeTarget& target : targets) {
    probers_.emplace_back(std::move(target), standpoint, resolver, clock);
  }
}

Watcher::~Watcher() { Stop(); }

void Watcher::Start() {
  CHECK(threads_.empty());
  for (Prober& prober : probers_) {
    threads_.emplace_back([this, &prober] { Run(prober); });
  }
}

void Watcher::Stop() {
  {
    const std::lock_guard lock(stop_mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Watcher::Run(Prober& prober) {
  // A probe that times out ends before the next one is due, or every second slot would be lost to a
  // Region that does not answer.
  const base::Duration timeout =
      std::min(options_.timeout, options_.every - options_.every / kSpareOfSlot);
  base::WallTime began;
  do {
    began = clock_.Now();
    const model::Observation seen = prober.Probe(timeout);
    const std::lock_guard lock(sink_mutex_);
    sink_(seen);
  } while (WaitForSlotAfter(began));
}

// One that began late in its slot may reach into the next, which then begins at once.
bool Watcher::WaitForSlotAfter(base::WallTime began) {
  std::unique_lock lock(stop_mutex_);
  const base::Duration slot_end =
      began.since_epoch - began.since_epoch % options_.every + options_.every;
  const base::Duration left =
      std::clamp(slot_end - clock_.Now().since_epoch, base::Duration::zero(), options_.every);
  stop_changed_.wait_for(lock, left, [this] { return stop_; });
  return !stop_;
}

}  // namespace leeward::probe

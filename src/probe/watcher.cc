#include "probe/watcher.h"

#include <utility>

#include "base/check.h"

namespace leeward::probe {

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
  do {
    const model::Observation seen = prober.Probe(options_.timeout);
    const std::lock_guard lock(sink_mutex_);
    sink_(seen);
  } while (WaitForNextSlot());
}

bool Watcher::WaitForNextSlot() {
  std::unique_lock lock(stop_mutex_);
  const base::Duration into_slot = clock_.Now().since_epoch % options_.every;
  stop_changed_.wait_for(lock, options_.every - into_slot, [this] { return stop_; });
  return !stop_;
}

}  // namespace leeward::probe

// Watcher: a vantage point. Probes each of its targets again and again and hands out what it saw.
//
// Each target has a thread of its own, so that a hung one delays nobody. Probes begin at whole
// multiples of `every` on the wall clock: the schedule cannot drift, and vantage points with good
// clocks look at the same instants, so a quorum is reached as soon as its slowest member could
// reach it alone.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/observation.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/prober.h"

namespace leeward::probe {

class Watcher {
 public:
  static constexpr std::size_t kMaxTargets = 64;

  struct Options {
    base::Duration every = std::chrono::milliseconds(500);
    base::Duration timeout =
        std::chrono::milliseconds(500);  // of one probe; at most 95 % of `every`
  };
  // Called for each observation, from the watcher's threads but never twice at once. Must be quick.
  using Sink = std::function<void(const model::Observation&)>;

  // `resolver` and `clock` outlive it. CHECKs that there are at most kMaxTargets and that the
  // time-out is not longer than the period.
  Watcher(std::vector<ProbeTarget> targets, const Standpoint& standpoint, Options options,
          const Resolver& resolver, const ports::Clock& clock, Sink sink);
  ~Watcher();  // stops
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void Start();
  // Returns when no probe runs any more, so within one time-out.
  void Stop();

 private:
  void Run(Prober& prober);
  bool WaitForSlotAfter(base::WallTime began);

  std::vector<Prober> probers_;
  Options options_;
  const ports::Clock& clock_;
  Sink sink_;
  std::mutex sink_mutex_;
  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace leeward::probe

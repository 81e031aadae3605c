// Observations of one target to its health: consecutive failures, consecutive recoveries,
// staleness.
#include <algorithm>

#include "detect/detect.h"
#include "model/names.h"

namespace leeward::detect {
namespace {

using model::Health;
using model::Observation;
using model::Seen;
using model::TargetHealth;

// A target may miss this many probes before it is unknown rather than what it was.
constexpr int kMissedProbes = 4;

void Become(TargetHealth* health, Health now, base::WallTime at) {
  if (health->health == now) return;
  health->health = now;
  health->since = at;
}

void FoldGood(TargetMemory* memory, const Observation& seen, const Options& options) {
  TargetHealth& health = memory->health;
  health.consecutive_failures = 0;
  ++memory->consecutive_successes;
  const bool was_down = health.health == Health::kDown;
  if (was_down && memory->consecutive_successes < options.recoveries) {
    health.reason = "answers again, " + std::to_string(memory->consecutive_successes) + " of " +
                    std::to_string(options.recoveries) + " times";
    return;  // hysteresis: one good answer does not bring a Region back
  }
  Become(&health, Health::kUp, seen.at);
  health.reason = "answers";
}

void FoldBad(TargetMemory* memory, const Observation& seen, const Options& options) {
  TargetHealth& health = memory->health;
  memory->consecutive_successes = 0;
  ++health.consecutive_failures;
  const bool down =
      health.health == Health::kDown || health.consecutive_failures >= options.failures;
  Become(&health, down ? Health::kDown : Health::kSuspect, seen.at);
  health.reason = (seen.detail.empty() ? std::string("does not answer") : seen.detail) + ", " +
                  std::to_string(health.consecutive_failures) + " in a row";
}

}  // namespace

Options OptionsFor(const model::Application& application) {
  const model::Detection& detection = application.detection;
  Options options;
  options.probe_every = detection.probe_every;
  options.failures = detection.failures;
  options.quorum = detection.quorum;
  options.down_when = detection.down_when;
  options.stale_after = kMissedProbes * detection.probe_every + detection.probe_timeout;
  return options;
}

Memory Fold(Memory memory, const Observation& seen, const Options& options) {
  if (seen.seen == Seen::kNothing) return memory;
  const auto [found, is_new] = memory.targets.try_emplace({seen.observer, seen.target});
  TargetMemory& target = found->second;
  if (!is_new && seen.sequence <= target.sequence) return memory;
  target.from = seen.from;
  target.sequence = seen.sequence;
  target.last_seen = seen.at;
  if (is_new) {
    target.health.target = seen.target;
    target.health.since = seen.at;
  }
  if (seen.seen == Seen::kGood) {
    FoldGood(&target, seen, options);
  } else {
    FoldBad(&target, seen, options);
  }
  return memory;
}

std::vector<model::View> ViewsOf(const Memory& memory, base::WallTime now, const Options& options) {
  std::vector<model::View> all;
  all.reserve(memory.targets.size());
  // What one observer sees of one Region stands together.
  for (const auto& [key, target] : memory.targets) {
    const bool goes_on =
        !all.empty() && all.back().observer == key.first && all.back().of == key.second.region;
    model::View& view = goes_on ? all.back() : all.emplace_back();
    view.observer = key.first;
    view.of = key.second.region;
    view.from = target.from;
    view.at = std::max(view.at, target.last_seen);
    TargetHealth& health = view.targets.emplace_back(target.health);
    if (now - target.last_seen > options.stale_after) {
      health.health = Health::kUnknown;
      health.reason = "not probed for " + base::HumanDuration(now - target.last_seen);
    }
  }
  for (model::View& view : all) {
    view.health = Summarise(view.targets, options.down_when).health;
  }
  return all;
}

}  // namespace leeward::detect

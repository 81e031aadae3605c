// Detect: observations over time to what one observer thinks (View), and votes to what the quorum
// thinks (Verdict). Values in, values out; the time is an argument.
//
//   Memory memory;
//   for (const Observation& seen : observations) memory = Fold(std::move(memory), seen, options);
//   Verdict verdict = Judge(ViewsOf(memory, now, options), region, now, options);
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/application.h"
#include "model/observation.h"

namespace leeward::detect {

struct Options {
  base::Duration probe_every{};  // 100 ms to 60 s
  int failures = 3;              // consecutive bad probes until a target is down; 1 to 20
  int recoveries = 2;  // consecutive good probes until a target that was down is up; 1 to 20
  int quorum = 2;      // fresh views that must agree; 1 to 7
  base::Duration stale_after{};  // a target not probed for longer is unknown
  // What makes a Region down; never empty.
  std::vector<model::Combination> down_when = {
      {model::Signal::kApplication, model::Signal::kStore}};
};
// From the spec; stale_after is four probes and one time-out.
Options OptionsFor(const model::Application& application);

// What is remembered of one target as one observer sees it.
struct TargetMemory {
  model::TargetHealth health;
  model::Region from;          // where the observer stands
  std::uint64_t sequence = 0;  // of the newest observation folded in
  base::WallTime last_seen;    // when that probe began
  int consecutive_successes = 0;
};
using MemoryKey = std::pair<model::ObserverId, model::Target>;
struct Memory {
  std::map<MemoryKey, TargetMemory> targets;
};

// Takes in one observation. One that is older than what is known (by sequence) changes nothing;
// kNothing counts as not asked.
Memory Fold(Memory memory, const model::Observation& seen, const Options& options);

// One view for every observer and Region in memory; targets not probed lately are unknown.
std::vector<model::View> ViewsOf(const Memory& memory, base::WallTime now, const Options& options);

// What one observer's targets of one Region add up to, and why.
struct Summary {
  model::Health health = model::Health::kUnknown;
  std::string reason;
  bool answers_in_part = false;  // kDown, and yet some of the application or of the stores is up
};
// Down when every signal of one of `down_when` is. A signal of which nothing is watched is stood in
// for by the control plane; of the control plane alone nothing is made. Up when all that is watched
// of the application and the stores is, whatever counts for down.
Summary Summarise(const std::vector<model::TargetHealth>& targets,
                  const std::vector<model::Combination>& down_when);

// Counts the fresh views of a Region. Fewer than a quorum of them is unknown; nothing is healthy by
// default.
model::Verdict Judge(const std::vector<model::View>& views, const model::Region& region,
                     base::WallTime now, const Options& options);

}  // namespace leeward::detect

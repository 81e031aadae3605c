// Observation: one stamped fact from one vantage point. What is missing is unknown, never healthy.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/signal.h"

namespace leeward::model {

enum class Seen {
  kGood,
  kBad,
  kNothing
};  // answered well; answered badly or not at all; not asked

// A target is one signal of one component (or none) in one Region.
struct Target {
  Region region;
  Signal signal = Signal::kApplication;
  ComponentName component;  // empty for kControlPlane
  friend auto operator<=>(const Target&, const Target&) = default;
};

struct Observation {
  ObserverId observer;
  Region from;  // where the observer stands
  Target target;
  std::uint64_t sequence = 0;  // grows by one per probe of this target by this observer
  base::WallTime at;           // the observer's own clock, when the probe began
  base::Duration took{};
  Seen seen = Seen::kNothing;
  std::string detail;  // "connect timed out after 500 ms", "HTTP 503"
};

enum class Health { kUnknown, kUp, kSuspect, kDown };

struct TargetHealth {
  Target target;
  Health health = Health::kUnknown;
  int consecutive_failures = 0;
  base::WallTime since;  // when it became so
  std::string reason;
};

// What one observer thinks of one Region.
struct View {
  ObserverId observer;
  Region from;
  Region of;
  Health health = Health::kUnknown;
  base::WallTime at;
  std::vector<TargetHealth> targets;
};

// What the quorum thinks of one Region.
struct Verdict {
  Region region;
  Health health = Health::kUnknown;
  int votes = 0;  // fresh views that say so
  int fresh = 0;  // fresh views at all
  base::WallTime at;
  std::string reason;
  // Of a Region that is down: part of its application or stores was seen to answer all the same, by
  // who says so. It may still write.
  bool answers_in_part = false;
};

// Replication of one store toward its standby, as read in the standby's Region.
struct StoreLag {
  ComponentName component;
  base::WallTime read_at;
  std::optional<base::WallTime>
      newest_visible;              // stamp of the newest source commit or canary visible there
  std::string received, replayed;  // log positions in the engine's own form
  bool standby_reachable = false;
  bool standby_writable = false;  // already promoted
};

// Everything a decision may look at, taken once and frozen.
struct Snapshot {
  base::WallTime at;
  std::vector<Verdict> verdicts;
  std::vector<StoreLag> lags;
  std::map<ComponentName, Region>
      active;  // where each component takes writes or traffic now; absent: unknown

  const Verdict* Of(const Region& region) const {
    for (const Verdict& verdict : verdicts) {
      if (verdict.region == region) return &verdict;
    }
    return nullptr;
  }
};

}  // namespace leeward::model

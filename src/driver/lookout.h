// Lookout: what observers saw, folded, judged and decided upon; without threads and without
// waiting. Watch and the simulator are built on this one piece.
#pragma once

#include <map>
#include <optional>

#include "decide/decide.h"
#include "detect/detect.h"
#include "model/application.h"
#include "model/observation.h"

namespace leeward::driver {

// What was decided, and all it was decided upon.
struct Ruling {
  decide::Decision decision;
  model::Snapshot snapshot;
};

class Lookout {
 public:
  explicit Lookout(const model::Application& application)
      : application_(application), options_(detect::OptionsFor(application)) {}

  void Take(const model::Observation& seen);

  // `active`: where each component takes writes and traffic now. `last_failover_end`: for the
  // cool-down; absent: none that counts.
  Ruling Look(base::WallTime now, const std::map<model::ComponentName, model::Region>& active,
              std::optional<base::WallTime> last_failover_end) const;

 private:
  const model::Application& application_;
  const detect::Options options_;
  detect::Memory memory_;
};

}  // namespace leeward::driver

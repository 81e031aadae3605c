// Look: what can be seen from here at this instant, for planning by hand and for `status`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/project.h"
#include "cli/world.h"
#include "model/inventory.h"
#include "model/observation.h"
#include "probe/database.h"

namespace leeward::cli {

// One store in one Region, as its own protocol answers.
struct StoreSeen {
  model::ComponentName component;
  model::Region region;
  std::optional<probe::LogPosition> position;  // absent: no answer
  std::optional<base::WallTime> newest_canary;
  std::string failure;  // why there was no answer
};

struct Seen {
  base::WallTime at;
  std::vector<StoreSeen> stores;
  // Of the home and the recovery Region; of LookAround only.
  std::map<model::Region, base::Status> control_planes;
  std::map<model::Region, bool> routing_on;  // absent Region: not known
};

// Where the application is active. Asks everything at once, nothing for longer than two seconds:
// each store by its own protocol, and AWS for the routing controls alone, so that what a daemon
// asks of AWS all day does not grow with the components.
Seen Look(World& world, const Project& project, const model::Inventory& inventory);
// And whether the Regions' APIs answer: for verdicts from here.
Seen LookAround(World& world, const Project& project, const model::Inventory& inventory);

// A snapshot for planning. Verdicts are one view's, and say so.
model::Snapshot SnapshotOf(const Seen& seen, const Project& project,
                           const model::Inventory& inventory);

}  // namespace leeward::cli

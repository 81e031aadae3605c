// Vantage points of a drill: watchers in this process that stand in the recovery and the witness
// Region.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/world.h"
#include "driver/watch.h"
#include "model/application.h"
#include "model/inventory.h"
#include "probe/dns.h"
#include "probe/watcher.h"

namespace leeward::cli {

struct Standing {
  model::Region region;
  std::string source_address;  // local address the watcher asks from
};

class Vantage {
 public:
  // Watches the home and the recovery Region from each place, for `watch`. Everything outlives it.
  Vantage(World& world, const model::Application& application, const model::Inventory& inventory,
          const std::vector<Standing>& places, const std::string& resolver, driver::Watch& watch);

 private:
  std::vector<std::unique_ptr<probe::Resolver>> resolvers_;
  std::vector<std::unique_ptr<probe::Watcher>> watchers_;
};

// What a watcher at `place` asks of a Region: the application at its load balancer, each store, the
// control plane.
std::vector<probe::ProbeTarget> TargetsOf(World& world, const model::Application& application,
                                          const model::Inventory& inventory,
                                          const model::Region& region, const Standing& place);

}  // namespace leeward::cli

// Writers of canaries into every store of a Region that can hold one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/world.h"
#include "model/application.h"
#include "model/inventory.h"
#include "probe/canary.h"
#include "probe/dns.h"

namespace leeward::cli {

// One for each store whose place the inventory knows, writing at once. `world` and `resolver`
// outlive them.
std::vector<std::unique_ptr<probe::CanaryWriter>> StartCanaries(
    World& world, const model::Application& application, const model::Inventory& inventory,
    const model::Region& region, const std::string& observer, const probe::Resolver& resolver);

}  // namespace leeward::cli

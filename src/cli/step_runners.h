// The runners of all step kinds, wired to the world.
#pragma once

#include <memory>

#include "cli/inventory_file.h"
#include "cli/world.h"
#include "steps/runner.h"

namespace leeward::cli {

// `world` and `inventory` outlive it.
std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory);

}  // namespace leeward::cli

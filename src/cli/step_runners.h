// The runners of all step kinds, wired to the world.
#pragma once

#include <memory>
#include <optional>

#include "cli/inventory_file.h"
#include "cli/world.h"
#include "lease/taker.h"
#include "steps/dry_run.h"
#include "steps/runner.h"

namespace leeward::cli {

// `world` and `inventory` outlive it. The spec names files relative to its folder. `sighting`: of
// the lease, by this process.
std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory,
                                               const std::string& spec_folder,
                                               std::optional<lease::Sighting> sighting = {});

// The same for looking alone.
std::unique_ptr<steps::DryRunner> MakeDryRunner(World& world, const std::string& spec_folder);

}  // namespace leeward::cli

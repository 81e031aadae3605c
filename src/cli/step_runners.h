// The runners of all step kinds, wired to the world.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/inventory_file.h"
#include "cli/project.h"
#include "cli/world.h"
#include "lease/taker.h"
#include "steps/dry_run.h"
#include "steps/runner.h"

namespace leeward::cli {

// What is known beside the plan that the steps may ask about; all of it as in steps::Tools.
struct BesidePlan {
  std::optional<lease::Sighting> sighting = {};
  std::function<std::string()> moot = {};
  std::optional<base::Duration> accepted_loss = {};
};

// What is given outlives it.
std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory,
                                               const Project& project, BesidePlan known = {});

// The same for looking alone.
std::unique_ptr<steps::DryRunner> MakeDryRunner(World& world, const std::string& spec_folder);

}  // namespace leeward::cli

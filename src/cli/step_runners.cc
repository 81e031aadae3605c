#include "cli/step_runners.h"

namespace leeward::cli {

std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory) {
  return std::make_unique<steps::Runner>(steps::Tools{
      *world.aws, world.clock, world.random, *world.resolver, world.environment(),
      [&inventory](const model::Inventory& learned) { return inventory.Save(learned); }, ""});
}

}  // namespace leeward::cli

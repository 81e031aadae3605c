#include "cli/step_runners.h"

#include "store/open.h"

namespace leeward::cli {

std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory,
                                               const std::string& spec_folder) {
  return std::make_unique<steps::Runner>(steps::Tools{
      *world.aws, world.clock, world.random, *world.resolver, world.environment(),
      [&inventory](const model::Inventory& learned) { return inventory.Save(learned); }, "",
      [&world, spec_folder](const model::SharedStorePlace& place) {
        return store::Open(place, spec_folder, *world.transport, world.clock);
      }});
}

}  // namespace leeward::cli

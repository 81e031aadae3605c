#include "cli/step_runners.h"

#include <filesystem>
#include <utility>

#include "cli/approvals_store.h"
#include "cli/repair_lists.h"
#include "store/open.h"

namespace leeward::cli {
namespace {

using base::Result;

// A store that nobody has made yet, as it would be found.
class EmptyStore : public ports::SharedStore {
 public:
  Result<std::optional<ports::SharedEntry>> Get(std::string_view, base::MonotonicTime) override {
    return std::optional<ports::SharedEntry>();
  }
  Result<std::vector<ports::SharedEntry>> List(std::string_view, std::size_t,
                                               base::MonotonicTime) override {
    return std::vector<ports::SharedEntry>();
  }
  Result<std::uint64_t> Put(std::string_view, std::string_view, std::uint64_t,
                            base::MonotonicTime) override {
    return base::Refused("the store is not there");
  }
  base::Status Remove(std::string_view, std::uint64_t, base::MonotonicTime) override {
    return base::Refused("the store is not there");
  }
};

}  // namespace

std::unique_ptr<steps::Runner> MakeStepRunners(World& world, InventoryKeeper& inventory,
                                               const Project& project, BesidePlan known) {
  return std::make_unique<steps::Runner>(steps::Tools{
      *world.aws, world.clock, world.random, *world.resolver, world.environment(),
      [&inventory](const model::Inventory& learned) { return inventory.Save(learned); }, "",
      [&world, folder = project.SpecFolder()](const model::SharedStorePlace& place) {
        return store::Open(place, folder, *world.transport, *world.aws, world.clock);
      },
      std::move(known.sighting),
      [&world, &project](const model::Application&) { return OpenApprovals(world, project); },
      std::move(known.moot),
      [&world, &project](const model::ExecutionId& execution, const std::string& text) {
        return SaveRepairList(world.files, project, execution, text);
      },
      known.accepted_loss});
}

std::unique_ptr<steps::DryRunner> MakeDryRunner(World& world, const std::string& spec_folder) {
  const auto open =
      [&world, spec_folder](
          const model::SharedStorePlace& place) -> Result<std::unique_ptr<ports::SharedStore>> {
    if (place.kind == model::SharedStoreKind::kSqlite) {
      // Opening would make the file.
      const std::string path = (std::filesystem::path(spec_folder) / place.path).string();
      ASSIGN_OR_RETURN(const bool there, world.files.Exists(path));
      if (!there) return std::unique_ptr<ports::SharedStore>(std::make_unique<EmptyStore>());
    }
    return store::Open(place, spec_folder, *world.transport, *world.aws, world.clock);
  };
  return std::make_unique<steps::DryRunner>(steps::Tools{*world.aws, world.clock, world.random,
                                                         *world.resolver, world.environment(),
                                                         /*save_inventory=*/{}, "", open});
}

}  // namespace leeward::cli

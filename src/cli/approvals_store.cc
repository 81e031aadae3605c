#include "cli/approvals_store.h"

#include "store/open.h"

namespace leeward::cli {
namespace {

constexpr char kFile[] = "approvals.sqlite";

}  // namespace

base::Result<std::unique_ptr<ports::SharedStore>> OpenApprovals(World& world,
                                                                const Project& project) {
  const auto& place = project.application.failover.store;
  if (place)
    return store::Open(*place, project.SpecFolder(), *world.transport, *world.aws, world.clock);
  RETURN_IF_ERROR(world.files.MakeDirectories(project.state));
  model::SharedStorePlace beside;
  beside.path = kFile;
  return store::Open(beside, project.state, *world.transport, *world.aws, world.clock);
}

base::Result<std::unique_ptr<ports::SharedStore>> FindApprovals(World& world,
                                                                const Project& project) {
  if (project.application.failover.store) return OpenApprovals(world, project);
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.state + "/" + kFile));
  if (exists) return OpenApprovals(world, project);
  return std::unique_ptr<ports::SharedStore>();
}

}  // namespace leeward::cli

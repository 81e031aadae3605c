#include "cli/open_store.h"

#include "store/open.h"

namespace leeward::cli {

base::Result<std::unique_ptr<ports::SharedStore>> OpenSharedStore(World& world,
                                                                  const Project& project,
                                                                  const std::string& what) {
  if (!project.application.failover.store) {
    return base::Invalid(project.spec_path + " names no store for " + what +
                         "; add `store: etcd:URL,URL,URL` to failover");
  }
  return store::Open(*project.application.failover.store, project.SpecFolder(), *world.transport,
                     world.clock);
}

}  // namespace leeward::cli

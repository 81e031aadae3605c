#include "cli/open_store.h"

#include "store/open.h"

namespace leeward::cli {

base::Result<std::unique_ptr<ports::SharedStore>> OpenSharedStore(World& world,
                                                                  const Project& project,
                                                                  const std::string& what) {
  if (!project.application.failover.store) {
    return base::Invalid(project.spec_path + " names no store for " + what +
                         "; add `store: etcd:URL,URL,URL` or `store: "
                         "dynamodb:TABLE@REGION,REGION,REGION` to failover");
  }
  return store::Open(*project.application.failover.store, project.SpecFolder(), *world.transport,
                     *world.aws, world.clock);
}

}  // namespace leeward::cli

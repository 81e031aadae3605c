// The shared store that a spec names, for the commands that cannot do without.
#pragma once

#include <memory>

#include "base/result.h"
#include "cli/project.h"
#include "cli/world.h"
#include "ports/shared_store.h"

namespace leeward::cli {

// kInvalid with what to add where the spec names none. `what`: what it is needed for.
base::Result<std::unique_ptr<ports::SharedStore>> OpenSharedStore(World& world,
                                                                  const Project& project,
                                                                  const std::string& what);

}  // namespace leeward::cli

// Where people are asked for their approval, and give it.
#pragma once

#include <memory>

#include "cli/project.h"
#include "cli/world.h"
#include "ports/shared_store.h"

namespace leeward::cli {

// The spec's shared store, which a person reaches from another machine; where it names none, a file
// beside the journal, which only a person on this machine reaches. Never the journal itself: that
// has one writer, and while it waits it is open.
base::Result<std::unique_ptr<ports::SharedStore>> OpenApprovals(World& world,
                                                                const Project& project);

// The same for whoever was not asked to make it; null: nobody was ever asked anything there.
base::Result<std::unique_ptr<ports::SharedStore>> FindApprovals(World& world,
                                                                const Project& project);

}  // namespace leeward::cli

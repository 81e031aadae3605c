// A project's stage carried out against the world.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/project.h"
#include "cli/stage.h"
#include "cli/world.h"

namespace leeward::cli {

// Makes the calls of the spec's lab.stage; answers how many there were. `copy` is where the stage's
// folder is copied to when not every user may read it; empty: never.
base::Result<std::size_t> RunStage(World& world, const Project& project, const std::string& copy,
                                   std::function<void(const StageCall&)> tell);

}  // namespace leeward::cli

// Quorum: what the observers of an application agree on, as the shared store has it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/project.h"
#include "cli/world.h"
#include "observe/reader.h"

namespace leeward::cli {

struct Quorum {
  std::vector<observe::RegionVerdict> regions;
  std::vector<observe::Sight> observers;
  std::vector<model::Combination> down_when;  // what the verdicts count
  std::string trouble;                        // why the store could not be read; empty: it could
};

// Verdicts for somebody who looks now and then.
class QuorumLook {
 public:
  // The spec names a store. The world outlives it.
  static base::Result<std::unique_ptr<QuorumLook>> Make(World& world, const Project& project);

  // Waits until each observer that is there was seen to go on, for a few probes' time at most.
  Quorum Look();

 private:
  QuorumLook(World& world, const model::Application& application,
             std::unique_ptr<ports::SharedStore> store);

  World& world_;
  const base::Duration patience_;
  const std::vector<model::Combination> down_when_;
  const std::unique_ptr<ports::SharedStore> store_;
  observe::Reader reader_;
};

}  // namespace leeward::cli

// Canaries: an observer's heartbeat into the stores of its own Region, while that Region is the one
// that writes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/project.h"
#include "cli/world.h"
#include "model/inventory.h"
#include "ports/shared_store.h"
#include "probe/canary.h"
#include "probe/dns.h"

namespace leeward::cli {

class Canaries {
 public:
  // Everything outlives it.
  Canaries(World& world, const Project& project, const model::Inventory& inventory,
           const model::Region& region, const probe::Resolver& resolver, ports::SharedStore& store);

  // Reads who holds the writer lease, and writes or leaves off accordingly. A Region that does not
  // hold it gets no write from here, not even a heartbeat. What has changed, for people; else
  // empty.
  std::string Look();

 private:
  std::string Why();  // why nothing is to be written; empty: the Region holds the lease
  void Start();

  World& world_;
  const Project& project_;
  const model::Inventory& inventory_;
  const model::Region region_;
  const probe::Resolver& resolver_;
  ports::SharedStore& store_;
  std::vector<std::unique_ptr<probe::CanaryWriter>> writers_;
  std::string told_;
};

}  // namespace leeward::cli

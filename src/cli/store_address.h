// Where a store's database answers in a Region, from the inventory.
#pragma once

#include "cli/world.h"
#include "model/application.h"
#include "model/inventory.h"
#include "probe/postgres.h"

namespace leeward::cli {

// Its host is empty when the inventory does not know it.
probe::PostgresAddress StoreAddress(const World& world, const model::Rds& rds,
                                    const model::Inventory& inventory,
                                    const model::ComponentName& component,
                                    const model::Region& region);

}  // namespace leeward::cli

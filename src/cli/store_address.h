// Where a store answers in a Region, from the inventory.
#pragma once

#include "cli/world.h"
#include "model/application.h"
#include "model/inventory.h"
#include "probe/redis.h"
#include "probe/sql_session.h"
#include "steps/items.h"

namespace leeward::cli {

// Its host is empty when the inventory does not know it.
probe::SqlAddress StoreAddress(const World& world, const model::Rds& rds,
                               const model::Inventory& inventory,
                               const model::ComponentName& component, const model::Region& region);
// The same for a cache.
probe::RedisAddress CacheAddress(const World& world, const model::Elasticache& cache,
                                 const model::Inventory& inventory,
                                 const model::ComponentName& component,
                                 const model::Region& region);
// The table, for items of Leeward's own; its key has no name when the inventory does not know it.
// `options` are of each call; their Region is set here. `world` outlives it.
steps::ItemTable ItemsOf(World& world, const model::Dynamodb& dynamodb,
                         const model::Inventory& inventory, const model::ComponentName& component,
                         const model::Region& region, aws::CallOptions options);

}  // namespace leeward::cli

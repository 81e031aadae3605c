#include "cli/store_address.h"

#include <charconv>

namespace leeward::cli {

probe::SqlAddress StoreAddress(const World& world, const model::Rds& rds,
                               const model::Inventory& inventory,
                               const model::ComponentName& component, const model::Region& region) {
  probe::SqlAddress address;
  address.engine = rds.engine;
  address.port = probe::DefaultPort(rds.engine);
  address.host = std::string(inventory.Fact(component, region, "endpoint.address"));
  const std::string_view port = inventory.Fact(component, region, "endpoint.port");
  std::from_chars(port.data(), port.data() + port.size(), address.port);
  address.database = rds.database;
  address.user = rds.user;
  if (!rds.password_env.empty()) address.password = world.Variable(rds.password_env);
  return address;
}

probe::RedisAddress CacheAddress(const World& world, const model::Elasticache& cache,
                                 const model::Inventory& inventory,
                                 const model::ComponentName& component,
                                 const model::Region& region) {
  probe::RedisAddress address;
  address.host = std::string(inventory.Fact(component, region, "endpoint.address"));
  const std::string_view port = inventory.Fact(component, region, "endpoint.port");
  std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (!cache.auth_token_env.empty()) address.password = world.Variable(cache.auth_token_env);
  return address;
}

steps::ItemTable ItemsOf(World& world, const model::Dynamodb& dynamodb,
                         const model::Inventory& inventory, const model::ComponentName& component,
                         const model::Region& region, aws::CallOptions options) {
  options.region = region.str();
  return {dynamodb.table, steps::KeyOf(inventory, component, region).value_or(steps::TableKey{}),
          [&world, options](std::string_view operation, const shapes::Value& input) {
            return world.aws->Call("dynamodb", operation, input, options);
          }};
}

}  // namespace leeward::cli

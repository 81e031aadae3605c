#include "cli/store_address.h"

#include <charconv>

namespace leeward::cli {

probe::PostgresAddress StoreAddress(const World& world, const model::Rds& rds,
                                    const model::Inventory& inventory,
                                    const model::ComponentName& component,
                                    const model::Region& region) {
  probe::PostgresAddress address;
  address.host = std::string(inventory.Fact(component, region, "endpoint.address"));
  const std::string_view port = inventory.Fact(component, region, "endpoint.port");
  std::from_chars(port.data(), port.data() + port.size(), address.port);
  address.database = rds.database;
  address.user = rds.user;
  if (!rds.password_env.empty()) address.password = world.Variable(rds.password_env);
  return address;
}

}  // namespace leeward::cli

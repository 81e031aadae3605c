// Inventory: what Leeward learned about the application's resources while all was well, kept on its
// own disk, so that nothing on the recovery path has to ask the lost Region or a global control
// plane.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "model/ids.h"

namespace leeward::model {

struct FactKey {
  ComponentName component;
  Region region;     // empty: not of one Region
  std::string name;  // "endpoint.address", "routing-control.arn", "cluster-endpoint.0"
  friend auto operator<=>(const FactKey&, const FactKey&) = default;
};

struct Inventory {
  base::WallTime refreshed;
  std::map<FactKey, std::string> facts;

  // The fact, or empty text when it was never learned.
  std::string_view Fact(const ComponentName& component, const Region& region,
                        std::string_view name) const {
    const auto found = facts.find(FactKey{component, region, std::string(name)});
    return found == facts.end() ? std::string_view{} : std::string_view(found->second);
  }
};

}  // namespace leeward::model

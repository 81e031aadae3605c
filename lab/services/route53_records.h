// Resource record sets: between the shapes of the API and the data the DNS server answers from, and
// the rules by which Route 53 takes or refuses a batch of changes. Pure.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/dns/zone.h"

namespace leeward::lab {

// "*" is listed as "\052".
std::string ListedName(std::string_view canonical);
shapes::Value RecordShape(const RecordSet& record);

// What is known of a load balancer that an alias may point to.
struct KnownLoadBalancer {
  std::string zone_id;
};

struct BatchContext {
  std::function<bool(std::string_view id)> health_check_exists;
  // By canonical DNS name.
  std::function<const KnownLoadBalancer*(std::string_view name)> load_balancer;
};

// The zone after the whole batch; or the error, with every message, and nothing changed.
std::variant<Zone, ApiError> ApplyBatch(const Zone& zone, const shapes::Value& batch,
                                        const BatchContext& context);

// All records in the order of ListResourceRecordSets.
std::vector<const RecordSet*> ListOrder(const Zone& zone);
std::size_t CountRecords(const Zone& zone);

shapes::Value ZoneToValue(const Zone& zone);
Zone ZoneFromValue(const shapes::Value& value);

}  // namespace leeward::lab

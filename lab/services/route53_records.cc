#include "lab/services/route53_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leeward::lab {
namespace {

using shapes::Value;

struct RoutingName {
  Routing routing;
  std::string_view text;
};
constexpr std::array kRoutingNames = {
    RoutingName{Routing::kSimple, "simple"},         RoutingName{Routing::kPrimary, "primary"},
    RoutingName{Routing::kSecondary, "secondary"},   RoutingName{Routing::kWeighted, "weighted"},
    RoutingName{Routing::kMultivalue, "multivalue"}, RoutingName{Routing::kLatency, "latency"},
};

Value ValuesShape(const std::vector<std::string>& values) {
  Value::List list;
  for (const std::string& value : values) list.push_back(Value::Struct({{"Value", value}}));
  return list;
}

void SetRouting(const RecordSet& record, Value& shape) {
  switch (record.routing) {
    case Routing::kSimple:
      return;
    case Routing::kPrimary:
      shape.Set("Failover", "PRIMARY");
      return;
    case Routing::kSecondary:
      shape.Set("Failover", "SECONDARY");
      return;
    case Routing::kWeighted:
      shape.Set("Weight", std::int64_t{record.weight});
      return;
    case Routing::kMultivalue:
      shape.Set("MultiValueAnswer", true);
      return;
    case Routing::kLatency:
      shape.Set("Region", record.region);
      return;
  }
}

}  // namespace

std::string ListedName(std::string_view canonical) {
  std::string listed;
  for (const char c : canonical) {
    if (c == '*') {
      listed += "\\052";
    } else {
      listed += c;
    }
  }
  return listed;
}

Value RecordShape(const RecordSet& record) {
  Value shape = Value::Struct({{"Name", ListedName(record.name)}, {"Type", TypeName(record.type)}});
  if (!record.set_identifier.empty()) shape.Set("SetIdentifier", record.set_identifier);
  SetRouting(record, shape);
  if (record.alias) {
    const bool evaluate = record.alias->target_health == TargetHealth::kEvaluate;
    shape.Set("AliasTarget", Value::Struct({{"HostedZoneId", record.alias->zone_id},
                                            {"DNSName", record.alias->target},
                                            {"EvaluateTargetHealth", evaluate}}));
  } else {
    shape.Set("TTL", std::int64_t{record.ttl});
    shape.Set("ResourceRecords", ValuesShape(record.values));
  }
  if (!record.health_check.empty()) shape.Set("HealthCheckId", record.health_check);
  return shape;
}

std::vector<const RecordSet*> ListOrder(const Zone& zone) {
  std::vector<const RecordSet*> all;
  for (const auto& [key, group] : zone.sets) {
    for (const RecordSet& record : group) all.push_back(&record);
  }
  std::ranges::stable_sort(all, [](const RecordSet* a, const RecordSet* b) {
    const auto key = [](const RecordSet* r) {
      return std::tuple(SortKey(r->name), TypeName(r->type), std::string_view(r->set_identifier));
    };
    return key(a) < key(b);
  });
  return all;
}

std::size_t CountRecords(const Zone& zone) {
  std::size_t count = 0;
  for (const auto& [key, group] : zone.sets) count += group.size();
  return count;
}

Value ZoneToValue(const Zone& zone) {
  Value::List records;
  for (const auto& [key, group] : zone.sets) {
    for (const RecordSet& record : group) {
      Value shape = RecordShape(record);
      shape.Set("Routing",
                std::ranges::find(kRoutingNames, record.routing, &RoutingName::routing)->text);
      records.push_back(std::move(shape));
    }
  }
  return Value::Struct({{"Id", zone.id}, {"Name", zone.name}, {"Records", std::move(records)}});
}

Zone ZoneFromValue(const Value& value) {
  Zone zone;
  zone.id = value.String("Id");
  zone.name = value.String("Name");
  for (const Value& shape : value.Items("Records")) {
    RecordSet record;
    record.name = CanonicalName(shape.String("Name"));
    record.type = TypeByName(shape.String("Type")).value_or(RrType::kA);
    record.ttl = static_cast<std::uint32_t>(shape.Int("TTL"));
    for (const Value& one : shape.Items("ResourceRecords"))
      record.values.emplace_back(one.String("Value"));
    if (const Value* alias = shape.Find("AliasTarget")) {
      record.alias =
          Alias{std::string(alias->String("HostedZoneId")), std::string(alias->String("DNSName")),
                alias->Flag("EvaluateTargetHealth", false) ? TargetHealth::kEvaluate
                                                           : TargetHealth::kIgnore};
    }
    const auto* routing =
        std::ranges::find(kRoutingNames, shape.String("Routing"), &RoutingName::text);
    record.routing = routing == kRoutingNames.end() ? Routing::kSimple : routing->routing;
    record.set_identifier = shape.String("SetIdentifier");
    record.weight = static_cast<std::uint32_t>(shape.Int("Weight"));
    record.region = shape.String("Region");
    record.health_check = shape.String("HealthCheckId");
    zone.sets[{SortKey(record.name), record.type}].push_back(std::move(record));
  }
  return zone;
}

}  // namespace leeward::lab

// What is only read: instances, events, and what this lab's RDS offers.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/list_page.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::int64_t kDefaultEventMinutes = 60;
constexpr std::array<std::string_view, 6> kInstanceFilters = {
    "db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain", "db-instance-status"};
constexpr std::array<std::string_view, 7> kClasses = {
    "db.t3.micro",  "db.t3.medium", "db.t4g.micro", "db.t4g.medium",
    "db.m6g.large", "db.r6g.large", "db.r6g.xlarge"};

bool OneOf(const Value::List& values, std::string_view text) {
  return std::any_of(values.begin(), values.end(),
                     [&](const Value& value) { return value.is_string() && value.str() == text; });
}

bool Matches(const Host& host, const Instance& instance, std::string_view filter,
             const Value::List& values) {
  if (filter == "db-instance-id") {
    return OneOf(values, instance.id) || OneOf(values, Arn(host, "rds", "db:" + instance.id));
  }
  if (filter == "dbi-resource-id") return OneOf(values, instance.resource_id);
  if (filter == "engine") return OneOf(values, instance.type().name);
  if (filter == "db-instance-status") return OneOf(values, Name(instance.status));
  return false;  // no instance of this lab is in a cluster or a domain
}

}  // namespace

Answer Rds::DescribeDBInstances(const Value& input) {
  if (const Value* id = input.Find("DBInstanceIdentifier")) {
    const InstancePtr instance = FindInstance(id->str());
    if (instance == nullptr) return InstanceNotFound(id->str());
    return Value::Struct({{"DBInstances", Value(Value::List{Shown(*instance)})}});
  }
  Value::List found;
  for (const Value& filter : input.Items("Filters")) {
    if (std::find(kInstanceFilters.begin(), kInstanceFilters.end(), filter.String("Name")) ==
        kInstanceFilters.end()) {
      return BadValue(fmt::format("Unrecognized filter name: {}", filter.String("Name")));
    }
  }
  for (const auto& entry : instances_) {
    const Instance& instance = *entry.second;
    const Value::List& filters = input.Items("Filters");
    const bool wanted = std::all_of(filters.begin(), filters.end(), [&](const Value& filter) {
      return Matches(host_, instance, filter.String("Name"), filter.Items("Values"));
    });
    if (wanted) found.push_back(Shown(instance));
  }
  return ListPage(input, "DBInstances", found);
}

Answer Rds::DescribeEvents(const Value& input) {
  if (input.Has("SourceIdentifier") && !input.Has("SourceType")) {
    return BadCombination("SourceType must be given with SourceIdentifier.");
  }
  if (!input.Items("Filters").empty()) {
    return BadValue("Filters of events are not served by this lab, as AWS does not serve them.");
  }
  const base::WallTime now = host_.clock().Now();
  base::WallTime end = now;
  if (const Value* given = input.Find("EndTime")) end = given->time();
  base::WallTime start = end - std::chrono::minutes(input.Int("Duration", kDefaultEventMinutes));
  if (const Value* given = input.Find("StartTime")) start = given->time();
  Value::List found;
  for (const Value& event : events_) {
    const base::WallTime date = event.Find("Date")->time();
    if (date < start || date > end) continue;
    if (input.Has("SourceType") && event.String("SourceType") != input.String("SourceType"))
      continue;
    if (input.Has("SourceIdentifier") &&
        event.String("SourceIdentifier") != input.String("SourceIdentifier")) {
      continue;
    }
    const Value::List& categories = input.Items("EventCategories");
    if (!categories.empty() && !OneOf(categories, event.Items("EventCategories").front().str())) {
      continue;
    }
    found.push_back(event);
  }
  return ListPage(input, "Events", found);
}

Answer Rds::DescribeSourceRegions(const Value& input) {
  // The lab's Regions know each other by trying; these are the ones whose default latencies it has.
  Value::List regions;
  for (const std::string_view name : {"eu-west-1", "us-east-1", "us-west-2"}) {
    if (name == host_.region()) continue;
    if (input.Has("RegionName") && input.String("RegionName") != name) continue;
    regions.push_back(
        Value::Struct({{"RegionName", name},
                       {"Endpoint", fmt::format("https://rds.{}.amazonaws.com", name)},
                       {"Status", "available"},
                       {"SupportsDBInstanceAutomatedBackupsReplication", true}}));
  }
  return ListPage(input, "SourceRegions", regions);
}

Answer Rds::DescribeDBEngineVersions(const Value& input) {
  if (!input.Items("Filters").empty()) {
    return BadValue("Filters of engine versions are not served by this lab; leave them out.");
  }
  Value::List versions;
  for (const EngineType* type : EngineTypes()) {
    if (!type->installed() || input.String("Engine", type->name) != type->name ||
        input.String("DBParameterGroupFamily", type->family) != type->family ||
        !MatchesVersion(*type, input.String("EngineVersion", type->major))) {
      continue;
    }
    Value::List logs(type->log_types.begin(), type->log_types.end());
    versions.push_back(
        Value::Struct({{"Engine", type->name},
                       {"MajorEngineVersion", type->major},
                       {"EngineVersion", type->version()},
                       {"DBParameterGroupFamily", type->family},
                       {"DBEngineDescription", type->description},
                       {"DBEngineVersionDescription",
                        fmt::format("{}{}", type->version_description, type->version())},
                       {"ValidUpgradeTarget", Value::EmptyList()},
                       {"ExportableLogTypes", Value(std::move(logs))},
                       {"SupportsReadReplica", true},
                       {"SupportsGlobalDatabases", false},
                       {"Status", "available"}}));
  }
  return ListPage(input, "DBEngineVersions", versions);
}

Answer Rds::DescribeOrderableDBInstanceOptions(const Value& input) {
  Value::List options;
  Value::List zones;
  for (const char zone : {'a', 'b', 'c'}) {
    zones.push_back(Value::Struct({{"Name", host_.region() + zone}}));
  }
  const EngineType* type = FindEngineType(input.String("Engine"));
  for (const std::string_view kind : kClasses) {
    if (type == nullptr || !type->installed()) break;
    if (input.Has("DBInstanceClass") && input.String("DBInstanceClass") != kind) continue;
    options.push_back(Value::Struct({{"Engine", type->name},
                                     {"EngineVersion", type->version()},
                                     {"DBInstanceClass", kind},
                                     {"LicenseModel", type->license},
                                     {"AvailabilityZones", Value(zones)},
                                     {"MultiAZCapable", false},
                                     {"ReadReplicaCapable", true},
                                     {"Vpc", true},
                                     {"SupportsStorageEncryption", true},
                                     {"StorageType", "gp2"},
                                     {"SupportsIops", false}}));
  }
  return ListPage(input, "OrderableDBInstanceOptions", options);
}

}  // namespace leeward::lab::rds

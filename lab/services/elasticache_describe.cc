// What is only read: groups, clusters, events, and what this lab's ElastiCache offers.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/elasticache.h"
#include "lab/services/list_page.h"

namespace leeward::lab::elasticache {
namespace {

constexpr std::int64_t kDefaultEventMinutes = 60;
constexpr std::int64_t kMostEventMinutes = std::int64_t{14} * 24 * 60;

}  // namespace

Answer ElastiCache::DescribeReplicationGroups(const Value& input) {
  Value::List found;
  if (const Value* id = input.Find("ReplicationGroupId")) {
    const GroupPtr group = FindGroup(id->str());
    if (group == nullptr) return GroupNotFound(id->str());
    found.push_back(Describe(host_, *group, RoleOf(*group)));
  } else {
    for (const auto& [name, group] : groups_) {
      found.push_back(Describe(host_, *group, RoleOf(*group)));
    }
  }
  return ListPage(input, "ReplicationGroups", found);
}

Answer ElastiCache::DescribeCacheClusters(const Value& input) {
  const NodeInfo info = input.Flag("ShowCacheNodeInfo", false) ? NodeInfo::kShow : NodeInfo::kHide;
  const std::string id = Lower(input.String("CacheClusterId"));
  Value::List found;
  for (const auto& [name, group] : groups_) {
    for (const CacheNode& node : group->nodes) {
      if (!id.empty() && node.id != id) continue;
      found.push_back(DescribeCluster(host_, *group, node, info));
    }
  }
  if (!id.empty() && found.empty()) {
    return ApiError{"CacheClusterNotFound", fmt::format("CacheCluster not found: {}", id), 404, {}};
  }
  // Every cluster of this lab is in a group.
  if (input.Flag("ShowCacheClustersNotInReplicationGroups", false)) found.clear();
  return ListPage(input, "CacheClusters", found);
}

Answer ElastiCache::DescribeEvents(const Value& input) {
  if (input.Has("SourceIdentifier") && !input.Has("SourceType")) {
    return BadCombination("SourceType must be given with SourceIdentifier.");
  }
  const std::int64_t minutes = input.Int("Duration", kDefaultEventMinutes);
  if (minutes < 1 || minutes > kMostEventMinutes) {
    return BadValue(fmt::format("Invalid value {} for Duration.", minutes));
  }
  const base::WallTime now = host_.clock().Now();
  base::WallTime end = now;
  if (const Value* given = input.Find("EndTime")) end = given->time();
  base::WallTime start = end - std::chrono::minutes(minutes);
  if (const Value* given = input.Find("StartTime")) start = given->time();
  Value::List found;
  for (const Value& event : events_) {
    const base::WallTime date = event.Find("Date")->time();
    if (date < start || date > end) continue;
    if (input.Has("SourceType") && event.String("SourceType") != input.String("SourceType"))
      continue;
    if (input.Has("SourceIdentifier") &&
        event.String("SourceIdentifier") != Lower(input.String("SourceIdentifier"))) {
      continue;
    }
    found.push_back(event);
  }
  return ListPage(input, "Events", found);
}

Answer ElastiCache::DescribeCacheEngineVersions(const Value& input) {
  Value::List versions;
  const std::string engine = Lower(input.String("Engine"));
  for (const EngineVersion& row : EngineVersions()) {
    if (!engine.empty() && engine != row.engine) continue;
    if (input.Has("EngineVersion") &&
        FindVersion(row.engine, input.String("EngineVersion")) != &row) {
      continue;
    }
    const std::string_view family = input.String("CacheParameterGroupFamily", row.family);
    if (family != row.family) continue;
    if (input.Flag("DefaultOnly", false) && &row != FindVersion(row.engine, "")) continue;
    versions.push_back(Value::Struct(
        {{"Engine", row.engine},
         {"EngineVersion", row.full},
         {"CacheParameterGroupFamily", row.family},
         {"CacheEngineDescription", row.engine == "redis" ? "Redis" : "Valkey"},
         {"CacheEngineVersionDescription", fmt::format("{} version {}", row.engine, row.full)}}));
  }
  return ListPage(input, "CacheEngineVersions", versions);
}

Answer ElastiCache::DescribeCacheParameterGroups(const Value& input) {
  const std::string_view name = input.String("CacheParameterGroupName");
  Value::List groups;
  std::string_view last;
  for (const EngineVersion& row : EngineVersions()) {
    if (row.family == last) continue;
    last = row.family;
    const std::string group = fmt::format("default.{}", row.family);
    if (!name.empty() && name != group) continue;
    groups.push_back(
        Value::Struct({{"CacheParameterGroupName", group},
                       {"CacheParameterGroupFamily", row.family},
                       {"Description", fmt::format("Default parameter group for {}", row.family)},
                       {"IsGlobal", false},
                       {"ARN", Arn(host_, "elasticache", "parametergroup:" + group)}}));
  }
  if (!name.empty() && groups.empty()) {
    return ApiError{"CacheParameterGroupNotFound",
                    fmt::format("CacheParameterGroup not found: {}", name),
                    404,
                    {}};
  }
  return ListPage(input, "CacheParameterGroups", groups);
}

}  // namespace leeward::lab::elasticache

#include "lab/services/elasticache_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "lab/services/time_window.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr std::size_t kLongestId = 40;
constexpr std::int64_t kMostReplicas = 5;
constexpr std::int64_t kMaxRetention = 35;
constexpr std::int64_t kMaxPort = 65535;
constexpr int kShortestWindow = 60;

// clang-format off
constexpr auto kVersions = std::to_array<EngineVersion>({
    {"redis", "7.1", "7.1.0", "redis7"},
    {"redis", "7.0", "7.0.7", "redis7"},
    {"valkey", "7.2", "7.2.6", "valkey7"},
    {"valkey", "8.0", "8.0.1", "valkey8"},
});
constexpr auto kFamilies = std::to_array<std::string_view>({
    "t2", "t3", "t4g", "m3", "m4", "m5", "m6g", "m7g", "r3", "r4", "r5", "r6g", "r6gd", "r7g", "c7gn"});
constexpr auto kGlobalFamilies = std::to_array<std::string_view>({
    "m5", "m6g", "m7g", "r5", "r6g", "r6gd", "r7g", "c7gn"});
constexpr auto kSizes = std::to_array<std::string_view>({
    "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "10xlarge", "12xlarge",
    "16xlarge", "24xlarge"});
constexpr auto kSmallSizes = std::to_array<std::string_view>({"micro", "small", "medium"});
// Asked for, these would have to be real; no part of the lab stands behind them.
constexpr auto kUnservedFlags = std::to_array<std::string_view>({
    "TransitEncryptionEnabled", "DataTieringEnabled"});
constexpr auto kUnserved = std::to_array<std::string_view>({
    "TransitEncryptionMode", "UserGroupIds", "UserGroupIdsToAdd", "UserGroupIdsToRemove",
    "RemoveUserGroups", "LogDeliveryConfigurations", "NotificationTopicArn", "NotificationTopicStatus",
    "SnapshotArns", "ServerlessCacheSnapshotName", "AuthTokenUpdateStrategy"});
constexpr auto kDecidedByPrimary = std::to_array<std::string_view>({
    "Engine", "EngineVersion", "CacheNodeType", "CacheParameterGroupName", "NumNodeGroups",
    "NodeGroupConfiguration", "SnapshotName", "SnapshotArns", "TransitEncryptionEnabled",
    "AtRestEncryptionEnabled", "CacheSecurityGroupNames", "PrimaryClusterId"});
// clang-format on

template <typename Table>
bool Has(const Table& table, std::string_view text) {
  return std::find(table.begin(), table.end(), text) != table.end();
}

bool Letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool Digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

Problem CheckSnapshotWindow(std::string_view window) {
  if (window.empty()) return {};
  const std::optional<int> lasts = WindowMinutes(window);
  if (lasts && *lasts >= kShortestWindow) return {};
  return BadValue(fmt::format(
      "Invalid snapshot window: {}. Must be in the format hh24:mi-hh24:mi, in UTC, and at least 60 "
      "minutes long.",
      window));
}

Problem CheckMaintenanceWindow(std::string_view window) {
  const std::size_t dash = window.find('-');
  const auto moment = [](std::string_view text) {
    constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
    return text.size() == 9 && text[3] == ':' && Has(kDays, text.substr(0, 3)) &&
           MinuteOfDay(text.substr(4)).has_value();
  };
  if (window.empty() || (dash != std::string_view::npos && moment(window.substr(0, dash)) &&
                         moment(window.substr(dash + 1)))) {
    return {};
  }
  return BadValue(fmt::format(
      "Invalid maintenance window: {}. Must be in the format ddd:hh24:mi-ddd:hh24:mi.", window));
}

Problem CheckNumber(const Value& input, std::string_view name, std::int64_t low,
                    std::int64_t high) {
  const Value* number = input.Find(name);
  if (number == nullptr || (number->integer() >= low && number->integer() <= high)) return {};
  return BadValue(fmt::format("Invalid value {} for {}. Must be between {} and {}.",
                              number->integer(), name, low, high));
}

Problem CheckShape(const Value& input) {
  if (input.String("ClusterMode", "disabled") != "disabled" || input.Int("NumNodeGroups", 1) > 1 ||
      input.String("CacheParameterGroupName").ends_with(".cluster.on")) {
    return BadCombination(
        "Cluster mode is not served by this lab; leave ClusterMode and NumNodeGroups out, or set "
        "them to disabled and 1.");
  }
  if (input.Has("NumCacheClusters") &&
      (input.Has("NumNodeGroups") || input.Has("ReplicasPerNodeGroup"))) {
    return BadCombination(
        "Cannot specify NumCacheClusters together with NumNodeGroups or ReplicasPerNodeGroup.");
  }
  if (auto problem = CheckNumber(input, "NumCacheClusters", 1, kMostReplicas + 1)) return problem;
  if (auto problem = CheckNumber(input, "NumNodeGroups", 1, 1)) return problem;
  if (auto problem = CheckNumber(input, "ReplicasPerNodeGroup", 0, kMostReplicas)) return problem;
  if (input.Has("NodeGroupConfiguration")) {
    return BadCombination(
        "NodeGroupConfiguration is not served by this lab; use NumCacheClusters and "
        "PreferredCacheClusterAZs.");
  }
  const std::int64_t nodes = NodesOf(input);
  if (input.Flag("AutomaticFailoverEnabled", false) && nodes < 2) {
    return BadCombination(
        "Automatic failover is not supported for a replication group without replicas; "
        "NumCacheClusters must be at least 2.");
  }
  const Value::List& zones = input.Items("PreferredCacheClusterAZs");
  if (!zones.empty() && zones.size() != static_cast<std::size_t>(nodes)) {
    return BadCombination(
        fmt::format("The number of PreferredCacheClusterAZs ({}) must equal NumCacheClusters ({}).",
                    zones.size(), nodes));
  }
  return {};
}

}  // namespace

ApiError BadValue(std::string message) {
  return {"InvalidParameterValue", std::move(message), 400, {}};
}
ApiError BadCombination(std::string message) {
  return {"InvalidParameterCombination", std::move(message), 400, {}};
}
ApiError GroupNotFound(std::string_view id) {
  return {
      "ReplicationGroupNotFoundFault", fmt::format("ReplicationGroup {} not found.", id), 404, {}};
}
ApiError GroupState(std::string message) {
  return {"InvalidReplicationGroupState", std::move(message), 400, {}};
}
ApiError GlobalNotFound(std::string_view id) {
  return {"GlobalReplicationGroupNotFoundFault",
          fmt::format("GlobalReplicationGroup {} not found.", id),
          404,
          {}};
}
ApiError GlobalState(std::string message) {
  return {"InvalidGlobalReplicationGroupState", std::move(message), 400, {}};
}
ApiError SnapshotNotFound(std::string_view name) {
  return {"SnapshotNotFoundFault", fmt::format("Snapshot {} not found.", name), 404, {}};
}
ApiError NoAnswer(std::string_view region) {
  return {"ServiceUnavailable",
          fmt::format("The Region {} does not answer; try again when it does.", region),
          503,
          {}};
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::span<const EngineVersion> EngineVersions() { return kVersions; }

const EngineVersion* FindVersion(std::string_view engine, std::string_view version) {
  for (const EngineVersion& row : kVersions) {
    if (row.engine != engine) continue;
    if (version.empty() || version == row.version || version == row.full) return &row;
  }
  return nullptr;
}

Problem CheckGroupId(std::string_view parameter, std::string_view id) {
  const bool good =
      !id.empty() && id.size() <= kLongestId && Letter(id.front()) && id.back() != '-' &&
      id.find("--") == std::string_view::npos &&
      std::all_of(id.begin(), id.end(), [](char c) { return Letter(c) || Digit(c) || c == '-'; });
  if (good) return {};
  return BadValue(fmt::format(
      "The parameter {} is not a valid identifier. Identifiers must begin with a letter; must "
      "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain "
      "two consecutive hyphens; and must be at most {} characters long.",
      parameter, kLongestId));
}

Problem CheckSnapshotName(std::string_view parameter, std::string_view name) {
  if (name.size() <= kLongestId) return CheckGroupId(parameter, name);
  return CheckGroupId(parameter, name.substr(0, kLongestId)).has_value() || name.size() > 255
             ? CheckGroupId(parameter, "")
             : Problem();
}

Problem CheckEngine(const Value& input) {
  const std::string engine = Lower(input.String("Engine", "redis"));
  if (engine != "redis" && engine != "valkey") {
    return BadValue(fmt::format(
        "The engine {} is not supported for replication groups. Valid values: redis, valkey.",
        engine));
  }
  const std::string_view version = input.String("EngineVersion");
  if (FindVersion(engine, version) != nullptr) return {};
  std::string known;
  for (const EngineVersion& row : kVersions) {
    if (row.engine == engine) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.version);
  }
  return BadCombination(
      fmt::format("Cannot find version {} for {}. This lab has {}.", version, engine, known));
}

Problem CheckNodeType(std::string_view type) {
  const std::size_t dot = type.find('.', 6);
  if (type.starts_with("cache.") && dot != std::string_view::npos &&
      Has(kFamilies, type.substr(6, dot - 6)) && Has(kSizes, type.substr(dot + 1))) {
    return {};
  }
  return BadValue(fmt::format("Invalid cache node type: {}", type));
}

Problem CheckGlobalNodeType(std::string_view type) {
  if (auto problem = CheckNodeType(type)) return problem;
  const std::size_t dot = type.find('.', 6);
  if (Has(kGlobalFamilies, type.substr(6, dot - 6)) && !Has(kSmallSizes, type.substr(dot + 1))) {
    return {};
  }
  return BadValue(fmt::format(
      "Global Datastore is not supported for cache node type {}. Use a node type of the families "
      "M5, M6g, M7g, R5, R6g, R6gd, R7g or C7gn, large or larger.",
      type));
}

std::int64_t NodesOf(const Value& input) {
  if (input.Has("NumCacheClusters")) return input.Int("NumCacheClusters");
  return 1 + input.Int("ReplicasPerNodeGroup", 0);
}

Problem CheckUnserved(const Value& input) {
  for (const std::string_view flag : kUnservedFlags) {
    if (input.Flag(flag, false)) {
      return BadCombination(
          fmt::format("{} is not served by this lab; leave it out or set it to false.", flag));
    }
  }
  if (input.Has("AuthToken")) {
    return BadCombination(
        "AuthToken can only be specified when TransitEncryptionEnabled is true, and in-transit "
        "encryption is not served by this lab.");
  }
  for (const std::string_view name : kUnserved) {
    if (input.Has(name)) {
      return BadCombination(fmt::format("{} is not served by this lab; leave it out.", name));
    }
  }
  if (input.Has("CacheSecurityGroupNames") && !input.Items("CacheSecurityGroupNames").empty()) {
    return BadValue(
        "Use of cache security groups is not permitted in this API version for your "
        "account.");
  }
  if (input.String("NetworkType", "ipv4") != "ipv4" ||
      input.String("IpDiscovery", "ipv4") != "ipv4") {
    return BadCombination(
        "IPv6 is not served by this lab; set NetworkType and IpDiscovery to "
        "ipv4.");
  }
  return {};
}

Problem CheckCommon(const Value& input) {
  if (auto problem = CheckUnserved(input)) return problem;
  if (auto problem = CheckNumber(input, "SnapshotRetentionLimit", 0, kMaxRetention)) return problem;
  if (auto problem = CheckSnapshotWindow(input.String("SnapshotWindow"))) return problem;
  return CheckMaintenanceWindow(input.String("PreferredMaintenanceWindow"));
}

Problem CheckCreate(const Value& input) {
  if (auto problem = CheckGroupId("ReplicationGroupId", input.String("ReplicationGroupId"))) {
    return problem;
  }
  if (input.String("ReplicationGroupDescription").empty()) {
    return BadValue(
        "The parameter ReplicationGroupDescription must be provided and must not be "
        "blank.");
  }
  if (auto problem = CheckEngine(input)) return problem;
  if (auto problem = CheckCommon(input)) return problem;
  if (auto problem = CheckNumber(input, "Port", 1, kMaxPort)) return problem;
  if (auto problem = CheckShape(input)) return problem;
  if (input.Flag("MultiAZEnabled", false) && !input.Flag("AutomaticFailoverEnabled", false)) {
    return BadCombination("Must enable automatic failover when enabling Multi-AZ.");
  }
  if (input.Has("GlobalReplicationGroupId")) return {};
  if (!input.Has("CacheNodeType")) {
    return ApiError{"InvalidParameterCombination",
                    "CacheNodeType must be specified when the replication group is not made from "
                    "an existing cluster.",
                    400,
                    {}};
  }
  return CheckNodeType(input.String("CacheNodeType"));
}

Problem CheckSecondary(const Value& input) {
  std::string given;
  for (const std::string_view name : kDecidedByPrimary) {
    if (input.Has(name)) given += fmt::format("{}{}", given.empty() ? "" : ", ", name);
  }
  if (given.empty()) return {};
  return BadCombination(
      fmt::format("The parameters {} cannot be specified when GlobalReplicationGroupId is; a "
                  "secondary has them "
                  "of the primary of its global replication group.",
                  given));
}

}  // namespace leeward::lab::elasticache

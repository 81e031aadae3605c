// What ElastiCache refuses in a request, apart from what its model already says; and the errors it
// answers. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/elasticache_group.h"

namespace leeward::lab::elasticache {

using Problem = std::optional<ApiError>;

ApiError BadValue(std::string message);        // InvalidParameterValue
ApiError BadCombination(std::string message);  // InvalidParameterCombination
ApiError GroupNotFound(std::string_view id);
ApiError GroupState(std::string message);  // InvalidReplicationGroupState
ApiError GlobalNotFound(std::string_view id);
ApiError GlobalState(std::string message);  // InvalidGlobalReplicationGroupState
ApiError SnapshotNotFound(std::string_view name);
ApiError NoAnswer(std::string_view region);

// Lower case, as ElastiCache keeps identifiers.
std::string Lower(std::string_view text);

struct EngineVersion {
  std::string_view engine;
  std::string_view version;  // as asked for: "7.1"
  std::string_view full;     // as answered: "7.1.0"
  std::string_view family;   // of its parameter groups: "redis7"
};
// The versions of this lab, the default of each engine first.
std::span<const EngineVersion> EngineVersions();
// By "7.1" or "7.1.0"; the default for an empty version; nullptr for one this lab does not have.
const EngineVersion* FindVersion(std::string_view engine, std::string_view version);

Problem CheckGroupId(std::string_view parameter, std::string_view id);
Problem CheckSnapshotName(std::string_view parameter, std::string_view name);
Problem CheckEngine(const shapes::Value& input);
Problem CheckNodeType(std::string_view type);
// Whether members of a datastore may have it.
Problem CheckGlobalNodeType(std::string_view type);
// How many nodes a request asks for, its defaults applied.
std::int64_t NodesOf(const shapes::Value& input);
// Everything about CreateReplicationGroup that needs no state.
Problem CheckCreate(const shapes::Value& input);
// What the first member of a datastore decides for all.
Problem CheckSecondary(const shapes::Value& input);
// What this lab has nothing behind, in CreateReplicationGroup and ModifyReplicationGroup.
Problem CheckUnserved(const shapes::Value& input);
// Windows, retention and failover of CreateReplicationGroup and ModifyReplicationGroup.
Problem CheckCommon(const shapes::Value& input);

}  // namespace leeward::lab::elasticache

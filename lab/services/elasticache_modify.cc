// Changes to a replication group, and its end.
#include <fmt/format.h>

#include "lab/services/elasticache.h"

namespace leeward::lab::elasticache {
namespace {

constexpr base::Duration kModifyAws = std::chrono::seconds(60);
constexpr base::Duration kDeleteAws = std::chrono::minutes(3);
constexpr base::Duration kSettlePoll = std::chrono::milliseconds(20);
constexpr std::string_view kPlain[] = {"SnapshotRetentionLimit", "SnapshotWindow",
                                       "PreferredMaintenanceWindow", "AutoMinorVersionUpgrade",
                                       "CacheNodeType"};
// These belong to the datastore once there is one.
constexpr std::string_view kOfTheDatastore[] = {"CacheNodeType", "Engine", "EngineVersion",
                                                "CacheParameterGroupName"};

}  // namespace

// What one server behind all engines and versions, and one parameter group for each, cannot do.
Problem ElastiCache::CheckEngineChange(const Group& group, const Value& input) const {
  const std::string_view engine = group.settings.String("Engine");
  const std::string_view version = input.String("EngineVersion");
  const EngineVersion* found = FindVersion(engine, version);
  const bool other_version =
      !version.empty() &&
      (found == nullptr || found->full != group.settings.String("EngineVersion"));
  if (other_version || Lower(input.String("Engine", engine)) != engine) {
    return BadCombination(
        "Changing the engine or its version is not served by this lab: one server stands behind "
        "all of them.");
  }
  const std::string_view parameters = input.String("CacheParameterGroupName");
  if (!parameters.empty() && parameters != group.settings.String("ParameterGroup")) {
    return ApiError{"CacheParameterGroupNotFound",
                    fmt::format("CacheParameterGroup not found: {}", parameters),
                    404,
                    {}};
  }
  if (input.String("ClusterMode", "disabled") != "disabled") {
    return BadCombination("Cluster mode is not served by this lab; leave ClusterMode out.");
  }
  return {};
}

Problem ElastiCache::CheckFailoverChange(Group& group, const Value& input) const {
  const bool failover = input.Flag("AutomaticFailoverEnabled", group.automatic_failover());
  if (failover && group.nodes.size() < 2) {
    return BadCombination(
        "Automatic failover is not supported for a replication group without replicas.");
  }
  if (input.Flag("MultiAZEnabled", group.settings.Flag("MultiAZ", false)) && !failover) {
    return BadCombination("Must enable automatic failover when enabling Multi-AZ.");
  }
  const Value* primary = input.Find("PrimaryClusterId");
  if (primary == nullptr) return {};
  if (group.Find(Lower(primary->str())) == nullptr) {
    return ApiError{
        "CacheClusterNotFound", fmt::format("CacheCluster not found: {}", primary->str()), 404, {}};
  }
  if (!failover) return {};
  return BadCombination(
      "Unable to promote a replica by hand while automatic failover is enabled; disable it first, "
      "or call TestFailover.");
}

Problem ElastiCache::CheckModify(Group& group, const Value& input) const {
  if (group.status != GroupStatus::kAvailable) {
    return GroupState(fmt::format("Replication group {} is not in available state.", group.id));
  }
  if (auto problem = CheckCommon(input)) return problem;
  for (const std::string_view name : kOfTheDatastore) {
    if (group.global_id.empty() || !input.Has(name)) continue;
    return BadCombination(
        fmt::format("{} of a member of {} can only be changed with ModifyGlobalReplicationGroup.",
                    name, group.global_id));
  }
  if (const Value* type = input.Find("CacheNodeType")) {
    if (auto problem = CheckNodeType(type->str())) return problem;
    if (!input.Flag("ApplyImmediately", false)) {
      return BadCombination(
          "This lab has no maintenance windows to wait for; set ApplyImmediately to change "
          "CacheNodeType.");
    }
  }
  if (auto problem = CheckEngineChange(group, input)) return problem;
  if (auto problem = CheckFailoverChange(group, input)) return problem;
  return CheckSecurityGroups(input);
}

void ElastiCache::ApplyChanges(Group& group, const Value& input) {
  for (const std::string_view name : kPlain) {
    if (const Value* value = input.Find(name)) group.settings.Set(name, *value);
  }
  if (const Value* text = input.Find("ReplicationGroupDescription")) {
    group.settings.Set("Description", *text);
  }
  if (const Value* flag = input.Find("AutomaticFailoverEnabled")) {
    group.settings.Set("AutomaticFailover", *flag);
  }
  if (const Value* flag = input.Find("MultiAZEnabled")) group.settings.Set("MultiAZ", *flag);
  if (!input.Items("SecurityGroupIds").empty()) {
    group.security_groups.clear();
    for (const Value& id : input.Items("SecurityGroupIds")) {
      group.security_groups.push_back(id.str());
    }
    SetIngress(group);
  }
  const auto record = globals_.find(group.global_id);
  if (record == globals_.end()) return;
  MemberPart& mine = record->second.members[host_.region()];
  mine.automatic_failover = group.automatic_failover();
  ++mine.version;
}

Answer ElastiCache::ModifyReplicationGroup(const Value& input) {
  const GroupPtr group = FindGroup(input.String("ReplicationGroupId"));
  if (group == nullptr) return GroupNotFound(input.String("ReplicationGroupId"));
  if (auto problem = CheckModify(*group, input)) return *problem;
  ApplyChanges(*group, input);
  SetStatus(*group, GroupStatus::kModifying);
  Value answer = Value::Struct({{"ReplicationGroup", Describe(host_, *group, RoleOf(*group))}});
  RunModify(group, Lower(input.String("PrimaryClusterId"))).Detach();
  return answer;
}

Flow<> ElastiCache::RunModify(GroupPtr group, std::string new_primary) {
  const AtWork at_work(group);
  co_await Sleep(host_, Paced(kModifyAws));
  if (!new_primary.empty() && new_primary != group->primary && !group->cancelled) {
    const std::string old = group->primary;
    const base::Status promoted = co_await Promote(group, new_primary);
    AddEvent(group->id, "replication-group",
             promoted.ok() ? fmt::format("Promoted {} to primary in place of {}", new_primary, old)
                           : "Promotion failed: " + promoted.error().message());
  }
  if (group->cancelled || group->status != GroupStatus::kModifying) co_return;
  for (const CacheNode& node : group->nodes) {
    if (node.status != NodeStatus::kAvailable) co_return;  // its recovery ends the change
  }
  AddEvent(group->id, "replication-group", "Replication group modified");
  SetStatus(*group, GroupStatus::kAvailable);
}

Answer ElastiCache::DeleteReplicationGroup(const Value& input) {
  const GroupPtr group = FindGroup(input.String("ReplicationGroupId"));
  if (group == nullptr) return GroupNotFound(input.String("ReplicationGroupId"));
  if (!group->global_id.empty()) {
    return GroupState(fmt::format(
        "Replication group {} is part of global replication group {}; disassociate it first.",
        group->id, group->global_id));
  }
  if (group->status != GroupStatus::kAvailable && group->status != GroupStatus::kModifying &&
      group->status != GroupStatus::kCreateFailed) {
    return GroupState(fmt::format("Replication group {} is {}.", group->id, Name(group->status)));
  }
  if (input.Flag("RetainPrimaryCluster", false)) {
    return BadCombination(
        "RetainPrimaryCluster is not served by this lab, which has no clusters outside "
        "replication groups; leave it out.");
  }
  const std::string final_snapshot(input.String("FinalSnapshotIdentifier"));
  if (!final_snapshot.empty()) {
    if (auto problem = CheckSnapshotName("FinalSnapshotIdentifier", final_snapshot)) {
      return *problem;
    }
    if (snapshots_.contains(final_snapshot)) {
      return ApiError{"SnapshotAlreadyExistsFault",
                      fmt::format("Snapshot {} already exists.", final_snapshot),
                      400,
                      {}};
    }
  }
  group->cancelled = true;
  SetStatus(*group, GroupStatus::kDeleting);
  Value answer = Value::Struct({{"ReplicationGroup", Describe(host_, *group, Role::kAlone)}});
  RunDelete(group, final_snapshot).Detach();
  return answer;
}

Flow<> ElastiCache::RunDelete(GroupPtr group, std::string final_snapshot) {
  group->cancelled = true;
  WithdrawGroup(*group);
  if (!final_snapshot.empty()) {
    AddSnapshot(*group, *group->Primary(), final_snapshot, "manual");
    const base::Status taken = co_await TakeSnapshot(group, group->primary, final_snapshot);
    if (!taken.ok()) {
      // The data are kept: the caller asked for a copy of them, and there is none.
      group->cancelled = false;
      PublishGroup(*group);
      for (const CacheNode& node : group->nodes) PublishNode(*group, node);
      AddEvent(group->id, "replication-group",
               "The final snapshot failed: " + taken.error().message());
      SetStatus(*group, GroupStatus::kAvailable);
      co_return;
    }
  }
  for (CacheNode& node : group->nodes) node.status = NodeStatus::kDeleting;
  for (std::size_t i = 0; i < group->nodes.size(); ++i) {
    co_await group->nodes[i].engine->Stop();
  }
  while (group->flows > 0) co_await Sleep(host_, kSettlePoll);
  for (std::size_t i = 0; i < group->nodes.size(); ++i) {
    // A job may have started the server between the two.
    co_await group->nodes[i].engine->Stop();
    co_await group->nodes[i].engine->Remove();
  }
  co_await Sleep(host_, Paced(kDeleteAws));
  AddEvent(group->id, "replication-group", "Replication group deleted");
  groups_.erase(group->id);
  Save();
}

}  // namespace leeward::lab::elasticache

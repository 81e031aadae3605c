#include "lab/services/elasticache_group.h"

#include <fmt/format.h>

#include <array>

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr std::array<std::pair<GroupStatus, std::string_view>, 6> kGroupNames = {{
    {GroupStatus::kCreating, "creating"},
    {GroupStatus::kAvailable, "available"},
    {GroupStatus::kModifying, "modifying"},
    {GroupStatus::kSnapshotting, "snapshotting"},
    {GroupStatus::kDeleting, "deleting"},
    {GroupStatus::kCreateFailed, "create-failed"},
}};

Value Endpoint(Host& host, const std::string& name, std::uint16_t port) {
  return Value::Struct(
      {{"Address", host.network().AddressFor(name)}, {"Port", static_cast<std::int64_t>(port)}});
}

Value DescribeMembers(Host& host, const Group& group) {
  Value members = Value::EmptyList();
  for (const CacheNode& node : group.nodes) {
    members.list().push_back(
        Value::Struct({{"CacheClusterId", node.id},
                       {"CacheNodeId", kNodeId},
                       {"ReadEndpoint", Endpoint(host, NodeName(node), group.port())},
                       {"PreferredAvailabilityZone", node.zone},
                       {"CurrentRole", node.id == group.primary ? "primary" : "replica"}}));
  }
  return members;
}

Value DescribeShard(Host& host, const Group& group) {
  Value shard = Value::Struct({{"NodeGroupId", kNodeGroupId},
                               {"Status", Name(group.status)},
                               {"NodeGroupMembers", DescribeMembers(host, group)}});
  shard.Set("PrimaryEndpoint", Endpoint(host, PrimaryName(group), group.port()));
  shard.Set("ReaderEndpoint", Endpoint(host, ReaderName(group), group.port()));
  return shard;
}

// What groups, clusters and snapshots answer as it was asked for.
void CopyMembers(const Value& from, Value& to, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const Value* member = from.Find(name)) to.Set(name, *member);
  }
}

}  // namespace

std::string_view Name(GroupStatus status) {
  for (const auto& [known, name] : kGroupNames) {
    if (known == status) return name;
  }
  CHECK_NEVER("GroupStatus outside its enum");
}

GroupStatus GroupStatusOf(std::string_view name) {
  for (const auto& [status, known] : kGroupNames) {
    if (known == name) return status;
  }
  return GroupStatus::kCreateFailed;
}

std::string_view Name(NodeStatus status) {
  switch (status) {
    case NodeStatus::kCreating:
      return "creating";
    case NodeStatus::kAvailable:
      return "available";
    case NodeStatus::kRecovering:
      return "rebooting cluster nodes";
    case NodeStatus::kFailed:
      return "restore-failed";
    case NodeStatus::kDeleting:
      return "deleting";
  }
  CHECK_NEVER("NodeStatus outside its enum");
}

CacheNode* Group::Find(std::string_view node_id) {
  for (CacheNode& node : nodes) {
    if (node.id == node_id) return &node;
  }
  return nullptr;
}

Value Save(const Group& group) {
  Value nodes = Value::EmptyList();
  for (const CacheNode& node : group.nodes) {
    nodes.list().push_back(
        Value::Struct({{"Id", node.id}, {"Directory", node.directory}, {"Zone", node.zone}}));
  }
  Value groups = Value::EmptyList();
  for (const std::string& id : group.security_groups) groups.list().emplace_back(id);
  Value tests = Value::EmptyList();
  for (const base::WallTime at : group.failover_tests) tests.list().emplace_back(at);
  return Value::Struct({{"Id", group.id},
                        {"Status", Name(group.status)},
                        {"Settings", group.settings},
                        {"SecurityGroups", std::move(groups)},
                        {"Tags", group.tags},
                        {"Nodes", std::move(nodes)},
                        {"Primary", group.primary},
                        {"Secret", group.secret},
                        {"RestoreFrom", group.restore_from},
                        {"GlobalId", group.global_id},
                        {"FailoverTests", std::move(tests)}});
}

Group LoadGroup(const Value& saved) {
  Group group;
  group.id = saved.String("Id");
  group.status = GroupStatusOf(saved.String("Status"));
  group.settings = saved.Sub("Settings");
  for (const Value& id : saved.Items("SecurityGroups")) group.security_groups.push_back(id.str());
  group.tags = Value(saved.Items("Tags"));
  for (const Value& node : saved.Items("Nodes")) {
    CacheNode& added = group.nodes.emplace_back();
    added.id = node.String("Id");
    added.directory = node.String("Directory");
    added.zone = node.String("Zone");
  }
  group.primary = saved.String("Primary");
  group.secret = saved.String("Secret");
  group.restore_from = saved.String("RestoreFrom");
  group.global_id = saved.String("GlobalId");
  for (const Value& at : saved.Items("FailoverTests")) group.failover_tests.push_back(at.time());
  return group;
}

Value Describe(Host& host, const Group& group, Role role) {
  const Value& settings = group.settings;
  Value clusters = Value::EmptyList();
  for (const CacheNode& node : group.nodes) clusters.list().emplace_back(node.id);
  Value out =
      Value::Struct({{"ReplicationGroupId", group.id},
                     {"Status", Name(group.status)},
                     {"PendingModifiedValues", Value::Struct()},
                     {"MemberClusters", std::move(clusters)},
                     {"NodeGroups", Value(Value::List{DescribeShard(host, group)})},
                     {"ClusterEnabled", false},
                     {"ClusterMode", "disabled"},
                     {"AuthTokenEnabled", false},
                     {"TransitEncryptionEnabled", false},
                     {"AtRestEncryptionEnabled", settings.Flag("AtRestEncryptionEnabled", false)},
                     {"DataTiering", "disabled"},
                     {"LogDeliveryConfigurations", Value::EmptyList()},
                     {"NetworkType", "ipv4"},
                     {"IpDiscovery", "ipv4"},
                     {"ARN", Arn(host, "elasticache", "replicationgroup:" + group.id)}});
  CopyMembers(settings, out,
              {"Description", "CacheNodeType", "Engine", "SnapshotRetentionLimit", "SnapshotWindow",
               "ReplicationGroupCreateTime", "AutoMinorVersionUpgrade", "SnapshottingClusterId",
               "KmsKeyId"});
  out.Set("AutomaticFailover", group.automatic_failover() ? "enabled" : "disabled");
  out.Set("MultiAZ", settings.Flag("MultiAZ", false) ? "enabled" : "disabled");
  // A group that is being created has no addresses yet.
  if (group.status == GroupStatus::kCreating || group.status == GroupStatus::kCreateFailed) {
    out.Erase("NodeGroups");
  }
  Value info = Value::Struct();
  if (role != Role::kAlone) {
    info.Set("GlobalReplicationGroupId", group.global_id);
    info.Set("GlobalReplicationGroupMemberRole", role == Role::kPrimary ? "PRIMARY" : "SECONDARY");
  }
  out.Set("GlobalReplicationGroupInfo", std::move(info));
  return out;
}

Value DescribeCluster(Host& host, const Group& group, const CacheNode& node, NodeInfo info) {
  const Value& settings = group.settings;
  std::string_view status = Name(node.status);
  if (node.status == NodeStatus::kAvailable && group.status != GroupStatus::kAvailable) {
    status = Name(group.status);
  }
  Value groups = Value::EmptyList();
  for (const std::string& id : group.security_groups) {
    groups.list().push_back(Value::Struct({{"SecurityGroupId", id}, {"Status", "active"}}));
  }
  Value parameters = Value::Struct({{"CacheParameterGroupName", settings.String("ParameterGroup")},
                                    {"ParameterApplyStatus", "in-sync"},
                                    {"CacheNodeIdsToReboot", Value::EmptyList()}});
  Value out =
      Value::Struct({{"CacheClusterId", node.id},
                     {"CacheClusterStatus", status},
                     {"NumCacheNodes", 1},
                     {"PreferredAvailabilityZone", node.zone},
                     {"PendingModifiedValues", Value::Struct()},
                     {"CacheSecurityGroups", Value::EmptyList()},
                     {"CacheParameterGroup", std::move(parameters)},
                     {"CacheSubnetGroupName", settings.String("SubnetGroup")},
                     {"SecurityGroups", std::move(groups)},
                     {"ReplicationGroupId", group.id},
                     {"AuthTokenEnabled", false},
                     {"TransitEncryptionEnabled", false},
                     {"AtRestEncryptionEnabled", settings.Flag("AtRestEncryptionEnabled", false)},
                     {"ReplicationGroupLogDeliveryEnabled", false},
                     {"LogDeliveryConfigurations", Value::EmptyList()},
                     {"NetworkType", "ipv4"},
                     {"IpDiscovery", "ipv4"},
                     {"ARN", Arn(host, "elasticache", "cluster:" + node.id)}});
  CopyMembers(settings, out,
              {"CacheNodeType", "Engine", "EngineVersion", "PreferredMaintenanceWindow",
               "AutoMinorVersionUpgrade", "SnapshotRetentionLimit", "SnapshotWindow"});
  const Value* created = settings.Find("ReplicationGroupCreateTime");
  if (created != nullptr) out.Set("CacheClusterCreateTime", *created);
  if (info == NodeInfo::kHide) return out;
  Value shown = Value::Struct({{"CacheNodeId", kNodeId},
                               {"CacheNodeStatus", status},
                               {"Endpoint", Endpoint(host, NodeName(node), group.port())},
                               {"ParameterGroupStatus", "in-sync"},
                               {"CustomerAvailabilityZone", node.zone}});
  if (created != nullptr) shown.Set("CacheNodeCreateTime", *created);
  out.Set("CacheNodes", Value(Value::List{std::move(shown)}));
  return out;
}

std::string PrimaryName(const Group& group) { return "elasticache:" + group.id; }
std::string ReaderName(const Group& group) { return "elasticache:" + group.id + ":reader"; }
std::string NodeName(const CacheNode& node) { return "elasticache:" + node.id; }
std::string ReplicationName(const Group& group) { return "elasticache-replication:" + group.id; }
std::string ReplicationName(const CacheNode& node) { return "elasticache-replication:" + node.id; }

ArnParts ParseArn(const Host& host, std::string_view arn) {
  const std::string prefix = Arn(host, "elasticache", "");
  if (!arn.starts_with(prefix)) return {};
  arn.remove_prefix(prefix.size());
  const std::size_t colon = arn.find(':');
  if (colon == std::string_view::npos) return {};
  return {std::string(arn.substr(0, colon)), std::string(arn.substr(colon + 1))};
}

}  // namespace leeward::lab::elasticache

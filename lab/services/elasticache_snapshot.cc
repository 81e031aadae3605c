// Snapshots: files that Redis itself writes, and that a new group's server loads.
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "lab/services/ec2_vpc.h"
#include "lab/services/elasticache.h"
#include "lab/services/list_page.h"

namespace leeward::lab::elasticache {
namespace {

namespace fs = std::filesystem;

constexpr base::Duration kSnapshotAws = std::chrono::minutes(2);
constexpr std::size_t kDayLength = 10;     // of "2026-11-23"
constexpr std::size_t kMinuteLength = 16;  // of "2026-11-23T08:00"

ApiError Exists(std::string_view name) {
  return {"SnapshotAlreadyExistsFault", fmt::format("Snapshot {} already exists.", name), 400, {}};
}

std::string AutomaticPrefix(const Group& group) { return "automatic." + group.id + "-"; }

}  // namespace

Snapshot& ElastiCache::AddSnapshot(const Group& group, const CacheNode& node,
                                   const std::string& name, std::string_view source) {
  const Value& from = group.settings;
  Value record =
      Value::Struct({{"SnapshotName", name},
                     {"ReplicationGroupId", group.id},
                     {"ReplicationGroupDescription", from.String("Description")},
                     {"SnapshotStatus", "creating"},
                     {"SnapshotSource", source},
                     {"NumNodeGroups", 1},
                     {"Port", from.Int("Port", 6379)},
                     {"CacheParameterGroupName", from.String("ParameterGroup")},
                     {"CacheSubnetGroupName", from.String("SubnetGroup")},
                     {"VpcId", DefaultVpcId(host_)},
                     {"AutomaticFailover", group.automatic_failover() ? "enabled" : "disabled"},
                     {"DataTiering", "disabled"},
                     {"ARN", Arn(host_, "elasticache", "snapshot:" + name)}});
  for (const std::string_view member :
       {"CacheNodeType", "Engine", "EngineVersion", "PreferredMaintenanceWindow",
        "AutoMinorVersionUpgrade", "SnapshotRetentionLimit", "SnapshotWindow"}) {
    if (const Value* value = from.Find(member)) record.Set(member, *value);
  }
  record.Set("NodeSnapshots", Value(Value::List{Value::Struct({{"CacheClusterId", node.id},
                                                               {"NodeGroupId", kNodeGroupId},
                                                               {"CacheNodeId", kNodeId}})}));
  Snapshot& snapshot = snapshots_[name];
  snapshot = {std::move(record), fmt::format("snapshot-{}.rdb", host_.random().Hex(8))};
  return snapshot;
}

Answer ElastiCache::CreateSnapshot(const Value& input) {
  const std::string name(input.String("SnapshotName"));
  if (auto problem = CheckSnapshotName("SnapshotName", name)) return *problem;
  if (input.Has("KmsKeyId")) {
    return BadCombination("KmsKeyId is not served by this lab; leave it out.");
  }
  if (input.Has("ReplicationGroupId") == input.Has("CacheClusterId")) {
    return BadCombination("Exactly one of ReplicationGroupId and CacheClusterId must be given.");
  }
  GroupPtr group;
  std::string node_id = Lower(input.String("CacheClusterId"));
  if (node_id.empty()) {
    group = FindGroup(input.String("ReplicationGroupId"));
    if (group == nullptr) return GroupNotFound(input.String("ReplicationGroupId"));
  } else {
    group = FindByNode(node_id);
    if (group == nullptr) {
      return ApiError{
          "CacheClusterNotFound", fmt::format("CacheCluster not found: {}", node_id), 404, {}};
    }
  }
  if (snapshots_.contains(name)) return Exists(name);
  if (group->status != GroupStatus::kAvailable) {
    return GroupState(fmt::format("Replication group {} is not in available state.", group->id));
  }
  // Writing a snapshot costs the server that does it: a replica, if there is one.
  if (node_id.empty()) {
    const CacheNode* replica = BestReplica(*group);
    node_id = replica == nullptr ? group->primary : replica->id;
  }
  Snapshot& snapshot = AddSnapshot(*group, *group->Find(node_id), name, "manual");
  if (!input.Items("Tags").empty()) tags_[name] = Value(input.Items("Tags"));
  Value answer = Value::Struct({{"Snapshot", snapshot.record}});
  RunSnapshot(group, node_id, name).Detach();
  return answer;
}

Flow<base::Status> ElastiCache::TakeSnapshot(GroupPtr group, std::string node_id,
                                             std::string name) {
  const auto begun = snapshots_.find(name);
  if (begun == snapshots_.end()) co_return base::NotFound("the snapshot was deleted");
  const fs::path file = Directory() / begun->second.file;
  const base::Status saved = co_await group->Find(node_id)->engine->SaveTo(file);
  const auto found = snapshots_.find(name);
  std::error_code error;
  if (found == snapshots_.end()) {
    fs::remove(file, error);
    co_return base::NotFound("the snapshot was deleted");
  }
  found->second.record.Set("SnapshotStatus", saved.ok() ? "available" : "failed");
  if (saved.ok()) {
    Value& node = found->second.record.Find("NodeSnapshots")->list().front();
    node.Set("SnapshotCreateTime", host_.clock().Now());
    node.Set("CacheSize", fmt::format("{} MB", (fs::file_size(file, error) >> 20) + 1));
  }
  Save();
  co_return saved;
}

Flow<> ElastiCache::RunSnapshot(GroupPtr group, std::string node_id, std::string name) {
  const AtWork at_work(group);
  group->settings.Set("SnapshottingClusterId", node_id);
  AddEvent(node_id, "cache-cluster", fmt::format("Snapshot {} started", name));
  SetStatus(*group, GroupStatus::kSnapshotting);
  const base::Status taken = co_await TakeSnapshot(group, node_id, name);
  co_await Sleep(host_, Paced(kSnapshotAws));
  group->settings.Erase("SnapshottingClusterId");
  AddEvent(node_id, "cache-cluster",
           taken.ok() ? fmt::format("Snapshot succeeded for snapshot with ID '{}' of cache cluster "
                                    "with ID '{}'",
                                    name, node_id)
                      : fmt::format("Snapshot failed for cache cluster '{}': {}", node_id,
                                    taken.error().message()));
  if (group->status == GroupStatus::kSnapshotting && !group->cancelled) {
    SetStatus(*group, GroupStatus::kAvailable);
  }
  Save();
}

Answer ElastiCache::DescribeSnapshots(const Value& input) {
  const std::string_view name = input.String("SnapshotName");
  if (!name.empty() && !snapshots_.contains(name)) return SnapshotNotFound(name);
  const std::string group = Lower(input.String("ReplicationGroupId"));
  const std::string cluster = Lower(input.String("CacheClusterId"));
  const std::string_view asked = input.String("SnapshotSource");
  const std::string_view source = asked == "system" ? "automated" : asked == "user" ? "manual" : "";
  Value::List found;
  for (const auto& [key, snapshot] : snapshots_) {
    const Value& record = snapshot.record;
    const Value::List& nodes = record.Items("NodeSnapshots");
    if (!name.empty() && key != name) continue;
    if (!group.empty() && record.String("ReplicationGroupId") != group) continue;
    if (!cluster.empty() && nodes.front().String("CacheClusterId") != cluster) continue;
    if (!source.empty() && record.String("SnapshotSource") != source) continue;
    found.push_back(record);
  }
  return ListPage(input, "Snapshots", found);
}

Answer ElastiCache::DeleteSnapshot(const Value& input) {
  const auto found = snapshots_.find(input.String("SnapshotName"));
  if (found == snapshots_.end()) return SnapshotNotFound(input.String("SnapshotName"));
  const bool used = std::any_of(groups_.begin(), groups_.end(), [&](const auto& entry) {
    return entry.second->restore_from == found->first;
  });
  if (used || found->second.record.String("SnapshotStatus") == "creating") {
    return ApiError{
        "InvalidSnapshotState", fmt::format("Snapshot {} is in use.", found->first), 400, {}};
  }
  Value record = found->second.record;
  record.Set("SnapshotStatus", "deleting");
  std::error_code ignored;
  fs::remove(Directory() / found->second.file, ignored);
  tags_.erase(found->first);
  snapshots_.erase(found);
  Save();
  return Value::Struct({{"Snapshot", std::move(record)}});
}

Answer ElastiCache::CopySnapshot(const Value& input) {
  const std::string to(input.String("TargetSnapshotName"));
  const auto source = snapshots_.find(input.String("SourceSnapshotName"));
  if (source == snapshots_.end()) return SnapshotNotFound(input.String("SourceSnapshotName"));
  if (auto problem = CheckSnapshotName("TargetSnapshotName", to)) return *problem;
  for (const std::string_view name : {"TargetBucket", "KmsKeyId"}) {
    if (input.Has(name)) {
      return BadCombination(fmt::format("{} is not served by this lab; leave it out.", name));
    }
  }
  if (snapshots_.contains(to)) return Exists(to);
  if (source->second.record.String("SnapshotStatus") != "available") {
    return ApiError{
        "InvalidSnapshotState", "The source snapshot is not in available state.", 400, {}};
  }
  Snapshot copy{source->second.record, fmt::format("snapshot-{}.rdb", host_.random().Hex(8))};
  copy.record.Set("SnapshotName", to);
  copy.record.Set("SnapshotSource", "manual");
  copy.record.Set("SnapshotStatus", "copying");
  copy.record.Set("ARN", Arn(host_, "elasticache", "snapshot:" + to));
  snapshots_[to] = copy;
  if (!input.Items("Tags").empty()) tags_[to] = Value(input.Items("Tags"));
  Save();
  RunCopy(source->first, to).Detach();
  return Value::Struct({{"Snapshot", copy.record}});
}

Flow<> ElastiCache::RunCopy(std::string from, std::string to) {
  const fs::path source = Directory() / snapshots_.at(from).file;
  const fs::path target = Directory() / snapshots_.at(to).file;
  auto copying = Offload<bool>(host_, [source, target] {
    std::error_code error;
    return fs::copy_file(source, target, fs::copy_options::overwrite_existing, error) && !error;
  });
  const bool copied = co_await copying;
  co_await Sleep(host_, Paced(kSnapshotAws));
  const auto found = snapshots_.find(to);
  if (found == snapshots_.end()) co_return;
  found->second.record.Set("SnapshotStatus", copied ? "available" : "failed");
  Save();
}

// The daily snapshots of groups that keep them: once in each window.
void ElastiCache::SnapshotsDue() {
  const std::string now = base::FormatIso8601(host_.clock().Now());
  for (const auto& [id, group] : groups_) {
    const std::string_view window = group->settings.String("SnapshotWindow");
    if (group->settings.Int("SnapshotRetentionLimit") == 0 || window.size() < 5) continue;
    if (group->status != GroupStatus::kAvailable) continue;
    // Within the window's first hour.
    if (std::string_view(now).substr(11, 2) != window.substr(0, 2)) continue;
    if (std::string_view(now).substr(11, 5) < window.substr(0, 5)) continue;
    const std::string today = AutomaticPrefix(*group) + now.substr(0, kDayLength);
    const auto last = snapshots_.lower_bound(today);
    if (last != snapshots_.end() && last->first.starts_with(today)) continue;
    std::string name = AutomaticPrefix(*group) + now.substr(0, kMinuteLength);
    std::replace(name.begin(), name.end(), 'T', '-');
    std::replace(name.begin(), name.end(), ':', '-');
    const CacheNode* replica = BestReplica(*group);
    const std::string node = replica == nullptr ? group->primary : replica->id;
    AddSnapshot(*group, *group->Find(node), name, "automated");
    DropOldSnapshots(*group);
    RunSnapshot(group, node, name).Detach();
  }
}

void ElastiCache::DropOldSnapshots(const Group& group) {
  std::vector<std::string> kept;  // oldest first, as their names are
  for (const auto& [name, snapshot] : snapshots_) {
    if (name.starts_with(AutomaticPrefix(group))) kept.push_back(name);
  }
  const auto most = static_cast<std::size_t>(group.settings.Int("SnapshotRetentionLimit"));
  for (std::size_t i = 0; i + most < kept.size(); ++i) {
    std::error_code ignored;
    fs::remove(Directory() / snapshots_.at(kept[i]).file, ignored);
    snapshots_.erase(kept[i]);
  }
}

}  // namespace leeward::lab::elasticache

// Looks at every running server: whether it answers, how far behind it is, and the metrics of
// AWS/ElastiCache.
#include <fmt/format.h>

#include "lab/services/elasticache.h"

namespace leeward::lab::elasticache {
namespace {

constexpr std::string_view kNamespace = "AWS/ElastiCache";

// ElastiCache publishes per cluster, and per node of it.
void PublishBoth(MetricSink& sink, const CacheNode& node, std::string_view metric,
                 std::string_view unit, double value) {
  sink.Publish(kNamespace, metric, {{"CacheClusterId", node.id}}, unit, value);
  sink.Publish(kNamespace, metric,
               {{"CacheClusterId", node.id}, {"CacheNodeId", std::string(kNodeId)}}, unit, value);
}

// "db0:keys=12,expires=0,avg_ttl=0", for every database.
double CountKeys(const RedisInfo& info) {
  double keys = 0;
  for (auto line = info.lower_bound("db"); line != info.end() && line->first.starts_with("db");
       ++line) {
    constexpr std::string_view kKeys = "keys=";
    if (!line->second.starts_with(kKeys)) continue;
    RedisInfo one = ParseInfo("keys:" + line->second.substr(kKeys.size()));
    keys += static_cast<double>(InfoNumber(one, "keys"));
  }
  return keys;
}

}  // namespace

Flow<> ElastiCache::Monitor() {
  for (;;) {
    const auto groups = groups_;
    for (const auto& [id, group] : groups) {
      if (group->status == GroupStatus::kCreating || group->cancelled) continue;
      for (const CacheNode& node : group->nodes) {
        if (node.engine->running()) LookAt(group, node.id).Detach();
      }
      RetryFailed(group);
      Steer(group);
    }
    SnapshotsDue();
    co_await Sleep(host_, limits.monitor);
  }
}

void ElastiCache::RetryFailed(const GroupPtr& group) {
  if (group->status == GroupStatus::kCreateFailed) return;
  for (CacheNode& node : group->nodes) {
    const base::MonotonicTime due = node.failed_at + limits.recover_again;
    if (node.status != NodeStatus::kFailed || host_.clock().Monotonic() < due) continue;
    node.status = NodeStatus::kRecovering;
    Recover(group, node.id).Detach();
  }
}

Flow<> ElastiCache::LookAt(GroupPtr group, std::string node_id) {
  CacheNode* node = group->Find(node_id);
  if (node == nullptr || node->looking) co_return;
  node->looking = true;
  const base::Result<RedisInfo> info = co_await node->engine->Info();
  node = group->Find(node_id);
  node->looking = false;
  if (group->cancelled || !node->engine->running()) co_return;
  if (info.ok()) {
    TakeLook(*group, *node, *info);
  } else {
    MissedLook(group, *node);
  }
}

// A server that hangs is as dead as one that has ended, and is replaced as one.
void ElastiCache::MissedLook(const GroupPtr& group, CacheNode& node) {
  if (node.status != NodeStatus::kAvailable) return;
  if (++node.missed_looks < limits.missed_looks) return;
  AddEvent(node.id, "cache-cluster",
           fmt::format("Cache node {} does not answer and is replaced", kNodeId));
  node.status = NodeStatus::kRecovering;
  SetStatus(*group, GroupStatus::kModifying);
  node.engine->Kill();
}

void ElastiCache::TakeLook(Group& group, CacheNode& node, const RedisInfo& info) {
  node.missed_looks = 0;
  const bool leads = InfoIs(info, "role", "master");
  node.offset = InfoNumber(info, leads ? "master_repl_offset" : "slave_repl_offset");
  node.link_up = leads || InfoIs(info, "master_link_status", "up");
  // The replicas of this Region are measured against what its primary has now.
  if (node.id == group.primary) {
    for (CacheNode& other : group.nodes) {
      if (other.id != node.id) other.lag.SourceHas(host_.clock().Monotonic(), node.offset);
    }
  }
  PublishLook(group, node, info);
}

void ElastiCache::PublishLook(const Group& group, CacheNode& node, const RedisInfo& info) {
  auto* sink = FindSibling<MetricSink>(host_, "cloudwatch");
  if (sink == nullptr) return;
  const bool leads = InfoIs(info, "role", "master");
  PublishBoth(*sink, node, "IsMaster", "Count", leads ? 1 : 0);
  PublishBoth(*sink, node, "CurrConnections", "Count",
              static_cast<double>(InfoNumber(info, "connected_clients")));
  PublishBoth(*sink, node, "BytesUsedForCache", "Bytes",
              static_cast<double>(InfoNumber(info, "used_memory")));
  PublishBoth(*sink, node, "CurrItems", "Count", CountKeys(info));
  if (leads) return;
  PublishBoth(*sink, node, "MasterLinkHealthStatus", "Count", node.link_up ? 1 : 0);
  const std::optional<double> behind = node.lag.Behind(host_.clock().Monotonic(), node.offset);
  if (!behind) return;
  const bool across = node.id == group.primary && RoleOf(group) == Role::kSecondary;
  PublishBoth(*sink, node, across ? "GlobalDatastoreReplicationLag" : "ReplicationLag", "Seconds",
              *behind);
}

}  // namespace leeward::lab::elasticache

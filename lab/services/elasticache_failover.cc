// Nodes whose servers end, and the failovers inside a Region.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/elasticache.h"

namespace leeward::lab::elasticache {
namespace {

constexpr base::Duration kPromoteAws = std::chrono::seconds(20);
constexpr base::Duration kReplaceAws = std::chrono::minutes(3);
constexpr std::size_t kMostTests = 15;
constexpr base::Duration kTestsWithin = std::chrono::hours(24);

std::string HowEnded(ExitStatus status) {
  if (status.signal != 0) return fmt::format("signal {}", status.signal);
  return fmt::format("code {}", status.code);
}

}  // namespace

Answer ElastiCache::TestFailover(const Value& input) {
  const GroupPtr group = FindGroup(input.String("ReplicationGroupId"));
  if (group == nullptr) return GroupNotFound(input.String("ReplicationGroupId"));
  if (input.String("NodeGroupId") != kNodeGroupId) {
    return ApiError{"NodeGroupNotFoundFault",
                    fmt::format("Node group {} not found.", input.String("NodeGroupId")),
                    404,
                    {}};
  }
  if (group->status != GroupStatus::kAvailable) {
    return GroupState(fmt::format("Replication group {} is not in available state.", group->id));
  }
  if (!group->automatic_failover() || BestReplica(*group) == nullptr) {
    return GroupState(fmt::format(
        "Replication group {} does not have automatic failover enabled and a replica.", group->id));
  }
  const base::WallTime now = host_.clock().Now();
  std::erase_if(group->failover_tests, [&](base::WallTime at) { return now - at > kTestsWithin; });
  if (group->failover_tests.size() >= kMostTests) {
    return ApiError{
        "APICallRateForCustomerExceeded",
        fmt::format("TestFailover was called for {} node groups within 24 hours.", kMostTests),
        400,
        {}};
  }
  group->failover_tests.push_back(now);
  AddEvent(group->id, "replication-group",
           fmt::format("Test Failover API called for node group {}", kNodeGroupId));
  SetStatus(*group, GroupStatus::kModifying);
  // What is tested is the failover that follows the end of a primary.
  group->Primary()->engine->Kill();
  return Value::Struct({{"ReplicationGroup", Describe(host_, *group, RoleOf(*group))}});
}

CacheNode* ElastiCache::BestReplica(Group& group) {
  CacheNode* best = nullptr;
  for (CacheNode& node : group.nodes) {
    if (node.id == group.primary || node.status != NodeStatus::kAvailable) continue;
    if (!node.engine->running()) continue;
    if (best == nullptr || node.offset > best->offset) best = &node;
  }
  return best;
}

void ElastiCache::NodeEnded(const GroupPtr& group, const std::string& node_id, ExitStatus status) {
  CacheNode* node = group->Find(node_id);
  if (node == nullptr || group->cancelled) return;
  WithdrawNode(*node);
  node->link_up = false;
  node->missed_looks = 0;
  node->lag.Reset();
  AddEvent(
      node_id, "cache-cluster",
      fmt::format("Cache node {} has failed: its server ended with {}", kNodeId, HowEnded(status)));
  if (group->status == GroupStatus::kCreating || group->status == GroupStatus::kCreateFailed) {
    node->status = NodeStatus::kFailed;
    return;
  }
  node->status = NodeStatus::kRecovering;
  SetStatus(*group, GroupStatus::kModifying);
  Recover(group, node_id).Detach();
}

Flow<> ElastiCache::Recover(GroupPtr group, std::string node_id) {
  const AtWork at_work(group);
  CacheNode* heir = BestReplica(*group);
  if (node_id == group->primary && group->automatic_failover() && heir != nullptr) {
    const std::string to = heir->id;
    co_await Sleep(host_, Paced(kPromoteAws));
    const base::Status promoted = co_await Promote(group, to);
    const std::string outcome =
        promoted.ok() ? "completed" : "failed: " + promoted.error().message();
    const std::string message =
        fmt::format("Failover from primary node {} to replica node {} {}", node_id, to, outcome);
    AddEvent(to, "cache-cluster", message);
    AddEvent(group->id, "replication-group", message);
  }
  AddEvent(node_id, "cache-cluster", fmt::format("Recovering cache nodes {}", kNodeId));
  co_await Sleep(host_, Paced(kReplaceAws));
  base::Status replaced = base::WrongState("no attempt was made");
  for (int attempt = 0; attempt < limits.recoveries && !replaced.ok(); ++attempt) {
    if (group->cancelled) co_return;
    replaced = co_await Replace(group, node_id);
  }
  CacheNode* node = group->Find(node_id);
  if (group->cancelled || node == nullptr) co_return;
  if (!replaced.ok()) {
    node->status = NodeStatus::kFailed;
    node->failed_at = host_.clock().Monotonic();
    AddEvent(
        node_id, "cache-cluster",
        fmt::format("Failed to recover cache nodes {}: {}", kNodeId, replaced.error().message()));
    Save();
    co_return;
  }
  node->status = NodeStatus::kAvailable;
  PublishNode(*group, *node);
  PublishGroup(*group);
  AddEvent(node_id, "cache-cluster", fmt::format("Finished recovery for cache nodes {}", kNodeId));
  const bool whole = std::all_of(group->nodes.begin(), group->nodes.end(), [](const CacheNode& n) {
    return n.status == NodeStatus::kAvailable;
  });
  if (whole) SetStatus(*group, GroupStatus::kAvailable);
  Steer(group);
}

// Makes another server for a node. It has nothing until it has copied it from another node.
Flow<base::Status> ElastiCache::Replace(GroupPtr group, std::string node_id) {
  CacheNode* node = group->Find(node_id);
  base::Status stopped = co_await node->engine->Stop();
  if (!stopped.ok()) co_return stopped;
  if (node_id == group->primary && BestReplica(*group) != nullptr) {
    group->refilling = true;
    const base::Status refilled = co_await RefillPrimary(group, node_id);
    group->refilling = false;
    co_return refilled;
  }
  const std::optional<Upstream> upstream = UpstreamOf(*group, *node);
  base::Status started = co_await node->engine->Start(upstream);
  if (!started.ok()) co_return started;
  co_return co_await node->engine->WaitInSync(limits.in_sync);
}

// Without automatic failover the primary stays the same node: its new server copies a replica,
// which leads meanwhile, since one that is cut from its primary hands nothing out.
Flow<base::Status> ElastiCache::RefillPrimary(GroupPtr group, std::string node_id) {
  CacheNode* source = BestReplica(*group);
  base::Status outcome = co_await source->engine->Follow(std::nullopt);
  if (!outcome.ok()) co_return outcome;
  const Upstream from{host_.network().AddressFor(ReplicationName(*source)), kReplicationPort};
  CacheNode* node = group->Find(node_id);
  outcome = co_await node->engine->Start(from);
  if (outcome.ok()) outcome = co_await node->engine->WaitInSync(limits.in_sync);
  if (!outcome.ok()) co_return outcome;
  const std::optional<Upstream> upstream = UpstreamOf(*group, *node);
  co_return co_await node->engine->Follow(upstream);
}

// Makes a replica the primary of its Region: the group's addresses lead to it from now on.
Flow<base::Status> ElastiCache::Promote(GroupPtr group, std::string node_id) {
  const std::string before = group->primary;
  group->primary = node_id;
  CacheNode* node = group->Find(node_id);
  const std::optional<Upstream> upstream = UpstreamOf(*group, *node);
  const base::Status promoted = co_await node->engine->Follow(upstream);
  if (!promoted.ok()) {
    group->primary = before;
    co_return promoted;
  }
  for (CacheNode& each : group->nodes) each.lag.Reset();
  PublishGroup(*group);
  Save();
  Steer(group);
  co_return base::Ok();
}

}  // namespace leeward::lab::elasticache

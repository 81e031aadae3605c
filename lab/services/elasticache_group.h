// One replication group as the ElastiCache API knows it: its nodes, what is saved, what is
// answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/elasticache_engine.h"
#include "lab/services/elasticache_global.h"
#include "shapes/value.h"

namespace leeward::lab::elasticache {

enum class GroupStatus : std::uint8_t {
  kCreating,
  kAvailable,
  kModifying,
  kSnapshotting,
  kDeleting,
  kCreateFailed,
};
std::string_view Name(GroupStatus status);
GroupStatus GroupStatusOf(std::string_view name);  // kCreateFailed for a text that is none

// What becomes of a node. A node whose server does not run is never kAvailable.
enum class NodeStatus : std::uint8_t {
  kCreating,
  kAvailable,
  kRecovering,  // its server has ended; another is made in its place
  kFailed,      // no server would start
  kDeleting,
};
std::string_view Name(NodeStatus status);  // as CacheClusterStatus has it

inline constexpr std::string_view kNodeId = "0001";       // of the one node of each cluster
inline constexpr std::string_view kNodeGroupId = "0001";  // of the one shard
inline constexpr std::uint16_t kReplicationPort = 6379;
inline constexpr base::Duration kLagFresh = std::chrono::seconds(3);

struct CacheNode {
  std::string id;         // the cluster's: "sessions-001"
  std::string directory;  // below the service's state directory
  std::string zone;

  // Not saved.
  NodeStatus status = NodeStatus::kCreating;
  std::shared_ptr<Engine> engine;
  bool looking = false;
  int missed_looks = 0;
  base::MonotonicTime failed_at{};  // when the last attempt to replace it had failed
  std::int64_t offset = 0;          // of the replication stream, at the last look
  bool link_up = false;             // to its primary, at the last look
  LagMeter lag{kLagFresh};
};

struct Group {
  std::string id;
  GroupStatus status = GroupStatus::kCreating;
  shapes::Value settings;  // Description, CacheNodeType, Engine, Port, ...
  std::vector<std::string> security_groups;
  shapes::Value tags = shapes::Value::EmptyList();
  std::vector<CacheNode> nodes;
  std::string primary;       // id of the node that leads in this Region
  std::string secret;        // the lab's own user in every server; members of a datastore share it
  std::string restore_from;  // snapshot name, while it is made of one
  std::string global_id;     // of the datastore it is a member of
  std::vector<base::WallTime> failover_tests;

  // Not saved.
  int flows = 0;           // jobs at work on it
  bool cancelled = false;  // being deleted: jobs end at their next look
  bool refilling = false;  // a replica leads for a while, so that the primary can copy it
  bool steering = false;
  bool steer_again = false;

  CacheNode* Find(std::string_view node_id);
  CacheNode* Primary() { return Find(primary); }
  std::uint16_t port() const { return static_cast<std::uint16_t>(settings.Int("Port", 6379)); }
  bool automatic_failover() const { return settings.Flag("AutomaticFailover", false); }
};

shapes::Value Save(const Group& group);
Group LoadGroup(const shapes::Value& saved);

enum class Role : std::uint8_t { kAlone, kPrimary, kSecondary };  // in a datastore

// The ReplicationGroup structure of the API.
shapes::Value Describe(Host& host, const Group& group, Role role);
enum class NodeInfo { kHide, kShow };
// The CacheCluster structure of the API.
shapes::Value DescribeCluster(Host& host, const Group& group, const CacheNode& node, NodeInfo info);

// Names of endpoints in the lab's network.
std::string PrimaryName(const Group& group);
std::string ReaderName(const Group& group);
std::string NodeName(const CacheNode& node);
// Replication has addresses of its own: security groups do not cut it.
std::string ReplicationName(const Group& group);
std::string ReplicationName(const CacheNode& node);

// "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:sessions": kind and name; empty
// when it is none of this Region.
struct ArnParts {
  std::string kind;
  std::string name;
};
ArnParts ParseArn(const Host& host, std::string_view arn);

}  // namespace leeward::lab::elasticache

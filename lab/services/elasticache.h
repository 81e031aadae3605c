// The lab's ElastiCache in one Region: replication groups of real Redis servers, and this Region's
// side of Global Datastores.
//
// Requests are checked and answered at once from the saved state; what takes time is a Flow per
// group. What other Regions have to know is in GlobalRecords (elasticache_global.h), which Regions
// tell each other over and over (elasticache_sync.cc).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/elasticache_checks.h"
#include "lab/services/elasticache_engine.h"
#include "lab/services/elasticache_global.h"
#include "lab/services/elasticache_group.h"
#include "lab/services/region_links.h"

namespace leeward::lab::elasticache {

using GroupPtr = std::shared_ptr<Group>;

struct Snapshot {
  shapes::Value record;  // a Snapshot of the API
  std::string file;      // below the service's state directory
};

struct Limits {
  std::size_t events = 1000;
  base::Duration call{2'000'000'000};       // to another Region's control plane
  base::Duration tell{1'000'000'000};       // between words to the other Regions of a datastore
  base::Duration monitor{1'000'000'000};    // between looks at a running server
  base::Duration in_sync{600'000'000'000};  // a replica's first copy
  int missed_looks = 2;                     // until a server that does not answer counts as dead
  int recoveries = 5;                       // attempts to replace a node, in a row
  base::Duration recover_again{30'000'000'000};
};

class ElastiCache : public Service, public GuardedByGroups {
 public:
  explicit ElastiCache(Host& host);
  ~ElastiCache() override;

  std::string_view name() const override { return "elasticache"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  void SecurityGroupsChanged() override;
  bool UsesGroup(std::string_view group_id) const override;

  Limits limits;

 private:
  using Value = shapes::Value;
  static std::span<const OperationRow<ElastiCache>> Table();
  static std::span<const OperationRow<ElastiCache>> InternalTable();

  // elasticache_create.cc
  void CreateReplicationGroup(const Value& input, Reply reply);
  Problem CheckPlacement(const Value& input) const;
  Problem CheckEncryption(const Value& input) const;
  Problem CheckSecurityGroups(const Value& input) const;
  Problem CheckSource(const Value& input) const;
  Value SettingsOf(const Value& input) const;
  GroupPtr AddGroup(const Value& input, Value settings);
  void AddNodes(Group& group, const Value& input);
  Flow<> BeginSecondary(Value input, Reply reply);
  Flow<Answer> AskToJoin(Value ask);
  GroupPtr AddSecondary(const Value& input, const Value& joined);
  Flow<> RunCreate(GroupPtr group);
  Flow<base::Status> StartNodes(GroupPtr group);
  Flow<> RunResume(GroupPtr group);

  // elasticache_modify.cc
  Answer ModifyReplicationGroup(const Value& input);
  Problem CheckModify(Group& group, const Value& input) const;
  Problem CheckEngineChange(const Group& group, const Value& input) const;
  Problem CheckFailoverChange(Group& group, const Value& input) const;
  void ApplyChanges(Group& group, const Value& input);
  Flow<> RunModify(GroupPtr group, std::string new_primary);
  Answer DeleteReplicationGroup(const Value& input);
  Flow<> RunDelete(GroupPtr group, std::string final_snapshot);

  // elasticache_failover.cc
  Answer TestFailover(const Value& input);
  void NodeEnded(const GroupPtr& group, const std::string& node_id, ExitStatus status);
  Flow<> Recover(GroupPtr group, std::string node_id);
  Flow<base::Status> Replace(GroupPtr group, std::string node_id);
  Flow<base::Status> RefillPrimary(GroupPtr group, std::string node_id);
  CacheNode* BestReplica(Group& group);
  Flow<base::Status> Promote(GroupPtr group, std::string node_id);

  // elasticache_datastore.cc
  Answer CreateGlobalReplicationGroup(const Value& input);
  Answer DescribeGlobalReplicationGroups(const Value& input);
  Answer ModifyGlobalReplicationGroup(const Value& input);
  Answer DisassociateGlobalReplicationGroup(const Value& input);
  Answer DeleteGlobalReplicationGroup(const Value& input);
  void FailoverGlobalReplicationGroup(const Value& input, Reply reply);
  Flow<> AskToPromote(std::string region, Value ask, Reply reply);
  Problem CheckFailover(const Value& input) const;
  Answer BeginFailover(const Value& input);
  Flow<> RunFailover(std::string id);
  Flow<> RunCreateGlobal(std::string id);
  Flow<> RunDeleteGlobal(std::string id, bool retain);
  Answer JoinGlobal(const Value& input);

  // elasticache_sync.cc
  Flow<> TellForever();
  void TellOthers(const std::string& id);
  Flow<> Tell(std::string id, std::string region);
  Flow<bool> TellOnce(std::string id, std::string region);
  void Heard(const std::string& id, const std::string& region, const Value& answer);
  Answer SyncGlobal(const Value& input);
  void Adopt(const std::string& id, const GlobalRecord& theirs);
  void Changed(const std::string& id);
  void Leave(const std::string& id);
  Flow<> AskBeforeLeading(GroupPtr group);
  void Steer(const GroupPtr& group);
  Flow<> RunSteer(GroupPtr group);
  std::optional<Upstream> UpstreamOf(const Group& group, const CacheNode& node);
  Role RoleOf(const Group& group) const;
  GroupPtr MemberOf(const std::string& id) const;

  // elasticache_snapshot.cc
  Answer CreateSnapshot(const Value& input);
  Answer DescribeSnapshots(const Value& input);
  Answer DeleteSnapshot(const Value& input);
  Answer CopySnapshot(const Value& input);
  Snapshot& AddSnapshot(const Group& group, const CacheNode& node, const std::string& name,
                        std::string_view source);
  Flow<base::Status> TakeSnapshot(GroupPtr group, std::string node_id, std::string name);
  Flow<> RunSnapshot(GroupPtr group, std::string node_id, std::string name);
  Flow<> RunCopy(std::string from, std::string to);
  void SnapshotsDue();
  void DropOldSnapshots(const Group& group);

  // elasticache_describe.cc
  Answer DescribeReplicationGroups(const Value& input);
  Answer DescribeCacheClusters(const Value& input);
  Answer DescribeEvents(const Value& input);
  Answer DescribeCacheEngineVersions(const Value& input);
  Answer DescribeCacheParameterGroups(const Value& input);

  // elasticache_groups.cc
  Answer CreateCacheSubnetGroup(const Value& input);
  Answer DescribeCacheSubnetGroups(const Value& input);
  Answer DeleteCacheSubnetGroup(const Value& input);
  Answer AddTagsToResource(const Value& input);
  Answer ListTagsForResource(const Value& input);
  Answer RemoveTagsFromResource(const Value& input);
  Value* TagsOf(std::string_view arn, ApiError& problem);

  // elasticache_monitor.cc
  Flow<> Monitor();
  void RetryFailed(const GroupPtr& group);
  Flow<> LookAt(GroupPtr group, std::string node_id);
  void TakeLook(Group& group, CacheNode& node, const RedisInfo& info);
  void MissedLook(const GroupPtr& group, CacheNode& node);
  void PublishLook(const Group& group, CacheNode& node, const RedisInfo& info);

  // elasticache.cc
  GroupPtr FindGroup(std::string_view id) const;
  GroupPtr FindByNode(std::string_view node_id) const;
  void MakeEngines(const GroupPtr& group);
  void PublishGroup(Group& group);
  void PublishNode(const Group& group, const CacheNode& node);
  void PublishAs(const std::string& name, std::uint16_t port, const CacheNode& node);
  void WithdrawNode(const CacheNode& node);
  void WithdrawGroup(const Group& group);
  void SetIngress(const Group& group);
  void SetStatus(Group& group, GroupStatus status);
  void AddEvent(std::string_view source, std::string_view type, std::string message);
  std::filesystem::path Directory() { return host_.StateDirectory("elasticache"); }
  base::Duration Paced(base::Duration aws) const;
  void Load(const Value& state);
  void Save();

  Host& host_;
  std::map<std::string, GroupPtr, std::less<>> groups_;
  std::map<std::string, GlobalRecord, std::less<>> globals_;
  std::map<std::string, Snapshot, std::less<>> snapshots_;
  std::map<std::string, Value, std::less<>> subnet_groups_;
  std::map<std::string, Value, std::less<>> tags_;  // by snapshot, and "subnetgroup:" and its name
  std::deque<Value> events_;

  // Not saved.
  std::set<std::string> joining_;     // datastores that a group here is about to join
  std::set<std::string> promoting_;   // datastores whose member here is being promoted
  std::set<std::string> telling_;     // "datastore/Region": a word is on its way
  std::set<std::string> tell_again_;  // and there is more to say
  std::set<std::string> told_;        // "datastore/Region/generation": removed, and knows it
};

// Counts a job on a group for as long as it lives.
class AtWork {
 public:
  explicit AtWork(GroupPtr group) : group_(std::move(group)) { ++group_->flows; }
  ~AtWork() { --group_->flows; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

 private:
  GroupPtr group_;
};

}  // namespace leeward::lab::elasticache

namespace leeward::lab {
std::unique_ptr<Service> MakeElastiCache(Host& host);
}

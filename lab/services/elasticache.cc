#include "lab/services/elasticache.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/saved_state.h"

namespace leeward::lab::elasticache {

ElastiCache::ElastiCache(Host& host) : host_(host) {}

ElastiCache::~ElastiCache() {
  // Flows of ours may outlive us in the host's queues, the servers may not.
  for (auto& [id, group] : groups_) {
    for (CacheNode& node : group->nodes) node.engine.reset();
  }
}

std::span<const OperationRow<ElastiCache>> ElastiCache::Table() {
  using Self = ElastiCache;
  static constexpr auto kTable = std::to_array<OperationRow<Self>>({
      {"AddTagsToResource", &Self::AddTagsToResource},
      {"CopySnapshot", &Self::CopySnapshot},
      {"CreateCacheSubnetGroup", &Self::CreateCacheSubnetGroup},
      {"CreateGlobalReplicationGroup", &Self::CreateGlobalReplicationGroup},
      {"CreateReplicationGroup", &Self::CreateReplicationGroup},
      {"CreateSnapshot", &Self::CreateSnapshot},
      {"DeleteCacheSubnetGroup", &Self::DeleteCacheSubnetGroup},
      {"DeleteGlobalReplicationGroup", &Self::DeleteGlobalReplicationGroup},
      {"DeleteReplicationGroup", &Self::DeleteReplicationGroup},
      {"DeleteSnapshot", &Self::DeleteSnapshot},
      {"DescribeCacheClusters", &Self::DescribeCacheClusters},
      {"DescribeCacheEngineVersions", &Self::DescribeCacheEngineVersions},
      {"DescribeCacheParameterGroups", &Self::DescribeCacheParameterGroups},
      {"DescribeCacheSubnetGroups", &Self::DescribeCacheSubnetGroups},
      {"DescribeEvents", &Self::DescribeEvents},
      {"DescribeGlobalReplicationGroups", &Self::DescribeGlobalReplicationGroups},
      {"DescribeReplicationGroups", &Self::DescribeReplicationGroups},
      {"DescribeSnapshots", &Self::DescribeSnapshots},
      {"DisassociateGlobalReplicationGroup", &Self::DisassociateGlobalReplicationGroup},
      {"FailoverGlobalReplicationGroup", &Self::FailoverGlobalReplicationGroup},
      {"ListTagsForResource", &Self::ListTagsForResource},
      {"ModifyGlobalReplicationGroup", &Self::ModifyGlobalReplicationGroup},
      {"ModifyReplicationGroup", &Self::ModifyReplicationGroup},
      {"RemoveTagsFromResource", &Self::RemoveTagsFromResource},
      {"TestFailover", &Self::TestFailover},
  });
  return kTable;
}

std::span<const OperationRow<ElastiCache>> ElastiCache::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<ElastiCache>>({
      {"BeginFailover", &ElastiCache::BeginFailover},
      {"JoinGlobal", &ElastiCache::JoinGlobal},
      {"SyncGlobal", &ElastiCache::SyncGlobal},
  });
  return kTable;
}

std::vector<std::string_view> ElastiCache::operations() const { return OperationNames(Table()); }

void ElastiCache::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void ElastiCache::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  Service::HandleInternal(operation, input, std::move(reply));
}

base::Status ElastiCache::Start() {
  RETURN_IF_ERROR(CheckSocketRoom(Directory()));
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "elasticache"));
  Load(state);
  const auto groups = groups_;
  for (const auto& [id, group] : groups) {
    MakeEngines(group);
    if (group->status == GroupStatus::kDeleting) {
      RunDelete(group, "").Detach();
    } else if (group->status == GroupStatus::kCreating) {
      RunCreate(group).Detach();
    } else if (group->status != GroupStatus::kCreateFailed) {
      RunResume(group).Detach();
    }
  }
  const auto globals = globals_;
  for (const auto& [id, record] : globals) {
    if (record.settings.status == "creating") RunCreateGlobal(id).Detach();
    if (record.settings.status == "deleting") RunDeleteGlobal(id, true).Detach();
  }
  TellForever().Detach();
  Monitor().Detach();
  return base::Ok();
}

GroupPtr ElastiCache::FindGroup(std::string_view id) const {
  const auto found = groups_.find(Lower(id));
  return found == groups_.end() ? nullptr : found->second;
}

GroupPtr ElastiCache::FindByNode(std::string_view node_id) const {
  for (const auto& [id, group] : groups_) {
    if (group->Find(Lower(node_id)) != nullptr) return group;
  }
  return nullptr;
}

void ElastiCache::MakeEngines(const GroupPtr& group) {
  for (CacheNode& node : group->nodes) {
    node.engine = std::make_shared<Engine>(host_, Directory() / node.directory, group->secret);
    node.engine->OnCrash(
        [this, weak = std::weak_ptr<Group>(group), id = node.id](ExitStatus status) {
          if (const GroupPtr crashed = weak.lock()) NodeEnded(crashed, id, status);
        });
  }
}

void ElastiCache::PublishAs(const std::string& name, std::uint16_t port, const CacheNode& node) {
  host_.network().Publish({name, host_.network().AddressFor(name), port, node.engine->socket()});
}

void ElastiCache::PublishNode(const Group& group, const CacheNode& node) {
  PublishAs(NodeName(node), group.port(), node);
  PublishAs(ReplicationName(node), kReplicationPort, node);
}

// The group's addresses stay; which node is behind them changes.
void ElastiCache::PublishGroup(Group& group) {
  CacheNode* primary = group.Primary();
  if (primary == nullptr) return;
  PublishAs(PrimaryName(group), group.port(), *primary);
  PublishAs(ReplicationName(group), kReplicationPort, *primary);
  const CacheNode* reader = primary;
  for (const CacheNode& node : group.nodes) {
    if (node.id != group.primary && node.status == NodeStatus::kAvailable) reader = &node;
  }
  PublishAs(ReaderName(group), group.port(), *reader);
  SetIngress(group);
}

void ElastiCache::WithdrawNode(const CacheNode& node) {
  host_.network().Withdraw(NodeName(node));
  host_.network().Withdraw(ReplicationName(node));
}

void ElastiCache::WithdrawGroup(const Group& group) {
  for (const CacheNode& node : group.nodes) WithdrawNode(node);
  for (const std::string& name : {PrimaryName(group), ReaderName(group), ReplicationName(group)}) {
    host_.network().Withdraw(name);
  }
}

void ElastiCache::SetIngress(const Group& group) {
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  if (groups == nullptr) return;
  const auto cidrs = groups->Ingress(group.security_groups, group.port());
  host_.network().SetIngress(PrimaryName(group), cidrs);
  host_.network().SetIngress(ReaderName(group), cidrs);
  for (const CacheNode& node : group.nodes) host_.network().SetIngress(NodeName(node), cidrs);
}

void ElastiCache::SecurityGroupsChanged() {
  for (const auto& [id, group] : groups_) SetIngress(*group);
}

bool ElastiCache::UsesGroup(std::string_view group_id) const {
  for (const auto& [id, group] : groups_) {
    for (const std::string& used : group->security_groups) {
      if (used == group_id) return true;
    }
  }
  return false;
}

void ElastiCache::SetStatus(Group& group, GroupStatus status) {
  group.status = status;
  Save();
}

void ElastiCache::AddEvent(std::string_view source, std::string_view type, std::string message) {
  events_.push_back(Value::Struct({{"SourceIdentifier", source},
                                   {"SourceType", type},
                                   {"Message", std::move(message)},
                                   {"Date", host_.clock().Now()}}));
  while (events_.size() > limits.events) events_.pop_front();
}

base::Duration ElastiCache::Paced(base::Duration aws) const {
  return host_.pace() == Pace::kAws ? aws : base::Duration(0);
}

void ElastiCache::Load(const Value& state) {
  for (const Value& saved : state.Items("Groups")) {
    auto group = std::make_shared<Group>(LoadGroup(saved));
    groups_[group->id] = group;
  }
  for (const Value& saved : state.Items("Globals")) {
    GlobalRecord record = RecordOf(saved);
    globals_[record.id] = record;
  }
  for (const Value& saved : state.Items("Snapshots")) {
    Snapshot snapshot{saved.Sub("Record"), std::string(saved.String("File"))};
    // One that was being written when the process ended is none.
    if (snapshot.record.String("SnapshotStatus") != "available") {
      snapshot.record.Set("SnapshotStatus", "failed");
    }
    snapshots_[std::string(snapshot.record.String("SnapshotName"))] = snapshot;
  }
  for (const Value& group : state.Items("SubnetGroups")) {
    subnet_groups_[std::string(group.String("CacheSubnetGroupName"))] = group;
  }
  for (const Value& saved : state.Items("Tags")) {
    tags_[std::string(saved.String("Of"))] = Value(saved.Items("Tags"));
  }
  for (const Value& event : state.Items("Events")) events_.push_back(event);
}

void ElastiCache::Save() {
  Value::List groups;
  for (const auto& [id, group] : groups_) groups.push_back(elasticache::Save(*group));
  Value::List globals;
  for (const auto& [id, record] : globals_) globals.push_back(ToValue(record));
  Value::List snapshots;
  for (const auto& [name, snapshot] : snapshots_) {
    snapshots.push_back(Value::Struct({{"Record", snapshot.record}, {"File", snapshot.file}}));
  }
  Value::List subnet_groups;
  for (const auto& [name, group] : subnet_groups_) subnet_groups.push_back(group);
  Value::List tags;
  for (const auto& [name, list] : tags_) {
    tags.push_back(Value::Struct({{"Of", name}, {"Tags", list}}));
  }
  SaveState(host_, "elasticache",
            Value::Struct({{"Groups", Value(std::move(groups))},
                           {"Globals", Value(std::move(globals))},
                           {"Snapshots", Value(std::move(snapshots))},
                           {"SubnetGroups", Value(std::move(subnet_groups))},
                           {"Tags", Value(std::move(tags))},
                           {"Events", Value(Value::List(events_.begin(), events_.end()))}}));
}

}  // namespace leeward::lab::elasticache

namespace leeward::lab {

std::unique_ptr<Service> MakeElastiCache(Host& host) {
  return std::make_unique<elasticache::ElastiCache>(host);
}

}  // namespace leeward::lab

// New replication groups: empty, from a snapshot, or as a secondary of a Global Datastore; and what
// goes on after a restart.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ask_region.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/elasticache.h"
#include "lab/services/keys.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr base::Duration kCreateAws = std::chrono::minutes(5);
constexpr std::size_t kMostGroups = 50;

// Members that a request sets and an answer shows unchanged.
constexpr std::string_view kKept[] = {"SnapshotRetentionLimit", "SnapshotWindow",
                                      "PreferredMaintenanceWindow", "AutoMinorVersionUpgrade",
                                      "CacheNodeType"};
// A secondary has these of its datastore.
constexpr std::string_view kInherited[] = {"CacheNodeType", "Engine", "EngineVersion",
                                           "ParameterGroup", "AtRestEncryptionEnabled"};
constexpr std::string_view kCacheKey = "alias/aws/elasticache";

// The answer of a Region that is not in the lab, or does not know the datastore.
bool ElsewhereMaybe(const ApiError& error) {
  return error.code == "InvalidParameterValue" ||
         error.code == "GlobalReplicationGroupNotFoundFault";
}

// The Regions to ask about a datastore, the one that its id names first.
std::vector<std::string> RegionsToAsk(std::string_view id, const std::string& here) {
  std::vector<std::string> regions;
  for (const std::string& region : KnownRegions()) {
    if (region == here) continue;
    const bool named = id.starts_with(RegionPrefix(region) + "-");
    regions.insert(named ? regions.begin() : regions.end(), region);
  }
  return regions;
}

}  // namespace

Value ElastiCache::SettingsOf(const Value& input) const {
  const std::string engine = Lower(input.String("Engine", "redis"));
  const EngineVersion* version = FindVersion(engine, input.String("EngineVersion"));
  CHECK(version != nullptr);
  Value settings =
      Value::Struct({{"Description", input.String("ReplicationGroupDescription")},
                     {"Engine", engine},
                     {"EngineVersion", version->full},
                     {"Port", input.Int("Port", 6379)},
                     {"ParameterGroup", input.String("CacheParameterGroupName",
                                                     fmt::format("default.{}", version->family))},
                     {"SubnetGroup", Lower(input.String("CacheSubnetGroupName", "default"))},
                     {"AutomaticFailover", input.Flag("AutomaticFailoverEnabled", false)},
                     {"MultiAZ", input.Flag("MultiAZEnabled", false)},
                     {"SnapshotRetentionLimit", 0},
                     {"SnapshotWindow", "05:00-06:00"},
                     {"PreferredMaintenanceWindow", "sun:07:00-sun:08:00"},
                     {"AutoMinorVersionUpgrade", true},
                     {"AtRestEncryptionEnabled", input.Flag("AtRestEncryptionEnabled", false)},
                     {"ReplicationGroupCreateTime", host_.clock().Now()}});
  for (const std::string_view name : kKept) {
    if (const Value* value = input.Find(name)) settings.Set(name, *value);
  }
  // A key of AWS's own is not shown.
  if (input.Has("KmsKeyId")) {
    const auto key = SeeKey(host_, input.String("KmsKeyId"), kCacheKey);
    settings.Set("KmsKeyId", key ? key->arn : std::string(input.String("KmsKeyId")));
  }
  return settings;
}

// Encryption at rest is told of and nothing more: nodes write no file but snapshots. A secondary is
// encrypted as its primary is, under a key of its own Region.
Problem ElastiCache::CheckEncryption(const Value& input) const {
  if (!input.Has("KmsKeyId")) return {};
  const bool secondary = input.Has("GlobalReplicationGroupId");
  if (!secondary && !input.Flag("AtRestEncryptionEnabled", false)) {
    return BadCombination("KmsKeyId can only be specified when AtRestEncryptionEnabled is true.");
  }
  const auto key = SeeKey(host_, input.String("KmsKeyId"), kCacheKey);
  if (key && key->usable) return {};
  return BadValue(
      fmt::format("The KMS key {} {}.", input.String("KmsKeyId"),
                  key ? "is not enabled" : fmt::format("does not exist in {}", host_.region())));
}

Problem ElastiCache::CheckPlacement(const Value& input) const {
  const std::string subnets = Lower(input.String("CacheSubnetGroupName", "default"));
  if (subnets != "default" && !subnet_groups_.contains(subnets)) {
    return ApiError{"CacheSubnetGroupNotFoundFault",
                    fmt::format("Cache Subnet Group {} does not exist.", subnets),
                    400,
                    {}};
  }
  const std::string_view parameters = input.String("CacheParameterGroupName");
  const EngineVersion* version =
      FindVersion(Lower(input.String("Engine", "redis")), input.String("EngineVersion"));
  if (!parameters.empty() && version != nullptr &&
      parameters != fmt::format("default.{}", version->family)) {
    for (const EngineVersion& row : EngineVersions()) {
      if (parameters != fmt::format("default.{}", row.family)) continue;
      return BadCombination(
          fmt::format("Expected a parameter group of family {} but found one of family {}",
                      version->family, row.family));
    }
    return ApiError{"CacheParameterGroupNotFound",
                    fmt::format("CacheParameterGroup not found: {}", parameters),
                    404,
                    {}};
  }
  const std::vector<DefaultSubnet> known = DefaultSubnets(host_);
  for (const Value& zone : input.Items("PreferredCacheClusterAZs")) {
    if (std::none_of(known.begin(), known.end(),
                     [&](const DefaultSubnet& subnet) { return subnet.zone == zone.str(); })) {
      return BadValue(fmt::format("{} is not a valid availability zone.", zone.str()));
    }
  }
  return CheckSecurityGroups(input);
}

Problem ElastiCache::CheckSecurityGroups(const Value& input) const {
  if (const auto* groups = FindSibling<SecurityGroups>(host_, "ec2")) {
    for (const Value& id : input.Items("SecurityGroupIds")) {
      if (!groups->Exists(id.str())) {
        return BadValue(fmt::format("Some security groups could not be found: [{}]", id.str()));
      }
    }
  }
  return {};
}

// What it is to be made of.
Problem ElastiCache::CheckSource(const Value& input) const {
  if (input.Has("PrimaryClusterId")) {
    return ApiError{"CacheClusterNotFound",
                    fmt::format("CacheCluster not found: {}", input.String("PrimaryClusterId")),
                    404,
                    {}};
  }
  if (!input.Has("SnapshotName")) return {};
  const auto snapshot = snapshots_.find(input.String("SnapshotName"));
  if (snapshot == snapshots_.end()) return SnapshotNotFound(input.String("SnapshotName"));
  if (snapshot->second.record.String("SnapshotStatus") == "available") return {};
  return ApiError{"InvalidSnapshotState", "The snapshot is not in available state.", 400, {}};
}

void ElastiCache::AddNodes(Group& group, const Value& input) {
  const Value::List& zones = input.Items("PreferredCacheClusterAZs");
  const std::vector<DefaultSubnet> known = DefaultSubnets(host_);
  const auto count = static_cast<std::size_t>(NodesOf(input));
  for (std::size_t i = 0; i < count; ++i) {
    CacheNode& node = group.nodes.emplace_back();
    node.id = fmt::format("{}-{:03}", group.id, i + 1);
    node.directory = host_.random().Hex(8);
    node.zone = zones.empty() ? known[i % known.size()].zone : zones[i].str();
  }
  group.primary = group.nodes.front().id;
}

GroupPtr ElastiCache::AddGroup(const Value& input, Value settings) {
  auto group = std::make_shared<Group>();
  group->id = Lower(input.String("ReplicationGroupId"));
  group->settings = std::move(settings);
  for (const Value& id : input.Items("SecurityGroupIds")) {
    group->security_groups.push_back(id.str());
  }
  if (group->security_groups.empty()) {
    group->security_groups.push_back(DefaultSecurityGroupId(host_));
  }
  group->tags = Value(input.Items("Tags"));
  group->secret = host_.random().Hex(32);
  group->restore_from = input.String("SnapshotName");
  AddNodes(*group, input);
  groups_[group->id] = group;
  return group;
}

void ElastiCache::CreateReplicationGroup(const Value& input, Reply reply) {
  auto problem = CheckCreate(input);
  if (!problem && input.Has("GlobalReplicationGroupId")) problem = CheckSecondary(input);
  if (!problem && FindGroup(input.String("ReplicationGroupId")) != nullptr) {
    problem = ApiError{"ReplicationGroupAlreadyExists",
                       fmt::format("Replication group {} already exists",
                                   Lower(input.String("ReplicationGroupId"))),
                       400,
                       {}};
  }
  if (!problem) problem = CheckEncryption(input);
  if (!problem) problem = CheckPlacement(input);
  if (!problem) problem = CheckSource(input);
  if (!problem && groups_.size() >= kMostGroups) {
    problem = ApiError{
        "NodeQuotaForCustomerExceeded",
        fmt::format("This lab keeps at most {} replication groups in a Region.", kMostGroups),
        400,
        {}};
  }
  if (problem) return reply(*problem);
  if (input.Has("GlobalReplicationGroupId")) {
    BeginSecondary(input, std::move(reply)).Detach();
    return;
  }
  const GroupPtr group = AddGroup(input, SettingsOf(input));
  MakeEngines(group);
  Save();
  reply(Value::Struct({{"ReplicationGroup", Describe(host_, *group, Role::kAlone)}}));
  RunCreate(group).Detach();
}

// A secondary is made with the help of its datastore's primary Region: no member, no way to join.
Flow<> ElastiCache::BeginSecondary(Value input, Reply reply) {
  const std::string id(input.String("GlobalReplicationGroupId"));
  if (globals_.contains(id)) {
    reply(GlobalState(fmt::format("{} already has a member in {}.", id, host_.region())));
    co_return;
  }
  if (!joining_.insert(id).second) {
    reply(GlobalState(fmt::format("A replication group of {} is joining {}.", host_.region(), id)));
    co_return;
  }
  Value ask = Value::Struct();
  ask.Set("Id", id);
  ask.Set("Region", host_.region());
  ask.Set("GroupId", Lower(input.String("ReplicationGroupId")));
  ask.Set("AutomaticFailover", input.Flag("AutomaticFailoverEnabled", false));
  ask.Set("Encrypted", input.Has("KmsKeyId"));
  const Answer answer = co_await AskToJoin(ask);
  joining_.erase(id);
  if (IsError(answer)) {
    reply(answer);
    co_return;
  }
  const GroupPtr group = AddSecondary(input, std::get<Value>(answer));
  reply(Value::Struct({{"ReplicationGroup", Describe(host_, *group, Role::kSecondary)}}));
  TellOthers(id);
  RunCreate(group).Detach();
}

// Asks every Region that may know the datastore; a member that is not the primary says who is.
Flow<Answer> ElastiCache::AskToJoin(Value ask) {
  const std::string id(ask.String("Id"));
  std::string silent;
  const std::vector<std::string> regions = RegionsToAsk(id, host_.region());
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const std::string& region = regions[i];
    const Answer given =
        co_await AskRegion(host_, region, "elasticache", "JoinGlobal", ask, limits.call);
    if (const auto* error = std::get_if<ApiError>(&given)) {
      if (TimedOut(given) && silent.empty()) silent = region;
      if (TimedOut(given) || ElsewhereMaybe(*error)) continue;
      co_return given;
    }
    const std::string primary(std::get<Value>(given).String("Primary"));
    if (primary.empty()) co_return given;
    const Answer second =
        co_await AskRegion(host_, primary, "elasticache", "JoinGlobal", ask, limits.call);
    if (TimedOut(second)) co_return NoAnswer(primary);
    co_return second;
  }
  if (!silent.empty()) co_return NoAnswer(silent);
  co_return GlobalNotFound(id);
}

GroupPtr ElastiCache::AddSecondary(const Value& input, const Value& joined) {
  const std::string id(input.String("GlobalReplicationGroupId"));
  Value settings = SettingsOf(input);
  for (const std::string_view name : kInherited) {
    if (const Value* value = joined.Sub("Settings").Find(name)) settings.Set(name, *value);
  }
  GroupPtr group = AddGroup(input, std::move(settings));
  group->secret = joined.String("Secret");
  group->global_id = id;
  GlobalRecord record = RecordOf(joined.Sub("Record"));
  MemberPart& mine = record.members[host_.region()];
  mine.address = host_.network().AddressFor(ReplicationName(*group));
  mine.port = kReplicationPort;
  ++mine.version;
  globals_[id] = std::move(record);
  MakeEngines(group);
  AddEvent(group->id, "replication-group",
           fmt::format("Replication group is joining global replication group {}", id));
  Save();
  return group;
}

// The primary first: the others copy its data.
Flow<base::Status> ElastiCache::StartNodes(GroupPtr group) {
  std::filesystem::path snapshot;
  if (const auto found = snapshots_.find(group->restore_from); found != snapshots_.end()) {
    snapshot = Directory() / found->second.file;
  }
  std::vector<std::string> order = {group->primary};
  for (const CacheNode& node : group->nodes) {
    if (node.id != group->primary) order.push_back(node.id);
  }
  for (std::size_t i = 0; i < order.size() && !group->cancelled; ++i) {
    CacheNode& node = *group->Find(order[i]);
    const std::optional<Upstream> upstream = UpstreamOf(*group, node);
    std::filesystem::path data;
    if (i == 0) data = snapshot;
    base::Status started = co_await node.engine->Start(upstream, data);
    if (!started.ok()) co_return started;
    PublishNode(*group, node);
    if (i == 0) PublishGroup(*group);
  }
  co_return base::Ok();
}

Flow<> ElastiCache::RunCreate(GroupPtr group) {
  const AtWork at_work(group);
  base::Status outcome = co_await StartNodes(group);
  for (std::size_t i = 0; outcome.ok() && i < group->nodes.size() && !group->cancelled; ++i) {
    outcome = co_await group->nodes[i].engine->WaitInSync(limits.in_sync);
    if (outcome.ok()) group->nodes[i].status = NodeStatus::kAvailable;
  }
  co_await Sleep(host_, Paced(kCreateAws));
  if (group->cancelled) co_return;
  if (!outcome.ok()) {
    for (CacheNode& node : group->nodes) node.status = NodeStatus::kFailed;
    AddEvent(group->id, "replication-group",
             "Failed to create the replication group: " + outcome.error().message());
    SetStatus(*group, GroupStatus::kCreateFailed);
    co_return;
  }
  group->restore_from.clear();
  PublishGroup(*group);
  for (const CacheNode& node : group->nodes) {
    AddEvent(node.id, "cache-cluster", "Cache cluster created");
  }
  AddEvent(group->id, "replication-group", "Replication group created");
  const auto record = globals_.find(group->global_id);
  if (record != globals_.end()) {
    MemberPart& mine = record->second.members[host_.region()];
    mine.associated = true;
    ++mine.version;
    TellOthers(group->global_id);
  }
  SetStatus(*group, GroupStatus::kAvailable);
  Steer(group);
}

// After the Region was lost: the servers are new, and what they hold comes from whom they follow.
// What only this Region had is gone, as it is with a cache whose nodes have lost their power.
Flow<> ElastiCache::RunResume(GroupPtr group) {
  const AtWork at_work(group);
  group->status = GroupStatus::kModifying;
  group->settings.Erase("SnapshottingClusterId");
  for (CacheNode& node : group->nodes) node.status = NodeStatus::kRecovering;
  AddEvent(group->id, "replication-group", "Recovering cache nodes 0001");
  co_await AskBeforeLeading(group);
  base::Status outcome = co_await StartNodes(group);
  if (group->cancelled) co_return;
  for (CacheNode& node : group->nodes) {
    node.status = node.engine->running() ? NodeStatus::kAvailable : NodeStatus::kFailed;
  }
  AddEvent(group->id, "replication-group",
           outcome.ok() ? "Finished recovery for cache nodes 0001"
                        : "Failed to recover cache nodes 0001: " + outcome.error().message());
  if (outcome.ok()) PublishGroup(*group);
  SetStatus(*group, outcome.ok() ? GroupStatus::kAvailable : GroupStatus::kModifying);
  Steer(group);
  if (!group->global_id.empty()) Changed(group->global_id);
}

}  // namespace leeward::lab::elasticache

// Global Datastores: one group that writes, and up to two in other Regions that follow it.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/elasticache.h"
#include "lab/services/list_page.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr std::size_t kMostMembers = 3;
constexpr base::Duration kCreateAws = std::chrono::minutes(2);
constexpr base::Duration kPromoteAws = std::chrono::seconds(30);
constexpr base::Duration kDeleteAws = std::chrono::minutes(1);
constexpr base::Duration kWaitForNode = std::chrono::seconds(30);
constexpr base::Duration kPoll = std::chrono::milliseconds(50);

Answer Described(const Host& host, const GlobalRecord& record, MemberInfo info) {
  return Value::Struct({{"GlobalReplicationGroup", Describe(host, record, info)}});
}

bool IsSettled(const GlobalRecord& record) {
  return Status(record) == "available" || Status(record) == "primary-only";
}

}  // namespace

Answer ElastiCache::CreateGlobalReplicationGroup(const Value& input) {
  const std::string suffix = Lower(input.String("GlobalReplicationGroupIdSuffix"));
  if (auto problem = CheckGroupId("GlobalReplicationGroupIdSuffix", suffix)) return *problem;
  const GroupPtr group = FindGroup(input.String("PrimaryReplicationGroupId"));
  if (group == nullptr) return GroupNotFound(input.String("PrimaryReplicationGroupId"));
  const std::string id = RegionPrefix(host_.region()) + "-" + suffix;
  if (globals_.contains(id)) {
    return ApiError{"GlobalReplicationGroupAlreadyExistsFault",
                    fmt::format("Global replication group {} already exists.", id),
                    400,
                    {}};
  }
  if (!group->global_id.empty()) {
    return GroupState(
        fmt::format("Replication group {} is already part of {}.", group->id, group->global_id));
  }
  if (group->status != GroupStatus::kAvailable) {
    return GroupState(fmt::format("Replication group {} is not in available state.", group->id));
  }
  if (auto problem = CheckGlobalNodeType(group->settings.String("CacheNodeType"))) return *problem;
  GlobalRecord record;
  record.id = id;
  record.primary = {1, host_.region(), host_.region(), ""};
  Value members = Value::Struct();
  members.Set("GlobalReplicationGroupDescription",
              input.String("GlobalReplicationGroupDescription"));
  for (const std::string_view name : {"CacheNodeType", "Engine", "EngineVersion"}) {
    members.Set(name, group->settings.String(name));
  }
  members.Set("AtRestEncryptionEnabled", group->settings.Flag("AtRestEncryptionEnabled", false));
  record.settings = {1, host_.region(), "creating", std::move(members)};
  record.members[host_.region()] = {host_.region(),
                                    group->id,
                                    1,
                                    1,
                                    false,
                                    true,
                                    group->automatic_failover(),
                                    host_.network().AddressFor(ReplicationName(*group)),
                                    kReplicationPort};
  globals_[id] = record;
  group->global_id = id;
  Save();
  RunCreateGlobal(id).Detach();
  return Described(host_, record, MemberInfo::kShow);
}

Flow<> ElastiCache::RunCreateGlobal(std::string id) {
  co_await Sleep(host_, Paced(kCreateAws));
  const auto found = globals_.find(id);
  if (found == globals_.end() || found->second.settings.status != "creating") co_return;
  found->second.settings.status = "available";
  ++found->second.settings.version;
  if (const GroupPtr group = MemberOf(id)) {
    AddEvent(
        group->id, "replication-group",
        fmt::format("Replication group is now the primary of global replication group {}", id));
  }
  Save();
}

Answer ElastiCache::DescribeGlobalReplicationGroups(const Value& input) {
  const MemberInfo info =
      input.Flag("ShowMemberInfo", false) ? MemberInfo::kShow : MemberInfo::kHide;
  Value::List found;
  const std::string_view id = input.String("GlobalReplicationGroupId");
  for (const auto& [name, record] : globals_) {
    if (id.empty() || id == name) found.push_back(Describe(host_, record, info));
  }
  if (!id.empty() && found.empty()) return GlobalNotFound(id);
  return ListPage(input, "GlobalReplicationGroups", found);
}

Answer ElastiCache::ModifyGlobalReplicationGroup(const Value& input) {
  const std::string_view id = input.String("GlobalReplicationGroupId");
  const auto found = globals_.find(id);
  if (found == globals_.end()) return GlobalNotFound(id);
  GlobalRecord& record = found->second;
  if (!IsSettled(record)) return GlobalState(fmt::format("{} is {}.", id, Status(record)));
  if (!input.Flag("ApplyImmediately", false)) {
    return BadValue(
        "Modifications of a global replication group are applied immediately; ApplyImmediately "
        "must be true.");
  }
  for (const std::string_view name :
       {"Engine", "EngineVersion", "CacheParameterGroupName", "AutomaticFailoverEnabled"}) {
    if (input.Has(name)) {
      return BadCombination(fmt::format(
          "{} of a global replication group cannot be changed in this lab; leave it out.", name));
    }
  }
  if (const Value* type = input.Find("CacheNodeType")) {
    if (auto problem = CheckGlobalNodeType(type->str())) return *problem;
    record.settings.members.Set("CacheNodeType", *type);
  }
  if (const Value* text = input.Find("GlobalReplicationGroupDescription")) {
    record.settings.members.Set("GlobalReplicationGroupDescription", *text);
  }
  ++record.settings.version;
  record.settings.decider = host_.region();
  Save();
  Answer answer = Described(host_, record, MemberInfo::kShow);
  std::get<Value>(answer).Find("GlobalReplicationGroup")->Set("Status", "modifying");
  Changed(std::string(id));
  TellOthers(std::string(id));
  return answer;
}

// In the primary's Region: takes a new member in. Others say where that is.
Answer ElastiCache::JoinGlobal(const Value& input) {
  const auto found = globals_.find(input.String("Id"));
  if (found == globals_.end()) return GlobalNotFound(input.String("Id"));
  GlobalRecord& record = found->second;
  if (record.primary.region != host_.region()) {
    return Value::Struct({{"Primary", record.primary.region}});
  }
  const std::string region(input.String("Region"));
  if (FindMember(record, region) != nullptr) {
    return GlobalState(fmt::format("{} already has a member in {}.", record.id, region));
  }
  if (Members(record).size() >= kMostMembers) {
    return GlobalState(
        fmt::format("{} already has {} secondary replication groups, the most "
                    "that there can be.",
                    record.id, kMostMembers - 1));
  }
  const GroupPtr group = MemberOf(record.id);
  if (!IsSettled(record) || group == nullptr || group->status != GroupStatus::kAvailable) {
    return GlobalState(fmt::format("{} is not in available state: {}.", record.id, Status(record)));
  }
  if (input.Flag("Encrypted", false) && !group->settings.Flag("AtRestEncryptionEnabled", false)) {
    return BadCombination(
        fmt::format("KmsKeyId cannot be specified: {} is not encrypted at rest.", record.id));
  }
  MemberPart& member = record.members[region];
  member.region = region;
  member.group_id = input.String("GroupId");
  ++member.generation;
  member.version = 1;
  member.removed = member.associated = false;
  member.automatic_failover = input.Flag("AutomaticFailover", false);
  AddEvent(
      group->id, "replication-group",
      fmt::format("Replication group {} of {} is joining {}", member.group_id, region, record.id));
  Save();
  return Value::Struct(
      {{"Record", ToValue(record)}, {"Secret", group->secret}, {"Settings", group->settings}});
}

Problem ElastiCache::CheckFailover(const Value& input) const {
  const std::string_view id = input.String("GlobalReplicationGroupId");
  const auto found = globals_.find(id);
  if (found == globals_.end()) return GlobalNotFound(id);
  const GlobalRecord& record = found->second;
  const std::string region(input.String("PrimaryRegion"));
  const MemberPart* member = FindMember(record, region);
  if (member == nullptr || member->group_id != Lower(input.String("PrimaryReplicationGroupId"))) {
    return BadValue(fmt::format("Replication group {} of {} is not a member of {}.",
                                input.String("PrimaryReplicationGroupId"), region, id));
  }
  if (record.primary.region == region && record.primary.target.empty()) {
    return BadValue(fmt::format("Replication group {} of {} is already the primary of {}.",
                                member->group_id, region, id));
  }
  const std::string_view status = record.settings.status;
  if (status != "available") return GlobalState(fmt::format("{} is {}.", id, status));
  if (!member->associated) {
    return GlobalState(
        fmt::format("Replication group {} of {} is not associated yet.", member->group_id, region));
  }
  return {};
}

// From any member's Region; the Region that is to lead does it, and needs no other.
void ElastiCache::FailoverGlobalReplicationGroup(const Value& input, Reply reply) {
  if (auto problem = CheckFailover(input)) return reply(*problem);
  const std::string region(input.String("PrimaryRegion"));
  if (region != host_.region()) {
    AskToPromote(region, input, std::move(reply)).Detach();
    return;
  }
  const Answer begun = BeginFailover(input);
  if (IsError(begun)) return reply(begun);
  const auto record = globals_.find(input.String("GlobalReplicationGroupId"));
  reply(Described(host_, record->second, MemberInfo::kShow));
}

Flow<> ElastiCache::AskToPromote(std::string region, Value ask, Reply reply) {
  const std::string id(ask.String("GlobalReplicationGroupId"));
  const Answer answer =
      co_await AskRegion(host_, region, "elasticache", "BeginFailover", ask, limits.call);
  if (TimedOut(answer)) {
    reply(NoAnswer(region));
    co_return;
  }
  if (IsError(answer)) {
    reply(answer);
    co_return;
  }
  const GlobalRecord record = RecordOf(std::get<Value>(answer).Sub("Record"));
  Adopt(id, record);
  reply(Described(host_, record, MemberInfo::kShow));
}

// In the Region that is to lead.
Answer ElastiCache::BeginFailover(const Value& input) {
  if (auto problem = CheckFailover(input)) return *problem;
  const std::string id(input.String("GlobalReplicationGroupId"));
  GlobalRecord& record = globals_.find(id)->second;
  const GroupPtr group = MemberOf(id);
  if (group == nullptr || group->status == GroupStatus::kDeleting) {
    return GlobalState(fmt::format("The member of {} in {} cannot lead.", id, host_.region()));
  }
  record.primary = {record.primary.epoch + 1, host_.region(), record.primary.region,
                    host_.region()};
  Value answer = Value::Struct({{"Record", ToValue(record)}});
  AddEvent(
      group->id, "replication-group",
      fmt::format("Failover of global replication group {} to {} started", id, host_.region()));
  Save();
  TellOthers(id);
  if (!promoting_.contains(id)) RunFailover(id).Detach();
  return answer;
}

// The old primary takes writes until it hears of the end of this; what it took and had not sent is
// lost when it follows.
Flow<> ElastiCache::RunFailover(std::string id) {
  const GroupPtr group = MemberOf(id);
  if (group == nullptr) co_return;
  const AtWork at_work(group);
  promoting_.insert(id);
  co_await Sleep(host_, Paced(kPromoteAws));
  base::Status promoted = base::WrongState("its primary node does not run");
  const base::MonotonicTime deadline = host_.clock().Monotonic() + kWaitForNode;
  while (!promoted.ok() && host_.clock().Monotonic() < deadline && !group->cancelled) {
    CacheNode* primary = group->Primary();
    if (primary != nullptr && primary->engine->running()) {
      promoted = co_await primary->engine->Follow(std::nullopt);
    }
    if (!promoted.ok()) co_await Sleep(host_, kPoll);
  }
  promoting_.erase(id);
  const auto found = globals_.find(id);
  if (found == globals_.end()) co_return;
  PrimaryPart& primary = found->second.primary;
  if (primary.target != host_.region()) {
    Steer(group);  // another promotion came in between, and counts
    co_return;
  }
  const std::string from = primary.region;
  primary = {primary.epoch + 1, host_.region(), promoted.ok() ? host_.region() : from, ""};
  for (CacheNode& node : group->nodes) node.lag.Reset();
  AddEvent(group->id, "replication-group",
           promoted.ok() ? fmt::format("Failover of global replication group {} from {} to {} "
                                       "completed",
                                       id, from, host_.region())
                         : fmt::format("Failover of global replication group {} failed: {}", id,
                                       promoted.error().message()));
  Save();
  TellOthers(id);
  Steer(group);
}

Answer ElastiCache::DisassociateGlobalReplicationGroup(const Value& input) {
  const std::string id(input.String("GlobalReplicationGroupId"));
  const auto found = globals_.find(id);
  if (found == globals_.end()) return GlobalNotFound(id);
  GlobalRecord& record = found->second;
  const std::string region(input.String("ReplicationGroupRegion"));
  const MemberPart* member = FindMember(record, region);
  if (member == nullptr || member->group_id != Lower(input.String("ReplicationGroupId"))) {
    return BadValue(fmt::format("Replication group {} of {} is not a member of {}.",
                                input.String("ReplicationGroupId"), region, id));
  }
  if (region == record.primary.region || region == record.primary.target) {
    return BadValue(fmt::format(
        "Replication group {} is the primary of {}; only secondaries can be disassociated.",
        member->group_id, id));
  }
  if (record.settings.status != "available") {
    return GlobalState(fmt::format("{} is {}.", id, record.settings.status));
  }
  Value answer = Describe(host_, record, MemberInfo::kShow);
  answer.Set("Status", "modifying");
  for (Value& shown : answer.Find("Members")->list()) {
    if (shown.String("ReplicationGroupRegion") == region) shown.Set("Status", "disassociating");
  }
  MemberPart& removed = record.members[region];
  removed.removed = true;
  ++removed.version;
  Save();
  TellOthers(id);
  // The member itself leaves once the others were told, if they can be.
  host_.After(limits.call, [this, id] { Changed(id); });
  return Value::Struct({{"GlobalReplicationGroup", std::move(answer)}});
}

Answer ElastiCache::DeleteGlobalReplicationGroup(const Value& input) {
  const std::string id(input.String("GlobalReplicationGroupId"));
  const auto found = globals_.find(id);
  if (found == globals_.end()) return GlobalNotFound(id);
  GlobalRecord& record = found->second;
  if (Members(record).size() > 1) {
    return GlobalState(fmt::format(
        "{} still has secondary replication groups; disassociate and delete them first.", id));
  }
  if (!IsSettled(record)) return GlobalState(fmt::format("{} is {}.", id, Status(record)));
  record.settings.status = "deleting";
  ++record.settings.version;
  Save();
  Answer answer = Described(host_, record, MemberInfo::kShow);
  RunDeleteGlobal(id, input.Flag("RetainPrimaryReplicationGroup", true)).Detach();
  return answer;
}

Flow<> ElastiCache::RunDeleteGlobal(std::string id, bool retain) {
  co_await Sleep(host_, Paced(kDeleteAws));
  const GroupPtr group = MemberOf(id);
  Leave(id);
  if (group == nullptr || retain) co_return;
  group->cancelled = true;
  SetStatus(*group, GroupStatus::kDeleting);
  RunDelete(group, "").Detach();
}

}  // namespace leeward::lab::elasticache

// What the Regions of a Global Datastore tell each other, and what each makes of it.
//
// Every second each Region sends its record to the other members, who send back theirs. A Region
// that was away learns in this way what was decided without it: until then it goes on as it was.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/elasticache.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr int kAsksBeforeLeading = 2;

}  // namespace

Flow<> ElastiCache::TellForever() {
  for (;;) {
    std::vector<std::string> ids;
    for (const auto& [id, record] : globals_) ids.push_back(id);
    for (const std::string& id : ids) TellOthers(id);
    co_await Sleep(host_, limits.tell);
  }
}

// Removed members, too, until they know it.
void ElastiCache::TellOthers(const std::string& id) {
  const auto record = globals_.find(id);
  if (record == globals_.end()) return;
  std::vector<std::string> regions;
  for (const auto& [region, member] : record->second.members) {
    const std::string told = fmt::format("{}/{}/{}", id, region, member.generation);
    if (region != host_.region() && !told_.contains(told)) regions.push_back(region);
  }
  for (const std::string& region : regions) Tell(id, region).Detach();
}

Flow<> ElastiCache::Tell(std::string id, std::string region) {
  const std::string word = id + "/" + region;
  if (!telling_.insert(word).second) {
    tell_again_.insert(word);
    co_return;
  }
  do {
    tell_again_.erase(word);
    co_await TellOnce(id, region);
  } while (tell_again_.contains(word));
  telling_.erase(word);
}

// Whether the other side answered.
Flow<bool> ElastiCache::TellOnce(std::string id, std::string region) {
  const auto record = globals_.find(id);
  if (record == globals_.end()) co_return false;
  Value word = Value::Struct();
  word.Set("Record", ToValue(record->second));
  const base::MonotonicTime asked = host_.clock().Monotonic();
  const Answer answer =
      co_await AskRegion(host_, region, "elasticache", "SyncGlobal", word, limits.call);
  if (IsError(answer)) co_return false;
  const Value& heard = std::get<Value>(answer);
  const GroupPtr group = MemberOf(id);
  if (heard.Has("Offset") && group != nullptr && group->Primary() != nullptr) {
    const base::MonotonicTime seen = asked + (host_.clock().Monotonic() - asked) / 2;
    group->Primary()->lag.SourceHas(seen, heard.Int("Offset"));
  }
  Heard(id, region, heard);
  co_return true;
}

void ElastiCache::Heard(const std::string& id, const std::string& region, const Value& answer) {
  const auto found = globals_.find(id);
  if (found == globals_.end()) return;
  if (answer.Has("Record")) return Adopt(id, RecordOf(answer.Sub("Record")));
  if (!answer.Flag("Gone", false)) return;
  MemberPart& member = found->second.members[region];
  if (member.removed) {
    told_.insert(fmt::format("{}/{}/{}", id, region, member.generation));
  } else if (region == found->second.primary.region) {
    Leave(id);  // the datastore was deleted while this Region was away
  } else {
    // It never came to be: its creation ended between its joining and its being there.
    member.removed = true;
    ++member.version;
    Save();
  }
}

Answer ElastiCache::SyncGlobal(const Value& input) {
  const GlobalRecord theirs = RecordOf(input.Sub("Record"));
  if (joining_.contains(theirs.id)) return Value::Struct({{"Joining", true}});
  Adopt(theirs.id, theirs);
  const auto mine = globals_.find(theirs.id);
  if (mine == globals_.end()) return Value::Struct({{"Gone", true}});
  Value answer = Value::Struct({{"Record", ToValue(mine->second)}});
  const GroupPtr group = MemberOf(theirs.id);
  if (group != nullptr && RoleOf(*group) == Role::kPrimary) {
    const CacheNode* primary = group->Primary();
    if (primary != nullptr && primary->engine->running()) answer.Set("Offset", primary->offset);
  }
  return answer;
}

void ElastiCache::Adopt(const std::string& id, const GlobalRecord& theirs) {
  const auto mine = globals_.find(id);
  if (mine == globals_.end()) return;
  const std::string before = mine->second.primary.region;
  if (!Merge(mine->second, theirs)) return;
  const std::string after = mine->second.primary.region;
  const GroupPtr group = MemberOf(id);
  if (before != after && group != nullptr) {
    AddEvent(group->id, "replication-group",
             fmt::format("Failover of global replication group {} from {} to {} completed", id,
                         before, after));
    for (CacheNode& node : group->nodes) node.lag.Reset();
  }
  Save();
  Changed(id);
}

// Brings this Region's member to what the record says.
void ElastiCache::Changed(const std::string& id) {
  const auto found = globals_.find(id);
  if (found == globals_.end()) return;
  const GlobalRecord& record = found->second;
  if (FindMember(record, host_.region()) == nullptr) return Leave(id);
  const GroupPtr group = MemberOf(id);
  if (group == nullptr) return;
  const Value& settings = record.settings.members;
  if (settings.Has("CacheNodeType")) {
    group->settings.Set("CacheNodeType", *settings.Find("CacheNodeType"));
  }
  if (record.primary.target == host_.region() && !promoting_.contains(id)) {
    RunFailover(id).Detach();
  }
  Steer(group);
}

// The member here goes on by itself, with what it has.
void ElastiCache::Leave(const std::string& id) {
  const GroupPtr group = MemberOf(id);
  globals_.erase(id);
  if (group != nullptr) {
    group->global_id.clear();
    for (CacheNode& node : group->nodes) node.lag.Reset();
    AddEvent(group->id, "replication-group",
             fmt::format("Replication group is no longer part of global replication group {}", id));
    Steer(group);
  }
  Save();
}

// A Region that comes back as the writer it was asks whether it still is; not for long, since there
// may be nobody to answer.
Flow<> ElastiCache::AskBeforeLeading(GroupPtr group) {
  const std::string id = group->global_id;
  const auto record = globals_.find(id);
  if (record == globals_.end()) co_return;
  std::vector<std::string> others;
  for (const MemberPart* member : Members(record->second)) {
    if (member->region != host_.region()) others.push_back(member->region);
  }
  for (int round = 0; round < kAsksBeforeLeading; ++round) {
    for (std::size_t i = 0; i < others.size(); ++i) {
      const bool answered = co_await TellOnce(id, others[i]);
      if (answered) co_return;
    }
  }
}

void ElastiCache::Steer(const GroupPtr& group) {
  group->steer_again = true;
  if (!group->steering) RunSteer(group).Detach();
}

Flow<> ElastiCache::RunSteer(GroupPtr group) {
  const AtWork at_work(group);
  group->steering = true;
  while (group->steer_again && !group->cancelled && !group->refilling) {
    group->steer_again = false;
    for (std::size_t i = 0; i < group->nodes.size(); ++i) {
      CacheNode& node = group->nodes[i];
      if (node.status != NodeStatus::kAvailable || !node.engine->running()) continue;
      const std::optional<Upstream> wanted = UpstreamOf(*group, node);
      if (wanted == node.engine->upstream()) continue;
      const base::Status steered = co_await node.engine->Follow(wanted);
      if (!steered.ok()) {
        AddEvent(node.id, "cache-cluster",
                 "Replication could not be changed: " + steered.error().message());
      }
    }
  }
  group->steering = false;
}

// Whom a node has to follow; nobody, if it is to lead.
std::optional<Upstream> ElastiCache::UpstreamOf(const Group& group, const CacheNode& node) {
  if (node.id != group.primary) {
    const std::string leader = "elasticache-replication:" + group.primary;
    return Upstream{host_.network().AddressFor(leader), kReplicationPort};
  }
  const auto record = globals_.find(group.global_id);
  if (record == globals_.end() || record->second.primary.region == host_.region()) {
    return std::nullopt;
  }
  // One that is being promoted is not called back.
  if (promoting_.contains(group.global_id)) return node.engine->upstream();
  const MemberPart* source = FindMember(record->second, record->second.primary.region);
  if (source == nullptr || source->address.empty()) return node.engine->upstream();
  const auto [host, port] = host_.network().Link(source->region, source->address, source->port);
  return Upstream{host, port};
}

Role ElastiCache::RoleOf(const Group& group) const {
  const auto record = globals_.find(group.global_id);
  if (record == globals_.end()) return Role::kAlone;
  return record->second.primary.region == host_.region() ? Role::kPrimary : Role::kSecondary;
}

GroupPtr ElastiCache::MemberOf(const std::string& id) const {
  for (const auto& [name, group] : groups_) {
    if (group->global_id == id) return group;
  }
  return nullptr;
}

}  // namespace leeward::lab::elasticache

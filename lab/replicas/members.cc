// Regions that join a global table and leave it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "lab/replicas/keeper.h"

namespace leeward::lab::replicas {
namespace {

using items::Verdict;
using shapes::Value;

ApiError Refuse(std::string message) {
  return {"ValidationException", std::move(message), 400, {}};
}

// Strongly consistent tables live inside one of these.
const std::array<std::set<std::string, std::less<>>, 3> kRegionSets = {{
    {"us-east-1", "us-east-2", "us-west-2"},
    {"eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3"},
    {"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"},
}};

constexpr std::size_t kStrongRegions = 3;

struct Action {
  std::string_view kind;  // "Create", "Update", "Delete"
  std::string region;
  std::string key;  // KMSMasterKeyId
};

// What each update asks for; what this lab does not do with a replica is refused by name.
items::Outcome<std::vector<Action>> ActionsOf(const Value& input) {
  std::vector<Action> actions;
  for (const Value& update : input.Items("ReplicaUpdates")) {
    if (!update.is_members() || update.members().size() != 1) {
      return Refuse(
          "One or more parameter values were invalid: each of ReplicaUpdates must have exactly one "
          "of Create, Update and Delete");
    }
    const auto& [kind, body] = update.members().front();
    for (const auto& [name, value] : body.members()) {
      const bool key = name == "KMSMasterKeyId" && kind == "Create";
      if (name != "RegionName" && !key)
        return Refuse(fmt::format("{} of a replica is not served by this lab", name));
    }
    if (kind == "Update") {
      return Refuse(
          "One or more parameter values were invalid: the update of a replica changes "
          "nothing");
    }
    actions.push_back({kind == "Create" ? "Create" : "Delete",
                       std::string(body.String("RegionName")),
                       std::string(body.String("KMSMasterKeyId"))});
  }
  return actions;
}

const Member* MemberOf(const Group& group, const std::string& region) {
  const auto found = group.members.find(region);
  return found == group.members.end() ? nullptr : &found->second;
}

Value SpecUnder(const std::string& key) {
  return Value::Struct({{"Enabled", true}, {"SSEType", "KMS"}, {"KMSMasterKeyId", key}});
}

// Of the members of UpdateTable, only these may come together with replicas.
Verdict CheckAlone(const Value& input) {
  for (const auto& [name, value] : input.members()) {
    if (name == "TableName" || name == "ReplicaUpdates" || name == "MultiRegionConsistency" ||
        name == "GlobalTableWitnessUpdates")
      continue;
    return Refuse(fmt::format(
        "One or more parameter values were invalid: ReplicaUpdates and {} cannot be in one request",
        name));
  }
  return {};
}

}  // namespace

Verdict Keeper::Update(std::string_view table, const Value& input) {
  RETURN_IF_ERROR(CheckAlone(input));
  if (input.Has("GlobalTableWitnessUpdates"))
    return Refuse("Witnesses of global tables are not served by this lab: name three Regions");
  if (input.Has("MultiRegionConsistency") && !input.Has("ReplicaUpdates"))
    return Refuse("MultiRegionConsistency can only be set when replicas are added to the table");
  const Kept* kept = Find(table);
  if (kept != nullptr && kept->job) {
    return ApiError{
        "ResourceInUseException",
        fmt::format("Attempt to change a resource which is still in use: Table is being "
                    "updated: {}",
                    table),
        400,
        {}};
  }
  const bool strong = input.String("MultiRegionConsistency") == "STRONG" || IsStrong(table);
  const std::string name(table);
  return strong ? UpdateStrong(name, input) : UpdateEventual(name, input);
}

Verdict Keeper::CheckAdd(const Kept& kept, const std::string& region) const {
  const auto& known = options_.peers->regions();
  if (region == options_.region || kept.group.members.contains(region)) {
    return Refuse(
        fmt::format("Failed to create a the new replica of table with name: '{}' because one "
                    "or more replicas already existed as tables.",
                    kept.group.table));
  }
  if (std::find(known.begin(), known.end(), region) == known.end())
    return Refuse(fmt::format("Unsupported region name: {}. The lab does not have it", region));
  return {};
}

Verdict Keeper::CheckRemove(const Kept& kept, const std::string& region) const {
  const auto member = kept.group.members.find(region);
  if (member == kept.group.members.end() || region == options_.region) {
    return Refuse(
        "Replica specified in the Replica Update or Replica Delete action of the request was not "
        "found.");
  }
  const bool source = member->second.source != base::WallTime{} &&
                      options_.clock->Now() - member->second.source < options_.limits.source;
  if (source) {
    return Refuse(
        "Replica cannot be deleted because it has acted as a source region for new "
        "replica(s) being added to the table in the last 24 hours.");
  }
  return {};
}

// One's own key that the table here is encrypted under.
std::string Keeper::KeyHere(const std::string& table) const {
  const auto blueprint = engine_->replication().Blueprint(table);
  if (!blueprint.ok()) return "";
  return std::string(blueprint->Sub("SSESpecification").String("KMSMasterKeyId"));
}

// Keys are of one Region: a replica of a table under a key of one's own needs one there. Whether it
// is there is seen there.
Verdict Keeper::CheckKey(const std::string& table, const std::string& key) const {
  const bool own = !KeyHere(table).empty();
  if (own && key.empty()) {
    return Refuse(
        "One or more parameter values were invalid: KMSMasterKeyId must be specified for the "
        "replica because the table is encrypted under a customer managed key");
  }
  if (own || key.empty()) return {};
  return Refuse(
      "One or more parameter values were invalid: KMSMasterKeyId can be specified for a replica "
      "only if the table is encrypted under a customer managed key");
}

Verdict Keeper::UpdateEventual(const std::string& table, const Value& input) {
  ASSIGN_OR_RETURN(const std::vector<Action> actions, ActionsOf(input));
  if (actions.size() != 1)
    return Refuse(
        "One or more parameter values were invalid: only one replica can be created, "
        "updated or deleted in a request");
  const Action& action = actions.front();
  const Kept* there = Find(table);
  Kept fresh;
  fresh.group.table = table;
  fresh.group.members[options_.region].status = MemberStatus::kActive;
  fresh.group.members[options_.region].key = KeyHere(table);
  const Kept& kept = there == nullptr ? fresh : *there;
  const bool add = action.kind == "Create";
  RETURN_IF_ERROR(add ? CheckAdd(kept, action.region) : CheckRemove(kept, action.region));
  if (add) RETURN_IF_ERROR(CheckKey(table, action.key));
  if (there == nullptr) {
    const base::Status begun = engine_->replication().Keep(table, tables::Replication::Kept::kYes);
    if (!begun.ok()) return ApiError{"InternalServerError", begun.error().message(), 500, {}};
    tables_[table] = std::move(fresh);
  }
  Member& member = Find(table)->group.members[action.region];
  member.status = add ? MemberStatus::kCreating : MemberStatus::kDeleting;
  if (add) member.key = action.key;
  Begin(table, {add ? Job::Kind::kAdd : Job::Kind::kRemove, {action.region}});
  return {};
}

// What a table must be before it can be strongly consistent.
Verdict Keeper::CheckStrong(const std::string& table) {
  tables::Replication& replication = engine_->replication();
  const auto blueprint = replication.Blueprint(table);
  if (blueprint.ok() && blueprint->Has("LocalSecondaryIndexes"))
    return Refuse("MRSC tables do not support local secondary indexes");
  const EngineAnswer ttl = Ask("DescribeTimeToLive", Value::Struct({{"TableName", table}}));
  if (ttl.body.Sub("TimeToLiveDescription").String("TimeToLiveStatus", "DISABLED") != "DISABLED")
    return Refuse("MRSC tables do not support Time to Live");
  const EngineAnswer some =
      Ask("Scan", Value::Struct({{"TableName", table}, {"Limit", 1}, {"ConsistentRead", true}}));
  if (some.status != 200 || some.body.Int("ScannedCount") != 0)
    return Refuse(
        "Table must be empty to be converted to a multi-Region strongly consistent global "
        "table");
  return {};
}

Verdict Keeper::UpdateStrong(const std::string& table, const Value& input) {
  ASSIGN_OR_RETURN(const std::vector<Action> actions, ActionsOf(input));
  const Kept* there = Find(table);
  const bool add = !actions.empty() && actions.front().kind == "Create";
  std::set<std::string> regions;
  for (const Action& action : actions) {
    if (action.kind != actions.front().kind || !regions.insert(action.region).second)
      return Refuse("The replicas of an MRSC table are added together, and deleted together");
  }
  if (regions.size() + 1 != kStrongRegions)
    return Refuse("MRSC global tables must have exactly three Regions");
  if (there != nullptr && (add || !there->group.strong()))
    return Refuse("The consistency mode and the Regions of a global table cannot be changed");
  if (there == nullptr && !add)
    return Refuse(
        "Replica specified in the Replica Update or Replica Delete action of the request "
        "was not found.");
  Kept fresh;
  fresh.group.table = table;
  fresh.group.consistency = Consistency::kStrong;
  fresh.group.members[options_.region].status = MemberStatus::kActive;
  fresh.group.members[options_.region].key = KeyHere(table);
  const Kept& kept = there == nullptr ? fresh : *there;
  for (const std::string& region : regions)
    RETURN_IF_ERROR(add ? CheckAdd(kept, region) : CheckRemove(kept, region));
  std::set<std::string> all = regions;
  all.insert(options_.region);
  const bool together = std::any_of(kRegionSets.begin(), kRegionSets.end(), [&](const auto& set) {
    return std::includes(set.begin(), set.end(), all.begin(), all.end());
  });
  if (!together)
    return Refuse(
        "The Regions of an MRSC global table must be in one Region set: US (us-east-1, "
        "us-east-2, us-west-2), EU (eu-central-1, eu-west-1, eu-west-2, eu-west-3) or AP "
        "(ap-northeast-1, ap-northeast-2, ap-northeast-3)");
  if (add) {
    for (const Action& action : actions) RETURN_IF_ERROR(CheckKey(table, action.key));
    RETURN_IF_ERROR(CheckStrong(table));
    const base::Status begun = engine_->replication().Keep(table, tables::Replication::Kept::kYes);
    if (!begun.ok()) return ApiError{"InternalServerError", begun.error().message(), 500, {}};
    tables_[table] = std::move(fresh);
  }
  for (const Action& action : actions) {
    Member& member = Find(table)->group.members[action.region];
    member.status = add ? MemberStatus::kCreating : MemberStatus::kDeleting;
    if (add) member.key = action.key;
  }
  Begin(table, {add ? Job::Kind::kAdd : Job::Kind::kRemove, {regions.begin(), regions.end()}});
  return {};
}

Verdict Keeper::Allow(std::string_view operation, std::string_view table, const Value& input) {
  const Kept* kept = Find(table);
  if (kept == nullptr || taking_settings_) return {};
  if (operation == "UpdateTimeToLive" && kept->group.strong())
    return Refuse("MRSC tables do not support Time to Live");
  const std::string& key = kept->group.members.at(options_.region).key;
  const Value* encryption = input.Find("SSESpecification");
  if (encryption != nullptr && (!key.empty() || encryption->Has("KMSMasterKeyId")))
    return Refuse("Changing the KMS keys of a table with replicas is not served by this lab");
  const Value* stream = input.Find("StreamSpecification");
  if (operation == "UpdateTable" && stream != nullptr && !kept->group.strong() &&
      !stream->Flag("StreamEnabled", true))
    return Refuse("The stream of a table with replicas cannot be disabled");
  if (operation != "DeleteTable") return {};
  if (kept->group.strong())
    return Refuse("The replicas of an MRSC table are deleted together, with UpdateTable");
  const Member& own = kept->group.members.at(options_.region);
  if (kept->job || (own.source != base::WallTime{} &&
                    options_.clock->Now() - own.source < options_.limits.source)) {
    return Refuse(
        "Replica cannot be deleted because it has acted as a source region for new "
        "replica(s) being added to the table in the last 24 hours.");
  }
  // It leaves; the others are told until they have heard it.
  After(base::Duration{0}, [this, name = std::string(table)] {
    const Kept* leaving = Find(name);
    if (leaving == nullptr) return;
    farewells_[name] = leaving->group.Others(options_.region);
    Forget(name);
    for (const std::string& region : farewells_[name]) Bid(name, region);
  });
  return {};
}

bool Keeper::Has(const std::string& table, const std::string& region) const {
  const Kept* kept = Find(table);
  return kept != nullptr && kept->lanes.contains(region);
}

// Replicas have a stream with both images, whether it was asked for or not. False while the table
// is busy with it.
bool Keeper::HasStream(Kept& kept) {
  const std::string& table = kept.group.table;
  tables::Replication& replication = engine_->replication();
  const auto blueprint = replication.Blueprint(table);
  if (blueprint.ok() && !blueprint->Has("StreamSpecification")) {
    const base::Status free = replication.SetBusy(table, tables::Replication::Busy::kNo);
    if (!free.ok()) SaveSoon();
    taking_settings_ = true;
    Ask("UpdateTable",
        Value::Struct(
            {{"TableName", table},
             {"StreamSpecification", Value::Struct({{"StreamEnabled", true},
                                                    {"StreamViewType", "NEW_AND_OLD_IMAGES"}})}}));
    taking_settings_ = false;
    kept.streaming = true;
    return false;
  }
  if (!kept.streaming) return true;
  if (StatusHere(table) == "UPDATING") return false;
  kept.streaming = false;
  const base::Status busy = replication.SetBusy(table, tables::Replication::Busy::kYes);
  if (!busy.ok()) SaveSoon();
  return true;
}

void Keeper::Begin(const std::string& table, Job job) {
  Kept& kept = *Find(table);
  kept.job = std::move(job);
  Show(kept);
  Save();
  const base::Status busy = engine_->replication().SetBusy(table, tables::Replication::Busy::kYes);
  if (!busy.ok()) SaveSoon();
  After(base::Duration{0}, [this, table] { GoOn(table); });
}

// The members that are there already learn it first: what they write from now on goes to a new one
// too.
void Keeper::GoOn(const std::string& table) {
  Kept* kept = Find(table);
  if (kept == nullptr || !kept->job) return;
  if (!kept->group.strong() && kept->job->kind == Job::Kind::kAdd && !HasStream(*kept))
    return After(options_.limits.stream, [this, table] { GoOn(table); });
  kept->waiting = kept->job->regions.size();
  Announce(table, [this, table] {
    const Kept* told = Find(table);
    if (told == nullptr || !told->job) return;
    const Job job = *told->job;
    for (const std::string& region : job.regions)
      job.kind == Job::Kind::kAdd ? Adopt(table, region) : Remove(table, region);
  });
}

void Keeper::Announce(const std::string& table, const Then& then) {
  const Kept& kept = *Find(table);
  std::vector<std::string> others;
  for (const auto& [region, member] : kept.group.members) {
    const bool there =
        member.status == MemberStatus::kActive || member.status == MemberStatus::kUpdating;
    if (region != options_.region && there) others.push_back(region);
  }
  if (others.empty()) return then();
  auto left = std::make_shared<std::size_t>(others.size());
  for (const std::string& region : others) {
    Insist(
        region, "group",
        [this, table] {
          const Kept* now = Find(table);
          return Value::Struct({{"group", now == nullptr ? Value() : ToValue(now->group)},
                                {"from", options_.region}});
        },
        [left, then](const Value&) {
          if (--*left == 0) then();
        });
  }
}

void Keeper::Adopt(const std::string& table, const std::string& region) {
  const auto input = [this, table, region] {
    const Kept* kept = Find(table);
    auto blueprint = engine_->replication().Blueprint(table);
    const Member* member = kept == nullptr ? nullptr : MemberOf(kept->group, region);
    if (blueprint.ok() && member != nullptr && !member->key.empty())
      blueprint->Set("SSESpecification", SpecUnder(member->key));
    const EngineAnswer ttl = Ask("DescribeTimeToLive", Value::Struct({{"TableName", table}}));
    return Value::Struct({{"group", kept == nullptr ? Value() : ToValue(kept->group)},
                          {"blueprint", blueprint.ok() ? *blueprint : Value()},
                          {"ttl", ttl.body.Sub("TimeToLiveDescription")}});
  };
  Insist(region, "adopt", input, [this, table, region](const Value& answer) {
    Kept* kept = Find(table);
    if (kept == nullptr) return;
    const std::string_view state = answer.String("state");
    if (state == "ready") {
      if (kept->group.strong()) {
        // It was empty, and is written to in two Regions at a time from the beginning.
        kept->lanes[region].cursor = engine_->replication().LastSequence();
        kept->group.members[region].status = MemberStatus::kActive;
        return OneDone(table);
      }
      return Ship(table, region, "", engine_->replication().LastSequence());
    }
    if (state == "refused") {
      kept->group.members[region].status = MemberStatus::kCreationFailed;
      kept->group.members[region].problem = answer.String("problem");
      return OneDone(table);
    }
    After(options_.limits.look, [this, table, region] { Adopt(table, region); });
  });
}

// `sequence`: the last one before the first piece.
void Keeper::Ship(const std::string& table, const std::string& region, const std::string& from,
                  std::uint64_t sequence) {
  const auto piece = engine_->replication().Ship(table, from, options_.limits.bytes);
  if (!piece.ok() || Find(table) == nullptr) return;
  Value message = Value::Struct({{"table", table}, {"changes", ToValue(piece->changes)}});
  Insist(
      region, "apply", [message] { return message; },
      [this, table, region, next = piece->next, sequence](const Value&) {
        Kept* kept = Find(table);
        if (kept == nullptr) return;
        if (!next.empty()) return Ship(table, region, next, sequence);
        kept->lanes[region].cursor = sequence;
        kept->group.members[region].status = MemberStatus::kActive;
        kept->group.members[options_.region].source = options_.clock->Now();
        OneDone(table);
      });
}

void Keeper::Remove(const std::string& table, const std::string& region) {
  Insist(
      region, "leave",
      [table] {
        return Value::Struct({{"table", table}});
      },
      [this, table, region](const Value& answer) {
        Kept* kept = Find(table);
        if (kept == nullptr) return;
        if (answer.String("state") == "refused") {
          kept->group.members[region].status = MemberStatus::kActive;
          return OneDone(table);
        }
        if (answer.String("state") != "gone")
          return After(options_.limits.look, [this, table, region] { Remove(table, region); });
        kept->group.members.erase(region);
        kept->lanes.erase(region);
        OneDone(table);
      });
}

void Keeper::OneDone(const std::string& table) {
  Kept& kept = *Find(table);
  Show(kept);
  Save();
  if (kept.waiting > 0 && --kept.waiting > 0) return;
  Announce(table, [this, table] { Finish(table); });
}

void Keeper::Finish(const std::string& table) {
  Kept* kept = Find(table);
  if (kept == nullptr) return;
  kept->job.reset();
  const base::Status free = engine_->replication().SetBusy(table, tables::Replication::Busy::kNo);
  if (!free.ok()) SaveSoon();
  if (kept->group.members.size() < 2) return Forget(table);
  Show(*kept);
  Save();
  PumpSoon(table);
}

}  // namespace leeward::lab::replicas

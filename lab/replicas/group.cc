#include "lab/replicas/group.h"

#include <array>

namespace leeward::lab::replicas {
namespace {

using shapes::Value;
using tables::ItemChange;

constexpr auto kNames = std::to_array<std::string_view>(
    {"CREATING", "CREATION_FAILED", "UPDATING", "DELETING", "ACTIVE"});
constexpr auto kShared = std::to_array<std::string_view>(
    {"AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexUpdates", "SSESpecification",
     "StreamSpecification"});

MemberStatus StatusFrom(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<MemberStatus>(i);
  }
  return MemberStatus::kCreating;
}

}  // namespace

std::string_view Name(MemberStatus status) { return kNames[static_cast<std::size_t>(status)]; }

std::vector<std::string> Group::Others(std::string_view region) const {
  std::vector<std::string> others;
  for (const auto& [name, member] : members) {
    if (name != region) others.push_back(name);
  }
  if (!witness.empty() && witness != region) others.push_back(witness);
  return others;
}

Value ToValue(const Group& group) {
  Value members = Value::Struct();
  for (const auto& [region, member] : group.members) {
    members.Set(region, Value::Struct({{"status", Name(member.status)},
                                       {"problem", member.problem},
                                       {"key", member.key},
                                       {"source", member.source.since_epoch.count()}}));
  }
  return Value::Struct({{"table", group.table},
                        {"strong", group.strong()},
                        {"members", std::move(members)},
                        {"witness", group.witness}});
}

Group GroupFrom(const Value& value) {
  Group group;
  group.table = value.String("table");
  group.consistency = value.Flag("strong", false) ? Consistency::kStrong : Consistency::kEventual;
  group.witness = value.String("witness");
  if (!value.Sub("members").is_members()) return group;
  for (const auto& [region, member] : value.Sub("members").members()) {
    group.members[region] = {
        StatusFrom(member.String("status")), std::string(member.String("problem")),
        std::string(member.String("key")), base::WallTime{base::Duration(member.Int("source"))}};
  }
  return group;
}

Value Describe(const Group& group, std::string_view region) {
  if (group.members.size() < 2) return Value::Struct();
  Value::List replicas;
  for (const auto& [name, member] : group.members) {
    if (name == region) continue;
    Value one = Value::Struct({{"RegionName", name}, {"ReplicaStatus", Name(member.status)}});
    if (!member.key.empty()) one.Set("KMSMasterKeyId", member.key);
    if (!member.problem.empty()) one.Set("ReplicaStatusDescription", member.problem);
    replicas.push_back(std::move(one));
  }
  Value out = Value::Struct({{"GlobalTableVersion", "2019.11.21"},
                             {"Replicas", std::move(replicas)},
                             {"MultiRegionConsistency", group.strong() ? "STRONG" : "EVENTUAL"}});
  if (!group.witness.empty()) {
    out.Set(
        "GlobalTableWitnesses",
        Value::List{Value::Struct({{"RegionName", group.witness}, {"WitnessStatus", "ACTIVE"}})});
  }
  return out;
}

Value ToValue(const std::vector<ItemChange>& changes) {
  Value::List list;
  list.reserve(changes.size());
  for (const ItemChange& change : changes) {
    Value one = Value::Struct({{"m", change.version.micros},
                               {"r", change.version.region},
                               {"k", shapes::Blob{change.key}}});
    if (change.item) one.Set("i", shapes::Blob{*change.item});
    if (change.expired) one.Set("x", true);
    if (change.sequence != 0) one.Set("s", static_cast<std::int64_t>(change.sequence));
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<ItemChange> ChangesFrom(const Value& value) {
  std::vector<ItemChange> changes;
  if (!value.is_list()) return changes;
  for (const Value& one : value.list()) {
    const Value* key = one.Find("k");
    const Value* item = one.Find("i");
    if (key == nullptr || !key->is_blob() || (item != nullptr && !item->is_blob())) continue;
    ItemChange change;
    change.version = {one.Int("m"), std::string(one.String("r"))};
    change.key = key->blob().bytes;
    if (item != nullptr) change.item = item->blob().bytes;
    change.expired = one.Flag("x", false);
    change.sequence = static_cast<std::uint64_t>(one.Int("s"));  // there
    changes.push_back(std::move(change));
  }
  return changes;
}

Value SharedSettings(std::string_view operation, const Value& input) {
  if (operation == "UpdateTimeToLive")
    return Value::Struct({{"TimeToLiveSpecification", input.Sub("TimeToLiveSpecification")}});
  Value shared = Value::Struct();
  for (const std::string_view name : kShared) {
    if (const Value* given = input.Find(name)) shared.Set(name, *given);
  }
  // Read capacity is each replica's own; it is put in there.
  if (const Value* throughput = input.Find("ProvisionedThroughput")) {
    shared.Set("ProvisionedThroughput",
               Value::Struct({{"WriteCapacityUnits", throughput->Int("WriteCapacityUnits")}}));
  }
  return shared;
}

}  // namespace leeward::lab::replicas

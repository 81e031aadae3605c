#include "lab/services/kms_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/bytes.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

struct StateWords {
  std::string_view name;
  std::string_view words;
};
constexpr std::array<StateWords, 6> kStates = {{
    {"Creating", "is creating."},
    {"Enabled", "is enabled."},
    {"Disabled", "is disabled."},
    {"Updating", "is updating."},
    {"PendingDeletion", "is pending deletion."},
    {"PendingReplicaDeletion", "is pending replica deletion."},
}};

std::optional<base::WallTime> MaybeTime(const Value& value, std::string_view name) {
  const Value* found = value.Find(name);
  return found == nullptr ? std::nullopt : std::optional(found->time());
}

base::WallTime SavedTime(const Value& value, std::string_view name) {
  return MaybeTime(value, name).value_or(base::WallTime{});
}

Value Related(const Host& host, const Key& key, std::string_view region) {
  const std::string arn = fmt::format("arn:aws:kms:{}:{}:key/{}", region, host.account(), key.id);
  return Value::Struct({{"Arn", arn}, {"Region", region}});
}

Value ShowFamily(const Host& host, const Key& key) {
  Value replicas = Value::EmptyList();
  for (const std::string& region : key.family->regions) {
    if (region != key.family->primary) replicas.list().push_back(Related(host, key, region));
  }
  const bool primary = key.family->primary == host.region();
  return Value::Struct({{"MultiRegionKeyType", primary ? "PRIMARY" : "REPLICA"},
                        {"PrimaryKey", Related(host, key, key.family->primary)},
                        {"ReplicaKeys", std::move(replicas)}});
}

}  // namespace

bool Family::Has(std::string_view region) const {
  return std::find(regions.begin(), regions.end(), region) != regions.end();
}

bool IsLater(const Family& a, const Family& b) {
  return std::tie(a.epoch, a.version) > std::tie(b.epoch, b.version);
}

Value ToValue(const Family& family) {
  Value regions = Value::EmptyList();
  for (const std::string& region : family.regions) regions.list().push_back(region);
  return Value::Struct({{"Primary", family.primary},
                        {"Epoch", family.epoch},
                        {"Version", family.version},
                        {"Regions", std::move(regions)}});
}

Family FamilyOf(const Value& saved) {
  Family family;
  family.primary = saved.String("Primary");
  family.epoch = saved.Int("Epoch");
  family.version = saved.Int("Version");
  for (const Value& region : saved.Items("Regions")) family.regions.push_back(region.str());
  return family;
}

std::string_view NameOf(State state) { return kStates.at(static_cast<std::size_t>(state)).name; }

std::string_view WordsFor(State state) { return kStates.at(static_cast<std::size_t>(state)).words; }

State Key::state() const {
  if (deletion) return State::kPendingDeletion;
  if (window) return State::kPendingReplicaDeletion;
  if (joining) return State::kCreating;
  if (!moving_to.empty()) return State::kUpdating;
  return enabled ? State::kEnabled : State::kDisabled;
}

Value Save(const Key& key) {
  Value saved = Value::Struct({{"Id", key.id},
                               {"Material", shapes::Blob{key.material}},
                               {"Description", key.description},
                               {"Policy", key.policy},
                               {"Tags", Value(key.tags)},
                               {"Created", key.created},
                               {"ManagedBy", key.managed_by},
                               {"Enabled", key.enabled},
                               {"Joining", key.joining},
                               {"MovingTo", key.moving_to}});
  if (key.window) saved.Set("Window", *key.window);
  if (key.deletion) saved.Set("Deletion", *key.deletion);
  if (key.family) saved.Set("Family", ToValue(*key.family));
  return saved;
}

Key LoadKey(const Value& saved) {
  Key key;
  key.id = saved.String("Id");
  if (saved.Has("Material")) key.material = saved.Sub("Material").blob().bytes;
  key.description = saved.String("Description");
  key.policy = saved.String("Policy");
  key.tags = saved.Items("Tags");
  key.created = SavedTime(saved, "Created");
  key.managed_by = saved.String("ManagedBy");
  key.enabled = saved.Flag("Enabled", true);
  key.joining = saved.Flag("Joining", false);
  key.moving_to = saved.String("MovingTo");
  if (saved.Has("Window")) key.window = saved.Int("Window");
  key.deletion = MaybeTime(saved, "Deletion");
  if (saved.Has("Family")) key.family = FamilyOf(saved.Sub("Family"));
  return key;
}

Value Save(const Alias& alias) {
  return Value::Struct({{"Name", alias.name},
                        {"KeyId", alias.key_id},
                        {"Created", alias.created},
                        {"Updated", alias.updated}});
}

Alias LoadAlias(const Value& saved) {
  return {std::string(saved.String("Name")), std::string(saved.String("KeyId")),
          SavedTime(saved, "Created"), SavedTime(saved, "Updated")};
}

std::string ArnOfKey(const Host& host, std::string_view id) {
  return Arn(host, "kms", fmt::format("key/{}", id));
}

std::string MaterialId(const Key& key) {
  return base::HexEncode(base::AsView(base::HmacSha256(key.material, "key material id")));
}

Value Metadata(const Host& host, const Key& key) {
  const State state = key.state();
  const Value algorithms(Value::List{Value("SYMMETRIC_DEFAULT")});
  Value shown = Value::Struct(
      {{"AWSAccountId", host.account()},
       {"KeyId", key.id},
       {"Arn", ArnOfKey(host, key.id)},
       {"CreationDate", key.created},
       {"Enabled", state == State::kEnabled || (state == State::kUpdating && key.enabled)},
       {"Description", key.description},
       {"KeyUsage", "ENCRYPT_DECRYPT"},
       {"KeyState", NameOf(state)},
       {"Origin", "AWS_KMS"},
       {"KeyManager", key.managed_by.empty() ? "CUSTOMER" : "AWS"},
       {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
       {"KeySpec", "SYMMETRIC_DEFAULT"},
       {"EncryptionAlgorithms", algorithms},
       {"MultiRegion", key.family.has_value()},
       {"CurrentKeyMaterialId", MaterialId(key)}});
  if (key.deletion) shown.Set("DeletionDate", *key.deletion);
  if (state == State::kPendingReplicaDeletion) {
    shown.Set("PendingDeletionWindowInDays", *key.window);
  }
  if (key.family) shown.Set("MultiRegionConfiguration", ShowFamily(host, key));
  return shown;
}

}  // namespace leeward::lab::kms

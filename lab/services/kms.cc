#include "lab/services/kms.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/kms_cipher.h"
#include "lab/services/region_links.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

constexpr std::size_t kMaterialBytes = 32;
constexpr auto kManaged =
    std::to_array<std::string_view>({"backup", "dynamodb", "ebs", "elasticache",
                                     "elasticfilesystem", "rds", "s3", "secretsmanager"});

}  // namespace

std::span<const OperationRow<Kms>> Kms::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Kms>>({
      {"CancelKeyDeletion", &Kms::CancelKeyDeletion},
      {"CreateAlias", &Kms::CreateAlias},
      {"CreateKey", &Kms::CreateKey},
      {"Decrypt", &Kms::Decrypt},
      {"DeleteAlias", &Kms::DeleteAlias},
      {"DescribeKey", &Kms::DescribeKey},
      {"DisableKey", &Kms::DisableKey},
      {"EnableKey", &Kms::EnableKey},
      {"Encrypt", &Kms::Encrypt},
      {"GenerateDataKey", &Kms::GenerateDataKey},
      {"GenerateDataKeyWithoutPlaintext", &Kms::GenerateDataKeyWithoutPlaintext},
      {"GetKeyPolicy", &Kms::GetKeyPolicy},
      {"ListAliases", &Kms::ListAliases},
      {"ListKeyPolicies", &Kms::ListKeyPolicies},
      {"ListKeys", &Kms::ListKeys},
      {"ListResourceTags", &Kms::ListResourceTags},
      {"PutKeyPolicy", &Kms::PutKeyPolicy},
      {"ReEncrypt", &Kms::ReEncrypt},
      {"ReplicateKey", &Kms::ReplicateKey},
      {"ScheduleKeyDeletion", &Kms::ScheduleKeyDeletion},
      {"TagResource", &Kms::TagResource},
      {"UntagResource", &Kms::UntagResource},
      {"UpdateAlias", &Kms::UpdateAlias},
      {"UpdatePrimaryRegion", &Kms::UpdatePrimaryRegion},
  });
  return kTable;
}

std::span<const OperationRow<Kms>> Kms::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<Kms>>({
      {"BecomePrimary", &Kms::BecomePrimary},
      {"KnowFamily", &Kms::KnowFamily},
      {"TakeKey", &Kms::TakeKey},
  });
  return kTable;
}

void Kms::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void Kms::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  Service::HandleInternal(operation, input, std::move(reply));
}

base::Status Kms::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "kms"));
  for (const Value& saved : state.Items("Keys")) {
    Key key = LoadKey(saved);
    std::string id = key.id;
    keys_.emplace(std::move(id), std::move(key));
  }
  for (const Value& saved : state.Items("Aliases")) {
    Alias alias = LoadAlias(saved);
    std::string name = alias.name;
    aliases_.emplace(std::move(name), std::move(alias));
  }
  for (const Value& saved : state.Items("Left")) {
    left_.emplace_back(saved.String("Id"), saved.String("Region"));
  }
  MakeManagedKeys();
  TellKeepers();
  TellForever().Detach();
  return base::Ok();
}

void Kms::MakeManagedKeys() {
  bool made = false;
  for (const std::string_view service : kManaged) {
    const std::string alias = fmt::format("alias/aws/{}", service);
    if (aliases_.contains(alias)) continue;
    Key key;
    key.id = ManagedKeyId(host_.region(), host_.account(), alias);
    key.material = RandomBytes(host_.random(), kMaterialBytes);
    key.description =
        fmt::format("Default key that protects my {} data when no other key is defined", service);
    key.policy = DefaultPolicy(host_.account());
    key.created = host_.clock().Now();
    key.managed_by = service;
    aliases_[alias] = {alias, key.id, key.created, key.created};
    keys_[key.id] = std::move(key);
    made = true;
  }
  if (made) Save();
}

std::string Kms::ArnOfAlias(std::string_view alias) const { return Arn(host_, "kms", alias); }

Kms::Found Kms::Find(std::string_view name) {
  const std::string prefix = Arn(host_, "kms", "");
  std::string_view rest = name;
  if (rest.starts_with("arn:")) {
    if (!rest.starts_with(prefix)) {
      return ApiError{"NotFoundException", fmt::format("Invalid arn {}", name), 400, {}};
    }
    rest.remove_prefix(prefix.size());
    if (!rest.starts_with("alias/") && !rest.starts_with("key/")) {
      return ApiError{"InvalidArnException", fmt::format("Invalid arn {}", name), 400, {}};
    }
  }
  if (rest.starts_with("key/") && rest.size() < name.size()) rest.remove_prefix(4);
  if (rest.starts_with("alias/")) {
    const auto alias = aliases_.find(rest);
    if (alias == aliases_.end()) return AliasNotFound(ArnOfAlias(rest));
    rest = alias->second.key_id;
  }
  const auto found = keys_.find(rest);
  if (found == keys_.end()) return KeyNotFound(ArnOfKey(host_, rest));
  return &found->second;
}

Kms::Found Kms::FindOwn(std::string_view name) {
  Found found = Find(name);
  Key* const* key = std::get_if<Key*>(&found);
  if (key == nullptr || (*key)->managed_by.empty()) return found;
  return ApiError{"AccessDeniedException",
                  fmt::format("{} is a key that AWS manages for {}: it cannot be changed.",
                              ArnOfKey(host_, (*key)->id), (*key)->managed_by),
                  400,
                  {}};
}

std::optional<KeySeen> Kms::See(std::string_view key) const {
  const Found found = const_cast<Kms*>(this)->Find(key);
  Key* const* seen = std::get_if<Key*>(&found);
  if (seen == nullptr) return std::nullopt;
  return KeySeen{ArnOfKey(host_, (*seen)->id), !CheckUsable(host_, **seen)};
}

void Kms::Save() {
  Value::List keys;
  for (const auto& [id, key] : keys_) keys.push_back(kms::Save(key));
  Value::List aliases;
  for (const auto& [name, alias] : aliases_) aliases.push_back(kms::Save(alias));
  Value::List left;
  for (const auto& [id, region] : left_) {
    left.push_back(Value::Struct({{"Id", id}, {"Region", region}}));
  }
  SaveState(host_, "kms",
            Value::Struct({{"Keys", Value(std::move(keys))},
                           {"Aliases", Value(std::move(aliases))},
                           {"Left", Value(std::move(left))}}),
            StateReaders::kOwner);
  TellKeepers();
}

std::vector<KeyNamed> Kms::All() const {
  std::map<std::string_view, KeyNamed> all;
  for (const auto& [id, key] : keys_) {
    const std::string arn = ArnOfKey(host_, id);
    all[id] = {{arn, !CheckUsable(host_, key)}, key.managed_by, {id, arn}};
  }
  std::vector<KeyNamed> list;
  for (const auto& [name, alias] : aliases_) {
    const auto key = all.find(alias.key_id);
    if (key == all.end()) continue;
    key->second.names.push_back(name);
    key->second.names.push_back(ArnOfAlias(name));
  }
  for (auto& [id, key] : all) list.push_back(std::move(key));
  return list;
}

void Kms::TellKeepers() {
  for (const std::string_view service : {"dynamodb"}) {
    if (auto* keeper = FindSibling<KeepsKeys>(host_, service)) keeper->KeysChanged();
  }
}

}  // namespace leeward::lab::kms

namespace leeward::lab {

std::unique_ptr<Service> MakeKms(Host& host) { return std::make_unique<kms::Kms>(host); }

}  // namespace leeward::lab

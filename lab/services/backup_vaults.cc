// Vaults, the tags of everything, and the settings of the Region.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/backup.h"

namespace leeward::lab::backup {

using shapes::Value;

Vault* Backup::FindVault(std::string_view name) {
  const auto found = vaults_.find(name);
  return found == vaults_.end() ? nullptr : &found->second;
}

std::size_t Backup::CountPoints(std::string_view vault) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      points_, [&](const auto& entry) { return entry.second.vault == vault; }));
}

Value Backup::ShownVault(const Vault& vault) const {
  Value shown = vault.record;
  shown.Set("NumberOfRecoveryPoints", static_cast<std::int64_t>(CountPoints(vault.name)));
  return shown;
}

Answer Backup::CreateBackupVault(const Value& input) {
  const std::string name(input.String("BackupVaultName"));
  const std::string request(input.String("CreatorRequestId"));
  if (const Vault* vault = FindVault(name)) {
    Value members = Value::Struct({{"Arn", VaultArn(name)}});
    if (vault->record.Has("CreatorRequestId"))
      members.Set("CreatorRequestId", vault->record.String("CreatorRequestId"));
    return ApiError{"AlreadyExistsException", "Backup vault with the same name already exists", 400,
                    std::move(members)};
  }
  const std::string key(input.String("EncryptionKeyArn"));
  if (auto problem = CheckVaultKey(key)) return *problem;
  if (vaults_.size() >= limits.vaults) {
    return ApiError{
        "LimitExceededException",
        fmt::format("The account has {} backup vaults, the most that it can have.", vaults_.size()),
        400,
        {}};
  }
  const base::WallTime now = host_.clock().Now();
  Vault vault;
  vault.name = name;
  if (const Value* tags = input.Find("BackupVaultTags")) vault.tags = *tags;
  vault.record = Value::Struct({{"BackupVaultName", name},
                                {"BackupVaultArn", VaultArn(name)},
                                {"VaultType", "BACKUP_VAULT"},
                                {"VaultState", "AVAILABLE"},
                                {"EncryptionKeyArn", key.empty() ? KeyOf("") : key},
                                {"CreationDate", now},
                                {"Locked", false}});
  if (!request.empty()) vault.record.Set("CreatorRequestId", request);
  vaults_.emplace(name, std::move(vault));
  Save();
  return Value::Struct(
      {{"BackupVaultName", name}, {"BackupVaultArn", VaultArn(name)}, {"CreationDate", now}});
}

// AWS does not tell whether a vault is not there or is somebody else's.
Answer Backup::DescribeBackupVault(const Value& input) {
  const Vault* vault = FindVault(input.String("BackupVaultName"));
  if (vault == nullptr) {
    return ApiError{
        "AccessDeniedException", "Insufficient privileges to perform this action.", 403, {}};
  }
  return ShownVault(*vault);
}

Answer Backup::ListBackupVaults(const Value& input) {
  Value::List all;
  const bool others = input.String("ByVaultType", "BACKUP_VAULT") != "BACKUP_VAULT" ||
                      input.Flag("ByShared", false);
  for (const auto& [name, vault] : vaults_) {
    if (!others) all.push_back(ShownVault(vault));
  }
  return Listed(input, "BackupVaultList", std::move(all));
}

Answer Backup::DeleteBackupVault(const Value& input) {
  const std::string name(input.String("BackupVaultName"));
  if (FindVault(name) == nullptr) return VaultNotFound(name);
  if (CountPoints(name) > 0) {
    return InvalidRequest("Backup vault cannot be deleted because it contains recovery points.");
  }
  vaults_.erase(name);
  Save();
  return Value::Struct();
}

Value* Backup::TagsOf(std::string_view arn) {
  if (const auto place = ParseVaultArn(arn); place && VaultArn(place->name) == arn) {
    Vault* vault = FindVault(place->name);
    return vault == nullptr ? nullptr : &vault->tags;
  }
  for (auto& [id, plan] : plans_) {
    if (!IsDeleted(plan) && plan.record.String("BackupPlanArn") == arn) return &plan.tags;
  }
  const auto point = points_.find(arn);
  return point == points_.end() ? nullptr : &point->second.tags;
}

Answer Backup::TagResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) return NotFound(fmt::format("{} not found", input.String("ResourceArn")));
  for (const auto& [key, value] : input.Sub("Tags").members()) tags->Set(key, value);
  Save();
  return Value::Struct();
}

Answer Backup::UntagResource(const Value& input) {
  Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) return NotFound(fmt::format("{} not found", input.String("ResourceArn")));
  for (const Value& key : input.Items("TagKeyList")) tags->Erase(key.str());
  Save();
  return Value::Struct();
}

Answer Backup::ListTags(const Value& input) {
  const Value* tags = TagsOf(input.String("ResourceArn"));
  if (tags == nullptr) return NotFound(fmt::format("{} not found", input.String("ResourceArn")));
  return Value::Struct({{"Tags", *tags}});
}

Answer Backup::GetSupportedResourceTypes(const Value& /*input*/) {
  Value::List types;
  for (const auto& resource : resources_) types.emplace_back(resource->type());
  return Value::Struct({{"ResourceTypes", Value(std::move(types))}});
}

// A type is opted in until somebody says no, and fully managed where that is a choice.
Answer Backup::DescribeRegionSettings(const Value& /*input*/) {
  Value opted = Value::Struct();
  Value managed = Value::Struct();
  for (const auto& resource : resources_) {
    opted.Set(resource->type(), opt_in_.Flag(resource->type(), true));
    const bool vault = resource->keeper(management_) == Keeper::kVault;
    managed.Set(resource->type(), management_.Flag(resource->type(), vault));
  }
  return Value::Struct(
      {{"ResourceTypeOptInPreference", opted}, {"ResourceTypeManagementPreference", managed}});
}

Answer Backup::UpdateRegionSettings(const Value& input) {
  for (const char* name : {"ResourceTypeOptInPreference", "ResourceTypeManagementPreference"}) {
    if (!input.Has(name)) continue;
    for (const auto& [type, wanted] : input.Sub(name).members()) {
      if (ResourceOfType(type) == nullptr) {
        return InvalidValue(fmt::format("{} is no resource type of this lab", type));
      }
    }
  }
  for (const auto& [type, wanted] : input.Sub("ResourceTypeManagementPreference").is_members()
                                        ? input.Sub("ResourceTypeManagementPreference").members()
                                        : Value::Members()) {
    Value asked = Value::Struct({{type, wanted}});
    const BackupResource* resource = ResourceOfType(type);
    const bool vault = resource->keeper(asked) == Keeper::kVault;
    if (vault != wanted.boolean()) {
      return InvalidValue(fmt::format("The management of {} cannot be chosen", type));
    }
  }
  for (const auto& [name, into] : {std::pair{"ResourceTypeOptInPreference", &opt_in_},
                                   std::pair{"ResourceTypeManagementPreference", &management_}}) {
    if (!input.Has(name)) continue;
    for (const auto& [type, wanted] : input.Sub(name).members()) into->Set(type, wanted);
  }
  Save();
  return Value::Struct();
}

}  // namespace leeward::lab::backup

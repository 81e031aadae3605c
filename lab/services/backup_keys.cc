// Keys of vaults: what a vault keeps itself is encrypted under the vault's, what a service keeps
// under its resource's, and a copy that a service keeps under the key of the vault that gets it.
// The bytes lie as they are; a key that cannot be used keeps its points from being made and
// restored.
#include <fmt/format.h>

#include "lab/services/backup.h"
#include "lab/services/keys.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::string_view kVaultAlias = "alias/aws/backup";

}  // namespace

// A vault names its key by ARN; none is the key that AWS manages for vaults.
Problem Backup::CheckVaultKey(std::string_view key) const {
  if (key.empty()) return std::nullopt;
  const ArnParts arn = ParseArn(key);
  if (arn.service != "kms" || !arn.resource.starts_with("key/"))
    return InvalidValue(fmt::format("Invalid encryption key ARN: {}", key));
  const auto seen = SeeKey(host_, key, kVaultAlias);
  if (!seen)
    return InvalidValue(fmt::format("The KMS key {} does not exist in {}", key, host_.region()));
  if (!seen->usable) return InvalidValue(fmt::format("The KMS key {} cannot be used", key));
  return std::nullopt;
}

std::string Backup::KeyOf(std::string_view vault) const {
  const auto found = vaults_.find(vault);
  const std::string own(found == vaults_.end() ? ""
                                               : found->second.record.String("EncryptionKeyArn"));
  return own.empty() ? SeeKey(host_, "", kVaultAlias)->arn : own;
}

std::string Backup::OwnKeyOf(std::string_view vault) const {
  std::string key = KeyOf(vault);
  return key == SeeKey(host_, "", kVaultAlias)->arn ? std::string() : key;
}

base::Status Backup::NeedKey(std::string_view key) const {
  const auto seen = SeeKey(host_, key, kVaultAlias);
  if (seen && seen->usable) return base::Ok();
  return base::Refused(
      fmt::format("The KMS key {} {}", key, seen ? "cannot be used" : "is not there any more"));
}

void Backup::SetKey(Value& record, std::string_view key) {
  record.Set("IsEncrypted", !key.empty());
  record.Erase("EncryptionKeyArn");
  if (!key.empty()) record.Set("EncryptionKeyArn", key);
}

}  // namespace leeward::lab::backup

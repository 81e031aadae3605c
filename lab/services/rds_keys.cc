// Encryption at rest, as RDS tells of it: which key an instance, a snapshot or a backup is under,
// and what is refused because of that. The bytes lie as they are.
#include <fmt/format.h>

#include "lab/services/keys.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::string_view kManagedKey = "alias/aws/rds";

ApiError NotAccessible(std::string_view key) {
  return {
      "KMSKeyNotAccessibleFault",
      fmt::format("The specified KMS key [{}] does not exist, is not enabled or you do not have "
                  "permissions to access it.",
                  key),
      400,
      {}};
}

}  // namespace

Problem Rds::CheckKey(std::string_view key) const {
  const auto seen = SeeKey(host_, key, kManagedKey);
  if (seen && seen->usable) return {};
  return NotAccessible(key);
}

Problem Rds::CheckEncryption(const Value& input) const {
  if (input.Flag("StorageEncrypted", false)) return CheckKey(input.String("KmsKeyId"));
  if (!input.Has("KmsKeyId")) return {};
  return BadCombination("KmsKeyId can be specified only if StorageEncrypted is true.");
}

Problem Rds::CheckOwnKey(const Value& settings) const {
  if (!settings.Flag("StorageEncrypted", false)) return {};
  return CheckKey(settings.String("KmsKeyId"));
}

void Rds::Encrypt(Value& settings, std::string_view key) const {
  const auto seen = SeeKey(host_, key, kManagedKey);
  settings.Set("StorageEncrypted", true);
  settings.Set("KmsKeyId", seen ? seen->arn : std::string(key));
}

void Rds::InheritKey(Value& settings, const Value& origin) {
  settings.Set("StorageEncrypted", origin.Flag("StorageEncrypted", false));
  if (const Value* key = origin.Find("KmsKeyId")) settings.Set("KmsKeyId", *key);
}

// Of a copy that is made in this Region of what is encrypted in another. Keys are of one Region, so
// that it cannot keep the source's.
Problem Rds::CheckEncryptedCopy(const Value& input, const Value& source) const {
  if (!source.Flag("StorageEncrypted", false)) return {};
  if (!input.Has("KmsKeyId")) {
    return BadCombination(
        "KmsKeyId must be specified: the source is encrypted in another Region, and a KMS key is "
        "of one Region.");
  }
  return {};
}

}  // namespace leeward::lab::rds

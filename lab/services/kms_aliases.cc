// Aliases: names of keys, each Region's own.
#include <fmt/format.h>

#include "lab/services/kms.h"
#include "lab/services/kms_page.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

// An alias points to a key that is named by itself.
bool NamesAlias(std::string_view key) {
  return key.starts_with("alias/") || key.find(":alias/") != std::string_view::npos;
}

ApiError NotAnAliasTarget() { return ValidationProblem("Aliases must refer to keys. Not aliases"); }

}  // namespace

Answer Kms::CreateAlias(const Value& input) {
  const std::string name(input.String("AliasName"));
  if (auto problem = CheckAliasName(name)) return *problem;
  if (NamesAlias(input.String("TargetKeyId"))) return NotAnAliasTarget();
  const Found found = FindOwn(input.String("TargetKeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  const Key& key = *std::get<Key*>(found);
  if (key.window) return WrongState(ArnOfKey(host_, key.id), key.state());
  if (aliases_.contains(name)) {
    return ApiError{"AlreadyExistsException",
                    fmt::format("An alias with the name {} already exists", ArnOfAlias(name)),
                    400,
                    {}};
  }
  if (aliases_.size() >= limits.aliases) {
    return ApiError{"LimitExceededException", "The account has too many aliases.", 400, {}};
  }
  const base::WallTime now = host_.clock().Now();
  aliases_[name] = {name, key.id, now, now};
  Save();
  return Value::Struct();
}

Answer Kms::UpdateAlias(const Value& input) {
  const std::string_view name = input.String("AliasName");
  if (auto problem = CheckAliasName(name)) return *problem;
  if (NamesAlias(input.String("TargetKeyId"))) return NotAnAliasTarget();
  const auto alias = aliases_.find(name);
  if (alias == aliases_.end()) return AliasNotFound(ArnOfAlias(name));
  const Found found = FindOwn(input.String("TargetKeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  const Key& key = *std::get<Key*>(found);
  if (key.window) return WrongState(ArnOfKey(host_, key.id), key.state());
  alias->second.key_id = key.id;
  alias->second.updated = host_.clock().Now();
  Save();
  return Value::Struct();
}

Answer Kms::DeleteAlias(const Value& input) {
  const std::string_view name = input.String("AliasName");
  if (auto problem = CheckAliasName(name)) return *problem;
  const auto alias = aliases_.find(name);
  if (alias == aliases_.end()) return AliasNotFound(ArnOfAlias(name));
  aliases_.erase(alias);
  Save();
  return Value::Struct();
}

Answer Kms::ListAliases(const Value& input) {
  std::string wanted;
  if (input.Has("KeyId")) {
    if (NamesAlias(input.String("KeyId"))) {
      return ApiError{
          "InvalidArnException", fmt::format("Invalid keyId {}", input.String("KeyId")), 400, {}};
    }
    const Found found = Find(input.String("KeyId"));
    if (const auto* error = std::get_if<ApiError>(&found)) return *error;
    wanted = std::get<Key*>(found)->id;
  }
  Value::List shown;
  for (const auto& [name, alias] : aliases_) {
    if (!wanted.empty() && alias.key_id != wanted) continue;
    shown.push_back(Value::Struct({{"AliasName", name},
                                   {"AliasArn", ArnOfAlias(name)},
                                   {"TargetKeyId", alias.key_id},
                                   {"CreationDate", alias.created},
                                   {"LastUpdatedDate", alias.updated}}));
  }
  return KeyPage(input, "Aliases", shown);
}

}  // namespace leeward::lab::kms

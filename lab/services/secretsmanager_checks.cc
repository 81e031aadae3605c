#include "lab/services/secretsmanager_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <variant>

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::size_t kMostTags = 50;
constexpr std::size_t kMostStages = 20;
constexpr std::int64_t kShortestWindow = 7;  // days
constexpr std::int64_t kLongestWindow = 30;

enum class Case : std::uint8_t { kMatters, kIgnored };

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool StartsAs(std::string_view text, std::string_view prefix, Case letters) {
  if (letters == Case::kMatters) return text.starts_with(prefix);
  return LowerCase(text).starts_with(LowerCase(prefix));
}

std::string_view PrimaryOf(const Secret& secret, std::string_view region) {
  if (secret.origin) return secret.origin->region;
  return secret.replicas.empty() ? std::string_view() : region;
}

bool AnyTag(const Secret& secret, const char* part, std::string_view prefix, Case letters) {
  return std::any_of(secret.tags.begin(), secret.tags.end(),
                     [&](const Value& tag) { return StartsAs(tag.String(part), prefix, letters); });
}

// Each word of the value is looked for at the beginning of every attribute.
bool Anywhere(const Secret& secret, std::string_view value) {
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = std::min(value.find_first_of(" /_+=.@-", at), value.size());
    const std::string_view word = value.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (LowerCase(secret.name).find(LowerCase(word)) != std::string::npos ||
        LowerCase(secret.description).find(LowerCase(word)) != std::string::npos ||
        AnyTag(secret, "Key", word, Case::kIgnored) ||
        AnyTag(secret, "Value", word, Case::kIgnored)) {
      return true;
    }
  }
  return false;
}

bool Matches(const Secret& secret, std::string_view key, std::string_view value,
             std::string_view region) {
  if (key == "name") return StartsAs(secret.name, value, Case::kMatters);
  if (key == "description") return StartsAs(secret.description, value, Case::kIgnored);
  if (key == "tag-key") return AnyTag(secret, "Key", value, Case::kMatters);
  if (key == "tag-value") return AnyTag(secret, "Value", value, Case::kMatters);
  if (key == "primary-region") {
    return StartsAs(PrimaryOf(secret, region), value, Case::kMatters);
  }
  if (key == "owning-service") return false;  // no service of the lab keeps secrets
  return Anywhere(secret, value);
}

// One of the values is enough; those that begin with "!" must not match.
bool PassesOne(const Secret& secret, const Value& filter, std::string_view region) {
  bool wanted = false;
  bool found = false;
  for (const Value& each : filter.Items("Values")) {
    std::string_view value = each.str();
    const bool negated = value.starts_with('!');
    if (negated) value.remove_prefix(1);
    const bool matches = Matches(secret, filter.String("Key"), value, region);
    if (negated && matches) return false;
    wanted = wanted || !negated;
    found = found || (!negated && matches);
  }
  return found || !wanted;
}

}  // namespace

ApiError InvalidParameter(std::string message) {
  return {"InvalidParameterException", std::move(message), 400, {}};
}

ApiError InvalidRequest(std::string message) {
  return {"InvalidRequestException", std::move(message), 400, {}};
}

ApiError NotFound() {
  return {"ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400, {}};
}

ApiError NotFoundFor(std::string_view what) {
  return {"ResourceNotFoundException",
          fmt::format("Secrets Manager can't find the specified secret value for {}", what),
          400,
          {}};
}

ApiError MarkedForDeletion() {
  return InvalidRequest(
      "You can't perform this operation on the secret because it was marked for deletion.");
}

ApiError NotOnReplica() {
  return InvalidParameter(
      "Operation not permitted on a replica secret. Call must be made in primary secret's region.");
}

ApiError TokenInUse(std::string_view token, std::string_view arn) {
  return {"ResourceExistsException",
          fmt::format("You can't use ClientRequestToken {} because that value is already in use "
                      "for a version of secret {}.",
                      token, arn),
          400,
          {}};
}

Problem CheckName(std::string_view name) {
  const bool valid = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-/_+=.@!").find(c) != std::string_view::npos;
  });
  if (valid) return std::nullopt;
  return ApiError{"ValidationException",
                  "Invalid name. Must be a valid name containing alphanumeric characters, or any "
                  "of the following: -/_+=.@!",
                  400,
                  {}};
}

Problem CheckTags(const Value::List& tags) {
  if (tags.size() > kMostTags) {
    return InvalidParameter(fmt::format("A secret can have at most {} tags.", kMostTags));
  }
  std::set<std::string_view> keys;
  for (const Value& tag : tags) {
    const std::string_view key = tag.String("Key");
    if (key.empty()) return InvalidParameter("Every tag must have a Key.");
    if (LowerCase(key.substr(0, 4)) == "aws:") {
      return InvalidParameter("Tag keys that begin with 'aws:' are reserved for AWS internal use.");
    }
    if (!keys.insert(key).second) {
      return InvalidParameter(fmt::format("The tag key {} is given more than once.", key));
    }
  }
  return std::nullopt;
}

Problem CheckStages(const Value::List& stages) {
  if (stages.size() > kMostStages) {
    return ApiError{"LimitExceededException",
                    fmt::format("A version can have at most {} staging labels.", kMostStages),
                    400,
                    {}};
  }
  std::set<std::string_view> names;
  for (const Value& stage : stages) {
    if (!names.insert(stage.str()).second) {
      return InvalidParameter(
          fmt::format("The staging label {} is given more than once.", stage.str()));
    }
  }
  return std::nullopt;
}

Value ContentOf(const Value& input) {
  for (const char* name : {"SecretString", "SecretBinary"}) {
    if (const Value* given = input.Find(name)) return Value::Struct({{name, *given}});
  }
  return {};
}

Problem CheckContent(const Value& input) {
  if (input.Has("SecretString") && input.Has("SecretBinary")) {
    return InvalidParameter(
        "You can't specify both a binary secret value and a string secret value in the same "
        "secret.");
  }
  if (!ContentOf(input).is_null() && !input.Has("ClientRequestToken")) {
    return InvalidRequest(
        "You must provide a ClientRequestToken value. We recommend a UUID-type value.");
  }
  return std::nullopt;
}

std::variant<DeletionAsked, ApiError> ReadDeletion(const Value& input) {
  DeletionAsked asked;
  asked.at_once = input.Flag("ForceDeleteWithoutRecovery", false);
  if (asked.at_once && input.Has("RecoveryWindowInDays")) {
    return InvalidParameter(
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  const std::int64_t days = input.Int("RecoveryWindowInDays", kLongestWindow);
  if (days < kShortestWindow || days > kLongestWindow) {
    return InvalidParameter(
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  }
  if (!asked.at_once) asked.window = std::chrono::hours(24) * days;
  return asked;
}

bool Passes(const Secret& secret, const Value::List& filters, std::string_view region) {
  return std::all_of(filters.begin(), filters.end(),
                     [&](const Value& filter) { return PassesOne(secret, filter, region); });
}

}  // namespace leeward::lab::secretsmanager

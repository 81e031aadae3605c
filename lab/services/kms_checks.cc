#include "lab/services/kms_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace leeward::lab::kms {
namespace {

using shapes::Value;

constexpr std::size_t kMostTags = 50;
constexpr std::int64_t kShortestWindow = 7;  // days
constexpr std::int64_t kLongestWindow = 30;

ApiError Malformed(std::string why) {
  return {"MalformedPolicyDocumentException", std::move(why), 400, {}};
}

// One of something, or a list of them.
Value::List OneOrMore(const Value& value) {
  return value.is_list() ? value.list() : Value::List{value};
}

bool Names(const Value& one_or_more, std::string_view wanted) {
  const Value::List list = OneOrMore(one_or_more);
  return std::any_of(list.begin(), list.end(), [&](const Value& each) {
    return each.is_string() && (each.str() == wanted || each.str() == "*");
  });
}

// Whether the statement lets the whole account do everything.
bool LeavesInCharge(const Value& statement, std::string_view account) {
  if (!Names(statement.Sub("Action"), "kms:*")) return false;
  const Value& principal = statement.Sub("Principal");
  if (principal.is_string()) return principal.str() == "*";
  const Value& who = principal.Sub("AWS");
  return Names(who, fmt::format("arn:aws:iam::{}:root", account)) || Names(who, account);
}

}  // namespace

ApiError KeyNotFound(std::string_view arn) {
  return {"NotFoundException", fmt::format("Key '{}' does not exist", arn), 400, {}};
}

ApiError AliasNotFound(std::string_view arn) {
  return {"NotFoundException", fmt::format("Alias {} is not found.", arn), 400, {}};
}

ApiError UnsupportedOperation(std::string message) {
  return {"UnsupportedOperationException", std::move(message), 400, {}};
}

ApiError ValidationProblem(std::string message) {
  return {"ValidationException", std::move(message), 400, {}};
}

ApiError WrongState(std::string_view arn, State state) {
  const bool disabled = state == State::kDisabled;
  return {disabled ? "DisabledException" : "KMSInvalidStateException",
          fmt::format("{} {}", arn, WordsFor(state)),
          400,
          {}};
}

ApiError KeyTimedOut(std::string_view region) {
  return {"DependencyTimeoutException",
          fmt::format("The system timed out while trying to fulfill the request: {} did not "
                      "answer. You can retry the request.",
                      region),
          503,
          {}};
}

Problem CheckUsable(const Host& host, const Key& key) {
  const State state = key.state();
  if (state == State::kEnabled || (state == State::kUpdating && key.enabled)) return std::nullopt;
  if (state == State::kUpdating) return WrongState(ArnOfKey(host, key.id), State::kDisabled);
  return WrongState(ArnOfKey(host, key.id), state);
}

Problem CheckCreateKey(const Value& input) {
  const std::string_view usage = input.String("KeyUsage", "ENCRYPT_DECRYPT");
  const std::string_view old_spec = input.String("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
  const std::string_view spec = input.String("KeySpec", old_spec);
  if (input.Has("KeySpec") && input.Has("CustomerMasterKeySpec")) {
    return ValidationProblem(
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same "
        "request. CustomerMasterKeySpec is deprecated.");
  }
  if (usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT") {
    return UnsupportedOperation(
        fmt::format("Keys of usage {} and spec {} are not served by this lab, which has symmetric "
                    "encryption keys alone.",
                    usage, spec));
  }
  const std::string_view origin = input.String("Origin", "AWS_KMS");
  if (origin != "AWS_KMS" || input.Has("CustomKeyStoreId") || input.Has("XksKeyId")) {
    return UnsupportedOperation(fmt::format(
        "Key material of origin {} and key stores are not served by this lab.", origin));
  }
  return std::nullopt;
}

Problem CheckKeyTags(const Value::List& tags) {
  if (tags.size() > kMostTags) {
    return ApiError{"LimitExceededException",
                    fmt::format("A key can have at most {} tags.", kMostTags),
                    400,
                    {}};
  }
  std::set<std::string_view> keys;
  for (const Value& tag : tags) {
    const std::string_view key = tag.String("TagKey");
    if (key.starts_with("aws:")) {
      return ApiError{
          "TagException", "aws: prefixed tag key names are not allowed for external use.", 400, {}};
    }
    if (!keys.insert(key).second) {
      return ApiError{"TagException", fmt::format("Duplicate tag key: {}", key), 400, {}};
    }
  }
  return std::nullopt;
}

Problem CheckAliasName(std::string_view name) {
  if (!name.starts_with("alias/") || name.size() == std::string_view("alias/").size()) {
    return ValidationProblem(
        "Alias must start with the prefix \"alias/\". Please see "
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
  }
  if (name.starts_with("alias/aws/")) {
    return ApiError{"NotAuthorizedException",
                    "The prefix alias/aws/ is reserved for keys that AWS manages.",
                    400,
                    {}};
  }
  const std::string_view rest = name.substr(std::string_view("alias/").size());
  const bool valid = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-';
  });
  if (valid) return std::nullopt;
  return ApiError{"InvalidAliasNameException",
                  fmt::format("{} contains invalid characters for an alias", name),
                  400,
                  {}};
}

std::string DefaultPolicy(std::string_view account) {
  return fmt::format(R"({{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}})",
                     account);
}

Problem CheckKeyPolicy(std::string_view policy, std::string_view account) {
  const auto read = shapes::FromJson(policy);
  if (!read.ok() || !read->is_members() || !read->Has("Statement")) {
    return Malformed("The policy is not a JSON document with statements.");
  }
  bool in_charge = false;
  for (const Value& statement : OneOrMore(read->Sub("Statement"))) {
    if (!statement.is_members()) return Malformed("A Statement of the policy is not an object.");
    for (const char* name : {"Condition", "NotPrincipal", "NotAction", "NotResource"}) {
      if (!statement.Has(name)) continue;
      return UnsupportedOperation(
          fmt::format("{} in a key policy is not served by this lab, which has no IAM.", name));
    }
    const Value& effect = statement.Sub("Effect");
    if (!effect.is_string() || effect.str() != "Allow") {
      return UnsupportedOperation(
          "A key policy that denies is not served by this lab, which has no IAM.");
    }
    in_charge = in_charge || LeavesInCharge(statement, account);
  }
  if (in_charge) return std::nullopt;
  return UnsupportedOperation(
      "A key policy that does not leave the account in charge (kms:* for its root) is not served "
      "by this lab, which has no IAM.");
}

Problem CheckCrypto(const Value& input) {
  for (const char* name : {"Recipient", "DryRunModifiers"}) {
    if (!input.Has(name)) continue;
    return UnsupportedOperation(fmt::format("{} is not served by this lab; leave it out.", name));
  }
  if (!input.Items("GrantTokens").empty()) {
    return ApiError{"InvalidGrantTokenException", "This lab has given out no grants.", 400, {}};
  }
  for (const char* name :
       {"EncryptionAlgorithm", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"}) {
    if (input.String(name, "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT") continue;
    return ApiError{"InvalidKeyUsageException",
                    fmt::format("Algorithm {} and key spec SYMMETRIC_DEFAULT are incompatible.",
                                input.String(name)),
                    400,
                    {}};
  }
  return std::nullopt;
}

Problem CheckWindow(std::int64_t days) {
  if (days >= kShortestWindow && days <= kLongestWindow) return std::nullopt;
  return ValidationProblem(
      fmt::format("1 validation error detected: Value '{}' at 'pendingWindowInDays' failed to "
                  "satisfy constraint: Member must have value {} than or equal to {}",
                  days, days < kShortestWindow ? "greater" : "less",
                  days < kShortestWindow ? kShortestWindow : kLongestWindow));
}

}  // namespace leeward::lab::kms

#include "lab/services/s3_policy.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::size_t kMaxPolicy = 20 << 10;
constexpr std::string_view kBucketArn = "arn:aws:s3:::";

constexpr auto kActions = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"CompleteMultipartUpload", "PutObject"},
    {"CopyObject", "PutObject"},
    {"CreateMultipartUpload", "PutObject"},
    {"DeleteBucketReplication", "PutReplicationConfiguration"},
    {"GetBucketReplication", "GetReplicationConfiguration"},
    {"HeadBucket", "ListBucket"},
    {"HeadObject", "GetObject"},
    {"ListMultipartUploads", "ListBucketMultipartUploads"},
    {"ListObjectVersions", "ListBucketVersions"},
    {"ListObjectsV2", "ListBucket"},
    {"ListParts", "ListMultipartUploadParts"},
    {"PutBucketReplication", "PutReplicationConfiguration"},
    {"UploadPart", "PutObject"},
});

ApiError Malformed(std::string message) { return S3Invalid("MalformedPolicy", std::move(message)); }

// One or several: policies write either as itself or as a list.
Value::List ListOf(const Value& value) {
  if (value.is_list()) return value.list();
  return value.is_null() ? Value::List() : Value::List{value};
}

// '*' is any text, '?' any character.
bool Fits(std::string_view pattern, std::string_view text) {
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  std::size_t p = 0;
  std::size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool FitsAny(const Value& patterns, std::string_view text) {
  for (const Value& each : ListOf(patterns)) {
    if (Fits(each.str(), text)) return true;
  }
  return false;
}

bool IsFor(const Value& principal, std::string_view caller) {
  const Value& named = principal.is_members() ? principal.Sub("AWS") : principal;
  for (const Value& each : ListOf(named)) {
    if (each.str() == "*" || (!caller.empty() && each.str() == caller)) return true;
  }
  return false;
}

bool AreTexts(const Value& value) {
  const Value::List list = ListOf(value);
  for (const Value& each : list) {
    if (!each.is_string()) return false;
  }
  return !list.empty();
}

Problem CheckPrincipal(const Value& principal) {
  if (principal.is_string() && principal.str() == "*") return std::nullopt;
  if (!principal.is_members() || principal.members().size() != 1)
    return Malformed("Invalid principal in policy");
  if (!principal.Has("AWS")) return NotServedHere("principals that are not of AWS");
  if (!AreTexts(principal.Sub("AWS"))) return Malformed("Invalid principal in policy");
  for (const Value& each : ListOf(principal.Sub("AWS"))) {
    const bool known = each.str() == "*" || (each.str().starts_with("arn:aws:iam::") &&
                                             each.str().find(":user/") != std::string::npos);
    if (!known) return NotServedHere("principals but * and users");
  }
  return std::nullopt;
}

Problem CheckStatement(const Value& statement, std::string_view bucket) {
  for (const char* member : {"Condition", "NotAction", "NotPrincipal", "NotResource"}) {
    if (statement.Has(member)) return NotServedHere(fmt::format("{} in a policy", member));
  }
  const std::string_view effect = statement.String("Effect");
  if (effect != "Allow" && effect != "Deny")
    return Malformed(fmt::format("Invalid effect: {}", effect));
  if (!statement.Has("Principal")) return Malformed("Missing required field Principal");
  if (auto problem = CheckPrincipal(statement.Sub("Principal"))) return problem;
  if (!AreTexts(statement.Sub("Action"))) return Malformed("Missing required field Action");
  for (const Value& each : ListOf(statement.Sub("Action"))) {
    if (each.str() != "*" && !each.str().starts_with("s3:"))
      return Malformed("Policy has invalid action");
  }
  if (!AreTexts(statement.Sub("Resource"))) return Malformed("Missing required field Resource");
  const std::string arn = fmt::format("{}{}", kBucketArn, bucket);
  for (const Value& each : ListOf(statement.Sub("Resource"))) {
    if (each.str() != arn && !each.str().starts_with(arn + "/"))
      return Malformed("Policy has invalid resource");
  }
  return std::nullopt;
}

}  // namespace

Problem CheckPolicy(std::string_view text, std::string_view bucket) {
  if (text.size() > kMaxPolicy) return Malformed("Policies must be at most 20480 bytes long");
  const auto policy = shapes::FromJson(text);
  if (!policy.ok() || !policy->is_members()) {
    return Malformed("Policies must be valid JSON and the first byte must be '{'");
  }
  const std::string_view version = policy->String("Version", "2008-10-17");
  if (version != "2012-10-17" && version != "2008-10-17")
    return Malformed("The policy must contain a valid version string");
  const Value::List statements = ListOf(policy->Sub("Statement"));
  if (statements.empty()) return Malformed("Missing required field Statement");
  for (const Value& each : statements) {
    if (!each.is_members()) return Malformed("Statement is not an object");
    if (auto problem = CheckStatement(each, bucket)) return problem;
  }
  return std::nullopt;
}

std::string ActionOf(std::string_view operation, const Value& input) {
  std::string_view action = operation;
  for (const auto& [name, other] : kActions) {
    if (name == operation) action = other;
  }
  const bool of_version =
      input.Has("VersionId") && (action == "GetObject" || action == "DeleteObject");
  return fmt::format("s3:{}{}", action, of_version ? "Version" : "");
}

Problem CheckAllowed(const Bucket& bucket, const Attempt& attempt) {
  if (bucket.policy.empty()) return std::nullopt;
  const auto policy = shapes::FromJson(bucket.policy);
  if (!policy.ok()) return std::nullopt;
  std::string resource = fmt::format("{}{}", kBucketArn, bucket.name);
  if (!attempt.key.empty()) resource += "/" + attempt.key;
  for (const Value& each : ListOf(policy->Sub("Statement"))) {
    const bool denies =
        each.String("Effect") == "Deny" && IsFor(each.Sub("Principal"), attempt.caller) &&
        FitsAny(each.Sub("Action"), attempt.action) && FitsAny(each.Sub("Resource"), resource);
    if (!denies) continue;
    return ApiError{"AccessDenied",
                    fmt::format("User: {} is not authorized to perform: {} on resource: \"{}\" "
                                "with an explicit deny in a resource-based policy",
                                attempt.caller, attempt.action, resource),
                    403,
                    {}};
  }
  return std::nullopt;
}

}  // namespace leeward::lab::s3

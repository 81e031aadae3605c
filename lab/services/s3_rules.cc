#include "lab/services/s3_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "lab/services/s3_checks.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::size_t kMaxRules = 1000;
constexpr std::size_t kMaxRuleId = 255;
constexpr std::int64_t kMinutes = 15;  // the one threshold that S3 has
constexpr std::string_view kArn = "arn:aws:s3:::";

ApiError Bad(std::string message) { return S3Invalid("InvalidRequest", std::move(message)); }

bool IsOn(const Value& value) { return value.String("Status") == "Enabled"; }

// What the rule asks for that the lab has not.
Problem CheckServed(const Value& rule) {
  const Value& criteria = rule.Sub("SourceSelectionCriteria");
  const Value& to = rule.Sub("Destination");
  if (IsOn(criteria.Sub("SseKmsEncryptedObjects"))) return NotServedHere("encrypted objects");
  if (IsOn(rule.Sub("ExistingObjectReplication")))
    return NotServedHere("ExistingObjectReplication");
  for (const char* member : {"AccessControlTranslation", "EncryptionConfiguration"}) {
    if (to.Has(member)) return NotServedHere(fmt::format("{} of a replica", member));
  }
  const std::string_view storage = to.String("StorageClass", "STANDARD");
  if (storage != "STANDARD") return NotServedHere(fmt::format("the storage class {}", storage));
  const Value& filter = rule.Sub("Filter");
  if (filter.Has("Tag") || !filter.Sub("And").Items("Tags").empty())
    return NotServedHere("rules for tags");
  if (!rule.Has("Filter")) return NotServedHere("rules without a Filter, of the first version");
  return std::nullopt;
}

Problem CheckForm(const Value& rule) {
  if (!rule.Has("Priority")) {
    return Bad(
        "Priority must be specified for this version of Cross Region Replication "
        "configuration schema. Please refer to S3 Developer Guide for more information.");
  }
  if (!rule.Has("DeleteMarkerReplication")) {
    return Bad(
        "DeleteMarkerReplication must be specified for this version of Cross Region "
        "Replication configuration schema. Please refer to S3 Developer Guide for more "
        "information.");
  }
  if (rule.String("ID").size() > kMaxRuleId)
    return S3Invalid("InvalidArgument", "Rule Id should not exceed allowed limit.");
  return std::nullopt;
}

Problem CheckTimes(const Value& to) {
  const Value& time = to.Sub("ReplicationTime");
  const Value& metrics = to.Sub("Metrics");
  if (IsOn(time) && !IsOn(metrics))
    return Bad("ReplicationTime requires Metrics with the status Enabled.");
  for (const Value* minutes : {&time.Sub("Time"), &metrics.Sub("EventThreshold")}) {
    if (minutes->Int("Minutes", kMinutes) != kMinutes)
      return S3Invalid("InvalidArgument", "The only valid number of minutes is 15.");
  }
  return std::nullopt;
}

Problem CheckDestination(const Value& to, const Bucket& source, std::string_view account) {
  const std::string_view arn = to.String("Bucket");
  if (!arn.starts_with(kArn) || CheckBucketName(arn.substr(kArn.size())))
    return S3Invalid("InvalidArgument", "Invalid bucket ARN.");
  if (arn.substr(kArn.size()) == source.name)
    return Bad("Destination bucket cannot be the same as the source bucket.");
  if (to.String("Account", account) != account)
    return NotServedHere("replication to another account");
  return CheckTimes(to);
}

Rule RuleOf(const Value& rule) {
  const Value& filter = rule.Sub("Filter");
  const Value& to = rule.Sub("Destination");
  Rule read;
  read.id = rule.String("ID");
  read.priority = rule.Int("Priority");
  read.prefix = filter.Has("And") ? filter.Sub("And").String("Prefix") : filter.String("Prefix");
  read.enabled = IsOn(rule);
  read.delete_markers = IsOn(rule.Sub("DeleteMarkerReplication"));
  read.metrics = IsOn(to.Sub("Metrics"));
  read.bucket = to.String("Bucket").substr(kArn.size());
  return read;
}

bool IsRole(std::string_view role) {
  return role.starts_with("arn:aws:iam::") && role.find(":role/") != std::string_view::npos;
}

}  // namespace

std::variant<std::vector<Rule>, ApiError> ReadRules(const Value& configuration,
                                                    const Bucket& source,
                                                    std::string_view account) {
  if (!IsRole(configuration.String("Role")))
    return S3Invalid("InvalidArgument", "Invalid Role specified in replication configuration");
  const Value::List& given = configuration.Items("Rules");
  if (given.empty() || given.size() > kMaxRules)
    return Bad("The number of replication rules must be between 1 and 1000.");
  std::vector<Rule> rules;
  std::set<std::string_view> ids;
  std::set<std::int64_t> priorities;
  for (const Value& rule : given) {
    if (auto problem = CheckServed(rule)) return *problem;
    if (auto problem = CheckForm(rule)) return *problem;
    if (auto problem = CheckDestination(rule.Sub("Destination"), source, account)) return *problem;
    if (!ids.insert(rule.String("ID")).second) {
      return S3Invalid("InvalidArgument",
                       "Rule Id must be unique. Found same Id for more than one rule");
    }
    if (!priorities.insert(rule.Int("Priority")).second)
      return Bad(fmt::format("Found duplicate priority {}. Priorities must be unique.",
                             rule.Int("Priority")));
    rules.push_back(RuleOf(rule));
  }
  return rules;
}

std::vector<Copy> CopiesOf(const std::vector<Rule>& rules, std::string_view key,
                           const Version& version) {
  std::map<std::string_view, const Rule*> winners;  // by bucket
  for (const Rule& rule : rules) {
    if (!rule.enabled || !key.starts_with(rule.prefix)) continue;
    const Rule*& winner = winners[rule.bucket];
    if (winner == nullptr || winner->priority < rule.priority) winner = &rule;
  }
  std::vector<Copy> copies;
  for (const auto& [bucket, rule] : winners) {
    if (version.is_marker && !rule->delete_markers) continue;
    copies.push_back({rule->id, rule->bucket, rule->region, CopyState::kPending});
  }
  return copies;
}

}  // namespace leeward::lab::s3

// The rules by which a bucket is copied. A bucket has one configuration for all its rules, which is
// put whole: what others have in it is read, kept, and refused by name where it is in the way.
#include <algorithm>

#include "steps/s3.h"

namespace leeward::steps {
namespace {

constexpr int kControlMinutes = 15;  // S3 knows no other

std::string RuleName(const Value& rule) {
  const std::string id(rule.String("ID"));
  return id.empty() ? "without an id" : "'" + id + "'";
}

std::string PrefixOf(const Value& rule) {
  const Value& filter = rule.Sub("Filter");
  if (const Value& both = filter.Sub("And"); both.Has("Prefix"))
    return std::string(both.String("Prefix"));
  return std::string(filter.String("Prefix"));
}

bool PrefixesOverlap(const std::string& one, const std::string& other) {
  return one.starts_with(other) || other.starts_with(one);
}

base::Error InTheWay(const Value& rule, const std::string& bucket, const std::string& why,
                     const std::string& fix) {
  return base::WrongState("replication rule " + RuleName(rule) + " of bucket " + bucket + " " +
                          why + "; " + fix);
}

Status CheckBeside(const Value& rule, const WantedRule& wanted, const std::string& bucket) {
  if (!rule.Has("Filter")) {
    return InTheWay(rule, bucket, "has a prefix and no filter, and S3 takes rules of one form only",
                    "give it a filter and a priority (PutBucketReplication), then run again");
  }
  if (rule.String("Status") != "Enabled") return base::Ok();
  const bool same = rule.Sub("Destination").String("Bucket") == wanted.destination;
  if (!same || !PrefixesOverlap(PrefixOf(rule), wanted.prefix)) return base::Ok();
  return InTheWay(
      rule, bucket,
      "copies keys beginning with '" + PrefixOf(rule) + "' to " + wanted.destination + " as well",
      "disable or delete it, or give the component another prefix");
}

Value StatusOf(const char* status) { return Value::Struct({{"Status", status}}); }

Value Minutes() { return Value::Struct({{"Minutes", kControlMinutes}}); }

// Sets a member of a structure, and leaves the others.
void SetIn(Value& rule, const char* structure, const char* member, Value value) {
  Value whole = rule.Has(structure) ? rule.Sub(structure) : Value::Struct();
  whole.Set(member, std::move(value));
  rule.Set(structure, std::move(whole));
}

// The rule as it is to be; what people have added to it, such as a storage class, stays.
Value Filled(Value rule, const WantedRule& wanted) {
  rule.Set("ID", wanted.id);
  rule.Set("Filter", Value::Struct({{"Prefix", wanted.prefix}}));
  rule.Set("Status", "Enabled");
  SetIn(rule, "SourceSelectionCriteria", "ReplicaModifications", StatusOf("Enabled"));
  SetIn(rule, "Destination", "Bucket", wanted.destination);
  if (wanted.time_control == model::TimeControl::kOn) {
    SetIn(rule, "Destination", "ReplicationTime",
          Value::Struct({{"Status", "Enabled"}, {"Time", Minutes()}}));
    SetIn(rule, "Destination", "Metrics",
          Value::Struct({{"Status", "Enabled"}, {"EventThreshold", Minutes()}}));
  } else {
    Value destination = rule.Sub("Destination");
    destination.Erase("ReplicationTime");
    destination.Set("Metrics", StatusOf("Enabled"));
    rule.Set("Destination", std::move(destination));
  }
  rule.Set("DeleteMarkerReplication", StatusOf("Enabled"));
  return rule;
}

// Whether S3 does by the rule what it would by the wanted one.
bool DoesTheSame(const Value& rule, const WantedRule& wanted) {
  const Value& destination = rule.Sub("Destination");
  const auto on = [](const Value& part) { return part.String("Status") == "Enabled"; };
  const bool controlled = wanted.time_control == model::TimeControl::kOn;
  return on(rule) && rule.Has("Filter") && !rule.Sub("Filter").Has("And") &&
         !rule.Sub("Filter").Has("Tag") && PrefixOf(rule) == wanted.prefix &&
         on(rule.Sub("SourceSelectionCriteria").Sub("ReplicaModifications")) &&
         on(destination.Sub("Metrics")) && on(destination.Sub("ReplicationTime")) == controlled &&
         on(rule.Sub("DeleteMarkerReplication"));
}

}  // namespace

WantedRule RuleFrom(const Work& work, const model::S3& s3, const Region& from) {
  const std::string& to = s3.bucket(work.application().regions, work.Other(from));
  // "aws" of the role's own partition.
  const std::string partition = s3.role.substr(4, s3.role.find(':', 4) - 4);
  return {ReplicationRuleId(work.application().name, work.step().component), s3.role,
          "arn:" + partition + ":s3:::" + to, s3.prefix, s3.time_control};
}

Result<std::optional<Value>> WithRule(const Value& configuration, const WantedRule& wanted,
                                      const std::string& bucket) {
  Value::List rules;
  Value own = Value::Struct();
  std::int64_t priority = 0;
  for (const Value& rule : configuration.Items("Rules")) {
    if (rule.String("ID") == wanted.id) {
      own = rule;
      continue;
    }
    RETURN_IF_ERROR(CheckBeside(rule, wanted, bucket));
    priority = std::max(priority, rule.Int("Priority"));
    rules.push_back(rule);
  }
  const std::string role(configuration.String("Role"));
  if (!rules.empty() && role != wanted.role) {
    return base::WrongState("bucket " + bucket + " is copied by others' rules with the role " +
                            role + ", and S3 has one role for all rules of a bucket; write it as " +
                            "`role` in the spec, or give that role's place to " + wanted.role);
  }
  const std::string_view there = own.Sub("Destination").String("Bucket");
  if (!there.empty() && there != wanted.destination) {
    return InTheWay(own, bucket,
                    "copies to " + std::string(there) + ", and the spec says " + wanted.destination,
                    "delete it, or correct the bucket in the spec");
  }
  if (DoesTheSame(own, wanted) && role == wanted.role) return std::optional<Value>();
  const std::int64_t own_priority = own.Int("Priority", priority + 1);
  own = Filled(std::move(own), wanted);
  own.Set("Priority", own_priority);
  rules.push_back(std::move(own));
  return std::optional<Value>(Value::Struct({{"Role", wanted.role}, {"Rules", std::move(rules)}}));
}

Result<Value> BucketReplication(const Work& work, const std::string& bucket, const Region& region) {
  const auto told =
      work.CallPatiently(region, "s3", "GetBucketReplication", Value::Struct({{"Bucket", bucket}}));
  if (!told.ok() && told.error().service_code() == "ReplicationConfigurationNotFoundError")
    return Value();
  if (!told.ok()) return told.error();
  return told->Sub("ReplicationConfiguration");
}

Result<std::string> VersioningOf(const Work& work, const std::string& bucket,
                                 const Region& region) {
  ASSIGN_OR_RETURN(const Value told, work.CallPatiently(region, "s3", "GetBucketVersioning",
                                                        Value::Struct({{"Bucket", bucket}})));
  return std::string(told.String("Status", "never enabled"));
}

}  // namespace leeward::steps

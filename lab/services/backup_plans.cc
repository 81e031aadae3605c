#include "lab/services/backup_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "lab/services/backup_records.h"
#include "lab/services/datasync_schedule.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::string_view kDefaultSchedule = "cron(0 5 ? * * *)";
constexpr std::array<std::string_view, 3> kUnservedOfRules = {
    "TargetLogicallyAirGappedBackupVaultArn", "IndexActions", "ScanActions"};
constexpr std::size_t kMostRules = 100;

Value SaveSelection(const Selection& selection) {
  return Value::Struct(
      {{"Id", selection.id}, {"Record", selection.record}, {"Selected", selection.selected}});
}

std::string_view ScheduleOf(const Value& rule) {
  return rule.String("ScheduleExpression", kDefaultSchedule);
}

bool IsNothing(const Value& value) {
  return (value.is_list() && value.list().empty()) || (value.is_bool() && !value.boolean());
}

Problem CheckCopyActions(const Value& rule) {
  for (const Value& action : rule.Items("CopyActions")) {
    if (!ParseVaultArn(action.String("DestinationBackupVaultArn"))) {
      return InvalidValue(fmt::format("Invalid destination backup vault ARN: {}",
                                      action.String("DestinationBackupVaultArn")));
    }
    if (auto problem = CheckLifecycle(action.Sub("Lifecycle"))) return problem;
  }
  return std::nullopt;
}

Problem CheckRule(const Value& rule) {
  for (const std::string_view name : kUnservedOfRules) {
    const Value* given = rule.Find(name);
    if (given != nullptr && !IsNothing(*given)) return NotServed(name);
  }
  if (rule.Flag("EnableContinuousBackup", false)) return NotServed("EnableContinuousBackup");
  const std::string_view zone = rule.String("ScheduleExpressionTimezone", "Etc/UTC");
  if (zone != "Etc/UTC" && zone != "UTC") return NotServed(fmt::format("The time zone {}", zone));
  const auto schedule = datasync::Schedule::Parse(ScheduleOf(rule));
  if (!schedule.ok() || !ScheduleOf(rule).starts_with("cron("))
    return InvalidValue(fmt::format("Invalid schedule expression {}", ScheduleOf(rule)));
  for (const auto& problem : {CheckWindows(rule, "CompletionWindowMinutes"),
                              CheckLifecycle(rule.Sub("Lifecycle")), CheckCopyActions(rule)}) {
    if (problem) return problem;
  }
  return std::nullopt;
}

bool HasTag(const ResourceSeen& resource, std::string_view key, std::string_view value) {
  const Value* tag = resource.tags.Find(key);
  return tag != nullptr && tag->str() == value;
}

// "aws:ResourceTag/team", as the key of a condition.
std::string_view TagOf(std::string_view key) {
  constexpr std::string_view kTag = "aws:ResourceTag/";
  if (key.starts_with(kTag)) key.remove_prefix(kTag.size());
  return key;
}

bool MeetsConditions(const Value& conditions, const ResourceSeen& resource) {
  for (const auto& [kind, list] : conditions.members()) {
    const bool negated = kind.find("Not") != std::string::npos;
    const bool like = kind.ends_with("Like");
    for (const Value& condition : list.list()) {
      const Value* tag = resource.tags.Find(TagOf(condition.String("ConditionKey")));
      const std::string_view wanted = condition.String("ConditionValue");
      const bool met =
          tag != nullptr && (like ? MatchesPattern(wanted, tag->str()) : tag->str() == wanted);
      if (met == negated) return false;
    }
  }
  return true;
}

bool IsNamed(const Value::List& patterns, std::string_view arn) {
  return std::ranges::any_of(
      patterns, [&](const Value& pattern) { return MatchesPattern(pattern.str(), arn); });
}

}  // namespace

bool IsDeleted(const Plan& plan) { return plan.record.Has("DeletionDate"); }

Value Save(const Plan& plan) {
  Value::List selections;
  for (const Selection& selection : plan.selections) selections.push_back(SaveSelection(selection));
  return Value::Struct({{"Id", plan.id},
                        {"Record", plan.record},
                        {"Asked", plan.asked},
                        {"Plan", plan.plan},
                        {"Tags", plan.tags},
                        {"Versions", plan.versions},
                        {"LookedAt", plan.looked_at},
                        {"Selections", Value(std::move(selections))}});
}

Plan LoadPlan(const Value& saved) {
  Plan plan;
  plan.id = saved.String("Id");
  plan.record = saved.Sub("Record");
  plan.asked = saved.Sub("Asked");
  plan.plan = saved.Sub("Plan");
  plan.tags = saved.Sub("Tags");
  plan.versions = Value(saved.Items("Versions"));
  plan.looked_at = TimeIn(saved, "LookedAt").value_or(base::WallTime{});
  for (const Value& one : saved.Items("Selections")) {
    plan.selections.push_back(
        {std::string(one.String("Id")), one.Sub("Record"), one.Sub("Selected")});
  }
  return plan;
}

// As AWS puts it: with what is wrong in some rule.
Problem CheckPlan(const Value& plan) {
  for (const char* name : {"AdvancedBackupSettings", "ScanSettings"}) {
    if (!plan.Items(name).empty()) return NotServed(name);
  }
  const Value::List& rules = plan.Items("Rules");
  if (rules.empty()) return InvalidValue("A backup plan must have at least one rule");
  if (rules.size() > kMostRules) return InvalidValue("A backup plan has too many rules");
  std::set<std::string_view> names;
  for (const Value& rule : rules) {
    if (!names.insert(rule.String("RuleName")).second)
      return InvalidValue(fmt::format("Duplicate rule name {}", rule.String("RuleName")));
    auto problem = CheckRule(rule);
    if (!problem) continue;
    problem->message = fmt::format("Error in some rules due to : {}", problem->message);
    return problem;
  }
  return std::nullopt;
}

Problem CheckSelection(const Value& selected) {
  if (auto problem = CheckRole(selected.String("IamRoleArn"))) return problem;
  const bool none = selected.Items("Resources").empty() && selected.Items("ListOfTags").empty() &&
                    !selected.Has("Conditions");
  if (none) return InvalidValue("Resources, ListOfTags or Conditions must be given");
  for (const char* name : {"Resources", "NotResources"}) {
    for (const Value& arn : selected.Items(name)) {
      if (arn.str() == "*" || arn.str().starts_with("arn:")) continue;
      return InvalidValue(fmt::format("Invalid ARN: {}", arn.str()));
    }
  }
  return std::nullopt;
}

std::optional<base::WallTime> NextRun(const Value& rule, base::WallTime after) {
  const auto schedule = datasync::Schedule::Parse(ScheduleOf(rule));
  if (!schedule.ok()) return std::nullopt;
  return schedule->Next(after, after);
}

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (at < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = at;
    } else if (p < pattern.size() && pattern[p] == text[at]) {
      ++p;
      ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Takes(const Value& selected, const ResourceSeen& resource, OptIn opted_in) {
  const Value::List& resources = selected.Items("Resources");
  if (IsNamed(selected.Items("NotResources"), resource.arn)) return false;
  const bool by_name =
      std::ranges::any_of(resources, [&](const Value& arn) { return arn.str() == resource.arn; });
  if (!by_name && opted_in == OptIn::kNo) return false;
  if (!resources.empty() && !IsNamed(resources, resource.arn)) return false;
  const Value::List& tags = selected.Items("ListOfTags");
  const bool tagged = std::ranges::any_of(tags, [&](const Value& tag) {
    return HasTag(resource, TagOf(tag.String("ConditionKey")), tag.String("ConditionValue"));
  });
  if (!tags.empty() && !tagged) return false;
  const Value* conditions = selected.Find("Conditions");
  return conditions == nullptr || MeetsConditions(*conditions, resource);
}

}  // namespace leeward::lab::backup

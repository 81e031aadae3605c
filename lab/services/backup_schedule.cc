// Backup plans as the API has them, and the jobs that their rules start when they are due.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/backup.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

ApiError PlanNotFound() { return NotFound("Failed reading Backup plan with provided planId"); }

ApiError SelectionNotFound(std::string_view id) {
  return NotFound(fmt::format("Failed reading Backup selection {}", id));
}

Value CreatorOf(const Plan& plan, const Value& rule) {
  Value creator = Picked(plan.record, {"BackupPlanId", "BackupPlanArn", "BackupPlanName"});
  creator.Set("BackupPlanVersion", plan.record.String("VersionId"));
  creator.Set("BackupRuleId", rule.String("RuleId"));
  creator.Set("BackupRuleName", rule.String("RuleName"));
  creator.Set("BackupRuleCron", rule.String("ScheduleExpression"));
  return creator.Set("BackupRuleTimezone", "Etc/UTC");
}

}  // namespace

Plan* Backup::FindPlan(std::string_view id) {
  const auto found = plans_.find(id);
  return found == plans_.end() || IsDeleted(found->second) ? nullptr : &found->second;
}

// A rule that keeps its name keeps its id.
void Backup::SetPlan(Plan& plan, const Value& asked) {
  const Value before = plan.plan;
  plan.plan = asked;
  for (auto& [name, member] : plan.plan.members()) {
    if (name != "Rules") continue;
    for (Value& rule : member.list()) {
      std::string id = NewId();
      for (const Value& old : before.Items("Rules")) {
        if (old.String("RuleName") == rule.String("RuleName")) id = old.String("RuleId");
      }
      rule.Set("RuleId", id);
      for (const auto& [window, minutes] :
           {std::pair{"StartWindowMinutes", kStartWindow},
            std::pair{"CompletionWindowMinutes", kCompleteWindow}}) {
        if (!rule.Has(window)) rule.Set(window, minutes);
      }
      if (!rule.Has("ScheduleExpression")) rule.Set("ScheduleExpression", "cron(0 5 ? * * *)");
    }
  }
  const base::WallTime now = host_.clock().Now();
  plan.looked_at = now;
  plan.record.Set("BackupPlanName", asked.String("BackupPlanName"));
  plan.record.Set("VersionId", host_.random().Hex(48));
  plan.record.Set("CreationDate", now);
  plan.versions.list().push_back(Value::Struct({{"VersionId", plan.record.String("VersionId")},
                                                {"CreationDate", now},
                                                {"Plan", plan.plan}}));
  if (plan.versions.list().size() > limits.plan_versions)
    plan.versions.list().erase(plan.versions.list().begin());
}

Answer Backup::CreateBackupPlan(const Value& input) {
  const Value& asked = input.Sub("BackupPlan");
  if (auto problem = CheckPlan(asked)) return *problem;
  const std::string request(input.String("CreatorRequestId"));
  for (const auto& [id, plan] : plans_) {
    if (IsDeleted(plan)) continue;
    if (!request.empty() && plan.record.String("CreatorRequestId") == request)
      return Picked(plan.record, {"BackupPlanId", "BackupPlanArn", "CreationDate", "VersionId"});
    if (plan.asked != asked) continue;
    return ApiError{"AlreadyExistsException",
                    "Backup plan with the same plan document already exists", 400,
                    Value::Struct({{"Arn", plan.record.String("BackupPlanArn")}})};
  }
  if (plans_.size() >= limits.plans) {
    return ApiError{"LimitExceededException", "There are too many backup plans.", 400, {}};
  }
  Plan plan;
  plan.id = NewId();
  if (const Value* tags = input.Find("BackupPlanTags")) plan.tags = *tags;
  plan.record = Value::Struct({{"BackupPlanId", plan.id},
                               {"BackupPlanArn", Arn(host_, "backup", "backup-plan:" + plan.id)}});
  if (!request.empty()) plan.record.Set("CreatorRequestId", request);
  plan.asked = asked;
  SetPlan(plan, asked);
  const Value answer =
      Picked(plan.record, {"BackupPlanId", "BackupPlanArn", "CreationDate", "VersionId"});
  const std::string id = plan.id;
  plans_.emplace(id, std::move(plan));
  Save();
  return answer;
}

Answer Backup::UpdateBackupPlan(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  const Value& asked = input.Sub("BackupPlan");
  if (auto problem = CheckPlan(asked)) return *problem;
  plan->asked = asked;
  SetPlan(*plan, asked);
  Save();
  return Picked(plan->record, {"BackupPlanId", "BackupPlanArn", "CreationDate", "VersionId"});
}

Answer Backup::GetBackupPlan(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  Value shown = Picked(plan->record, {"BackupPlanId", "BackupPlanArn", "VersionId",
                                      "CreatorRequestId", "CreationDate", "LastExecutionDate"});
  const std::string_view version = input.String("VersionId", plan->record.String("VersionId"));
  for (const Value& one : plan->versions.list()) {
    if (one.String("VersionId") != version) continue;
    shown.Set("VersionId", version).Set("BackupPlan", one.Sub("Plan"));
    return shown.Set("CreationDate", *one.Find("CreationDate"));
  }
  return PlanNotFound();
}

Answer Backup::ListBackupPlans(const Value& input) {
  Value::List all;
  for (const auto& [id, plan] : plans_) {
    if (!IsDeleted(plan) || input.Flag("IncludeDeleted", false)) all.push_back(plan.record);
  }
  return Listed(input, "BackupPlansList", std::move(all));
}

Answer Backup::ListBackupPlanVersions(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  Value::List all;
  for (const Value& version : plan->versions.list()) {
    Value one = plan->record;
    one.Set("VersionId", version.String("VersionId"));
    one.Set("BackupPlanName", version.Sub("Plan").String("BackupPlanName"));
    all.push_back(one.Set("CreationDate", *version.Find("CreationDate")));
  }
  return Listed(input, "BackupPlanVersionsList", std::move(all));
}

Answer Backup::DeleteBackupPlan(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  if (!plan->selections.empty()) {
    return InvalidRequest(
        "Related backup plan selections must be deleted prior to backup plan deletion");
  }
  plan->record.Set("DeletionDate", host_.clock().Now());
  Save();
  return Picked(plan->record, {"BackupPlanId", "BackupPlanArn", "DeletionDate", "VersionId"});
}

Answer Backup::CreateBackupSelection(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  const Value& selected = input.Sub("BackupSelection");
  if (auto problem = CheckSelection(selected)) return *problem;
  const std::string request(input.String("CreatorRequestId"));
  const auto shown = [](const Selection& one) {
    return Picked(one.record, {"SelectionId", "BackupPlanId", "CreationDate"});
  };
  for (const Selection& one : plan->selections) {
    if (!request.empty() && one.record.String("CreatorRequestId") == request) return shown(one);
  }
  if (plan->selections.size() >= limits.selections) {
    return ApiError{"LimitExceededException", "The plan has too many selections.", 400, {}};
  }
  Selection selection;
  selection.id = NewId();
  selection.selected = selected;
  selection.record = Value::Struct({{"SelectionId", selection.id},
                                    {"SelectionName", selected.String("SelectionName")},
                                    {"BackupPlanId", plan->id},
                                    {"CreationDate", host_.clock().Now()},
                                    {"IamRoleArn", selected.String("IamRoleArn")}});
  if (!request.empty()) selection.record.Set("CreatorRequestId", request);
  plan->selections.push_back(selection);
  Save();
  return shown(selection);
}

Answer Backup::GetBackupSelection(const Value& input) {
  const Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  for (const Selection& one : plan->selections) {
    if (one.id != input.String("SelectionId")) continue;
    Value shown =
        Picked(one.record, {"SelectionId", "BackupPlanId", "CreationDate", "CreatorRequestId"});
    return shown.Set("BackupSelection", one.selected);
  }
  return SelectionNotFound(input.String("SelectionId"));
}

Answer Backup::ListBackupSelections(const Value& input) {
  const Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  Value::List all;
  for (const Selection& one : plan->selections) all.push_back(one.record);
  return Listed(input, "BackupSelectionsList", std::move(all));
}

Answer Backup::DeleteBackupSelection(const Value& input) {
  Plan* plan = FindPlan(input.String("BackupPlanId"));
  if (plan == nullptr) return PlanNotFound();
  const std::size_t gone = std::erase_if(plan->selections, [&](const Selection& one) {
    return one.id == input.String("SelectionId");
  });
  if (gone == 0) return SelectionNotFound(input.String("SelectionId"));
  Save();
  return Value::Struct();
}

// What came due while the Region was away is begun late, within its start window, as on AWS.
void Backup::LookAtPlans() {
  const base::WallTime now = host_.clock().Now();
  for (auto& [id, plan] : plans_) {
    if (IsDeleted(plan)) continue;
    const base::WallTime since = plan.looked_at;
    for (const Value& rule : plan.plan.Items("Rules")) {
      const auto due = NextRun(rule, since);
      if (!due || *due > now) continue;
      plan.looked_at = now;
      plan.record.Set("LastExecutionDate", now);
      const bool late =
          now - *due > std::chrono::minutes(rule.Int("StartWindowMinutes", kStartWindow));
      RunRule(id, rule, late ? "EXPIRED" : "CREATED").Detach();
    }
    if (plan.looked_at != since) Save();
  }
}

Flow<> Backup::RunRule(std::string id, Value rule, std::string state) {
  const Plan plan = plans_.at(id);
  for (const auto& resource : resources_) {
    const std::vector<ResourceSeen> all = co_await resource->List();
    const OptIn opted = opt_in_.Flag(resource->type(), true) ? OptIn::kYes : OptIn::kNo;
    for (const ResourceSeen& seen : all) {
      const auto taken = std::ranges::find_if(
          plan.selections, [&](const Selection& one) { return Takes(one.selected, seen, opted); });
      if (taken == plan.selections.end()) continue;
      Value ask =
          Picked(rule, {"Lifecycle", "RecoveryPointTags", "StartWindowMinutes", "CopyActions"});
      ask.Set("CompleteWindowMinutes", rule.Int("CompletionWindowMinutes"));
      ask.Set("BackupVaultName", rule.String("TargetBackupVaultName"));
      ask.Set("IamRoleArn", taken->selected.String("IamRoleArn"));
      ask.Set("ResourceArn", seen.arn).Set("CreatedBy", CreatorOf(plan, rule));
      Job& job = AddBackupJob(ask, seen);
      if (state == "EXPIRED") {
        EndJob(job, state, "The backup job did not start before the end of its start window.");
      } else {
        RunBackup(job.id).Detach();
      }
    }
  }
}

// What a rule wants done with a recovery point that is made.
void Backup::StartCopyActions(const Job& job) {
  for (const Value& action : job.asked.Items("CopyActions")) {
    Value ask = Picked(action, {"Lifecycle", "DestinationBackupVaultArn"});
    ask.Set("RecoveryPointArn", job.record.String("RecoveryPointArn"));
    ask.Set("SourceBackupVaultName", job.record.String("BackupVaultName"));
    ask.Set("IamRoleArn", job.record.String("IamRoleArn"));
    ask.Set("CreatedByBackupJobId", job.id);
    if (const Value* creator = job.record.Find("CreatedBy")) ask.Set("CreatedBy", *creator);
    const Answer begun = StartCopyJob(ask);
    if (const auto* error = std::get_if<ApiError>(&begun))
      fmt::print(stderr, "backup: the copy of job {} is refused: {}\n", job.id, error->message);
  }
}

}  // namespace leeward::lab::backup

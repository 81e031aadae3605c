#include "steps/backups.h"

#include <algorithm>

#include "decide/decide.h"
#include "steps/gates.h"
#include "steps/kms_keys.h"

namespace leeward::steps {
namespace {

constexpr char kBackup[] = "backup";
constexpr std::int64_t kStartWithinMinutes = 60;  // AWS Backup's least
constexpr char kRuleName[] = "leeward";

std::optional<base::WallTime> TimeOf(const Value& told, std::string_view name) {
  const Value* time = told.Find(name);
  if (time == nullptr || !time->is_time()) return std::nullopt;
  return time->time();
}

// "arn:aws:dynamodb:us-east-1:123456789012:table/carts" → {"aws", "123456789012"}.
struct Owner {
  std::string partition, account;
};
Owner OwnerOf(const std::string& arn) {
  std::vector<std::string> parts(1);
  for (const char c : arn) {
    if (c == ':')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  if (parts.size() < 5) return {};
  return {parts[1], parts[4]};
}

std::string RoleArn(const Secured& kept) {
  const Owner owner = OwnerOf(kept.arn);
  return "arn:" + owner.partition + ":iam::" + owner.account + ":role/" + kept.backup.role;
}

std::string VaultArn(const Secured& kept, const Region& region) {
  const Owner owner = OwnerOf(kept.arn);
  return "arn:" + owner.partition + ":backup:" + region.str() + ":" + owner.account +
         ":backup-vault:" + kept.backup.vault;
}

Value LifecycleOf(const model::Backed& backup) {
  return Value::Struct({{"DeleteAfterDays", backup.days}});
}

// "cron(0 0,6,12,18 ? * * *)", as AWS Backup reads it, in UTC.
std::string CronOf(const model::Backed& backup) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(backup.every).count();
  if (hours == 1) return "cron(0 * ? * * *)";
  std::string list;
  for (std::int64_t hour = 0; hour < 24; hour += hours)
    list += (list.empty() ? "" : ",") + std::to_string(hour);
  return "cron(0 " + list + " ? * * *)";
}

Value PlanOf(const Work& work, const Region& region, const Secured& kept) {
  const Value copy =
      Value::Struct({{"DestinationBackupVaultArn", VaultArn(kept, work.Other(region))},
                     {"Lifecycle", LifecycleOf(kept.backup)}});
  const Value rule = Value::Struct({{"RuleName", kRuleName},
                                    {"TargetBackupVaultName", kept.backup.vault},
                                    {"ScheduleExpression", CronOf(kept.backup)},
                                    {"StartWindowMinutes", kStartWithinMinutes},
                                    {"Lifecycle", LifecycleOf(kept.backup)},
                                    {"CopyActions", Value::List{copy}}});
  return Value::Struct({{"BackupPlanName", BackupPlanName(work)}, {"Rules", Value::List{rule}}});
}

// Whether the plan's one rule is as wanted, in all that is said of it.
bool RuleIsAsWanted(const Value& there, const Value& wanted) {
  const Value::List& rules = there.Items("Rules");
  if (rules.size() != 1) return false;
  const Value& rule = rules.front();
  const Value& ours = wanted.Items("Rules").front();
  for (const char* name : {"RuleName", "TargetBackupVaultName", "ScheduleExpression"}) {
    if (rule.String(name) != ours.String(name)) return false;
  }
  return rule.Sub("Lifecycle").Int("DeleteAfterDays") ==
             ours.Sub("Lifecycle").Int("DeleteAfterDays") &&
         rule.Items("CopyActions") == ours.Items("CopyActions");
}

// Empty: there is none of that name.
Result<std::string> FindPlan(const Work& work, const Region& region) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, kBackup, "ListBackupPlans", Value::Struct()));
  for (const Value& one : answer.Items("BackupPlansList")) {
    if (one.String("BackupPlanName") == BackupPlanName(work))
      return std::string(one.String("BackupPlanId"));
  }
  return std::string();
}

Result<std::string> PlanInPlace(const Work& work, const Region& region, const Value& wanted) {
  ASSIGN_OR_RETURN(const std::string id, FindPlan(work, region));
  if (id.empty()) {
    ASSIGN_OR_RETURN(const Value made, work.CallPatiently(region, kBackup, "CreateBackupPlan",
                                                          Value::Struct({{"BackupPlan", wanted}})));
    return std::string(made.String("BackupPlanId"));
  }
  ASSIGN_OR_RETURN(const Value there, work.CallPatiently(region, kBackup, "GetBackupPlan",
                                                         Value::Struct({{"BackupPlanId", id}})));
  if (RuleIsAsWanted(there.Sub("BackupPlan"), wanted)) return id;
  const auto updated =
      work.CallPatiently(region, kBackup, "UpdateBackupPlan",
                         Value::Struct({{"BackupPlanId", id}, {"BackupPlan", wanted}}));
  if (!updated.ok()) return updated.error();
  return id;
}

Result<Value::List> Selections(const Work& work, const Region& region, const std::string& plan) {
  ASSIGN_OR_RETURN(const Value answer, work.Pages(region, kBackup, "ListBackupSelections",
                                                  Value::Struct({{"BackupPlanId", plan}})));
  return answer.Items("BackupSelectionsList");
}

std::string TokenOf(const Work& work, const std::string& purpose) {
  return work.context().execution.str() + "-" + work.step().component.str() + "-" + purpose;
}

// Waits for a job's end. `describe` answers what tells its state; "State" or "Status".
Result<Value> AwaitJob(const Work& work, const std::string& what,
                       const std::function<Result<Value>()>& describe) {
  std::string seen;
  return work.Await<Value>(what + " to end", work.ApiPace(), [&]() -> Result<std::optional<Value>> {
    ASSIGN_OR_RETURN(const Value job, describe());
    const std::string state(job.String("State", job.String("Status")));
    if (state != seen) work.Say(what + ": " + state);
    seen = state;
    if (state == "COMPLETED") return std::optional<Value>(job);
    const bool ended =
        state == "FAILED" || state == "ABORTED" || state == "EXPIRED" || state == "PARTIAL";
    if (!ended) return std::optional<Value>();
    return base::WrongState(what + " is " + state + ": " +
                            std::string(job.String("StatusMessage", "no reason was told")) +
                            "; put that right, then run the same command again");
  });
}

// What AWS Backup refuses for want of a right is most often the role's.
base::Error WithRole(const base::Error& error, const Secured& kept) {
  if (error.code() != base::ErrorCode::kDenied) return error;
  return base::Error(error).Context("as " + RoleArn(kept) +
                                    " (backup-role in the spec; it has to exist, and you need "
                                    "iam:PassRole for it)");
}

}  // namespace

BackupPoint ReadRecoveryPoint(const Value& told) {
  BackupPoint point;
  point.arn = told.String("RecoveryPointArn");
  point.resource = told.String("ResourceArn");
  point.status = told.String("Status");
  point.begun = TimeOf(told, "CreationDate");
  // A backup may have begun before its point was there, never after.
  const auto initiated = TimeOf(told, "InitiationDate");
  if (initiated && point.begun) point.begun = std::min(*initiated, *point.begun);
  return point;
}

std::optional<BackupPoint> NewestPoint(const Value& answer) {
  std::optional<BackupPoint> newest;
  for (const Value& told : answer.Items("RecoveryPoints")) {
    BackupPoint point = ReadRecoveryPoint(told);
    if (point.status != "COMPLETED" || !point.begun) continue;
    if (!newest || *newest->begun < *point.begun) newest = std::move(point);
  }
  return newest;
}

Value PointsOf(const model::Backed& backup, const std::string& resource) {
  return Value::Struct({{"BackupVaultName", backup.vault}, {"ByResourceArn", resource}});
}

StepOutcome PointBound(const Work& work, const std::optional<base::WallTime>& begun,
                       const std::string& where) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = NoWritesAfter(work);
  lag.newest_visible = begun;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: no recovery point of " + work.step().component.str() +
                     " is complete in vault " + where;
    return outcome;
  }
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*begun);
  outcome.outputs["source"] = "newest recovery point";
  outcome.detail = "at most " + base::HumanDuration(*bound.bound) +
                   " of writes, by the recovery point of " + outcome.outputs["newest_visible"];
  return outcome;
}

Result<std::optional<BackupPoint>> NewestPointHere(const Work& work, const Secured& kept) {
  const auto answer = work.Pages(work.region(), kBackup, "ListRecoveryPointsByBackupVault",
                                 PointsOf(kept.backup, kept.arn));
  if (answer.ok()) return NewestPoint(*answer);
  if (answer.error().code() != base::ErrorCode::kNotFound) return answer.error();
  return base::NotFound("there is no backup vault " + kept.backup.vault + " in " +
                        work.region().str() +
                        "; run `leeward protect` while the other Region lives, or name the vault "
                        "that has its recovery points (`vault` in the spec)");
}

Result<std::optional<Value>> FindVault(const Work& work, const Region& region,
                                       const std::string& vault) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, kBackup, "ListBackupVaults", Value::Struct()));
  for (const Value& one : answer.Items("BackupVaultList")) {
    if (one.String("BackupVaultName") == vault) return std::optional<Value>(one);
  }
  return std::optional<Value>();
}

Status EnsureVault(const Work& work, const Region& region, const model::Backed& backup) {
  const std::string& vault = backup.vault;
  ASSIGN_OR_RETURN(const std::optional<Value> there, FindVault(work, region, vault));
  std::string key;
  if (!backup.vault_key.empty()) {
    ASSIGN_OR_RETURN(key, NeedKmsKey(work, region, backup.vault_key, "vault-kms-key"));
  }
  if (there && !key.empty() && there->String("EncryptionKeyArn") != key) {
    return base::WrongState("backup vault " + Place(vault, region) + " is under the key " +
                            std::string(there->String("EncryptionKeyArn")) +
                            ", and AWS changes no vault's key: name another 'vault', or correct "
                            "'vault-kms-key'");
  }
  if (there) return base::Ok();
  work.Say("making the backup vault " + Place(vault, region));
  Value input = Value::Struct({{"BackupVaultName", vault}});
  if (!key.empty()) input.Set("EncryptionKeyArn", key);
  const auto made = work.CallPatiently(region, kBackup, "CreateBackupVault", input);
  // Made by another, between the look and the call.
  if (made.ok() || made.error().service_code() == "AlreadyExistsException") return base::Ok();
  return made.error();
}

Result<std::string> WouldMakeVaults(const Work& work, const std::string& vault) {
  std::string text;
  for (const Region& region : {work.region(), work.Other(work.region())}) {
    ASSIGN_OR_RETURN(const std::optional<Value> there, FindVault(work, region, vault));
    if (!there) text += "make vault " + Place(vault, region) + ", ";
  }
  return text;
}

std::string BackupPlanName(const Work& work) {
  return "leeward-" + work.application().name.str() + "-" + work.step().component.str();
}

Status EnsurePlan(const Work& work, const Region& region, const Secured& kept) {
  ASSIGN_OR_RETURN(const std::string plan, PlanInPlace(work, region, PlanOf(work, region, kept)));
  ASSIGN_OR_RETURN(const Value::List there, Selections(work, region, plan));
  for (const Value& one : there) {
    ASSIGN_OR_RETURN(
        const Value told,
        work.CallPatiently(
            region, kBackup, "GetBackupSelection",
            Value::Struct({{"BackupPlanId", plan}, {"SelectionId", one.String("SelectionId")}})));
    const Value& selected = told.Sub("BackupSelection");
    const bool ours = selected.Items("Resources") == Value::List{kept.arn} &&
                      selected.String("IamRoleArn") == RoleArn(kept);
    if (ours) return base::Ok();
    const auto gone = work.CallPatiently(
        region, kBackup, "DeleteBackupSelection",
        Value::Struct({{"BackupPlanId", plan}, {"SelectionId", one.String("SelectionId")}}));
    if (!gone.ok() && gone.error().code() != base::ErrorCode::kNotFound) return gone.error();
  }
  const Value selection = Value::Struct({{"SelectionName", work.step().component.str()},
                                         {"IamRoleArn", RoleArn(kept)},
                                         {"Resources", Value::List{kept.arn}}});
  const auto made =
      work.CallPatiently(region, kBackup, "CreateBackupSelection",
                         Value::Struct({{"BackupPlanId", plan}, {"BackupSelection", selection}}));
  return made.ok() ? base::Ok() : Status(WithRole(made.error(), kept));
}

Status DropPlan(const Work& work, const Region& region) {
  ASSIGN_OR_RETURN(const std::string plan, FindPlan(work, region));
  if (plan.empty()) return base::Ok();
  ASSIGN_OR_RETURN(const Value::List there, Selections(work, region, plan));
  for (const Value& one : there) {
    const auto gone = work.CallPatiently(
        region, kBackup, "DeleteBackupSelection",
        Value::Struct({{"BackupPlanId", plan}, {"SelectionId", one.String("SelectionId")}}));
    if (!gone.ok() && gone.error().code() != base::ErrorCode::kNotFound) return gone.error();
  }
  const auto gone = work.CallPatiently(region, kBackup, "DeleteBackupPlan",
                                       Value::Struct({{"BackupPlanId", plan}}));
  if (!gone.ok() && gone.error().code() != base::ErrorCode::kNotFound) return gone.error();
  return base::Ok();
}

Result<std::string> BackUpNow(const Work& work, const Region& region, const Secured& kept,
                              const std::string& purpose) {
  const std::string what = "the backup of " + Place(work.step().component.str(), region);
  // A try that failed is not gone on with.
  const std::string token = TokenOf(work, purpose + "-" + std::to_string(work.context().attempt));
  const auto begun = work.CallPatiently(region, kBackup, "StartBackupJob",
                                        Value::Struct({{"BackupVaultName", kept.backup.vault},
                                                       {"ResourceArn", kept.arn},
                                                       {"IamRoleArn", RoleArn(kept)},
                                                       {"IdempotencyToken", token},
                                                       {"StartWindowMinutes", kStartWithinMinutes},
                                                       {"Lifecycle", LifecycleOf(kept.backup)}}));
  if (!begun.ok()) return WithRole(begun.error(), kept);
  const Value of = Value::Struct({{"BackupJobId", begun->String("BackupJobId")}});
  ASSIGN_OR_RETURN(const Value job, AwaitJob(work, what, [&] {
                     return work.CallPatiently(region, kBackup, "DescribeBackupJob", of);
                   }));
  return std::string(job.String("RecoveryPointArn"));
}

Result<BackupPoint> CopyNow(const Work& work, const Region& region, const Secured& kept,
                            const std::string& point) {
  const Region& other = work.Other(region);
  const std::string what =
      "the copy of " + Place(work.step().component.str(), region) + " to " + other.str();
  const std::string token = TokenOf(work, "copy-" + point.substr(point.rfind(':') + 1) + "-" +
                                              std::to_string(work.context().attempt));
  const auto begun =
      work.CallPatiently(region, kBackup, "StartCopyJob",
                         Value::Struct({{"RecoveryPointArn", point},
                                        {"SourceBackupVaultName", kept.backup.vault},
                                        {"DestinationBackupVaultArn", VaultArn(kept, other)},
                                        {"IamRoleArn", RoleArn(kept)},
                                        {"IdempotencyToken", token},
                                        {"Lifecycle", LifecycleOf(kept.backup)}}));
  if (!begun.ok()) return WithRole(begun.error(), kept);
  const Value of = Value::Struct({{"CopyJobId", begun->String("CopyJobId")}});
  ASSIGN_OR_RETURN(const Value job, AwaitJob(work, what, [&]() -> Result<Value> {
                     ASSIGN_OR_RETURN(const Value told,
                                      work.CallPatiently(region, kBackup, "DescribeCopyJob", of));
                     return told.Sub("CopyJob");
                   }));
  return NeedPoint(work, other, kept.backup,
                   std::string(job.String("DestinationRecoveryPointArn")));
}

Result<std::string> RestoreNow(const Work& work, const Secured& kept, const std::string& point,
                               const Value& metadata) {
  const std::string what = "the restore of " + Place(work.step().component.str(), work.region());
  const std::string token = TokenOf(work, "restore-" + std::to_string(work.context().attempt));
  const auto begun = work.CallPatiently(work.region(), kBackup, "StartRestoreJob",
                                        Value::Struct({{"RecoveryPointArn", point},
                                                       {"Metadata", metadata},
                                                       {"IamRoleArn", RoleArn(kept)},
                                                       {"IdempotencyToken", token},
                                                       {"ResourceType", kept.type}}));
  if (!begun.ok()) return WithRole(begun.error(), kept);
  const Value of = Value::Struct({{"RestoreJobId", begun->String("RestoreJobId")}});
  ASSIGN_OR_RETURN(const Value job, AwaitJob(work, what, [&] {
                     return work.CallPatiently(work.region(), kBackup, "DescribeRestoreJob", of);
                   }));
  return std::string(job.String("CreatedResourceArn"));
}

Result<BackupPoint> NeedPoint(const Work& work, const Region& region, const model::Backed& backup,
                              const std::string& point) {
  ASSIGN_OR_RETURN(const Value told,
                   work.CallPatiently(region, kBackup, "DescribeRecoveryPoint",
                                      Value::Struct({{"BackupVaultName", backup.vault},
                                                     {"RecoveryPointArn", point}})));
  BackupPoint found = ReadRecoveryPoint(told);
  if (found.status == "COMPLETED" && found.begun) return found;
  return base::WrongState("the recovery point " + point + " in " + region.str() + " is " +
                          found.status + "; nothing can be restored of it");
}

}  // namespace leeward::steps

// Backup jobs: from the request to the recovery point.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/backup.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr base::Duration kCreatedAws = std::chrono::seconds(15);
constexpr base::Duration kPendingAws = std::chrono::seconds(45);
constexpr std::string_view kSameResource =
    "Backup job failed because there was a running job for the same resource.";

bool Fits(const Value& record, const Value& input, std::string_view filter,
          std::string_view member) {
  return !input.Has(filter) || input.String(filter) == record.String(member);
}

// Between the two times of a filter, where there are any.
bool IsBetween(const Value& record, const Value& input, std::string_view member,
               std::string_view after, std::string_view before) {
  const auto time = TimeIn(record, member);
  const auto first = TimeIn(input, after);
  const auto last = TimeIn(input, before);
  if (!first && !last) return true;
  return time && (!first || *time > *first) && (!last || *time < *last);
}

bool IsListedJob(const Value& record, const Value& input) {
  return Fits(record, input, "ByState", "State") && Fits(record, input, "ByStatus", "Status") &&
         Fits(record, input, "ByResourceArn", "ResourceArn") &&
         Fits(record, input, "ByBackupVaultName", "BackupVaultName") &&
         Fits(record, input, "ByResourceType", "ResourceType") &&
         Fits(record, input, "ByAccountId", "AccountId") &&
         Fits(record, input, "ByDestinationVaultArn", "DestinationBackupVaultArn") &&
         Fits(record, input, "BySourceRecoveryPointArn", "SourceRecoveryPointArn") &&
         Fits(record, input, "ByParentJobId", "ParentJobId") &&
         Fits(record, input, "ByMessageCategory", "MessageCategory") &&
         IsBetween(record, input, "CreationDate", "ByCreatedAfter", "ByCreatedBefore") &&
         IsBetween(record, input, "CompletionDate", "ByCompleteAfter", "ByCompleteBefore");
}

}  // namespace

Job* Backup::FindToken(Jobs& jobs, std::string_view token) {
  if (token.empty()) return nullptr;
  const auto found =
      std::ranges::find_if(jobs, [&](const auto& entry) { return entry.second.token == token; });
  return found == jobs.end() ? nullptr : &found->second;
}

// The oldest of those that have ended make room.
void Backup::BoundJobs(Jobs& jobs) const {
  while (jobs.size() >= limits.jobs) {
    auto oldest = jobs.end();
    for (auto at = jobs.begin(); at != jobs.end(); ++at) {
      if (!HasEnded(at->second)) continue;
      if (oldest == jobs.end() || TimeIn(at->second.record, "CreationDate") <
                                      TimeIn(oldest->second.record, "CreationDate")) {
        oldest = at;
      }
    }
    if (oldest == jobs.end()) return;
    jobs.erase(oldest);
  }
}

Answer Backup::Listed(const Value& input, std::string_view key, Value::List items) const {
  constexpr std::int64_t kMost = 1000;
  Page page;
  if (!TakePage(items, input.String("NextToken"),
                static_cast<std::size_t>(
                    std::clamp<std::int64_t>(input.Int("MaxResults", kMost), 1, kMost)),
                page)) {
    return InvalidValue("Invalid NextToken");
  }
  Value answer = Value::Struct({{std::string(key), Value(std::move(page.items))}});
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

Answer Backup::ListedJobs(const Value& input, std::string_view key, const Jobs& jobs) const {
  Value::List found;
  for (const auto& [id, job] : jobs) {
    if (IsListedJob(job.record, input)) found.push_back(job.record);
  }
  std::ranges::stable_sort(found, [](const Value& a, const Value& b) {
    return TimeIn(a, "CreationDate") > TimeIn(b, "CreationDate");
  });
  return Listed(input, key, std::move(found));
}

Answer Backup::ListBackupJobs(const Value& input) {
  return ListedJobs(input, "BackupJobs", backup_jobs_);
}

Answer Backup::DescribeBackupJob(const Value& input) {
  const auto found = backup_jobs_.find(input.String("BackupJobId"));
  if (found == backup_jobs_.end()) {
    return NotFound(fmt::format("Backup job {} not found", input.String("BackupJobId")));
  }
  Value shown = found->second.record;
  const auto work = works_.find(found->first);
  if (work != works_.end()) shown.Set("BytesTransferred", work->second->bytes.load());
  return shown;
}

void Backup::StartBackupJob(const Value& input, Reply reply) {
  if (FindVault(input.String("BackupVaultName")) == nullptr)
    return reply(VaultNotFound(input.String("BackupVaultName")));
  if (auto problem = CheckBackup(input)) return reply(*problem);
  const ArnParts arn = ParseArn(input.String("ResourceArn"));
  if (ResourceOf(arn) == nullptr) {
    return reply(
        InvalidValue(fmt::format("Unsupported resource type: {}", input.String("ResourceArn"))));
  }
  if (arn.region != host_.region() || arn.account != host_.account()) {
    return reply(InvalidValue(fmt::format("Invalid resource ARN: {} is not a resource of {}",
                                          input.String("ResourceArn"), host_.region())));
  }
  BeginBackup(input, std::move(reply)).Detach();
}

Flow<> Backup::BeginBackup(Value input, Reply reply) {
  const std::string arn(input.String("ResourceArn"));
  const base::Result<ResourceSeen> seen = co_await ResourceOf(ParseArn(arn))->Look(arn);
  if (!seen.ok()) {
    const std::string& why = seen.error().message();
    ApiError refusal = NotFound(fmt::format("Resource {} not found: {}", arn, why));
    if (seen.error().code() != base::ErrorCode::kNotFound)
      refusal = {"ServiceUnavailableException", why, 503, {}};
    reply(std::move(refusal));
    co_return;
  }
  const Job* known = FindToken(backup_jobs_, input.String("IdempotencyToken"));
  const bool again = known != nullptr;
  if (!again) known = &AddBackupJob(input, *seen);
  const std::string id = known->id;
  Value answer = Picked(known->record, {"BackupJobId", "RecoveryPointArn", "CreationDate"});
  reply(answer.Set("IsParent", false));
  if (!again) RunBackup(id).Detach();
}

Job& Backup::AddBackupJob(const Value& input, const ResourceSeen& seen) {
  BoundJobs(backup_jobs_);
  const base::WallTime now = host_.clock().Now();
  const std::string vault(input.String("BackupVaultName"));
  const BackupResource* resource = ResourceOf(ParseArn(seen.arn));
  Job job;
  job.id = NewId();
  job.token = input.String("IdempotencyToken");
  job.asked = input;
  job.record = Value::Struct(
      {{"AccountId", host_.account()},
       {"BackupJobId", job.id},
       {"BackupVaultName", vault},
       {"BackupVaultArn", VaultArn(vault)},
       {"VaultType", "BACKUP_VAULT"},
       {"ResourceArn", seen.arn},
       {"ResourceType", resource->type()},
       {"ResourceName", seen.name},
       {"CreationDate", now},
       {"InitiationDate", now},
       {"State", "CREATED"},
       {"PercentDone", "0.0"},
       {"IamRoleArn", input.String("IamRoleArn")},
       {"IsParent", false},
       {"StartBy", now + std::chrono::minutes(input.Int("StartWindowMinutes", kStartWindow))}});
  const bool in_vault = resource->keeper(management_) == Keeper::kVault;
  if (in_vault)
    job.record.Set("RecoveryPointArn", Arn(host_, "backup", "recovery-point:" + NewId()));
  SetKey(job.record, in_vault ? KeyOf(vault) : seen.key);
  for (const auto& [from, to] :
       {std::pair{"Lifecycle", "RecoveryPointLifecycle"}, std::pair{"CreatedBy", "CreatedBy"}}) {
    if (const Value* given = input.Find(from)) job.record.Set(to, *given);
  }
  const std::string id = job.id;
  Job& added = backup_jobs_.insert_or_assign(id, std::move(job)).first->second;
  Save();
  return added;
}

bool Backup::HasRunningBackup(const Job& other) const {
  return std::ranges::any_of(backup_jobs_, [&](const auto& entry) {
    const Job& job = entry.second;
    return job.id != other.id && StateOf(job) == "RUNNING" &&
           job.record.String("ResourceArn") == other.record.String("ResourceArn");
  });
}

Flow<> Backup::RunBackup(std::string id) {
  for (const auto& [state, wait] :
       {std::pair{"PENDING", Paced(kCreatedAws)}, std::pair{"RUNNING", Paced(kPendingAws)}}) {
    co_await Sleep(host_, wait);
    const auto found = backup_jobs_.find(id);
    if (found == backup_jobs_.end() || HasEnded(found->second)) co_return;
    found->second.record.Set("State", state);
    Save();
  }
  Job& job = backup_jobs_.at(id);
  if (HasRunningBackup(job)) {
    EndJob(job, "FAILED", kSameResource);
    co_return;
  }
  const WorkPtr work = std::make_shared<Work>();
  works_[id] = work;
  const base::Status taken = co_await TakeBackup(id, work);
  works_.erase(id);
  if (!taken.ok()) EndFailed(backup_jobs_.at(id), taken.error());
}

Flow<base::Status> Backup::TakeBackup(std::string id, WorkPtr work) {
  const Job& job = backup_jobs_.at(id);
  BackupOrder order;
  order.arn = job.record.String("ResourceArn");
  order.job = id;
  order.folder = FolderOf(id);
  order.work = work;
  BackupResource* resource = ResourceOf(ParseArn(order.arn));
  const bool in_vault = job.record.Has("RecoveryPointArn");
  order.keeper = in_vault ? Keeper::kVault : Keeper::kService;
  // What it is like now, not when the job was made.
  const base::Result<ResourceSeen> seen = co_await resource->Look(order.arn);
  if (!seen.ok()) co_return seen.error();
  if (in_vault) {
    const base::Status usable = NeedKey(KeyOf(job.record.String("BackupVaultName")));
    if (!usable.ok()) co_return usable;
    std::error_code error;
    std::filesystem::create_directories(ContentOf(order.folder), error);
    if (!error) {
      std::filesystem::permissions(order.folder, std::filesystem::perms::owner_all, error);
    }
    if (error) co_return base::Exhausted("cannot make " + order.folder.native());
  }
  base::Result<BackedUp> taken = co_await resource->BackUp(order);
  base::Result<Seal> seal = Seal();
  if (taken.ok() && in_vault) {
    std::function<base::Result<Seal>()> close = [folder = order.folder, work] {
      return SealFolder(folder, work);
    };
    seal = co_await Offload<base::Result<Seal>>(host_, std::move(close));
  }
  base::Status all = base::Ok();
  if (!taken.ok()) all = taken.error();
  if (all.ok() && !seal.ok()) all = seal.error();
  if (all.ok() && work->stopped) all = base::Cancelled("stopped");
  const std::string vault(backup_jobs_.at(id).record.String("BackupVaultName"));
  if (all.ok() && FindVault(vault) == nullptr) all = base::NotFound(VaultNotFound(vault).message);
  if (!all.ok()) {
    const std::string point = taken.ok() ? taken->point_arn : std::string();
    RemoveData(point, in_vault ? order.folder : std::filesystem::path(),
               std::string(resource->type()))
        .Detach();
    co_return all;
  }
  KeepBackup(backup_jobs_.at(id), *seen, *taken, *seal);
  co_return base::Ok();
}

// The job's end and the point are saved in one move.
void Backup::KeepBackup(Job& job, const ResourceSeen& seen, const BackedUp& taken,
                        const Seal& seal) {
  const bool in_vault = job.record.Has("RecoveryPointArn");
  const std::int64_t bytes = in_vault ? seal.bytes : taken.bytes;
  if (!in_vault) job.record.Set("RecoveryPointArn", taken.point_arn);
  if (!in_vault) SetKey(job.record, taken.key);
  Point point;
  point.arn = job.record.String("RecoveryPointArn");
  point.vault = job.record.String("BackupVaultName");
  point.metadata = seen.metadata;
  point.tags = seen.tags;
  for (const auto& [key, value] : job.asked.Has("RecoveryPointTags")
                                      ? job.asked.Sub("RecoveryPointTags").members()
                                      : Value::Members()) {
    point.tags.Set(key, value);
  }
  if (in_vault) point.folder = job.id;
  if (in_vault) point.seal = ToValue(seal);
  const base::WallTime created = *TimeIn(job.record, "CreationDate");
  point.record = Picked(
      job.record, {"RecoveryPointArn", "BackupVaultName", "BackupVaultArn", "ResourceArn",
                   "ResourceType", "ResourceName", "CreatedBy", "IamRoleArn", "CreationDate",
                   "InitiationDate", "EncryptionKeyArn", "IsEncrypted", "IsParent", "VaultType"});
  point.record.Set("Status", "COMPLETED").Set("BackupSizeInBytes", bytes);
  point.record.Set("CompletionDate", host_.clock().Now());
  if (const Value* lifecycle = job.record.Find("RecoveryPointLifecycle")) {
    point.record.Set("Lifecycle", *lifecycle);
    point.record.Set("CalculatedLifecycle", CalculatedLifecycle(*lifecycle, created));
  }
  const std::string arn = point.arn;
  points_.insert_or_assign(arn, std::move(point));
  job.record.Set("BackupSizeInBytes", bytes).Set("BytesTransferred", bytes);
  EndJob(job, "COMPLETED", "");
  StartCopyActions(job);
}

void Backup::EndJob(Job& job, std::string_view state, std::string_view message) {
  const bool restore = job.record.Has("RestoreJobId");
  job.record.Set(restore ? "Status" : "State", state);
  job.record.Set("CompletionDate", host_.clock().Now());
  if (!message.empty()) job.record.Set("StatusMessage", message);
  const bool whole = state == "COMPLETED";
  if (whole && job.record.Has("PercentDone"))
    job.record.Set("PercentDone", restore ? "100.00%" : "100.0");
  if (!restore) job.record.Set("MessageCategory", whole ? "SUCCESS" : state);
  Save();
}

void Backup::EndFailed(Job& job, const base::Error& error) {
  const bool stopped = error.code() == base::ErrorCode::kCancelled;
  if (!stopped) return EndJob(job, "FAILED", error.message());
  EndJob(job, "ABORTED", job.record.String("StatusMessage", "Stopped by the user."));
}

void Backup::StopOverdue() {
  const base::WallTime now = host_.clock().Now();
  for (const auto& [id, work] : works_) {
    const auto found = backup_jobs_.find(id);
    if (found == backup_jobs_.end() || work->stopped) continue;
    const std::chrono::minutes window(
        found->second.asked.Int("CompleteWindowMinutes", kCompleteWindow));
    if (now - *TimeIn(found->second.record, "CreationDate") <= window) continue;
    found->second.record.Set("StatusMessage",
                             "The backup job was not complete at the end of its window.");
    work->stopped = true;
  }
}

Answer Backup::StopBackupJob(const Value& input) {
  const auto found = backup_jobs_.find(input.String("BackupJobId"));
  if (found == backup_jobs_.end()) {
    return NotFound(fmt::format("Backup job {} not found", input.String("BackupJobId")));
  }
  Job& job = found->second;
  if (HasEnded(job)) {
    return InvalidRequest(
        fmt::format("Backup job {} is {} and cannot be stopped", job.id, StateOf(job)));
  }
  const auto work = works_.find(job.id);
  if (work == works_.end()) {
    EndFailed(job, base::Cancelled("stopped"));
    return Value::Struct();
  }
  work->second->stopped = true;
  job.record.Set("State", "ABORTING");
  Save();
  return Value::Struct();
}

}  // namespace leeward::lab::backup

// Copies of recovery points: the source's Region has the job, the destination's does the work.
#include <fmt/format.h>

#include <algorithm>

#include "lab/core/remove_tree.h"
#include "lab/services/ask_region.h"
#include "lab/services/backup.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr base::Duration kBeginAws = std::chrono::seconds(30);
constexpr base::Duration kPollAws = std::chrono::seconds(5);
constexpr base::Duration kForgotten = std::chrono::minutes(10);

// Known before the end where the vault keeps the data.
void SetDestination(Job& job, const Value& told) {
  if (told.String("RecoveryPointArn").empty()) return;
  job.record.Set("DestinationRecoveryPointArn", told.String("RecoveryPointArn"));
}

Flow<> ReadAnswered(Host& host, std::function<Answer()> work, Reply reply) {
  const Answer answer = co_await Offload<Answer>(host, std::move(work));
  reply(answer);
}

}  // namespace

Answer Backup::ListCopyJobs(const Value& input) {
  return ListedJobs(input, "CopyJobs", copy_jobs_);
}

Answer Backup::DescribeCopyJob(const Value& input) {
  const auto found = copy_jobs_.find(input.String("CopyJobId"));
  if (found == copy_jobs_.end()) {
    return NotFound(fmt::format("Copy job {} not found", input.String("CopyJobId")));
  }
  return Value::Struct({{"CopyJob", found->second.record}});
}

Answer Backup::StartCopyJob(const Value& input) {
  const std::string vault(input.String("SourceBackupVaultName"));
  if (FindVault(vault) == nullptr) return VaultNotFound(vault);
  const Point* point = FindPoint(vault, input.String("RecoveryPointArn"));
  if (point == nullptr) return PointNotFound(input.String("RecoveryPointArn"));
  const Value lifecycle = input.Has("Lifecycle") ? input.Sub("Lifecycle") : Value();
  for (const auto& problem : {CheckRole(input.String("IamRoleArn")), CheckLifecycle(lifecycle)}) {
    if (problem) return *problem;
  }
  const auto place = ParseVaultArn(input.String("DestinationBackupVaultArn"));
  if (!place) {
    return InvalidValue(fmt::format("Invalid destination backup vault ARN: {}",
                                    input.String("DestinationBackupVaultArn")));
  }
  if (place->account != host_.account()) return NotServed("A copy to another account");
  if (place->region == host_.region() && place->name == vault) {
    return InvalidValue("The source and the destination backup vault are the same");
  }
  if (StorageClassOf(*point, host_.clock().Now()) == "COLD") {
    return InvalidRequest("A recovery point in cold storage cannot be copied");
  }
  BackupResource* resource = ResourceOfType(point->record.String("ResourceType"));
  if (point->folder.empty() && resource != nullptr) {
    if (auto problem = resource->CheckCopy()) return *problem;
  }
  const Job* known = FindToken(copy_jobs_, input.String("IdempotencyToken"));
  const bool again = known != nullptr;
  if (!again) known = &AddCopyJob(input, *point);
  Value answer = Picked(known->record, {"CopyJobId", "CreationDate"});
  if (!again) RunCopy(known->id).Detach();
  return answer.Set("IsParent", false);
}

Job& Backup::AddCopyJob(const Value& input, const Point& point) {
  BoundJobs(copy_jobs_);
  Job job;
  job.id = NewId();
  job.token = input.String("IdempotencyToken");
  job.asked = input;
  job.record =
      Picked(point.record, {"ResourceArn", "ResourceType", "ResourceName", "BackupSizeInBytes"});
  job.record.Set("AccountId", host_.account()).Set("CopyJobId", job.id);
  job.record.Set("SourceBackupVaultArn", VaultArn(point.vault));
  job.record.Set("SourceRecoveryPointArn", point.arn);
  job.record.Set("DestinationBackupVaultArn", input.String("DestinationBackupVaultArn"));
  job.record.Set("CreationDate", host_.clock().Now()).Set("State", "CREATED");
  job.record.Set("IamRoleArn", input.String("IamRoleArn")).Set("IsParent", false);
  for (const auto& [from, to] : {std::pair{"Lifecycle", "DestinationRecoveryPointLifecycle"},
                                 std::pair{"CreatedBy", "CreatedBy"},
                                 std::pair{"CreatedByBackupJobId", "CreatedByBackupJobId"}}) {
    if (const Value* given = input.Find(from)) job.record.Set(to, *given);
  }
  const std::string id = job.id;
  Job& added = copy_jobs_.insert_or_assign(id, std::move(job)).first->second;
  Save();
  return added;
}

// Also after a restart: the destination knows of what it has begun.
Flow<> Backup::RunCopy(std::string id) {
  co_await Sleep(host_, Paced(kBeginAws));
  const bool begun = StateOf(copy_jobs_.at(id)) == "RUNNING";
  if (!begun) {
    const base::Status asked = co_await AskForCopy(id);
    if (!asked.ok()) {
      EndFailed(copy_jobs_.at(id), asked.error());
      co_return;
    }
    copy_jobs_.at(id).record.Set("State", "RUNNING");
    Save();
  }
  co_await FollowCopy(id);
}

Flow<base::Status> Backup::AskForCopy(std::string id) {
  const Job& job = copy_jobs_.at(id);
  const auto place = ParseVaultArn(job.record.String("DestinationBackupVaultArn"));
  const auto found = points_.find(job.record.String("SourceRecoveryPointArn"));
  if (found == points_.end()) co_return base::NotFound("The recovery point is gone.");
  const Point& point = found->second;
  if (!point.folder.empty()) {
    const base::Status usable = NeedKey(point.record.String("EncryptionKeyArn"));
    if (!usable.ok()) co_return usable;
  }
  Value ask = Value::Struct();
  ask.Set("Job", id).Set("Region", host_.region()).Set("Vault", place->name);
  ask.Set("Record", point.record).Set("Tags", point.tags).Set("Metadata", point.metadata);
  ask.Set("Seal", point.seal).Set("InVault", !point.folder.empty());
  if (const Value* lifecycle = job.asked.Find("Lifecycle")) ask.Set("Lifecycle", *lifecycle);
  const std::string region = place->region;
  const base::MonotonicTime begun = host_.clock().Monotonic();
  for (;;) {
    const Answer answer =
        co_await AskRegion(host_, region, "backup", "TakeCopy", ask, limits.incoming.call);
    if (const auto* value = std::get_if<Value>(&answer)) {
      Job& mine = copy_jobs_.at(id);
      SetDestination(mine, *value);
      co_return base::Ok();
    }
    const std::string why = std::get<ApiError>(answer).message;
    if (!TimedOut(answer)) co_return base::Refused(why);
    if (host_.clock().Monotonic() - begun > limits.incoming.lost)
      co_return base::Unreachable(fmt::format("The Region {} does not answer.", region));
    co_await Sleep(host_, limits.incoming.retry);
  }
}

Flow<> Backup::FollowCopy(std::string id) {
  const std::string region =
      ParseVaultArn(copy_jobs_.at(id).record.String("DestinationBackupVaultArn"))->region;
  base::MonotonicTime heard = host_.clock().Monotonic();
  for (;;) {
    co_await Sleep(host_, host_.pace() == Pace::kFast ? limits.poll : kPollAws);
    Value ask = Value::Struct();
    ask.Set("Job", id);
    const Answer answer =
        co_await AskRegion(host_, region, "backup", "StateOfCopy", ask, limits.incoming.call);
    Job& job = copy_jobs_.at(id);
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      const bool lost = host_.clock().Monotonic() - heard > limits.incoming.lost;
      if (TimedOut(answer) && !lost) continue;
      EndJob(job, "FAILED",
             TimedOut(answer) ? fmt::format("The Region {} does not answer.", region)
                              : error->message);
      co_return;
    }
    heard = host_.clock().Monotonic();
    const auto& state = std::get<Value>(answer);
    if (state.String("State") == "RUNNING") continue;
    SetDestination(job, state);
    EndJob(job, state.String("State"), state.String("Message"));
    co_return;
  }
}

// In the destination's Region, asked once or again.
Answer Backup::TakeCopy(const Value& input) {
  const std::string job(input.String("Job"));
  const std::string vault(input.String("Vault"));
  if (FindVault(vault) == nullptr) return VaultNotFound(vault);
  if (const auto known = coming_.find(job); known != coming_.end()) {
    return Value::Struct({{"RecoveryPointArn", known->second->point}});
  }
  for (const auto& [arn, point] : points_) {
    if (point.copy_of == job) return Value::Struct({{"RecoveryPointArn", arn}});
  }
  const base::MonotonicTime now = host_.clock().Monotonic();
  std::erase_if(coming_, [&](const auto& entry) {
    return entry.second->state != "RUNNING" && now - entry.second->ended > kForgotten;
  });
  const auto incoming = std::make_shared<Incoming>();
  incoming->job = job;
  incoming->source_region = input.String("Region");
  incoming->record = input.Sub("Record");
  incoming->source_point = incoming->record.String("RecoveryPointArn");
  incoming->vault = vault;
  incoming->tags = input.Sub("Tags");
  incoming->metadata = input.Sub("Metadata");
  incoming->seal = input.Sub("Seal");
  incoming->lifecycle = input.Sub("Lifecycle");
  if (input.Flag("InVault", true)) {
    incoming->folder = NewId();
    incoming->point = Arn(host_, "backup", "recovery-point:" + incoming->folder);
  }
  coming_[job] = incoming;
  RunIncoming(incoming).Detach();
  return Value::Struct({{"RecoveryPointArn", incoming->point}});
}

Answer Backup::StateOfCopy(const Value& input) {
  const std::string_view job = input.String("Job");
  for (const auto& [arn, point] : points_) {
    if (point.copy_of == job)
      return Value::Struct({{"State", "COMPLETED"}, {"RecoveryPointArn", arn}});
  }
  const auto known = coming_.find(job);
  if (known == coming_.end()) {
    return InvalidRequest("The copy was interrupted by an outage of AWS Backup in its Region.");
  }
  return Value::Struct({{"State", known->second->state}, {"Message", known->second->message}});
}

Flow<> Backup::RunIncoming(std::shared_ptr<Incoming> incoming) {
  base::Status brought = base::Ok();
  if (incoming->folder.empty()) {
    BackupResource* resource = ResourceOfType(incoming->record.String("ResourceType"));
    CopyInOrder order;
    order.point_arn = incoming->source_point;
    order.job = incoming->job;
    order.work = incoming->work;
    const bool covered = incoming->record.Flag("IsEncrypted", false);
    order.source = covered ? Cover::kEncrypted : Cover::kOpen;
    order.key = OwnKeyOf(incoming->vault);
    const base::Result<BackedUp> copied = co_await resource->CopyIn(order);
    if (copied.ok()) incoming->point = copied->point_arn;
    if (copied.ok()) SetKey(incoming->record, copied->key);
    if (!copied.ok()) brought = copied.error();
  } else {
    const auto pull =
        std::make_shared<FolderPull>(host_, limits.incoming, *incoming, FolderOf(incoming->folder));
    brought = NeedKey(KeyOf(incoming->vault));
    if (brought.ok()) brought = co_await pull->Run();
    SetKey(incoming->record, KeyOf(incoming->vault));
  }
  if (brought.ok() && FindVault(incoming->vault) == nullptr)
    brought = base::NotFound(fmt::format("Backup vault {} not found", incoming->vault));
  incoming->ended = host_.clock().Monotonic();
  if (brought.ok()) {
    incoming->state = "COMPLETED";
    KeepCopy(*incoming);
    co_return;
  }
  incoming->state = "FAILED";
  incoming->message = brought.error().message();
  if (incoming->folder.empty()) co_return;
  RemoveData(incoming->point, FolderOf(incoming->folder), "").Detach();
}

void Backup::KeepCopy(const Incoming& incoming) {
  Point point;
  point.arn = incoming.point;
  point.vault = incoming.vault;
  point.tags = incoming.tags;
  point.metadata = incoming.metadata;
  point.folder = incoming.folder;
  point.seal = incoming.seal;
  point.copy_of = incoming.job;
  point.record = incoming.record;
  const base::WallTime created =
      TimeIn(incoming.record, "CreationDate").value_or(host_.clock().Now());
  point.record.Set("SourceBackupVaultArn", incoming.record.String("BackupVaultArn"));
  point.record.Set("RecoveryPointArn", point.arn).Set("BackupVaultName", point.vault);
  point.record.Set("BackupVaultArn", VaultArn(point.vault));
  point.record.Set("CompletionDate", host_.clock().Now());
  point.record.Erase("Lifecycle");
  point.record.Erase("CalculatedLifecycle");
  if (incoming.lifecycle.is_members()) {
    point.record.Set("Lifecycle", incoming.lifecycle);
    point.record.Set("CalculatedLifecycle", CalculatedLifecycle(incoming.lifecycle, created));
  }
  const std::string arn = point.arn;
  points_.insert_or_assign(arn, std::move(point));
  Save();
}

// In the source's Region: what is in a recovery point.
void Backup::Read(std::string_view operation, const Value& input, const Reply& reply) {
  const auto found = points_.find(input.String("Point"));
  const bool list = operation == "ReadList";
  if (!list && operation != "ReadParts") return Service::HandleInternal(operation, input, reply);
  if (found == points_.end() || found->second.folder.empty())
    return reply(PointNotFound(input.String("Point")));
  std::function<Answer()> work = [list, input, folder = FolderOf(found->second.folder)] {
    return list ? AnswerReadList(folder, input) : AnswerReadParts(folder, input);
  };
  ReadAnswered(host_, std::move(work), reply).Detach();
}

}  // namespace leeward::lab::backup

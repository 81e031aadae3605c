// Restore jobs: from a recovery point to a resource.
#include <fmt/format.h>

#include "lab/services/backup.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr base::Duration kRestoreAws = std::chrono::seconds(60);

}  // namespace

Answer Backup::ListRestoreJobs(const Value& input) {
  return ListedJobs(input, "RestoreJobs", restore_jobs_);
}

Answer Backup::DescribeRestoreJob(const Value& input) {
  const auto found = restore_jobs_.find(input.String("RestoreJobId"));
  if (found == restore_jobs_.end()) {
    return NotFound(fmt::format("Restore job {} not found", input.String("RestoreJobId")));
  }
  return found->second.record;
}

Answer Backup::StartRestoreJob(const Value& input) {
  const auto found = points_.find(input.String("RecoveryPointArn"));
  if (found == points_.end()) return PointNotFound(input.String("RecoveryPointArn"));
  const Point& point = found->second;
  const std::string_view type = point.record.String("ResourceType");
  if (input.String("ResourceType", type) != type) {
    return InvalidValue(fmt::format("The recovery point is of the resource type {}, not {}", type,
                                    input.String("ResourceType")));
  }
  if (input.Has("IamRoleArn")) {
    if (auto problem = CheckRole(input.String("IamRoleArn"))) return *problem;
  }
  if (input.Flag("CopySourceTagsToRestoredResource", false))
    return NotServed("CopySourceTagsToRestoredResource");
  const BackupResource* resource = ResourceOfType(type);
  if (resource == nullptr) return NotServed(fmt::format("The resource type {}", type));
  if (auto problem = resource->CheckRestore(input.Sub("Metadata"))) return *problem;
  if (const Job* known = FindToken(restore_jobs_, input.String("IdempotencyToken"))) {
    return Value::Struct({{"RestoreJobId", known->id}});
  }
  BoundJobs(restore_jobs_);
  Job job;
  job.id = NewId();
  job.token = input.String("IdempotencyToken");
  job.asked = input;
  job.record = Value::Struct({{"AccountId", host_.account()},
                              {"RestoreJobId", job.id},
                              {"RecoveryPointArn", point.arn},
                              {"RecoveryPointCreationDate", *point.record.Find("CreationDate")},
                              {"SourceResourceArn", point.record.String("ResourceArn")},
                              {"BackupVaultArn", VaultArn(point.vault)},
                              {"CreationDate", host_.clock().Now()},
                              {"Status", "PENDING"},
                              {"PercentDone", "0.00%"},
                              {"BackupSizeInBytes", point.record.Int("BackupSizeInBytes")},
                              {"ResourceType", type},
                              {"IsParent", false}});
  if (input.Has("IamRoleArn")) job.record.Set("IamRoleArn", input.String("IamRoleArn"));
  const std::string id = job.id;
  restore_jobs_.insert_or_assign(id, std::move(job));
  Save();
  RunRestore(id).Detach();
  return Value::Struct({{"RestoreJobId", id}});
}

Flow<> Backup::RunRestore(std::string id) {
  co_await Sleep(host_, Paced(kRestoreAws));
  Job& begun = restore_jobs_.at(id);
  const auto found = points_.find(begun.record.String("RecoveryPointArn"));
  if (found == points_.end()) {
    EndJob(begun, "FAILED", "The recovery point is gone.");
    co_return;
  }
  const Point& point = found->second;
  const base::Status usable =
      point.folder.empty() ? base::Ok() : NeedKey(point.record.String("EncryptionKeyArn"));
  if (!usable.ok()) {
    EndFailed(begun, usable.error());
    co_return;
  }
  begun.record.Set("Status", "RUNNING");
  Save();
  RestoreOrder order;
  order.point_arn = point.arn;
  order.metadata = point.metadata;
  order.asked = begun.asked.Sub("Metadata");
  order.folder = FolderOf(point.folder);
  order.scratch = ScratchOf(id);
  order.job = id;
  order.work = std::make_shared<Work>();
  works_[id] = order.work;
  std::error_code ignored;
  std::filesystem::create_directories(order.scratch.parent_path(), ignored);
  BackupResource* resource = ResourceOfType(point.record.String("ResourceType"));
  const base::Result<std::string> restored = co_await resource->Restore(order);
  works_.erase(id);
  Job& job = restore_jobs_.at(id);
  if (!restored.ok()) {
    EndFailed(job, restored.error());
    co_return;
  }
  job.record.Set("CreatedResourceArn", *restored);
  EndJob(job, "COMPLETED", "");
}

}  // namespace leeward::lab::backup

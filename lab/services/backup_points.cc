// Recovery points: shown, listed, kept for as long as their lifecycle says, deleted.
#include <fmt/format.h>

#include <algorithm>

#include "lab/core/remove_tree.h"
#include "lab/services/backup.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

bool IsWanted(const Point& point, const Value& input) {
  const Value& record = point.record;
  for (const auto& [filter, member] :
       {std::pair{"ByResourceArn", "ResourceArn"}, std::pair{"ByResourceType", "ResourceType"}}) {
    if (input.Has(filter) && input.String(filter) != record.String(member)) return false;
  }
  if (input.Has("ByBackupPlanId") &&
      record.Sub("CreatedBy").String("BackupPlanId") != input.String("ByBackupPlanId")) {
    return false;
  }
  if (input.Has("ByParentRecoveryPointArn")) return false;
  const base::WallTime created = TimeIn(record, "CreationDate").value_or(base::WallTime{});
  const auto before = TimeIn(input, "ByCreatedBefore");
  const auto after = TimeIn(input, "ByCreatedAfter");
  return (!before || created < *before) && (!after || created > *after);
}

// The newest first, as AWS lists them.
void SortPoints(Value::List& points) {
  std::ranges::stable_sort(points, [](const Value& a, const Value& b) {
    return TimeIn(a, "CreationDate") > TimeIn(b, "CreationDate");
  });
}

}  // namespace

Point* Backup::FindPoint(std::string_view vault, std::string_view arn) {
  const auto found = points_.find(arn);
  return found == points_.end() || found->second.vault != vault ? nullptr : &found->second;
}

Answer Backup::DescribeRecoveryPoint(const Value& input) {
  if (FindVault(input.String("BackupVaultName")) == nullptr)
    return VaultNotFound(input.String("BackupVaultName"));
  const Point* point = FindPoint(input.String("BackupVaultName"), input.String("RecoveryPointArn"));
  if (point == nullptr) return PointNotFound(input.String("RecoveryPointArn"));
  Value shown = point->record;
  shown.Set("StorageClass", StorageClassOf(*point, host_.clock().Now()));
  return shown;
}

Answer Backup::ListRecoveryPointsByBackupVault(const Value& input) {
  const std::string_view vault = input.String("BackupVaultName");
  if (FindVault(vault) == nullptr) return VaultNotFound(vault);
  Value::List all;
  for (const auto& [arn, point] : points_) {
    if (point.vault == vault && IsWanted(point, input)) all.push_back(point.record);
  }
  SortPoints(all);
  return Listed(input, "RecoveryPoints", std::move(all));
}

Answer Backup::ListRecoveryPointsByResource(const Value& input) {
  Value::List all;
  for (const auto& [arn, point] : points_) {
    const Value& record = point.record;
    if (record.String("ResourceArn") != input.String("ResourceArn")) continue;
    Value shown = Picked(record, {"RecoveryPointArn", "CreationDate", "Status", "EncryptionKeyArn",
                                  "BackupVaultName", "IsParent", "ResourceName", "VaultType"});
    shown.Set("BackupSizeBytes", record.Int("BackupSizeInBytes"));
    all.push_back(std::move(shown));
  }
  SortPoints(all);
  return Listed(input, "RecoveryPoints", std::move(all));
}

Answer Backup::GetRecoveryPointRestoreMetadata(const Value& input) {
  if (FindVault(input.String("BackupVaultName")) == nullptr)
    return VaultNotFound(input.String("BackupVaultName"));
  const Point* point = FindPoint(input.String("BackupVaultName"), input.String("RecoveryPointArn"));
  if (point == nullptr) return PointNotFound(input.String("RecoveryPointArn"));
  return Value::Struct({{"BackupVaultArn", VaultArn(point->vault)},
                        {"RecoveryPointArn", point->arn},
                        {"RestoreMetadata", point->metadata},
                        {"ResourceType", point->record.String("ResourceType")}});
}

bool Backup::IsInUse(std::string_view point_arn) const {
  const auto uses = [&](const Jobs& jobs, std::string_view member) {
    return std::ranges::any_of(jobs, [&](const auto& entry) {
      return !HasEnded(entry.second) && entry.second.record.String(member) == point_arn;
    });
  };
  return uses(copy_jobs_, "SourceRecoveryPointArn") || uses(restore_jobs_, "RecoveryPointArn");
}

Answer Backup::DeleteRecoveryPoint(const Value& input) {
  if (FindVault(input.String("BackupVaultName")) == nullptr)
    return VaultNotFound(input.String("BackupVaultName"));
  const Point* point = FindPoint(input.String("BackupVaultName"), input.String("RecoveryPointArn"));
  if (point == nullptr) return PointNotFound(input.String("RecoveryPointArn"));
  if (IsInUse(point->arn)) {
    return InvalidRequest(fmt::format("Recovery point {} is being copied or restored", point->arn));
  }
  DropPoint(point->arn);
  return Value::Struct();
}

// It is gone at once; what it kept follows, or is swept at the next start.
void Backup::DropPoint(std::string arn) {
  const auto found = points_.find(arn);
  const std::string folder = found->second.folder;
  const std::string type(found->second.record.String("ResourceType"));
  points_.erase(found);
  Save();
  RemoveData(std::move(arn), folder.empty() ? std::filesystem::path() : FolderOf(folder), type)
      .Detach();
}

Flow<> Backup::RemoveData(std::string arn, std::filesystem::path folder, std::string type) {
  if (arn.empty() && folder.empty()) co_return;  // nothing had been made
  base::Status removed = base::Ok();
  if (!folder.empty()) {
    std::function<base::Status()> remove = [folder] { return RemoveTree(folder); };
    removed = co_await Offload<base::Status>(host_, std::move(remove));
  } else if (BackupResource* resource = ResourceOfType(type)) {
    removed = co_await resource->Forget(arn);
  }
  if (!removed.ok()) fmt::print(stderr, "backup: {}: {}\n", arn, removed.error().message());
}

void Backup::DropExpired() {
  std::vector<std::string> due;
  for (const auto& [arn, point] : points_) {
    if (IsDue(point, host_.clock().Now()) && !IsInUse(arn)) due.push_back(arn);
  }
  for (const std::string& arn : due) DropPoint(arn);
}

Answer Backup::UpdateRecoveryPointLifecycle(const Value& input) {
  if (FindVault(input.String("BackupVaultName")) == nullptr)
    return VaultNotFound(input.String("BackupVaultName"));
  Point* point = FindPoint(input.String("BackupVaultName"), input.String("RecoveryPointArn"));
  if (point == nullptr) return PointNotFound(input.String("RecoveryPointArn"));
  const Value lifecycle = input.Has("Lifecycle") ? input.Sub("Lifecycle") : Value::Struct();
  if (auto problem = CheckLifecycle(lifecycle)) return *problem;
  const base::WallTime created = *TimeIn(point->record, "CreationDate");
  if (StorageClassOf(*point, host_.clock().Now()) == "COLD" &&
      lifecycle.Int("MoveToColdStorageAfterDays", -1) !=
          point->record.Sub("Lifecycle").Int("MoveToColdStorageAfterDays", -1)) {
    return InvalidRequest("The recovery point is in cold storage already");
  }
  point->record.Set("Lifecycle", lifecycle);
  point->record.Set("CalculatedLifecycle", CalculatedLifecycle(lifecycle, created));
  Save();
  return Value::Struct({{"BackupVaultArn", VaultArn(point->vault)},
                        {"RecoveryPointArn", point->arn},
                        {"Lifecycle", lifecycle},
                        {"CalculatedLifecycle", point->record.Sub("CalculatedLifecycle")}});
}

// Each resource with its newest point.
Value Backup::ProtectedResources() const {
  std::map<std::string_view, const Point*> newest;
  for (const auto& [arn, point] : points_) {
    const Point*& held = newest[point.record.String("ResourceArn")];
    if (held == nullptr ||
        TimeIn(held->record, "CreationDate") < TimeIn(point.record, "CreationDate")) {
      held = &point;
    }
  }
  Value::List all;
  for (const auto& [arn, point] : newest) {
    Value shown = Picked(point->record, {"ResourceArn", "ResourceType", "ResourceName"});
    shown.Set("LastBackupTime", *TimeIn(point->record, "CreationDate"));
    shown.Set("LastBackupVaultArn", VaultArn(point->vault));
    shown.Set("LastRecoveryPointArn", point->arn);
    all.push_back(std::move(shown));
  }
  return Value(std::move(all));
}

Answer Backup::ListProtectedResources(const Value& input) {
  return Listed(input, "Results", ProtectedResources().list());
}

Answer Backup::DescribeProtectedResource(const Value& input) {
  const Value all = ProtectedResources();
  for (const Value& one : all.list()) {
    if (one.String("ResourceArn") == input.String("ResourceArn")) return one;
  }
  return NotFound(fmt::format("Resource {} is not protected", input.String("ResourceArn")));
}

}  // namespace leeward::lab::backup

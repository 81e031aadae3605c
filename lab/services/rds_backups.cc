// Automated backups of this Region's instances: a base backup, and then the server's log, copied
// again and again.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>

#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr base::Duration kBackupAws = std::chrono::minutes(2);
constexpr base::Duration kSettleSlice = std::chrono::milliseconds(200);
constexpr base::Duration kMillisecond = std::chrono::milliseconds(1);
constexpr std::string_view kBackupPrefix = "backup-";

// Answers are cut to milliseconds; what they name has to be restorable.
base::WallTime NextMillisecond(base::WallTime time) {
  return {(time.since_epoch / kMillisecond + 1) * kMillisecond};
}

// "rds:orders-2026-11-23-08-20".
std::string AutomatedName(const std::string& instance, base::WallTime now) {
  std::string stamp =
      base::FormatIso8601(now).substr(0, std::string_view("2026-11-23T08:20").size());
  std::replace(stamp.begin(), stamp.end(), 'T', '-');
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  return fmt::format("rds:{}-{}", instance, stamp);
}

}  // namespace

fs::path Rds::BackupPath(const AutomatedBackup& backup) {
  return Directory() / (std::string(kBackupPrefix) + backup.name);
}

BackupPtr Rds::BackupOf(const Instance& instance) const {
  for (const auto& [name, backup] : backups_) {
    if (backup->resource_id == instance.resource_id && !backup->is_copy_in(host_.region())) {
      return backup;
    }
  }
  return nullptr;
}

// An instance is renamed and changed while it is backed up.
void Rds::TellOfInstance(const Instance& instance, AutomatedBackup& backup) const {
  backup.instance = instance.id;
  backup.source_arn = Arn(host_, "rds", "db:" + instance.id);
  backup.settings = instance.settings;
  backup.tags = instance.tags;
  backup.retention_days = instance.retention();
}

// Its log is kept from before its base backup begins.
Flow<BackupPtr> Rds::BeginBackup(InstancePtr instance) {
  BackupPtr backup = BackupOf(*instance);
  if (backup != nullptr) co_return backup;
  const base::Result<LogPlace> from = co_await instance->engine->KeepLog();
  if (!from.ok()) {
    AddEvent(instance->id, "db-instance", "Its log is not kept: " + from.error().message(),
             "backup");
    co_return nullptr;
  }
  backup = std::make_shared<AutomatedBackup>();
  backup->name = NewBackupName();
  backup->resource_id = instance->resource_id;
  backup->secrets = instance->secrets;
  backup->start = *from;
  backup->end = from->position;
  TellOfInstance(*instance, *backup);
  backups_[backup->name] = backup;
  SaveBackup(*backup);
  ShipLog(instance).Detach();
  co_return backup;
}

// The first automated backup of a new or newly promoted instance.
Flow<> Rds::RunBackup(InstancePtr instance) {
  const AtWork at_work(instance);
  if (host_.pace() == Pace::kFast) {
    // Fast or not, the backup is real work; an instance that was just created or promoted is used
    // first.
    const base::MonotonicTime until = host_.clock().Monotonic() + limits.backup_settle;
    while (host_.clock().Monotonic() < until && !instance->cancelled) {
      co_await Sleep(host_, kSettleSlice);
    }
  }
  if (instance->cancelled || instance->status != InstanceStatus::kAvailable) co_return;
  if (instance->retention() == 0) co_return;
  AddEvent(instance->id, "db-instance", "Backing up DB instance", "backup");
  SetStatus(*instance, InstanceStatus::kBackingUp);
  const BackupPtr backup = co_await BeginBackup(instance);
  const std::string id = AutomatedName(instance->id, host_.clock().Now());
  base::Status taken = base::Ok();
  const auto earlier = snapshots_.find(id);
  if (earlier != snapshots_.end() && earlier->second.record.String("Status") == "failed") {
    DropSnapshot(id);
  }
  if (!snapshots_.contains(id)) {
    AddSnapshot(*instance, id, "automated");
    taken = co_await TakeSnapshot(instance, id);
  }
  co_await Sleep(host_, Paced(kBackupAws));
  if (instance->cancelled || instance->status != InstanceStatus::kBackingUp) co_return;
  const auto snapshot = snapshots_.find(id);
  if (taken.ok() && backup != nullptr && snapshot != snapshots_.end()) {
    backup->snapshot = id;
    backup->base = snapshot->second.directory;
    SaveBackup(*backup);
    // From one mark to the next it can be restored to a time; it is not shown as done before.
    taken = co_await ShipOnce(instance, backup);
    if (taken.ok()) taken = co_await ShipOnce(instance, backup);
    if (instance->cancelled || instance->status != InstanceStatus::kBackingUp) co_return;
  }
  AddEvent(instance->id, "db-instance",
           taken.ok() ? "Finished DB Instance backup" : "DB Instance backup failed", "backup");
  SetStatus(*instance, InstanceStatus::kAvailable);
}

// After a start: with what was begun, or from the beginning when that was cut off.
void Rds::GoOnBackingUp(const InstancePtr& instance) {
  if (instance->is_replica() || instance->retention() == 0) return;
  const BackupPtr backup = BackupOf(*instance);
  if (backup == nullptr || backup->base.empty()) {
    RunBackup(instance).Detach();
  }
  if (backup != nullptr) ShipLog(instance).Detach();
}

Flow<> Rds::ShipLog(InstancePtr instance) {
  if (instance->shipping) co_return;
  instance->shipping = true;
  std::string trouble;
  for (;;) {
    const BackupPtr backup = BackupOf(*instance);
    if (instance->cancelled || backup == nullptr) break;
    if (instance->engine->running() && instance->status != InstanceStatus::kStopping) {
      const base::Status shipped = co_await ShipOnce(instance, backup);
      const std::string now = shipped.ok() ? "" : shipped.error().message();
      if (now != trouble && !now.empty()) {
        AddEvent(instance->id, "db-instance", "Its log is not backed up: " + now, "backup");
      }
      trouble = now;
    }
    co_await Sleep(host_, host_.pace() == Pace::kAws ? limits.log_copy_aws : limits.log_copy);
  }
  instance->shipping = false;
}

Flow<base::Status> Rds::ShipOnce(InstancePtr instance, BackupPtr backup) {
  const AtWork at_work(instance);
  // Marks that were made before the base backup had ended prove nothing of what it restores.
  const bool based = !backup->base.empty();
  const LogPlace from = backup->start.At(backup->end);
  const base::Result<LogMark> mark = co_await instance->engine->MarkLog(from.position);
  if (!mark.ok()) co_return mark.error();
  if (mark->end.timeline != from.timeline) {
    co_return base::WrongState("the server writes another timeline");
  }
  if (mark->end.position < from.position) {
    co_return base::WrongState("the server has begun its log anew");
  }
  const base::Status copied = co_await instance->engine->CopyLog(
      instance->type().log(), from, mark->end.position, LogPath(*backup));
  if (!copied.ok()) co_return copied;
  if (backup->dropped) co_return base::Ok();
  // Two of these may be under way, and end in either order.
  backup->end = std::max(backup->end, mark->end.position);
  if (based) {
    if (!backup->earliest) {
      backup->earliest = NextMillisecond(mark->time);
    } else {
      const base::WallTime known = backup->latest.value_or(*backup->earliest);
      backup->latest = std::max(mark->time, known);
      instance->settings.Set("LatestRestorableTime", *backup->latest);
      backup->status = BackupStatus::kActive;
    }
  }
  TellOfInstance(*instance, *backup);
  SaveBackup(*backup);
  co_return base::Ok();
}

// Backups were turned off.
Flow<> Rds::EndBackups(InstancePtr instance) {
  instance->settings.Erase("LatestRestorableTime");
  instance->backup_copies.clear();
  const BackupPtr backup = BackupOf(*instance);
  if (backup != nullptr) DropBackup(backup);
  DropAutomatedSnapshots(instance->resource_id);
  Save();
  if (!instance->engine->running()) co_return;
  const AtWork at_work(instance);
  const base::Status gone = co_await instance->engine->LetLogGo();
  if (!gone.ok()) {
    AddEvent(instance->id, "db-instance", "Its log is kept: " + gone.error().message(), "backup");
  }
}

// What stays of a deleted instance.
void Rds::Retain(const Instance& instance) {
  const BackupPtr backup = BackupOf(instance);
  if (backup != nullptr && instance.keeps_backups && backup->restorable()) {
    backup->status = BackupStatus::kRetained;
    SaveBackup(*backup);
    return;
  }
  if (backup != nullptr) DropBackup(backup);
  DropAutomatedSnapshots(instance.resource_id);
}

void Rds::DropBackup(const BackupPtr& backup) {
  const fs::path path = BackupPath(*backup);
  const bool own = !backup->is_copy_in(host_.region());
  backup->dropped = true;
  backups_.erase(backup->name);
  if (own) DropAutomatedSnapshots(backup->resource_id);
  host_.RunBlocking(
      [path] {
        std::error_code ignored;
        fs::remove_all(path, ignored);
      },
      [] {});
}

void Rds::ExpireBackups() {
  std::vector<BackupPtr> expired;
  const base::WallTime now = host_.clock().Now();
  for (const auto& [name, backup] : backups_) {
    if (backup->status == BackupStatus::kRetained && EarliestOf(*backup, now) > *backup->latest) {
      expired.push_back(backup);
    }
  }
  for (const BackupPtr& backup : expired) DropBackup(backup);
}

// Beside the log, and as often as it: nobody else's state is written anew for it.
void Rds::SaveBackup(const AutomatedBackup& backup) {
  if (backup.dropped) return;
  const fs::path path = BackupPath(backup);
  std::error_code error;
  fs::create_directories(LogPath(backup), error);
  base::Status saved = host_.GiveToEngine(path);
  if (saved.ok()) saved = host_.GiveToEngine(LogPath(backup));
  if (saved.ok()) saved = WriteFile(path / "backup.json.new", shapes::ToJson(rds::Save(backup)));
  if (saved.ok()) fs::rename(path / "backup.json.new", path / "backup.json", error);
  if (saved.ok() && !error) return;
  AddEvent(backup.instance, "db-instance", "The state of its backup could not be written",
           "backup");
}

void Rds::LoadBackups() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(Directory(), error)) {
    if (!entry.path().filename().string().starts_with(kBackupPrefix)) continue;
    std::ifstream file(entry.path() / "backup.json", std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const base::Result<Value> saved = shapes::FromJson(text.str());
    if (!saved.ok()) continue;  // made by a process that ended before it had begun
    auto backup = std::make_shared<AutomatedBackup>(LoadBackup(*saved));
    backups_[backup->name] = std::move(backup);
  }
}

}  // namespace leeward::lab::rds

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
  co_await BackUpNow(instance);
}

// One a day, in the instance's window, so that a restore never replays more than a day's log.
void Rds::BackUpDaily(const InstancePtr& instance) {
  const BackupPtr backup = BackupOf(*instance);
  if (backup == nullptr || !backup->restorable() || instance->retention() == 0) return;
  if (instance->status != InstanceStatus::kAvailable || instance->is_replica()) return;
  const base::WallTime now = host_.clock().Now();
  if (now - instance->backup_tried < limits.backup_again) return;
  if (!IsBackupDue(instance->settings.String("PreferredBackupWindow"), backup->bases.back().begun,
                   now, limits.day)) {
    return;
  }
  RunDailyBackup(instance).Detach();
}

Flow<> Rds::RunDailyBackup(InstancePtr instance) {
  const AtWork at_work(instance);
  instance->backup_tried = host_.clock().Now();
  co_await BackUpNow(instance);
}

Flow<> Rds::BackUpNow(InstancePtr instance) {
  AddEvent(instance->id, "db-instance", "Backing up DB instance", "backup");
  SetStatus(*instance, InstanceStatus::kBackingUp);
  const BackupPtr backup = co_await BeginBackup(instance);
  base::Status taken = base::WrongState("its log is not kept");
  if (backup != nullptr) taken = co_await TakeBase(instance, backup);
  co_await Sleep(host_, Paced(kBackupAws));
  if (instance->cancelled || instance->status != InstanceStatus::kBackingUp) co_return;
  if (taken.ok()) {
    // From one mark to the next it can be restored to a time; it is not shown as done before.
    taken = co_await ShipOnce(instance, backup);
    if (taken.ok()) taken = co_await ShipOnce(instance, backup);
    if (instance->cancelled || instance->status != InstanceStatus::kBackingUp) co_return;
  }
  AddEvent(instance->id, "db-instance",
           taken.ok() ? "Finished DB Instance backup" : "DB Instance backup failed", "backup");
  SetStatus(*instance, InstanceStatus::kAvailable);
}

void Rds::DropFailedBackups(std::string_view resource_id) {
  std::vector<std::string> failed;
  for (const auto& [id, snapshot] : snapshots_) {
    const Value& record = snapshot.record;
    if (record.String("SnapshotType") == "automated" && record.String("Status") == "failed" &&
        record.String("DbiResourceId") == resource_id) {
      failed.push_back(id);
    }
  }
  for (const std::string& id : failed) DropSnapshot(id);
}

// Whatever it needs of the log is copied after its beginning.
Flow<base::Status> Rds::TakeBase(InstancePtr instance, BackupPtr backup) {
  BaseBackup base;
  base.begun = host_.clock().Now();
  base.start = instance->type().log().Begin(backup->end);
  base.snapshot = AutomatedName(instance->id, base.begun);
  DropFailedBackups(instance->resource_id);
  // A second one of the same minute.
  if (snapshots_.contains(base.snapshot)) base.snapshot += "-" + host_.random().Hex(4);
  AddSnapshot(*instance, base.snapshot, "automated");
  const base::Status taken = co_await TakeSnapshot(instance, base.snapshot);
  if (!taken.ok()) co_return taken;
  const auto snapshot = snapshots_.find(base.snapshot);
  if (snapshot == snapshots_.end() || backup->dropped) {
    co_return base::Cancelled("its backups were turned off");
  }
  base.directory = snapshot->second.directory;
  backup->bases.push_back(std::move(base));
  SaveBackup(*backup);
  co_return base::Ok();
}

// After a start: with what was begun, or from the beginning when that was cut off.
void Rds::GoOnBackingUp(const InstancePtr& instance) {
  if (instance->is_replica() || instance->retention() == 0) return;
  const BackupPtr backup = BackupOf(*instance);
  if (backup == nullptr || backup->bases.empty()) {
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
  const std::string based = backup->bases.empty() ? "" : backup->bases.back().snapshot;
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
  const bool first = based.empty() || !backup->bases.front().earliest;
  for (BaseBackup& base : backup->bases) {
    if (based.empty()) break;
    if (!base.earliest) base.earliest = NextMillisecond(mark->time);
    if (base.snapshot == based) break;
  }
  if (!first) {
    backup->latest = std::max(mark->time, backup->latest.value_or(mark->time));
    instance->settings.Set("LatestRestorableTime", *backup->latest);
    backup->status = BackupStatus::kActive;
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
    if (backup->status == BackupStatus::kRetained &&
        EarliestOf(*backup, now, limits.day) > *backup->latest) {
      expired.push_back(backup);
    } else {
      Prune(backup);
    }
  }
  for (const BackupPtr& backup : expired) DropBackup(backup);
}

bool Rds::IsBeingRestored(const AutomatedBackup& backup) const {
  return std::any_of(instances_.begin(), instances_.end(),
                     [&](const auto& one) { return one.second->restore_backup == backup.name; });
}

// Base backups that no time in the restore window needs, and the log before the first that is left.
void Rds::Prune(const BackupPtr& backup) {
  const std::size_t outlived = OutlivedBases(*backup, host_.clock().Now(), limits.day);
  if (outlived == 0 || IsBeingRestored(*backup)) return;
  std::vector<BaseBackup> gone(backup->bases.begin(),
                               backup->bases.begin() + static_cast<std::ptrdiff_t>(outlived));
  backup->bases.erase(backup->bases.begin(),
                      backup->bases.begin() + static_cast<std::ptrdiff_t>(outlived));
  backup->start.position = std::max(backup->start.position, backup->bases.front().start);
  SaveBackup(*backup);
  std::vector<fs::path> unused;
  for (const BaseBackup& base : gone) {
    if (backup->is_copy_in(host_.region())) {
      unused.push_back(Directory() / base.directory);
    } else if (snapshots_.contains(base.snapshot)) {
      DropSnapshot(base.snapshot);
    }
  }
  host_.RunBlocking(
      [unused, log = LogPath(*backup), first = TypeOf(backup->settings).log().File(backup->start)] {
        std::error_code ignored;
        for (const fs::path& path : unused) fs::remove_all(path, ignored);
        for (const auto& file : fs::directory_iterator(log, ignored)) {
          if (file.path().filename().string() < first) fs::remove(file.path(), ignored);
        }
      },
      [] {});
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

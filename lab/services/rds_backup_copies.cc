// Automated backups that are replicated to another Region: asked for in B, which fetches the base
// backup and then the log from A, through the lab's network. What has arrived needs A no more.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "lab/services/ask_region.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::int64_t kDefaultCopyRetention = 7;

bool IsFollowing(const AutomatedBackup& backup) {
  return backup.status == BackupStatus::kPending || backup.status == BackupStatus::kReplicating;
}

base::WallTime TimeOf(const Value& value, std::string_view name) {
  return {base::Duration(value.Int(name))};
}

}  // namespace

InstancePtr Rds::FindResource(std::string_view resource_id) const {
  for (const auto& [id, instance] : instances_) {
    if (instance->resource_id == resource_id) return instance;
  }
  return nullptr;
}

Problem Rds::CheckBackupCopy(const Value& input) const {
  const std::string_view given = input.String("SourceDBInstanceArn");
  const ArnParts arn = ParseArn(given);
  if (arn.kind != "db") return BadValue(fmt::format("Invalid source ARN: {}", given));
  if (arn.region == host_.region()) {
    return BadValue(fmt::format(
        "The source DB instance {} is in this Region; automated backups are replicated to another.",
        given));
  }
  if (auto problem = CheckCommon(input)) return problem;
  if (input.Int("BackupRetentionPeriod", kDefaultCopyRetention) < 1) {
    return BadValue("Invalid backup retention period: 0. Must be between 1 and 35.");
  }
  if (input.Has("KmsKeyId")) {
    if (auto problem = CheckKey(input.String("KmsKeyId"))) return problem;
  }
  std::size_t copies = 0;
  for (const auto& [name, backup] : backups_) {
    if (!backup->is_copy_in(host_.region()) || !IsFollowing(*backup)) continue;
    ++copies;
    if (backup->source_arn == given) {
      return ApiError{"InvalidDBInstanceAutomatedBackupState",
                      fmt::format("The automated backups of {} are replicated here already, as {}.",
                                  given, BackupArn(host_, *backup)),
                      400,
                      {}};
    }
  }
  if (copies < limits.backup_copies) return {};
  return ApiError{"DBInstanceAutomatedBackupQuotaExceeded",
                  fmt::format("This Region already has {} replicated automated backups.", copies),
                  400,
                  {}};
}

void Rds::StartDBInstanceAutomatedBackupsReplication(const Value& input, Reply reply) {
  if (auto problem = CheckBackupCopy(input)) return reply(*problem);
  BeginBackupCopy(input, std::move(reply)).Detach();
}

// AWS, too, calls the source's Region on the caller's behalf.
Flow<> Rds::BeginBackupCopy(Value input, Reply reply) {
  const std::string region = ParseArn(input.String("SourceDBInstanceArn")).region;
  const std::string name = NewBackupName();
  Value ask = Value::Struct();
  ask.Set("Source", input.String("SourceDBInstanceArn"));
  ask.Set("Copy", Arn(host_, "rds", "auto-backup:" + name));
  const Answer listed =
      co_await AskRegion(host_, region, "rds", "ListBackupCopy", ask, limits.call);
  if (TimedOut(listed)) {
    // It may have been listed there all the same.
    Tell({region, "BackupCopyGone", ask});
    reply(ApiError{
        "ServiceUnavailable",
        fmt::format("The source Region {} does not answer; replication cannot begin now.", region),
        503,
        {}});
    co_return;
  }
  if (IsError(listed)) {
    reply(listed);
    co_return;
  }
  // Two requests for one instance may have met here.
  auto problem = CheckBackupCopy(input);
  if (!problem) problem = CheckEncryptedCopy(input, std::get<Value>(listed).Sub("Settings"));
  if (problem) {
    Tell({region, "BackupCopyGone", ask});
    reply(*problem);
    co_return;
  }
  Value source = std::get<Value>(listed);
  source.Set("Name", name);
  reply(AddBackupCopy(input, source));
}

Answer Rds::AddBackupCopy(const Value& input, const Value& source) {
  auto backup = std::make_shared<AutomatedBackup>();
  backup->name = source.String("Name");
  backup->resource_id = source.String("ResourceId");
  backup->instance = source.String("Instance");
  backup->source_arn = input.String("SourceDBInstanceArn");
  backup->status = BackupStatus::kPending;
  backup->retention_days = input.Int("BackupRetentionPeriod", kDefaultCopyRetention);
  backup->settings = source.Sub("Settings");
  if (backup->settings.Flag("StorageEncrypted", false))
    Encrypt(backup->settings, input.String("KmsKeyId"));
  backup->tags = Value(input.Items("Tags"));
  backup->secrets = {std::string(source.String("Admin")),
                     std::string(source.String("Replication"))};
  backups_[backup->name] = backup;
  SaveBackup(*backup);
  PullBackup(backup).Detach();
  return Value::Struct({{"DBInstanceAutomatedBackup", ShownBackup(*backup)}});
}

// In A: puts the copy on the instance's list.
Answer Rds::ListBackupCopy(const Value& input) {
  const InstancePtr source = FindInstance(input.String("Source"));
  if (source == nullptr) return InstanceNotFound(input.String("Source"));
  if (source->is_replica()) {
    return InstanceState("Automated backups of a read replica cannot be replicated.");
  }
  if (!Allows(InstanceAction::kReplicate, source->status)) return NotInState(*source, "available");
  if (source->retention() == 0) {
    return InstanceState(fmt::format(
        "Automated backups are not enabled for DB instance {}: its backup retention period is 0.",
        source->id));
  }
  source->backup_copies.emplace_back(input.String("Copy"));
  Save();
  return Value::Struct({{"ResourceId", source->resource_id},
                        {"Instance", source->id},
                        {"Settings", source->settings},
                        {"Admin", source->secrets.admin},
                        {"Replication", source->secrets.replication}});
}

// In A: the copy is not added to any more.
Answer Rds::BackupCopyGone(const Value& input) {
  for (const auto& [id, instance] : instances_) {
    std::erase(instance->backup_copies, input.String("Copy"));
  }
  Save();
  return Value::Struct();
}

Answer Rds::StopDBInstanceAutomatedBackupsReplication(const Value& input) {
  const std::string_view given = input.String("SourceDBInstanceArn");
  BackupPtr backup;
  for (const auto& [name, held] : backups_) {
    if (held->is_copy_in(host_.region()) && IsFollowing(*held) && held->source_arn == given) {
      backup = held;
    }
  }
  if (backup == nullptr) return InstanceNotFound(given);
  Value shown = ShownBackup(*backup);
  Tell({ParseArn(given).region, "BackupCopyGone",
        Value::Struct({{"Copy", BackupArn(host_, *backup)}})});
  SourceIsGone(backup);
  return Value::Struct({{"DBInstanceAutomatedBackup", std::move(shown)}});
}

// Nothing is added to the copy any more: what it can restore, it keeps for as long as it was asked
// to.
void Rds::SourceIsGone(const BackupPtr& backup) {
  if (!backup->restorable()) return DropBackup(backup);
  backup->status = BackupStatus::kRetained;
  SaveBackup(*backup);
}

// In A: what there is for a copy to fetch.
Answer Rds::DescribeBackupInternal(const Value& input) {
  const InstancePtr instance = FindResource(input.String("ResourceId"));
  const BackupPtr backup = instance == nullptr ? nullptr : BackupOf(*instance);
  const auto listed = [&] {
    const auto& copies = instance->backup_copies;
    return std::find(copies.begin(), copies.end(), input.String("Copy")) != copies.end();
  };
  if (instance == nullptr || !listed()) {
    return ApiError{"DBInstanceAutomatedBackupNotFound", "Nothing is replicated there.", 404, {}};
  }
  Value answer = Value::Struct({{"Instance", instance->id},
                                {"Source", Arn(host_, "rds", "db:" + instance->id)},
                                {"Settings", instance->settings},
                                {"Ready", false}});
  if (backup == nullptr || !backup->restorable()) return answer;
  const BaseBackup& newest = backup->BaseFor(std::nullopt);
  const auto snapshot = snapshots_.find(newest.snapshot);
  if (snapshot == snapshots_.end()) return answer;
  answer.Set("Ready", true);
  answer.Set("Snapshot", newest.snapshot);
  answer.Set("Files", FilesOf(snapshot->second));
  answer.Set("BaseStart", static_cast<std::int64_t>(newest.start));
  answer.Set("BaseEarliest", newest.earliest->since_epoch.count());
  answer.Set("BaseBegun", newest.begun.since_epoch.count());
  answer.Set("Timeline", static_cast<std::int64_t>(backup->start.timeline));
  answer.Set("Start", static_cast<std::int64_t>(backup->start.position));
  answer.Set("End", static_cast<std::int64_t>(backup->end));
  answer.Set("Latest", backup->latest->since_epoch.count());
  return answer;
}

Answer Rds::ReadLogChunk(const Value& input) {
  const InstancePtr instance = FindResource(input.String("ResourceId"));
  const BackupPtr backup = instance == nullptr ? nullptr : BackupOf(*instance);
  if (backup == nullptr) return InstanceNotFound(input.String("ResourceId"));
  const LogPlace from = backup->start.At(static_cast<std::uint64_t>(input.Int("From")));
  base::Result<LogPiece> piece =
      TypeOf(backup->settings)
          .log()
          .Read(LogPath(*backup), from, backup->end, static_cast<std::size_t>(limits.chunk));
  if (!piece.ok()) return InstanceState(piece.error().message());
  return Value::Struct({{"Bytes", shapes::Blob{std::move(piece->bytes)}},
                        {"Next", static_cast<std::int64_t>(piece->next)}});
}

Flow<> Rds::PullBackup(BackupPtr backup) {
  if (backup->pulling) co_return;
  backup->pulling = true;
  std::string trouble;
  while (!backup->dropped && IsFollowing(*backup)) {
    const base::Status pulled = co_await PullOnce(backup);
    const std::string now = pulled.ok() ? "" : pulled.error().message();
    if (now != trouble && !now.empty()) {
      AddEvent(backup->instance, "db-instance", "Its backup is not replicated: " + now, "backup");
    }
    trouble = now;
    co_await Sleep(host_, host_.pace() == Pace::kAws ? limits.log_pull_aws : limits.log_pull);
  }
  backup->pulling = false;
}

Flow<base::Status> Rds::PullOnce(BackupPtr backup) {
  const std::string region = ParseArn(backup->source_arn).region;
  Value ask = Value::Struct();
  ask.Set("ResourceId", backup->resource_id);
  ask.Set("Copy", BackupArn(host_, *backup));
  const Answer answer =
      co_await AskRegion(host_, region, "rds", "DescribeBackup", ask, limits.call);
  if (TimedOut(answer)) co_return base::Unreachable(region + " does not answer");
  if (backup->dropped || !IsFollowing(*backup)) co_return base::Ok();
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    if (error->code != "DBInstanceAutomatedBackupNotFound") {
      co_return base::ServiceBroken(error->message);
    }
    SourceIsGone(backup);
    co_return base::Ok();
  }
  const Value source = std::get<Value>(answer);
  backup->instance = source.String("Instance");
  backup->source_arn = source.String("Source");
  backup->settings = source.Sub("Settings");
  if (!source.Flag("Ready", false)) co_return base::Ok();
  const base::Status based = co_await PullNewBase(backup, source);
  if (!based.ok()) co_return based;
  const base::Status pulled =
      co_await PullLog(backup, static_cast<std::uint64_t>(source.Int("End")));
  if (!pulled.ok()) co_return pulled;
  if (backup->dropped || !IsFollowing(*backup)) co_return base::Ok();
  backup->latest = TimeOf(source, "Latest");
  backup->status = BackupStatus::kReplicating;
  SaveBackup(*backup);
  co_return base::Ok();
}

// The source's newest base backup, if it is not here. A copy begins with it; so it does again when
// the source has dropped log that never came here.
Flow<base::Status> Rds::PullNewBase(BackupPtr backup, Value source) {
  if (!backup->bases.empty() && static_cast<std::uint64_t>(source.Int("Start")) > backup->end) {
    if (IsBeingRestored(*backup)) co_return base::Ok();
    AddEvent(backup->instance, "db-instance",
             "The copy of its backup begins anew: the log that comes next is gone", "backup");
    BeginAnew(*backup);
  }
  if (!backup->bases.empty() && backup->bases.back().snapshot == source.String("Snapshot")) {
    co_return base::Ok();
  }
  co_return co_await PullBase(backup, source);
}

void Rds::BeginAnew(AutomatedBackup& backup) {
  backup.bases.clear();
  backup.latest.reset();
  backup.start = {};
  backup.end = 0;
  backup.status = BackupStatus::kPending;
  std::error_code ignored;
  fs::remove_all(BackupPath(backup), ignored);
  SaveBackup(backup);
}

// Under another name until it is whole.
Flow<base::Status> Rds::PullBase(BackupPtr backup, Value source) {
  const std::string region = ParseArn(backup->source_arn).region;
  const fs::path draft = BackupPath(*backup) / "base.new";
  std::error_code error;
  fs::remove_all(draft, error);
  fs::create_directories(draft, error);
  base::Status pulled = host_.GiveToEngine(draft);
  BaseBackup base;
  base.snapshot = source.String("Snapshot");
  base.start = static_cast<std::uint64_t>(source.Int("BaseStart"));
  base.begun = TimeOf(source, "BaseBegun");
  base.earliest = TimeOf(source, "BaseEarliest");
  for (const Value& file : source.Items("Files")) {
    const fs::path path = draft / file.str();
    if (pulled.ok()) pulled = co_await PullFile(region, base.snapshot, file.str(), path);
  }
  if (!pulled.ok()) co_return pulled;
  if (backup->dropped) co_return base::Cancelled("the copy was deleted");
  const fs::path kept = BackupPath(*backup) / ("base-" + host_.random().Hex(8));
  fs::rename(draft, kept, error);
  if (error) co_return base::Exhausted("cannot keep the base backup: " + error.message());
  base.directory = kept.lexically_relative(Directory()).string();
  if (backup->bases.empty()) {
    backup->start = {static_cast<std::uint32_t>(source.Int("Timeline")), base.start};
    backup->end = base.start;
  }
  backup->bases.push_back(std::move(base));
  SaveBackup(*backup);
  co_return base::Ok();
}

base::Status Rds::PutLog(const AutomatedBackup& backup, const LogPlace& at,
                         std::string_view bytes) {
  if (bytes.empty()) return base::Ok();
  const LogFiles& files = TypeOf(backup.settings).log();
  RETURN_IF_ERROR(files.Write(LogPath(backup), at, bytes));
  return host_.GiveToEngine(LogPath(backup) / files.File(at));
}

Flow<base::Status> Rds::PullLog(BackupPtr backup, std::uint64_t to) {
  const std::string region = ParseArn(backup->source_arn).region;
  while (backup->end < to && !backup->dropped) {
    Value ask = Value::Struct();
    ask.Set("ResourceId", backup->resource_id);
    ask.Set("From", static_cast<std::int64_t>(backup->end));
    const Answer chunk = co_await AskRegion(host_, region, "rds", "ReadLogChunk", ask, limits.call);
    if (IsError(chunk)) co_return base::Unreachable(std::get<ApiError>(chunk).message);
    const Value& bytes = std::get<Value>(chunk).Sub("Bytes");
    const auto next = static_cast<std::uint64_t>(std::get<Value>(chunk).Int("Next"));
    if (!bytes.is_blob() || next <= backup->end) {
      co_return base::ServiceBroken("the log ends before it should");
    }
    if (backup->dropped) co_return base::Ok();
    const base::Status put = PutLog(*backup, backup->start.At(backup->end), bytes.blob().bytes);
    if (!put.ok()) co_return put;
    backup->end = next;
  }
  co_return base::Ok();
}

}  // namespace leeward::lab::rds

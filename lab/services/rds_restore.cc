// RestoreDBInstanceToPointInTime: a new instance of a base backup and the log since, of this Region
// or of a copy in it.
#include <fmt/format.h>

#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::string_view kSources[] = {"SourceDBInstanceIdentifier", "SourceDbiResourceId",
                                         "SourceDBInstanceAutomatedBackupsArn"};

ApiError NoBackup(std::string_view which) {
  return {"DBInstanceAutomatedBackupNotFound",
          fmt::format("DBInstanceAutomatedBackup not found for: {}", which),
          404,
          {}};
}

Problem CheckRestoreTime(const AutomatedBackup& backup, base::WallTime until,
                         base::WallTime earliest) {
  if (until >= earliest && until <= *backup.latest) return {};
  return BadValue(fmt::format("The restore time {} is outside the restore window of {}, {} to {}.",
                              base::FormatIso8601(until), backup.instance,
                              base::FormatIso8601(earliest), base::FormatIso8601(*backup.latest)));
}

}  // namespace

Problem Rds::CheckPointInTime(const Value& input) const {
  if (auto problem = CheckIdentifier("TargetDBInstanceIdentifier",
                                     input.String("TargetDBInstanceIdentifier"))) {
    return problem;
  }
  if (auto problem = CheckCommon(input)) return problem;
  int sources = 0;
  for (const std::string_view source : kSources) sources += input.Has(source) ? 1 : 0;
  if (sources != 1) {
    return BadCombination(
        "Exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and "
        "SourceDBInstanceAutomatedBackupsArn must be specified.");
  }
  const bool latest = input.Flag("UseLatestRestorableTime", false);
  if (latest && input.Has("RestoreTime")) {
    return BadCombination("UseLatestRestorableTime cannot be specified together with RestoreTime.");
  }
  if (!latest && !input.Has("RestoreTime")) {
    return BadCombination("Either RestoreTime or UseLatestRestorableTime must be specified.");
  }
  return {};
}

std::variant<BackupPtr, ApiError> Rds::BackupToRestore(const Value& input) const {
  BackupPtr backup;
  if (const Value* arn = input.Find("SourceDBInstanceAutomatedBackupsArn")) {
    backup = BackupByArn(arn->str());
    if (backup == nullptr) return NoBackup(arn->str());
  } else if (const Value* resource = input.Find("SourceDbiResourceId")) {
    for (const auto& [name, held] : backups_) {
      const bool here = !held->is_copy_in(host_.region());
      if (here && held->resource_id == resource->str()) backup = held;
    }
    if (backup == nullptr) return NoBackup(resource->str());
  } else {
    const std::string_view id = input.String("SourceDBInstanceIdentifier");
    const InstancePtr source = FindInstance(id);
    if (source == nullptr) return InstanceNotFound(id);
    if (source->retention() == 0) {
      return ApiError{
          "PointInTimeRestoreNotEnabled",
          fmt::format("Point in time restore is not enabled for instance {}: its backup retention "
                      "period is 0.",
                      source->id),
          400,
          {}};
    }
    backup = BackupOf(*source);
  }
  if (backup == nullptr || !backup->restorable()) {
    return InstanceState("The source has no restorable time yet; wait for its first backup.");
  }
  return backup;
}

Answer Rds::RestoreDBInstanceToPointInTime(const Value& input) {
  if (auto problem = CheckPointInTime(input)) return *problem;
  if (FindInstance(input.String("TargetDBInstanceIdentifier")) != nullptr) {
    return ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}};
  }
  const auto found = BackupToRestore(input);
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  const BackupPtr backup = std::get<BackupPtr>(found);
  const EngineType& type = TypeOf(backup->settings);
  if (auto problem = CheckPlacement(input)) return *problem;
  if (auto problem = CheckRestore(input, type)) return *problem;
  if (auto problem = CheckParameterGroup(input, type)) return *problem;
  if (auto problem = CheckOwnKey(backup->settings)) return *problem;
  if (input.String("DBName", backup->settings.String("DBName")) !=
      backup->settings.String("DBName")) {
    return BadCombination(fmt::format("DBName cannot be changed for {}.", type.name));
  }
  std::optional<base::WallTime> until;
  if (const Value* time = input.Find("RestoreTime")) {
    until = time->time();
    if (auto problem =
            CheckRestoreTime(*backup, *until, EarliestOf(*backup, host_.clock().Now(), limits.day)))
      return *problem;
  }
  Value asked = input;
  asked.Set("DBInstanceIdentifier", input.String("TargetDBInstanceIdentifier"));
  const InstancePtr instance = AddInstance(asked, RestoredSettings(input, backup->settings));
  instance->restore_backup = backup->name;
  instance->restore_until = until;
  instance->secrets = backup->secrets;
  MakeEngine(instance);
  Save();
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunCreate(instance).Detach();
  return answer;
}

}  // namespace leeward::lab::rds

// Automated backups as the API tells of them and deletes them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/list_page.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::array<std::string_view, 3> kBackupFilters = {"status", "db-instance-id",
                                                            "dbi-resource-id"};

ApiError BackupNotFound(std::string_view which) {
  return {"DBInstanceAutomatedBackupNotFound",
          fmt::format("DBInstanceAutomatedBackup not found for: {}", which),
          404,
          {}};
}

std::string_view FilteredMember(std::string_view filter) {
  if (filter == "status") return "Status";
  return filter == "db-instance-id" ? "DBInstanceIdentifier" : "DbiResourceId";
}

bool PassesFilters(const Value& shown, const Value::List& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const Value& filter) {
    const std::string_view held = shown.String(FilteredMember(filter.String("Name")));
    const Value::List& values = filter.Items("Values");
    return std::any_of(values.begin(), values.end(), [&](const Value& value) {
      return value.str() == held || ParseArn(value.str()).name == held;
    });
  });
}

}  // namespace

Value Rds::ShownBackup(const AutomatedBackup& backup) const {
  Value shown = Describe(host_, backup, limits.day);
  const InstancePtr instance = FindResource(backup.resource_id);
  if (instance != nullptr && !instance->backup_copies.empty()) {
    shown.Set("DBInstanceAutomatedBackupsReplications", CopyList(instance->backup_copies));
  }
  return shown;
}

BackupPtr Rds::BackupByArn(std::string_view arn) const {
  const ArnParts parts = ParseArn(arn);
  if (parts.kind != "auto-backup" || parts.region != host_.region()) return nullptr;
  const auto found = backups_.find(parts.name);
  return found == backups_.end() ? nullptr : found->second;
}

Answer Rds::DescribeDBInstanceAutomatedBackups(const Value& input) {
  for (const Value& filter : input.Items("Filters")) {
    if (std::find(kBackupFilters.begin(), kBackupFilters.end(), filter.String("Name")) ==
        kBackupFilters.end()) {
      return BadValue(fmt::format("Unrecognized filter name: {}", filter.String("Name")));
    }
  }
  const std::string_view arn = input.String("DBInstanceAutomatedBackupsArn");
  const std::string_view resource = input.String("DbiResourceId");
  const std::string instance = Lower(input.String("DBInstanceIdentifier"));
  Value::List found;
  for (const auto& [name, backup] : backups_) {
    const Value shown = ShownBackup(*backup);
    if (!arn.empty() && shown.String("DBInstanceAutomatedBackupsArn") != arn) continue;
    if (!resource.empty() && backup->resource_id != resource) continue;
    if (!instance.empty() && backup->instance != instance) continue;
    if (PassesFilters(shown, input.Items("Filters"))) found.push_back(shown);
  }
  for (const std::string_view named : {arn, resource, std::string_view(instance)}) {
    if (!named.empty() && found.empty()) return BackupNotFound(named);
  }
  return ListPage(input, "DBInstanceAutomatedBackups", found);
}

Answer Rds::DeleteDBInstanceAutomatedBackup(const Value& input) {
  const std::string_view arn = input.String("DBInstanceAutomatedBackupsArn");
  const std::string_view resource = input.String("DbiResourceId");
  if (arn.empty() == resource.empty()) {
    return BadCombination(
        "Exactly one of DbiResourceId and DBInstanceAutomatedBackupsArn must be specified.");
  }
  BackupPtr backup = BackupByArn(arn);
  for (const auto& [name, held] : backups_) {
    // A copy that is still added to may stand beside one that is retained.
    const bool better = backup == nullptr || held->status == BackupStatus::kRetained;
    if (!resource.empty() && held->resource_id == resource && better) backup = held;
  }
  if (backup == nullptr) return BackupNotFound(arn.empty() ? resource : arn);
  if (backup->status != BackupStatus::kRetained) {
    return ApiError{
        "InvalidDBInstanceAutomatedBackupState",
        fmt::format("The automated backup {} is {}; only a retained one can be deleted.",
                    BackupArn(host_, *backup), Name(backup->status)),
        400,
        {}};
  }
  Value shown = ShownBackup(*backup);
  shown.Set("Status", "deleting");
  DropBackup(backup);
  return Value::Struct({{"DBInstanceAutomatedBackup", std::move(shown)}});
}

}  // namespace leeward::lab::rds

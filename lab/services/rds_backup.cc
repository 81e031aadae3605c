#include "lab/services/rds_backup.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lab/services/ec2_vpc.h"
#include "lab/services/rds_instance.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr std::array<std::pair<BackupStatus, std::string_view>, 5> kBackupNames = {{
    {BackupStatus::kCreating, "creating"},
    {BackupStatus::kActive, "active"},
    {BackupStatus::kPending, "pending"},
    {BackupStatus::kReplicating, "replicating"},
    {BackupStatus::kRetained, "retained"},
}};

// Members of the instance that its backup shows as they stand.
constexpr std::array<std::string_view, 11> kShown = {"AllocatedStorage",
                                                     "AvailabilityZone",
                                                     "InstanceCreateTime",
                                                     "MasterUsername",
                                                     "Engine",
                                                     "EngineVersion",
                                                     "LicenseModel",
                                                     "Iops",
                                                     "StorageThroughput",
                                                     "PreferredBackupWindow",
                                                     "StorageType"};

std::optional<base::WallTime> TimeIn(const Value& saved, std::string_view name) {
  const Value* time = saved.Find(name);
  if (time == nullptr) return std::nullopt;
  return base::WallTime{base::Duration(time->integer())};
}

}  // namespace

std::string_view Name(BackupStatus status) {
  for (const auto& [known, name] : kBackupNames) {
    if (known == status) return name;
  }
  CHECK_NEVER("BackupStatus outside its enum");
}

bool AutomatedBackup::is_copy_in(std::string_view region) const {
  return ParseArn(source_arn).region != region;
}

Value Save(const AutomatedBackup& backup) {
  Value saved = Value::Struct({{"Name", backup.name},
                               {"ResourceId", backup.resource_id},
                               {"Instance", backup.instance},
                               {"SourceArn", backup.source_arn},
                               {"Status", Name(backup.status)},
                               {"RetentionDays", backup.retention_days},
                               {"Settings", backup.settings},
                               {"Tags", backup.tags},
                               {"Admin", backup.secrets.admin},
                               {"Replication", backup.secrets.replication},
                               {"Snapshot", backup.snapshot},
                               {"Base", backup.base},
                               {"Timeline", static_cast<std::int64_t>(backup.start.timeline)},
                               {"Start", static_cast<std::int64_t>(backup.start.position)},
                               {"End", static_cast<std::int64_t>(backup.end)}});
  // Nanoseconds: what is restorable is told to the millisecond, and kept as it was measured.
  if (backup.earliest) saved.Set("Earliest", backup.earliest->since_epoch.count());
  if (backup.latest) saved.Set("Latest", backup.latest->since_epoch.count());
  return saved;
}

AutomatedBackup LoadBackup(const Value& saved) {
  AutomatedBackup backup;
  backup.name = saved.String("Name");
  backup.resource_id = saved.String("ResourceId");
  backup.instance = saved.String("Instance");
  backup.source_arn = saved.String("SourceArn");
  for (const auto& [status, name] : kBackupNames) {
    if (name == saved.String("Status")) backup.status = status;
  }
  backup.retention_days = saved.Int("RetentionDays");
  backup.settings = saved.Sub("Settings");
  backup.tags = Value(saved.Items("Tags"));
  backup.secrets = {std::string(saved.String("Admin")), std::string(saved.String("Replication"))};
  backup.snapshot = saved.String("Snapshot");
  backup.base = saved.String("Base");
  backup.start = {static_cast<std::uint32_t>(saved.Int("Timeline")),
                  static_cast<std::uint64_t>(saved.Int("Start"))};
  backup.end = static_cast<std::uint64_t>(saved.Int("End"));
  backup.earliest = TimeIn(saved, "Earliest");
  backup.latest = TimeIn(saved, "Latest");
  return backup;
}

base::WallTime EarliestOf(const AutomatedBackup& backup, base::WallTime now) {
  const base::WallTime kept = now - std::chrono::hours(24) * backup.retention_days;
  return std::max(*backup.earliest, kept);
}

std::string BackupArn(const Host& host, const AutomatedBackup& backup) {
  return Arn(host, "rds", "auto-backup:" + backup.name);
}

Value CopyList(const std::vector<std::string>& arns) {
  Value list = Value::EmptyList();
  for (const std::string& arn : arns) {
    list.list().push_back(Value::Struct({{"DBInstanceAutomatedBackupsArn", arn}}));
  }
  return list;
}

Value Describe(Host& host, const AutomatedBackup& backup) {
  Value out = Value::Struct({{"DBInstanceArn", backup.source_arn},
                             {"DbiResourceId", backup.resource_id},
                             {"Region", ParseArn(backup.source_arn).region},
                             {"DBInstanceIdentifier", backup.instance},
                             {"Status", Name(backup.status)},
                             {"Port", backup.settings.Int("DbInstancePort")},
                             {"VpcId", DefaultVpcId(host)},
                             {"Encrypted", false},
                             {"IAMDatabaseAuthenticationEnabled", false},
                             {"BackupRetentionPeriod", backup.retention_days},
                             {"BackupTarget", "region"},
                             {"TagList", backup.tags},
                             {"DBInstanceAutomatedBackupsArn", BackupArn(host, backup)}});
  for (const std::string_view name : kShown) {
    if (const Value* value = backup.settings.Find(name)) out.Set(name, *value);
  }
  Value window = Value::Struct();
  if (backup.restorable()) {
    window.Set("EarliestTime", EarliestOf(backup, host.clock().Now()));
    window.Set("LatestTime", *backup.latest);
  }
  out.Set("RestoreWindow", std::move(window));
  return out;
}

}  // namespace leeward::lab::rds

#include "lab/services/rds_backup.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/rds_instance.h"
#include "lab/services/time_window.h"

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

constexpr int kMinutesOfDay = 24 * 60;

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

Value SaveBase(const BaseBackup& base) {
  Value saved = Value::Struct({{"Snapshot", base.snapshot},
                               {"Directory", base.directory},
                               {"Start", static_cast<std::int64_t>(base.start)},
                               {"Begun", base.begun.since_epoch.count()}});
  if (base.earliest) saved.Set("Earliest", base.earliest->since_epoch.count());
  return saved;
}

BaseBackup LoadBase(const Value& saved) {
  BaseBackup base;
  base.snapshot = saved.String("Snapshot");
  base.directory = saved.String("Directory");
  base.start = static_cast<std::uint64_t>(saved.Int("Start"));
  base.begun = {base::Duration(saved.Int("Begun"))};
  base.earliest = TimeIn(saved, "Earliest");
  return base;
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
                               {"Bases", Value::EmptyList()},
                               {"Timeline", static_cast<std::int64_t>(backup.start.timeline)},
                               {"Start", static_cast<std::int64_t>(backup.start.position)},
                               {"End", static_cast<std::int64_t>(backup.end)}});
  for (const BaseBackup& base : backup.bases) saved.Find("Bases")->list().push_back(SaveBase(base));
  // Nanoseconds: what is restorable is told to the millisecond, and kept as it was measured.
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
  for (const Value& base : saved.Items("Bases")) backup.bases.push_back(LoadBase(base));
  backup.start = {static_cast<std::uint32_t>(saved.Int("Timeline")),
                  static_cast<std::uint64_t>(saved.Int("Start"))};
  backup.end = static_cast<std::uint64_t>(saved.Int("End"));
  backup.latest = TimeIn(saved, "Latest");
  return backup;
}

const BaseBackup& AutomatedBackup::BaseFor(std::optional<base::WallTime> until) const {
  CHECK_MSG(restorable(), "a backup that nothing can be restored of yet");
  const base::WallTime wanted = until.value_or(*latest);
  const BaseBackup* newest = &bases.front();
  for (const BaseBackup& base : bases) {
    if (base.earliest && *base.earliest <= wanted) newest = &base;
  }
  return *newest;
}

base::WallTime EarliestOf(const AutomatedBackup& backup, base::WallTime now, base::Duration day) {
  return std::max(*backup.bases.front().earliest, now - day * backup.retention_days);
}

std::size_t OutlivedBases(const AutomatedBackup& backup, base::WallTime now, base::Duration day) {
  const base::WallTime kept = now - day * backup.retention_days;
  std::size_t outlived = 0;
  for (std::size_t i = 1; i < backup.bases.size(); ++i) {
    if (backup.bases[i].earliest && *backup.bases[i].earliest <= kept) outlived = i;
  }
  return outlived;
}

bool IsBackupDue(std::string_view window, base::WallTime last, base::WallTime now,
                 base::Duration day) {
  const std::optional<int> begins = MinuteOfDay(window.substr(0, window.find('-')));
  const std::optional<int> lasts = WindowMinutes(window);
  if (!begins || !lasts) return false;
  const base::Duration since_opened = (now.since_epoch - day * *begins / kMinutesOfDay + day) % day;
  if (since_opened >= day * *lasts / kMinutesOfDay) return false;
  return last < now - since_opened;
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

Value Describe(Host& host, const AutomatedBackup& backup, base::Duration day) {
  Value out = Value::Struct({{"DBInstanceArn", backup.source_arn},
                             {"DbiResourceId", backup.resource_id},
                             {"Region", ParseArn(backup.source_arn).region},
                             {"DBInstanceIdentifier", backup.instance},
                             {"Status", Name(backup.status)},
                             {"Port", backup.settings.Int("DbInstancePort")},
                             {"VpcId", DefaultVpcId(host)},
                             {"Encrypted", backup.settings.Flag("StorageEncrypted", false)},
                             {"IAMDatabaseAuthenticationEnabled", false},
                             {"BackupRetentionPeriod", backup.retention_days},
                             {"BackupTarget", "region"},
                             {"TagList", backup.tags},
                             {"DBInstanceAutomatedBackupsArn", BackupArn(host, backup)}});
  for (const std::string_view name : kShown) {
    if (const Value* value = backup.settings.Find(name)) out.Set(name, *value);
  }
  if (const Value* key = backup.settings.Find("KmsKeyId")) out.Set("KmsKeyId", *key);
  Value window = Value::Struct();
  if (backup.restorable()) {
    window.Set("EarliestTime", EarliestOf(backup, host.clock().Now(), day));
    window.Set("LatestTime", *backup.latest);
  }
  out.Set("RestoreWindow", std::move(window));
  return out;
}

}  // namespace leeward::lab::rds

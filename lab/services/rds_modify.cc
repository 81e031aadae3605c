// ModifyDBInstance: what counts at once, what waits for the maintenance window, and renaming.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using enum InstanceStatus;

constexpr base::Duration kModifyAws = std::chrono::seconds(90);

struct Change {
  std::string_view request;  // member of the request
  std::string_view setting;  // member of the answer
};
// These wait for the maintenance window unless ApplyImmediately is set.
constexpr Change kDeferrable[] = {{"AllocatedStorage", "AllocatedStorage"},
                                  {"DBInstanceClass", "DBInstanceClass"},
                                  {"BackupRetentionPeriod", "BackupRetentionPeriod"},
                                  {"StorageType", "StorageType"},
                                  {"Iops", "Iops"},
                                  {"StorageThroughput", "StorageThroughput"},
                                  {"CACertificateIdentifier", "CACertificateIdentifier"}};
// These count at once, whatever ApplyImmediately says.
constexpr Change kAtOnce[] = {{"PreferredBackupWindow", "PreferredBackupWindow"},
                              {"PreferredMaintenanceWindow", "PreferredMaintenanceWindow"},
                              {"AutoMinorVersionUpgrade", "AutoMinorVersionUpgrade"},
                              {"CopyTagsToSnapshot", "CopyTagsToSnapshot"},
                              {"DeletionProtection", "DeletionProtection"},
                              {"PubliclyAccessible", "PubliclyAccessible"},
                              {"MaxAllocatedStorage", "MaxAllocatedStorage"},
                              {"NetworkType", "NetworkType"}};

// AWS applies a change of retention between two values that are not zero as soon as it can; only
// turning backups on or off waits.
bool Waits(const Instance& instance, std::string_view name, const Value& input) {
  if (input.Flag("ApplyImmediately", false)) return false;
  if (name != "BackupRetentionPeriod") return true;
  return (instance.retention() == 0) != (input.Int(name) == 0);
}

void ChangeLogs(Value& settings, const Value& change) {
  Value::List kept;
  const auto listed = [](const Value::List& list, const Value& type) {
    return std::find(list.begin(), list.end(), type) != list.end();
  };
  for (const Value& type : settings.Items("EnabledCloudwatchLogsExports")) {
    if (!listed(change.Items("DisableLogTypes"), type)) kept.push_back(type);
  }
  for (const Value& type : change.Items("EnableLogTypes")) {
    if (!listed(kept, type)) kept.push_back(type);
  }
  settings.Erase("EnabledCloudwatchLogsExports");
  if (!kept.empty()) settings.Set("EnabledCloudwatchLogsExports", Value(std::move(kept)));
}

}  // namespace

Answer Rds::ModifyDBInstance(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (auto problem = CheckModify(*instance, input)) return *problem;
  if (auto problem = CheckPlacement(input)) return *problem;
  if (auto problem = CheckParameterGroup(input, instance->type())) return *problem;
  if (input.Has("NewDBInstanceIdentifier") &&
      FindInstance(input.String("NewDBInstanceIdentifier")) != nullptr) {
    return ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}};
  }
  ApplySettings(*instance, input);
  Save();
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunModify(instance, input).Detach();
  return answer;
}

// What needs no work counts now; what needs some, or has to wait, is pending.
void Rds::ApplySettings(Instance& instance, const Value& input) {
  for (const Change& change : kAtOnce) {
    if (const Value* value = input.Find(change.request))
      instance.settings.Set(change.setting, *value);
  }
  for (const Change& change : kDeferrable) {
    const Value* value = input.Find(change.request);
    if (value != nullptr && *value != instance.settings.Sub(change.setting)) {
      instance.pending.Set(change.setting, *value);
    }
  }
  if (input.Has("MasterUserPassword")) instance.pending.Set("MasterUserPassword", "****");
  if (const Value* id = input.Find("NewDBInstanceIdentifier")) {
    instance.pending.Set("DBInstanceIdentifier", Lower(id->str()));
  }
  if (const Value* port = input.Find("DBPortNumber")) instance.pending.Set("Port", *port);
  if (const Value* logs = input.Find("CloudwatchLogsExportConfiguration")) {
    ChangeLogs(instance.settings, *logs);
  }
  if (const Value* groups = input.Find("VpcSecurityGroupIds")) {
    instance.security_groups.clear();
    for (const Value& id : groups->list()) instance.security_groups.push_back(id.str());
    SetIngress(instance);
  }
  if (input.Has("DBParameterGroupName")) {
    instance.parameter_group = Lower(input.String("DBParameterGroupName"));
  }
}

Flow<> Rds::RunModify(InstancePtr instance, Value input) {
  const AtWork at_work(instance);
  const bool stopped = instance->status == kStopped;
  const std::int64_t retention = instance->retention();
  const base::Status applied = co_await ApplyChanges(instance, input);
  if (instance->cancelled) co_return;
  if (!applied.ok()) {
    AddEvent(instance->id, "db-instance", "The modification failed: " + applied.error().message(),
             "configuration change");
  }
  // A change of role or a backup may have taken the instance over meanwhile.
  const bool ours = instance->status == kModifying || instance->status == kRenaming ||
                    instance->status == kResettingMasterCredentials;
  if (ours) instance->status = stopped ? kStopped : kAvailable;
  Save();
  if (retention == 0 && instance->retention() > 0 && !stopped) RunBackup(instance).Detach();
  if (retention > 0 && instance->retention() == 0) co_await EndBackups(instance);
}

Flow<base::Status> Rds::ApplyChanges(InstancePtr instance, Value input) {
  if (const Value* password = input.Find("MasterUserPassword"); password != nullptr) {
    SetStatus(*instance, kResettingMasterCredentials);
    std::string user(instance->settings.String("MasterUsername"));
    std::string asked = password->str();
    const base::Status changed =
        co_await instance->engine->SetMasterPassword(std::move(user), std::move(asked));
    instance->pending.Erase("MasterUserPassword");
    if (!changed.ok()) co_return changed;
    AddEvent(instance->id, "db-instance", "Reset master credentials", "configuration change");
  }
  bool any = false;
  for (const Change& change : kDeferrable) {
    any = any || (input.Has(change.request) && !Waits(*instance, change.request, input));
  }
  if (any && host_.pace() == Pace::kAws) {
    SetStatus(*instance, kModifying);
    co_await Sleep(host_, kModifyAws);
  }
  for (const Change& change : kDeferrable) {
    const Value* value = input.Find(change.request);
    if (value == nullptr || Waits(*instance, change.request, input)) continue;
    instance->settings.Set(change.setting, *value);
    instance->pending.Erase(change.setting);
  }
  if (const Value* port = input.Find("DBPortNumber")) {
    instance->settings.Set("DbInstancePort", *port);
    instance->pending.Erase("Port");
    if (instance->engine->running()) Publish(*instance);
  }
  if (input.Has("NewDBInstanceIdentifier") && input.Flag("ApplyImmediately", false)) {
    SetStatus(*instance, kRenaming);
    co_await Sleep(host_, Paced(kModifyAws));
    if (!instance->cancelled) Rename(*instance, Lower(input.String("NewDBInstanceIdentifier")));
  }
  co_return base::Ok();
}

void Rds::Rename(Instance& instance, const std::string& id) {
  const InstancePtr renamed = instances_.at(instance.id);
  const std::string new_arn = Arn(host_, "rds", "db:" + id);
  Withdraw(instance);
  instances_.erase(instance.id);
  instance.id = id;
  instance.pending.Erase("DBInstanceIdentifier");
  instances_[id] = renamed;
  if (instance.engine->running()) Publish(instance);
  AddEvent(id, "db-instance", "Renamed instance to " + id, "configuration change");
  for (const ReplicaRef& replica : instance.replicas) {
    Tell({ParseArn(replica.arn).region, "SourceRenamed",
          Value::Struct({{"Slot", replica.slot}, {"Source", new_arn}})});
  }
  if (instance.is_replica()) {
    Tell({ParseArn(instance.source_arn).region, "ReplicaRenamed",
          Value::Struct({{"Slot", instance.source.slot}, {"To", new_arn}})});
  }
}

}  // namespace leeward::lab::rds

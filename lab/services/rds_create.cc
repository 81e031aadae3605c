// New instances: from the template or from a snapshot.
#include <fmt/format.h>

#include "lab/services/ec2_vpc.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr base::Duration kCreateAws = std::chrono::minutes(5);

// Members that a request sets and an answer shows unchanged.
constexpr std::string_view kKept[] = {"DBInstanceClass",
                                      "AllocatedStorage",
                                      "DBName",
                                      "PreferredMaintenanceWindow",
                                      "StorageType",
                                      "Iops",
                                      "StorageThroughput",
                                      "AutoMinorVersionUpgrade",
                                      "LicenseModel",
                                      "PubliclyAccessible",
                                      "CopyTagsToSnapshot",
                                      "DeletionProtection",
                                      "AvailabilityZone",
                                      "MaxAllocatedStorage",
                                      "CACertificateIdentifier",
                                      "BackupRetentionPeriod",
                                      "PreferredBackupWindow",
                                      "NetworkType"};

}  // namespace

// What every new instance answers unless its request or its source says otherwise.
Value Rds::FreshSettings(const Value& input, const EngineType& type) const {
  Value settings = Value::Struct({{"Engine", type.name},
                                  {"EngineVersion", type.version()},
                                  {"StorageType", "gp2"},
                                  {"DbInstancePort", input.Int("Port", type.port)},
                                  {"BackupRetentionPeriod", 1},
                                  {"PreferredBackupWindow", "03:00-04:00"},
                                  {"PreferredMaintenanceWindow", "sun:05:00-sun:06:00"},
                                  {"MultiAZ", false},
                                  {"AvailabilityZone", host_.region() + "a"},
                                  {"AutoMinorVersionUpgrade", true},
                                  {"LicenseModel", type.license},
                                  {"PubliclyAccessible", false},
                                  {"StorageEncrypted", false},
                                  {"CopyTagsToSnapshot", false},
                                  {"DeletionProtection", false},
                                  {"MonitoringInterval", 0},
                                  {"IAMDatabaseAuthenticationEnabled", false},
                                  {"PerformanceInsightsEnabled", false},
                                  {"BackupTarget", "region"},
                                  {"NetworkType", "IPV4"}});
  for (const std::string_view name : kKept) {
    if (const Value* value = input.Find(name)) settings.Set(name, *value);
  }
  const Value::List& logs = input.Items("EnableCloudwatchLogsExports");
  if (!logs.empty()) settings.Set("EnabledCloudwatchLogsExports", Value(logs));
  return settings;
}

Problem Rds::CheckPlacement(const Value& input) const {
  if (input.Has("DBSubnetGroupName") && input.String("DBSubnetGroupName") != "default" &&
      !subnet_groups_.contains(Lower(input.String("DBSubnetGroupName")))) {
    return ApiError{
        "DBSubnetGroupNotFoundFault",
        fmt::format("DB subnet group '{}' does not exist.", input.String("DBSubnetGroupName")),
        404,
        {}};
  }
  if (const auto* groups = FindSibling<SecurityGroups>(host_, "ec2")) {
    for (const Value& id : input.Items("VpcSecurityGroupIds")) {
      if (!groups->Exists(id.str())) {
        return BadValue(fmt::format("Invalid security group , groupId= {}, groupName=.", id.str()));
      }
    }
  }
  return {};
}

Problem Rds::CheckParameterGroup(const Value& input, const EngineType& type) const {
  const std::string_view name = input.String("DBParameterGroupName", type.default_group);
  if (name == type.default_group) return {};
  const auto group = parameter_groups_.find(Lower(name));
  if (group == parameter_groups_.end()) {
    return ApiError{
        "DBParameterGroupNotFound", fmt::format("DBParameterGroup not found: {}", name), 404, {}};
  }
  if (group->second.String("DBParameterGroupFamily") == type.family) return {};
  return BadCombination(
      fmt::format("The parameter group {} with DBParameterGroupFamily {} can't be used for this "
                  "instance. Use a parameter group with DBParameterGroupFamily {}.",
                  name, group->second.String("DBParameterGroupFamily"), type.family));
}

Template& Rds::TemplateOf(const EngineType& type) {
  std::unique_ptr<Template>& made = templates_[type.template_directory];
  if (made == nullptr) {
    made = std::make_unique<Template>(host_, type, Directory() / type.template_directory, secrets_);
  }
  return *made;
}

InstancePtr Rds::AddInstance(const Value& input, Value settings) {
  auto instance = std::make_shared<Instance>();
  instance->id = Lower(input.String("DBInstanceIdentifier"));
  instance->resource_id = NewResourceId();
  instance->directory = host_.random().Hex(8);
  instance->settings = std::move(settings);
  instance->settings.Set("InstanceCreateTime", host_.clock().Now());
  for (const Value& id : input.Items("VpcSecurityGroupIds")) {
    instance->security_groups.push_back(id.str());
  }
  if (instance->security_groups.empty()) {
    instance->security_groups.push_back(DefaultSecurityGroupId(host_));
  }
  instance->subnet_group = Lower(input.String("DBSubnetGroupName", "default"));
  instance->parameter_group =
      Lower(input.String("DBParameterGroupName", instance->type().default_group));
  instance->tags = Value(input.Items("Tags"));
  instance->secrets = secrets_;
  instances_[instance->id] = instance;
  return instance;
}

Answer Rds::CreateDBInstance(const Value& input) {
  const EngineType* type = FindEngineType(input.String("Engine"));
  if (auto problem = CheckCreate(input, type)) return *problem;
  if (FindInstance(input.String("DBInstanceIdentifier")) != nullptr) {
    return ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}};
  }
  if (auto problem = CheckPlacement(input)) return *problem;
  if (auto problem = CheckParameterGroup(input, *type)) return *problem;
  if (auto problem = CheckEncryption(input)) return *problem;
  Value settings = FreshSettings(input, *type);
  if (input.Flag("StorageEncrypted", false)) Encrypt(settings, input.String("KmsKeyId"));
  settings.Set("MasterUsername", Lower(input.String("MasterUsername")));
  const InstancePtr instance = AddInstance(input, std::move(settings));
  instance->master_password = input.String("MasterUserPassword");
  MakeEngine(instance);
  Save();
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  answer.Find("DBInstance")->Find("PendingModifiedValues")->Set("MasterUserPassword", "****");
  RunCreate(instance).Detach();
  return answer;
}

// Of an instance that is made of another's backup: the other's, unless the request says otherwise.
// Its zone is the system's choice.
Value Rds::RestoredSettings(const Value& input, const Value& origin) const {
  const EngineType& type = TypeOf(origin);
  Value settings = FreshSettings(origin, type);
  settings.Set("AvailabilityZone", host_.region() + "a");
  const Value asked = FreshSettings(input, type);
  for (const auto& [name, value] : asked.members()) {
    if (input.Has(name)) settings.Set(name, value);
  }
  settings.Set("DbInstancePort", input.Int("Port", origin.Int("DbInstancePort", type.port)));
  settings.Set("MasterUsername", origin.String("MasterUsername"));
  InheritKey(settings, origin);
  return settings;
}

Answer Rds::RestoreDBInstanceFromDBSnapshot(const Value& input) {
  if (auto problem =
          CheckIdentifier("DBInstanceIdentifier", input.String("DBInstanceIdentifier"))) {
    return *problem;
  }
  if (auto problem = CheckCommon(input)) return *problem;
  const ArnParts arn = ParseArn(input.String("DBSnapshotIdentifier"));
  const std::string id =
      Lower(arn.name.empty() ? input.String("DBSnapshotIdentifier") : std::string_view(arn.name));
  const auto snapshot = snapshots_.find(id);
  if (snapshot == snapshots_.end()) {
    return ApiError{"DBSnapshotNotFound", fmt::format("DBSnapshot not found: {}", id), 404, {}};
  }
  if (snapshot->second.record.String("Status") != "available") {
    return ApiError{"InvalidDBSnapshotState",
                    fmt::format("Snapshot {} is not in available state.", id),
                    400,
                    {}};
  }
  if (FindInstance(input.String("DBInstanceIdentifier")) != nullptr) {
    return ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}};
  }
  const EngineType& type = TypeOf(snapshot->second.settings);
  if (auto problem = CheckPlacement(input)) return *problem;
  if (auto problem = CheckRestore(input, type)) return *problem;
  if (auto problem = CheckParameterGroup(input, type)) return *problem;
  if (auto problem = CheckOwnKey(snapshot->second.settings)) return *problem;
  const InstancePtr instance =
      AddInstance(input, RestoredSettings(input, snapshot->second.settings));
  instance->restore_from = id;
  instance->secrets = snapshot->second.secrets;
  MakeEngine(instance);
  Save();
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunCreate(instance).Detach();
  return answer;
}

// Fills the data directory of a new instance, from wherever its data come.
Flow<base::Status> Rds::Fill(InstancePtr instance) {
  if (instance->is_replica()) {
    const Upstream upstream = LocalUpstream(*instance);
    Engine::FetchBackup fetch = [this, instance](std::filesystem::path into) {
      return FetchSourceBackup(instance, std::move(into));
    };
    co_return co_await instance->engine->CloneFrom(upstream, std::move(fetch));
  }
  if (!instance->restore_from.empty()) {
    const auto snapshot = snapshots_.find(instance->restore_from);
    if (snapshot == snapshots_.end()) co_return base::NotFound("its snapshot is gone");
    const std::filesystem::path path = SnapshotPath(snapshot->second);
    co_return co_await instance->engine->RestoreFrom(path);
  }
  if (!instance->restore_backup.empty()) {
    const auto backup = backups_.find(instance->restore_backup);
    if (backup == backups_.end()) co_return base::NotFound("its automated backup is gone");
    if (!backup->second->restorable()) co_return base::NotFound("its automated backup is empty");
    const BaseBackup& base = backup->second->BaseFor(instance->restore_until);
    const std::filesystem::path path = Directory() / base.directory;
    co_return co_await instance->engine->RestoreFrom(path);
  }
  const base::Result<std::filesystem::path> cluster = co_await TemplateOf(instance->type()).Ready();
  if (!cluster.ok()) co_return cluster.error();
  co_return co_await instance->engine->CopyFrom(*cluster);
}

Flow<base::Status> Rds::Bootstrap(InstancePtr instance) {
  if (instance->master_password.empty()) co_return base::Ok();
  MasterUser master;
  master.name = instance->settings.String("MasterUsername");
  master.password = instance->master_password;
  master.database = instance->settings.String("DBName");
  const base::Status made = co_await instance->engine->CreateMaster(std::move(master));
  if (made.ok()) instance->master_password.clear();
  co_return made;
}

Flow<> Rds::RunCreate(InstancePtr instance) {
  const AtWork at_work(instance);
  base::Status outcome = co_await Fill(instance);
  if (outcome.ok() && !instance->cancelled)
    outcome = instance->engine->Configure(ConfigOf(*instance));
  if (outcome.ok() && !instance->cancelled) outcome = co_await instance->engine->Start();
  if (outcome.ok() && !instance->cancelled && !instance->restore_backup.empty()) {
    // Recovery has ended; no later start may begin another.
    instance->restore_backup.clear();
    outcome = instance->engine->Configure(ConfigOf(*instance));
  }
  if (outcome.ok() && !instance->cancelled) outcome = co_await Bootstrap(instance);
  if (instance->cancelled) co_return;
  if (!outcome.ok()) {
    const base::Status stopped = co_await instance->engine->Stop();
    if (!stopped.ok()) outcome = base::Error(outcome.error()).Context(stopped.error().message());
    Fail(*instance, outcome);
    co_return;
  }
  co_await Sleep(host_, Paced(kCreateAws));
  if (instance->cancelled) co_return;
  instance->restore_from.clear();
  Publish(*instance);
  AddEvent(
      instance->id, "db-instance",
      instance->is_replica() ? "Replication for the Read Replica resumed" : "DB instance created",
      instance->is_replica() ? "read replica" : "creation");
  SetStatus(*instance, InstanceStatus::kAvailable);
  if (instance->retention() > 0 && !instance->is_replica()) RunBackup(instance).Detach();
}

}  // namespace leeward::lab::rds

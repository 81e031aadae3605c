#include "lab/services/rds.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/ec2_vpc.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr int kResourceIdLength = 26;

}  // namespace

Rds::Rds(Host& host) : host_(host) {}

Rds::~Rds() {
  // Flows of ours may outlive us in the host's queues, the servers may not.
  for (auto& [id, instance] : instances_) instance->engine.reset();
}

std::span<const OperationRow<Rds>> Rds::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Rds>>({
      {"AddTagsToResource", &Rds::AddTagsToResource},
      {"CopyDBSnapshot", &Rds::CopyDBSnapshot},
      {"CreateDBInstance", &Rds::CreateDBInstance},
      {"CreateDBInstanceReadReplica", &Rds::CreateDBInstanceReadReplica},
      {"CreateDBParameterGroup", &Rds::CreateDBParameterGroup},
      {"CreateDBSnapshot", &Rds::CreateDBSnapshot},
      {"CreateDBSubnetGroup", &Rds::CreateDBSubnetGroup},
      {"DeleteDBInstance", &Rds::DeleteDBInstance},
      {"DeleteDBInstanceAutomatedBackup", &Rds::DeleteDBInstanceAutomatedBackup},
      {"DeleteDBParameterGroup", &Rds::DeleteDBParameterGroup},
      {"DeleteDBSnapshot", &Rds::DeleteDBSnapshot},
      {"DeleteDBSubnetGroup", &Rds::DeleteDBSubnetGroup},
      {"DescribeDBEngineVersions", &Rds::DescribeDBEngineVersions},
      {"DescribeDBInstanceAutomatedBackups", &Rds::DescribeDBInstanceAutomatedBackups},
      {"DescribeDBInstances", &Rds::DescribeDBInstances},
      {"DescribeDBParameterGroups", &Rds::DescribeDBParameterGroups},
      {"DescribeDBParameters", &Rds::DescribeDBParameters},
      {"DescribeDBSnapshots", &Rds::DescribeDBSnapshots},
      {"DescribeDBSubnetGroups", &Rds::DescribeDBSubnetGroups},
      {"DescribeEvents", &Rds::DescribeEvents},
      {"DescribeOrderableDBInstanceOptions", &Rds::DescribeOrderableDBInstanceOptions},
      {"DescribeSourceRegions", &Rds::DescribeSourceRegions},
      {"ListTagsForResource", &Rds::ListTagsForResource},
      {"ModifyDBInstance", &Rds::ModifyDBInstance},
      {"ModifyDBParameterGroup", &Rds::ModifyDBParameterGroup},
      {"PromoteReadReplica", &Rds::PromoteReadReplica},
      {"RebootDBInstance", &Rds::RebootDBInstance},
      {"RemoveTagsFromResource", &Rds::RemoveTagsFromResource},
      {"RestoreDBInstanceFromDBSnapshot", &Rds::RestoreDBInstanceFromDBSnapshot},
      {"RestoreDBInstanceToPointInTime", &Rds::RestoreDBInstanceToPointInTime},
      {"StartDBInstance", &Rds::StartDBInstance},
      {"StartDBInstanceAutomatedBackupsReplication",
       &Rds::StartDBInstanceAutomatedBackupsReplication},
      {"StopDBInstance", &Rds::StopDBInstance},
      {"StopDBInstanceAutomatedBackupsReplication",
       &Rds::StopDBInstanceAutomatedBackupsReplication},
  });
  return kTable;
}

std::span<const OperationRow<Rds>> Rds::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<Rds>>({
      {"PrepareReplica", &Rds::PrepareReplica},
      {"ReplicaGone", &Rds::ReplicaGone},
      {"ReplicaRenamed", &Rds::ReplicaRenamed},
      {"SourceDeleted", &Rds::SourceDeleted},
      {"SourceRenamed", &Rds::SourceRenamed},
      {"BackUpForReplica", &Rds::BackUpForReplica},
      {"BackupCopyGone", &Rds::BackupCopyGone},
      {"DescribeBackup", &Rds::DescribeBackupInternal},
      {"ListBackupCopy", &Rds::ListBackupCopy},
      {"ReadLogChunk", &Rds::ReadLogChunk},
      {"DescribeSnapshot", &Rds::DescribeSnapshotInternal},
      {"DropReplicaBackup", &Rds::DropReplicaBackup},
      {"ReadSnapshotChunk", &Rds::ReadSnapshotChunk},
  });
  return kTable;
}

std::vector<std::string_view> Rds::operations() const { return OperationNames(Table()); }

void Rds::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void Rds::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  Service::HandleInternal(operation, input, std::move(reply));
}

base::Status Rds::Start() {
  RETURN_IF_ERROR(CheckSocketRoom(Directory()));
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "rds"));
  Load(state);
  LoadBackups();
  if (secrets_.admin.empty()) {
    secrets_ = {host_.random().Hex(32), host_.random().Hex(32)};
    Save();
  }
  for (const EngineType* type : EngineTypes()) {
    if (type->template_made != TemplateMade::kAhead) continue;
    host_.After(limits.template_delay, [made = &TemplateOf(*type)] { made->Make(); });
  }
  for (const auto& [id, instance] : instances_) Resume(instance);
  for (const auto& [name, backup] : backups_) {
    if (backup->is_copy_in(host_.region())) PullBackup(backup).Detach();
  }
  if (!notices_.empty()) SendNotices().Detach();
  Monitor().Detach();
  return base::Ok();
}

// Goes on with what the last process was at when it ended.
void Rds::Resume(const InstancePtr& instance) {
  MakeEngine(instance);
  switch (instance->status) {
    case InstanceStatus::kCreating:
      RunCreate(instance).Detach();
      return;
    case InstanceStatus::kDeleting:
      RunDelete(instance, "").Detach();
      return;
    case InstanceStatus::kStopping:
      instance->status = InstanceStatus::kStopped;
      return;
    case InstanceStatus::kStopped:
    case InstanceStatus::kFailed:
      return;
    case InstanceStatus::kAvailable:
    case InstanceStatus::kBackingUp:
    case InstanceStatus::kModifying:
    case InstanceStatus::kRebooting:
    case InstanceStatus::kRenaming:
    case InstanceStatus::kResettingMasterCredentials:
    case InstanceStatus::kStarting:
      break;
  }
  instance->status = InstanceStatus::kStarting;
  RunStart(instance).Detach();
}

void Rds::MakeEngine(const InstancePtr& instance) {
  instance->engine =
      instance->type().make(host_, Directory() / instance->directory, instance->secrets);
  instance->engine->OnCrash([this, weak = std::weak_ptr<Instance>(instance)] {
    if (const InstancePtr crashed = weak.lock()) RestartCrashed(crashed).Detach();
  });
}

EngineConfig Rds::ConfigOf(Instance& instance) {
  EngineConfig config;
  config.application_name = instance.resource_id;
  // A server that has left recovery must never be made a standby again, whatever was saved last.
  const bool promoted = instance.promoting && !instance.engine->IsStandby();
  if (instance.is_replica() && !promoted) config.upstream = LocalUpstream(instance);
  if (const auto backup = backups_.find(instance.restore_backup); backup != backups_.end()) {
    config.recovery = {LogPath(*backup->second), instance.restore_until};
  }
  const auto group = parameter_groups_.find(instance.parameter_group);
  if (group != parameter_groups_.end()) {
    for (const auto& [name, value] : group->second.Sub("Parameters").is_members()
                                         ? group->second.Sub("Parameters").members()
                                         : Value::Members()) {
      config.parameters.emplace_back(name, value.str());
    }
  }
  return config;
}

Value Rds::Shown(const Instance& instance) const {
  return Describe(host_, instance, SubnetGroupNamed(instance.subnet_group));
}

void Rds::Publish(const Instance& instance) {
  const std::string name = "rds:" + instance.id;
  host_.network().Publish({.name = name,
                           .address = host_.network().AddressFor(name),
                           .port = instance.port(),
                           .backend = instance.engine->socket(),
                           .region = "",
                           .origin = instance.type().origin});
  SetIngress(instance);
  if (!instance.replicas.empty()) PublishReplication(instance);
}

// Replication has an address of its own, as on AWS it has a network of its own: security groups do
// not cut it.
void Rds::PublishReplication(const Instance& instance) {
  const std::string name = ReplicationName(instance);
  host_.network().Publish({.name = name,
                           .address = host_.network().AddressFor(name),
                           .port = instance.type().port,
                           .backend = instance.engine->socket(),
                           .region = "",
                           .origin = instance.type().origin});
}

std::string Rds::ReplicationName(const Instance& instance) const {
  return "rds-replication:" + instance.resource_id;
}

void Rds::Withdraw(const Instance& instance) {
  host_.network().Withdraw("rds:" + instance.id);
  if (!instance.replicas.empty()) host_.network().Withdraw(ReplicationName(instance));
}

void Rds::SetIngress(const Instance& instance) {
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  if (groups == nullptr) return;
  host_.network().SetIngress("rds:" + instance.id,
                             groups->Ingress(instance.security_groups, instance.port()));
}

void Rds::SecurityGroupsChanged() {
  for (const auto& [id, instance] : instances_) SetIngress(*instance);
}

bool Rds::UsesGroup(std::string_view group_id) const {
  for (const auto& [id, instance] : instances_) {
    for (const std::string& group : instance->security_groups) {
      if (group == group_id) return true;
    }
  }
  return false;
}

InstancePtr Rds::FindInstance(std::string_view id) const {
  const ArnParts parts = ParseArn(id);
  if (!parts.name.empty() && (parts.region != host_.region() || parts.kind != "db")) return nullptr;
  const auto found = instances_.find(Lower(parts.name.empty() ? id : std::string_view(parts.name)));
  return found == instances_.end() ? nullptr : found->second;
}

void Rds::SetStatus(Instance& instance, InstanceStatus status) {
  instance.status = status;
  Save();
}

void Rds::Fail(Instance& instance, const base::Status& why) {
  AddEvent(instance.id, "db-instance", "DB instance has failed: " + why.error().message(),
           "failure");
  SetStatus(instance, InstanceStatus::kFailed);
}

void Rds::AddEvent(std::string_view source, std::string_view type, std::string message,
                   std::string_view category) {
  const std::string kind = type == "db-snapshot" ? "snapshot:" : "db:";
  events_.push_back(Value::Struct({{"SourceIdentifier", source},
                                   {"SourceType", type},
                                   {"Message", std::move(message)},
                                   {"EventCategories", Value(Value::List{Value(category)})},
                                   {"Date", host_.clock().Now()},
                                   {"SourceArn", Arn(host_, "rds", kind + std::string(source))}}));
  while (events_.size() > limits.events) events_.pop_front();
}

base::Duration Rds::Paced(base::Duration aws) const {
  return host_.pace() == Pace::kAws ? aws : base::Duration(0);
}

std::string Rds::NewResourceId() {
  std::string id = "db-";
  for (int i = 0; i < kResourceIdLength; ++i) {
    id += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[host_.random().Below(32)];
  }
  return id;
}

std::string Rds::NewBackupName() { return "ab-" + Lower(NewResourceId()).substr(3); }

void Rds::Load(const Value& state) {
  secrets_ = {std::string(state.String("AdminPassword")),
              std::string(state.String("ReplicationPassword"))};
  for (const Value& saved : state.Items("Instances")) {
    auto instance = std::make_shared<Instance>(LoadInstance(saved));
    instances_[instance->id] = instance;
  }
  for (const Value& saved : state.Items("Snapshots")) {
    Snapshot snapshot{
        saved.Sub("Record"),
        std::string(saved.String("Directory")),
        {std::string(saved.String("Admin")), std::string(saved.String("Replication"))},
        saved.Sub("Settings")};
    // A copy that was being made when the process ended is no snapshot.
    if (snapshot.record.String("Status") != "available") snapshot.record.Set("Status", "failed");
    snapshots_[std::string(snapshot.record.String("DBSnapshotIdentifier"))] = snapshot;
  }
  for (const Value& group : state.Items("SubnetGroups")) {
    subnet_groups_[std::string(group.String("DBSubnetGroupName"))] = group;
  }
  for (const Value& group : state.Items("ParameterGroups")) {
    parameter_groups_[std::string(group.String("DBParameterGroupName"))] = group;
  }
  for (const Value& event : state.Items("Events")) events_.push_back(event);
  for (const Value& notice : state.Items("Notices")) {
    notices_.push_back({std::string(notice.String("Region")),
                        std::string(notice.String("Operation")), notice.Sub("Input")});
  }
}

void Rds::Save() {
  Value::List instances;
  for (const auto& [id, instance] : instances_) instances.push_back(rds::Save(*instance));
  Value::List snapshots;
  for (const auto& [id, snapshot] : snapshots_) {
    snapshots.push_back(Value::Struct({{"Record", snapshot.record},
                                       {"Directory", snapshot.directory},
                                       {"Admin", snapshot.secrets.admin},
                                       {"Replication", snapshot.secrets.replication},
                                       {"Settings", snapshot.settings}}));
  }
  Value::List subnet_groups;
  for (const auto& [name, group] : subnet_groups_) subnet_groups.push_back(group);
  Value::List parameter_groups;
  for (const auto& [name, group] : parameter_groups_) parameter_groups.push_back(group);
  Value::List notices;
  for (const Notice& notice : notices_) {
    notices.push_back(Value::Struct(
        {{"Region", notice.region}, {"Operation", notice.operation}, {"Input", notice.input}}));
  }
  SaveState(host_, "rds",
            Value::Struct({{"AdminPassword", secrets_.admin},
                           {"ReplicationPassword", secrets_.replication},
                           {"Instances", Value(std::move(instances))},
                           {"Snapshots", Value(std::move(snapshots))},
                           {"SubnetGroups", Value(std::move(subnet_groups))},
                           {"ParameterGroups", Value(std::move(parameter_groups))},
                           {"Events", Value(Value::List(events_.begin(), events_.end()))},
                           {"Notices", Value(std::move(notices))}}));
}

}  // namespace leeward::lab::rds

namespace leeward::lab {

std::unique_ptr<Service> MakeRds(Host& host) { return std::make_unique<rds::Rds>(host); }

}  // namespace leeward::lab

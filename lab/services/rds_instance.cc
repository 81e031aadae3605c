#include "lab/services/rds_instance.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/ec2_vpc.h"
#include "lab/services/rds_backup.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using enum InstanceStatus;

constexpr std::array<std::pair<InstanceStatus, std::string_view>, 12> kNames = {{
    {kCreating, "creating"},
    {kAvailable, "available"},
    {kBackingUp, "backing-up"},
    {kModifying, "modifying"},
    {kRebooting, "rebooting"},
    {kRenaming, "renaming"},
    {kResettingMasterCredentials, "resetting-master-credentials"},
    {kStarting, "starting"},
    {kStopping, "stopping"},
    {kStopped, "stopped"},
    {kDeleting, "deleting"},
    {kFailed, "failed"},
}};

struct Allowance {
  InstanceAction action;
  InstanceStatus status;
};
// Every pair that is allowed; deletion is allowed in any status but kDeleting.
constexpr auto kAllowed = std::to_array<Allowance>({
    {InstanceAction::kModify, kAvailable},
    {InstanceAction::kModify, kBackingUp},
    {InstanceAction::kModify, kStopped},
    {InstanceAction::kReplicate, kAvailable},
    {InstanceAction::kReplicate, kBackingUp},
    {InstanceAction::kReplicate, kModifying},  // while another replica of it is made
    {InstanceAction::kPromote, kAvailable},    // never while backing-up
    {InstanceAction::kReboot, kAvailable},
    {InstanceAction::kStop, kAvailable},
    {InstanceAction::kStart, kStopped},
    {InstanceAction::kSnapshot, kAvailable},
    {InstanceAction::kSnapshot, kStopped},
});

Value Texts(const std::vector<std::string>& texts) {
  Value list = Value::EmptyList();
  for (const std::string& text : texts) list.list().emplace_back(text);
  return list;
}

std::vector<std::string> FromTexts(const Value::List& list) {
  std::vector<std::string> texts;
  for (const Value& text : list) {
    if (text.is_string()) texts.push_back(text.str());
  }
  return texts;
}

std::string_view LinkName(LinkState link) {
  switch (link) {
    case LinkState::kReplicating:
      return "replicating";
    case LinkState::kError:
      return "error";
    case LinkState::kTerminated:
      return "terminated";
  }
  CHECK_NEVER("LinkState outside its enum");
}

LinkState LinkOf(std::string_view name) {
  for (const LinkState link : {LinkState::kReplicating, LinkState::kTerminated}) {
    if (LinkName(link) == name) return link;
  }
  return LinkState::kError;
}

// A replica of this Region is named by its identifier, one of another Region by its ARN.
std::string NameFrom(const Host& host, const std::string& arn) {
  const ArnParts parts = ParseArn(arn);
  return parts.region == host.region() ? parts.name : arn;
}

Value LinkInfo(const Instance& instance) {
  Value info = Value::Struct({{"StatusType", "read replication"},
                              {"Normal", instance.link == LinkState::kReplicating},
                              {"Status", LinkName(instance.link)}});
  if (instance.link == LinkState::kError) {
    info.Set("Message", "Streaming replication from the source has stopped.");
  } else if (instance.link == LinkState::kTerminated) {
    info.Set("Message", "Replication has been terminated: the source was deleted.");
  }
  return info;
}

void DescribeReplication(Host& host, const Instance& instance, Value& out) {
  Value replicas = Value::EmptyList();
  for (const ReplicaRef& replica : instance.replicas) {
    replicas.list().emplace_back(NameFrom(host, replica.arn));
  }
  out.Set("ReadReplicaDBInstanceIdentifiers", std::move(replicas));
  Value infos = Value::EmptyList();
  if (instance.is_replica()) {
    out.Set("ReadReplicaSourceDBInstanceIdentifier", NameFrom(host, instance.source_arn));
    if (instance.status != kCreating) infos.list().push_back(LinkInfo(instance));
  }
  out.Set("StatusInfos", std::move(infos));
}

}  // namespace

std::string_view Name(InstanceStatus status) {
  for (const auto& [known, name] : kNames) {
    if (known == status) return name;
  }
  CHECK_NEVER("InstanceStatus outside its enum");
}

InstanceStatus StatusOf(std::string_view name) {
  for (const auto& [status, known] : kNames) {
    if (known == name) return status;
  }
  return kFailed;
}

bool Allows(InstanceAction action, InstanceStatus status) {
  if (action == InstanceAction::kDelete) return status != kDeleting;
  for (const Allowance& row : kAllowed) {
    if (row.action == action && row.status == status) return true;
  }
  return false;
}

Value Save(const Instance& instance) {
  Value replicas = Value::EmptyList();
  for (const ReplicaRef& replica : instance.replicas) {
    replicas.list().push_back(Value::Struct({{"Arn", replica.arn}, {"Slot", replica.slot}}));
  }
  return Value::Struct(
      {{"Id", instance.id},
       {"ResourceId", instance.resource_id},
       {"Directory", instance.directory},
       {"Status", Name(instance.status)},
       {"Settings", instance.settings},
       {"Pending", instance.pending},
       {"SecurityGroups", Texts(instance.security_groups)},
       {"SubnetGroup", instance.subnet_group},
       {"ParameterGroup", instance.parameter_group},
       {"Tags", instance.tags},
       {"MasterPassword", instance.master_password},
       {"AdminPassword", instance.secrets.admin},
       {"ReplicationPassword", instance.secrets.replication},
       {"RestoreFrom", instance.restore_from},
       {"RestoreBackup", instance.restore_backup},
       {"RestoreUntil",
        instance.restore_until ? Value(instance.restore_until->since_epoch.count()) : Value()},
       {"BackupCopies", Texts(instance.backup_copies)},
       {"KeepsBackups", instance.keeps_backups},
       {"SourceArn", instance.source_arn},
       {"SourceAddress", instance.source.host},
       {"SourcePort", static_cast<std::int64_t>(instance.source.port)},
       {"SourceSlot", instance.source.slot},
       {"Link", LinkName(instance.link)},
       {"Promoting", instance.promoting},
       {"Replicas", std::move(replicas)}});
}

Instance LoadInstance(const Value& saved) {
  Instance instance;
  instance.id = saved.String("Id");
  instance.resource_id = saved.String("ResourceId");
  instance.directory = saved.String("Directory");
  instance.status = StatusOf(saved.String("Status"));
  instance.settings = saved.Sub("Settings");
  instance.pending = saved.Sub("Pending");
  instance.security_groups = FromTexts(saved.Items("SecurityGroups"));
  instance.subnet_group = saved.String("SubnetGroup");
  instance.parameter_group = saved.String("ParameterGroup");
  instance.tags = Value(saved.Items("Tags"));
  instance.master_password = saved.String("MasterPassword");
  instance.secrets = {std::string(saved.String("AdminPassword")),
                      std::string(saved.String("ReplicationPassword"))};
  instance.restore_from = saved.String("RestoreFrom");
  instance.restore_backup = saved.String("RestoreBackup");
  if (const Value* until = saved.Find("RestoreUntil")) {
    instance.restore_until = base::WallTime{base::Duration(until->integer())};
  }
  instance.backup_copies = FromTexts(saved.Items("BackupCopies"));
  instance.keeps_backups = saved.Flag("KeepsBackups", false);
  instance.source_arn = saved.String("SourceArn");
  instance.source.host = saved.String("SourceAddress");
  instance.source.port = static_cast<std::uint16_t>(saved.Int("SourcePort"));
  instance.source.slot = saved.String("SourceSlot");
  instance.link = LinkOf(saved.String("Link"));
  instance.promoting = saved.Flag("Promoting", false);
  for (const Value& replica : saved.Items("Replicas")) {
    instance.replicas.push_back(
        {std::string(replica.String("Arn")), std::string(replica.String("Slot"))});
  }
  return instance;
}

Value Describe(Host& host, const Instance& instance, Value subnet_group) {
  Value out = instance.settings;
  out.Set("DBInstanceIdentifier", instance.id);
  out.Set("DbiResourceId", instance.resource_id);
  out.Set("DBInstanceArn", Arn(host, "rds", "db:" + instance.id));
  out.Set("DBInstanceStatus", Name(instance.status));
  // The API answers 0 here; the port is a member of the endpoint.
  out.Set("DbInstancePort", 0);
  if (instance.status != kCreating && instance.status != kFailed) {
    out.Set("Endpoint",
            Value::Struct({{"Address", host.network().AddressFor("rds:" + instance.id)},
                           {"Port", static_cast<std::int64_t>(instance.port())},
                           {"HostedZoneId", StableId(host, "Z", "rds-endpoints").substr(2)}}));
  }
  Value groups = Value::EmptyList();
  for (const std::string& group : instance.security_groups) {
    groups.list().push_back(Value::Struct({{"VpcSecurityGroupId", group}, {"Status", "active"}}));
  }
  out.Set("VpcSecurityGroups", std::move(groups));
  out.Set("DBSubnetGroup", std::move(subnet_group));
  out.Set("DBParameterGroups",
          Value(Value::List{Value::Struct({{"DBParameterGroupName", instance.parameter_group},
                                           {"ParameterApplyStatus", "in-sync"}})}));
  out.Set("PendingModifiedValues", instance.pending.is_null() ? Value::Struct() : instance.pending);
  if (const Value* secret = instance.pending.Find("MasterUserPassword"); secret != nullptr) {
    out.Find("PendingModifiedValues")->Set("MasterUserPassword", "****");
  }
  out.Set("TagList", instance.tags);
  if (!instance.backup_copies.empty()) {
    out.Set("DBInstanceAutomatedBackupsReplications", CopyList(instance.backup_copies));
  }
  DescribeReplication(host, instance, out);
  return out;
}

ArnParts ParseArn(std::string_view arn) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (parts.size() < 6 && start <= arn.size()) {
    const std::size_t colon = arn.find(':', start);
    parts.emplace_back(arn.substr(start, colon == std::string_view::npos ? colon : colon - start));
    if (colon == std::string_view::npos) {
      start = arn.size() + 1;
    } else {
      start = colon + 1;
    }
  }
  if (parts.size() != 6 || parts[0] != "arn" || parts[2] != "rds" || start > arn.size()) return {};
  return {parts[3], parts[4], parts[5], std::string(arn.substr(start))};
}

}  // namespace leeward::lab::rds

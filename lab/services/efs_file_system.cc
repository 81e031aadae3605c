#include "lab/services/efs_file_system.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "lab/services/ec2_vpc.h"

namespace leeward::lab::efs {
namespace {

using shapes::Value;

constexpr auto kLifeCycles = std::to_array<std::pair<LifeCycle, std::string_view>>({
    {LifeCycle::kCreating, "creating"},
    {LifeCycle::kAvailable, "available"},
    {LifeCycle::kUpdating, "updating"},
    {LifeCycle::kDeleting, "deleting"},
});
constexpr auto kProtections = std::to_array<std::pair<FileSystem::Protection, std::string_view>>({
    {FileSystem::Protection::kEnabled, "ENABLED"},
    {FileSystem::Protection::kDisabled, "DISABLED"},
    {FileSystem::Protection::kReplicating, "REPLICATING"},
});
constexpr auto kStatuses = std::to_array<std::pair<ReplicationStatus, std::string_view>>({
    {ReplicationStatus::kEnabling, "ENABLING"},
    {ReplicationStatus::kEnabled, "ENABLED"},
    {ReplicationStatus::kDeleting, "DELETING"},
    {ReplicationStatus::kError, "ERROR"},
});

template <typename Table, typename Kind>
std::string_view NameIn(const Table& table, Kind kind) {
  for (const auto& [value, name] : table) {
    if (value == kind) return name;
  }
  CHECK_NEVER("a state without a name");
}

template <typename Table>
auto ValueIn(const Table& table, std::string_view wanted) {
  for (const auto& [value, name] : table) {
    if (name == wanted) return value;
  }
  return table.front().first;
}

base::WallTime TimeOf(const Value& saved, std::string_view name) {
  const Value* time = saved.Find(name);
  return time != nullptr && time->is_time() ? time->time() : base::WallTime{};
}

Value::List Values(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

}  // namespace

std::string_view Name(LifeCycle state) { return NameIn(kLifeCycles, state); }
std::string_view Name(FileSystem::Protection protection) {
  return NameIn(kProtections, protection);
}
std::string_view Name(ReplicationStatus status) { return NameIn(kStatuses, status); }

Value IdentityOf(const Replication& replication) {
  return Value::Struct({{"SourceId", replication.source_id},
                        {"DestinationId", replication.destination_id},
                        {"Created", base::FormatIso8601(replication.created)}});
}

bool IsNamed(const Replication& replication, const Value& identity) {
  const Value ours = IdentityOf(replication);
  for (const auto& [name, value] : ours.members()) {
    if (identity.String(name) != value.str()) return false;
  }
  return true;
}

Value Save(const FileSystem& system) {
  return Value::Struct({{"Id", system.id},
                        {"Token", system.token},
                        {"State", Name(system.state)},
                        {"Protection", Name(system.protection)},
                        {"Created", system.created},
                        {"Settings", system.settings},
                        {"Tags", system.tags},
                        {"Lifecycle", system.lifecycle},
                        {"Policy", system.policy},
                        {"Backup", system.backup},
                        {"ThroughputChanged", system.throughput_changed},
                        {"Size", system.size},
                        {"SizeAt", system.size_at}});
}

FileSystem LoadFileSystem(const Value& saved) {
  FileSystem system;
  system.id = saved.String("Id");
  system.token = saved.String("Token");
  system.state = ValueIn(kLifeCycles, saved.String("State"));
  system.protection = ValueIn(kProtections, saved.String("Protection"));
  system.created = TimeOf(saved, "Created");
  system.settings = saved.Sub("Settings");
  system.tags = Value(saved.Items("Tags"));
  system.lifecycle = Value(saved.Items("Lifecycle"));
  system.policy = saved.String("Policy");
  system.backup = saved.Flag("Backup", false);
  system.throughput_changed = TimeOf(saved, "ThroughputChanged");
  system.size = saved.Int("Size");
  system.size_at = TimeOf(saved, "SizeAt");
  return system;
}

Value Save(const MountTarget& target) {
  return Value::Struct({{"Id", target.id},
                        {"FileSystem", target.file_system},
                        {"Subnet", target.subnet},
                        {"Zone", target.zone},
                        {"Address", target.address},
                        {"Interface", target.interface},
                        {"SecurityGroups", Values(target.security_groups)},
                        {"State", Name(target.state)}});
}

MountTarget LoadMountTarget(const Value& saved) {
  MountTarget target;
  target.id = saved.String("Id");
  target.file_system = saved.String("FileSystem");
  target.subnet = saved.String("Subnet");
  target.zone = saved.String("Zone");
  target.address = saved.String("Address");
  target.interface = saved.String("Interface");
  target.security_groups = Texts(saved.Items("SecurityGroups"));
  target.state = ValueIn(kLifeCycles, saved.String("State"));
  return target;
}

Value Save(const AccessPoint& point) {
  return Value::Struct({{"Id", point.id},
                        {"Token", point.token},
                        {"FileSystem", point.file_system},
                        {"State", Name(point.state)},
                        {"Asked", point.asked},
                        {"Tags", point.tags}});
}

AccessPoint LoadAccessPoint(const Value& saved) {
  AccessPoint point;
  point.id = saved.String("Id");
  point.token = saved.String("Token");
  point.file_system = saved.String("FileSystem");
  point.state = ValueIn(kLifeCycles, saved.String("State"));
  point.asked = saved.Sub("Asked");
  point.tags = Value(saved.Items("Tags"));
  return point;
}

Value Save(const Replication& replication) {
  Value saved = Value::Struct({{"SourceId", replication.source_id},
                               {"SourceRegion", replication.source_region},
                               {"DestinationId", replication.destination_id},
                               {"DestinationRegion", replication.destination_region},
                               {"RoleArn", replication.role_arn},
                               {"Created", replication.created},
                               {"Status", Name(replication.status)},
                               {"Message", replication.message},
                               {"MadeDestination", replication.made_destination},
                               {"Confirmed", replication.confirmed}});
  if (replication.complete_to) saved.Set("CompleteTo", *replication.complete_to);
  return saved;
}

Replication LoadReplication(const Value& saved) {
  Replication replication;
  replication.source_id = saved.String("SourceId");
  replication.source_region = saved.String("SourceRegion");
  replication.destination_id = saved.String("DestinationId");
  replication.destination_region = saved.String("DestinationRegion");
  replication.role_arn = saved.String("RoleArn");
  replication.created = TimeOf(saved, "Created");
  replication.status = ValueIn(kStatuses, saved.String("Status"));
  replication.message = saved.String("Message");
  replication.made_destination = saved.Flag("MadeDestination", false);
  replication.confirmed = saved.Flag("Confirmed", false);
  if (saved.Has("CompleteTo")) replication.complete_to = TimeOf(saved, "CompleteTo");
  return replication;
}

std::string FileSystemArn(const Host& host, std::string_view region, std::string_view id) {
  return fmt::format("arn:aws:elasticfilesystem:{}:{}:file-system/{}", region, host.account(), id);
}

std::vector<std::string> Texts(const Value::List& list) {
  std::vector<std::string> texts;
  for (const Value& each : list) texts.push_back(each.str());
  return texts;
}

std::string NameOf(const Value& tags) {
  for (const Value& tag : tags.list()) {
    if (tag.String("Key") == "Name") return std::string(tag.String("Value"));
  }
  return "";
}

std::string ZoneId(std::string_view zone) {
  return fmt::format("{}-az{}", zone.substr(0, zone.size() - 1), zone.back() - 'a' + 1);
}

Value Shown(const Host& host, const FileSystem& system, std::size_t mount_targets) {
  Value size = Value::Struct({{"Value", system.size},
                              {"ValueInIA", 0},
                              {"ValueInStandard", system.size},
                              {"ValueInArchive", 0}});
  if (system.size_at.since_epoch.count() != 0) size.Set("Timestamp", system.size_at);
  Value shown = Value::Struct(
      {{"OwnerId", host.account()},
       {"CreationToken", system.token},
       {"FileSystemId", system.id},
       {"FileSystemArn", FileSystemArn(host, host.region(), system.id)},
       {"CreationTime", system.created},
       {"LifeCycleState", Name(system.state)},
       {"NumberOfMountTargets", static_cast<std::int64_t>(mount_targets)},
       {"SizeInBytes", std::move(size)},
       {"Tags", system.tags},
       {"FileSystemProtection",
        Value::Struct({{"ReplicationOverwriteProtection", Name(system.protection)}})}});
  for (const auto& [name, value] : system.settings.members()) shown.Set(name, value);
  const std::string name = NameOf(system.tags);
  if (!name.empty()) shown.Set("Name", name);
  const std::string_view zone = system.settings.String("AvailabilityZoneName");
  if (!zone.empty()) shown.Set("AvailabilityZoneId", ZoneId(zone));
  return shown;
}

Value Shown(const Host& host, const MountTarget& target) {
  return Value::Struct({{"OwnerId", host.account()},
                        {"MountTargetId", target.id},
                        {"FileSystemId", target.file_system},
                        {"SubnetId", target.subnet},
                        {"LifeCycleState", Name(target.state)},
                        {"IpAddress", target.address},
                        {"NetworkInterfaceId", target.interface},
                        {"AvailabilityZoneId", ZoneId(target.zone)},
                        {"AvailabilityZoneName", target.zone},
                        {"VpcId", DefaultVpcId(host)}});
}

Value Shown(const Host& host, const AccessPoint& point) {
  Value shown =
      Value::Struct({{"ClientToken", point.token},
                     {"Tags", point.tags},
                     {"AccessPointId", point.id},
                     {"AccessPointArn", Arn(host, "elasticfilesystem", "access-point/" + point.id)},
                     {"FileSystemId", point.file_system},
                     {"OwnerId", host.account()},
                     {"LifeCycleState", Name(point.state)}});
  for (const auto& [name, value] : point.asked.members()) shown.Set(name, value);
  if (!shown.Sub("RootDirectory").Has("Path")) {
    Value root = shown.Has("RootDirectory") ? shown.Sub("RootDirectory") : Value::Struct();
    shown.Set("RootDirectory", root.Set("Path", "/"));
  }
  const std::string name = NameOf(point.tags);
  if (!name.empty()) shown.Set("Name", name);
  return shown;
}

Value Shown(const Host& host, const Replication& replication) {
  Value destination = Value::Struct({{"Status", Name(replication.status)},
                                     {"FileSystemId", replication.destination_id},
                                     {"Region", replication.destination_region},
                                     {"OwnerId", host.account()}});
  if (replication.complete_to) {
    destination.Set("LastReplicatedTimestamp", *replication.complete_to);
  }
  if (!replication.message.empty()) destination.Set("StatusMessage", replication.message);
  if (!replication.role_arn.empty()) destination.Set("RoleArn", replication.role_arn);
  const std::string arn = FileSystemArn(host, replication.source_region, replication.source_id);
  return Value::Struct({{"SourceFileSystemId", replication.source_id},
                        {"SourceFileSystemRegion", replication.source_region},
                        {"SourceFileSystemArn", arn},
                        {"OriginalSourceFileSystemArn", arn},
                        {"CreationTime", replication.created},
                        {"Destinations", Value::List{std::move(destination)}},
                        {"SourceFileSystemOwnerId", host.account()}});
}

}  // namespace leeward::lab::efs

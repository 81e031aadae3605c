// The ways to a file system: mount targets and access points.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "lab/services/ec2_vpc.h"
#include "lab/services/efs.h"
#include "lab/services/efs_page.h"
#include "lab/services/efs_tree.h"

namespace leeward::lab::efs {
namespace {

constexpr base::Duration kMountTargetAws = std::chrono::seconds(90);
constexpr base::Duration kAccessPointAws = std::chrono::seconds(5);
constexpr std::size_t kMostSecurityGroups = 5;
constexpr std::uint16_t kNfsPort = 2049;

// Whether a rule's source network, "172.31.0.0/16", has the address.
bool Holds(const std::string& cidr, const std::string& address) {
  const std::size_t slash = cidr.find('/');
  in_addr network{};
  in_addr one{};
  if (slash == std::string::npos ||
      inet_pton(AF_INET, cidr.substr(0, slash).c_str(), &network) != 1 ||
      inet_pton(AF_INET, address.c_str(), &one) != 1) {
    return false;
  }
  const int bits = std::atoi(cidr.c_str() + slash + 1);
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return (ntohl(network.s_addr) & mask) == (ntohl(one.s_addr) & mask);
}

bool LetsIn(const std::vector<std::string>& cidrs, const std::string& address) {
  return std::ranges::any_of(cidrs, [&](const std::string& cidr) { return Holds(cidr, address); });
}

}  // namespace

std::size_t Efs::CountMountTargets(std::string_view file_system) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      mounts_, [&](const auto& entry) { return entry.second.file_system == file_system; }));
}

bool Efs::UsesGroup(std::string_view group_id) const {
  return std::ranges::any_of(mounts_, [&](const auto& entry) {
    const auto& groups = entry.second.security_groups;
    return std::ranges::find(groups, group_id) != groups.end();
  });
}

Problem Efs::CheckSecurityGroups(const Value::List& groups) const {
  if (groups.size() > kMostSecurityGroups) {
    return ApiError{"SecurityGroupLimitExceeded",
                    fmt::format("A mount target cannot have more than {} security groups.",
                                kMostSecurityGroups),
                    400,
                    {}};
  }
  const auto* known = FindSibling<SecurityGroups>(host_, "ec2");
  for (const Value& group : groups) {
    if (known != nullptr && known->Exists(group.str())) continue;
    return ApiError{"SecurityGroupNotFound",
                    fmt::format("The security group ID '{}' does not exist", group.str()),
                    400,
                    {}};
  }
  return std::nullopt;
}

Problem Efs::CheckMountTarget(const Value& input, const FileSystem& system,
                              std::string_view zone) const {
  for (const char* name : {"IpAddress", "Ipv6Address"}) {
    if (input.Has(name)) return NotServed(name);
  }
  if (input.String("IpAddressType", "IPV4_ONLY") != "IPV4_ONLY") {
    return NotServed(fmt::format("IpAddressType {}", input.String("IpAddressType")));
  }
  if (system.state != LifeCycle::kAvailable) return WrongLifeCycle(system.id, Name(system.state));
  const std::string_view only = system.settings.String("AvailabilityZoneName");
  if (!only.empty() && only != zone) {
    return ApiError{"AvailabilityZonesMismatch",
                    fmt::format("The subnet is in {}, but file system {} uses One Zone storage in "
                                "{}.",
                                zone, system.id, only),
                    400,
                    {}};
  }
  for (const auto& [id, target] : mounts_) {
    if (target.file_system != system.id || target.zone != zone) continue;
    return ApiError{"MountTargetConflict", "mount target already exists in this AZ", 409, {}};
  }
  return CheckSecurityGroups(input.Items("SecurityGroups"));
}

Answer Efs::CreateMountTarget(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  const std::string subnet(input.String("SubnetId"));
  const std::vector<DefaultSubnet> subnets = DefaultSubnets(host_);
  const auto found = std::ranges::find(subnets, subnet, &DefaultSubnet::id);
  if (found == subnets.end()) {
    return ApiError{
        "SubnetNotFound", fmt::format("The subnet ID '{}' does not exist", subnet), 400, {}};
  }
  if (auto problem = CheckMountTarget(input, *system, found->zone)) return *problem;
  MountTarget target;
  target.id = "fsmt-" + host_.random().Hex(kIdDigits);
  target.file_system = system->id;
  target.subnet = subnet;
  target.zone = found->zone;
  target.address = host_.network().AddressFor(fmt::format("efs:{}:{}", system->id, found->zone));
  target.interface = "eni-" + host_.random().Hex(kIdDigits);
  target.security_groups = Texts(input.Items("SecurityGroups"));
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  if (target.security_groups.empty() && groups != nullptr) {
    target.security_groups.push_back(groups->DefaultGroup());
  }
  const std::string id = target.id;
  Value shown = Shown(host_, mounts_.emplace(id, std::move(target)).first->second);
  Save();
  RunMountTarget(id).Detach();
  return shown;
}

// From creating to available, or from deleting to gone.
Flow<> Efs::RunMountTarget(std::string id) {
  co_await Sleep(host_, Paced(kMountTargetAws));
  MountTarget* target = FindMountTarget(id);
  if (target == nullptr) co_return;
  if (target->state == LifeCycle::kDeleting) {
    mounts_.erase(id);
  } else {
    target->state = LifeCycle::kAvailable;
  }
  Save();
}

Answer Efs::DescribeMountTargets(const Value& input) {
  const std::string_view wanted = input.String("MountTargetId");
  std::string_view system_name = input.String("FileSystemId");
  const std::string_view point_name = input.String("AccessPointId");
  const int given = int{!wanted.empty()} + int{!system_name.empty()} + int{!point_name.empty()};
  if (given != 1) {
    return BadRequest("Specify exactly one of FileSystemId, MountTargetId and AccessPointId.");
  }
  if (!wanted.empty() && FindMountTarget(wanted) == nullptr) return MountTargetNotFound(wanted);
  if (!point_name.empty()) {
    const AccessPoint* point = FindAccessPoint(point_name);
    if (point == nullptr) return AccessPointNotFound(point_name);
    system_name = point->file_system;
  }
  const FileSystem* system = Find(system_name);
  if (wanted.empty() && system == nullptr) return FileSystemNotFound(system_name);
  Value::List found;
  for (const auto& [id, target] : mounts_) {
    if (wanted.empty() ? target.file_system == system->id : id == wanted) {
      found.push_back(Shown(host_, target));
    }
  }
  return PageOf(input, kByMarker, "MountTargets", found);
}

Answer Efs::DeleteMountTarget(const Value& input) {
  MountTarget* target = FindMountTarget(input.String("MountTargetId"));
  if (target == nullptr) return MountTargetNotFound(input.String("MountTargetId"));
  if (target->state == LifeCycle::kDeleting) return Value::Struct();
  target->state = LifeCycle::kDeleting;
  Save();
  RunMountTarget(target->id).Detach();
  return Value::Struct();
}

Answer Efs::DescribeMountTargetSecurityGroups(const Value& input) {
  const MountTarget* target = FindMountTarget(input.String("MountTargetId"));
  if (target == nullptr) return MountTargetNotFound(input.String("MountTargetId"));
  const auto& groups = target->security_groups;
  return Value::Struct({{"SecurityGroups", Value::List(groups.begin(), groups.end())}});
}

Answer Efs::ModifyMountTargetSecurityGroups(const Value& input) {
  MountTarget* target = FindMountTarget(input.String("MountTargetId"));
  if (target == nullptr) return MountTargetNotFound(input.String("MountTargetId"));
  if (target->state != LifeCycle::kAvailable) {
    return ApiError{"IncorrectMountTargetState",
                    fmt::format("Mount target '{}' is {}.", target->id, Name(target->state)),
                    409,
                    {}};
  }
  const Value::List& groups = input.Items("SecurityGroups");
  if (groups.empty()) return BadRequest("A mount target needs at least one security group.");
  if (auto problem = CheckSecurityGroups(groups)) return *problem;
  target->security_groups = Texts(groups);
  Save();
  return Value::Struct();
}

Answer Efs::CreateAccessPoint(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  std::string token(input.String("ClientToken"));
  if (token.empty()) token = host_.random().Hex(32);
  std::size_t there = 0;
  for (const auto& [id, point] : points_) {
    if (point.token == token) {
      return ApiError{"AccessPointAlreadyExists",
                      fmt::format("Access point already exists with client token '{}'", token), 409,
                      Value::Struct({{"AccessPointId", id}})};
    }
    there += point.file_system == system->id ? 1 : 0;
  }
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  if (there >= limits.access_points) {
    return ApiError{
        "AccessPointLimitExceeded",
        fmt::format("File system '{}' already has {} access points.", system->id, there),
        403,
        {}};
  }
  if (auto problem = CheckTags(input.Items("Tags"))) return *problem;
  AccessPoint point;
  point.id = "fsap-" + host_.random().Hex(kIdDigits);
  point.token = std::move(token);
  point.file_system = system->id;
  for (const char* name : {"PosixUser", "RootDirectory"}) {
    if (const Value* given = input.Find(name)) point.asked.Set(name, *given);
  }
  point.tags = Value(input.Items("Tags"));
  const std::string id = point.id;
  Value shown = Shown(host_, points_.emplace(id, std::move(point)).first->second);
  Save();
  RunAccessPoint(id).Detach();
  return shown;
}

Flow<> Efs::RunAccessPoint(std::string id) {
  co_await Sleep(host_, Paced(kAccessPointAws));
  AccessPoint* point = FindAccessPoint(id);
  if (point == nullptr) co_return;
  if (point->state == LifeCycle::kDeleting) {
    points_.erase(id);
  } else {
    point->state = LifeCycle::kAvailable;
  }
  Save();
}

Answer Efs::DescribeAccessPoints(const Value& input) {
  const std::string_view wanted = input.String("AccessPointId");
  const std::string_view system_name = input.String("FileSystemId");
  if (!wanted.empty() && !system_name.empty()) {
    return BadRequest("AccessPointId and FileSystemId cannot both be specified.");
  }
  const AccessPoint* one = FindAccessPoint(wanted);
  if (!wanted.empty() && one == nullptr) return AccessPointNotFound(wanted);
  const FileSystem* system = Find(system_name);
  if (!system_name.empty() && system == nullptr) return FileSystemNotFound(system_name);
  Value::List found;
  for (const auto& [id, point] : points_) {
    if (one != nullptr && one != &point) continue;
    if (system != nullptr && point.file_system != system->id) continue;
    found.push_back(Shown(host_, point));
  }
  return PageOf(input, kByToken, "AccessPoints", found);
}

Answer Efs::DeleteAccessPoint(const Value& input) {
  AccessPoint* point = FindAccessPoint(input.String("AccessPointId"));
  if (point == nullptr) return AccessPointNotFound(input.String("AccessPointId"));
  if (point->state == LifeCycle::kDeleting) return Value::Struct();
  point->state = LifeCycle::kDeleting;
  Save();
  RunAccessPoint(point->id).Detach();
  return Value::Struct();
}

// As ECS's mount helper finds out: by name, then through the mount target's security groups.
base::Result<std::filesystem::path> Efs::Mount(const MountAsked& asked) const {
  const FileSystem* system = Find(asked.file_system);
  const auto target = std::ranges::find_if(mounts_, [&](const auto& entry) {
    return entry.second.file_system == asked.file_system &&
           entry.second.state == LifeCycle::kAvailable;
  });
  if (system == nullptr || system->state == LifeCycle::kDeleting || target == mounts_.end()) {
    return base::NotFound(
        fmt::format("Failed to resolve \"{}.efs.{}.amazonaws.com\" - check that your file system "
                    "ID is correct, and ensure that the VPC has an EFS mount target for this file "
                    "system ID.",
                    asked.file_system, host_.region()));
  }
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  if (groups != nullptr &&
      !LetsIn(groups->Ingress(target->second.security_groups, kNfsPort), asked.address)) {
    return base::Unreachable(fmt::format(
        "mount.nfs4: Connection timed out : the security groups of {} do not let {} in to port {}",
        target->first, asked.address, kNfsPort));
  }
  std::string_view root = asked.root;
  while (root.starts_with('/')) root.remove_prefix(1);
  while (root.ends_with('/')) root.remove_suffix(1);
  const std::filesystem::path tree = FolderOf(system->id) / "tree";
  if (root.empty()) return tree;
  const std::string relative(root);
  const auto there = IsPlainPath(relative) ? Look(tree, relative)
                                           : base::Result<Entry>(base::Invalid("no such path"));
  if (!there.ok() || there->kind != Entry::Kind::kDirectory) {
    return base::NotFound(fmt::format(
        "mount.nfs4: mounting {}.efs.{}.amazonaws.com:{} failed, reason given by server: No such "
        "file or directory",
        system->id, host_.region(), asked.root));
  }
  return tree / relative;
}

std::optional<FileSystemSeen> Efs::See(std::string_view id) const {
  const FileSystem* system = Find(id);
  if (system == nullptr ||
      (system->state != LifeCycle::kAvailable && system->state != LifeCycle::kUpdating)) {
    return std::nullopt;
  }
  const bool mountable = std::ranges::any_of(mounts_, [&](const auto& entry) {
    return entry.second.file_system == system->id && entry.second.state == LifeCycle::kAvailable;
  });
  return FileSystemSeen{FolderOf(system->id) / "tree",
                        system->protection == FileSystem::Protection::kReplicating, mountable};
}

}  // namespace leeward::lab::efs

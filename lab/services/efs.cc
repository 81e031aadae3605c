#include "lab/services/efs.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/efs_copy.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::efs {

Efs::Efs(Host& host, std::unique_ptr<Replicators> replicators)
    : host_(host), replicators_(std::move(replicators)) {}

Efs::~Efs() = default;

std::span<const OperationRow<Efs>> Efs::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<Efs>>({
      {"CreateAccessPoint", &Efs::CreateAccessPoint},
      {"CreateFileSystem", &Efs::CreateFileSystem},
      {"CreateMountTarget", &Efs::CreateMountTarget},
      {"CreateReplicationConfiguration", &Efs::CreateReplicationConfiguration},
      {"CreateTags", &Efs::CreateTags},
      {"DeleteAccessPoint", &Efs::DeleteAccessPoint},
      {"DeleteFileSystem", &Efs::DeleteFileSystem},
      {"DeleteFileSystemPolicy", &Efs::DeleteFileSystemPolicy},
      {"DeleteMountTarget", &Efs::DeleteMountTarget},
      {"DeleteReplicationConfiguration", &Efs::DeleteReplicationConfiguration},
      {"DeleteTags", &Efs::DeleteTags},
      {"DescribeAccessPoints", &Efs::DescribeAccessPoints},
      {"DescribeAccountPreferences", &Efs::DescribeAccountPreferences},
      {"DescribeBackupPolicy", &Efs::DescribeBackupPolicy},
      {"DescribeFileSystemPolicy", &Efs::DescribeFileSystemPolicy},
      {"DescribeFileSystems", &Efs::DescribeFileSystems},
      {"DescribeLifecycleConfiguration", &Efs::DescribeLifecycleConfiguration},
      {"DescribeMountTargetSecurityGroups", &Efs::DescribeMountTargetSecurityGroups},
      {"DescribeMountTargets", &Efs::DescribeMountTargets},
      {"DescribeReplicationConfigurations", &Efs::DescribeReplicationConfigurations},
      {"DescribeTags", &Efs::DescribeTags},
      {"ListTagsForResource", &Efs::ListTagsForResource},
      {"ModifyMountTargetSecurityGroups", &Efs::ModifyMountTargetSecurityGroups},
      {"PutAccountPreferences", &Efs::PutAccountPreferences},
      {"PutBackupPolicy", &Efs::PutBackupPolicy},
      {"PutFileSystemPolicy", &Efs::PutFileSystemPolicy},
      {"PutLifecycleConfiguration", &Efs::PutLifecycleConfiguration},
      {"TagResource", &Efs::TagResource},
      {"UntagResource", &Efs::UntagResource},
      {"UpdateFileSystem", &Efs::UpdateFileSystem},
      {"UpdateFileSystemProtection", &Efs::UpdateFileSystemProtection},
  });
  return kTable;
}

std::span<const OperationRow<Efs>> Efs::InternalTable() {
  static constexpr auto kTable = std::to_array<OperationRow<Efs>>({
      {"EndReplication", &Efs::EndReplication},
      {"JoinReplication", &Efs::JoinReplication},
      {"KnowReplication", &Efs::KnowReplication},
  });
  return kTable;
}

void Efs::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

// What is none of ours is a replicator's, or nobody's.
void Efs::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  ServeCopy(operation, input, reply);
}

base::Status Efs::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "efs"));
  Load(state);
  const auto systems = systems_;
  for (const auto& [id, system] : systems) {
    if (system.state == LifeCycle::kDeleting) {
      RunDelete(id).Detach();
      continue;
    }
    RETURN_IF_ERROR(MakeFolder(id));
    if (system.state == LifeCycle::kCreating) RunCreate(id).Detach();
    if (system.state == LifeCycle::kUpdating) RunUpdate(id).Detach();
  }
  const auto mounts = mounts_;
  for (const auto& [id, target] : mounts) {
    if (target.state != LifeCycle::kAvailable) RunMountTarget(id).Detach();
  }
  const auto points = points_;
  for (const auto& [id, point] : points) {
    if (point.state != LifeCycle::kAvailable) RunAccessPoint(id).Detach();
  }
  const auto replications = replications_;
  for (const auto& [source, replication] : replications) {
    if (replication->status == ReplicationStatus::kDeleting) {
      RunEnd(replication).Detach();
    } else if (IsDestinationHere(*replication)) {
      BeginCopy(replication);
    }
  }
  TellForever().Detach();
  Monitor().Detach();
  return base::Ok();
}

FileSystem* Efs::Find(std::string_view name) {
  const ResourceName wanted = ParseName(name);
  if (!wanted.region.empty() &&
      (wanted.region != host_.region() || wanted.account != host_.account())) {
    return nullptr;
  }
  const auto found = systems_.find(wanted.id);
  return found == systems_.end() ? nullptr : &found->second;
}

const FileSystem* Efs::Find(std::string_view name) const {
  return const_cast<Efs*>(this)->Find(name);
}

MountTarget* Efs::FindMountTarget(std::string_view id) {
  const auto found = mounts_.find(id);
  return found == mounts_.end() ? nullptr : &found->second;
}

AccessPoint* Efs::FindAccessPoint(std::string_view name) {
  const auto found = points_.find(ParseName(name).id);
  return found == points_.end() ? nullptr : &found->second;
}

std::filesystem::path Efs::FolderOf(std::string_view id) const {
  return host_.StateDirectory("efs") / id;
}

// The folder can be walked through, and is nobody else's; the tree is its users'.
base::Status Efs::MakeFolder(const std::string& id) {
  using std::filesystem::perms;
  const std::filesystem::path folder = FolderOf(id);
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder / "tree", error);
  if (!error) {
    std::filesystem::permissions(folder, perms::owner_all | perms::group_exec | perms::others_exec,
                                 error);
  }
  if (error) {
    return base::ServiceBroken(fmt::format("cannot make {}: {}", folder.native(), error.message()));
  }
  if (!made) return base::Ok();
  std::filesystem::permissions(folder / "tree", perms(0755), error);
  return host_.GiveToEngine(folder / "tree");
}

base::Duration Efs::Paced(base::Duration aws) const {
  return host_.pace() == Pace::kAws ? aws : base::Duration(0);
}

void Efs::Load(const Value& state) {
  for (const Value& saved : state.Items("FileSystems")) {
    FileSystem system = LoadFileSystem(saved);
    const std::string id = system.id;
    systems_.emplace(id, std::move(system));
  }
  for (const Value& saved : state.Items("MountTargets")) {
    MountTarget target = LoadMountTarget(saved);
    const std::string id = target.id;
    mounts_.emplace(id, std::move(target));
  }
  for (const Value& saved : state.Items("AccessPoints")) {
    AccessPoint point = LoadAccessPoint(saved);
    const std::string id = point.id;
    points_.emplace(id, std::move(point));
  }
  for (const Value& saved : state.Items("Replications")) {
    const auto replication = std::make_shared<Replication>(LoadReplication(saved));
    replications_[replication->source_id] = replication;
  }
}

void Efs::Save() {
  Value::List systems;
  for (const auto& [id, system] : systems_) systems.push_back(efs::Save(system));
  Value::List mounts;
  for (const auto& [id, target] : mounts_) mounts.push_back(efs::Save(target));
  Value::List points;
  for (const auto& [id, point] : points_) points.push_back(efs::Save(point));
  Value::List replications;
  for (const auto& [source, each] : replications_) replications.push_back(efs::Save(*each));
  SaveState(host_, "efs",
            Value::Struct({{"FileSystems", Value(std::move(systems))},
                           {"MountTargets", Value(std::move(mounts))},
                           {"AccessPoints", Value(std::move(points))},
                           {"Replications", Value(std::move(replications))}}));
}

}  // namespace leeward::lab::efs

namespace leeward::lab {

std::unique_ptr<Service> MakeEfs(Host& host) {
  return std::make_unique<efs::Efs>(host, std::make_unique<efs::CopyingReplicators>(host));
}

}  // namespace leeward::lab

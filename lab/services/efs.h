// The lab's EFS in one Region: file systems that are directories, and this Region's side of
// replications.
//
// A file system's folder is `<state>/efs/<id>`; what users of it see is `tree` in there. Requests
// are checked and answered at once from the saved state, but for those that need another Region
// (efs_replication.cc). The copying itself is a Replicator's (efs_replicator.h).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/efs_checks.h"
#include "lab/services/efs_file_system.h"
#include "lab/services/efs_replicator.h"
#include "lab/services/file_systems.h"
#include "lab/services/flow.h"
#include "lab/services/region_links.h"

namespace leeward::lab::efs {

struct Limits {
  std::size_t file_systems = 1000;            // as the quota of an account
  std::size_t access_points = 1000;           // of a file system
  base::Duration call{2'000'000'000};         // to another Region's control plane
  base::Duration both_sides{60'000'000'000};  // that a two-sided delete waits for the other Region
  base::Duration tell{1'000'000'000};         // between looks at the other side of a replication,
                                              // and attempts to release a tree, or delete it
  base::Duration monitor{1'000'000'000};      // between metrics
  base::Duration size{10'000'000'000};        // between measurements of a file system, and
  int size_rest = 20;                         // so many times as long as the last one took
  std::uint32_t size_names = 1000;            // that one slice of it looks at
  base::Duration throughput_changes = std::chrono::hours(24);
};

class Efs : public Service, public FileSystems, public GuardedByGroups {
 public:
  Efs(Host& host, std::unique_ptr<Replicators> replicators);
  ~Efs() override;

  std::string_view name() const override { return "efs"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  base::Result<std::filesystem::path> Mount(const MountAsked& asked) const override;
  std::optional<FileSystemSeen> See(std::string_view id) const override;

  void SecurityGroupsChanged() override {}
  bool UsesGroup(std::string_view group_id) const override;

  Limits limits;

 private:
  using Value = shapes::Value;
  using ReplicationPtr = std::shared_ptr<Replication>;
  static std::span<const OperationRow<Efs>> Table();
  static std::span<const OperationRow<Efs>> InternalTable();

  // efs_file_systems.cc
  Answer CreateFileSystem(const Value& input);
  Answer DescribeFileSystems(const Value& input);
  Answer UpdateFileSystem(const Value& input);
  Answer UpdateFileSystemProtection(const Value& input);
  Answer DeleteFileSystem(const Value& input);
  Problem CheckKeyOf(const Value& input) const;
  std::variant<FileSystem*, ApiError> AddFileSystem(std::string token, const Value& input);
  Flow<> RunCreate(std::string id);
  Flow<> RunUpdate(std::string id);
  Flow<> RunDelete(std::string id);
  void WantSize(FileSystem& system);
  Flow<> MeasureAll();
  Flow<> Measure(std::string id);
  Problem CheckThroughputChange(const FileSystem& system, const Value& input) const;

  // efs_mounts.cc
  Answer CreateMountTarget(const Value& input);
  Answer DescribeMountTargets(const Value& input);
  Answer DeleteMountTarget(const Value& input);
  Answer DescribeMountTargetSecurityGroups(const Value& input);
  Answer ModifyMountTargetSecurityGroups(const Value& input);
  Answer CreateAccessPoint(const Value& input);
  Answer DescribeAccessPoints(const Value& input);
  Answer DeleteAccessPoint(const Value& input);
  Problem CheckMountTarget(const Value& input, const FileSystem& system,
                           std::string_view zone) const;
  Problem CheckSecurityGroups(const Value::List& groups) const;
  Flow<> RunMountTarget(std::string id);
  Flow<> RunAccessPoint(std::string id);
  std::size_t CountMountTargets(std::string_view file_system) const;

  // efs_settings.cc
  Answer PutFileSystemPolicy(const Value& input);
  Answer DescribeFileSystemPolicy(const Value& input);
  Answer DeleteFileSystemPolicy(const Value& input);
  Answer PutBackupPolicy(const Value& input);
  Answer DescribeBackupPolicy(const Value& input);
  Answer PutLifecycleConfiguration(const Value& input);
  Answer DescribeLifecycleConfiguration(const Value& input);
  Answer CreateTags(const Value& input);
  Answer DescribeTags(const Value& input);
  Answer DeleteTags(const Value& input);
  Answer TagResource(const Value& input);
  Answer UntagResource(const Value& input);
  Answer ListTagsForResource(const Value& input);
  Answer DescribeAccountPreferences(const Value& input);
  Answer PutAccountPreferences(const Value& input);
  std::variant<Value*, ApiError> TagsOf(std::string_view name);
  Answer AddTags(Value& tags, const Value::List& added);
  Answer RemoveTags(Value& tags, const Value::List& keys);

  // efs_replication.cc
  void CreateReplicationConfiguration(const Value& input, Reply reply);
  Answer DescribeReplicationConfigurations(const Value& input);
  void DeleteReplicationConfiguration(const Value& input, Reply reply);
  Problem CheckSource(const FileSystem& system) const;
  Flow<> BeginReplication(Value ask, Reply reply);
  Answer JoinReplication(const Value& input);
  Answer AdoptDestination(const Value& input);
  Answer MakeDestination(const Value& input);
  Flow<> EndBoth(ReplicationPtr replication, Reply reply);
  Answer EndReplication(const Value& input);

  // efs_sync.cc
  ReplicationPtr FindBySource(std::string_view source_id) const;
  ReplicationPtr FindOf(std::string_view file_system) const;
  std::string_view OtherRegion(const Replication& replication) const;
  bool IsSourceHere(const Replication& replication) const;
  bool IsDestinationHere(const Replication& replication) const;
  CopyOrder OrderOf(const Replication& replication) const;
  void BeginCopy(const ReplicationPtr& replication);
  void Progressed(const ReplicationPtr& replication);
  void BeginEnd(const ReplicationPtr& replication);
  Flow<> RunEnd(ReplicationPtr replication);
  Flow<> Release(ReplicationPtr replication);
  Flow<> Forget(ReplicationPtr replication);
  void ServeCopy(std::string_view operation, const Value& input, const Reply& reply);
  void HearProgress(Replication& replication, const Value& input);
  Answer KnowReplication(const Value& input);
  Flow<> TellForever();
  Flow<> AskAfter(ReplicationPtr replication);
  Flow<> Monitor();
  void PublishLag(const Replication& replication);

  // efs.cc
  FileSystem* Find(std::string_view name);
  const FileSystem* Find(std::string_view name) const;
  MountTarget* FindMountTarget(std::string_view id);
  AccessPoint* FindAccessPoint(std::string_view name);
  Home home() const { return {host_.region(), host_.account()}; }
  std::filesystem::path FolderOf(std::string_view id) const;
  base::Status MakeFolder(const std::string& id);
  base::Duration Paced(base::Duration aws) const;
  void Load(const Value& state);
  void Save();

  Host& host_;
  std::unique_ptr<Replicators> replicators_;
  std::map<std::string, FileSystem, std::less<>> systems_;
  std::map<std::string, MountTarget, std::less<>> mounts_;
  std::map<std::string, AccessPoint, std::less<>> points_;
  std::map<std::string, ReplicationPtr, std::less<>> replications_;  // by source

  // Not saved.
  std::map<std::string, std::unique_ptr<Replicator>, std::less<>> copies_;  // by source
  std::deque<std::string> to_measure_;
  bool measuring_ = false;                      // one of them at a time
  std::set<std::string, std::less<>> joining_;  // sources whose other side is being asked
};

}  // namespace leeward::lab::efs

namespace leeward::lab {
std::unique_ptr<Service> MakeEfs(Host& host);
}

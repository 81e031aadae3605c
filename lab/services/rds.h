// The lab's RDS in one Region. Real servers stand behind every instance (rds_engine.h).
//
// Requests are checked and answered at once from the saved state; what takes time is a Flow per
// instance.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"
#include "lab/services/rds_backup.h"
#include "lab/services/rds_checks.h"
#include "lab/services/rds_engine.h"
#include "lab/services/rds_engine_type.h"
#include "lab/services/rds_instance.h"
#include "lab/services/rds_template.h"
#include "lab/services/region_links.h"

namespace leeward::lab::rds {

using InstancePtr = std::shared_ptr<Instance>;

struct Snapshot {
  shapes::Value record;    // a DBSnapshot
  std::string directory;   // below the service's state directory
  Secrets secrets;         // of the servers it is restored to
  shapes::Value settings;  // of the instance it was taken of
};

// Something another Region must still be told; kept and repeated until it has answered.
struct Notice {
  std::string region;
  std::string operation;
  shapes::Value input;
};

struct RdsLimits {
  std::size_t events = 1000;
  std::size_t notices = 100;
  base::Duration call{5'000'000'000};  // to another Region's control plane
  base::Duration notice_retry{2'000'000'000};
  base::Duration source_backup{3'600'000'000'000};  // until a source's Region has made one
  base::Duration source_backup_poll{100'000'000};
  base::Duration monitor{1'000'000'000};  // between looks at a running server, at pace fast
  base::Duration monitor_aws{60'000'000'000};
  base::Duration link_error{10'000'000'000};     // without streaming, until the link reads "error"
  base::Duration backup_settle{10'000'000'000};  // at pace fast, from available to the first backup
  base::Duration promote_shown{
      20'000'000};  // how long the old status is still read after a promote
  base::Duration template_delay{1'000'000'000};  // so that a lab that comes up is not held up
  std::int64_t chunk = 1 << 20;                  // of a snapshot on its way to another Region
  base::Duration log_copy{1'000'000'000};        // between two copies of a log, at pace fast
  base::Duration log_copy_aws{300'000'000'000};
  base::Duration log_pull{500'000'000};  // between two looks at a backup in another Region
  base::Duration log_pull_aws{60'000'000'000};
  base::Duration day{86'400'000'000'000};       // of retention periods and of backup windows
  base::Duration backup_again{60'000'000'000};  // after a daily one that failed
  std::size_t backup_copies = 20;               // in one Region, of other Regions' backups
  int crash_restarts = 5;
};

class Rds : public Service, public GuardedByGroups {
 public:
  explicit Rds(Host& host);
  ~Rds() override;

  std::string_view name() const override { return "rds"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  void SecurityGroupsChanged() override;
  bool UsesGroup(std::string_view group_id) const override;

  RdsLimits limits;

 private:
  using Value = shapes::Value;
  static std::span<const OperationRow<Rds>> Table();
  static std::span<const OperationRow<Rds>> InternalTable();

  // rds_create.cc
  Answer CreateDBInstance(const Value& input);
  Answer RestoreDBInstanceFromDBSnapshot(const Value& input);
  Value RestoredSettings(const Value& input, const Value& origin) const;
  Value FreshSettings(const Value& input, const EngineType& type) const;
  InstancePtr AddInstance(const Value& input, Value settings);
  Problem CheckPlacement(const Value& input) const;

  // rds_keys.cc
  Problem CheckKey(std::string_view key) const;
  Problem CheckEncryption(const Value& input) const;  // of a new instance
  Problem CheckOwnKey(const Value& settings) const;   // that its key can still be used
  Problem CheckEncryptedCopy(const Value& input, const Value& source) const;
  void Encrypt(Value& settings, std::string_view key) const;
  static void InheritKey(Value& settings, const Value& origin);
  Problem CheckParameterGroup(const Value& input, const EngineType& type) const;
  Template& TemplateOf(const EngineType& type);
  Flow<> RunCreate(InstancePtr instance);
  Flow<base::Status> Fill(InstancePtr instance);
  Flow<base::Status> Bootstrap(InstancePtr instance);

  // rds_lifecycle.cc
  Answer RebootDBInstance(const Value& input);
  Answer StopDBInstance(const Value& input);
  Answer StartDBInstance(const Value& input);
  Answer DeleteDBInstance(const Value& input);
  Flow<> RunReboot(InstancePtr instance);
  Flow<> RunStop(InstancePtr instance);
  Flow<> RunStart(InstancePtr instance);
  Flow<> RunDelete(InstancePtr instance, std::string final_snapshot);
  Flow<> RestartCrashed(InstancePtr instance);

  // rds_modify.cc
  Answer ModifyDBInstance(const Value& input);
  void ApplySettings(Instance& instance, const Value& changes);
  Flow<> RunModify(InstancePtr instance, Value input);
  Flow<base::Status> ApplyChanges(InstancePtr instance, Value input);
  void Rename(Instance& instance, const std::string& id);

  // rds_replica.cc
  void CreateDBInstanceReadReplica(const Value& input, Reply reply);
  Problem CheckReplicaRequest(const Value& input) const;
  Flow<> BeginReplica(Value input, Reply reply);
  Answer AddReplica(const Value& input, const Value& source);
  Answer PromoteReadReplica(const Value& input);
  Flow<> RunPromote(InstancePtr instance);
  Upstream LocalUpstream(const Instance& instance);
  void PrepareReplica(const Value& input, Reply reply);
  Answer ListReplica(const Value& input);
  Answer ReplicaGone(const Value& input);
  Answer SourceDeleted(const Value& input);
  Answer SourceRenamed(const Value& input);
  Answer ReplicaRenamed(const Value& input);
  Flow<> AddFollower(InstancePtr source, std::string slot, Value answer, Reply reply);
  Flow<> DropFollower(InstancePtr source, std::string slot);
  Flow<> DropStrangers(InstancePtr source);
  void Tell(Notice notice);
  Flow<> SendNotices();

  // rds_snapshot.cc
  Answer CreateDBSnapshot(const Value& input);
  Answer DescribeDBSnapshots(const Value& input);
  Answer DeleteDBSnapshot(const Value& input);
  void CopyDBSnapshot(const Value& input, Reply reply);
  Answer DescribeSnapshotInternal(const Value& input);
  Answer ReadSnapshotChunk(const Value& input);
  Value FilesOf(const Snapshot& snapshot);
  Answer BackUpForReplica(const Value& input);
  Answer DropReplicaBackup(const Value& input);
  Flow<> RunReplicaBackup(InstancePtr source, std::string slot);
  Flow<base::Result<Value>> AwaitSourceBackup(InstancePtr instance);
  Flow<base::Status> FetchSourceBackup(InstancePtr instance, std::filesystem::path into);
  Snapshot& AddSnapshot(const Instance& instance, const std::string& id, std::string_view type);
  Flow<base::Status> TakeSnapshot(InstancePtr instance, std::string id);
  Flow<> RunSnapshot(InstancePtr instance, std::string id);
  Flow<> RunCopy(Value input, Reply reply);
  Flow<base::Status> PullFile(std::string region, std::string source_id, std::string file,
                              std::filesystem::path to);
  std::filesystem::path SnapshotPath(const Snapshot& snapshot);
  void DropSnapshot(const std::string& id);  // which is there
  void DropAutomatedSnapshots(std::string_view resource_id);

  // rds_backups.cc
  Flow<> RunBackup(InstancePtr instance);
  void BackUpDaily(const InstancePtr& instance);
  Flow<> RunDailyBackup(InstancePtr instance);
  Flow<> BackUpNow(InstancePtr instance);
  Flow<base::Status> TakeBase(InstancePtr instance, BackupPtr backup);
  void DropFailedBackups(std::string_view resource_id);
  bool IsBeingRestored(const AutomatedBackup& backup) const;
  void Prune(const BackupPtr& backup);
  Flow<BackupPtr> BeginBackup(InstancePtr instance);
  Flow<> ShipLog(InstancePtr instance);
  Flow<base::Status> ShipOnce(InstancePtr instance, BackupPtr backup);
  Flow<> EndBackups(InstancePtr instance);
  void GoOnBackingUp(const InstancePtr& instance);
  BackupPtr BackupOf(const Instance& instance) const;
  void TellOfInstance(const Instance& instance, AutomatedBackup& backup) const;
  void Retain(const Instance& instance);
  void DropBackup(const BackupPtr& backup);
  void ExpireBackups();
  std::string NewBackupName();
  std::filesystem::path BackupPath(const AutomatedBackup& backup);
  std::filesystem::path LogPath(const AutomatedBackup& backup) {
    return BackupPath(backup) / "log";
  }
  void SaveBackup(const AutomatedBackup& backup);
  void LoadBackups();

  // rds_backup_api.cc
  Answer DescribeDBInstanceAutomatedBackups(const Value& input);
  Answer DeleteDBInstanceAutomatedBackup(const Value& input);
  Value ShownBackup(const AutomatedBackup& backup) const;
  BackupPtr BackupByArn(std::string_view arn) const;

  // rds_backup_copies.cc
  void StartDBInstanceAutomatedBackupsReplication(const Value& input, Reply reply);
  Answer StopDBInstanceAutomatedBackupsReplication(const Value& input);
  Problem CheckBackupCopy(const Value& input) const;
  Flow<> BeginBackupCopy(Value input, Reply reply);
  Answer AddBackupCopy(const Value& input, const Value& source);
  Flow<> PullBackup(BackupPtr backup);
  Flow<base::Status> PullOnce(BackupPtr backup);
  Flow<base::Status> PullBase(BackupPtr backup, Value source);
  Flow<base::Status> PullNewBase(BackupPtr backup, Value source);
  void BeginAnew(AutomatedBackup& backup);
  Flow<base::Status> PullLog(BackupPtr backup, std::uint64_t to);
  base::Status PutLog(const AutomatedBackup& backup, const LogPlace& at, std::string_view bytes);
  void SourceIsGone(const BackupPtr& backup);
  Answer ListBackupCopy(const Value& input);
  Answer BackupCopyGone(const Value& input);
  Answer DescribeBackupInternal(const Value& input);
  Answer ReadLogChunk(const Value& input);
  InstancePtr FindResource(std::string_view resource_id) const;

  // rds_restore.cc
  Answer RestoreDBInstanceToPointInTime(const Value& input);
  Problem CheckPointInTime(const Value& input) const;
  std::variant<BackupPtr, ApiError> BackupToRestore(const Value& input) const;

  // rds_describe.cc
  Answer DescribeDBInstances(const Value& input);
  Answer DescribeEvents(const Value& input);
  Answer DescribeSourceRegions(const Value& input);
  Answer DescribeDBEngineVersions(const Value& input);
  Answer DescribeOrderableDBInstanceOptions(const Value& input);

  // rds_groups.cc
  Answer CreateDBSubnetGroup(const Value& input);
  Answer DescribeDBSubnetGroups(const Value& input);
  Answer DeleteDBSubnetGroup(const Value& input);
  Answer CreateDBParameterGroup(const Value& input);
  Answer DescribeDBParameterGroups(const Value& input);
  Answer DescribeDBParameters(const Value& input);
  Answer ModifyDBParameterGroup(const Value& input);
  Answer DeleteDBParameterGroup(const Value& input);
  Answer AddTagsToResource(const Value& input);
  Answer ListTagsForResource(const Value& input);
  Answer RemoveTagsFromResource(const Value& input);
  Flow<> Reconfigure(InstancePtr instance);
  Value* TagsOf(std::string_view arn);

  // rds_monitor.cc
  Flow<> Monitor();
  Flow<> LookAt(InstancePtr instance);
  void TakeLook(Instance& instance, const EngineLook& look);

  // rds.cc
  InstancePtr FindInstance(std::string_view id) const;   // by identifier or by ARN of this Region
  InstancePtr FindSource(std::string_view slot) const;   // that has a replica by this slot
  InstancePtr FindReplica(std::string_view slot) const;  // that follows by this slot
  void Resume(const InstancePtr& instance);
  void MakeEngine(const InstancePtr& instance);
  EngineConfig ConfigOf(Instance& instance);
  shapes::Value SubnetGroupNamed(std::string_view name) const;
  shapes::Value Shown(const Instance& instance) const;  // as DBInstance
  void Publish(const Instance& instance);
  void PublishReplication(const Instance& instance);
  void Withdraw(const Instance& instance);
  void SetIngress(const Instance& instance);
  void SetStatus(Instance& instance, InstanceStatus status);
  void Fail(Instance& instance, const base::Status& why);
  void AddEvent(std::string_view source, std::string_view type, std::string message,
                std::string_view category);
  std::filesystem::path Directory() { return host_.StateDirectory("rds"); }
  base::Duration Paced(base::Duration aws) const;
  std::string ReplicationName(const Instance& instance) const;
  std::string NewResourceId();
  void Load(const Value& state);
  void Save();

  Host& host_;
  Secrets secrets_;
  std::map<std::string_view, std::unique_ptr<Template>> templates_;  // by their directory
  std::map<std::string, InstancePtr, std::less<>> instances_;
  std::map<std::string, Snapshot, std::less<>> snapshots_;
  std::map<std::string, BackupPtr, std::less<>> backups_;  // by name
  std::map<std::string, Value, std::less<>> subnet_groups_;
  std::map<std::string, Value, std::less<>> parameter_groups_;  // with their Parameters
  std::deque<Value> events_;
  std::deque<Notice> notices_;
  bool sending_ = false;
};

// Counts a job on an instance for as long as it lives.
class AtWork {
 public:
  explicit AtWork(InstancePtr instance) : instance_(std::move(instance)) { ++instance_->flows; }
  ~AtWork() { --instance_->flows; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

 private:
  InstancePtr instance_;
};

}  // namespace leeward::lab::rds

namespace leeward::lab {
std::unique_ptr<Service> MakeRds(Host& host);
}

// The lab's AWS Backup in one Region: vaults, recovery points, and the jobs that make, copy and
// restore them.
//
// A plan's rules start jobs when they are due (backup_schedule.cc).
//
// A recovery point appears when its data is complete, in one move with the end of its job. What
// a kind of resource is backed up by is a BackupResource (backup_resource.h). A copy is brought by
// the destination's Region (backup_incoming.h), which asks the source's; the job is the source's,
// and follows from afar (backup_copy.cc).
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
#include "lab/services/backup_checks.h"
#include "lab/services/backup_incoming.h"
#include "lab/services/backup_plans.h"
#include "lab/services/backup_records.h"
#include "lab/services/backup_resource.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"
#include "lab/services/recovery_points.h"

namespace leeward::lab::backup {

struct Limits {
  std::size_t vaults = 100;            // as the quota of an account
  std::size_t jobs = 1000;             // kept, of each kind
  base::Duration poll{200'000'000};    // between looks at a copy elsewhere
  std::size_t plans = 300;             // the deleted ones, too
  std::size_t plan_versions = 100;     // kept, of each plan
  std::size_t selections = 100;        // of a plan
  base::Duration look{1'000'000'000};  // between looks at lifecycles and schedules
  IncomingLimits incoming;             // of copies that come here, and of calls
};

class Backup : public Service, public RecoveryPoints {
 public:
  Backup(Host& host, BackupResources resources);
  ~Backup() override;

  std::string_view name() const override { return "backup"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;
  bool Holds(std::string_view point_arn) const override { return points_.contains(point_arn); }

  Limits limits;

 private:
  using Value = shapes::Value;
  using Jobs = std::map<std::string, Job, std::less<>>;
  static std::span<const OperationRow<Backup>> Table();
  static std::span<const OperationRow<Backup>> InternalTable();

  // backup_vaults.cc
  Answer CreateBackupVault(const Value& input);
  Answer DescribeBackupVault(const Value& input);
  Answer ListBackupVaults(const Value& input);
  Answer DeleteBackupVault(const Value& input);
  Answer TagResource(const Value& input);
  Answer UntagResource(const Value& input);
  Answer ListTags(const Value& input);
  Answer GetSupportedResourceTypes(const Value& input);
  Answer DescribeRegionSettings(const Value& input);
  Answer UpdateRegionSettings(const Value& input);
  Vault* FindVault(std::string_view name);
  Value ShownVault(const Vault& vault) const;
  Value* TagsOf(std::string_view arn);
  std::size_t CountPoints(std::string_view vault) const;

  // backup_keys.cc
  Problem CheckVaultKey(std::string_view key) const;
  std::string KeyOf(std::string_view vault) const;
  std::string OwnKeyOf(std::string_view vault) const;  // empty: the one that AWS manages
  base::Status NeedKey(std::string_view key) const;
  static void SetKey(Value& record, std::string_view key);

  // backup_points.cc
  Answer DescribeRecoveryPoint(const Value& input);
  Answer ListRecoveryPointsByBackupVault(const Value& input);
  Answer ListRecoveryPointsByResource(const Value& input);
  Answer GetRecoveryPointRestoreMetadata(const Value& input);
  Answer DeleteRecoveryPoint(const Value& input);
  Answer UpdateRecoveryPointLifecycle(const Value& input);
  Answer ListProtectedResources(const Value& input);
  Answer DescribeProtectedResource(const Value& input);
  Point* FindPoint(std::string_view vault, std::string_view arn);
  bool IsInUse(std::string_view point_arn) const;
  void DropPoint(std::string arn);
  Flow<> RemoveData(std::string arn, std::filesystem::path folder, std::string type);
  void DropExpired();
  Value ProtectedResources() const;

  // backup_jobs.cc
  void StartBackupJob(const Value& input, Reply reply);
  Answer StopBackupJob(const Value& input);
  Answer DescribeBackupJob(const Value& input);
  Answer ListBackupJobs(const Value& input);
  Flow<> BeginBackup(Value input, Reply reply);
  Job& AddBackupJob(const Value& input, const ResourceSeen& seen);
  Flow<> RunBackup(std::string id);
  Flow<base::Status> TakeBackup(std::string id, WorkPtr work);
  void KeepBackup(Job& job, const ResourceSeen& seen, const BackedUp& taken, const Seal& seal);
  void EndJob(Job& job, std::string_view state, std::string_view message);
  void EndFailed(Job& job, const base::Error& error);
  void StopOverdue();
  bool HasRunningBackup(const Job& other) const;
  void BoundJobs(Jobs& jobs) const;
  Job* FindToken(Jobs& jobs, std::string_view token);
  Answer Listed(const Value& input, std::string_view key, Value::List items) const;
  Answer ListedJobs(const Value& input, std::string_view key, const Jobs& jobs) const;

  // backup_copy.cc
  Answer StartCopyJob(const Value& input);
  Answer DescribeCopyJob(const Value& input);
  Answer ListCopyJobs(const Value& input);
  Job& AddCopyJob(const Value& input, const Point& point);
  Flow<> RunCopy(std::string id);
  Flow<base::Status> AskForCopy(std::string id);
  Flow<> FollowCopy(std::string id);
  Answer TakeCopy(const Value& input);
  Answer StateOfCopy(const Value& input);
  void Read(std::string_view operation, const Value& input, const Reply& reply);
  Flow<> RunIncoming(std::shared_ptr<Incoming> incoming);
  void KeepCopy(const Incoming& incoming);

  // backup_restore.cc
  Answer StartRestoreJob(const Value& input);
  Answer DescribeRestoreJob(const Value& input);
  Answer ListRestoreJobs(const Value& input);
  Flow<> RunRestore(std::string id);

  // backup_schedule.cc
  Answer CreateBackupPlan(const Value& input);
  Answer UpdateBackupPlan(const Value& input);
  Answer GetBackupPlan(const Value& input);
  Answer ListBackupPlans(const Value& input);
  Answer ListBackupPlanVersions(const Value& input);
  Answer DeleteBackupPlan(const Value& input);
  Answer CreateBackupSelection(const Value& input);
  Answer GetBackupSelection(const Value& input);
  Answer ListBackupSelections(const Value& input);
  Answer DeleteBackupSelection(const Value& input);
  Plan* FindPlan(std::string_view id);
  void SetPlan(Plan& plan, const Value& asked);
  void LookAtPlans();
  Flow<> RunRule(std::string id, Value rule, std::string state);
  void StartCopyActions(const Job& job);

  // backup.cc
  BackupResource* ResourceOf(const ArnParts& arn) const;
  BackupResource* ResourceOfType(std::string_view type) const;
  std::filesystem::path FolderOf(std::string_view point) const;
  std::filesystem::path ScratchOf(std::string_view job) const;
  std::string VaultArn(std::string_view name) const;
  std::string NewId();  // a UUID
  base::Duration Paced(base::Duration aws) const;
  Flow<> Sweep();
  Flow<> LookForever();
  void Resume();
  void Load(const Value& state);
  void Save();

  Host& host_;
  BackupResources resources_;
  std::map<std::string, Vault, std::less<>> vaults_;
  std::map<std::string, Point, std::less<>> points_;  // by ARN
  std::map<std::string, Plan, std::less<>> plans_;
  Jobs backup_jobs_;
  Jobs copy_jobs_;
  Jobs restore_jobs_;
  Value opt_in_ = Value::Struct();      // ResourceTypeOptInPreference
  Value management_ = Value::Struct();  // ResourceTypeManagementPreference

  // Not saved.
  std::map<std::string, WorkPtr, std::less<>> works_;                     // by job
  std::map<std::string, std::shared_ptr<Incoming>, std::less<>> coming_;  // by copy job
};

}  // namespace leeward::lab::backup

namespace leeward::lab {
std::unique_ptr<Service> MakeBackup(Host& host);
}

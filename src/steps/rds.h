// Steps of the component kind `rds`, and what they share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "probe/sql_session.h"
#include "steps/work.h"

namespace leeward::steps {

// rds_prepare.cc
Result<StepOutcome> RdsCheckSource(const Work& work);
Result<StepOutcome> RdsReplicate(const Work& work);
// rds_log.cc
Result<StepOutcome> RdsLateWrites(const Work& work);
Result<StepOutcome> RdsMeasure(const Work& work);
Result<StepOutcome> RdsDrain(const Work& work);
Result<StepOutcome> RdsDrainTo(const Work& work);
// rds_fence.cc
Result<StepOutcome> RdsFence(const Work& work);
Result<StepOutcome> RdsQuiesce(const Work& work);
Result<StepOutcome> RdsOpen(const Work& work);
// rds_promote.cc
Result<StepOutcome> RdsPromote(const Work& work);
// rds_backups.cc
Result<StepOutcome> RdsCopyBackups(const Work& work);
Result<StepOutcome> RdsMeasureBackup(const Work& work);
Result<StepOutcome> RdsRestore(const Work& work);
// rds_aside.cc
Result<StepOutcome> RdsPreserveOld(const Work& work);
Result<StepOutcome> RdsRetireOld(const Work& work);

// An instance as DescribeDBInstances tells of it.
struct Instance {
  std::string arn, resource_id, status, engine, instance_class;
  std::string address;
  int port = 0;  // 0: not told
  std::int64_t retention_days = 0;
  bool encrypted = false;
  std::string source;  // what it is a replica of: an ARN, or an identifier; empty: of nothing
  bool has_replicas = false;
  std::string replication_status;  // of a replica: "replicating"; empty when it is not told
};
// nullopt: no such instance.
Result<std::optional<Instance>> DescribeInstance(const Work& work, const Region& region,
                                                 const std::string& identifier);
// The instance, which has to be there.
Result<Instance> NeedInstance(const Work& work, const Region& region,
                              const std::string& identifier);
// Waits until the instance is there and in this state.
Result<Instance> AwaitStatus(const Work& work, const Region& region, const std::string& identifier,
                             const std::string& status);

// Adds to the call that copies `source` to the step's Region the key that the copy is encrypted
// under; of what is not encrypted there is no encrypted copy.
Status AddCopyKey(const Work& work, const model::Rds& rds, const Instance& source,
                  std::string_view operation, Value& input);

// An automated backup in a Region of an instance in another one.
struct BackupCopy {
  std::string arn, status;
  std::string instance, resource_id, source_region;  // what it is of
  std::optional<base::WallTime> latest;              // that it can be restored to

  // Whether it is still added to.
  bool follows() const { return status == "replicating" || status == "pending"; }
};
// Those of what DescribeDBInstanceAutomatedBackups answered in `region`.
std::vector<BackupCopy> ReadBackupCopies(const Value& answer, const Region& region);
// The one that has most of the instance; by its name where its resource id was never learned.
std::optional<BackupCopy> NewestOf(const std::vector<BackupCopy>& copies, const Region& source,
                                   const std::string& instance, std::string_view resource_id);
Result<std::vector<BackupCopy>> BackupCopies(const Work& work, const Region& region);
// Of the component's instance in the other Region, the copy in the step's Region that has most.
Result<std::optional<BackupCopy>> NewestCopy(const Work& work, const model::Rds& rds);
// A canary from the moment of protection: until an observer or the application writes, it is what
// tells how old the standby's data may be.
Status LeaveCanary(const Work& work, const model::Rds& rds, const Instance& source);
// Waits until the database is out of recovery, open, and has committed a write.
Result<probe::WriterMark> AwaitWritable(const Work& work, const model::Rds& rds,
                                        const probe::SqlAddress& address);

// The Region's id of the named security group; empty when the spec names none.
Result<std::string> SecurityGroup(const Work& work, const std::string& name);
// kWrongState when it is no replica of `source`, or cannot be the source of one.
Status CheckIsReplicaOf(const Work& work, const model::Rds& rds, const Instance& instance,
                        const Instance& source);
Status CheckFitsAsSource(const Work& work, const model::Rds& rds, const Instance& instance);

// The name an old writer is kept under, the same in every run of one plan:
// "orders-before-20261123t082053z".
std::string AsideName(const Work& work, const std::string& instance, const std::string& word);
// What is there under the component's name, or nothing when an earlier run has renamed it already.
Result<std::optional<Instance>> NotYetAside(const Work& work, const model::Rds& rds,
                                            const std::string& aside);
bool IsReplicaFrom(const Instance& instance, const Region& region);

// Where the component's database answers in a Region: from the inventory, or, when it was never
// learned, from that Region.
Result<probe::SqlAddress> DatabaseIn(const Work& work, const model::Rds& rds, const Region& region);
probe::SqlAddress DatabaseAt(const Work& work, const model::Rds& rds, const std::string& host,
                             int port);
// Logins that a guard held may log in again, where the application has no guard any more: one that
// has lets them in itself.
Status LiftUnlessGuarded(const Work& work, probe::SqlSession& session,
                         base::MonotonicTime deadline);

// How the server stands, through `address`.
Result<probe::SqlPosition> PositionAt(const Work& work, const probe::SqlAddress& address);

}  // namespace leeward::steps

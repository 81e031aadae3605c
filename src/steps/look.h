// Look: one step looked at in a dry run: its work, and what was found of the steps before it. And
// the looks, one a step kind.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "steps/dry_run.h"
#include "steps/work.h"

namespace leeward::steps {

class Look {
 public:
  Look(const Work& work, const Findings& findings) : work_(work), findings_(findings) {}
  const Work& work() const { return work_; }
  const Findings& findings() const { return findings_; }

  struct Which {
    std::initializer_list<std::string_view> kinds;  // empty: every kind
    Region region = {};                             // empty: wherever it acts
    model::ComponentName component = {};            // empty: of any component
  };
  // The last of the steps this one waits for that is such a step and is not done; nullptr: none.
  const model::Step* Pending(const Which& which) const;

 private:
  const Work& work_;
  const Findings& findings_;
};

Finding Nothing(std::string detail);
Finding Act(std::string detail);
// Of a step that only looks.
Finding Pass(ports::StepOutcome outcome);
// `now`: what can be said of the present, may be empty.
Finding Later(const model::Step& behind, const std::string& now = "");

// look_rds.cc
Result<Finding> LookAtCheckSource(const Look& look);
Result<Finding> LookAtReplicate(const Look& look);
Result<Finding> LookAtMeasure(const Look& look);
Result<Finding> LookAtFence(const Look& look);
Result<Finding> LookAtQuiesce(const Look& look);
Result<Finding> LookAtDrain(const Look& look);
Result<Finding> LookAtDrainTo(const Look& look);
Result<Finding> LookAtPromote(const Look& look);
Result<Finding> LookAtOpen(const Look& look);
// look_rds_backups.cc
Result<Finding> LookAtCopyBackups(const Look& look);
Result<Finding> LookAtMeasureBackup(const Look& look);
Result<Finding> LookAtRestore(const Look& look);
// look_aside.cc
Result<Finding> LookAtPreserveOld(const Look& look);
Result<Finding> LookAtLateWrites(const Look& look);
Result<Finding> LookAtRetireOld(const Look& look);
// look_dynamodb.cc
Result<Finding> LookAtTableSource(const Look& look);
Result<Finding> LookAtTableReplicate(const Look& look);
Result<Finding> LookAtTableMeasure(const Look& look);
Result<Finding> LookAtTableFence(const Look& look);
Result<Finding> LookAtTableQuiesce(const Look& look);
Result<Finding> LookAtTableReady(const Look& look);
Result<Finding> LookAtTableOpen(const Look& look);
Result<Finding> LookAtTableConverge(const Look& look);
Result<Finding> LookAtTableDrainTo(const Look& look);
Result<Finding> LookAtTableLateWrites(const Look& look);
// look_dynamodb_backups.cc
Result<Finding> LookAtTableBackups(const Look& look);
Result<Finding> LookAtTableMeasureBackup(const Look& look);
Result<Finding> LookAtTableRestore(const Look& look);
Result<Finding> LookAtTableFinalBackup(const Look& look);
Result<Finding> LookAtTableAside(const Look& look);
// look_elasticache.cc
Result<Finding> LookAtCacheSource(const Look& look);
Result<Finding> LookAtCacheReplicate(const Look& look);
Result<Finding> LookAtCacheMeasure(const Look& look);
Result<Finding> LookAtCacheFence(const Look& look);
Result<Finding> LookAtCacheQuiesce(const Look& look);
Result<Finding> LookAtCachePromote(const Look& look);
Result<Finding> LookAtCacheOpen(const Look& look);
Result<Finding> LookAtCacheDrainTo(const Look& look);
Result<Finding> LookAtCachePreserveOld(const Look& look);
// look_datasync.cc
Result<Finding> LookAtSyncSource(const Look& look);
Result<Finding> LookAtSyncReplicate(const Look& look);
Result<Finding> LookAtSyncMeasure(const Look& look);
Result<Finding> LookAtSyncQuiesce(const Look& look);
Result<Finding> LookAtSyncDrainTo(const Look& look);
Result<Finding> LookAtSyncPromote(const Look& look);
Result<Finding> LookAtSyncOpen(const Look& look);
Result<Finding> LookAtSyncPreserveOld(const Look& look);
// look_efs.cc
Result<Finding> LookAtFilesSource(const Look& look);
Result<Finding> LookAtFilesReplicate(const Look& look);
Result<Finding> LookAtFilesMeasure(const Look& look);
Result<Finding> LookAtFilesFence(const Look& look);
Result<Finding> LookAtFilesQuiesce(const Look& look);
Result<Finding> LookAtFilesDrainTo(const Look& look);
Result<Finding> LookAtFilesPromote(const Look& look);
Result<Finding> LookAtFilesOpen(const Look& look);
Result<Finding> LookAtFilesPreserveOld(const Look& look);
// look_efs_backups.cc
Result<Finding> LookAtFilesBackups(const Look& look);
Result<Finding> LookAtFilesMeasureBackup(const Look& look);
Result<Finding> LookAtFilesRestore(const Look& look);
Result<Finding> LookAtFilesFinalBackup(const Look& look);
Result<Finding> LookAtFilesRetireOld(const Look& look);
// look_ebs.cc
Result<Finding> LookAtDisksSource(const Look& look);
Result<Finding> LookAtDisksReplicate(const Look& look);
Result<Finding> LookAtDisksMeasure(const Look& look);
Result<Finding> LookAtDisksFence(const Look& look);
Result<Finding> LookAtDisksQuiesce(const Look& look);
Result<Finding> LookAtDisksDrainTo(const Look& look);
Result<Finding> LookAtDisksPromote(const Look& look);
Result<Finding> LookAtDisksOpen(const Look& look);
Result<Finding> LookAtDisksAside(const Look& look);
// look_secretsmanager.cc
Result<Finding> LookAtSecretSource(const Look& look);
Result<Finding> LookAtSecretReplicate(const Look& look);
Result<Finding> LookAtSecretDrainTo(const Look& look);
Result<Finding> LookAtSecretPromote(const Look& look);
Result<Finding> LookAtSecretReady(const Look& look);
Result<Finding> LookAtSecretPreserveOld(const Look& look);
// look_kms.cc
Result<Finding> LookAtKeySource(const Look& look);
Result<Finding> LookAtKeyReplicate(const Look& look);
Result<Finding> LookAtKeyReady(const Look& look);
// look_s3.cc
Result<Finding> LookAtBucketSource(const Look& look);
Result<Finding> LookAtBucketBackfill(const Look& look);
Result<Finding> LookAtBucketReplicate(const Look& look);
Result<Finding> LookAtBucketMeasure(const Look& look);
Result<Finding> LookAtBucketFence(const Look& look);
Result<Finding> LookAtBucketDrain(const Look& look);
Result<Finding> LookAtBucketReady(const Look& look);
Result<Finding> LookAtBucketConverge(const Look& look);
Result<Finding> LookAtBucketGap(const Look& look);
Result<Finding> LookAtBucketQuiesce(const Look& look);
Result<Finding> LookAtBucketDrainTo(const Look& look);
Result<Finding> LookAtBucketOpen(const Look& look);
// look_ecs.cc
Result<Finding> LookAtEcsQuiesce(const Look& look);
Result<Finding> LookAtEcsScale(const Look& look);
Result<Finding> LookAtEcsReady(const Look& look);
Result<Finding> LookAtEcsSettle(const Look& look);
// ecs_replicate.cc
Result<Finding> LookAtEcsReplicate(const Look& look);
Result<Finding> LookAtEcsReaddress(const Look& look);
// look_route53.cc
Result<Finding> LookAtShift(const Look& look);
Result<Finding> LookAtConfirm(const Look& look);
// route53_protect.cc
Result<Finding> LookAtRoute53Protect(const Look& look);
// look_gates.cc
Result<Finding> LookAtGateLoss(const Look& look);
Result<Finding> LookAtFinalLoss(const Look& look);
Result<Finding> LookAtApproval(const Look& look);
Result<Finding> LookAtFenceProof(const Look& look);
// look_lease.cc
Result<Finding> LookAtLeaseHandOver(const Look& look);
Result<Finding> LookAtLeaseTake(const Look& look);
// look_app.cc
Result<Finding> LookAtAppVerify(const Look& look);
Result<Finding> LookAtConsistency(const Look& look);
Result<Finding> LookAtInventory(const Look& look);

}  // namespace leeward::steps

#include "steps/runner.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "steps/app.h"
#include "steps/consistency.h"
#include "steps/datasync.h"
#include "steps/dynamodb.h"
#include "steps/ebs.h"
#include "steps/ecs.h"
#include "steps/efs.h"
#include "steps/elasticache.h"
#include "steps/gates.h"
#include "steps/kms.h"
#include "steps/lease.h"
#include "steps/rds.h"
#include "steps/route53.h"
#include "steps/s3.h"
#include "steps/secretsmanager.h"
#include "steps/work.h"

namespace leeward::steps {
namespace {

struct Entry {
  std::string_view kind;
  Result<StepOutcome> (*run)(const Work& work);
};

// Sorted by kind.
constexpr std::array kRunners = {
    Entry{"app.consistency", AppConsistency},
    Entry{"app.verify", AppVerify},
    Entry{"datasync.check-source", DataSyncCheckSource},
    Entry{"datasync.drain-to", DataSyncDrainTo},
    Entry{"datasync.fence", FenceFiles},
    Entry{"datasync.measure", DataSyncMeasure},
    Entry{"datasync.open", DataSyncOpen},
    Entry{"datasync.preserve-old", DataSyncPreserveOld},
    Entry{"datasync.promote", DataSyncPromote},
    Entry{"datasync.quiesce", DataSyncQuiesce},
    Entry{"datasync.replicate", DataSyncReplicate},
    Entry{"dynamodb.check-source", DynamodbCheckSource},
    Entry{"dynamodb.converge", DynamodbConverge},
    Entry{"dynamodb.copy-backups", DynamodbCopyBackups},
    Entry{"dynamodb.drain-to", DynamodbDrainTo},
    Entry{"dynamodb.fence", DynamodbFence},
    Entry{"dynamodb.final-backup", DynamodbFinalBackup},
    Entry{"dynamodb.late-writes", DynamodbLateWrites},
    Entry{"dynamodb.measure", DynamodbMeasure},
    Entry{"dynamodb.measure-backup", DynamodbMeasureBackup},
    Entry{"dynamodb.open", DynamodbOpen},
    Entry{"dynamodb.preserve-old", DynamodbPreserveOld},
    Entry{"dynamodb.quiesce", DynamodbQuiesce},
    Entry{"dynamodb.ready", DynamodbReady},
    Entry{"dynamodb.release", DynamodbRelease},
    Entry{"dynamodb.replicate", DynamodbReplicate},
    Entry{"dynamodb.restore", DynamodbRestore},
    Entry{"dynamodb.retire-old", DynamodbRetireOld},
    Entry{"ebs.check-source", EbsCheckSource},
    Entry{"ebs.drain-to", EbsDrainTo},
    Entry{"ebs.fence", EbsFence},
    Entry{"ebs.measure", EbsMeasure},
    Entry{"ebs.open", EbsOpen},
    Entry{"ebs.preserve-old", EbsPreserveOld},
    Entry{"ebs.promote", EbsPromote},
    Entry{"ebs.quiesce", EbsQuiesce},
    Entry{"ebs.replicate", EbsReplicate},
    Entry{"ebs.retire-old", EbsRetireOld},
    Entry{"ecs.quiesce", EcsQuiesce},
    Entry{"ecs.readdress", EcsReaddress},
    Entry{"ecs.ready", EcsReady},
    Entry{"ecs.replicate", EcsReplicate},
    Entry{"ecs.scale", EcsScale},
    Entry{"ecs.settle", EcsSettle},
    Entry{"efs.check-source", EfsCheckSource},
    Entry{"efs.copy-backups", EfsCopyBackups},
    Entry{"efs.drain-to", EfsDrainTo},
    Entry{"efs.fence", FenceFiles},
    Entry{"efs.final-backup", EfsFinalBackup},
    Entry{"efs.measure", EfsMeasure},
    Entry{"efs.measure-backup", EfsMeasureBackup},
    Entry{"efs.open", EfsOpen},
    Entry{"efs.preserve-old", EfsPreserveOld},
    Entry{"efs.promote", EfsPromote},
    Entry{"efs.quiesce", QuiesceFiles},
    Entry{"efs.replicate", EfsReplicate},
    Entry{"efs.restore", EfsRestore},
    Entry{"efs.retire-old", EfsRetireOld},
    Entry{"elasticache.check-source", ElasticacheCheckSource},
    Entry{"elasticache.drain-to", ElasticacheDrainTo},
    Entry{"elasticache.fence", ElasticacheFence},
    Entry{"elasticache.measure", ElasticacheMeasure},
    Entry{"elasticache.open", ElasticacheOpen},
    Entry{"elasticache.preserve-old", ElasticachePreserveOld},
    Entry{"elasticache.promote", ElasticachePromote},
    Entry{"elasticache.quiesce", ElasticacheQuiesce},
    Entry{"elasticache.replicate", ElasticacheReplicate},
    Entry{"gate.approval", GateApproval},
    Entry{"gate.fence-proof", GateFenceProof},
    Entry{"gate.final-loss", GateFinalLoss},
    Entry{"gate.loss", GateLoss},
    Entry{"inventory.refresh", InventoryRefresh},
    Entry{"kms.check-source", KmsCheckSource},
    Entry{"kms.ready", KmsReady},
    Entry{"kms.replicate", KmsReplicate},
    Entry{"lease.hand-over", LeaseHandOver},
    Entry{"lease.take", LeaseTake},
    Entry{"rds.check-source", RdsCheckSource},
    Entry{"rds.copy-backups", RdsCopyBackups},
    Entry{"rds.drain", RdsDrain},
    Entry{"rds.drain-to", RdsDrainTo},
    Entry{"rds.fence", RdsFence},
    Entry{"rds.late-writes", RdsLateWrites},
    Entry{"rds.measure", RdsMeasure},
    Entry{"rds.measure-backup", RdsMeasureBackup},
    Entry{"rds.open", RdsOpen},
    Entry{"rds.preserve-old", RdsPreserveOld},
    Entry{"rds.promote", RdsPromote},
    Entry{"rds.quiesce", RdsQuiesce},
    Entry{"rds.replicate", RdsReplicate},
    Entry{"rds.restore", RdsRestore},
    Entry{"rds.retire-old", RdsRetireOld},
    Entry{"route53.confirm", Route53Confirm},
    Entry{"route53.protect", Route53Protect},
    Entry{"route53.shift", Route53Shift},
    Entry{"s3.backfill", S3Backfill},
    Entry{"s3.check-source", S3CheckSource},
    Entry{"s3.converge", S3Converge},
    Entry{"s3.drain", S3Drain},
    Entry{"s3.drain-to", S3DrainTo},
    Entry{"s3.fence", S3Fence},
    Entry{"s3.gap", S3Gap},
    Entry{"s3.measure", S3Measure},
    Entry{"s3.open", S3Open},
    Entry{"s3.quiesce", S3Quiesce},
    Entry{"s3.ready", S3Ready},
    Entry{"s3.replicate", S3Replicate},
    Entry{"secretsmanager.check-source", SecretCheckSource},
    Entry{"secretsmanager.drain-to", SecretDrainTo},
    Entry{"secretsmanager.preserve-old", SecretPreserveOld},
    Entry{"secretsmanager.promote", SecretPromote},
    Entry{"secretsmanager.ready", SecretReady},
    Entry{"secretsmanager.replicate", SecretReplicate},
};

}  // namespace

Runner::Runner(Tools tools, Limits limits)
    : shared_(std::make_unique<Shared>(std::move(tools), limits)) {}

Runner::~Runner() = default;

Result<StepOutcome> Runner::Run(const ports::StepContext& context) {
  for (const Entry& entry : kRunners) {
    if (entry.kind == context.step.kind.str()) return entry.run(Work(context, *shared_));
  }
  return base::Invalid("this build knows no step of kind '" + context.step.kind.str() +
                       "'; the plan was made by another version of leeward");
}

void Runner::Warm(const model::Application& application, const model::Inventory& inventory,
                  const Region& region, base::MonotonicTime deadline) {
  model::Plan plan;
  model::Step step;
  step.region = region;
  const std::map<std::string, std::string> outputs;
  for (const model::Component& component : application.components) {
    const auto* rds = std::get_if<model::Rds>(&component.kind);
    if (rds == nullptr) continue;
    step.component = component.name;
    const ports::StepContext context{application, inventory, plan, step, outputs,
                                     1,           deadline,  {},   {}};
    const Work work(context, *shared_);
    if (work.Fact(component.name, region, "endpoint.address").empty()) continue;
    const auto address = DatabaseIn(work, *rds, region);
    if (!address.ok()) continue;
    for (const probe::SqlAddress& one : {*address, probe::ControlOf(*address)}) {
      // The outcome is of no interest: a step that finds no session opens one.
      (void)shared_->sessions.With(
          one, deadline, {}, [&](probe::SqlSession& session) { return session.Ping(deadline); });
    }
  }
}

std::vector<model::StepKind> AllRunners() {
  std::vector<model::StepKind> kinds;
  kinds.reserve(std::size(kRunners));
  for (const Entry& entry : kRunners) kinds.emplace_back(std::string(entry.kind));
  return kinds;
}

}  // namespace leeward::steps

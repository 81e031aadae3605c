#include "steps/dry_run.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/check.h"
#include "steps/look.h"
#include "steps/read_only.h"

namespace leeward::steps {
namespace {

// The most one step is looked at; most looks end far sooner by the bounds of what they ask.
constexpr base::Duration kOneLook = std::chrono::seconds(30);

struct Entry {
  std::string_view kind;
  Result<Finding> (*look)(const Look& look);
};

// Sorted by kind.
constexpr std::array kLooks = {
    Entry{"app.consistency", LookAtConsistency},
    Entry{"app.verify", LookAtAppVerify},
    Entry{"datasync.check-source", LookAtSyncSource},
    Entry{"datasync.drain-to", LookAtSyncDrainTo},
    Entry{"datasync.fence", LookAtFilesFence},
    Entry{"datasync.measure", LookAtSyncMeasure},
    Entry{"datasync.open", LookAtSyncOpen},
    Entry{"datasync.preserve-old", LookAtSyncPreserveOld},
    Entry{"datasync.promote", LookAtSyncPromote},
    Entry{"datasync.quiesce", LookAtSyncQuiesce},
    Entry{"datasync.replicate", LookAtSyncReplicate},
    Entry{"dynamodb.check-source", LookAtTableSource},
    Entry{"dynamodb.converge", LookAtTableConverge},
    Entry{"dynamodb.copy-backups", LookAtTableBackups},
    Entry{"dynamodb.drain-to", LookAtTableDrainTo},
    Entry{"dynamodb.fence", LookAtTableFence},
    Entry{"dynamodb.final-backup", LookAtTableFinalBackup},
    Entry{"dynamodb.late-writes", LookAtTableLateWrites},
    Entry{"dynamodb.measure", LookAtTableMeasure},
    Entry{"dynamodb.measure-backup", LookAtTableMeasureBackup},
    Entry{"dynamodb.open", LookAtTableOpen},
    Entry{"dynamodb.preserve-old", LookAtTableAside},
    Entry{"dynamodb.quiesce", LookAtTableQuiesce},
    Entry{"dynamodb.ready", LookAtTableReady},
    Entry{"dynamodb.release", LookAtTableOpen},
    Entry{"dynamodb.replicate", LookAtTableReplicate},
    Entry{"dynamodb.restore", LookAtTableRestore},
    Entry{"dynamodb.retire-old", LookAtTableAside},
    Entry{"ebs.check-source", LookAtDisksSource},
    Entry{"ebs.drain-to", LookAtDisksDrainTo},
    Entry{"ebs.fence", LookAtDisksFence},
    Entry{"ebs.measure", LookAtDisksMeasure},
    Entry{"ebs.open", LookAtDisksOpen},
    Entry{"ebs.preserve-old", LookAtDisksAside},
    Entry{"ebs.promote", LookAtDisksPromote},
    Entry{"ebs.quiesce", LookAtDisksQuiesce},
    Entry{"ebs.replicate", LookAtDisksReplicate},
    Entry{"ebs.retire-old", LookAtDisksAside},
    Entry{"ecs.quiesce", LookAtEcsQuiesce},
    Entry{"ecs.readdress", LookAtEcsReaddress},
    Entry{"ecs.ready", LookAtEcsReady},
    Entry{"ecs.replicate", LookAtEcsReplicate},
    Entry{"ecs.scale", LookAtEcsScale},
    Entry{"ecs.settle", LookAtEcsSettle},
    Entry{"efs.check-source", LookAtFilesSource},
    Entry{"efs.copy-backups", LookAtFilesBackups},
    Entry{"efs.drain-to", LookAtFilesDrainTo},
    Entry{"efs.fence", LookAtFilesFence},
    Entry{"efs.final-backup", LookAtFilesFinalBackup},
    Entry{"efs.measure", LookAtFilesMeasure},
    Entry{"efs.measure-backup", LookAtFilesMeasureBackup},
    Entry{"efs.open", LookAtFilesOpen},
    Entry{"efs.preserve-old", LookAtFilesPreserveOld},
    Entry{"efs.promote", LookAtFilesPromote},
    Entry{"efs.quiesce", LookAtFilesQuiesce},
    Entry{"efs.replicate", LookAtFilesReplicate},
    Entry{"efs.restore", LookAtFilesRestore},
    Entry{"efs.retire-old", LookAtFilesRetireOld},
    Entry{"elasticache.check-source", LookAtCacheSource},
    Entry{"elasticache.drain-to", LookAtCacheDrainTo},
    Entry{"elasticache.fence", LookAtCacheFence},
    Entry{"elasticache.measure", LookAtCacheMeasure},
    Entry{"elasticache.open", LookAtCacheOpen},
    Entry{"elasticache.preserve-old", LookAtCachePreserveOld},
    Entry{"elasticache.promote", LookAtCachePromote},
    Entry{"elasticache.quiesce", LookAtCacheQuiesce},
    Entry{"elasticache.replicate", LookAtCacheReplicate},
    Entry{"gate.approval", LookAtApproval},
    Entry{"gate.fence-proof", LookAtFenceProof},
    Entry{"gate.final-loss", LookAtFinalLoss},
    Entry{"gate.loss", LookAtGateLoss},
    Entry{"inventory.refresh", LookAtInventory},
    Entry{"kms.check-source", LookAtKeySource},
    Entry{"kms.ready", LookAtKeyReady},
    Entry{"kms.replicate", LookAtKeyReplicate},
    Entry{"lease.hand-over", LookAtLeaseHandOver},
    Entry{"lease.take", LookAtLeaseTake},
    Entry{"rds.check-source", LookAtCheckSource},
    Entry{"rds.copy-backups", LookAtCopyBackups},
    Entry{"rds.drain", LookAtDrain},
    Entry{"rds.drain-to", LookAtDrainTo},
    Entry{"rds.fence", LookAtFence},
    Entry{"rds.late-writes", LookAtLateWrites},
    Entry{"rds.measure", LookAtMeasure},
    Entry{"rds.measure-backup", LookAtMeasureBackup},
    Entry{"rds.open", LookAtOpen},
    Entry{"rds.preserve-old", LookAtPreserveOld},
    Entry{"rds.promote", LookAtPromote},
    Entry{"rds.quiesce", LookAtQuiesce},
    Entry{"rds.replicate", LookAtReplicate},
    Entry{"rds.restore", LookAtRestore},
    Entry{"rds.retire-old", LookAtRetireOld},
    Entry{"route53.confirm", LookAtConfirm},
    Entry{"route53.protect", LookAtRoute53Protect},
    Entry{"route53.shift", LookAtShift},
    Entry{"s3.backfill", LookAtBucketBackfill},
    Entry{"s3.check-source", LookAtBucketSource},
    Entry{"s3.converge", LookAtBucketConverge},
    Entry{"s3.drain", LookAtBucketDrain},
    Entry{"s3.drain-to", LookAtBucketDrainTo},
    Entry{"s3.fence", LookAtBucketFence},
    Entry{"s3.gap", LookAtBucketGap},
    Entry{"s3.measure", LookAtBucketMeasure},
    Entry{"s3.open", LookAtBucketOpen},
    Entry{"s3.quiesce", LookAtBucketQuiesce},
    Entry{"s3.ready", LookAtBucketReady},
    Entry{"s3.replicate", LookAtBucketReplicate},
    Entry{"secretsmanager.check-source", LookAtSecretSource},
    Entry{"secretsmanager.drain-to", LookAtSecretDrainTo},
    Entry{"secretsmanager.preserve-old", LookAtSecretPreserveOld},
    Entry{"secretsmanager.promote", LookAtSecretPromote},
    Entry{"secretsmanager.ready", LookAtSecretReady},
    Entry{"secretsmanager.replicate", LookAtSecretReplicate},
};

// The tools with every writing side taken away.
Tools Reading(Tools tools, aws::Client& aws) {
  auto open_store = std::move(tools.open_store);
  Tools reading{aws,
                tools.clock,
                tools.random,
                tools.resolver,
                std::move(tools.environment),
                /*save_inventory=*/{},
                std::move(tools.source_address)};
  if (!open_store) return reading;
  reading.open_store =
      [open_store = std::move(open_store)](
          const model::SharedStorePlace& place) -> Result<std::unique_ptr<ports::SharedStore>> {
    ASSIGN_OR_RETURN(std::unique_ptr<ports::SharedStore> store, open_store(place));
    return std::unique_ptr<ports::SharedStore>(std::make_unique<ReadOnlyStore>(std::move(store)));
  };
  return reading;
}

// The steps that have to be done before this one, through others too.
std::set<model::StepId> Before(const model::Plan& plan, const model::Step& step) {
  std::set<model::StepId> before;
  std::vector<model::StepId> open = step.after;
  while (!open.empty()) {
    const model::StepId id = open.back();
    open.pop_back();
    if (!before.insert(id).second) continue;
    const model::Step* found = plan.Find(id);
    if (found != nullptr) open.insert(open.end(), found->after.begin(), found->after.end());
  }
  return before;
}

Finding Stopped(const base::Error& error) {
  return {Would::kStop, error.message(), error.code(), {}};
}

Finding LookAt(const Look& look) {
  const std::string& kind = look.work().step().kind.str();
  for (const Entry& entry : kLooks) {
    if (entry.kind != kind) continue;
    Result<Finding> found = entry.look(look);
    return found.ok() ? *std::move(found) : Stopped(found.error());
  }
  return Stopped(base::Invalid("this build knows no step of kind '" + kind +
                               "'; the plan was made by another version of leeward"));
}

}  // namespace

std::string_view Name(Would would) {
  switch (would) {
    case Would::kNothing:
      return "nothing-to-do";
    case Would::kAct:
      return "act";
    case Would::kPass:
      return "pass";
    case Would::kLater:
      return "not-looked-at";
    case Would::kStop:
      return "stop";
  }
  CHECK_NEVER("Would outside its enum");
}

Finding Nothing(std::string detail) { return {Would::kNothing, std::move(detail), {}, {}}; }

Finding Act(std::string detail) { return {Would::kAct, std::move(detail), {}, {}}; }

Finding Pass(ports::StepOutcome outcome) {
  return {Would::kPass, std::move(outcome.detail), {}, std::move(outcome.outputs)};
}

Finding Later(const model::Step& behind, const std::string& now) {
  return {Would::kLater,
          "after " + behind.id.str() + ": not looked at" + (now.empty() ? "" : "; now " + now),
          {},
          {}};
}

const model::Step* Look::Pending(const Which& which) const {
  const model::Plan& plan = work_.context().plan;
  const std::set<model::StepId> before = Before(plan, work_.step());
  const model::Step* last = nullptr;
  for (const model::Step& step : plan.steps) {
    const bool such =
        before.contains(step.id) && (which.region.empty() || step.region == which.region) &&
        (which.component.empty() || step.component == which.component) &&
        (which.kinds.size() == 0 ||
         std::find(which.kinds.begin(), which.kinds.end(), step.kind.str()) != which.kinds.end());
    const auto found = findings_.find(step.id);
    if (!such || found == findings_.end()) continue;
    const Would would = found->second.would;
    if (would != Would::kNothing && would != Would::kPass) last = &step;
  }
  return last;
}

DryRunner::DryRunner(Tools tools, Limits limits)
    : aws_(std::make_unique<ReadOnlyAws>(tools.aws)),
      shared_(std::make_unique<Shared>(Reading(std::move(tools), *aws_), limits,
                                       probe::Access::kReadOnly)) {}

DryRunner::~DryRunner() = default;

Findings DryRunner::Walk(const model::Application& application, const model::Inventory& inventory,
                         const model::Plan& plan, const DoneBefore& before,
                         const std::function<bool()>& cancelled) {
  Findings findings;
  std::map<std::string, std::string> outputs = before.outputs;
  for (const model::Step& step : plan.steps) {
    if (const auto done = before.steps.find(step.id); done != before.steps.end()) {
      findings[step.id] = Nothing("done before: " + done->second);
      continue;
    }
    const base::MonotonicTime deadline =
        shared_->tools.clock.Monotonic() + std::min(step.timeout, kOneLook);
    const ports::StepContext context{application, inventory, plan,      step, outputs,
                                     1,           deadline,  cancelled, {}};
    const Work work(context, *shared_);
    Finding found = LookAt(Look(work, findings));
    // What a step is only to learn is no fact yet.
    if (found.would == Would::kPass) {
      for (const auto& [name, value] : found.outputs) outputs[step.id.str() + "." + name] = value;
    }
    findings[step.id] = std::move(found);
  }
  return findings;
}

std::vector<model::StepKind> AllLooks() {
  std::vector<model::StepKind> kinds;
  kinds.reserve(std::size(kLooks));
  for (const Entry& entry : kLooks) kinds.emplace_back(std::string(entry.kind));
  return kinds;
}

}  // namespace leeward::steps

// RDS: an instance of the same identifier in both Regions, the standby one a read replica. Or one
// that is restored of replicated backups when it is needed; a planned move, which is to lose
// nothing, makes a replica for itself.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

// Of MySQL and MariaDB, where closing locks logins.
constexpr char kOpenServer[] =
    "open it again: ALTER USER ... ACCOUNT UNLOCK for each of leeward.closed";

// Steps that speak SQL ask RDS for the address only when the inventory does not know it.
const std::vector<StepTemplate> kTemplates = {
    {"rds.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can be replicated",
     "a replica needs a source that is available, of the stated engine, and keeps backups",
     "set BackupRetentionPeriod back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}, {"rds", "ModifyDBInstance"}}},
    {"rds.replicate",
     Phase::kPrepare,
     "make {component} in {region} a replica of {other}",
     "the data must be in {region} before {other} is lost",
     "delete the replica in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ec2", "DescribeSecurityGroups"},
      {"rds", "DescribeDBInstances"},
      {"rds", "CreateDBInstanceReadReplica"},
      {"rds", "DescribeDBInstances", Where::kOther},
      {"kms", "DescribeKey", Where::kHere, "rds", "kms-key"}},
     Part::kReplicates},
    {"rds.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}},
     Part::kMeasures},
    {"rds.fence",
     Phase::kFence,
     "close the writer of {component} in {region}",
     "{region} may still answer; no two Regions may write",
     "open it again: ALTER DATABASE ... ALLOW_CONNECTIONS true",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{"rds", "DescribeDBInstances"}},
     Part::kFences},
    {"rds.quiesce",
     Phase::kFence,
     "close the writer of {component} in {region}",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "open it again: ALTER DATABASE ... ALLOW_CONNECTIONS true",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}},
     Part::kCloses},
    {"rds.drain",
     Phase::kPromote,
     "replay what {component} has received in {region}",
     "log that was received and not replayed would be lost",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}},
     Part::kChanges | Part::kRestates},
    {"rds.drain-to",
     Phase::kPromote,
     "replay {component} in {region} up to the last write of {other}",
     "a planned move promotes only what is complete",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}},
     Part::kCompletes},
    {"rds.promote",
     Phase::kPromote,
     "promote {component} in {region}",
     "the replica becomes the writer; only {region} is needed for it",
     "",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}, {"rds", "PromoteReadReplica"}},
     Part::kServes},
    {"rds.open",
     Phase::kPromote,
     "open {component} in {region} for connections",
     "the closing of the old writer was replicated and holds here too",
     "close it: ALTER DATABASE ... ALLOW_CONNECTIONS false",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}},
     Part::kOpens | Part::kServes},
    {"rds.preserve-old",
     Phase::kReprotect,
     "close and keep the old {component} in {region}",
     "it may hold writes that never left {region}; they are kept and listed",
     "rename it back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}, {"rds", "ModifyDBInstance"}}},
    {"rds.late-writes",
     Phase::kReprotect,
     "list what the old {component} in {region} alone holds",
     "writes that never left {region} are counted and listed before anything else is done with "
     "them",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kContinue,
     {{"rds", "DescribeDBInstances"}},
     Part::kKeeps},
    {"rds.copy-backups",
     Phase::kPrepare,
     "replicate the backups of {component} from {other} to {region}",
     "what {component} is restored of must be in {region} before {other} is lost",
     "StopDBInstanceAutomatedBackupsReplication in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances", Where::kOther},
      {"rds", "DescribeDBInstanceAutomatedBackups"},
      {"rds", "StartDBInstanceAutomatedBackupsReplication"},
      {"kms", "DescribeKey", Where::kHere, "rds", "kms-key"}},
     Part::kReplicates},
    {"rds.measure-backup",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is restored",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}, {"rds", "DescribeDBInstanceAutomatedBackups"}},
     Part::kMeasures},
    {"rds.restore",
     Phase::kPromote,
     "restore {component} in {region} to the newest time its backup has",
     "the restored instance becomes the writer; only {region} is needed for it",
     "delete the instance in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ec2", "DescribeSecurityGroups"},
      {"rds", "DescribeDBInstances"},
      {"rds", "DescribeDBInstanceAutomatedBackups"},
      {"rds", "RestoreDBInstanceToPointInTime"}},
     Part::kChanges | Part::kServes},
    {"rds.retire-old",
     Phase::kReprotect,
     "set the old {component} in {region} aside",
     "its position is proven equal to the new writer's first; it is stopped, not deleted",
     "rename and start it again",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}, {"rds", "ModifyDBInstance"}, {"rds", "StopDBInstance"}},
     Part::kRetires},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"rds.preserve-old@to", "rds.replicate@to", Scope::kSame},
      {"rds.preserve-old@to", "rds.late-writes@to", Scope::kSame},
      {"rds.late-writes@to", "rds.quiesce@from", Scope::kSame},
      {"rds.check-source@from", "rds.replicate@to", Scope::kSame},
      {"rds.replicate@to", "rds.quiesce@from", Scope::kSame},
      {"rds.fence@from", "rds.drain@to", Scope::kSame},
      {"rds.drain@to", "rds.promote@to", Scope::kSame},
      {"rds.quiesce@from", "rds.drain-to@to", Scope::kSame},
      {"rds.drain-to@to", "rds.promote@to", Scope::kSame},
      {"rds.promote@to", "rds.open@to", Scope::kSame},
      {"rds.open@to", "rds.retire-old@from", Scope::kSame},
      {"rds.retire-old@from", "rds.replicate@from", Scope::kSame},
      {"rds.check-source@to", "rds.replicate@from", Scope::kSame},
      {"rds.check-source@from", "rds.copy-backups@to", Scope::kSame},
      {"rds.fence@from", "rds.restore@to", Scope::kSame},
      {"rds.retire-old@from", "rds.copy-backups@from", Scope::kSame},
      {"rds.check-source@to", "rds.copy-backups@from", Scope::kSame},
  };
  return kOrder;
}

const model::Rds& Of(const model::Component& component) {
  return std::get<model::Rds>(component.kind);
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["instance"] = Of(component).instance;
  const std::string key = model::KmsKeyOf(component.kind);
  if (!key.empty()) step.parameters["kms-key"] = key;
  const bool closes = step.kind.str() == "rds.fence" || step.kind.str() == "rds.quiesce";
  if (closes && Of(component).engine != model::Engine::kPostgres) step.undo = kOpenServer;
  return step;
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  return TellSource(draft, EmitFor("rds.replicate", component, into, draft));
}

model::Step& CopyBackups(const model::Component& component, const model::Region& into,
                         Draft& draft) {
  return TellSource(draft, EmitFor("rds.copy-backups", component, into, draft));
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("rds.check-source", component, draft.plan.from, draft);
  if (Of(component).restores()) {
    CopyBackups(component, draft.plan.to, draft);
  } else {
    Replicate(component, draft.plan.to, draft);
  }
}

void Restore(const model::Component& component, Draft& draft) {
  const model::Region& to = draft.plan.to;
  TellBudget(draft, EmitFor("rds.measure-backup", component, to, draft));
  if (draft.from_may_answer) EmitFor("rds.fence", component, draft.plan.from, draft);
  TellSource(draft, EmitFor("rds.restore", component, to, draft));
}

void Failover(const model::Component& component, Draft& draft) {
  if (Of(component).restores()) return Restore(component, draft);
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  TellBudget(draft, EmitFor("rds.measure", component, to, draft));
  if (draft.from_may_answer) EmitFor("rds.fence", component, from, draft);
  TellPromoted(draft, EmitFor("rds.drain", component, to, draft));
  EmitFor("rds.promote", component, to, draft);
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    TellWriter(draft, EmitFor("rds.preserve-old", component, to, draft));
    TellParting(draft, EmitFor("rds.late-writes", component, to, draft));
  }
  if (draft.plan.action == model::Action::kFailback || Of(component).restores()) {
    // A promoted replica keeps no backups until told to.
    EmitFor("rds.check-source", component, from, draft);
    Replicate(component, to, draft);
  }
  EmitFor("rds.quiesce", component, from, draft);
  TellSource(draft, EmitFor("rds.drain-to", component, to, draft));
  EmitFor("rds.promote", component, to, draft);
  EmitFor("rds.open", component, to, draft);
  TellWriter(draft, EmitFor("rds.retire-old", component, from, draft));
  EmitFor("rds.check-source", component, to, draft).phase = Phase::kReprotect;
  model::Step& again = Of(component).restores() ? CopyBackups(component, from, draft)
                                                : Replicate(component, from, draft);
  again.phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("rds.open", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& RdsRecipe() {
  static const Recipe kRecipe = {"rds",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {":replicates", "rds.check-source"},
                                 {":serves", ":changes"},
                                 {"rds.open", "rds.promote"},
                                 Recipe::Door::kGuarded};
  return kRecipe;
}

}  // namespace leeward::plan

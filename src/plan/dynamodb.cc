// DynamoDB: a global table, of which every replica takes writes. Nothing is promoted; what is done
// instead is to deny, to wait, and to prove. Or a table in one Region at a time: AWS Backup copies
// its backups to the other, and a table is made of the newest when it is needed; a planned move
// makes it of a last backup that is taken once the writers are denied.
#include "model/names.h"
#include "plan/backups.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kItems[] = "dynamodb";
constexpr char kStreams[] = "dynamodbstreams";
constexpr char kBackups[] = "backup";

const BackedKind kBackedTable = {
    kItems, {{kItems, "DescribeTable"}}, {{kItems, "DescribeTable", Where::kOther}}};

const std::vector<StepTemplate> kTemplates = {
    {"dynamodb.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can be a global table",
     "a replica needs a table that is active, of the current version, and empty where it is to be "
     "strong",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"}}},
    {"dynamodb.replicate",
     Phase::kPrepare,
     "make {component} in {region} a replica of {other}",
     "the items must be in {region} before {other} is lost, and what AWS does not copy too",
     "delete the replica in {region}, which deletes its items",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable", Where::kOther},
      {kItems, "UpdateTable", Where::kOther},
      {"kms", "DescribeKey", Where::kHere, kItems, "kms-key"},
      {kItems, "DescribeTable"},
      {kItems, "DescribeContinuousBackups", Where::kOther},
      {kItems, "DescribeContinuousBackups"},
      {kItems, "UpdateContinuousBackups"},
      {kItems, "UpdateTable"},
      {kItems, "ListTagsOfResource", Where::kOther},
      {kItems, "ListTagsOfResource"},
      {kItems, "TagResource"},
      {kItems, "GetResourcePolicy", Where::kOther},
      {kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "PutItem", Where::kOther},
      {kItems, "GetItem"}},
     Part::kReplicates},
    {"dynamodb.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is changed",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"}, {kItems, "GetItem"}},
     Part::kMeasures},
    {"dynamodb.fence",
     Phase::kFence,
     "deny writes to {component} in {region}",
     "{region} may still answer; no two Regions may write",
     "remove the statement LeewardFence from the resource policy",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{kItems, "GetResourcePolicy"}, {kItems, "PutResourcePolicy"}, {kItems, "PutItem"}},
     Part::kFences},
    {"dynamodb.ready",
     Phase::kPromote,
     "check that {component} in {region} takes writes",
     "there is nothing to promote: every replica takes writes, and one is proven to",
     "nothing to take back",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"},
      {kItems, "PutItem"},
      {kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"}},
     Part::kChanges | Part::kServes},
    {"dynamodb.converge",
     Phase::kPrepare,
     "wait until {component} is the same in both Regions",
     "what the old writer had not sent arrives late, and traffic goes back when it has",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "GetItem"}, {kItems, "GetItem", Where::kOther}, {kItems, "PutItem", Where::kOther}},
     Part::kReplicates},
    {"dynamodb.late-writes",
     Phase::kReprotect,
     "list what {component} in {region} sent late",
     "writes that arrived after the failover, and those that later ones had replaced, are told of",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kContinue,
     {{kItems, "DescribeTable"},
      {kStreams, "DescribeStream"},
      {kStreams, "GetShardIterator"},
      {kStreams, "GetRecords"},
      {kItems, "BatchGetItem", Where::kOther}},
     Part::kKeeps},
    {"dynamodb.quiesce",
     Phase::kFence,
     "deny writes to {component} in {region}",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "remove the statement LeewardFence from the resource policy",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"},
      {kItems, "PutItem"}},
     Part::kCloses},
    {"dynamodb.drain-to",
     Phase::kPromote,
     "wait for the last write to {component} of {other}",
     "a planned move goes on when all that was written has arrived",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "GetItem"}},
     Part::kCompletes},
    {"dynamodb.open",
     Phase::kPromote,
     "let {component} in {region} take writes",
     "the fence is taken away, and a write is proven",
     "deny writes again",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"},
      {kItems, "DescribeTable"},
      {kItems, "PutItem"}},
     Part::kOpens | Part::kServes},
    {"dynamodb.release",
     Phase::kReprotect,
     "take the fence of {component} in {region} away",
     "a failover to {region} must not have to change a policy first",
     "deny writes again",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"},
      {kItems, "PutItem"}},
     Part::kRetires},
    CopyBackupsTemplate("dynamodb.copy-backups", kBackedTable),
    MeasureBackupTemplate("dynamodb.measure-backup", kBackedTable),
    {"dynamodb.restore",
     Phase::kPromote,
     "restore {component} in {region} of its newest recovery point",
     "the table that is made takes the writes; only {region} is needed for it",
     "delete the table in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"},
      {kBackups, "ListRecoveryPointsByBackupVault"},
      {"kms", "DescribeKey", Where::kHere, kItems, "kms-key"},
      {kBackups, "StartRestoreJob"},
      {kBackups, "DescribeRestoreJob"},
      {kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"},
      {kItems, "PutItem"}},
     Part::kChanges | Part::kServes},
    {"dynamodb.preserve-old",
     Phase::kReprotect,
     "back the old {component} in {region} up, and delete it",
     "it may hold writes that never left {region}; its name is needed for the way home",
     "restore the recovery point under another name",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"},
      {kItems, "DescribeTable", Where::kOther},
      {kItems, "GetResourcePolicy"},
      {kItems, "PutResourcePolicy"},
      {kItems, "DeleteResourcePolicy"},
      {kItems, "PutItem"},
      {kBackups, "ListBackupVaults"},
      {"kms", "DescribeKey", Where::kHere, kItems, "vault-kms-key"},
      {kBackups, "CreateBackupVault"},
      {kBackups, "StartBackupJob"},
      {kBackups, "DescribeBackupJob"},
      {kItems, "DeleteTable"}},
     Part::kKeeps},
    FinalBackupTemplate("dynamodb.final-backup",
                        "a planned move makes its table of what was written last", kBackedTable),
    {"dynamodb.retire-old",
     Phase::kReprotect,
     "delete the left {component} in {region}",
     "all of it is in the last backup, in both Regions, and its name is needed for a restore",
     "restore the last backup",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kItems, "DescribeTable"},
      {kItems, "GetResourcePolicy"},
      {kBackups, "DescribeRecoveryPoint"},
      {kBackups, "DescribeRecoveryPoint", Where::kOther},
      {kBackups, "ListBackupPlans"},
      {kBackups, "ListBackupSelections"},
      {kBackups, "DeleteBackupSelection"},
      {kBackups, "DeleteBackupPlan"},
      {kItems, "DeleteTable"}},
     Part::kRetires},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"dynamodb.check-source@from", "dynamodb.replicate@to", Scope::kSame},
      {"dynamodb.replicate@to", "dynamodb.converge@to", Scope::kSame},
      {"dynamodb.converge@to", "dynamodb.late-writes@to", Scope::kSame},
      {"dynamodb.late-writes@to", "dynamodb.quiesce@from", Scope::kSame},
      {"dynamodb.quiesce@from", "dynamodb.drain-to@to", Scope::kSame},
      {"dynamodb.drain-to@to", "dynamodb.open@to", Scope::kSame},
      {"dynamodb.open@to", "dynamodb.release@from", Scope::kSame},
      {"dynamodb.fence@from", "dynamodb.restore@to", Scope::kSame},
      {"dynamodb.preserve-old@to", "dynamodb.quiesce@from", Scope::kSame},
      {"dynamodb.quiesce@from", "dynamodb.final-backup@to", Scope::kSame},
      {"dynamodb.final-backup@to", "dynamodb.restore@to", Scope::kSame},
      {"dynamodb.restore@to", "dynamodb.retire-old@from", Scope::kSame},
      {"dynamodb.retire-old@from", "dynamodb.copy-backups@from", Scope::kSame},
  };
  return kOrder;
}

const model::Dynamodb& Of(const model::Component& component) {
  return std::get<model::Dynamodb>(component.kind);
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  const model::Dynamodb& table = Of(component);
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["table"] = table.table;
  if (!table.kms_key.empty()) step.parameters["kms-key"] = table.kms_key;
  if (table.backup.restores())
    TellVault(table.backup, step);
  else
    step.parameters["consistency"] = model::Name(table.consistency);
  return step;
}

void Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  TellSource(draft, EmitFor("dynamodb.replicate", component, into, draft));
}

model::Step& CopyBackups(const model::Component& component, const model::Region& into,
                         Draft& draft) {
  return TellSource(draft, EmitFor("dynamodb.copy-backups", component, into, draft));
}

void Restore(const model::Component& component, Draft& draft) {
  TellSource(draft, EmitFor("dynamodb.restore", component, draft.plan.to, draft));
}

void Protect(const model::Component& component, Draft& draft) {
  if (Of(component).backup.restores()) {
    CopyBackups(component, draft.plan.to, draft);
    return;
  }
  EmitFor("dynamodb.check-source", component, draft.plan.from, draft);
  Replicate(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  if (Of(component).backup.restores()) {
    TellBudget(draft, EmitFor("dynamodb.measure-backup", component, draft.plan.to, draft));
    if (draft.from_may_answer) EmitFor("dynamodb.fence", component, draft.plan.from, draft);
    return Restore(component, draft);
  }
  TellBudget(draft, EmitFor("dynamodb.measure", component, draft.plan.to, draft));
  if (draft.from_may_answer) EmitFor("dynamodb.fence", component, draft.plan.from, draft);
  TellSource(draft, EmitFor("dynamodb.ready", component, draft.plan.to, draft));
}

void MoveByBackup(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback)
    TellParting(draft, EmitFor("dynamodb.preserve-old", component, to, draft));
  EmitFor("dynamodb.quiesce", component, from, draft);
  TellSource(draft, EmitFor("dynamodb.final-backup", component, to, draft));
  Restore(component, draft);
  TellWriter(draft, EmitFor("dynamodb.retire-old", component, from, draft));
  CopyBackups(component, from, draft).phase = Phase::kReprotect;
}

void Move(const model::Component& component, Draft& draft) {
  if (Of(component).backup.restores()) return MoveByBackup(component, draft);
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    Replicate(component, to, draft);
    TellWriter(draft, EmitFor("dynamodb.converge", component, to, draft));
    TellParting(draft, EmitFor("dynamodb.late-writes", component, to, draft));
  }
  EmitFor("dynamodb.quiesce", component, from, draft);
  TellSource(draft, EmitFor("dynamodb.drain-to", component, to, draft));
  EmitFor("dynamodb.open", component, to, draft);
  EmitFor("dynamodb.release", component, from, draft);
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("dynamodb.open", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& DynamodbRecipe() {
  static const Recipe kRecipe = {"dynamodb",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {":replicates", "dynamodb.check-source"},
                                 {":serves", ":serves"},
                                 {":serves", ":serves"}};
  return kRecipe;
}

}  // namespace leeward::plan

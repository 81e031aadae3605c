// EFS: a file system of the same name in both Regions, the standby's a replica of the other. It is
// closed by ending the tasks that have it mounted, and promoted by deleting its replication. Or one
// in one Region at a time: AWS Backup copies its backups to the other, and a file system is made of
// the newest when it is needed; a planned move makes it of a last backup that is taken once the
// tasks have ended.
#include "plan/backups.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kFiles[] = "efs";
constexpr char kFilesBackups[] = "backup";

const BackedKind kBackedFiles = {kFiles,
                                 {{kFiles, "DescribeFileSystems"}},
                                 {{kFiles, "DescribeFileSystems", Where::kOther},
                                  {kFiles, "DescribeReplicationConfigurations", Where::kOther}}};

const std::vector<StepTemplate> kTemplates = {
    {"efs.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can be replicated",
     "a file system of one zone goes with the zone, and a replica cannot be a source",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"}, {kFiles, "DescribeReplicationConfigurations"}}},
    {"efs.replicate",
     Phase::kPrepare,
     "replicate {component} from {other} to {region}",
     "the files must be in {region} before {other} is lost",
     "delete the replication, and the file system in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems", Where::kOther},
      {kFiles, "DescribeReplicationConfigurations", Where::kOther},
      {kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {kFiles, "UpdateFileSystemProtection"},
      {kFiles, "CreateReplicationConfiguration", Where::kOther},
      {"kms", "DescribeKey", Where::kHere, kFiles, "kms-key"},
      {kFiles, "TagResource"},
      {"ec2", "DescribeSubnets"},
      {"ec2", "DescribeSecurityGroups"},
      {kFiles, "DescribeMountTargets"},
      {kFiles, "CreateMountTarget"}},
     Part::kReplicates},
    {"efs.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"}, {kFiles, "DescribeReplicationConfigurations"}},
     Part::kMeasures},
    {"efs.fence",
     Phase::kFence,
     "see that no task in {region} has {component} mounted",
     "{region} may still answer; no two Regions may write",
     "nothing to take back",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{"ecs", "DescribeServices"}, {"ecs", "ListTasks"}, {"ecs", "DescribeTasks"}},
     Part::kFences},
    {"efs.promote",
     Phase::kPromote,
     "let {component} in {region} take writes",
     "its replication is deleted: in both Regions, or in {region} alone where {other} does not "
     "answer",
     "",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {kFiles, "DeleteReplicationConfiguration"}},
     Part::kChanges | Part::kServes},
    {"efs.preserve-old",
     Phase::kReprotect,
     "put the old {component} in {region} aside",
     "a replica is made equal to its source, so the way home gets a new file system and the old "
     "one keeps what it alone holds",
     "give the old file system its Name tag back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {kFiles, "DescribeFileSystems", Where::kOther},
      {kFiles, "DescribeReplicationConfigurations", Where::kOther},
      {kFiles, "DeleteReplicationConfiguration"},
      {kFiles, "TagResource"}},
     Part::kKeeps},
    {"efs.quiesce",
     Phase::kFence,
     "end the tasks in {region} that have {component} mounted",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "UpdateService to the active size again",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"},
      {"ecs", "UpdateService"},
      {"ecs", "ListTasks"},
      {"ecs", "DescribeTasks"}},
     Part::kCloses},
    {"efs.drain-to",
     Phase::kPromote,
     "wait for the last file of {component} of {other}",
     "a planned move promotes only what is complete",
     "nothing to take back",
     // EFS sends what changed every few minutes, of large trees less often.
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"}, {kFiles, "DescribeReplicationConfigurations"}},
     Part::kCompletes},
    {"efs.open",
     Phase::kPromote,
     "start the tasks in {region} that have {component} mounted",
     "they were ended for a move that does not come",
     "UpdateService to no task",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFiles, "DescribeReplicationConfigurations"},
      {"ecs", "DescribeServices"},
      {"ecs", "UpdateService"}},
     Part::kOpens | Part::kServes},
    CopyBackupsTemplate("efs.copy-backups", kBackedFiles),
    MeasureBackupTemplate("efs.measure-backup", kBackedFiles),
    {"efs.restore",
     Phase::kPromote,
     "restore {component} in {region} of its newest recovery point",
     "the file system that is made takes the writes; only {region} is needed for it",
     "delete the file system in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFilesBackups, "ListRecoveryPointsByBackupVault"},
      {kFilesBackups, "GetRecoveryPointRestoreMetadata"},
      {"kms", "DescribeKey", Where::kHere, kFiles, "kms-key"},
      {kFilesBackups, "StartRestoreJob"},
      {kFilesBackups, "DescribeRestoreJob"},
      {"ec2", "DescribeSubnets"},
      {"ec2", "DescribeSecurityGroups"},
      {kFiles, "DescribeMountTargets"},
      {kFiles, "CreateMountTarget"},
      {"ecs", "DescribeServices"},
      {"ecs", "DescribeTaskDefinition"},
      {"ecs", "RegisterTaskDefinition"},
      {"ecs", "RunTask"},
      {"ecs", "DescribeTasks"},
      {"ecs", "DeregisterTaskDefinition"},
      {kFiles, "TagResource"}},
     Part::kChanges | Part::kServes},
    FinalBackupTemplate("efs.final-backup",
                        "a planned move makes its file system of what was written last",
                        kBackedFiles),
    {"efs.retire-old",
     Phase::kReprotect,
     "put the left {component} in {region} aside",
     "all of it is in {other}, and the next restore here has its name",
     "give the old file system its Name tag back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kFiles, "DescribeFileSystems"},
      {kFilesBackups, "ListBackupPlans"},
      {kFilesBackups, "ListBackupSelections"},
      {kFilesBackups, "DeleteBackupSelection"},
      {kFilesBackups, "DeleteBackupPlan"},
      {kFiles, "TagResource"}},
     Part::kRetires},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"efs.check-source@from", "efs.replicate@to", Scope::kSame},
      {"efs.preserve-old@to", "efs.replicate@to", Scope::kSame},
      {"efs.replicate@to", "efs.quiesce@from", Scope::kSame},
      {"efs.quiesce@from", "efs.drain-to@to", Scope::kSame},
      {"efs.drain-to@to", "efs.promote@to", Scope::kSame},
      // Tasks are told to end before anybody looks whether they have.
      {"ecs.quiesce@from", "efs.fence@from", Scope::kAll},
      {"app.verify", "efs.replicate@from", Scope::kAll},
      // Tasks that stand by mount a replica, not a file system that is about to become one.
      {"efs.replicate@from", "ecs.scale@from", Scope::kAll},
      {"efs.fence@from", "efs.restore@to", Scope::kSame},
      // A service that comes home is not told the id of the file system that is put aside.
      {"efs.preserve-old@to", "ecs.replicate@to", Scope::kAll},
      {"efs.quiesce@from", "efs.final-backup@to", Scope::kSame},
      {"efs.final-backup@to", "efs.restore@to", Scope::kSame},
      {"efs.restore@to", "efs.retire-old@from", Scope::kSame},
      {"efs.retire-old@from", "efs.copy-backups@from", Scope::kSame},
      {"efs.retire-old@from", "ecs.replicate@from", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["file-system"] = std::get<model::Efs>(component.kind).file_system;
  const std::string key = model::KmsKeyOf(component.kind);
  if (!key.empty()) step.parameters["kms-key"] = key;
  const model::Backed& backup = std::get<model::Efs>(component.kind).backup;
  if (backup.restores()) TellVault(backup, step);
  return step;
}

model::Step& CopyFilesBackups(const model::Component& component, const model::Region& into,
                              Draft& draft) {
  return TellSource(draft, EmitFor("efs.copy-backups", component, into, draft));
}

// The writers' images and networks are those of the task that puts the files in their place.
void RestoreFiles(const model::Component& component, Draft& draft) {
  TellWriters(draft, TellSource(draft, EmitFor("efs.restore", component, draft.plan.to, draft)));
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  return TellSource(draft, EmitFor("efs.replicate", component, into, draft));
}

void Promote(const model::Component& component, Draft& draft) {
  model::Step& step = EmitFor("efs.promote", component, draft.plan.to, draft);
  step.parameters["source"] = draft.from_may_answer ? "may-answer" : "lost";
  TellSource(draft, step);
}

void Protect(const model::Component& component, Draft& draft) {
  if (model::Restores(component.kind)) {
    CopyFilesBackups(component, draft.plan.to, draft);
    return;
  }
  EmitFor("efs.check-source", component, draft.plan.from, draft);
  Replicate(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  const bool restores = model::Restores(component.kind);
  TellBudget(draft, EmitFor(restores ? "efs.measure-backup" : "efs.measure", component,
                            draft.plan.to, draft));
  if (draft.from_may_answer)
    TellWriters(draft, EmitFor("efs.fence", component, draft.plan.from, draft));
  restores ? RestoreFiles(component, draft) : Promote(component, draft);
}

void MoveFilesByBackup(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback)
    TellParting(draft, EmitFor("efs.preserve-old", component, to, draft));
  TellWriters(draft, EmitFor("efs.quiesce", component, from, draft));
  TellSource(draft, EmitFor("efs.final-backup", component, to, draft));
  RestoreFiles(component, draft);
  TellWriter(draft, EmitFor("efs.retire-old", component, from, draft));
  CopyFilesBackups(component, from, draft).phase = Phase::kReprotect;
}

void Move(const model::Component& component, Draft& draft) {
  if (model::Restores(component.kind)) return MoveFilesByBackup(component, draft);
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    TellParting(draft, EmitFor("efs.preserve-old", component, to, draft));
    Replicate(component, to, draft);
  }
  TellWriters(draft, EmitFor("efs.quiesce", component, from, draft));
  TellSource(draft, EmitFor("efs.drain-to", component, to, draft));
  Promote(component, draft);
  Replicate(component, from, draft).phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  TellWriters(draft, EmitFor("efs.open", component, draft.plan.to, draft));
}

}  // namespace

const Recipe& EfsRecipe() {
  static const Recipe kRecipe = {"efs",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {":replicates", "efs.check-source"},
                                 {":serves", ":serves"},
                                 {":serves", ":serves"}};
  return kRecipe;
}

}  // namespace leeward::plan

#include "plan/backups.h"

namespace leeward::plan {
namespace {

using Calls = std::vector<CallTemplate>;

constexpr char kBackup[] = "backup";

Calls Joined(std::initializer_list<Calls> parts) {
  Calls all;
  for (const Calls& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Whatever is made with a key asks for it first.
Calls Vaults(const char* service) {
  return {{kBackup, "ListBackupVaults", Where::kOther},
          {kBackup, "ListBackupVaults"},
          {"kms", "DescribeKey", Where::kOther, service, "vault-kms-key"},
          {"kms", "DescribeKey", Where::kHere, service, "vault-kms-key"},
          {kBackup, "CreateBackupVault", Where::kOther},
          {kBackup, "CreateBackupVault"}};
}

Calls PlanAndSelection() {
  return {{kBackup, "ListBackupPlans", Where::kOther},
          {kBackup, "CreateBackupPlan", Where::kOther},
          {kBackup, "GetBackupPlan", Where::kOther},
          {kBackup, "UpdateBackupPlan", Where::kOther},
          {kBackup, "ListBackupSelections", Where::kOther},
          {kBackup, "GetBackupSelection", Where::kOther},
          {kBackup, "DeleteBackupSelection", Where::kOther},
          {kBackup, "CreateBackupSelection", Where::kOther}};
}

Calls BackupAndCopy() {
  return {{kBackup, "StartBackupJob", Where::kOther},
          {kBackup, "DescribeBackupJob", Where::kOther},
          {kBackup, "StartCopyJob", Where::kOther},
          {kBackup, "DescribeCopyJob", Where::kOther},
          {kBackup, "DescribeRecoveryPoint"}};
}

}  // namespace

StepTemplate CopyBackupsTemplate(const char* kind, const BackedKind& backed) {
  return {kind,
          model::Phase::kPrepare,
          "back {component} up in {other} and copy it to {region}, and have AWS Backup go on so",
          "what {component} is restored of must be in {region} before {other} is lost",
          "delete the plan in {other}, and the recovery points in both vaults",
          &Timeouts::create,
          Attempts::kSeveral,
          model::OnFailure::kStop,
          Joined({backed.look_at, backed.look, Vaults(backed.service), PlanAndSelection(),
                  BackupAndCopy()}),
          Part::kReplicates};
}

StepTemplate MeasureBackupTemplate(const char* kind, const BackedKind& backed) {
  return {kind,
          model::Phase::kDecide,
          "measure what {component} would lose",
          "the loss bound is journalled and compared with the RPO before anything is restored",
          "nothing to take back",
          &Timeouts::look,
          Attempts::kSeveral,
          model::OnFailure::kStop,
          Joined({backed.look, {{kBackup, "ListRecoveryPointsByBackupVault"}}}),
          Part::kMeasures};
}

StepTemplate FinalBackupTemplate(const char* kind, const char* reason, const BackedKind& backed) {
  return {kind,
          model::Phase::kPromote,
          "take the last backup of {component} in {other} and copy it to {region}",
          reason,
          "delete the recovery point in both vaults",
          &Timeouts::create,
          Attempts::kSeveral,
          model::OnFailure::kStop,
          Joined({backed.look_at, backed.look, Vaults(backed.service), BackupAndCopy()}),
          Part::kCompletes};
}

}  // namespace leeward::plan

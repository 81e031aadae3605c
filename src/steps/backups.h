// Backups: what the stores that AWS Backup keeps have in common: vaults in both Regions, the plan
// that goes on making and copying recovery points, and the jobs that are run beside it.
//
// A recovery point counts when it is COMPLETED in the vault of the Region that is to restore it; as
// old as when its backup began, whenever its copy arrived.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

struct BackupPoint {
  std::string arn, resource, status;
  std::optional<base::WallTime> begun;  // what was written before is in it
};
BackupPoint ReadRecoveryPoint(const Value& told);
// The newest that is complete, of an answer of ListRecoveryPointsByBackupVault.
std::optional<BackupPoint> NewestPoint(const Value& answer);
Value PointsOf(const model::Backed& backup, const std::string& resource);

// What is kept, as AWS Backup knows it.
struct Secured {
  const model::Backed& backup;
  std::string arn;   // of the resource
  std::string type;  // "DynamoDB"
};

// What a `measure` says of a point: all that was written before `begun` is in it. `where` is "VAULT
// in REGION".
StepOutcome PointBound(const Work& work, const std::optional<base::WallTime>& begun,
                       const std::string& where);

// nullopt: none is complete in the step's Region's vault. kNotFound: there is no vault.
Result<std::optional<BackupPoint>> NewestPointHere(const Work& work, const Secured& kept);
// nullopt: the vault is not there.
Result<std::optional<Value>> FindVault(const Work& work, const Region& region,
                                       const std::string& vault);
// kWrongState: it is there under another key than the spec's.
Status EnsureVault(const Work& work, const Region& region, const model::Backed& backup);
// "make vault leeward-shop in us-west-2, " of either Region; empty where it is there.
Result<std::string> WouldMakeVaults(const Work& work, const std::string& vault);
// "leeward-shop-carts".
std::string BackupPlanName(const Work& work);
// The plan in `region` that backs the resource up and copies it to the other Region; made or put
// right where it is not so.
Status EnsurePlan(const Work& work, const Region& region, const Secured& kept);
// Nothing is left of it there.
Status DropPlan(const Work& work, const Region& region);
// Backs the resource up into its Region's vault now; the point's ARN. `purpose` tells the jobs of
// one step apart: the same step run again goes on with its own.
Result<std::string> BackUpNow(const Work& work, const Region& region, const Secured& kept,
                              const std::string& purpose);
// Copies the point from `region` into the other Region's vault; the copy.
Result<BackupPoint> CopyNow(const Work& work, const Region& region, const Secured& kept,
                            const std::string& point);
// Runs a restore job in the step's Region; what it made.
Result<std::string> RestoreNow(const Work& work, const Secured& kept, const std::string& point,
                               const Value& metadata);
// kWrongState: the point is not complete there.
Result<BackupPoint> NeedPoint(const Work& work, const Region& region, const model::Backed& backup,
                              const std::string& point);

}  // namespace leeward::steps

// Tables of which there is one at a time: the last backup of a planned move, and what becomes of
// the table that is left or has returned. A table cannot be renamed, and its name is needed where
// it is restored, so it is deleted: once a backup of all that it has is complete, and writes to it
// are denied.
#include "steps/backups.h"
#include "steps/dynamodb.h"

namespace leeward::steps {
namespace {

using model::Dynamodb;

Status DeleteTable(const Work& work, const Dynamodb& dynamodb, const Table& table) {
  const std::string place = Place(dynamodb.table, work.region());
  if (table.deletion_protection) {
    return base::Refused(place +
                         " has deletion protection, and its name is needed for a restore; all of "
                         "it is backed up: take the protection away, then run the same again");
  }
  const auto asked = work.CallPatiently(work.region(), "dynamodb", "DeleteTable",
                                        Value::Struct({{"TableName", dynamodb.table}}));
  if (!asked.ok() && asked.error().code() != base::ErrorCode::kNotFound) return asked.error();
  const auto gone =
      work.Await<bool>(place + " to be gone", work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::optional<Table> now,
                         DescribeTable(work, work.region(), dynamodb.table));
        if (now) return std::optional<bool>();
        return std::optional<bool>(true);
      });
  return gone.ok() ? base::Ok() : Status(gone.error());
}

}  // namespace

Result<StepOutcome> DynamodbFinalBackup(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  if (work.Output("dynamodb.quiesce", "proof") != "closed")
    return base::Invalid("the plan denies no writes before its last backup; make a new plan");
  ASSIGN_OR_RETURN(const Table table, TableToBackUp(work, *dynamodb, source));
  const Secured kept = KeptTable(*dynamodb, table.arn);
  RETURN_IF_ERROR(EnsureVault(work, source, kept.backup));
  RETURN_IF_ERROR(EnsureVault(work, work.region(), kept.backup));
  ASSIGN_OR_RETURN(const std::string point, BackUpNow(work, source, kept, "last"));
  ASSIGN_OR_RETURN(const BackupPoint copy, CopyNow(work, source, kept, point));
  return StepOutcome{"complete: the last backup, begun " + base::FormatIso8601(*copy.begun) +
                         " when writes were denied, has arrived",
                     {{"point", point}, {"copy", copy.arn}, {"complete", "yes"}}};
}

Result<StepOutcome> DynamodbPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  const Region writer(writer_region);
  // What is deleted here must not be the only one.
  const auto there = NeedTable(work, writer, dynamodb->table);
  if (!there.ok()) return there.error();
  ASSIGN_OR_RETURN(const std::optional<Table> old,
                   DescribeTable(work, work.region(), dynamodb->table));
  if (!old) return StepOutcome{"there is no old table in " + work.region().str(), {}};
  if (!old->replicas.empty()) {
    return base::WrongState(Place(dynamodb->table, work.region()) +
                            " is a global table by now; write recovery: replica in the spec");
  }
  ASSIGN_OR_RETURN(const StepOutcome closed, DynamodbQuiesce(work));
  const Secured kept = KeptTable(*dynamodb, old->arn);
  RETURN_IF_ERROR(EnsureVault(work, work.region(), kept.backup));
  ASSIGN_OR_RETURN(const std::string point, BackUpNow(work, work.region(), kept, "old"));
  ASSIGN_OR_RETURN(const BackupPoint whole, NeedPoint(work, work.region(), kept.backup, point));
  RETURN_IF_ERROR(DeleteTable(work, *dynamodb, *old));
  return StepOutcome{
      "all of it is in " + whole.arn + ", for " + std::to_string(kept.backup.days) +
          " d; what it alone holds was written " +
          (parted.empty() ? "since the failover's recovery point" : "after " + parted) +
          " and is not listed: restore that under another name to see",
      {{"kept_as", whole.arn}}};
}

Result<StepOutcome> DynamodbRetireOld(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  RETURN_IF_ERROR(DropPlan(work, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Table> old,
                   DescribeTable(work, work.region(), dynamodb->table));
  if (!old) return StepOutcome{"is gone already", {}};
  const std::string place = Place(dynamodb->table, work.region());
  const std::string point = work.Output("dynamodb.final-backup", "point");
  const std::string copy = work.Output("dynamodb.final-backup", "copy");
  if (point.empty() || copy.empty())
    return base::Invalid("the plan has no last backup of " + place + "; nothing is deleted");
  const Region& other = work.Other(work.region());
  for (const auto& [region, arn] : {std::pair{work.region(), point}, std::pair{other, copy}}) {
    const auto whole = NeedPoint(work, region, dynamodb->backup, arn);
    if (!whole.ok()) return base::Error(whole.error()).Context(place + " is not deleted");
  }
  ASSIGN_OR_RETURN(const Policy policy,
                   ReadPolicy(work, work.region(), old->arn, work.limits().call));
  if (!HasFence(policy.text)) {
    return base::Refused("somebody has let writes into " + place +
                         " again, so it may hold what its last backup does not; it is not deleted: "
                         "compare the two, then delete it yourself");
  }
  RETURN_IF_ERROR(DeleteTable(work, *dynamodb, *old));
  return StepOutcome{"deleted; all of it is in " + point + " and " + copy, {{"kept_as", point}}};
}

}  // namespace leeward::steps

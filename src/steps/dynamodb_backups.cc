// Tables that are restored of AWS Backup's recovery points: putting these in place, what they would
// lose, and the restore.
#include "decide/decide.h"
#include "steps/backups.h"
#include "steps/dynamodb.h"
#include "steps/gates.h"
#include "steps/kms_keys.h"
#include "steps/promoted.h"

namespace leeward::steps {

using model::Dynamodb;

Secured KeptTable(const Dynamodb& dynamodb, std::string arn) {
  return {dynamodb.backup, std::move(arn), "DynamoDB"};
}

Result<Table> TableToBackUp(const Work& work, const Dynamodb& dynamodb, const Region& region) {
  ASSIGN_OR_RETURN(Table table, NeedTable(work, region, dynamodb.table));
  const Region& other = work.Other(region);
  if (table.replicas.contains(other)) {
    return base::WrongState(Place(dynamodb.table, region) + " has a replica in " + other.str() +
                            ", which is better than a backup; write recovery: replica in the spec, "
                            "or take the replica away first");
  }
  ASSIGN_OR_RETURN(const std::optional<Table> there, DescribeTable(work, other, dynamodb.table));
  if (there) {
    return base::WrongState(Place(dynamodb.table, other) +
                            " exists, and is to be restored only when it is needed; delete that "
                            "table, or write recovery: replica in the spec");
  }
  return table;
}

Result<std::string> LostTableArn(const Work& work, const Dynamodb& dynamodb) {
  const Region& other = work.Other(work.region());
  const std::string known(work.Fact(work.step().component, other, "table.arn"));
  if (!known.empty()) return known;
  return base::NotFound("the inventory does not know " + Place(dynamodb.table, other) +
                        ", so its recovery points cannot be told from others; run `leeward "
                        "protect` while it lives");
}

Result<StepOutcome> DynamodbCopyBackups(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  ASSIGN_OR_RETURN(const Table table, TableToBackUp(work, *dynamodb, source));
  const Secured kept = KeptTable(*dynamodb, table.arn);
  RETURN_IF_ERROR(EnsureVault(work, source, kept.backup));
  RETURN_IF_ERROR(EnsureVault(work, work.region(), kept.backup));
  RETURN_IF_ERROR(EnsurePlan(work, source, kept));
  ASSIGN_OR_RETURN(const std::string point, BackUpNow(work, source, kept, "protect"));
  ASSIGN_OR_RETURN(const BackupPoint copy, CopyNow(work, source, kept, point));
  const std::string as_of = base::FormatIso8601(*copy.begun);
  return StepOutcome{"a recovery point of " + as_of + " is in vault " + kept.backup.vault +
                         ", and the next are made every " + base::FormatDuration(kept.backup.every),
                     {{"point", copy.arn}, {"latest", as_of}}};
}

Result<StepOutcome> DynamodbMeasureBackup(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::optional<Table> here,
                   DescribeTable(work, work.region(), dynamodb->table));
  if (here) return TakesWritesAlready(work, Place(dynamodb->table, work.region()));
  ASSIGN_OR_RETURN(const std::string lost, LostTableArn(work, *dynamodb));
  ASSIGN_OR_RETURN(const std::optional<BackupPoint> point,
                   NewestPointHere(work, KeptTable(*dynamodb, lost)));
  StepOutcome outcome = PointBound(work, point ? point->begun : std::nullopt,
                                   dynamodb->backup.vault + " in " + work.region().str());
  if (point) outcome.outputs["point"] = point->arn;
  return Measurable(work, std::move(outcome));
}

Result<BackupPoint> PointToRestore(const Work& work, const Dynamodb& dynamodb) {
  const std::string last = work.Output("dynamodb.final-backup", "copy");
  if (!last.empty()) return NeedPoint(work, work.region(), dynamodb.backup, last);
  ASSIGN_OR_RETURN(const std::string lost, LostTableArn(work, dynamodb));
  ASSIGN_OR_RETURN(std::optional<BackupPoint> newest,
                   NewestPointHere(work, KeptTable(dynamodb, lost)));
  if (newest) return *std::move(newest);
  return base::NotFound("there is no complete recovery point of " + lost + " in vault " +
                        dynamodb.backup.vault + " in " + work.region().str() +
                        "; look for one in another vault, and copy it there");
}

Result<StepOutcome> DynamodbRestore(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  const base::MonotonicTime begin = work.tools().clock.Monotonic();
  ASSIGN_OR_RETURN(const std::optional<Table> before,
                   DescribeTable(work, work.region(), dynamodb->table));
  std::string as_of;
  if (!before) {
    ASSIGN_OR_RETURN(const BackupPoint point, PointToRestore(work, *dynamodb));
    as_of = base::FormatIso8601(*point.begun);
    work.Say("restoring " + point.arn + " of " + as_of + " as " +
             Place(dynamodb->table, work.region()));
    Value metadata = Value::Struct({{"targetTableName", dynamodb->table}});
    if (!dynamodb->kms_key.empty()) {
      ASSIGN_OR_RETURN(const std::string key, NeedKmsKey(work, work.region(), dynamodb->kms_key));
      metadata.Set("encryptionType", "KMS").Set("kmsMasterKeyArn", key);
    }
    const auto made = RestoreNow(work, KeptTable(*dynamodb, point.resource), point.arn, metadata);
    if (!made.ok()) return made.error();
  }
  ASSIGN_OR_RETURN(const Table table, AwaitTable(work, work.region(), dynamodb->table));
  RETURN_IF_ERROR(OpenTable(work, *dynamodb));
  const base::Duration took = work.tools().clock.Monotonic() - begin;
  return StepOutcome{
      (before ? std::string("was being restored already") : "restored as of " + as_of) +
          ", a write on a condition was made, " + base::HumanDuration(took),
      {{"arn", table.arn},
       {"parted", as_of},
       {"promoted_at", base::FormatIso8601(work.tools().clock.Now())},
       {"took_ns", std::to_string(took.count())}}};
}

}  // namespace leeward::steps

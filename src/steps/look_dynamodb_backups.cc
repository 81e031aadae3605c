// Looks at tables that are to be backed up, measured, restored and deleted.
#include "steps/backups.h"
#include "steps/dynamodb.h"
#include "steps/look.h"

namespace leeward::steps {
using model::Dynamodb;

Result<Finding> LookAtTableBackups(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  const model::Step* behind =
      look.Pending({{"dynamodb.restore", "dynamodb.retire-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Table table, TableToBackUp(work, *dynamodb, Region(source)));
  ASSIGN_OR_RETURN(const std::string vaults, WouldMakeVaults(work, dynamodb->backup.vault));
  return Act("would " + vaults + "back " + table.arn + " up, copy it to " + work.region().str() +
             ", and have AWS Backup do so every " + base::FormatDuration(dynamodb->backup.every) +
             ", for " + std::to_string(dynamodb->backup.days) + " d");
}

Result<Finding> LookAtTableMeasureBackup(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, DynamodbMeasureBackup(look.work()));
  return Pass(std::move(measured));
}

Result<Finding> LookAtTableRestore(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  const model::Step* behind =
      look.Pending({{"dynamodb.final-backup", "dynamodb.preserve-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  const std::string place = Place(dynamodb->table, work.region());
  ASSIGN_OR_RETURN(const std::optional<Table> here,
                   DescribeTable(work, work.region(), dynamodb->table));
  if (here) return Nothing(place + " is there already, " + here->status);
  ASSIGN_OR_RETURN(const BackupPoint point, PointToRestore(work, *dynamodb));
  return Act("would restore " + place + " of " + point.arn + ", begun " +
             base::FormatIso8601(*point.begun));
}

Result<Finding> LookAtTableFinalBackup(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, Region(source), dynamodb->table));
  const model::Step* quiesce = look.Pending({{"dynamodb.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce);
  return Act("would back " + table.arn + " up and copy it to " + work.region().str());
}

Result<Finding> LookAtTableAside(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::optional<Table> old,
                   DescribeTable(work, work.region(), dynamodb->table));
  const std::string place = Place(dynamodb->table, work.region());
  if (!old) return Nothing("there is no " + place);
  if (old->deletion_protection) {
    return base::Refused(place +
                         " has deletion protection, and is to be deleted when it is backed up; "
                         "take the protection away");
  }
  const model::Step* behind = look.Pending({{"dynamodb.restore"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  return Act("would delete " + old->arn + " once all of it is in a recovery point");
}

}  // namespace leeward::steps

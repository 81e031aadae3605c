// Looks at databases whose backups are to be replicated, measured and restored.
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

std::string Restorable(const BackupCopy& copy) {
  return copy.latest
             ? "restorable to " + base::FormatIso8601(*copy.latest) + " (" + copy.status + ")"
             : "nothing of it can be restored yet (" + copy.status + ")";
}

}  // namespace

Result<Finding> LookAtCopyBackups(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const model::Step* behind = look.Pending(
      {{"rds.preserve-old", "rds.promote", "rds.retire-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Instance source, NeedInstance(work, Region(from), rds->instance));
  ASSIGN_OR_RETURN(const std::optional<Instance> here,
                   DescribeInstance(work, work.region(), rds->instance));
  if (here) {
    return base::WrongState(Place(rds->instance, work.region()) +
                            " exists, and is to be restored only when it is needed; rename or "
                            "delete it, or write recovery: replica in the spec");
  }
  ASSIGN_OR_RETURN(const std::vector<BackupCopy> copies, BackupCopies(work, work.region()));
  for (const BackupCopy& copy : copies) {
    if (copy.resource_id != source.resource_id || !copy.follows()) continue;
    return copy.latest ? Nothing("is replicated already, " + Restorable(copy) +
                                 "; only a canary would be written")
                       : Act("would wait for its first backup: " + Restorable(copy));
  }
  return Act("would replicate the backups of " + source.arn + " to " + work.region().str() +
             ", and keep them for " + std::to_string(rds->backup_days) + " d");
}

Result<Finding> LookAtMeasureBackup(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, RdsMeasureBackup(look.work()));
  return Pass(std::move(measured));
}

Result<Finding> LookAtRestore(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const std::string place = Place(rds->instance, work.region());
  ASSIGN_OR_RETURN(const std::optional<Instance> here,
                   DescribeInstance(work, work.region(), rds->instance));
  if (here) return Nothing(place + " is there already, " + here->status);
  ASSIGN_OR_RETURN(const std::optional<BackupCopy> copy, NewestCopy(work, *rds));
  if (!copy || !copy->latest) {
    return base::NotFound("there is no backup of " + work.step().component.str() + " in " +
                          work.region().str() + " that can be restored; run `leeward protect`");
  }
  ASSIGN_OR_RETURN(const std::string group, SecurityGroup(work, rds->security_group));
  return Act("would restore " + place + " of " + copy->arn + ", " + Restorable(*copy) +
             (group.empty() ? "" : ", in security group " + rds->security_group));
}

}  // namespace leeward::steps

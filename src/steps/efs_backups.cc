// File systems that are restored of AWS Backup's recovery points: putting these in place, what they
// would lose, and the last one of a planned move.
#include "steps/efs.h"
#include "steps/promoted.h"

namespace leeward::steps {

using model::Efs;

Secured KeptFiles(const Efs& efs, std::string arn) { return {efs.backup, std::move(arn), "EFS"}; }

Result<FileSystem> FilesToBackUp(const Work& work, const Efs& efs, const Region& region) {
  ASSIGN_OR_RETURN(FileSystem system, NeedFileSystem(work, region, efs));
  const std::string place = FilesPlace(efs, system, region);
  if (system.state != "available")
    return base::WrongState(place + " is " + system.state + "; wait until it is available");
  const Region& other = work.Other(region);
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, region, system.id));
  if (replication && (replication->destination_region == other.str() ||
                      replication->destination_id == system.id)) {
    return base::WrongState(place + " is in a replication, of " + replication->source_id + " to " +
                            replication->destination_id +
                            ", which is better than a backup; write recovery: replica in the "
                            "spec, or delete the replication first");
  }
  ASSIGN_OR_RETURN(const std::optional<FileSystem> there, FindFileSystem(work, other, efs));
  if (there) {
    return base::WrongState(FilesPlace(efs, *there, other) +
                            " exists, and is to be restored only when it is needed; give it "
                            "another Name tag, or write recovery: replica in the spec");
  }
  return system;
}

namespace {

Result<std::string> LostFilesArn(const Work& work, const Efs& efs) {
  const Region& other = work.Other(work.region());
  const std::string known(work.Fact(work.step().component, other, "file-system.arn"));
  if (!known.empty()) return known;
  return base::NotFound("the inventory does not know " + Place(efs.file_system, other) +
                        ", so its recovery points cannot be told from others; run `leeward "
                        "protect` while it lives");
}

// Of the file system in `source`, complete in both vaults; the copy.
Result<std::pair<std::string, BackupPoint>> BackUpAndCopy(const Work& work, const Secured& kept,
                                                          const Region& source,
                                                          const std::string& purpose) {
  ASSIGN_OR_RETURN(std::string point, BackUpNow(work, source, kept, purpose));
  ASSIGN_OR_RETURN(BackupPoint copy, CopyNow(work, source, kept, point));
  return std::pair(std::move(point), std::move(copy));
}

}  // namespace

Result<StepOutcome> EfsCopyBackups(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  ASSIGN_OR_RETURN(const FileSystem system, FilesToBackUp(work, *efs, source));
  const Secured kept = KeptFiles(*efs, system.arn);
  RETURN_IF_ERROR(EnsureVault(work, source, kept.backup));
  RETURN_IF_ERROR(EnsureVault(work, work.region(), kept.backup));
  RETURN_IF_ERROR(EnsurePlan(work, source, kept));
  ASSIGN_OR_RETURN(const auto made, BackUpAndCopy(work, kept, source, "protect"));
  const std::string as_of = base::FormatIso8601(*made.second.begun);
  return StepOutcome{"a recovery point of " + as_of + " is in vault " + kept.backup.vault +
                         ", and the next are made every " + base::FormatDuration(kept.backup.every),
                     {{"point", made.second.arn}, {"latest", as_of}}};
}

Result<StepOutcome> EfsMeasureBackup(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here, FindFileSystem(work, work.region(), *efs));
  if (here) return TakesWritesAlready(work, FilesPlace(*efs, *here, work.region()));
  ASSIGN_OR_RETURN(const std::string lost, LostFilesArn(work, *efs));
  ASSIGN_OR_RETURN(const std::optional<BackupPoint> point,
                   NewestPointHere(work, KeptFiles(*efs, lost)));
  StepOutcome outcome = PointBound(work, point ? point->begun : std::nullopt,
                                   efs->backup.vault + " in " + work.region().str());
  if (point) outcome.outputs["point"] = point->arn;
  return Measurable(work, std::move(outcome));
}

Result<BackupPoint> FilesPointToRestore(const Work& work, const Efs& efs) {
  const std::string last = work.Output("efs.final-backup", "copy");
  if (!last.empty()) return NeedPoint(work, work.region(), efs.backup, last);
  ASSIGN_OR_RETURN(const std::string lost, LostFilesArn(work, efs));
  ASSIGN_OR_RETURN(std::optional<BackupPoint> newest, NewestPointHere(work, KeptFiles(efs, lost)));
  if (newest) return *std::move(newest);
  return base::NotFound("there is no complete recovery point of " + lost + " in vault " +
                        efs.backup.vault + " in " + work.region().str() +
                        "; look for one in another vault, and copy it there");
}

Result<StepOutcome> EfsFinalBackup(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  if (work.Output("efs.quiesce", "proof") != "closed")
    return base::Invalid("the plan ends no tasks before its last backup; make a new plan");
  ASSIGN_OR_RETURN(const FileSystem system, FilesToBackUp(work, *efs, source));
  const Secured kept = KeptFiles(*efs, system.arn);
  RETURN_IF_ERROR(EnsureVault(work, source, kept.backup));
  RETURN_IF_ERROR(EnsureVault(work, work.region(), kept.backup));
  ASSIGN_OR_RETURN(const auto made, BackUpAndCopy(work, kept, source, "last"));
  return StepOutcome{"complete: the last backup, begun " + base::FormatIso8601(*made.second.begun) +
                         " when no task was left, has arrived",
                     {{"point", made.first}, {"copy", made.second.arn}, {"complete", "yes"}}};
}

}  // namespace leeward::steps

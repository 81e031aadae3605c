// Looks at file systems that are to be backed up, measured, restored and put aside.
#include "steps/efs.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {

using model::Efs;

Result<Finding> LookAtFilesBackups(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  const model::Step* behind =
      look.Pending({{"efs.restore", "efs.retire-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem system, FilesToBackUp(work, *efs, Region(source)));
  ASSIGN_OR_RETURN(const std::string vaults, WouldMakeVaults(work, efs->backup.vault));
  return Act("would " + vaults + "back " + system.id + " up (" + std::to_string(system.bytes) +
             " bytes), copy it to " + work.region().str() + ", and have AWS Backup do so every " +
             base::FormatDuration(efs->backup.every) + ", for " + std::to_string(efs->backup.days) +
             " d");
}

Result<Finding> LookAtFilesMeasureBackup(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, EfsMeasureBackup(look.work()));
  return Pass(std::move(measured));
}

Result<Finding> LookAtFilesRestore(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  const model::Step* behind =
      look.Pending({{"efs.final-backup", "efs.preserve-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here, FindFileSystem(work, work.region(), *efs));
  if (here) return Nothing(FilesPlace(*efs, *here, work.region()) + " is there already");
  ASSIGN_OR_RETURN(const BackupPoint point, FilesPointToRestore(work, *efs));
  return Act("would restore " + Place(efs->file_system, work.region()) + " of " + point.arn +
             ", begun " + base::FormatIso8601(*point.begun) +
             ", with mount targets, and run a task that gives its folder the name " +
             kRestoredRoot);
}

Result<Finding> LookAtFilesFinalBackup(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const FileSystem system, NeedFileSystem(work, Region(source), *efs));
  const model::Step* quiesce = look.Pending({{"efs.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce);
  return Act("would back " + system.id + " up and copy it to " + work.region().str());
}

Result<Finding> LookAtFilesRetireOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old, FindFileSystem(work, work.region(), *efs));
  if (!old) return Nothing("there is no " + Place(efs->file_system, work.region()));
  const model::Step* behind = look.Pending({{"efs.restore"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  return Act("would rename " + FilesPlace(*efs, *old, work.region()) + " to " +
             AsideName(work, efs->file_system, "left"));
}

}  // namespace leeward::steps

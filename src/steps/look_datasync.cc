// Looks at file systems that a DataSync task keeps: to be copied, measured, closed, promoted and
// put aside.
#include "steps/datasync.h"
#include "steps/datasync_task.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::DataSync;

const model::Step* CopyNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending(
      {{"datasync.replicate", "datasync.preserve-old"}, step.region, step.component});
}

// "fs-0123 has all that was written 12 m ago; its schedule was switched off by a user".
Result<std::string> CopyNow(const Work& work, const FileSystem& here) {
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work, work.region(), here.id));
  ASSIGN_OR_RETURN(const std::optional<base::WallTime> newest,
                   NewestWhole(work, work.region(), tasks, here.copy_since));
  std::string now =
      here.id + (newest ? " has all that was written " +
                              base::HumanDuration(work.tools().clock.Now() - *newest) + " ago"
                        : std::string(" was never whole"));
  if (tasks.empty()) now += "; no task writes to it";
  for (const SyncTask& task : tasks) {
    const std::string off = OffWords(task);
    if (!off.empty()) now += "; " + off;
  }
  return now;
}

}  // namespace

Result<Finding> LookAtSyncSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, DataSyncCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtSyncReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const model::Step* behind =
      look.Pending({{"datasync.preserve-old", "datasync.promote"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem source, NeedFileSystem(work, Region(from), *synced));
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here,
                   FindFileSystem(work, work.region(), *synced));
  RETURN_IF_ERROR(CheckMayFollow(work, *synced, Region(from), source, here));
  const std::string bytes = " (" + std::to_string(source.bytes) + " bytes)";
  if (!here) {
    return Act("would create a copy of " + source.id + bytes + " in " + work.region().str() +
               ", with mount targets and a task, " + ScheduleOf(*synced));
  }
  if (here->copy_of != source.id) {
    return Act("would copy " + source.id + bytes + " over " +
               FilesPlace(*synced, *here, work.region()) + " with its " +
               std::to_string(here->bytes) + " bytes, " + ScheduleOf(*synced));
  }
  ASSIGN_OR_RETURN(const std::string now, CopyNow(work, *here));
  return Act("would see that its task is as the spec says, and has run: " + now);
}

Result<Finding> LookAtSyncMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, DataSyncMeasure(look.work()));
  return Pass(std::move(measured));
}

Result<Finding> LookAtSyncQuiesce(const Look& look) {
  RETURN_IF_ERROR(CheckNothingIsLeftOut(look.work()));
  return LookAtFilesQuiesce(look);
}

Result<Finding> LookAtSyncDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  if (const model::Step* behind = CopyNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *synced, work.region()));
  ASSIGN_OR_RETURN(const std::string now, CopyNow(work, here));
  const model::Step* quiesce = look.Pending({{"datasync.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, now);
  return Act("would start an execution and wait for its end; now " + now);
}

Result<Finding> LookAtSyncPromote(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  if (const model::Step* behind = CopyNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *synced, work.region()));
  const std::string place = FilesPlace(*synced, here, work.region());
  if (here.copy_of.empty()) return Nothing(place + " is nobody's copy already");
  ASSIGN_OR_RETURN(const std::string now, CopyNow(work, here));
  return Act("would switch off the schedule of the task that writes to " + place +
             ", and cancel what it has under way; now " + now);
}

Result<Finding> LookAtSyncOpen(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *synced, work.region()));
  RETURN_IF_ERROR(CheckNoCopy(*synced, here, work.region()));
  return Act("would have " + std::to_string(writers.size()) +
             " services run at their active size on " + FilesPlace(*synced, here, work.region()));
}

Result<Finding> LookAtSyncPreserveOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old,
                   FindFileSystem(work, work.region(), *synced));
  if (!old) return Nothing("there is no old file system in " + work.region().str());
  ASSIGN_OR_RETURN(const FileSystem there, NeedFileSystem(work, Region(writer), *synced));
  if (old->copy_of == there.id)
    return Nothing("follows " + writer + " already; there is nothing to keep");
  return Act("would rename " + FilesPlace(*synced, *old, work.region()) + ", " +
             std::to_string(old->bytes) + " bytes, to " +
             AsideName(work, synced->file_system, "before"));
}

}  // namespace leeward::steps

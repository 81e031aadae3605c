// How old a copy is, and whether all that was written before a move is in it.
#include "steps/datasync.h"
#include "steps/promoted.h"

namespace leeward::steps {
namespace {

using model::DataSync;

constexpr BoundWords kSyncWords = {
    "was never whole: no execution of its task that began since it is a copy has succeeded",
    "start of the newest successful execution", "the start of the newest execution that succeeded"};

std::string WithoutChanges(const Work& work) {
  return "'overwrite' of " + work.step().component.str() +
         " is 'never', so what was changed since it was first copied does not arrive";
}

std::string TaskWords(const std::vector<SyncTask>& tasks) {
  if (tasks.empty()) return "; no task of Leeward's keeps it up to date, run `leeward protect`";
  std::string words;
  for (const SyncTask& task : tasks) {
    const std::string off = OffWords(task);
    if (!off.empty()) words += "; " + off + ": `leeward protect` switches it on";
  }
  return words;
}

}  // namespace

Result<StepOutcome> DataSyncMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *synced, work.region()));
  if (system.copy_of.empty())
    return TakesWritesAlready(work, FilesPlace(*synced, system, work.region()));
  if (synced->overwrite == model::SyncOverwrite::kNever) {
    const std::string why = WithoutChanges(work);
    return StepOutcome{"unknown: " + why, {{kUnknownBecause, why}}};
  }
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work, work.region(), system.id));
  ASSIGN_OR_RETURN(const std::optional<base::WallTime> newest,
                   NewestWhole(work, work.region(), tasks, system.copy_since));
  StepOutcome outcome = Measurable(work, FilesBound(work, newest, kSyncWords));
  outcome.detail += TaskWords(tasks);
  return outcome;
}

// Asked before the writers are ended, since they would have been ended for nothing.
Result<StepOutcome> DataSyncQuiesce(const Work& work) {
  RETURN_IF_ERROR(CheckNothingIsLeftOut(work));
  return QuiesceFiles(work);
}

Status CheckNothingIsLeftOut(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  if (synced->overwrite == model::SyncOverwrite::kAlways) return base::Ok();
  return base::Refused(WithoutChanges(work) +
                       ", and a move would lose it; write overwrite: always, run `leeward "
                       "protect`, then move");
}

Status CheckNoCopy(const DataSync& synced, const FileSystem& system, const Region& region) {
  if (system.copy_of.empty()) return base::Ok();
  return base::WrongState(FilesPlace(synced, system, region) + " is kept as a copy of " +
                          system.copy_of + ": what is written to it is overwritten");
}

Result<StepOutcome> DataSyncDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const base::WallTime end, EndOfWrites(work));
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *synced, work.region()));
  const std::string place = FilesPlace(*synced, system, work.region());
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work, work.region(), system.id));
  if (system.copy_of.empty() || tasks.empty()) {
    return base::WrongState(
        place +
        (system.copy_of.empty() ? " is no copy any more" : " has no task that brings it files") +
        ", so what it lacks never arrives; go back with `leeward abandon`, or fail over");
  }
  ASSIGN_OR_RETURN(const base::WallTime whole,
                   RunSince(work, tasks.front().arn, end + work.limits().clock_margin));
  const bool some = !synced->include.empty() || !synced->exclude.empty();
  return StepOutcome{"complete: an execution that began at " + base::FormatIso8601(whole) +
                         ", after the last writer's end, has brought everything" +
                         (some ? " that the spec's patterns let through" : ""),
                     {{"complete", "yes"}, {"last_replicated", base::FormatIso8601(whole)}}};
}

Result<StepOutcome> DataSyncOpen(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *synced, work.region()));
  RETURN_IF_ERROR(CheckNoCopy(*synced, system, work.region()));
  return StartWriters(work, FilesPlace(*synced, system, work.region()));
}

}  // namespace leeward::steps

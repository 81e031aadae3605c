// Putting a copy in place: a file system in the step's Region, a location on either side, and the
// task with its schedule. EFS protects nothing from a task, so what may be overwritten is decided
// here: what is a copy of the same source already, what this plan has drained, or what a person has
// taken the overwrite protection away from.
#include "steps/datasync.h"
#include "steps/datasync_task.h"
#include "steps/efs.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::DataSync;

std::string CopyMark(const Work& work, const FileSystem& source) {
  return source.id + " " + base::FormatIso8601(work.tools().clock.Now());
}

Status CheckNotReplica(const Work& work, const DataSync& synced, const Region& region,
                       const FileSystem& system, const std::string& advice) {
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, region, system.id));
  if (TakesWrites(system, replication)) return base::Ok();
  return base::WrongState(
      FilesPlace(synced, system, region) + " is the destination of an EFS replication" +
      (replication ? " of " + replication->source_id + " in " + replication->source_region : "") +
      ", which makes it read-only: " + advice);
}

// Whether the application may write there: it is nobody's copy, and no task of ours writes to it.
Status CheckIsSource(const Work& work, const DataSync& synced, const Region& region,
                     const FileSystem& system) {
  RETURN_IF_ERROR(CheckFits(synced, region, system));
  const std::string place = FilesPlace(synced, system, region);
  if (!system.copy_of.empty()) {
    return base::WrongState(place + " is itself kept as a copy of " + system.copy_of +
                            "; the Region that takes writes has its source");
  }
  RETURN_IF_ERROR(
      CheckNotReplica(work, synced, region, system, "the Region that takes writes has its source"));
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work, region, system.id));
  for (const SyncTask& task : tasks) {
    ASSIGN_OR_RETURN(const std::vector<std::string> under_way,
                     ExecutionsUnderWay(work, region, task.arn));
    if (!task.scheduled && under_way.empty()) continue;
    return base::WrongState(place + " is written to by the task " + task.arn + " in " +
                            region.str() + ", which is on; switch its schedule off and cancel " +
                            "what it has under way, then run the same again");
  }
  return base::Ok();
}

Status CheckMayOverwrite(const Work& work, const DataSync& synced, const FileSystem& source,
                         const FileSystem& here) {
  RETURN_IF_ERROR(CheckFits(synced, work.region(), here));
  RETURN_IF_ERROR(CheckNotReplica(work, synced, work.region(), here,
                                  "DataSync cannot write to it. The two are alternatives: delete "
                                  "that replication, or write kind: efs"));
  const std::string place = FilesPlace(synced, here, work.region());
  if (source.encrypted && !here.encrypted) {
    return base::WrongState(place + " is not encrypted and " + source.id +
                            " is; give it another Name tag, and an encrypted one is made");
  }
  const bool allowed =
      here.copy_of == source.id || here.protection == "DISABLED" || WasDrained(work);
  if (allowed) return base::Ok();
  return base::WrongState(
      place + " exists with " + std::to_string(here.bytes) + " bytes" +
      (here.copy_of.empty() ? "" : ", a copy of " + here.copy_of) +
      ", and a task overwrites its destination: what it alone holds could be gone; give it another "
      "Name tag, and a new one is made, or take its overwrite protection away yourself: aws efs "
      "update-file-system-protection --region " +
      work.region().str() + " --file-system-id " + here.id +
      " --replication-overwrite-protection DISABLED");
}

Status CreateCopy(const Work& work, const DataSync& synced, const FileSystem& source) {
  const Value::List tags = {Value::Struct({{"Key", "Name"}, {"Value", synced.file_system}}),
                            Value::Struct({{"Key", kCopyTag}, {"Value", CopyMark(work, source)}})};
  Value input = Value::Struct({{"CreationToken", AsideName(work, synced.file_system, "copy")},
                               {"Encrypted", source.encrypted},
                               {"Tags", tags}});
  for (const auto& [name, value] : source.modes) input.Set(name, value);
  work.Say("creating a Regional file system " + synced.file_system + " in " + work.region().str());
  const auto made = work.CallPatiently(work.region(), "efs", "CreateFileSystem", input);
  // Made by a run of this step that was cut off: the look that follows finds it.
  if (made.ok() || made.error().code() == base::ErrorCode::kAlready) return base::Ok();
  return made.error();
}

Result<FileSystem> AwaitNamed(const Work& work, const DataSync& synced) {
  return work.Await<FileSystem>(Place(synced.file_system, work.region()) + " to be available",
                                work.ApiPace(), [&]() -> Result<std::optional<FileSystem>> {
                                  ASSIGN_OR_RETURN(std::optional<FileSystem> here,
                                                   FindFileSystem(work, work.region(), synced));
                                  if (!here || here->state == "creating")
                                    return std::optional<FileSystem>();
                                  return here;
                                });
}

// The mark first: from then on it may be overwritten, by this step alone. A permission that a
// person gave is used up with it, lest it hold for what the file system will have one day.
Status MarkCopy(const Work& work, const FileSystem& source, const FileSystem& here) {
  if (here.copy_of != source.id || !here.copy_since) {
    const Value tag = Value::Struct({{"Key", kCopyTag}, {"Value", CopyMark(work, source)}});
    const auto marked =
        work.CallPatiently(work.region(), "efs", "TagResource",
                           Value::Struct({{"ResourceId", here.id}, {"Tags", Value::List{tag}}}));
    if (!marked.ok()) return marked.error();
  }
  if (here.protection != "DISABLED") return base::Ok();
  const auto done = work.CallPatiently(
      work.region(), "efs", "UpdateFileSystemProtection",
      Value::Struct({{"FileSystemId", here.id}, {"ReplicationOverwriteProtection", "ENABLED"}}));
  return done.ok() ? base::Ok() : Status(done.error());
}

// The file system of the name in the step's Region, as a copy of the source.
Result<FileSystem> EnsureCopy(const Work& work, const DataSync& synced, const FileSystem& source) {
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here,
                   FindFileSystem(work, work.region(), synced));
  if (!here) RETURN_IF_ERROR(CreateCopy(work, synced, source));
  ASSIGN_OR_RETURN(const FileSystem named, AwaitNamed(work, synced));
  RETURN_IF_ERROR(CheckMayOverwrite(work, synced, source, named));
  RETURN_IF_ERROR(MarkCopy(work, source, named));
  ASSIGN_OR_RETURN(FileSystem marked, NeedFileSystem(work, work.region(), synced));
  if (marked.copy_of == source.id && marked.copy_since) return marked;
  return base::Unreachable(FilesPlace(synced, marked, work.region()) +
                           " does not show its tag yet; run the same again");
}

std::string ReplicateWords(const Work& work, const DataSync& synced) {
  std::string words;
  const base::Duration rpo = work.application().objectives.rpo;
  if (synced.every > rpo) {
    words += "; the RPO of " + base::FormatDuration(rpo) +
             " is out of reach: what was written in " + base::FormatDuration(synced.every) +
             " and an execution's time may be lost";
  }
  if (synced.deleted == model::SyncDeleted::kRemove) {
    words += "; what is deleted in " + work.Other(work.region()).str() +
             " is deleted here too, by whomever: keep a backup beside it";
  }
  return words;
}

}  // namespace

Result<StepOutcome> DataSyncCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const FileSystem system, NeedFileSystem(work, work.region(), *synced));
  RETURN_IF_ERROR(CheckIsSource(work, *synced, work.region(), system));
  RETURN_IF_ERROR(CheckMounted(work, *synced, work.region(), system));
  return StepOutcome{"available, Regional, " + std::to_string(system.bytes) + " bytes",
                     {{"file_system", system.id}, {"arn", system.arn}}};
}

Status CheckMayFollow(const Work& work, const DataSync& synced, const Region& from,
                      const FileSystem& source, const std::optional<FileSystem>& here) {
  RETURN_IF_ERROR(CheckIsSource(work, synced, from, source));
  return here ? CheckMayOverwrite(work, synced, source, *here) : base::Ok();
}

Result<StepOutcome> DataSyncReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region from(source_region);
  ASSIGN_OR_RETURN(const FileSystem source, NeedFileSystem(work, from, *synced));
  RETURN_IF_ERROR(CheckIsSource(work, *synced, from, source));
  ASSIGN_OR_RETURN(const FileSystem here, EnsureCopy(work, *synced, source));
  ASSIGN_OR_RETURN(const std::size_t targets, EnsureMountTargets(work, *synced, here.id));
  ASSIGN_OR_RETURN(const std::string task, EnsureTask(work, *synced, {from, source, here}));
  ASSIGN_OR_RETURN(const base::WallTime whole, RunSince(work, task, *here.copy_since));
  const std::string as_of = base::FormatIso8601(whole);
  return StepOutcome{here.id + " has all that was written before " + as_of + ", " +
                         std::to_string(targets) + " mount targets, " + ScheduleOf(*synced) +
                         ReplicateWords(work, *synced),
                     {{"file_system", here.id}, {"task", task}, {"last_replicated", as_of}}};
}

}  // namespace leeward::steps

// SyncPromotion: a copy is nobody's copy any more when nothing can write to it late: its task's
// schedule is off, what was under way has ended, and only then its tag is gone. All of it in the
// copy's own Region.
//
// And the returning old side of a failover, which is put aside rather than made equal to its
// successor.
#include "steps/datasync.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::DataSync;

class SyncPromotion {
 public:
  SyncPromotion(const Work& work, const DataSync& synced, std::string id)
      : work_(work), synced_(synced), id_(std::move(id)) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    const auto free = work_.Await<bool>(place() + " to be written to by no task", work_.ApiPace(),
                                        [this] { return Look(); });
    if (!free.ok()) return last_.empty() ? free.error() : base::Error(free.error()).Context(last_);
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{Told() + ", " + base::HumanDuration(took),
                       {{"how", acted_ ? "stopped" : "already"},
                        {"cut_off", cut_ ? "yes" : "no"},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"file_system", id_},
                        {"parted", parted_ ? base::FormatIso8601(*parted_) : ""}}};
  }

 private:
  std::string place() const {
    return Place(synced_.file_system + " (" + id_ + ")", work_.region());
  }

  std::string Told() const {
    if (!acted_) return "was promoted already: no task writes to it";
    std::string told = "no task writes to it any more; ";
    told += parted_ ? "it has all that was written before " + base::FormatIso8601(*parted_)
                    : std::string("no execution had brought it everything");
    if (cut_) {
      told += "; an execution was cut off, so that some files are newer than others beside them";
    }
    return told;
  }

  Result<std::optional<bool>> Look() {
    ASSIGN_OR_RETURN(const std::optional<FileSystem> system,
                     DescribeFileSystem(work_, work_.region(), id_));
    if (!system) return base::NotFound(place() + " is gone; there is nothing to promote");
    ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work_, work_.region(), id_));
    RETURN_IF_ERROR(Note(*system, tasks));
    bool quiet = true;
    for (const SyncTask& task : tasks) {
      ASSIGN_OR_RETURN(const bool stopped, Stop(task));
      quiet = quiet && stopped;
    }
    if (!quiet) return std::optional<bool>();
    if (system->copy_of.empty()) return std::optional<bool>(true);
    RETURN_IF_ERROR(Untag());
    return std::optional<bool>();
  }

  // What it has is asked while it is a copy.
  Status Note(const FileSystem& system, const std::vector<SyncTask>& tasks) {
    if (system.copy_of.empty() || parted_) return base::Ok();
    acted_ = true;
    ASSIGN_OR_RETURN(parted_, NewestWhole(work_, work_.region(), tasks, system.copy_since));
    return base::Ok();
  }

  // Whether it was off before this look, and nothing is under way: what it could have begun since
  // would be seen.
  Result<bool> Stop(const SyncTask& task) {
    if (task.scheduled) RETURN_IF_ERROR(SwitchOff(task));
    ASSIGN_OR_RETURN(const std::size_t left, CancelExecutions(work_, task.arn));
    cut_ = cut_ || left > 0;
    acted_ = acted_ || task.scheduled || left > 0;
    return !task.scheduled && left == 0;
  }

  Status SwitchOff(const SyncTask& task) {
    work_.Say("switching off the schedule of " + task.arn);
    const auto off = work_.CallPatiently(
        work_.region(), "datasync", "UpdateTask",
        Value::Struct({{"TaskArn", task.arn},
                       {"Schedule", Value::Struct({{"ScheduleExpression", task.schedule},
                                                   {"Status", "DISABLED"}})}}));
    if (off.ok()) return base::Ok();
    // Refused while something is under way, it is asked again when that has been cancelled.
    if (off.error().code() != base::ErrorCode::kInvalid) return off.error();
    last_ = off.error().message();
    work_.Say(last_);
    return base::Ok();
  }

  Status Untag() {
    const auto done = work_.CallPatiently(
        work_.region(), "efs", "UntagResource",
        Value::Struct({{"ResourceId", id_}, {"TagKeys", Value::List{kCopyTag}}}));
    return done.ok() ? base::Ok() : Status(done.error());
  }

  const Work& work_;
  const DataSync& synced_;
  const std::string id_;
  bool acted_ = false, cut_ = false;
  std::string last_;
  std::optional<base::WallTime> parted_;
};

}  // namespace

Result<StepOutcome> DataSyncPromote(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *synced, work.region()));
  return SyncPromotion(work, *synced, system.id).Run();
}

Result<StepOutcome> DataSyncPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const DataSync* synced, work.Component<DataSync>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  const Region writer(writer_region);
  ASSIGN_OR_RETURN(const FileSystem there, NeedFileSystem(work, writer, *synced));
  if (!there.copy_of.empty()) {
    return base::WrongState(FilesPlace(*synced, there, writer) + " is kept as a copy of " +
                            there.copy_of + "; it is where the application is said to live");
  }
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old,
                   FindFileSystem(work, work.region(), *synced));
  if (!old) return StepOutcome{"there is no old file system in " + work.region().str(), {}};
  if (old->copy_of == there.id)
    return StepOutcome{"follows " + writer.str() + " already; there is nothing to keep", {}};
  // Of an earlier way home: none may write to what is kept.
  ASSIGN_OR_RETURN(const std::vector<SyncTask> tasks, OwnTasksInto(work, work.region(), old->id));
  for (const SyncTask& task : tasks) RETURN_IF_ERROR(DropTask(work, task));
  const std::string name = AsideName(work, synced->file_system, "before");
  RETURN_IF_ERROR(PutFilesAside(work, *old, name));
  return StepOutcome{
      "kept as " + name + " (" + old->id + ", " + std::to_string(old->bytes) +
          " bytes); what it alone holds was written " +
          (parted.empty() ? "since the failover" : "after " + parted) +
          " and is not listed: mount it to see; no backup was made, and it is yours to delete",
      {{"old_file_system", old->id}, {"kept_as", name}}};
}

}  // namespace leeward::steps

// Looks at file systems that are to be replicated, measured, closed, promoted and put aside.
#include "steps/efs.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::Efs;

const model::Step* ReplicaNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending({{"efs.replicate", "efs.preserve-old"}, step.region, step.component});
}

std::string AgeNow(const Work& work, const std::optional<Replication>& replication) {
  if (!replication) return "in no replication";
  if (!replication->last_replicated)
    return "its first copy is not whole (" + replication->status + ")";
  return "has all that was written " +
         base::HumanDuration(work.tools().clock.Now() - *replication->last_replicated) + " ago (" +
         replication->status + ")";
}

// What would become of an existing file system that is in no replication.
Result<Finding> WouldOverwrite(const Work& work, const Efs& efs, const FileSystem& source,
                               const FileSystem& here) {
  const std::string place = FilesPlace(efs, here, work.region());
  if (here.protection == "DISABLED") {
    return Act("would make " + place + " equal to " + source.id + ", overwriting its " +
               std::to_string(here.bytes) + " bytes: its overwrite protection is off");
  }
  return base::WrongState(place + " exists with " + std::to_string(here.bytes) +
                          " bytes and overwrite protection; give it another Name tag, or take the "
                          "protection away");
}

}  // namespace

Result<Finding> LookAtFilesSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, EfsCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtFilesReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const model::Step* behind =
      look.Pending({{"efs.preserve-old", "efs.promote"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem source, NeedFileSystem(work, Region(from), *efs));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, Region(from), source.id));
  if (replication && replication->destination_region == work.region().str()) {
    const std::string now = AgeNow(work, replication);
    const bool whole = replication->status == "ENABLED" && replication->last_replicated;
    return whole ? Nothing(replication->destination_id + " " + now)
                 : Act("would wait for its first copy: " + now);
  }
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here, FindFileSystem(work, work.region(), *efs));
  if (here) return WouldOverwrite(work, *efs, source, *here);
  return Act("would create a replica of " + source.id + " (" + std::to_string(source.bytes) +
             " bytes) in " + work.region().str() + ", with mount targets");
}

Result<Finding> LookAtFilesMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, EfsMeasure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtFilesFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  const Result<std::int64_t> left = TasksLeft(work, writers);
  if (!left.ok()) {
    return Finding{Would::kPass,
                   "its tasks could not be asked for: " + left.error().message(),
                   {},
                   {{"proof", "unreachable"}}};
  }
  Finding finding = Act("would wait until no task has it mounted; now " + std::to_string(*left));
  finding.outputs["proof"] = "closed";
  return finding;
}

Result<Finding> LookAtFilesQuiesce(const Look& look) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(look.work()));
  ASSIGN_OR_RETURN(const std::int64_t left, TasksLeft(look.work(), writers));
  Finding finding = Act("would end the " + std::to_string(left) + " tasks that have it mounted");
  finding.outputs["proof"] = "closed";
  return finding;
}

Result<Finding> LookAtFilesDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  if (const model::Step* behind = ReplicaNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), here.id));
  const std::string now = here.id + " " + AgeNow(work, replication);
  const model::Step* quiesce = look.Pending({{"efs.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, now);
  return Act("would wait until all that was written has arrived; now " + now);
}

Result<Finding> LookAtFilesPromote(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  if (const model::Step* behind = ReplicaNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source"));
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), here.id));
  const std::string place = FilesPlace(*efs, here, work.region());
  if (TakesWrites(here, replication)) return Nothing(place + " takes writes already");
  return Act("would delete the replication to " + place + ", which " + AgeNow(work, replication) +
             (source == "lost" ? ", in this Region alone" : ""));
}

Result<Finding> LookAtFilesOpen(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  ASSIGN_OR_RETURN(const FileSystem here, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), here.id));
  const std::string place = FilesPlace(*efs, here, work.region());
  if (!TakesWrites(here, replication))
    return base::WrongState(place + " is a replica: it takes no writes");
  return Act("would have " + std::to_string(writers.size()) +
             " services run at their active size on " + place);
}

Result<Finding> LookAtFilesPreserveOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old, FindFileSystem(work, work.region(), *efs));
  if (!old) return Nothing("there is no old file system in " + work.region().str());
  ASSIGN_OR_RETURN(const FileSystem there, NeedFileSystem(work, Region(writer), *efs));
  ASSIGN_OR_RETURN(const std::optional<Replication> reverse,
                   ReplicationOf(work, Region(writer), there.id));
  if (reverse && reverse->destination_id == old->id)
    return Nothing("follows " + writer + " already; there is nothing to keep");
  return Act("would rename " + FilesPlace(*efs, *old, work.region()) + ", " +
             std::to_string(old->bytes) + " bytes, to " +
             AsideName(work, efs->file_system, "before"));
}

}  // namespace leeward::steps

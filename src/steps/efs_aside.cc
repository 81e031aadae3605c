// What a returning old file system holds. A replica is made equal to its source, so the old one is
// not made a replica: it is given another name and left as it is, and the way home gets a new one.
// Which of its files are newer cannot be told from here, because nobody here mounts it.
#include "steps/efs.h"
#include "steps/rds.h"

namespace leeward::steps {

using model::Efs;

// What a failover that could not reach this Region left here: a configuration without another side.
Status DropStale(const Work& work, const Efs& efs, const FileSystem& old) {
  ASSIGN_OR_RETURN(const std::optional<Replication> left,
                   ReplicationOf(work, work.region(), old.id));
  if (!left) return base::Ok();
  const std::string place = FilesPlace(efs, old, work.region());
  if (left->source_id != old.id) {
    return base::WrongState(place + " is the replica of " + left->source_id + " in " +
                            left->source_region +
                            ", which does not know of it; delete that replication here, then run "
                            "the same command again");
  }
  work.Say(place + ": deleting what is left of its old replication");
  const auto deleted =
      work.CallPatiently(work.region(), "efs", "DeleteReplicationConfiguration",
                         Value::Struct({{"SourceFileSystemId", old.id},
                                        {"DeletionMode", "LOCAL_CONFIGURATION_ONLY"}}));
  if (!deleted.ok() && deleted.error().code() != base::ErrorCode::kNotFound) return deleted.error();
  const auto gone = work.Await<bool>(place + " to leave its old replication", work.ApiPace(),
                                     [&]() -> Result<std::optional<bool>> {
                                       ASSIGN_OR_RETURN(const std::optional<Replication> now,
                                                        ReplicationOf(work, work.region(), old.id));
                                       if (now) return std::optional<bool>();
                                       return std::optional<bool>(true);
                                     });
  return gone.ok() ? base::Ok() : Status(gone.error());
}

Result<StepOutcome> EfsPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  const Region writer(writer_region);
  ASSIGN_OR_RETURN(const FileSystem there, NeedFileSystem(work, writer, *efs));
  ASSIGN_OR_RETURN(const std::optional<Replication> reverse, ReplicationOf(work, writer, there.id));
  if (!TakesWrites(there, reverse)) {
    return base::WrongState(FilesPlace(*efs, there, writer) +
                            " is a replica and takes no writes; it is where the application is "
                            "said to live");
  }
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old, FindFileSystem(work, work.region(), *efs));
  if (!old) return StepOutcome{"there is no old file system in " + work.region().str(), {}};
  if (reverse && reverse->destination_id == old->id) {
    return StepOutcome{"follows " + writer.str() + " already; there is nothing to keep", {}};
  }
  RETURN_IF_ERROR(DropStale(work, *efs, *old));
  const std::string name = AsideName(work, efs->file_system, "before");
  RETURN_IF_ERROR(PutFilesAside(work, *old, name));
  return StepOutcome{
      "kept as " + name + " (" + old->id + ", " + std::to_string(old->bytes) +
          " bytes); what it alone holds was written " +
          (parted.empty() ? "since the failover" : "after " + parted) +
          " and is not listed: mount it to see; no backup was made, and it is yours to delete",
      {{"old_file_system", old->id}, {"kept_as", name}}};
}

// One that can be restored of its last backup, in both Regions. It is put aside and not deleted: a
// file system, unlike a table, can lose its name.
Result<StepOutcome> EfsRetireOld(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  RETURN_IF_ERROR(DropPlan(work, work.region()));
  ASSIGN_OR_RETURN(const std::optional<FileSystem> old, FindFileSystem(work, work.region(), *efs));
  if (!old) return StepOutcome{"is put aside already", {}};
  const std::string point = work.Output("efs.final-backup", "point");
  if (point.empty()) {
    return base::Invalid("the plan has no last backup of " + FilesPlace(*efs, *old, work.region()) +
                         "; it keeps its name");
  }
  const std::string name = AsideName(work, efs->file_system, "left");
  RETURN_IF_ERROR(PutFilesAside(work, *old, name));
  return StepOutcome{"kept as " + name + " (" + old->id + "); all of it is in " + point +
                         ", and it is yours to delete",
                     {{"old_file_system", old->id}, {"kept_as", name}}};
}

}  // namespace leeward::steps

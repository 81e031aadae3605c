// Putting a replica in place. What a destination holds is overwritten, so an existing file system
// becomes one only where somebody has allowed that: a person who took its protection away, or this
// plan, which ended its writers and saw all that they wrote arrive.
#include "steps/efs.h"
#include "steps/kms_keys.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::Efs;

constexpr char kOverwritable[] = "DISABLED";

Status Unprotect(const Work& work, const Efs& efs, const FileSystem& system) {
  work.Say("all of " + FilesPlace(efs, system, work.region()) + " is in " +
           work.Other(work.region()).str() + "; taking its overwrite protection away");
  const auto done =
      work.CallPatiently(work.region(), "efs", "UpdateFileSystemProtection",
                         Value::Struct({{"FileSystemId", system.id},
                                        {"ReplicationOverwriteProtection", kOverwritable}}));
  return done.ok() ? base::Ok() : Status(done.error());
}

// Nothing is overwritten that anybody may want.
Status AllowOverwriting(const Work& work, const Efs& efs, const FileSystem& source,
                        const FileSystem& here) {
  const std::string place = FilesPlace(efs, here, work.region());
  RETURN_IF_ERROR(CheckFits(efs, work.region(), here));
  ASSIGN_OR_RETURN(const std::optional<Replication> other,
                   ReplicationOf(work, work.region(), here.id));
  const bool stale = other && other->source_id == here.id && other->destination_id == source.id;
  if (other && !stale) {
    return base::WrongState(place + " is in another replication, of " + other->source_id + " in " +
                            other->source_region + " to " + other->destination_id + " in " +
                            other->destination_region + "; delete that one first");
  }
  if (source.encrypted && !here.encrypted) {
    return base::WrongState(place + " is not encrypted and " + source.id +
                            " is, which EFS does not replicate; give it another Name tag, and an "
                            "encrypted one is made");
  }
  const bool allowed = here.protection == kOverwritable;
  if (allowed || WasDrained(work)) {
    RETURN_IF_ERROR(DropStale(work, efs, here));
    return allowed ? base::Ok() : Unprotect(work, efs, here);
  }
  return base::WrongState(
      place + " exists with " + std::to_string(here.bytes) +
      " bytes and overwrite protection, and a replica is made equal to its source: what it alone "
      "holds would be gone; give it another Name tag, and a new one is made, or take the "
      "protection away yourself: aws efs update-file-system-protection --region " +
      work.region().str() + " --file-system-id " + here.id +
      " --replication-overwrite-protection DISABLED");
}

Status Create(const Work& work, const Efs& efs, const Region& source_region,
              const FileSystem& source) {
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here, FindFileSystem(work, work.region(), efs));
  Value destination = Value::Struct({{"Region", work.region().str()}});
  if (here) {
    RETURN_IF_ERROR(AllowOverwriting(work, efs, source, *here));
    destination.Set("FileSystemId", here->id);
  } else if (!efs.kms_key.empty()) {
    RETURN_IF_ERROR(NeedKmsKey(work, work.region(), efs.kms_key));
    destination.Set("KmsKeyId", efs.kms_key);
  }
  work.Say("replicating " + FilesPlace(efs, source, source_region) + " to " +
           (here ? here->id : std::string("a new file system")) + " in " + work.region().str());
  const auto made = work.CallPatiently(source_region, "efs", "CreateReplicationConfiguration",
                                       Value::Struct({{"SourceFileSystemId", source.id},
                                                      {"Destinations", Value::List{destination}}}));
  // Made by a run of this step that was cut off: the look that follows finds it.
  if (made.ok() || made.error().code() == base::ErrorCode::kAlready) return base::Ok();
  return made.error();
}

// The source's replication into the step's Region; made where there is none.
Result<Replication> EnsureReplication(const Work& work, const Efs& efs, const Region& source_region,
                                      const FileSystem& source) {
  ASSIGN_OR_RETURN(std::optional<Replication> found, ReplicationOf(work, source_region, source.id));
  if (!found) {
    RETURN_IF_ERROR(Create(work, efs, source_region, source));
    ASSIGN_OR_RETURN(found, ReplicationOf(work, source_region, source.id));
  }
  const std::string place = FilesPlace(efs, source, source_region);
  if (!found) return base::Unreachable(place + " shows no replication yet; run the same again");
  if (found->source_id != source.id) {
    return base::WrongState(place + " is itself the replica of " + found->source_id + " in " +
                            found->source_region + "; the Region that takes writes has its source");
  }
  if (found->destination_region != work.region().str()) {
    return base::WrongState(place + " is replicated to " + found->destination_region +
                            ", and a file system has one replica; delete that replication first");
  }
  return *std::move(found);
}

// A file system that EFS made for a replication has a token of EFS's and no name.
Status EnsureNamed(const Work& work, const Efs& efs, const std::string& id) {
  ASSIGN_OR_RETURN(const std::optional<FileSystem> here,
                   DescribeFileSystem(work, work.region(), id));
  if (!here) return base::NotFound("EFS names " + id + " as the replica, which is not there");
  if (here->name == efs.file_system || here->token == efs.file_system) return base::Ok();
  ASSIGN_OR_RETURN(const std::optional<FileSystem> stranger,
                   FindFileSystem(work, work.region(), efs));
  if (stranger) {
    return base::WrongState(FilesPlace(efs, *stranger, work.region()) +
                            " has the name, and the replica is " + id +
                            "; give it another Name tag, then run the same command again");
  }
  const Value tag = Value::Struct({{"Key", "Name"}, {"Value", efs.file_system}});
  const auto named =
      work.CallPatiently(work.region(), "efs", "TagResource",
                         Value::Struct({{"ResourceId", id}, {"Tags", Value::List{tag}}}));
  return named.ok() ? base::Ok() : Status(named.error());
}

// The first copy is whole once a time is told up to which all has arrived.
Result<Replication> AwaitReplicated(const Work& work, const Efs& efs, const std::string& id) {
  std::string seen;
  return work.Await<Replication>(
      "the first copy to " + Place(efs.file_system + " (" + id + ")", work.region()),
      work.ApiPace(), [&]() -> Result<std::optional<Replication>> {
        ASSIGN_OR_RETURN(std::optional<Replication> now, ReplicationOf(work, work.region(), id));
        const std::string status = now ? now->status : "not there yet";
        if (status != seen) work.Say(id + " in " + work.region().str() + ": " + status);
        seen = status;
        if (now && status == "ERROR") {
          return base::WrongState("the replication to " + id + " in " + work.region().str() +
                                  " is in error (" + now->message +
                                  "); put that right, or delete it and run the same again");
        }
        if (!now || status != "ENABLED" || !now->last_replicated)
          return std::optional<Replication>();
        return now;
      });
}

}  // namespace

Result<StepOutcome> EfsCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const FileSystem system, NeedFileSystem(work, work.region(), *efs));
  RETURN_IF_ERROR(CheckFits(*efs, work.region(), system));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), system.id));
  if (!TakesWrites(system, replication)) {
    return base::WrongState(FilesPlace(*efs, system, work.region()) + " is itself the replica of " +
                            (replication
                                 ? replication->source_id + " in " + replication->source_region
                                 : std::string("another")) +
                            "; the Region that takes writes has its source");
  }
  return StepOutcome{"available, Regional, " + std::to_string(system.bytes) + " bytes",
                     {{"file_system", system.id}, {"arn", system.arn}}};
}

Result<StepOutcome> EfsReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region from(source_region);
  ASSIGN_OR_RETURN(const FileSystem source, NeedFileSystem(work, from, *efs));
  RETURN_IF_ERROR(CheckFits(*efs, from, source));
  ASSIGN_OR_RETURN(const Replication replication, EnsureReplication(work, *efs, from, source));
  const std::string& id = replication.destination_id;
  RETURN_IF_ERROR(EnsureNamed(work, *efs, id));
  ASSIGN_OR_RETURN(const Replication whole, AwaitReplicated(work, *efs, id));
  ASSIGN_OR_RETURN(const std::size_t targets, EnsureMountTargets(work, *efs, id));
  const std::string as_of = base::FormatIso8601(*whole.last_replicated);
  return StepOutcome{id + " has all that was written before " + as_of + ", " +
                         std::to_string(targets) + " mount targets",
                     {{"file_system", id}, {"last_replicated", as_of}}};
}

}  // namespace leeward::steps

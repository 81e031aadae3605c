// How old a replica is, and whether all that was written before a move is in it.
#include "steps/efs.h"
#include "steps/promoted.h"

namespace leeward::steps {
namespace {

using model::Efs;

constexpr BoundWords kWords = {"was never told to be whole (no LastReplicatedTimestamp)",
                               "last replicated", "LastReplicatedTimestamp"};

}  // namespace

Result<StepOutcome> EfsMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), system.id));
  if (TakesWrites(system, replication))
    return TakesWritesAlready(work, FilesPlace(*efs, system, work.region()));
  return Measurable(
      work, FilesBound(work, replication ? replication->last_replicated : std::nullopt, kWords));
}

Result<StepOutcome> EfsDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const base::WallTime end, EndOfWrites(work));
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  const std::string place = FilesPlace(*efs, system, work.region());
  const base::WallTime wanted = end + work.limits().clock_margin;
  const auto complete = work.Await<base::WallTime>(
      place + " to have all that was written before " + base::FormatIso8601(wanted), work.ApiPace(),
      [&]() -> Result<std::optional<base::WallTime>> {
        ASSIGN_OR_RETURN(const std::optional<Replication> now,
                         ReplicationOf(work, work.region(), system.id));
        if (!now || now->destination_id != system.id) {
          return base::WrongState(
              place +
              " is no replica any more, so what it lacks never arrives; go back "
              "with `leeward abandon`, or fail over");
        }
        if (now->last_replicated && *now->last_replicated > wanted) return now->last_replicated;
        return std::optional<base::WallTime>();
      });
  if (!complete.ok()) return complete.error();
  return StepOutcome{
      "complete: all that was written before " + base::FormatIso8601(*complete) + " has arrived",
      {{"complete", "yes"}, {"last_replicated", base::FormatIso8601(*complete)}}};
}

Result<StepOutcome> EfsOpen(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                   ReplicationOf(work, work.region(), system.id));
  const std::string place = FilesPlace(*efs, system, work.region());
  if (!TakesWrites(system, replication))
    return base::WrongState(place + " is a replica: it takes no writes");
  return StartWriters(work, place);
}

}  // namespace leeward::steps

// Steps of the component kind `efs`, and what they share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

// efs_prepare.cc
Result<StepOutcome> EfsCheckSource(const Work& work);
Result<StepOutcome> EfsReplicate(const Work& work);
// efs_hold.cc
Result<StepOutcome> EfsMeasure(const Work& work);
Result<StepOutcome> EfsFence(const Work& work);
Result<StepOutcome> EfsQuiesce(const Work& work);
Result<StepOutcome> EfsDrainTo(const Work& work);
Result<StepOutcome> EfsOpen(const Work& work);
// efs_promote.cc
Result<StepOutcome> EfsPromote(const Work& work);
// efs_aside.cc
Result<StepOutcome> EfsPreserveOld(const Work& work);

// Tag of a file system that Leeward has put aside; its value is the name it got.
inline constexpr char kAsideTag[] = "leeward:aside";

// A file system as DescribeFileSystems tells of it.
struct FileSystem {
  std::string id, arn, token, name;
  std::string state;  // "available"
  std::string zone;   // of a One Zone file system; empty: Regional
  std::string
      protection;  // against overwriting: "ENABLED", "DISABLED"; "REPLICATING": it is read-only
  bool encrypted = false;
  bool aside = false;  // put aside by Leeward: nobody's any more
  std::int64_t bytes = 0;
};
FileSystem ReadFileSystem(const Value& told);
// Those of an answer of DescribeFileSystems that have the name as creation token or Name tag, and
// are not put aside or going.
std::vector<FileSystem> Named(const Value& answer, const std::string& name);

// nullopt: none of that name. kWrongState: more than one.
Result<std::optional<FileSystem>> FindFileSystem(const Work& work, const Region& region,
                                                 const model::Efs& efs);
Result<FileSystem> NeedFileSystem(const Work& work, const Region& region, const model::Efs& efs);
// nullopt: no such file system.
Result<std::optional<FileSystem>> DescribeFileSystem(const Work& work, const Region& region,
                                                     const std::string& id);
// The component's file system there: the one that the inventory knows, unless it was put aside;
// else by its name.
Result<FileSystem> FileSystemIn(const Work& work, const model::Efs& efs, const Region& region);

// A replication as one of its two Regions tells of it.
struct Replication {
  std::string source_id, source_region;
  std::string destination_id, destination_region;
  std::string status, message;                    // "ENABLED", "ERROR"; why
  std::optional<base::WallTime> last_replicated;  // all that was written before has arrived
};
// Of an answer of DescribeReplicationConfigurations; nullopt: of none.
std::optional<Replication> ReadReplication(const Value& answer);
// nullopt: the file system is in none.
Result<std::optional<Replication>> ReplicationOf(const Work& work, const Region& region,
                                                 const std::string& id);

// kWrongState: it cannot be replicated to another Region, or from one.
Status CheckFits(const model::Efs& efs, const Region& region, const FileSystem& system);

// Whether the file system takes writes by EFS's own word.
bool TakesWrites(const FileSystem& system, const std::optional<Replication>& replication);

// efs_aside.cc: deletes what a promotion that could not reach the step's Region left of a
// replication there. kWrongState: it is the replica of one.
Status DropStale(const Work& work, const model::Efs& efs, const FileSystem& old);
// efs_hold.cc: the services of the step's parameter `writers`.
Result<std::vector<const model::Ecs*>> WritersOf(const Work& work);
// Their tasks that are not over yet, and those that their services want.
Result<std::int64_t> TasksLeft(const Work& work, const std::vector<const model::Ecs*>& writers);

// "uploads (fs-0123) in us-west-2".
std::string FilesPlace(const model::Efs& efs, const FileSystem& system, const Region& region);

}  // namespace leeward::steps

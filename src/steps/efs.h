// Steps of the component kind `efs`, and what they share.
#pragma once

#include <optional>
#include <string>

#include "steps/backups.h"
#include "steps/files.h"

namespace leeward::steps {

// efs_prepare.cc
Result<StepOutcome> EfsCheckSource(const Work& work);
Result<StepOutcome> EfsReplicate(const Work& work);
// efs_hold.cc
Result<StepOutcome> EfsMeasure(const Work& work);
Result<StepOutcome> EfsDrainTo(const Work& work);
Result<StepOutcome> EfsOpen(const Work& work);
// efs_promote.cc
Result<StepOutcome> EfsPromote(const Work& work);
// efs_aside.cc
Result<StepOutcome> EfsPreserveOld(const Work& work);
Result<StepOutcome> EfsRetireOld(const Work& work);
// efs_backups.cc
Result<StepOutcome> EfsCopyBackups(const Work& work);
Result<StepOutcome> EfsMeasureBackup(const Work& work);
Result<StepOutcome> EfsFinalBackup(const Work& work);
// efs_restore.cc
Result<StepOutcome> EfsRestore(const Work& work);

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

// Whether the file system takes writes by EFS's own word.
bool TakesWrites(const FileSystem& system, const std::optional<Replication>& replication);

// efs_aside.cc: deletes what a promotion that could not reach the step's Region left of a
// replication there. kWrongState: it is the replica of one.
Status DropStale(const Work& work, const model::Efs& efs, const FileSystem& old);

// --- of file systems that AWS Backup keeps
Secured KeptFiles(const model::Efs& efs, std::string arn);
// kWrongState: it is replicated, or there is one in the other Region too.
Result<FileSystem> FilesToBackUp(const Work& work, const model::Efs& efs, const Region& region);
// kNotFound: there is none, and where to look.
Result<BackupPoint> FilesPointToRestore(const Work& work, const model::Efs& efs);
// efs_place.cc: brings what a restore job put into a folder of its own to kRestoredRoot, by a task
// of the first of the step's `writers`; done already is as good.
Status PlaceRestored(const Work& work, const model::Efs& efs, const std::string& id);
// What that task does: a shell's script, of the root's path and the folder's name.
std::string PlacingScript();
}  // namespace leeward::steps

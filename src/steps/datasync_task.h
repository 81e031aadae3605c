// The task that keeps a copy, and its two locations: as the spec says it, made or put right.
#pragma once

#include <string>

#include "steps/datasync.h"

namespace leeward::steps {

// "rate(1 hour)"
std::string ScheduleOf(const model::DataSync& synced);
// The spec's options as DataSync's.
Value SyncOptions(const model::DataSync& synced);

// kWrongState: the file system has no mount target by which DataSync could reach it.
Status CheckMounted(const Work& work, const model::DataSync& synced, const Region& region,
                    const FileSystem& system);

struct SyncSides {
  Region from;
  FileSystem source;
  FileSystem here;  // in the step's Region
};
// The ARN of the task in the step's Region from one to the other; its schedule is on. Other tasks
// of the component into the same file system are deleted. kWrongState: somebody else's writes to
// it.
Result<std::string> EnsureTask(const Work& work, const model::DataSync& synced,
                               const SyncSides& sides);

// datasync_prepare.cc. kWrongState: `source` takes no writes, or `here` may not be overwritten.
Status CheckMayFollow(const Work& work, const model::DataSync& synced, const Region& from,
                      const FileSystem& source, const std::optional<FileSystem>& here);

}  // namespace leeward::steps

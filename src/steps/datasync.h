// Steps of the component kind `datasync`, and what they share.
//
// Both file systems take writes as far as EFS is concerned. Which of them is a copy says its tag
// (kCopyTag); what keeps it one is a task in its own Region, so that nothing here needs the other.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "steps/files.h"

namespace leeward::steps {

// datasync_prepare.cc
Result<StepOutcome> DataSyncCheckSource(const Work& work);
Result<StepOutcome> DataSyncReplicate(const Work& work);
// datasync_hold.cc
Result<StepOutcome> DataSyncMeasure(const Work& work);
Result<StepOutcome> DataSyncQuiesce(const Work& work);
Result<StepOutcome> DataSyncDrainTo(const Work& work);
Result<StepOutcome> DataSyncOpen(const Work& work);
// datasync_promote.cc
Result<StepOutcome> DataSyncPromote(const Work& work);
Result<StepOutcome> DataSyncPreserveOld(const Work& work);

// --- datasync.cc

// One operation of DataSync in one Region; all pages of those that list.
using AskSync = std::function<Result<Value>(std::string_view operation, const Value& input)>;
AskSync AskSyncIn(const Work& work, const Region& region);

struct SyncLocation {
  std::string arn;
  bool whole = false;  // the file system from its root on, not a folder of it
};
// Those in a file system of that Region.
Result<std::vector<SyncLocation>> LocationsOf(const Work& work, const Region& region,
                                              const std::string& id);

struct SyncTask {
  std::string arn, name;
  std::string source, destination;  // location ARNs
  std::string schedule;             // expression; empty: none
  bool scheduled = false;           // and it is on
  std::string off_by, off_because;  // "USER", "SERVICE"
  Value options, includes, excludes;
};
SyncTask ReadSyncTask(const Value& told);
// "leeward/shop/uploads": the name of the component's task, by which it is known again.
std::string SyncTaskName(const model::Application& application,
                         const model::ComponentName& component);
std::string SyncTaskName(const Work& work);
// All tasks of that Region that write into the file system; and the component's own.
Result<std::vector<SyncTask>> TasksInto(const Work& work, const Region& region,
                                        const std::string& id);
Result<std::vector<SyncTask>> OwnTasksInto(const Work& work, const Region& region,
                                           const std::string& id);
// "its schedule was switched off by DataSync (why)"; empty when it is on.
std::string OffWords(const SyncTask& task);

// When the newest execution that ended well began: all that was written before has arrived. Of
// those that began at `since` or later; nullopt: none, or `since` is not known. DataSync does not
// say in which order it lists, so that it may be an older one, never a newer.
Result<std::optional<base::WallTime>> NewestWhole(const AskSync& ask, const std::string& task,
                                                  const std::optional<base::WallTime>& since);
// Of all of them.
Result<std::optional<base::WallTime>> NewestWhole(const Work& work, const Region& region,
                                                  const std::vector<SyncTask>& tasks,
                                                  const std::optional<base::WallTime>& since);

// ARNs of executions that are not over.
Result<std::vector<std::string>> ExecutionsUnderWay(const Work& work, const Region& region,
                                                    const std::string& task);
// Cancels what is under way in the step's Region, once each; how many are not over yet.
Result<std::size_t> CancelExecutions(const Work& work, const std::string& task);

// Awaits an execution of a task in the step's Region that began at `since` or later and ended well;
// starts one where there is none. When it began. kWrongState with DataSync's reason: it failed.
Result<base::WallTime> RunSince(const Work& work, const std::string& task, base::WallTime since);

// datasync_hold.cc. kRefused: by the spec's options a move would leave files behind.
Status CheckNothingIsLeftOut(const Work& work);
// kWrongState: the file system is a copy, and what is written to it is overwritten.
Status CheckNoCopy(const model::DataSync& synced, const FileSystem& system, const Region& region);

// Deletes a task of the step's Region, after what it has under way.
Status DropTask(const Work& work, const SyncTask& task);

}  // namespace leeward::steps

// EFS file systems, whatever keeps their copies: finding them, mounting them, ending those who
// write to them, and putting one aside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

// Tag of a file system that Leeward has put aside; its value is the name it got.
inline constexpr char kAsideTag[] = "leeward:aside";
// Tag of a file system that a DataSync task of Leeward's keeps as a copy: "fs-0123 TIME", its
// source and since when. What has the tag may be overwritten; a promotion takes it away, last of
// all.
inline constexpr char kCopyTag[] = "leeward:copy-of";
// Tag of a file system that was made of a recovery point: "fs-0123 TIME", of which and as of when.
// It is whole once it has the tag, and the component's once it has the name too.
inline constexpr char kRestoredTag[] = "leeward:restored-of";
// Where in it the files are then, in the place of its root.
inline constexpr char kRestoredRoot[] = "/leeward-restored";

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
  std::string copy_of;                               // its source's id, by kCopyTag
  std::vector<std::pair<std::string, Value>> modes;  // of performance and throughput
  std::optional<base::WallTime> copy_since;          // by the clock of whoever made it one
  std::string restored_of, restored_as_of;           // by kRestoredTag; empty: it was not restored
};
FileSystem ReadFileSystem(const Value& told);
// Those of an answer of DescribeFileSystems that have the name as creation token or Name tag, and
// are not put aside or going.
std::vector<FileSystem> Named(const Value& answer, const std::string& name);

// nullopt: none of that name. kWrongState: more than one.
Result<std::optional<FileSystem>> FindFileSystem(const Work& work, const Region& region,
                                                 const model::Files& files);
Result<FileSystem> NeedFileSystem(const Work& work, const Region& region,
                                  const model::Files& files);
// nullopt: no such file system.
Result<std::optional<FileSystem>> DescribeFileSystem(const Work& work, const Region& region,
                                                     const std::string& id);
// The component's file system there: the one that the inventory knows, unless it was put aside;
// else by its name.
Result<FileSystem> FileSystemIn(const Work& work, const model::Files& files, const Region& region);

// kWrongState: it cannot be replicated to another Region, or from one.
Status CheckFits(const model::Files& files, const Region& region, const FileSystem& system);

// "uploads (fs-0123) in us-west-2".
std::string FilesPlace(const model::Files& files, const FileSystem& system, const Region& region);

// What a `measure` says of a copy: all that was written before `arrived` is in it.
struct BoundWords {
  const char* not_whole;  // of a first copy without a time
  const char* source;     // output `source`
  const char* by;         // what the bound is told by
};
StepOutcome FilesBound(const Work& work, const std::optional<base::WallTime>& arrived,
                       const BoundWords& words);

// Gives an old file system another name, so that it is nobody's any more and stays as it is.
Status PutFilesAside(const Work& work, const FileSystem& old, const std::string& name);

// "efs.quiesce" for "quiesce" in a step of the kind `efs`.
std::string KindBeside(const Work& work, const std::string& kind);
// Whether the file system in the step's Region was the writer of this plan's move, and all that it
// holds is in the other one.
bool WasDrained(const Work& work);

// files_mounts.cc: one in each zone, available; how many.
Result<std::size_t> EnsureMountTargets(const Work& work, const model::Files& files,
                                       const std::string& id);

// --- files_writers.cc
// The services of the step's parameter `writers`.
Result<std::vector<const model::Ecs*>> WritersOf(const Work& work);
// Their tasks that are not over yet, and those that their services want.
Result<std::int64_t> TasksLeft(const Work& work, const std::vector<const model::Ecs*>& writers);
// The steps `fence` and `quiesce` of every kind of file system.
Result<StepOutcome> FenceFiles(const Work& work);
Result<StepOutcome> QuiesceFiles(const Work& work);
// When this plan's `quiesce` saw the last of them end.
Result<base::WallTime> EndOfWrites(const Work& work);
// `place` is "uploads (fs-0123) in us-west-2".
Result<StepOutcome> StartWriters(const Work& work, const std::string& place);

}  // namespace leeward::steps

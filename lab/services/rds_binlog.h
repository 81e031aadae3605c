// MariaDB's binary log in files: how positions lie in them, and which whole transactions a restore
// replays. Blocking: for worker threads.
//
// A position is the number of a file and an offset in it, so that it grows as the log does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lab/services/rds_log.h"

namespace leeward::lab::rds {

inline constexpr std::string_view kBinlogName = "mysql-bin-changelog";

const LogFiles& MariaDbLog();

std::uint64_t BinlogPosition(std::uint32_t file, std::uint64_t offset);
// Of "mysql-bin-changelog.000002"; nothing when it is no such name.
std::optional<std::uint32_t> BinlogNumber(std::string_view file);

// What of the log is replayed: the beginning of each of these files.
struct BinlogPart {
  std::uint32_t file = 0;
  std::uint64_t end = 0;
};
struct BinlogRun {
  std::vector<BinlogPart> parts;
  std::string gtids;  // the last transaction of each domain in it; empty: there is none
};

// From `from`, which is where a transaction begins or ends, to the end of the last whole
// transaction in the directory, or to the first one that is stamped `until` or later. Stamps are
// whole seconds: all that was begun before `until` is in it. What a crash of the server left
// unfinished at the end of a file is left out.
base::Result<BinlogRun> PlanReplay(const std::filesystem::path& directory, std::uint64_t from,
                                   std::optional<base::WallTime> until);

// The run's parts as files of `into` under names that a server would have given them itself.
struct LaidBinlog {
  std::string gtids;
  std::vector<std::string> files;  // in order, and their list; none: there is nothing to replay
};
base::Result<LaidBinlog> LayOutReplay(const BinlogRun& run, const std::filesystem::path& directory,
                                      const std::filesystem::path& into, std::string_view name);

// "mysql-bin-changelog.000002	389	0-1-270": where in the log a backup is, and which
// transactions it has.
struct BinlogPlace {
  std::optional<std::uint64_t> position;
  std::string gtids;  // of a server that has written nothing there are none
};
BinlogPlace BinlogPlaceIn(const std::filesystem::path& file);

}  // namespace leeward::lab::rds

// The log of a server as files of bytes: where a position is, and copying from one place to
// another. Each engine has files of its own; here are PostgreSQL's, and in rds_binlog.h MariaDB's.
// Blocking: for worker threads, or for pieces of a chunk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::lab::rds {

inline constexpr std::uint64_t kLogSegment = 4ULL << 20;  // as initdb was told

// A position in the log of one timeline.
struct LogPlace {
  std::uint32_t timeline = 0;
  std::uint64_t position = 0;

  LogPlace At(std::uint64_t other) const { return {timeline, other}; }
};

struct LogPiece {
  std::string bytes;       // of one file; none where its end was reached
  std::uint64_t next = 0;  // the position of what follows them
};

// How an engine's positions lie in files. Files of higher positions have names that sort later.
class LogFiles {
 public:
  virtual ~LogFiles() = default;

  // The name of the file that holds the place, and the first position in it.
  virtual std::string File(const LogPlace& place) const = 0;
  virtual std::uint64_t Begin(std::uint64_t position) const = 0;
  // The bytes from `from` on, up to `to`, the end of the file or `most`, whichever is first.
  virtual base::Result<LogPiece> Read(const std::filesystem::path& directory, const LogPlace& from,
                                      std::uint64_t to, std::size_t most) const = 0;
  // Puts bytes of one file in their place. Writing the same again changes nothing.
  virtual base::Status Write(const std::filesystem::path& directory, const LogPlace& from,
                             std::string_view bytes) const = 0;
};
const LogFiles& PostgresLog();

// Copies what is between two positions; the names of the files that were written.
base::Result<std::vector<std::string>> CopyLogFiles(const LogFiles& files,
                                                    const std::filesystem::path& from,
                                                    const std::filesystem::path& to, LogPlace place,
                                                    std::uint64_t end);
// Bytes of a file, as many as asked for; kCorrupt when it is shorter.
base::Result<std::string> ReadAt(const std::filesystem::path& path, std::uint64_t offset,
                                 std::size_t size);
// Puts bytes into a file that may not be there yet.
base::Status WriteAt(const std::filesystem::path& path, std::uint64_t offset,
                     std::string_view bytes);

std::uint64_t SegmentStart(std::uint64_t position);
// "000000010000000000000003": the file that holds the position.
std::string SegmentFile(const LogPlace& place);
// Of "000000010000000000000003"; 0 when it is no such name.
std::uint32_t TimelineOf(std::string_view segment_file);

}  // namespace leeward::lab::rds

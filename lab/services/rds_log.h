// The log of a PostgreSQL server as files of bytes: where a position is, and copying from one place
// to another. Blocking: for worker threads, or for pieces of a chunk.
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

std::uint64_t SegmentStart(std::uint64_t position);
// "000000010000000000000003": the file that holds the position.
std::string SegmentFile(const LogPlace& place);
// Of "000000010000000000000003"; 0 when it is no such name.
std::uint32_t TimelineOf(std::string_view segment_file);

// The bytes from `from` on, up to `to`, the end of the segment or `most`, whichever is first.
base::Result<std::string> ReadLog(const std::filesystem::path& directory, const LogPlace& from,
                                  std::uint64_t to, std::size_t most);
// Puts bytes of one segment in their place; the file has its full length from the first byte on, as
// a server that recovers expects it. Writing the same again changes nothing.
base::Status WriteLog(const std::filesystem::path& directory, const LogPlace& from,
                      std::string_view bytes);

}  // namespace leeward::lab::rds

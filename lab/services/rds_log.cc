#include "lab/services/rds_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace leeward::lab::rds {
namespace {

constexpr std::uint64_t kSegmentsPerId = 0x100000000ULL / kLogSegment;
constexpr std::size_t kTimelineDigits = 8;

class LogFile {
 public:
  explicit LogFile(int file) : file_(file) {}
  ~LogFile() {
    if (file_ >= 0) ::close(file_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  bool opened() const { return file_ >= 0; }
  int get() const { return file_; }

 private:
  int file_;
};

base::Error LogTrouble(std::string_view what, const std::filesystem::path& path) {
  return base::ServiceBroken(
      fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)));
}

std::uint64_t OffsetIn(std::uint64_t position) { return position % kLogSegment; }

constexpr std::size_t kCopyChunk = 1 << 20;

class SegmentFiles : public LogFiles {
 public:
  std::string File(const LogPlace& place) const override { return SegmentFile(place); }
  std::uint64_t Begin(std::uint64_t position) const override { return SegmentStart(position); }

  base::Result<LogPiece> Read(const std::filesystem::path& directory, const LogPlace& from,
                              std::uint64_t to, std::size_t most) const override {
    const std::uint64_t end = std::min(to, SegmentStart(from.position) + kLogSegment);
    if (end <= from.position) return LogPiece{"", from.position};
    const std::size_t size = std::min<std::uint64_t>(most, end - from.position);
    ASSIGN_OR_RETURN(std::string bytes,
                     ReadAt(directory / SegmentFile(from), OffsetIn(from.position), size));
    return LogPiece{std::move(bytes), from.position + size};
  }

  // The file has its full length from the first byte on, as a server that recovers expects it.
  base::Status Write(const std::filesystem::path& directory, const LogPlace& from,
                     std::string_view bytes) const override {
    CHECK_MSG(OffsetIn(from.position) + bytes.size() <= kLogSegment, "log of two segments");
    const std::filesystem::path path = directory / SegmentFile(from);
    RETURN_IF_ERROR(WriteAt(path, 0, ""));
    if (::truncate(path.c_str(), static_cast<off_t>(kLogSegment)) != 0) {
      return LogTrouble("write", path);
    }
    return WriteAt(path, OffsetIn(from.position), bytes);
  }
};

}  // namespace

std::uint64_t SegmentStart(std::uint64_t position) { return position - position % kLogSegment; }

std::string SegmentFile(const LogPlace& place) {
  const std::uint64_t number = place.position / kLogSegment;
  return fmt::format("{:08X}{:08X}{:08X}", place.timeline, number / kSegmentsPerId,
                     number % kSegmentsPerId);
}

std::uint32_t TimelineOf(std::string_view segment_file) {
  std::uint32_t timeline = 0;
  const std::string_view digits = segment_file.substr(0, kTimelineDigits);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), timeline, 16);
  return read.ec == std::errc() && digits.size() == kTimelineDigits ? timeline : 0;
}

const LogFiles& PostgresLog() {
  static const SegmentFiles kFiles;
  return kFiles;
}

base::Result<std::vector<std::string>> CopyLogFiles(const LogFiles& files,
                                                    const std::filesystem::path& from,
                                                    const std::filesystem::path& to, LogPlace place,
                                                    std::uint64_t end) {
  std::vector<std::string> written;
  while (place.position < end) {
    ASSIGN_OR_RETURN(const LogPiece piece, files.Read(from, place, end, kCopyChunk));
    if (piece.next <= place.position) return base::Corrupt("the log ends before it should");
    if (!piece.bytes.empty()) {
      RETURN_IF_ERROR(files.Write(to, place, piece.bytes));
      const std::string file = files.File(place);
      if (written.empty() || written.back() != file) written.push_back(file);
    }
    place.position = piece.next;
  }
  return written;
}

base::Result<std::string> ReadAt(const std::filesystem::path& path, std::uint64_t offset,
                                 std::size_t size) {
  std::string bytes(size, '\0');
  const LogFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.opened()) return LogTrouble("read", path);
  for (std::size_t got = 0; got < bytes.size();) {
    const ssize_t more = ::pread(file.get(), bytes.data() + got, bytes.size() - got,
                                 static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return LogTrouble("read", path);
    if (more == 0) return base::Corrupt(fmt::format("{} is too short", path.string()));
    got += static_cast<std::size_t>(more);
  }
  return bytes;
}

base::Status WriteAt(const std::filesystem::path& path, std::uint64_t offset,
                     std::string_view bytes) {
  const LogFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.opened()) return LogTrouble("write", path);
  for (std::size_t put = 0; put < bytes.size();) {
    const ssize_t more = ::pwrite(file.get(), bytes.data() + put, bytes.size() - put,
                                  static_cast<off_t>(offset + put));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return LogTrouble("write", path);
    put += static_cast<std::size_t>(more);
  }
  return base::Ok();
}

}  // namespace leeward::lab::rds

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

off_t OffsetIn(std::uint64_t position) { return static_cast<off_t>(position % kLogSegment); }

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

base::Result<std::string> ReadLog(const std::filesystem::path& directory, const LogPlace& from,
                                  std::uint64_t to, std::size_t most) {
  const std::filesystem::path path = directory / SegmentFile(from);
  const std::uint64_t end = std::min(to, SegmentStart(from.position) + kLogSegment);
  if (end <= from.position) return std::string();
  std::string bytes(std::min<std::uint64_t>(most, end - from.position), '\0');
  const LogFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.opened()) return LogTrouble("read", path);
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t more =
        ::pread(file.get(), bytes.data() + got, bytes.size() - got, OffsetIn(from.position + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return LogTrouble("read", path);
    if (more == 0) return base::Corrupt(fmt::format("{} is too short", path.string()));
    got += static_cast<std::size_t>(more);
  }
  return bytes;
}

base::Status WriteLog(const std::filesystem::path& directory, const LogPlace& from,
                      std::string_view bytes) {
  CHECK_MSG(from.position % kLogSegment + bytes.size() <= kLogSegment, "log of two segments");
  const std::filesystem::path path = directory / SegmentFile(from);
  const LogFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.opened() || ::ftruncate(file.get(), static_cast<off_t>(kLogSegment)) != 0) {
    return LogTrouble("write", path);
  }
  for (std::size_t put = 0; put < bytes.size();) {
    const ssize_t more =
        ::pwrite(file.get(), bytes.data() + put, bytes.size() - put, OffsetIn(from.position + put));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return LogTrouble("write", path);
    put += static_cast<std::size_t>(more);
  }
  return base::Ok();
}

}  // namespace leeward::lab::rds

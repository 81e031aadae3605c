#include "lab/trees/content.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace leeward::lab::trees {
namespace {

constexpr std::uint64_t kBlock = 512;  // of `Entry::blocks`
constexpr std::size_t kBuffer = 128 << 10;
// Below this a read and a write are fewer calls than asking the kernel to copy.
constexpr std::uint64_t kSmall = kBuffer;

off_t Offset(std::uint64_t at) { return static_cast<off_t>(at); }

// As many bytes as the file has from `at`, up to the buffer's size. -1 with errno.
ssize_t ReadFully(int from, char* buffer, std::size_t size, std::uint64_t at) {
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(from, buffer + have, size - have, Offset(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(have);
}

}  // namespace

int CloneContent(int from, int to) { return ::ioctl(to, FICLONE, from) == 0 ? 0 : errno; }

ContentCopy::ContentCopy(int from, int to, const Entry& source, std::uint64_t begin)
    : from_(from),
      to_(to),
      size_(source.size),
      has_holes_(source.blocks * kBlock < source.size),
      at_(begin),
      data_end_(has_holes_ ? begin : source.size),
      in_kernel_(source.size > kSmall) {}

Copying ContentCopy::Fail(int error) {
  error_ = error;
  return Copying::kFailed;
}

Copying ContentCopy::Step(std::uint64_t budget, std::uint64_t& moved) {
  while (at_ < size_) {
    if (at_ >= data_end_) {
      const Copying found = FindData();
      if (found != Copying::kMore) return found;
      continue;
    }
    if (budget == 0) return Copying::kMore;
    std::uint64_t piece = 0;
    const Copying copied = CopyPiece(std::min(budget, data_end_ - at_), piece);
    moved += piece;
    at_ += piece;
    budget -= piece;
    if (copied != Copying::kMore) return copied;
  }
  return Finish();
}

// A hole at the end, or one that was the last thing before it, is made by the length alone.
Copying ContentCopy::Finish() {
  if (has_holes_ && ::ftruncate(to_, Offset(size_)) != 0) return Fail(errno);
  return Copying::kDone;
}

Copying ContentCopy::FindData() {
  const off_t data = ::lseek(from_, Offset(at_), SEEK_DATA);
  if (data < 0 && errno == ENXIO) {  // no data from here on
    at_ = size_;
    return Copying::kMore;
  }
  if (data < 0) return Fail(errno);
  const off_t hole = ::lseek(from_, data, SEEK_HOLE);
  if (hole < 0) return errno == ENXIO ? Copying::kShrank : Fail(errno);
  at_ = std::min(static_cast<std::uint64_t>(data), size_);
  data_end_ = std::min(static_cast<std::uint64_t>(hole), size_);
  return Copying::kMore;
}

Copying ContentCopy::CopyPiece(std::uint64_t wanted, std::uint64_t& moved) {
  if (!in_kernel_) return CopyThroughMemory(wanted, moved);
  off_t from_at = Offset(at_);
  off_t to_at = Offset(at_);
  const ssize_t got = ::copy_file_range(from_, &from_at, to_, &to_at, wanted, 0);
  if (got > 0) {
    moved = static_cast<std::uint64_t>(got);
    return Copying::kMore;
  }
  if (got == 0) return Copying::kShrank;
  if (errno == EINTR) return Copying::kMore;
  if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP &&
      errno != EPERM && errno != EBADF)
    return Fail(errno);
  in_kernel_ = false;  // not between these two; by hand it is known to work
  return CopyThroughMemory(wanted, moved);
}

Copying ContentCopy::CopyThroughMemory(std::uint64_t wanted, std::uint64_t& moved) {
  std::array<char, kBuffer> buffer;
  const std::size_t size = std::min<std::uint64_t>(wanted, buffer.size());
  const ssize_t got = ReadFully(from_, buffer.data(), size, at_);
  if (got < 0) return Fail(errno);
  if (got == 0) return Copying::kShrank;
  for (ssize_t written = 0; written < got;) {
    const ssize_t put =
        ::pwrite(to_, buffer.data() + written, static_cast<std::size_t>(got - written),
                 Offset(at_ + static_cast<std::uint64_t>(written)));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Fail(errno);
    written += put;
  }
  moved = static_cast<std::uint64_t>(got);
  return Copying::kMore;
}

Comparing ContentComparison::Step(std::uint64_t budget) {
  std::array<char, kBuffer> left;
  std::array<char, kBuffer> right;
  for (std::uint64_t done = 0; done <= budget;) {
    const ssize_t from_left = ReadFully(left_, left.data(), left.size(), at_);
    const ssize_t from_right =
        from_left < 0 ? -1 : ReadFully(right_, right.data(), right.size(), at_);
    if (from_right < 0) {
      error_ = errno;
      return Comparing::kFailed;
    }
    const auto size = static_cast<std::size_t>(from_left);
    if (from_left != from_right || ::memcmp(left.data(), right.data(), size) != 0)
      return Comparing::kDiffer;
    if (size < left.size()) return Comparing::kSame;
    at_ += size;
    done += size;
  }
  return Comparing::kMore;
}

}  // namespace leeward::lab::trees

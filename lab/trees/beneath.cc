#include "lab/trees/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

namespace leeward::lab::trees {
namespace {

constexpr std::size_t kPathPiece = 3'000;  // the system takes 4,095 bytes at once
constexpr int kMostTries = 100;
constexpr std::size_t kListBuffer = 64 << 10;
constexpr std::size_t kFirstTarget = 256;
constexpr std::size_t kLongestTarget = 1 << 20;

Opened OpenPiece(int root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  for (int tries = 1;; ++tries) {
    const long got = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (got >= 0) return {Handle(static_cast<int>(got)), 0};
    // A rename somewhere on the machine while a path is resolved: the kernel asks to try again.
    if ((errno != EAGAIN && errno != EINTR) || tries == kMostTries) return {Handle(), errno};
  }
}

std::int64_t Nanoseconds(const struct statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

Kind KindOf(std::uint32_t mode) {
  if (S_ISREG(mode)) return Kind::kFile;
  if (S_ISDIR(mode)) return Kind::kDirectory;
  if (S_ISLNK(mode)) return Kind::kSymlink;
  return Kind::kOther;
}

int Statx(int directory, const char* name, int flags, Entry& entry) {
  struct statx seen {};
  if (::statx(directory, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
              &seen) != 0)
    return errno;
  entry.kind = KindOf(seen.stx_mode);
  entry.mode = seen.stx_mode & 07777;
  entry.uid = seen.stx_uid;
  entry.gid = seen.stx_gid;
  entry.links = seen.stx_nlink;
  entry.size = seen.stx_size;
  entry.blocks = seen.stx_blocks;
  entry.inode = seen.stx_ino;
  entry.device = (static_cast<std::uint64_t>(seen.stx_dev_major) << 32) | seen.stx_dev_minor;
  entry.mtime_ns = Nanoseconds(seen.stx_mtime);
  entry.ctime_ns = Nanoseconds(seen.stx_ctime);
  return 0;
}

}  // namespace

base::Result<Handle> OpenRoot(const std::string& path) {
  Handle handle(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.valid()) return handle;
  const std::string text = fmt::format("{}: {}", Printable(path), ::strerror(errno));
  if (errno == ENOENT || errno == ENOTDIR) return base::NotFound(text);
  if (errno == EACCES || errno == EPERM) return base::Denied(text);
  return base::Exhausted(text);
}

Opened OpenDirectory(int root, std::string_view path) {
  if (path.empty()) path = ".";
  Handle held;
  while (path.size() > kPathPiece) {
    const auto slash = path.rfind('/', kPathPiece);
    if (slash == std::string_view::npos || slash == 0) return {Handle(), ENAMETOOLONG};
    Opened next = OpenPiece(held.valid() ? held.get() : root, std::string(path.substr(0, slash)));
    if (next.error != 0) return next;
    held = std::move(next.handle);
    path.remove_prefix(slash + 1);
  }
  return OpenPiece(held.valid() ? held.get() : root, std::string(path));
}

Opened OpenFile(int directory, const char* name) {
  Handle handle(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!handle.valid()) return {Handle(), errno};
  return {std::move(handle), 0};
}

int Look(int directory, const char* name, Entry& entry) { return Statx(directory, name, 0, entry); }

int LookAt(int descriptor, Entry& entry) { return Statx(descriptor, "", AT_EMPTY_PATH, entry); }

Target ReadTarget(int directory, const char* name) {
  std::string text(kFirstTarget, '\0');
  for (;;) {
    const ssize_t got = ::readlinkat(directory, name, text.data(), text.size());
    if (got < 0) return {{}, errno};
    if (static_cast<std::size_t>(got) < text.size()) {
      text.resize(static_cast<std::size_t>(got));
      return {std::move(text), 0};
    }
    if (text.size() >= kLongestTarget) return {{}, ENAMETOOLONG};
    text.resize(text.size() * 4);
  }
}

int Names::Read(int directory, std::size_t most) {
  text_.clear();
  starts_.clear();
  if (::lseek(directory, 0, SEEK_SET) < 0) return errno;
  alignas(dirent64) std::array<char, kListBuffer> buffer;
  while (starts_.size() <= most) {
    const ssize_t got = ::getdents64(directory, buffer.data(), buffer.size());
    if (got < 0) return errno;
    if (got == 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (text_.size() > UINT32_MAX - name.size() - 1) return EOVERFLOW;
      starts_.push_back(static_cast<std::uint32_t>(text_.size()));
      text_.append(name).push_back('\0');
    }
  }
  std::sort(starts_.begin(), starts_.end(), [this](std::uint32_t left, std::uint32_t right) {
    return ::strcmp(text_.data() + left, text_.data() + right) < 0;
  });
  return 0;
}

void Names::Set(const std::vector<std::string>& names) {
  text_.clear();
  starts_.clear();
  for (const std::string& name : names) {
    starts_.push_back(static_cast<std::uint32_t>(text_.size()));
    text_.append(name).push_back('\0');
  }
}

std::string Join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && !name.empty()) path += '/';
  path += name;
  return path;
}

std::pair<std::string, std::string> Split(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

std::string Printable(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f || c == '\\') {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace leeward::lab::trees

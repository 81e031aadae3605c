#include "lab/trees/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace leeward::lab::trees {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::string_view kOurs = "user.";
constexpr std::uint32_t kSetIds = S_ISUID | S_ISGID;

std::array<timespec, 2> Times(const Entry& source) {
  timespec modified{};
  modified.tv_sec = source.mtime_ns / kSecond;
  modified.tv_nsec = source.mtime_ns % kSecond;
  if (modified.tv_nsec < 0) {  // before 1970
    modified.tv_nsec += kSecond;
    --modified.tv_sec;
  }
  return {timespec{0, UTIME_OMIT}, modified};
}

struct Owners {
  uid_t uid;
  gid_t gid;
  bool differ;
};

Owners OwnersOf(const Entry& source, const Entry& now, const Options& options) {
  constexpr auto kAsItIs = static_cast<uid_t>(-1);
  const bool uid = options.owner == Keep::kKept && source.uid != now.uid;
  const bool gid = options.group == Keep::kKept && source.gid != now.gid;
  return {uid ? source.uid : kAsItIs, gid ? source.gid : kAsItIs, uid || gid};
}

struct Attributes {
  std::map<std::string, std::string> values;
  int error = 0;
};

// What a file system without attributes has: none.
bool HasNone(int error) { return error == ENOTSUP || error == ENOSYS; }

// Grows `text` until `read` finds it large enough. -1 with errno.
template <typename Read>
ssize_t ReadGrowing(std::string& text, const Read& read) {
  for (;;) {
    const ssize_t got = read(text.data(), text.size());
    if (got >= 0 || errno != ERANGE) return got;
    text.resize(text.size() * 4);
  }
}

Attributes ReadAttributes(int descriptor) {
  Attributes result;
  std::array<char, 256> small;
  std::string list;
  ssize_t got = ::flistxattr(descriptor, small.data(), small.size());
  if (got == 0) return result;  // nearly every file
  if (got > 0) {
    list.assign(small.data(), static_cast<std::size_t>(got));
  } else if (errno == ERANGE) {
    list.resize(4 * small.size());
    got = ReadGrowing(
        list, [&](char* to, std::size_t size) { return ::flistxattr(descriptor, to, size); });
  }
  if (got < 0) {
    if (!HasNone(errno)) result.error = errno;
    return result;
  }
  for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
    const std::string name = list.c_str() + at;
    at += name.size() + 1;
    if (!name.starts_with(kOurs)) continue;
    std::string value(1024, '\0');
    const ssize_t size = ReadGrowing(value, [&](char* to, std::size_t room) {
      return ::fgetxattr(descriptor, name.c_str(), to, room);
    });
    if (size < 0 && errno == ENODATA) continue;  // gone since it was listed
    if (size < 0) {
      result.error = errno;
      return result;
    }
    value.resize(static_cast<std::size_t>(size));
    result.values.emplace(name, std::move(value));
  }
  return result;
}

}  // namespace

int ApplyMetadata(int descriptor, const Entry& source, const Entry& now, const Options& options) {
  const Owners owners = OwnersOf(source, now, options);
  if (owners.differ && ::fchown(descriptor, owners.uid, owners.gid) != 0) return errno;
  // A new owner takes the set-id bits away.
  const bool mode = source.mode != now.mode || (owners.differ && (source.mode & kSetIds) != 0);
  if (options.permissions == Keep::kKept && mode && ::fchmod(descriptor, source.mode) != 0)
    return errno;
  if (options.times == Keep::kKept) {
    const auto times = Times(source);
    if (::futimens(descriptor, times.data()) != 0) return errno;
  }
  return 0;
}

int ApplyMetadataToLink(int directory, const char* name, const Entry& source, const Entry& now,
                        const Options& options) {
  const Owners owners = OwnersOf(source, now, options);
  if (owners.differ &&
      ::fchownat(directory, name, owners.uid, owners.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return errno;
  if (options.times == Keep::kKept) {
    const auto times = Times(source);
    if (::utimensat(directory, name, times.data(), AT_SYMLINK_NOFOLLOW) != 0) return errno;
  }
  return 0;
}

int AddAttributes(int from, int to) {
  const Attributes wanted = ReadAttributes(from);
  for (const auto& [name, value] : wanted.values) {
    if (::fsetxattr(to, name.c_str(), value.data(), value.size(), 0) != 0) return errno;
  }
  return wanted.error;
}

int CopyAttributes(int from, int to) {
  const Attributes wanted = ReadAttributes(from);
  if (wanted.error != 0) return wanted.error;
  const Attributes have = ReadAttributes(to);
  if (have.error != 0) return have.error;
  for (const auto& [name, value] : have.values) {
    if (!wanted.values.contains(name) && ::fremovexattr(to, name.c_str()) != 0) return errno;
  }
  for (const auto& [name, value] : wanted.values) {
    const auto found = have.values.find(name);
    if (found != have.values.end() && found->second == value) continue;
    if (::fsetxattr(to, name.c_str(), value.data(), value.size(), 0) != 0) return errno;
  }
  return 0;
}

Sameness CompareAttributes(int left, int right) {
  const Attributes of_left = ReadAttributes(left);
  if (of_left.error != 0) return {false, of_left.error};
  const Attributes of_right = ReadAttributes(right);
  if (of_right.error != 0) return {false, of_right.error};
  return {of_left.values == of_right.values, 0};
}

}  // namespace leeward::lab::trees

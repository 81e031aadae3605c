// Opening what is in a tree, part by part. For efs_tree*.cc.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "lab/services/efs_tree.h"

namespace leeward::lab::efs {

class Opened {
 public:
  explicit Opened(int descriptor) : descriptor_(descriptor) {}
  Opened(Opened&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Opened& operator=(Opened&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool ok() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// What the last call into the system said.
inline base::Error Failed(std::string_view what, std::string_view path) {
  const int error = errno;
  std::string text = fmt::format("cannot {} '{}': {}", what, path, strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      return base::NotFound(std::move(text));
    case EACCES:
    case EPERM:
    case EROFS:
      return base::Denied(std::move(text));
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return base::Exhausted(std::move(text));
    default:
      return base::ServiceBroken(std::move(text));
  }
}

inline base::Result<Opened> OpenRoot(const std::string& root) {
  Opened opened(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.ok()) return Failed("open", root);
  return opened;
}

// The directory at `relative`; no part of the way may be a symbolic link.
inline base::Result<Opened> OpenDirectory(const std::string& root, std::string_view relative) {
  ASSIGN_OR_RETURN(Opened at, OpenRoot(root));
  std::string_view rest = relative;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string part(rest.substr(0, slash));
    Opened next(openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.ok()) return Failed("open", relative);
    at = std::move(next);
    rest = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  }
  return at;
}

inline std::pair<std::string, std::string> SplitPath(const std::string& relative) {
  const std::size_t slash = relative.rfind('/');
  if (slash == std::string::npos) return {"", relative};
  return {relative.substr(0, slash), relative.substr(slash + 1)};
}

// Lets its owner change what is in a directory whose bits say no, as long as it lives. Root needs
// no such thing.
class Unlocked {
 public:
  explicit Unlocked(int directory) : directory_(directory) {
    struct stat now {};
    if (geteuid() == 0 || fstat(directory, &now) != 0 || (now.st_mode & 0300U) == 0300U) return;
    mode_ = now.st_mode & 07777U;
    changed_ = fchmod(directory, mode_ | 0300U) == 0;
  }
  ~Unlocked() {
    if (changed_) static_cast<void>(fchmod(directory_, mode_));
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  int directory_;
  mode_t mode_ = 0;
  bool changed_ = false;
};

// In efs_tree.cc. Nothing for what EFS cannot hold.
base::Result<std::optional<Entry>> LookAt(int directory, const std::string& name);
base::Result<std::vector<std::string>> NamesIn(int directory, const std::string& shown);
// Of the whole file, wherever the descriptor stands.
base::Result<std::string> SumOf(int file, const std::string& shown);
// Does nothing to a symbolic link.
base::Status ChangeMode(int directory, const std::string& name, std::uint32_t mode,
                        const std::string& shown);

inline std::int64_t Nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

inline timespec FromNanoseconds(std::int64_t time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = time / kSecond;
  std::int64_t rest = time % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

}  // namespace leeward::lab::efs

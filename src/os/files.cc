#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace leeward::os {
namespace {

base::ErrorCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return base::ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return base::ErrorCode::kDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return base::ErrorCode::kExhausted;
    case EISDIR:
    case ENOTEMPTY:
    case ENAMETOOLONG:
      return base::ErrorCode::kInvalid;
    default:
      return base::ErrorCode::kService;
  }
}

base::Error SystemError(std::string_view action, const std::string& path, int error) {
  return {CodeOf(error), fmt::format("cannot {} {}: {}", action, path, strerror(error))};
}

// An open descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int Release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

// 0, or the error number. A write that is cut short goes on; what cannot be written at all is an
// error.
int WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

base::Status SyncDirectoryOf(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  if (parent.empty()) parent = ".";
  const Descriptor directory(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return SystemError("open", parent, errno);
  if (fsync(directory.get()) != 0) return SystemError("sync", parent, errno);
  return base::Ok();
}

class SystemAppendFile : public ports::AppendFile {
 public:
  SystemAppendFile(std::string path, int file) : path_(std::move(path)), file_(file) {}

  base::Status Append(std::string_view bytes) override {
    const int error = WriteAll(file_.get(), bytes);
    if (error != 0) return SystemError("append to", path_, error);
    return base::Ok();
  }
  base::Status Sync() override {
    if (fdatasync(file_.get()) != 0) return SystemError("sync", path_, errno);
    return base::Ok();
  }
  base::Result<std::uint64_t> Size() const override {
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) return SystemError("look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }
  base::Status Truncate(std::uint64_t size) override {
    if (ftruncate(file_.get(), static_cast<off_t>(size)) != 0)
      return SystemError("cut", path_, errno);
    return base::Ok();
  }

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace

base::Result<std::string> SystemFiles::Read(const std::string& path, std::uint64_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError("open", path, errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return SystemError("look at", path, errno);
  if (S_ISDIR(status.st_mode)) return base::Invalid(fmt::format("{} is a directory", path));
  const auto too_large = [&] {
    return base::Exhausted(fmt::format("{} is larger than {} bytes", path, max_bytes));
  };
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > max_bytes)
    return too_large();
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("read", path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > max_bytes) return too_large();
  }
}

base::Status SystemFiles::WriteAtomically(const std::string& path, std::string_view bytes) {
  std::string temporary = path + ".XXXXXX";
  Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) return SystemError("write", path, errno);
  int error = WriteAll(file.get(), bytes);
  if (error == 0 && fsync(file.get()) != 0) error = errno;
  if (close(file.Release()) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    return SystemError("write", path, error);
  }
  return SyncDirectoryOf(path);
}

base::Result<std::unique_ptr<ports::AppendFile>> SystemFiles::OpenAppend(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file.get() < 0) return SystemError("open", path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("lock", path, errno);
    return base::WrongState(fmt::format("{} is in use by another process", path));
  }
  RETURN_IF_ERROR(SyncDirectoryOf(path));
  return std::unique_ptr<ports::AppendFile>(
      std::make_unique<SystemAppendFile>(path, file.Release()));
}

base::Status SystemFiles::MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return SystemError("make directory", path, error.value());
  return base::Ok();
}

base::Status SystemFiles::Remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return SystemError("remove", path, errno);
  return base::Ok();
}

base::Result<bool> SystemFiles::Exists(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return SystemError("look at", path, errno);
}

base::Result<std::vector<std::string>> SystemFiles::List(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return SystemError("list", directory, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace leeward::os

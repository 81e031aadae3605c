#include "lab/trees/withheld.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <functional>
#include <utility>
#include <vector>

#include "lab/trees/beneath.h"
#include "lab/trees/staging.h"

namespace leeward::lab::trees {
namespace {

constexpr std::uint32_t kSeal = 0x4c574844;
constexpr std::uint32_t kOwnerWrites = 0200;
constexpr std::size_t kRecordsAtOnce = 4096;
constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC;

base::Error Failure(std::string_view what, std::string_view path, int error) {
  std::string text = fmt::format("cannot {} '{}': {}", what, Printable(path), ::strerror(error));
  if (error == EACCES || error == EPERM || error == EROFS) return base::Denied(std::move(text));
  if (error == ENOENT || error == ENOTDIR) return base::NotFound(std::move(text));
  return base::Exhausted(std::move(text));
}

bool IsGone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

// By a descriptor, so that it is this inode and no other that has come to the name.
int ChangeMode(int directory, const char* name, const Entry& entry, std::uint32_t mode) {
  const Handle handle(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  Entry now;
  if (!handle.valid()) return errno;
  if (const int error = LookAt(handle.get(), now); error != 0) return error;
  if (now.inode != entry.inode) return ENOENT;
  if (now.mode == mode) return 0;
  return ::chmod(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), mode) == 0 ? 0 : errno;
}

struct Place {
  int directory = -1;  // that it is in
  const char* name = "";
  std::string path;
  Entry entry;
};
using Act = std::function<base::Status(const Place&)>;
enum class Closed : std::uint8_t { kIsTrouble, kIsOpenedUp };

bool HasPermissions(const Entry& entry) {
  return entry.kind == Kind::kFile || entry.kind == Kind::kDirectory;
}

// Files and directories below the root, directories before what is in them. A directory that is
// closed even to us is a trouble, or is opened up for good.
base::Status ForEach(const Handle& root, Closed closed, const Act& act) {
  Entry top;
  if (const int error = LookAt(root.get(), top); error != 0) return Failure("look at", "", error);
  std::vector<std::string> directories = {""};
  while (!directories.empty()) {
    const std::string path = std::move(directories.back());
    directories.pop_back();
    const Opened opened = OpenDirectory(root.get(), path);
    if (IsGone(opened.error)) continue;
    Names names;
    const int error = opened.error != 0 ? opened.error : names.Read(opened.handle.get());
    if (error != 0) return Failure("list", path, error);
    for (std::size_t i = 0; i < names.size(); ++i) {
      Place place{opened.handle.get(), names.at(i), Join(path, names.at(i)), {}};
      const int looked = Look(place.directory, place.name, place.entry);
      if (looked == ENOENT) continue;
      if (looked != 0) return Failure("look at", place.path, looked);
      if (!HasPermissions(place.entry) || place.entry.device != top.device) continue;
      RETURN_IF_ERROR(act(place));
      if (place.entry.kind != Kind::kDirectory) continue;
      const bool shut = OpenDirectory(place.directory, place.name).error == EACCES;
      if (shut && closed == Closed::kIsOpenedUp) MakeAccessible(place.directory, place.name);
      directories.push_back(std::move(place.path));
    }
  }
  return base::Ok();
}

}  // namespace

base::Result<std::unique_ptr<Withheld>> Withheld::Open(std::string file) {
  std::unique_ptr<Withheld> withheld(new Withheld(std::move(file)));
  RETURN_IF_ERROR(withheld->Read());
  return withheld;
}

base::Status Withheld::Read() {
  file_ = Handle(::open(path_.c_str(), kFlags));
  if (!file_.valid() && errno == ENOENT) return base::Ok();
  if (!file_.valid()) return Failure("open", path_, errno);
  std::vector<Record> records(kRecordsAtOnce);
  off_t at = 0;
  for (;;) {
    const ssize_t got = ::pread(file_.get(), records.data(), records.size() * sizeof(Record), at);
    if (got < 0) return Failure("read", path_, errno);
    const std::size_t count = static_cast<std::size_t>(got) / sizeof(Record);
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i) {
      if (records[i].seal != kSeal)
        return base::Corrupt(fmt::format("{} holds no permissions", Printable(path_)));
      Take(records[i]);
    }
    at += static_cast<off_t>(count * sizeof(Record));
  }
  // A kill may have left a part of a record, behind which nothing could be read.
  if (::ftruncate(file_.get(), at) != 0) return Failure("cut", path_, errno);
  return base::Ok();
}

void Withheld::Take(const Record& record) {
  if (record.inode != 0) {
    exceptions_[record.inode].mode = record.mode;
    return;
  }
  kept_ = kept_ || record.mode == kAllKept;
  taken_ = taken_ || record.mode == kAllTaken;
}

std::uint32_t Withheld::True(std::uint64_t inode, std::uint32_t shown) const {
  const auto found = exceptions_.find(inode);
  // What does not fit belongs to an earlier file of this inode.
  if (found != exceptions_.end() && (found->second.mode & ~kBits) == shown)
    return found->second.mode;
  return shown | kOwnerWrites;
}

int Withheld::Keep(std::uint64_t inode, std::uint32_t mode) {
  if (True(inode, mode & ~kBits) != mode) {
    if (const int error = Append(inode, mode); error != 0) return error;
  }
  const auto found = exceptions_.find(inode);
  if (found != exceptions_.end() && found->second.mode == mode) found->second.walk = walk_;
  return 0;
}

int Withheld::Append(std::uint64_t inode, std::uint32_t mode) {
  if (!file_.valid()) {
    file_ = Handle(::open(path_.c_str(), kFlags | O_CREAT, 0600));
    if (!file_.valid()) return errno;
  }
  const Record record{inode, mode, kSeal};
  const ssize_t put = ::write(file_.get(), &record, sizeof record);
  if (put < 0) return errno;
  if (put != sizeof record) return ENOSPC;
  Take(record);
  return 0;
}

base::Status Withheld::SetMark(Mark mark) {
  const int error = Append(0, mark);
  return error == 0 ? base::Ok() : base::Status(Failure("write", path_, error));
}

base::Status Withheld::Hold(const std::string& tree) {
  if (taken_) return base::Ok();
  if (!kept_) {
    RETURN_IF_ERROR(Clear());
    RETURN_IF_ERROR(KeepAll(tree));
    RETURN_IF_ERROR(SetMark(kAllKept));
  }
  RETURN_IF_ERROR(TakeAll(tree));
  return SetMark(kAllTaken);
}

base::Status Withheld::KeepAll(const std::string& tree) {
  ASSIGN_OR_RETURN(const Handle root, OpenRoot(tree));
  const auto keep = [this](const Entry& entry, std::string_view path) -> base::Status {
    const int error = Keep(entry.inode, entry.mode);
    return error == 0 ? base::Ok() : base::Status(Failure("keep the permissions of", path, error));
  };
  Entry top;
  if (const int error = LookAt(root.get(), top); error != 0) return Failure("look at", tree, error);
  RETURN_IF_ERROR(keep(top, tree));
  return ForEach(root, Closed::kIsTrouble,
                 [&](const Place& place) { return keep(place.entry, place.path); });
}

base::Status Withheld::TakeAll(const std::string& tree) {
  ASSIGN_OR_RETURN(const Handle root, OpenRoot(tree));
  Entry top;
  if (const int error = LookAt(root.get(), top); error != 0) return Failure("look at", tree, error);
  if (::fchmod(root.get(), top.mode & ~kBits) != 0) return Failure("hold", tree, errno);
  return ForEach(root, Closed::kIsTrouble, [this](const Place& place) -> base::Status {
    const Entry& entry = place.entry;
    if ((entry.mode & kBits) == 0) return base::Ok();
    int error = Keep(entry.inode, entry.mode);  // it may be newer than the rest
    if (error == 0) error = ChangeMode(place.directory, place.name, entry, entry.mode & ~kBits);
    return error == 0 || IsGone(error) ? base::Ok()
                                       : base::Status(Failure("hold", place.path, error));
  });
}

// Directories come last, those within before those around them: as they are then, we may not be
// able to pass through them.
base::Status Withheld::Release(const std::string& tree) {
  if (!kept_) return Clear();
  ASSIGN_OR_RETURN(const Handle root, OpenRoot(tree));
  std::vector<std::pair<std::string, Entry>> directories;
  RETURN_IF_ERROR(ForEach(root, Closed::kIsOpenedUp, [&](const Place& place) -> base::Status {
    const Entry& entry = place.entry;
    if ((entry.mode & kBits) != 0) return base::Ok();
    if (entry.kind == Kind::kDirectory) {
      directories.emplace_back(place.path, entry);
      return base::Ok();
    }
    const int error = ChangeMode(place.directory, place.name, entry, True(entry.inode, entry.mode));
    return error == 0 || IsGone(error) ? base::Ok()
                                       : base::Status(Failure("release", place.path, error));
  }));
  for (auto at = directories.rbegin(); at != directories.rend(); ++at) {
    const auto& [path, entry] = *at;
    const auto [parent, name] = Split(path);
    const Opened above = OpenDirectory(root.get(), parent);
    int error = above.error;
    if (error == 0) {
      error = ChangeMode(above.handle.get(), name.c_str(), entry, True(entry.inode, entry.mode));
    }
    if (error != 0 && !IsGone(error)) return Failure("release", path, error);
  }
  Entry top;
  if (const int error = LookAt(root.get(), top); error != 0) return Failure("look at", tree, error);
  if ((top.mode & kBits) == 0 && ::fchmod(root.get(), True(top.inode, top.mode)) != 0)
    return Failure("release", tree, errno);
  return Clear();
}

base::Status Withheld::Clear() {
  exceptions_.clear();
  kept_ = taken_ = false;
  file_.Close();
  if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return base::Ok();
  return Failure("remove", path_, errno);
}

void Withheld::EndWalk() {
  auto kept = exceptions_;
  const auto gone =
      std::erase_if(kept, [this](const auto& each) { return each.second.walk != walk_; });
  // What is forgotten here must not be known to the file either, which may outlive this process.
  if (gone > 0 && Rewrite(kept)) exceptions_ = std::move(kept);
}

bool Withheld::Rewrite(const Exceptions& exceptions) {
  const std::string draft = path_ + ".new";
  Handle shorter(::open(draft.c_str(), kFlags | O_CREAT | O_TRUNC, 0600));
  if (!shorter.valid()) return false;
  std::vector<Record> records;
  if (kept_) records.push_back({0, kAllKept, kSeal});
  if (taken_) records.push_back({0, kAllTaken, kSeal});
  for (const auto& [inode, exception] : exceptions)
    records.push_back({inode, exception.mode, kSeal});
  const auto size = static_cast<ssize_t>(records.size() * sizeof(Record));
  if (::write(shorter.get(), records.data(), static_cast<std::size_t>(size)) != size ||
      ::rename(draft.c_str(), path_.c_str()) != 0) {
    static_cast<void>(::unlink(draft.c_str()));
    return false;
  }
  file_ = std::move(shorter);
  return true;
}

}  // namespace leeward::lab::trees

#include "lab/trees/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>

#include "lab/trees/beneath.h"

namespace leeward::lab::trees {
namespace {

constexpr std::string_view kPartial = "p-";
constexpr const char* kState = "state";
constexpr const char* kNewState = "state.new";
constexpr mode_t kPrivate = 0700;

// A folder of ours: private, and what is made in it gets our own group.
Handle OwnFolder(int root, const char* name) {
  if (::mkdirat(root, name, kPrivate) != 0 && errno != EEXIST) return Handle();
  Handle handle(::openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (handle.valid() && ::fchmod(handle.get(), kPrivate) != 0) return Handle();
  return handle;
}

std::string ReadSmall(int directory, const char* name) {
  std::array<char, 4096> buffer;
  const Handle file(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return {};
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

}  // namespace

void MakeAccessible(int directory, const char* name) {
  const Handle handle(::openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!handle.valid()) return;
  // By the descriptor: what stands at the name by now may be another.
  static_cast<void>(::chmod(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), kPrivate));
}

base::Result<std::unique_ptr<Staging>> Staging::Open(const std::string& path,
                                                     const Entry& destination) {
  if (::mkdir(path.c_str(), kPrivate) != 0 && errno != EEXIST)
    return base::Denied(fmt::format("{}: {}", Printable(path), ::strerror(errno)));
  std::unique_ptr<Staging> staging(new Staging());
  ASSIGN_OR_RETURN(staging->root_, OpenRoot(path));
  Entry own;
  if (LookAt(staging->root_.get(), own) != 0 || own.device != destination.device)
    return base::Invalid(
        fmt::format("{} is not on the destination's file system", Printable(path)));
  const int root = staging->root_.get();
  staging->lock_ = Handle(::openat(root, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!staging->lock_.valid())
    return base::Denied(fmt::format("{}/lock: {}", Printable(path), ::strerror(errno)));
  if (::flock(staging->lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return base::WrongState(fmt::format("another copy works in {}", Printable(path)));
  staging->made_ = OwnFolder(root, "made");
  staging->trash_ = OwnFolder(root, "trash");
  if (!staging->made_.valid() || !staging->trash_.valid())
    return base::Denied(fmt::format("{}: {}", Printable(path), ::strerror(errno)));
  const Handle proc(::open("/proc/sys/kernel/random", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  staging->boot_ = proc.valid() ? ReadSmall(proc.get(), "boot_id").substr(0, 8) : "";
  staging->Sweep(kPartial);
  return staging;
}

std::string Staging::NextName() { return fmt::format("t-{}", next_++); }

std::string Staging::PartialName(const Entry& source) const {
  return fmt::format("{}{}-{:x}-{:x}-{:x}-{:x}-{:x}", kPartial, boot_, source.device, source.inode,
                     source.size, source.mtime_ns, source.ctime_ns);
}

int Staging::Publish(const std::string& made, int directory, const char* name) {
  if (::renameat(made_.get(), made.c_str(), directory, name) == 0) return 0;
  if (errno != EISDIR && errno != ENOTDIR && errno != ENOTEMPTY && errno != EEXIST) return errno;
  // A directory where there shall be none, or the other way round: both change places at once.
  if (::renameat2(made_.get(), made.c_str(), directory, name, RENAME_EXCHANGE) != 0) return errno;
  return Discard(made_.get(), made.c_str());
}

int Staging::Discard(int directory, const char* name) {
  bool opened_up = false;
  for (;;) {
    if (::renameat2(directory, name, trash_.get(), NextName().c_str(), RENAME_NOREPLACE) == 0)
      return 0;
    if (errno == EEXIST) continue;  // a name that an earlier run left there
    // A directory that moves has to be writable itself, for its `..` changes.
    if (errno != EACCES || opened_up) return errno;
    MakeAccessible(directory, name);
    opened_up = true;
  }
}

int Staging::Remove(const std::string& made) {
  if (::unlinkat(made_.get(), made.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  return Discard(made_.get(), made.c_str());
}

bool Staging::EmptyTrash(std::uint32_t& budget) {
  for (;;) {
    Names names;  // one at least is not stuck, if there is any
    if (names.Read(trash_.get(), stuck_.size() + budget) != 0 || names.size() == 0) return true;
    bool progress = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (stuck_.contains(names.at(i))) continue;
      if (budget == 0) return false;
      if (EmptyOne(names.at(i), budget)) {
        progress = true;
      } else {
        stuck_.emplace(names.at(i));
      }
    }
    if (!progress) return true;
  }
}

// One directory at a time, and its own directories move up: any depth with one open descriptor.
// True when something went away: until then it goes on beyond its budget, or what cannot be
// removed would be tried for ever.
bool Staging::EmptyOne(const char* name, std::uint32_t& budget) {
  --budget;
  if (::unlinkat(trash_.get(), name, 0) == 0) return true;
  MakeAccessible(trash_.get(), name);
  const Opened inside = OpenDirectory(trash_.get(), name);
  if (inside.error != 0) return false;
  bool progress = false;
  // Not all of them each time, or a large directory would be listed for every few names of it.
  for (const std::size_t most : {std::size_t{budget}, SIZE_MAX}) {
    if (!progress) progress = EmptyInside(inside.handle.get(), most, budget);
  }
  return ::unlinkat(trash_.get(), name, AT_REMOVEDIR) == 0 || progress;
}

bool Staging::EmptyInside(int directory, std::size_t most, std::uint32_t& budget) {
  Names names;
  if (names.Read(directory, most) != 0) return false;
  bool progress = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (budget == 0 && progress) return true;
    if (budget > 0) --budget;
    const bool gone =
        ::unlinkat(directory, names.at(i), 0) == 0 || Discard(directory, names.at(i)) == 0;
    progress = progress || gone;
  }
  return progress;
}

void Staging::Sweep(std::string_view but_for) {
  Names names;
  if (names.Read(made_.get()) != 0) return;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = names.at(i);
    if (but_for.empty() || !name.starts_with(but_for)) static_cast<void>(Remove(name));
  }
}

void Staging::SweepPartials() { Sweep(""); }

std::int64_t Staging::Stamp() const {
  Entry entry;
  if (::futimens(lock_.get(), nullptr) != 0 || LookAt(lock_.get(), entry) != 0) return 0;
  return entry.ctime_ns;
}

std::string Staging::ReadState() const { return ReadSmall(root_.get(), kState); }

int Staging::WriteState(std::string_view text) {
  const Handle file(::openat(root_.get(), kNewState,
                             O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return errno;
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return ENOSPC;
  return ::renameat(root_.get(), kNewState, root_.get(), kState) == 0 ? 0 : errno;
}

}  // namespace leeward::lab::trees

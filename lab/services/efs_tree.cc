#include "lab/services/efs_tree.h"

#include <dirent.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"
#include "lab/services/efs_tree_files.h"

namespace leeward::lab::efs {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

Entry FromStat(std::string name, const struct stat& now, Entry::Kind kind) {
  Entry entry;
  entry.name = std::move(name);
  entry.kind = kind;
  entry.mode = now.st_mode & 07777U;
  entry.uid = now.st_uid;
  entry.gid = now.st_gid;
  entry.size = now.st_size;
  entry.accessed = Nanoseconds(now.st_atim);
  entry.modified = Nanoseconds(now.st_mtim);
  entry.changed = Nanoseconds(now.st_ctim);
  entry.inode = now.st_ino;
  entry.links = now.st_nlink;
  return entry;
}

}  // namespace

base::Result<std::optional<Entry>> LookAt(int directory, const std::string& name) {
  struct stat now {};
  if (fstatat(directory, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) return Failed("stat", name);
  if (S_ISREG(now.st_mode)) return std::optional(FromStat(name, now, Entry::Kind::kFile));
  if (S_ISDIR(now.st_mode)) return std::optional(FromStat(name, now, Entry::Kind::kDirectory));
  if (!S_ISLNK(now.st_mode)) return std::optional<Entry>();
  Entry entry = FromStat(name, now, Entry::Kind::kLink);
  char target[4096];
  const ssize_t length = readlinkat(directory, name.c_str(), target, sizeof target);
  if (length < 0) return Failed("read the link", name);
  entry.target.assign(target, static_cast<std::size_t>(length));
  return std::optional(std::move(entry));
}

base::Result<std::vector<std::string>> NamesIn(int directory, const std::string& shown) {
  // A descriptor of its own: reading moves it, and closing it is the stream's.
  const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return Failed("open", shown);
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(again));
  if (stream == nullptr) return Failed("open", shown);
  std::vector<std::string> names;
  for (errno = 0; const dirent* each = readdir(stream.get()); errno = 0) {
    const std::string_view name = each->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Failed("read", shown);
  std::sort(names.begin(), names.end());
  return names;
}

base::Status ChangeMode(int directory, const std::string& name, std::uint32_t mode,
                        const std::string& shown) {
  const Opened entry(openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!entry.ok()) return Failed("open", shown);
  struct stat now {};
  if (fstat(entry.get(), &now) != 0) return Failed("stat", shown);
  if (S_ISLNK(now.st_mode) || (now.st_mode & 07777U) == mode) return base::Ok();
  // The descriptor is only a name, which the kernel lets nobody change bits by.
  if (chmod(fmt::format("/proc/self/fd/{}", entry.get()).c_str(), mode) == 0) return base::Ok();
  return Failed("change the permissions of", shown);
}

std::string Below(std::string_view directory, std::string_view name) {
  if (name.empty()) return std::string(directory);
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

bool IsPlainPath(std::string_view relative) {
  while (!relative.empty()) {
    const std::size_t slash = relative.find('/');
    if (!IsPlainName(relative.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    relative.remove_prefix(slash + 1);
    if (relative.empty()) return false;
  }
  return true;
}

base::Result<std::vector<Entry>> ListDirectory(const std::filesystem::path& root,
                                               const std::string& relative) {
  ASSIGN_OR_RETURN(const Opened directory, OpenDirectory(root.native(), relative));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory.get(), relative));
  std::vector<Entry> entries;
  entries.reserve(names.size());
  for (const std::string& name : names) {
    auto entry = LookAt(directory.get(), name);
    if (!entry.ok()) {
      if (entry.error().code() == base::ErrorCode::kNotFound) continue;
      return std::move(entry).error();
    }
    if (*entry) entries.push_back(std::move(**entry));
  }
  return entries;
}

base::Result<Entry> Look(const std::filesystem::path& root, const std::string& relative) {
  if (relative.empty()) {
    ASSIGN_OR_RETURN(const Opened directory, OpenRoot(root.native()));
    struct stat now {};
    if (fstat(directory.get(), &now) != 0) return Failed("stat", root.native());
    return FromStat("", now, Entry::Kind::kDirectory);
  }
  const auto [parent, name] = SplitPath(relative);
  ASSIGN_OR_RETURN(const Opened directory, OpenDirectory(root.native(), parent));
  ASSIGN_OR_RETURN(auto entry, LookAt(directory.get(), name));
  if (!entry) return base::NotFound(fmt::format("'{}' is no file", relative));
  return std::move(*entry);
}

base::Result<Piece> ReadPiece(const std::filesystem::path& root, const PieceAsked& asked) {
  const std::string& relative = asked.path;
  const auto [parent, name] = SplitPath(relative);
  ASSIGN_OR_RETURN(const Opened directory, OpenDirectory(root.native(), parent));
  const Opened file(
      openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.ok()) return Failed("open", relative);
  struct stat now {};
  if (fstat(file.get(), &now) != 0) return Failed("stat", relative);
  if (!S_ISREG(now.st_mode)) return base::NotFound(fmt::format("'{}' is no file", relative));
  Piece piece;
  piece.entry = FromStat(name, now, Entry::Kind::kFile);
  const off_t data = lseek(file.get(), asked.offset, SEEK_DATA);
  if (data < 0 && errno != ENXIO) return Failed("find what is in", relative);
  if (data < 0 || data >= now.st_size) {  // nothing but a hole from here on
    piece.offset = piece.next = std::max<std::int64_t>(asked.offset, now.st_size);
    return piece;
  }
  const off_t hole = lseek(file.get(), data, SEEK_HOLE);
  const std::int64_t end = std::min<std::int64_t>(hole < 0 ? now.st_size : hole, now.st_size);
  piece.offset = data;
  piece.bytes.resize(std::min<std::size_t>(asked.most, static_cast<std::size_t>(end - data)));
  std::size_t got = 0;
  while (got < piece.bytes.size()) {
    const ssize_t now_got = pread(file.get(), piece.bytes.data() + got, piece.bytes.size() - got,
                                  data + static_cast<off_t>(got));
    if (now_got < 0) return Failed("read", relative);
    if (now_got == 0) break;  // it has shrunk
    got += static_cast<std::size_t>(now_got);
  }
  piece.bytes.resize(got);
  piece.next = got == 0 ? now.st_size : piece.offset + static_cast<std::int64_t>(got);
  if (fstat(file.get(), &now) != 0) return Failed("stat", relative);
  // Changed while it was read: these bytes belong to neither.
  if (asked.reading == Reading::kStrict &&
      !SameContents(piece.entry, FromStat(name, now, Entry::Kind::kFile))) {
    return base::WrongState(fmt::format("'{}' changes while it is read", relative));
  }
  return piece;
}

base::Result<std::string> SumOf(const std::filesystem::path& root, const std::string& relative) {
  const auto [parent, name] = SplitPath(relative);
  ASSIGN_OR_RETURN(const Opened directory, OpenDirectory(root.native(), parent));
  const Opened file(
      openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.ok()) return Failed("open", relative);
  return SumOf(file.get(), relative);
}

base::Result<std::string> SumOf(int file, const std::string& shown) {
  constexpr std::size_t kBlock = 1 << 20;
  std::string block(kBlock, '\0');
  std::string sum = "-";
  for (std::int64_t at = 0;;) {
    std::size_t got = 0;
    while (got < kBlock) {
      const ssize_t now = pread(file, block.data() + got, kBlock - got, at);
      if (now < 0) return Failed("read", shown);
      if (now == 0) break;
      got += static_cast<std::size_t>(now);
      at += now;
    }
    if (got == 0) return sum;
    sum += base::Sha256Hex({block.data(), got});
    sum = base::Sha256Hex(sum);
  }
}

bool SameContents(const Entry& a, const Entry& b) {
  return a.inode == b.inode && a.size == b.size && a.modified == b.modified &&
         a.changed == b.changed;
}

}  // namespace leeward::lab::efs

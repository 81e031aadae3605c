#include "lab/services/backup_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "base/bytes.h"
#include "base/digest_context.h"
#include "lab/core/remove_tree.h"
#include "lab/trees/beneath.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::size_t kReadAtOnce = 1 << 20;
constexpr mode_t kPrivate = 0700;
constexpr std::string_view kFile = "f";
constexpr std::string_view kDirectory = "d";
constexpr std::string_view kSymlink = "l";

fs::path ListOf(const fs::path& folder) { return folder / "list"; }

base::Error FolderTrouble(std::string_view what, std::string_view path, int error) {
  std::string text = fmt::format("cannot {} {}: {}", what, trees::Printable(path),
                                 std::strerror(error));  // NOLINT(concurrency-mt-unsafe)
  if (error == ENOSPC || error == EDQUOT) return base::Exhausted(std::move(text));
  if (error == EACCES || error == EPERM) return base::Denied(std::move(text));
  return base::ServiceBroken(std::move(text));
}

bool IsPlain(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  const std::string framed = fmt::format("/{}/", path);
  return framed.find("/../") == std::string::npos && framed.find("/./") == std::string::npos &&
         framed.find("//") == std::string::npos;
}

std::string PathOf(const Value& line) {
  const auto path = base::PercentDecode(line.String("Path"));
  return path.ok() ? *path : std::string();
}

// A file below `content`, opened without leaving it.
base::Result<trees::Handle> OpenBelow(const fs::path& content, const std::string& path) {
  if (!IsPlain(path)) return base::Invalid(trees::Printable(path) + " is no path of a folder");
  ASSIGN_OR_RETURN(const trees::Handle root, trees::OpenRoot(content.native()));
  const auto [parent, name] = trees::Split(path);
  const trees::Opened directory = trees::OpenDirectory(root.get(), parent);
  if (directory.error != 0) return FolderTrouble("open", parent, directory.error);
  trees::Opened file = trees::OpenFile(directory.handle.get(), name.c_str());
  if (file.error != 0) return FolderTrouble("open", path, file.error);
  return std::move(file.handle);
}

base::Result<std::string> DigestOf(const fs::path& content, const std::string& path,
                                   const WorkPtr& work) {
  ASSIGN_OR_RETURN(const trees::Handle file, OpenBelow(content, path));
  const base::DigestContext digest;
  digest.Begin();
  std::string bytes(kReadAtOnce, '\0');
  for (;;) {
    if (work->stopped) return base::Cancelled("stopped");
    const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
    if (got < 0) return FolderTrouble("read", path, errno);
    if (got == 0) break;
    digest.Add(std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
  }
  return base::HexEncode(base::AsView(digest.End()));
}

// Walks a folder that is at rest and writes its list.
class Lister {
 public:
  Lister(const fs::path& folder, const WorkPtr& work)
      : content_(ContentOf(folder)), work_(work), out_(ListOf(folder), std::ios::binary) {
    digest_.Begin();
  }

  base::Result<Seal> Run() {
    ASSIGN_OR_RETURN(root_, trees::OpenRoot(content_.native()));
    trees::Entry self;
    if (const int error = trees::LookAt(root_.get(), self); error != 0)
      return FolderTrouble("look at", content_.native(), error);
    Write(LineOf("", self));
    RETURN_IF_ERROR(List(""));
    out_.flush();
    if (!out_) return base::Exhausted("cannot write the list of a recovery point");
    seal_.digest = base::HexEncode(base::AsView(digest_.End()));
    return seal_;
  }

 private:
  base::Status List(const std::string& path) {
    const trees::Opened directory = trees::OpenDirectory(root_.get(), path);
    if (directory.error != 0) return FolderTrouble("open", path, directory.error);
    trees::Names names;
    if (const int error = names.Read(directory.handle.get()); error != 0)
      return FolderTrouble("list", path, error);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (work_->stopped) return base::Cancelled("stopped");
      RETURN_IF_ERROR(Add(directory.handle.get(), names.at(i), trees::Join(path, names.at(i))));
    }
    return base::Ok();
  }

  base::Status Add(int directory, const char* name, const std::string& path) {
    trees::Entry entry;
    if (const int error = trees::Look(directory, name, entry); error != 0)
      return FolderTrouble("look at", path, error);
    Value line = LineOf(path, entry);
    if (entry.kind == trees::Kind::kSymlink) {
      const trees::Target target = trees::ReadTarget(directory, name);
      if (target.error != 0) return FolderTrouble("read", path, target.error);
      line.Set("Target", base::PercentEncode(target.text));
    } else if (entry.kind == trees::Kind::kFile) {
      RETURN_IF_ERROR(AddFile(path, entry, line));
    } else if (entry.kind == trees::Kind::kOther) {
      return base::Invalid(trees::Printable(path) + " is a pipe, socket or device");
    }
    Write(line);
    return entry.kind == trees::Kind::kDirectory ? List(path) : base::Ok();
  }

  base::Status AddFile(const std::string& path, const trees::Entry& entry, Value& line) {
    if (entry.links > 1) {
      const auto [first, added] = first_names_.emplace(entry.inode, path);
      if (!added) {
        line.Set("LinkOf", base::PercentEncode(first->second, "/"));
        return base::Ok();
      }
    }
    ASSIGN_OR_RETURN(const std::string digest, DigestOf(content_, path, work_));
    line.Set("Digest", digest);
    seal_.bytes += static_cast<std::int64_t>(entry.size);
    return base::Ok();
  }

  static Value LineOf(const std::string& path, const trees::Entry& entry) {
    const std::string_view kind = entry.kind == trees::Kind::kFile        ? kFile
                                  : entry.kind == trees::Kind::kDirectory ? kDirectory
                                                                          : kSymlink;
    return Value::Struct({{"Path", base::PercentEncode(path, "/")},
                          {"Kind", kind},
                          {"Mode", std::int64_t{entry.mode}},
                          {"Uid", std::int64_t{entry.uid}},
                          {"Gid", std::int64_t{entry.gid}},
                          {"Size", static_cast<std::int64_t>(entry.size)},
                          {"Mtime", entry.mtime_ns}});
  }

  void Write(const Value& line) {
    const std::string text = shapes::ToJson(line) + "\n";
    out_ << text;
    digest_.Add(text);
    seal_.list_bytes += static_cast<std::int64_t>(text.size());
  }

  fs::path content_;
  WorkPtr work_;
  std::ofstream out_;
  trees::Handle root_;
  base::DigestContext digest_;
  std::map<std::uint64_t, std::string> first_names_;  // of files that have several
  Seal seal_;
};

}  // namespace

Value ToValue(const Seal& seal) {
  return Value::Struct(
      {{"Digest", seal.digest}, {"ListBytes", seal.list_bytes}, {"Bytes", seal.bytes}});
}

Seal SealOf(const Value& value) {
  return {std::string(value.String("Digest")), value.Int("ListBytes"), value.Int("Bytes")};
}

fs::path ContentOf(const fs::path& folder) { return folder / "content"; }

base::Result<Seal> SealFolder(const fs::path& folder, const WorkPtr& work) {
  return Lister(folder, work).Run();
}

base::Result<std::string> ReadList(const fs::path& folder, std::int64_t offset, std::size_t most) {
  std::ifstream in(ListOf(folder), std::ios::binary);
  std::string bytes(most, '\0');
  in.seekg(offset);
  if (!in) return base::NotFound("the list of the recovery point is not there");
  in.read(bytes.data(), static_cast<std::streamsize>(most));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

base::Result<std::string> ReadPart(const fs::path& folder, const Part& part) {
  ASSIGN_OR_RETURN(const trees::Handle file, OpenBelow(ContentOf(folder), part.path));
  std::string bytes(static_cast<std::size_t>(part.size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(file.get(), bytes.data() + have, bytes.size() - have,
                                part.offset + static_cast<std::int64_t>(have));
    if (got < 0) return FolderTrouble("read", part.path, errno);
    if (got == 0) return base::Corrupt(trees::Printable(part.path) + " is shorter than it was");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

base::Status FolderTake::Begin() {
  RETURN_IF_ERROR(RemoveTree(folder_));
  std::error_code error;
  fs::create_directories(ContentOf(folder_), error);
  if (!error) fs::permissions(folder_, fs::perms::owner_all, error);
  if (error) return FolderTrouble("make", folder_.native(), error.value());
  return base::Ok();
}

base::Status FolderTake::TakeList(std::string_view bytes) {
  std::ofstream out(ListOf(folder_), std::ios::binary | std::ios::app);
  out << bytes;
  if (!out.flush()) return base::Exhausted("cannot write the list of a recovery point");
  return base::Ok();
}

base::Status FolderTake::OpenList(const Seal& seal) {
  std::ifstream in(ListOf(folder_), std::ios::binary);
  const base::DigestContext digest;
  digest.Begin();
  for (std::string text; std::getline(in, text);) {
    digest.Add(text + "\n");
    ASSIGN_OR_RETURN(Value line, shapes::FromJson(text));
    const std::string path = PathOf(line);
    if (!lines_.empty() && !IsPlain(path))
      return base::Corrupt("the list of a recovery point names " + trees::Printable(path));
    if (!lines_.empty() && line.String("Kind") == kDirectory &&
        ::mkdir((ContentOf(folder_) / path).c_str(), kPrivate) != 0) {
      return FolderTrouble("make", path, errno);
    }
    lines_.push_back(std::move(line));
  }
  if (base::HexEncode(base::AsView(digest.End())) != seal.digest)
    return base::Corrupt("the list of a recovery point is not the one that was sent");
  return base::Ok();
}

std::vector<Part> FolderTake::Next(std::size_t most) {
  constexpr std::size_t kMostParts = 256;
  std::vector<Part> parts;
  auto room = static_cast<std::int64_t>(most);
  while (next_ < lines_.size() && room > 0 && parts.size() < kMostParts) {
    const Value& line = lines_[next_];
    if (line.String("Kind") != kFile || line.Has("LinkOf")) {
      ++next_;
      continue;
    }
    Part part{PathOf(line), offset_, std::min(room, line.Int("Size") - offset_)};
    room -= std::max<std::int64_t>(1, part.size);
    offset_ += part.size;
    if (offset_ == line.Int("Size")) {
      offset_ = 0;
      ++next_;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

// There are no symbolic links in the folder yet.
base::Status FolderTake::TakePart(const Part& part, std::string_view bytes) {
  const fs::path path = ContentOf(folder_) / part.path;
  const int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (part.offset == 0 ? O_TRUNC : 0);
  const trees::Handle file(::open(path.c_str(), how, 0600));
  if (!file.valid()) return FolderTrouble("make", part.path, errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                                 part.offset + static_cast<std::int64_t>(done));
    if (put < 0) return FolderTrouble("write", part.path, errno);
    done += static_cast<std::size_t>(put);
  }
  return base::Ok();
}

base::Status FolderTake::Finish(const WorkPtr& work) {
  const fs::path content = ContentOf(folder_);
  for (const Value& line : lines_) {
    if (!line.Has("Digest")) continue;
    ASSIGN_OR_RETURN(const std::string digest, DigestOf(content, PathOf(line), work));
    if (digest != line.String("Digest"))
      return base::Corrupt(trees::Printable(PathOf(line)) + " did not arrive as it was sent");
  }
  for (const Value& line : lines_) {
    const auto first = base::PercentDecode(line.String("LinkOf"));
    if (!line.Has("LinkOf")) continue;
    if (!first.ok() || !IsPlain(*first) ||
        ::link((content / *first).c_str(), (content / PathOf(line)).c_str()) != 0) {
      return FolderTrouble("link", PathOf(line), errno);
    }
  }
  // What is in a directory before the directory, whose time it would change.
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
    if (line->Has("LinkOf")) continue;
    RETURN_IF_ERROR(Dress(*line));
  }
  return base::Ok();
}

base::Status FolderTake::Dress(const Value& line) const {
  const std::string relative = PathOf(line);
  const fs::path path = relative.empty() ? ContentOf(folder_) : ContentOf(folder_) / relative;
  const std::string_view kind = line.String("Kind");
  if (kind == kSymlink) {
    const auto target = base::PercentDecode(line.String("Target"));
    if (!target.ok() || ::symlink(target->c_str(), path.c_str()) != 0)
      return FolderTrouble("link", relative, errno);
  }
  // Without the privilege a file stays ours, as in the trees that it came from.
  const bool given = ::lchown(path.c_str(), static_cast<uid_t>(line.Int("Uid")),
                              static_cast<gid_t>(line.Int("Gid"))) == 0;
  if (!given && errno != EPERM) return FolderTrouble("give away", relative, errno);
  if (kind != kSymlink && ::chmod(path.c_str(), static_cast<mode_t>(line.Int("Mode"))) != 0)
    return FolderTrouble("set the permissions of", relative, errno);
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t nanos = ((line.Int("Mtime") % kSecond) + kSecond) % kSecond;
  const timespec when{(line.Int("Mtime") - nanos) / kSecond, nanos};
  const std::array<timespec, 2> times{when, when};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return FolderTrouble("set the time of", relative, errno);
  return base::Ok();
}

}  // namespace leeward::lab::backup

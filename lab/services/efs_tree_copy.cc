// The destination's side of a copy.
#include "base/bytes.h"
#include "lab/services/efs_tree.h"
#include "lab/services/efs_tree_files.h"

namespace leeward::lab::efs {

base::Result<TreeCopy> TreeCopy::Begin(Options options) {
  std::error_code error;
  std::filesystem::remove_all(options.scratch, error);
  if (!error) std::filesystem::create_directories(options.scratch, error);
  if (!error) {
    std::filesystem::permissions(options.scratch, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return base::ServiceBroken(
        fmt::format("cannot make {}: {}", options.scratch.native(), error.message()));
  }
  return TreeCopy(std::move(options));
}

base::Result<Opened> TreeCopy::OpenIn(std::string_view relative) const {
  return OpenDirectory(options_.root.native(), Below(options_.inside, relative));
}

std::string TreeCopy::ScratchOf(const std::string& relative) const {
  return (options_.scratch / base::Sha256Hex(relative)).native();
}

base::Status TreeCopy::Remove(int directory, const std::string& relative) {
  const auto [parent, name] = SplitPath(relative);
  const Opened inner(
      openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (inner.ok()) {
    const Unlocked unlocked(inner.get());
    ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(inner.get(), relative));
    for (const std::string& each : names) {
      RETURN_IF_ERROR(Remove(inner.get(), Below(relative, each)));
    }
  }
  if (unlinkat(directory, name.c_str(), inner.ok() ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT) {
    return Failed("remove", relative);
  }
  ++counts_.removed;
  return base::Ok();
}

base::Result<std::vector<Entry>> TreeCopy::TakeDirectory(const std::string& relative,
                                                         const std::vector<Entry>& entries) {
  ASSIGN_OR_RETURN(const Opened directory, OpenIn(relative));
  const Unlocked unlocked(directory.get());
  if (options_.remove_extra) {
    std::set<std::string_view> wanted;
    for (const Entry& entry : entries) wanted.insert(entry.name);
    ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory.get(), relative));
    for (const std::string& name : names) {
      const bool is_ours = !options_.wanted || options_.wanted("/" + Below(relative, name));
      if (wanted.contains(name) || !is_ours) continue;
      RETURN_IF_ERROR(Remove(directory.get(), Below(relative, name)));
    }
  }
  std::vector<Entry> to_bring;
  for (const Entry& entry : entries) {
    if (!IsPlainName(entry.name)) return base::Invalid("the source has a file of no name");
    ASSIGN_OR_RETURN(const bool bring,
                     TakeEntry(directory.get(), Below(relative, entry.name), entry));
    if (bring) to_bring.push_back(entry);
  }
  return to_bring;
}

base::Result<bool> TreeCopy::TakeEntry(int directory, const std::string& relative,
                                       const Entry& entry) {
  std::optional<Entry> now;
  auto found = LookAt(directory, entry.name);
  if (found.ok()) {
    now = std::move(*found);
    if (!now || now->kind != entry.kind) {
      RETURN_IF_ERROR(Remove(directory, relative));
      now.reset();
    }
  } else if (found.error().code() != base::ErrorCode::kNotFound) {
    return std::move(found).error();
  }
  switch (entry.kind) {
    case Entry::Kind::kDirectory:
      if (!now) RETURN_IF_ERROR(MakeDirectory(directory, relative, entry));
      return false;
    case Entry::Kind::kLink:
      if (!now || now->target != entry.target)
        RETURN_IF_ERROR(MakeLink(directory, relative, entry));
      RETURN_IF_ERROR(Dress(directory, relative, entry));
      return false;
    case Entry::Kind::kFile:
      return TakeFile(directory, relative, entry, now);
  }
  return false;
}

bool TreeCopy::SameFile(const Entry& entry, const Entry& now) const {
  if (options_.take_all) return false;
  if (entry.links == 1 && now.links != 1) return false;
  return entry.size == now.size && (!options_.keep_times || entry.modified == now.modified);
}

base::Result<bool> TreeCopy::TakeFile(int directory, const std::string& relative,
                                      const Entry& entry, const std::optional<Entry>& now) {
  if (now && options_.keep_newer) {
    ++counts_.skipped;
    return false;
  }
  if (entry.links > 1) {
    const auto [first, is_first] = first_names_.emplace(entry.inode, relative);
    if (!is_first) {
      links_.push_back({first->second, relative, entry});
      return false;
    }
  }
  if (!now || !SameFile(entry, *now)) return true;
  RETURN_IF_ERROR(Dress(directory, relative, entry));
  return false;
}

base::Status TreeCopy::MakeDirectory(int directory, const std::string& relative,
                                     const Entry& entry) {
  if (mkdirat(directory, entry.name.c_str(), 0700) != 0) return Failed("make", relative);
  return ChangeMode(directory, entry.name, entry.mode | 0700U, relative);
}

base::Status TreeCopy::MakeLink(int directory, const std::string& relative, const Entry& entry) {
  const std::string draft = ScratchOf(relative);
  unlink(draft.c_str());
  if (symlink(entry.target.c_str(), draft.c_str()) != 0) return Failed("make the link", relative);
  if (renameat(AT_FDCWD, draft.c_str(), directory, entry.name.c_str()) != 0) {
    return Failed("put", relative);
  }
  return base::Ok();
}

// Of what is in its place: owner first, since that clears bits.
base::Status TreeCopy::Dress(int directory, const std::string& relative, const Entry& entry) {
  ASSIGN_OR_RETURN(const std::optional<Entry> now, LookAt(directory, entry.name));
  if (!now) return base::NotFound(fmt::format("'{}' is gone", relative));
  if (options_.keep_owners && (now->uid != entry.uid || now->gid != entry.gid) &&
      fchownat(directory, entry.name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return Failed("give away", relative);
  }
  if (entry.kind != Entry::Kind::kLink && options_.keep_modes) {
    RETURN_IF_ERROR(ChangeMode(directory, entry.name, entry.mode, relative));
  }
  if (!options_.keep_times || now->modified == entry.modified) return base::Ok();
  const timespec times[] = {FromNanoseconds(entry.accessed), FromNanoseconds(entry.modified)};
  if (utimensat(directory, entry.name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return base::Ok();
  return Failed("set the times of", relative);
}

base::Status TreeCopy::DressFile(int file, const std::string& relative, const Entry& entry) {
  struct stat now {};
  if (fstat(file, &now) != 0) return Failed("stat", relative);
  if (options_.keep_owners && (now.st_uid != entry.uid || now.st_gid != entry.gid) &&
      fchown(file, entry.uid, entry.gid) != 0) {
    return Failed("give away", relative);
  }
  if (options_.keep_modes && fchmod(file, entry.mode) != 0) {
    return Failed("change the permissions of", relative);
  }
  if (!options_.keep_times) return base::Ok();
  const timespec times[] = {FromNanoseconds(entry.accessed), FromNanoseconds(entry.modified)};
  if (futimens(file, times) != 0) return Failed("set the times of", relative);
  return base::Ok();
}

base::Status TreeCopy::TakePiece(const std::string& relative, const Piece& piece) {
  const std::string draft = ScratchOf(relative);
  const Opened file(open(draft.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.ok()) return Failed("make", relative);
  std::size_t written = 0;
  while (written < piece.bytes.size()) {
    const ssize_t now =
        pwrite(file.get(), piece.bytes.data() + written, piece.bytes.size() - written,
               piece.offset + static_cast<off_t>(written));
    if (now < 0) return Failed("write", relative);
    written += static_cast<std::size_t>(now);
  }
  if (piece.last() && ftruncate(file.get(), piece.entry.size) != 0) {
    return Failed("write", relative);
  }
  return base::Ok();
}

void TreeCopy::DropFile(const std::string& relative) { unlink(ScratchOf(relative).c_str()); }

base::Status TreeCopy::PutFile(const std::string& relative, const Entry& entry) {
  const auto [parent, name] = SplitPath(relative);
  const std::string draft = ScratchOf(relative);
  {
    const Opened file(open(draft.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file.ok()) return Failed("open", relative);
    RETURN_IF_ERROR(DressFile(file.get(), relative, entry));
  }
  ASSIGN_OR_RETURN(const Opened directory, OpenIn(parent));
  const Unlocked unlocked(directory.get());
  if (renameat(AT_FDCWD, draft.c_str(), directory.get(), name.c_str()) != 0) {
    return Failed("put", relative);
  }
  ++counts_.files;
  counts_.bytes += entry.size;
  return base::Ok();
}

base::Status TreeCopy::LinkFiles() {
  for (const Link& link : links_) {
    const auto [first_parent, first_name] = SplitPath(link.first);
    const auto [parent, name] = SplitPath(link.path);
    ASSIGN_OR_RETURN(const Opened from, OpenIn(first_parent));
    ASSIGN_OR_RETURN(const Opened to, OpenIn(parent));
    auto first = LookAt(from.get(), first_name);
    // The source's next listing tells what became of it.
    if (!first.ok() || !*first) continue;
    auto now = LookAt(to.get(), name);
    if (now.ok() && *now && (*now)->inode == (*first)->inode) continue;
    const std::string draft = ScratchOf(link.path);
    unlink(draft.c_str());
    if (linkat(from.get(), first_name.c_str(), AT_FDCWD, draft.c_str(), 0) != 0) {
      return Failed("link", link.path);
    }
    const Unlocked unlocked(to.get());
    if (renameat(AT_FDCWD, draft.c_str(), to.get(), name.c_str()) != 0) {
      return Failed("put", link.path);
    }
    ++counts_.files;
  }
  links_.clear();
  return base::Ok();
}

base::Status TreeCopy::FinishDirectory(const std::string& relative, const Entry& entry) {
  ASSIGN_OR_RETURN(const Opened directory, OpenIn(relative));
  struct stat now {};
  if (fstat(directory.get(), &now) != 0) return Failed("stat", relative);
  if (options_.keep_owners && (now.st_uid != entry.uid || now.st_gid != entry.gid) &&
      fchown(directory.get(), entry.uid, entry.gid) != 0) {
    return Failed("give away", relative);
  }
  if (options_.keep_modes && fchmod(directory.get(), entry.mode) != 0) {
    return Failed("change the permissions of", relative);
  }
  if (!options_.keep_times || Nanoseconds(now.st_mtim) == entry.modified) return base::Ok();
  const timespec times[] = {FromNanoseconds(entry.accessed), FromNanoseconds(entry.modified)};
  if (futimens(directory.get(), times) != 0) return Failed("set the times of", relative);
  return base::Ok();
}

}  // namespace leeward::lab::efs

// One name of an open directory: looked at on both sides, decided, done.
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>

#include "lab/trees/metadata.h"
#include "lab/trees/worker.h"

namespace leeward::lab::trees {
namespace {

bool IsDirectory(const std::optional<Entry>& entry) {
  return entry && entry->kind == Kind::kDirectory;
}

bool Both(const Seen& seen, Kind kind) {
  return seen.source && seen.destination && seen.source->kind == kind &&
         seen.destination->kind == kind;
}

}  // namespace

void Worker::DealWith(Spot& spot, bool may_be_in_source, bool may_be_in_copy) {
  const Part part = ground_.options.filter.Judge(spot.path);
  if (part == Part::kNone || *spot.name == '\0') return;
  if (!LookAtBoth(spot, may_be_in_source, may_be_in_copy)) return;
  if (part == Part::kPassage) {
    if (spot.seen.source && !IsDirectory(spot.seen.source)) return;
    if (!spot.seen.source && !IsDirectory(spot.seen.destination)) return;
  }
  if (visit_->task.scope == Scope::kTree && spot.seen.source && part == Part::kTakes &&
      !IsDirectory(spot.seen.source) && spot.seen.source->kind != Kind::kOther)
    ++round_.listed;
  spot.doubt = DoubtOf(spot);
  if (!spot.seen.source || spot.seen.source->kind != Kind::kFile) {
    ground_.links.Forget(spot.path);
  } else if (ground_.links.Note(spot.path, spot.seen.source->inode, spot.seen.source->links)) {
    ground_.links_unknown = true;
  }
  if (CompareClosely(spot)) Act(spot);
}

bool Worker::LookAtBoth(Spot& spot, bool may_be_in_source, bool may_be_in_copy) {
  const auto look = [&](int directory, std::uint64_t device, std::optional<Entry>& into) {
    Entry entry;
    const int error = Look(directory, spot.name, entry);
    if (error == ENOENT) return true;
    if (error != 0) {
      Failed(spot.path, "cannot look at it", error);
      return false;
    }
    if (entry.device != device) {
      Say(spot.path, Why::kForeign,
          fmt::format("{}: another file system is mounted here", Printable(spot.path)));
      return false;
    }
    into = entry;
    return true;
  };
  if (may_be_in_source && !look(visit_->source.get(), ground_.source_root.device, spot.seen.source))
    return false;
  if (spot.seen.source) {
    LeaveForeignRights(*spot.seen.source);
    Withhold(*spot.seen.source);
  }
  return !may_be_in_copy ||
         look(visit_->destination.get(), ground_.destination_root.device, spot.seen.destination);
}

Doubt Worker::DoubtOf(const Spot& spot) const {
  Doubt doubt = visit_->task.floor;
  if (!spot.seen.source) return doubt;
  const bool told = visit_->task.scope == Scope::kNames;
  if (!told || (spot.named != nullptr && spot.named->origin == Origin::kShared))
    doubt = std::max(doubt, DoubtByTime(*spot.seen.source));
  if (spot.named != nullptr)
    doubt =
        std::max(doubt, spot.named->touch == Touch::kMetadata ? Doubt::kMetadata : Doubt::kContent);
  return doubt;
}

Doubt Worker::DoubtByTime(const Entry& source) const {
  const Doubt doubt = DoubtInAWalk(source, ground_.stamp);
  if (ground_.stamp || !ground_.filled_since) return doubt;
  return std::max(doubt, DoubtInAWalk(source, ground_.filled_since));
}

// What `stat` does not show. False when it could not be read.
bool Worker::CompareClosely(Spot& spot) {
  Seen& seen = spot.seen;
  if (Both(seen, Kind::kSymlink)) {
    const Target source = ReadTarget(visit_->source.get(), spot.name);
    const Target copy = ReadTarget(visit_->destination.get(), spot.name);
    seen.same_target = source.error == 0 && copy.error == 0 && source.text == copy.text;
    return true;
  }
  if (!Both(seen, Kind::kFile) || spot.doubt != Doubt::kMetadata ||
      ground_.options.attributes == Keep::kIgnored)
    return true;
  const Opened source = OpenFile(visit_->source.get(), spot.name);
  if (source.error != 0) {
    if (source.error != ENOENT) Failed(spot.path, "cannot open it", source.error);
    return false;
  }
  const Opened copy = OpenFile(visit_->destination.get(), spot.name);
  // A copy that even we may not open is made anew, so its attributes need no comparing.
  const Sameness same = copy.error != 0 ? Sameness{false, 0}
                                        : CompareAttributes(source.handle.get(), copy.handle.get());
  if (same.error != 0) {
    Failed(spot.path, "cannot read the attributes", same.error);
    return false;
  }
  seen.same_attributes = same.same;
  return true;
}

void Worker::Act(Spot& spot) {
  const std::optional<Entry>& source = spot.seen.source;
  const bool shared = source && source->kind == Kind::kFile && source->links > 1;
  if (shared && (OthersComeFirst(spot) || FollowLeader(spot))) return;
  const Action action = Decide(spot.seen, spot.doubt, ground_.options);
  if (action != Action::kNothing && action != Action::kLeave) CountReverted(spot);
  if (action == Action::kLeave) {
    // A directory that stays as it is still has names in it to look at.
    if (Both(spot.seen, Kind::kDirectory)) return Descend(spot);
    ++round_.left;
    return;
  }
  if (source && !IsDirectory(source) && IsDirectory(spot.seen.destination) &&
      action != Action::kRefuse && action != Action::kRefuseAndRemove &&
      (!ground_.options.filter.empty() || ground_.losses != nullptr))
    return MakeWay(spot);
  if (!TellLoss(spot, action) || !KeepWithheld(spot, action)) return;
  ActOn(spot, action);
  if (shared && !job_ && (action == Action::kNothing || action == Action::kFixMetadata))
    ground_.links.Lead(source->inode, spot.path);
}

// What stays is kept here; what is made anew, when it is made; a directory at its end.
bool Worker::KeepWithheld(const Spot& spot, Action action) {
  if (!Both(spot.seen, Kind::kFile)) return true;
  if (action != Action::kNothing && action != Action::kFixMetadata) return true;
  const int error = KeepOf(spot.seen.destination->inode, *spot.seen.source);
  if (error != 0) Failed(spot.path, "cannot keep the permissions", error);
  return error == 0;
}

// Of what gives way to another kind, or leads elsewhere. A file's bytes are compared when the
// others are there; what is removed is told by who removes it.
bool Worker::TellLoss(const Spot& spot, Action action) {
  if (ground_.losses == nullptr || !spot.seen.source || !spot.seen.destination) return true;
  const bool replaces = action == Action::kMakeDirectory || action == Action::kMakeSymlink ||
                        action == Action::kTakeContent;
  if (!replaces || Both(spot.seen, Kind::kFile)) return true;
  if (spot.seen.source->kind != spot.seen.destination->kind) return MayRemove(spot.path);
  const base::Status told = ground_.losses->Overwrites(spot.path);
  if (!told.ok()) Say(spot.path, Why::kFailed, told.error().message());
  return told.ok();
}

void Worker::CountReverted(const Spot& spot) {
  if (spot.named == nullptr || spot.named->origin != Origin::kDestination) return;
  ++round_.reverted;
  if (round_.reverted_paths.size() < ground_.options.named_troubles)
    round_.reverted_paths.push_back(spot.path);
}

// A file comes where a directory is, in which there may be what the filter keeps out of this: what
// takes part goes, and if nothing else was in it, the file comes.
void Worker::MakeWay(const Spot& spot) {
  if (visit_->task.cleared)
    return Say(spot.path, Why::kFailed,
               fmt::format("{}: in its place is a directory with what the filter leaves out",
                           Printable(spot.path)));
  Task again;
  again.scope = Scope::kNames;
  again.cleared = true;
  again.path = visit_->task.path;
  again.names.push_back({spot.name, Touch::kContent, Origin::kSource});
  Push(std::move(again));
  Remove(spot);
}

void Worker::ActOn(Spot& spot, Action action) {
  switch (action) {
    case Action::kNothing:
      if (IsDirectory(spot.seen.source)) Descend(spot);
      return;
    case Action::kFixMetadata:
      // A directory's is mended when everything in it is done.
      return IsDirectory(spot.seen.source) ? Descend(spot) : FixMetadata(spot);
    case Action::kTakeContent:
      return StartFile(spot);
    case Action::kMakeDirectory:
      return MakeDirectory(spot);
    case Action::kMakeSymlink:
      return MakeSymlink(spot);
    case Action::kRemove:
      return Remove(spot);
    case Action::kRefuse:
    case Action::kRefuseAndRemove:
      Say(spot.path, Why::kKind,
          fmt::format("{}: a pipe, socket or device is not copied", Printable(spot.path)));
      if (action == Action::kRefuseAndRemove) Remove(spot);
      return;
    case Action::kLeave:
      return;
  }
}

void Worker::Descend(const Spot& spot) {
  Task task;
  task.path = spot.path;
  task.floor = visit_->task.floor;
  const bool arrived = spot.named != nullptr && spot.named->touch == Touch::kTree;
  const bool unknown = ground_.on_source && !ground_.on_source->changes().IsWatched(spot.path);
  if (visit_->task.scope != Scope::kTree) {
    if (arrived || unknown) {
      task.floor = Doubt::kContent;
    } else {
      task.scope = Scope::kNames;  // of which there are none: its own metadata
    }
  }
  Push(std::move(task));
}

// A name was added to an inode that has known names, and nothing has said that those changed. They
// are looked at before this one, so that one of them leads.
bool Worker::OthersComeFirst(const Spot& spot) {
  const std::uint64_t inode = spot.seen.source->inode;
  if (round_.walk != Walk::kNone || ground_.links.Leader(inode) != nullptr) return false;
  const std::vector<std::string> others = ground_.links.Others(spot.path);
  if (others.empty() || !ground_.links.Defer(inode)) return false;
  const auto push = [this](const std::string& path, Touch touch, Origin origin) {
    auto [parent, name] = Split(path);
    Task task;
    task.scope = Scope::kNames;
    task.path = std::move(parent);
    task.names.push_back({std::move(name), touch, origin});
    Push(std::move(task));
  };
  push(spot.path, Touch::kContent, Origin::kSource);
  for (const std::string& other : others) push(other, Touch::kMetadata, Origin::kShared);
  return true;
}

// Names of one inode are names of one inode in the copy as well. The first that a round meets
// leads: it is copied as any file; the others become names of its copy.
bool Worker::FollowLeader(Spot& spot) {
  const std::string* leader = ground_.links.Leader(spot.seen.source->inode);
  if (leader == nullptr) return false;
  if (*leader == spot.path) return true;  // done; taking it again would part it from the others
  const Options& options = ground_.options;
  if (spot.seen.destination && options.overwrite == Overwrite::kNever) return false;
  if (IsDirectory(spot.seen.destination) &&
      (options.deletions == Deletions::kPreserve || !options.filter.empty()))
    return false;
  const std::uint64_t links = round_.hard_links;
  const int error = Link(spot, *leader);
  if (error == ENOENT || error == EMLINK || error == ENOTDIR) return false;  // copied by itself
  if (error != 0) {
    Failed(spot.path, "cannot link it", error);
  } else if (round_.hard_links != links) {
    CountReverted(spot);
  }
  return true;
}

int Worker::Link(const Spot& spot, std::string_view leader) {
  const auto [parent, name] = Split(leader);
  const bool beside = parent == visit_->task.path;  // which may not have come to its place yet
  const Opened above = beside ? Opened{} : OpenDirectory(ground_.destination.get(), parent);
  if (above.error != 0) return above.error;
  const int folder = beside ? visit_->destination.get() : above.handle.get();
  Entry entry;
  if (const int error = Look(folder, name.c_str(), entry); error != 0) return error;
  if (entry.kind != Kind::kFile) return ENOENT;
  if (spot.seen.destination && spot.seen.destination->inode == entry.inode) return 0;
  const std::string made = ground_.staging->NextName();
  if (::linkat(folder, name.c_str(), ground_.staging->folder(), made.c_str(), 0) != 0) return errno;
  const int error = Publish(made, spot.name, IsDirectory(spot.seen.destination), Kind::kFile);
  // A rename over a name of the same inode does nothing at all.
  static_cast<void>(ground_.staging->Remove(made));
  if (error == 0) ++round_.hard_links;
  return error;
}

void Worker::MakeDirectory(const Spot& spot) {
  // Where others' things may give way, each step of that is told or undone by itself.
  if (!spot.seen.destination && ground_.losses == nullptr) return MakeDirectoryAside(spot);
  const std::string made = ground_.staging->NextName();
  int error = ::mkdirat(ground_.staging->folder(), made.c_str(), 0700) == 0 ? 0 : errno;
  if (error == 0) {
    Opened opened;
    if (ground_.withheld != nullptr) opened = OpenDirectory(ground_.staging->folder(), made);
    error = opened.error;
    if (error == 0)
      error = Publish(made, spot.name, IsDirectory(spot.seen.destination), Kind::kDirectory);
    if (error != 0) static_cast<void>(ground_.staging->Remove(made));
    // Closed to all but reading from its first moment on; it could not have moved like that.
    if (error == 0 && ground_.withheld != nullptr &&
        ::fchmod(opened.handle.get(), S_IRUSR | S_IXUSR) != 0)
      error = errno;
  }
  if (error != 0) return Failed(spot.path, "cannot make the directory", error);
  ++round_.directories;
  Task task;
  task.path = spot.path;
  task.floor = Doubt::kContent;
  task.fresh = true;
  Push(std::move(task));
}

void Worker::MakeSymlink(const Spot& spot) {
  const Target target = ReadTarget(visit_->source.get(), spot.name);
  if (target.error == ENOENT || target.error == EINVAL) return;  // another thing by now
  if (target.error != 0) return Failed(spot.path, "cannot read the link", target.error);
  const std::string made = ground_.staging->NextName();
  const int folder = ground_.staging->folder();
  int error = ::symlinkat(target.text.c_str(), folder, made.c_str()) == 0 ? 0 : errno;
  if (error == 0)
    error = ApplyMetadataToLink(folder, made.c_str(), *spot.seen.source, Mine(Kind::kSymlink),
                                ground_.options);
  if (error == 0)
    error = Publish(made, spot.name, IsDirectory(spot.seen.destination), Kind::kSymlink);
  if (error != 0) {
    static_cast<void>(ground_.staging->Remove(made));
    return Failed(spot.path, "cannot make the link", error);
  }
  ++round_.symlinks;
}

void Worker::FixMetadata(Spot& spot) {
  const Entry& source = *spot.seen.source;
  if (source.kind == Kind::kSymlink) {
    const int error = ApplyMetadataToLink(visit_->destination.get(), spot.name, source,
                                          *spot.seen.destination, ground_.options);
    if (error != 0) return Failed(spot.path, "cannot set the metadata", error);
    ++round_.metadata;
    return;
  }
  const Opened copy = OpenFile(visit_->destination.get(), spot.name);
  if (copy.error == EACCES) return StartFile(spot);  // its own permissions shut us out
  Entry now;
  int error = copy.error != 0 ? copy.error : LookAt(copy.handle.get(), now);
  if (error == 0 && now.inode != spot.seen.destination->inode) error = ESTALE;
  if (error == 0 && !spot.seen.same_attributes) {
    const Opened from = OpenFile(visit_->source.get(), spot.name);
    if (from.error == ENOENT) return;
    error = from.error != 0 ? from.error : CopyAttributes(from.handle.get(), copy.handle.get());
    if (error == EACCES) return StartFile(spot);
  }
  if (error == 0) error = ApplyMetadata(copy.handle.get(), source, now, ground_.options);
  if (error != 0) return Failed(spot.path, "cannot set the metadata", error);
  ++round_.metadata;
}

void Worker::Remove(const Spot& spot) {
  if (!IsDirectory(spot.seen.destination)) {
    if (!MayRemove(spot.path)) return;
    Expect(spot.path, IN_DELETE);
    const int error = WithAccess(
        [&] { return ::unlinkat(visit_->destination.get(), spot.name, 0) == 0 ? 0 : errno; });
    if (error != 0 && error != ENOENT) return Failed(spot.path, "cannot remove the copy", error);
    ++round_.removed;
    return;
  }
  ground_.links.ForgetBelow(spot.path);
  if (!ground_.options.filter.empty() || ground_.losses != nullptr) {
    Task after;  // what this one is in has other times then
    after.scope = Scope::kNames;
    after.path = visit_->task.path;
    Push(std::move(after));
    Task task;
    task.what = Task::What::kRemoveRest;
    task.path = spot.path;
    return Push(std::move(task));
  }
  Expect(spot.path, IN_MOVED_FROM);
  const int error =
      WithAccess([&] { return ground_.staging->Discard(visit_->destination.get(), spot.name); });
  if (error != 0 && error != ENOENT)
    return Failed(spot.path, "cannot remove the copy of the directory", error);
  ++round_.removed;
}

}  // namespace leeward::lab::trees

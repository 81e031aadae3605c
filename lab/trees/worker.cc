#include "lab/trees/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>

#include "lab/trees/metadata.h"
#include "lab/trees/unlocked.h"

namespace leeward::lab::trees {
namespace {

// What a name with its metadata costs on the way.
constexpr std::uint64_t kBytesOfAName = 256;
constexpr std::uint32_t kOwnerAll = 0700;
constexpr std::uint32_t kFileMode = 0644;
constexpr std::uint32_t kDirectoryMode = 0755;

Why WhyOf(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Why::kDenied;
    case ENOSPC:
    case EDQUOT:
      return Why::kNoRoom;
    case EXDEV:
      return Why::kForeign;
    default:
      return Why::kFailed;
  }
}

}  // namespace

Turn Worker::Step() {
  round_.waits_for.clear();
  entries_left_ = ground_.options.entries_a_step;
  bytes_left_ = ground_.options.bytes_a_step;
  while (entries_left_ > 0 && bytes_left_ > 0) {
    if (!job_ && !visit_ && tasks_.empty()) {
      if (!ground_.staging->EmptyTrash(entries_left_)) return Turn::kMore;
      if (ground_.options.verify != Verify::kEverything || verifying_) return Turn::kDone;
      verifying_ = round_.verifying = true;
      Task task;
      task.what = Task::What::kVerify;
      Push(std::move(task));
    }
    if (Advance() == Pace::kWait) return Turn::kWaiting;
  }
  return Turn::kMore;
}

Worker::Pace Worker::Advance() {
  if (job_) return RunJob();
  if (visit_) return NextName();
  StartTask();
  return Pace::kOn;
}

Worker::Pace Worker::Pay(std::uint64_t bytes) {
  if (ground_.channel == nullptr) return Pace::kOn;
  if (credit_ < bytes) {
    const auto more = ground_.channel->Take(bytes - credit_);
    if (!more.ok()) {
      round_.waits_for = more.error().message();
      return Pace::kWait;
    }
    credit_ += *more;
  }
  if (credit_ < bytes) {
    round_.waits_for = "room on the way";
    return Pace::kWait;
  }
  credit_ -= bytes;
  return Pace::kOn;
}

void Worker::StartTask() {
  Task task = std::move(tasks_.back());
  tasks_.pop_back();
  --entries_left_;
  switch (task.what) {
    case Task::What::kVisit:
    case Task::What::kVerify:
      return StartVisit(std::move(task));
    case Task::What::kRemoveRest:
      return RemoveRest(task);
    case Task::What::kRemoveDirectory:
      return RemoveDirectory(task);
  }
}

void Worker::StartVisit(Task task) {
  Visit visit;
  visit.task = std::move(task);
  const std::string& path = visit.task.path;
  Opened source = OpenDirectory(ground_.source.get(), path);
  // Gone since it was seen: its parent has told, or the next walk will.
  if (Gone(source.error)) return;
  if (source.error != 0) return Missed(visit.task, "cannot open the directory", source.error);
  visit.source = std::move(source.handle);
  if (ground_.on_source) ground_.on_source->Add(path, visit.source.get());
  if (const int error = LookAt(visit.source.get(), visit.entry); error != 0)
    return Missed(visit.task, "cannot look at the directory", error);
  Withhold(visit.entry);
  const Extent extent = visit.task.scope == Scope::kTree ? Extent::kAll : Extent::kSome;
  if (visit.task.what == Task::What::kVisit && !visit.task.metadata_only &&
      !ground_.book.Met(path, visit.entry.inode, extent) && ground_.stamp)
    visit.task.floor = Doubt::kContent;
  if (visit.task.aside ? !OpenAside(visit) : !OpenCopy(visit)) return;
  if (!ReadNames(visit)) {
    if (!visit.made.empty()) static_cast<void>(ground_.staging->Remove(visit.made));
    return;
  }
  visit_ = std::move(visit);
}

bool Worker::OpenCopy(Visit& visit) {
  const std::string& path = visit.task.path;
  Opened copy = OpenDirectory(ground_.destination.get(), path);
  if (Gone(copy.error) && !path.empty() && visit.task.what == Task::What::kVisit) {
    // Somebody took the copy away, or it was never made.
    MakeAgain(path);
    return false;
  }
  if (copy.error == EACCES) {
    // Ours, but closed even to us by the permissions it has from its source.
    auto [parent, name] = Split(path);
    const Opened above = OpenDirectory(ground_.destination.get(), parent);
    if (above.error == 0) MakeAccessible(above.handle.get(), name.c_str());
    copy = OpenDirectory(ground_.destination.get(), path);
  }
  if (copy.error != 0) {
    Missed(visit.task, "cannot open the copy of the directory", copy.error);
    return false;
  }
  visit.destination = std::move(copy.handle);
  if (ground_.on_destination) ground_.on_destination->Add(path, visit.destination.get());
  return true;
}

// Its parent makes it.
void Worker::MakeAgain(const std::string& path) {
  auto [parent, name] = Split(path);
  Task again;
  again.scope = Scope::kNames;
  again.path = std::move(parent);
  again.names.push_back({std::move(name), Touch::kTree, Origin::kSource});
  Push(std::move(again));
}

bool Worker::ReadNames(Visit& visit) {
  if (visit.task.scope == Scope::kNames) return true;
  int error = visit.from.Read(visit.source.get());
  if (error == 0 && !visit.task.fresh) error = visit.to.Read(visit.destination.get());
  if (error != 0) Missed(visit.task, "cannot list the directory", error);
  return error == 0;
}

Worker::Pace Worker::NextName() {
  Visit& visit = *visit_;
  if (IsFullAside() && !BringIn()) {
    visit_.reset();
    return Pace::kOn;
  }
  if (visit.next_from >= visit.from.size() && visit.next_to >= visit.to.size() &&
      (visit.task.scope != Scope::kNames || visit.next_named >= visit.task.names.size())) {
    EndVisit();
    return Pace::kOn;
  }
  if (Pay(kBytesOfAName) == Pace::kWait) return Pace::kWait;
  --entries_left_;
  ++round_.looked_at;
  Spot spot;
  bool in_source = true;
  bool in_copy = true;
  if (visit.task.scope == Scope::kNames) {
    spot.named = &visit.task.names[visit.next_named++];
    spot.name = spot.named->name.c_str();
  } else {
    const bool more_from = visit.next_from < visit.from.size();
    const bool more_to = visit.next_to < visit.to.size();
    const int order = !more_from ? 1
                      : !more_to
                          ? -1
                          : ::strcmp(visit.from.at(visit.next_from), visit.to.at(visit.next_to));
    in_source = order <= 0;
    in_copy = order >= 0;
    spot.name = in_source ? visit.from.at(visit.next_from) : visit.to.at(visit.next_to);
    visit.next_from += in_source ? 1 : 0;
    visit.next_to += in_copy ? 1 : 0;
    const auto named = std::lower_bound(
        visit.task.names.begin(), visit.task.names.end(), std::string_view(spot.name),
        [](const Named& left, std::string_view right) { return left.name < right; });
    if (named != visit.task.names.end() && named->name == spot.name) spot.named = &*named;
  }
  spot.path = Join(visit.task.path, spot.name);
  if (visit.task.what == Task::What::kVerify) {
    VerifyName(spot, in_source, in_copy);
  } else {
    DealWith(spot, in_source, in_copy);
  }
  return Pace::kOn;
}

void Worker::EndVisit() {
  const bool stands = visit_->made.empty() || BringIn();
  if (stands && visit_->task.what == Task::What::kVisit && !visit_->finish_later)
    FinishDirectory(*visit_);
  visit_.reset();
}

void Worker::FinishDirectory(Visit& visit) {
  const Options& options = ground_.options;
  const std::string& path = visit.task.path;
  Entry now;
  if (const int error = LookAt(visit.destination.get(), now); error != 0)
    return Failed(path, "cannot look at the copy", error);
  const bool as_it_was = !visit.task.fresh && options.overwrite == Overwrite::kNever;
  if (visit.closed_mode && (options.permissions == Keep::kIgnored || as_it_was) &&
      ::fchmod(visit.destination.get(), *visit.closed_mode) != 0)
    return Failed(path, "cannot restore the permissions", errno);
  if (as_it_was) return;
  const bool doubted = visit.task.fresh || visit.task.scope != Scope::kTree ||
                       DoubtByTime(visit.entry) != Doubt::kNone;
  bool changed = false;
  if (options.attributes == Keep::kKept && doubted) {
    const Sameness same = CompareAttributes(visit.source.get(), visit.destination.get());
    const int error = same.error != 0 ? same.error
                      : same.same
                          ? 0
                          : WithAccess([&] {
                              return CopyAttributes(visit.source.get(), visit.destination.get());
                            });
    if (error != 0) return Failed(path, "cannot copy the attributes", error);
    changed = !same.same;
  }
  const Entry wanted = visit.task.fresh ? Wanted(visit.entry) : visit.entry;
  Options how = options;
  if (visit.task.fresh) how.permissions = Keep::kKept;
  if (const int error = KeepOf(now.inode, wanted); error != 0)
    return Failed(path, "cannot keep the permissions", error);
  if (!changed && SameMetadata(wanted, now, how)) return;
  if (const int error = ApplyMetadata(visit.destination.get(), wanted, now, how); error != 0)
    return Failed(path, "cannot set the metadata", error);
  if (!visit.task.fresh) ++round_.metadata;
}

// A directory that the source no longer has, with things in it that are not ours to remove.
void Worker::RemoveRest(const Task& task) {
  const Opened copy = OpenDirectory(ground_.destination.get(), task.path);
  if (Gone(copy.error)) return;
  Names names;
  const int error = copy.error != 0 ? copy.error : names.Read(copy.handle.get());
  if (error != 0) return Failed(task.path, "cannot open the copy of the directory", error);
  if (ground_.options.filter.Judge(task.path) == Part::kTakes) {
    Task last;
    last.what = Task::What::kRemoveDirectory;
    last.path = task.path;
    Push(std::move(last));
  }
  const Unlocked unlocked(copy.handle.get());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string path = Join(task.path, names.at(i));
    const Part part = ground_.options.filter.Judge(path);
    Entry entry;
    if (part == Part::kNone || Look(copy.handle.get(), names.at(i), entry) != 0) continue;
    if (entry.kind == Kind::kDirectory) {
      Task inside;
      inside.what = Task::What::kRemoveRest;
      inside.path = path;
      Push(std::move(inside));
      continue;
    }
    if (part != Part::kTakes || !MayRemove(path)) continue;
    Expect(path, IN_DELETE);
    if (::unlinkat(copy.handle.get(), names.at(i), 0) != 0) {
      Failed(path, "cannot remove the copy", errno);
    } else {
      ++round_.removed;
    }
  }
}

void Worker::RemoveDirectory(const Task& task) {
  const auto [parent, name] = Split(task.path);
  const Opened above = OpenDirectory(ground_.destination.get(), parent);
  if (above.error != 0 || !MayRemove(task.path)) return;
  const Unlocked unlocked(above.handle.get());
  Expect(task.path, IN_DELETE);
  // What is not empty holds what the filter keeps out of it.
  if (::unlinkat(above.handle.get(), name.c_str(), AT_REMOVEDIR) == 0) {
    ++round_.removed;
  } else if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT) {
    Failed(task.path, "cannot remove the copy of the directory", errno);
  }
}

int Worker::Publish(const std::string& made, const char* name, bool over_directory, Kind kind) {
  const std::string path = Join(visit_->task.path, name);
  if (visit_->made.empty()) {  // what is aside is not watched
    Expect(path, IN_MOVED_TO);
    if (over_directory != (kind == Kind::kDirectory)) Expect(path, IN_MOVED_FROM);
  }
  return WithAccess(
      [&] { return ground_.staging->Publish(made, visit_->destination.get(), name); });
}

bool Worker::OpenUp() {
  Entry now;
  if (LookAt(visit_->destination.get(), now) != 0 || (now.mode & kOwnerAll) == kOwnerAll)
    return false;
  if (::fchmod(visit_->destination.get(), now.mode | kOwnerAll) != 0) return false;
  if (!visit_->closed_mode) visit_->closed_mode = now.mode;
  return true;
}

void Worker::CloseAgain() {
  // Otherwise its own end, or the next walk, does it.
  if (visit_->closed_mode)
    static_cast<void>(::fchmod(visit_->destination.get(), *visit_->closed_mode));
}

bool Worker::MayRemove(const std::string& path) {
  if (ground_.losses == nullptr) return true;
  const base::Status told = ground_.losses->Removes(path);
  if (!told.ok()) Say(path, Why::kFailed, told.error().message());
  return told.ok();
}

void Worker::Say(const std::string& path, Why why, std::string text) {
  ++round_.troubles_seen;
  if (why == Why::kDiffers) ++round_.differ;
  if (HoldsBack(why)) {
    held_back_ = true;
    if (ground_.on_source) {
      const auto [parent, name] = Split(path);
      ground_.on_source->changes().Mark(parent, name, Touch::kContent);
    }
  }
  if (round_.troubles.size() < ground_.options.named_troubles)
    round_.troubles.push_back({path, why, std::move(text)});
}

void Worker::Failed(const std::string& path, std::string_view what, int error) {
  Say(path, WhyOf(error), fmt::format("{}: {}: {}", Printable(path), what, ::strerror(error)));
}

// A directory was not looked into, so that all that was to be looked at in it still is.
void Worker::Missed(const Task& task, std::string_view what, int error) {
  Failed(task.path, what, error);
  if (!ground_.on_source || !HoldsBack(WhyOf(error))) return;
  ChangeSet& changes = ground_.on_source->changes();
  if (task.scope == Scope::kNames) {
    for (const Named& named : task.names) changes.Mark(task.path, named.name, named.touch);
  } else if (task.path.empty()) {
    root_missed_ = true;
  } else {
    const auto [parent, name] = Split(task.path);
    changes.Mark(parent, name, Touch::kTree);
  }
}

void Worker::Expect(const std::string& path, std::uint32_t mask) {
  if (ground_.on_destination) ground_.on_destination->changes().Expect(path, mask);
}

Entry Worker::Mine(Kind kind) const {
  Entry entry;
  entry.kind = kind;
  entry.mode = kind == Kind::kDirectory ? 0700 : 0600;
  entry.uid = ground_.user;
  entry.gid = ground_.group;
  return entry;
}

// Set-id bits lend the owner's rights. Where he is not kept they would lend ours.
void Worker::LeaveForeignRights(Entry& source) const {
  const Options& options = ground_.options;
  if (source.kind != Kind::kFile) return;
  if (options.owner == Keep::kIgnored && source.uid != ground_.user)
    source.mode &= ~std::uint32_t{S_ISUID};
  if (options.group == Keep::kIgnored && source.gid != ground_.group)
    source.mode &= ~std::uint32_t{S_ISGID};
}

void Worker::Withhold(Entry& source) const {
  if (ground_.withheld == nullptr || source.kind == Kind::kSymlink) return;
  source.withheld = source.mode & Withheld::kBits;
  source.mode &= ~Withheld::kBits;
}

int Worker::KeepOf(std::uint64_t inode, const Entry& source) {
  if (ground_.withheld == nullptr) return 0;
  return ground_.withheld->Keep(inode, source.mode | source.withheld);
}

Entry Worker::Wanted(const Entry& source) const {
  Entry wanted = source;
  if (ground_.options.permissions == Keep::kIgnored) {
    wanted.mode = source.kind == Kind::kDirectory ? kDirectoryMode : kFileMode;
    Withhold(wanted);
  }
  return wanted;
}

}  // namespace leeward::lab::trees

#include "lab/trees/replica.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <iterator>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/check.h"
#include "lab/trees/worker.h"

namespace leeward::lab::trees {
namespace {

constexpr std::string_view kStateTitle = "leeward-trees 1";
constexpr std::string_view kFilling = "filling since";

bool Same(const Entry& left, const Entry& right) {
  return left.inode == right.inode && left.device == right.device;
}

// True when `directory` is `above` or somewhere in it.
base::Result<bool> IsIn(const std::string& directory, const std::string& above) {
  ASSIGN_OR_RETURN(const Handle top, OpenRoot(above));
  ASSIGN_OR_RETURN(Handle at, OpenRoot(directory));
  Entry wanted;
  Entry here;
  Entry before;
  if (LookAt(top.get(), wanted) != 0 || LookAt(at.get(), here) != 0)
    return base::Exhausted(fmt::format("{}: {}", Printable(directory), ::strerror(errno)));
  for (;;) {
    if (Same(here, wanted)) return true;
    before = here;
    at = Handle(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid() || LookAt(at.get(), here) != 0)
      return base::Exhausted(fmt::format("above {}: {}", Printable(directory), ::strerror(errno)));
    if (Same(here, before)) return false;  // the root is above itself
  }
}

base::Status KeepApart(const std::string& left, const std::string& right) {
  for (const auto& [inner, outer] : {std::pair(left, right), std::pair(right, left)}) {
    ASSIGN_OR_RETURN(const bool inside, IsIn(inner, outer));
    if (inside)
      return base::Invalid(fmt::format("{} is in {}: a tree cannot be copied into itself",
                                       Printable(inner), Printable(outer)));
  }
  return base::Ok();
}

// Before the folder is made: not in one of the trees.
base::Status KeepOut(const std::string& folder, std::initializer_list<std::string> trees) {
  const std::string trimmed = folder.substr(0, folder.find_last_not_of('/') + 1);
  const std::string above = Split(trimmed.starts_with('/') ? trimmed : "./" + trimmed).first;
  for (const std::string& tree : trees) {
    ASSIGN_OR_RETURN(const bool inside, IsIn(above.empty() ? "/" : above, tree));
    if (inside)
      return base::Invalid(
          fmt::format("{} is in {}: it would show there", Printable(folder), Printable(tree)));
  }
  return base::Ok();
}

// One of the two lists of names; a name that is in both has changed at the source.
void Merge(std::vector<DirtyDirectory> dirty, Origin origin, std::vector<Task>& tasks) {
  for (DirtyDirectory& directory : dirty) {
    Task task;
    task.path = std::move(directory.path);
    task.scope = directory.all ? Scope::kListed : Scope::kNames;
    for (auto& [name, touch] : directory.names)
      task.names.push_back({std::move(name), touch, origin});
    tasks.push_back(std::move(task));
  }
}

std::vector<Task> Joined(std::vector<Task> tasks) {
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& left, const Task& right) { return left.path < right.path; });
  std::vector<Task> joined;
  for (Task& task : tasks) {
    if (joined.empty() || joined.back().path != task.path) {
      joined.push_back(std::move(task));
      continue;
    }
    Task& into = joined.back();
    if (task.scope == Scope::kListed) into.scope = Scope::kListed;
    std::move(task.names.begin(), task.names.end(), std::back_inserter(into.names));
  }
  for (Task& task : joined) {
    auto& names = task.names;
    std::stable_sort(names.begin(), names.end(),
                     [](const Named& left, const Named& right) { return left.name < right.name; });
    std::vector<Named> once;
    for (Named& named : names) {
      if (once.empty() || once.back().name != named.name) {
        once.push_back(std::move(named));
      } else {
        once.back().touch = std::max(once.back().touch, named.touch);
        once.back().origin = std::min(once.back().origin, named.origin);
      }
    }
    names = std::move(once);
  }
  return joined;
}

// A file that was written under one of its names has changed under all of them. Each name comes
// once, however many of them were told: a file may have tens of thousands.
std::vector<std::pair<std::string, Named>> UnderOtherNames(const std::vector<Task>& tasks,
                                                           const Links& links) {
  struct Told {
    std::string first;
    bool several = false;
    Touch touch = Touch::kMetadata;
  };
  std::map<std::uint64_t, Told> inodes;
  for (const Task& task : tasks) {
    for (const Named& named : task.names) {
      std::string path = Join(task.path, named.name);
      const auto inode = links.InodeOf(path);
      if (!inode) continue;
      const auto [at, is_new] = inodes.try_emplace(*inode);
      Told& told = at->second;
      told.touch = std::max(told.touch, named.touch);
      told.several = told.several || (!is_new && told.first != path);
      if (is_new) told.first = std::move(path);
    }
  }
  std::vector<std::pair<std::string, Named>> names;
  for (const auto& [inode, told] : inodes) {
    for (const std::string& path : links.NamesOf(inode)) {
      if (path == told.first && !told.several) continue;
      auto [parent, name] = Split(path);
      names.emplace_back(std::move(parent), Named{std::move(name), told.touch, Origin::kSource});
    }
  }
  return names;
}

// A directory in which something changed at the source has another time there, and its copy was
// last touched by ourselves: no difference between both is anybody else's doing.
void BlameTheSource(std::vector<Task>& tasks) {
  std::set<std::string> changed;
  for (const Task& task : tasks) {
    if (std::any_of(task.names.begin(), task.names.end(),
                    [](const Named& named) { return named.origin == Origin::kSource; }))
      changed.insert(task.path);
  }
  for (Task& task : tasks) {
    for (Named& named : task.names) {
      if (changed.contains(Join(task.path, named.name))) named.origin = Origin::kSource;
    }
  }
}

}  // namespace

class Replica::Impl {
 public:
  Impl(const ports::Clock& clock, std::string identity)
      : clock_(clock), identity_(std::move(identity)) {}

  void Begin();
  Turn Step();
  void Listen();
  bool Changed();
  bool Stands() const;
  void ReadState();

  Places places;
  Ground ground;
  Round round;
  bool owners_kept = true;
  bool running = false;
  bool asked = false;
  bool empty = false;  // the destination, when it was opened
  std::optional<base::WallTime> instant;

 private:
  Walk WhyWalk() const;
  void PushChanges();
  void PushWalk();
  void Finish();
  std::string Title() const { return fmt::format("{}\n{}\n", kStateTitle, identity_); }

  const ports::Clock& clock_;
  const std::string identity_;
  std::optional<Worker> worker_;
  std::int64_t began_ = 0;  // by the file systems' time
  bool known_ = false;      // a walk has been everywhere, and every directory is watched
};

void Replica::Impl::Listen() {
  for (Watcher* watcher : {ground.on_source.get(), ground.on_destination.get()}) {
    if (watcher == nullptr) continue;
    watcher->Listen();
    // Events are there before the call that caused them ends: what was expected has come.
    watcher->changes().ForgetExpected();
  }
}

Walk Replica::Impl::WhyWalk() const {
  if (!ground.on_source) return Walk::kNoWatches;
  if (!known_) return Walk::kStart;
  for (const Watcher* watcher : {ground.on_source.get(), ground.on_destination.get()}) {
    if (watcher == nullptr) continue;
    if (!watcher->usable()) return Walk::kNoWatches;
    if (watcher->changes().lost()) return Walk::kOverflow;
  }
  if (asked) return Walk::kAsked;
  return ground.links_unknown ? Walk::kLinks : Walk::kNone;
}

void Replica::Impl::Begin() {
  CHECK(!running);
  running = true;
  began_ = ground.staging->Stamp();
  round = Round();
  round.instant = clock_.Now();
  round.owners_kept = owners_kept;
  Listen();
  round.walk = WhyWalk();
  if (empty && !ground.stamp && !ground.filled_since) {
    ground.filled_since = began_;
    static_cast<void>(
        ground.staging->WriteState(fmt::format("{}{} {}\n", Title(), kFilling, began_)));
  }
  worker_.emplace(ground, round);
  ground.links.BeginRound();
  if (round.walk == Walk::kNone) {
    PushChanges();
  } else {
    PushWalk();
  }
}

void Replica::Impl::PushWalk() {
  for (Watcher* watcher : {ground.on_source.get(), ground.on_destination.get()}) {
    if (watcher == nullptr) continue;
    if (!watcher->usable()) round.walk_detail = ::strerror(watcher->refused());
    if (!watcher->usable() || watcher->changes().lost()) watcher->Reset();
    watcher->changes().Take();  // all of it is looked at
  }
  asked = false;
  ground.links_unknown = false;
  ground.links = Links();
  ground.book.BeginWalk();
  if (ground.withheld != nullptr) ground.withheld->BeginWalk();
  worker_->Push(Task());
}

void Replica::Impl::PushChanges() {
  ChangeSet& changes = ground.on_source->changes();
  std::vector<Task> tasks;
  Merge(changes.Take(), Origin::kSource, tasks);
  if (ground.on_destination)
    Merge(ground.on_destination->changes().Take(), Origin::kDestination, tasks);
  std::vector<std::pair<std::string, Named>> more = UnderOtherNames(tasks, ground.links);
  for (const std::string& shared : ground.links.SharedWithTheOutside()) {
    auto [parent, name] = Split(shared);
    more.emplace_back(std::move(parent), Named{std::move(name), Touch::kMetadata, Origin::kShared});
  }
  for (auto& [parent, named] : more) {
    Task task;
    task.scope = Scope::kNames;
    task.path = parent;
    task.names.push_back(std::move(named));
    tasks.push_back(std::move(task));
  }
  tasks = Joined(std::move(tasks));
  BlameTheSource(tasks);
  // The last is done first: parents before what is in them.
  for (auto task = tasks.rbegin(); task != tasks.rend(); ++task) worker_->Push(std::move(*task));
}

Turn Replica::Impl::Step() {
  CHECK(running);
  Listen();
  const Turn turn = worker_->Step();
  if (turn == Turn::kDone) Finish();
  return turn;
}

void Replica::Impl::Finish() {
  running = false;
  round.over = true;
  round.complete = !worker_->held_back();
  if (!Stands()) {
    round.complete = false;
    ++round.troubles_seen;
    round.troubles.push_back(
        {"", Why::kFailed,
         fmt::format("{} or {} is another directory by now, or none", Printable(places.source),
                     Printable(places.destination))});
  }
  if (round.walk != Walk::kNone) {
    known_ = true;
    ground.links.WalkEnded();
    ground.links_unknown = false;
    if (round.complete) {
      ground.book.EndWalk();
      if (ground.withheld != nullptr) ground.withheld->EndWalk();
      ground.staging->SweepPartials();
    }
  }
  if (worker_->root_missed()) known_ = false;
  worker_.reset();
  if (!round.complete) return;
  ground.book.Settle();
  ground.stamp = began_;
  instant = round.instant;
  // A state that cannot be written makes the next start look more closely, no more.
  static_cast<void>(ground.staging->WriteState(
      fmt::format("{}{} {}\n", Title(), began_, instant->since_epoch.count())));
}

bool Replica::Impl::Changed() {
  Listen();
  return WhyWalk() != Walk::kNone || !ground.on_source->changes().empty() ||
         (ground.on_destination && !ground.on_destination->changes().empty());
}

bool Replica::Impl::Stands() const {
  const auto stands = [](const std::string& path, const Entry& held) {
    const auto root = OpenRoot(path);
    Entry now;
    return root.ok() && LookAt(root->get(), now) == 0 && Same(now, held);
  };
  return stands(places.source, ground.source_root) &&
         stands(places.destination, ground.destination_root);
}

void Replica::Impl::ReadState() {
  const std::string text = ground.staging->ReadState();
  const std::string head = Title();
  if (!text.starts_with(head) || !text.ends_with('\n')) return;
  const char* const end = text.data() + text.size();
  std::int64_t stamp = 0;
  std::int64_t wall = 0;
  if (text.compare(head.size(), kFilling.size(), kFilling) == 0) {
    const auto since = std::from_chars(text.data() + head.size() + kFilling.size() + 1, end, stamp);
    if (since.ec == std::errc()) ground.filled_since = stamp;
    return;
  }
  const auto first = std::from_chars(text.data() + head.size(), end, stamp);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return;
  if (std::from_chars(first.ptr + 1, end, wall).ec != std::errc()) return;
  ground.stamp = stamp;
  instant = base::WallTime{base::Duration(wall)};
}

Replica::Replica(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Replica::~Replica() = default;

base::Result<std::unique_ptr<Replica>> Replica::Open(const Places& places, const Options& options,
                                                     const ports::Clock& clock,
                                                     const Beside& beside) {
  RETURN_IF_ERROR(Check(options));
  ASSIGN_OR_RETURN(Handle source, OpenRoot(places.source));
  ASSIGN_OR_RETURN(Handle destination, OpenRoot(places.destination));
  Entry source_root;
  Entry destination_root;
  if (LookAt(source.get(), source_root) != 0 || LookAt(destination.get(), destination_root) != 0)
    return base::Exhausted(fmt::format("cannot look at the roots: {}", ::strerror(errno)));
  RETURN_IF_ERROR(KeepApart(places.source, places.destination));
  RETURN_IF_ERROR(KeepOut(places.work, {places.source, places.destination}));
  ASSIGN_OR_RETURN(auto staging, Staging::Open(places.work, destination_root));
  RETURN_IF_ERROR(KeepApart(places.work, places.source));
  RETURN_IF_ERROR(KeepApart(places.work, places.destination));

  const std::string identity = base::Sha256Hex(
      fmt::format("{}:{} {}:{} {}", source_root.device, source_root.inode, destination_root.device,
                  destination_root.inode, Fingerprint(options)));
  auto impl = std::make_unique<Impl>(clock, identity);
  Ground& ground = impl->ground;
  ground.source = std::move(source);
  ground.destination = std::move(destination);
  ground.source_root = source_root;
  ground.destination_root = destination_root;
  ground.options = options;
  ground.channel = beside.channel;
  ground.withheld = beside.withheld;
  ground.losses = beside.losses;
  ground.staging = std::move(staging);
  ground.user = ::geteuid();
  ground.group = ::getegid();
  if (ground.user != 0) {
    // Giving files away is the superuser's. What cannot be kept is not compared either, or every
    // file would differ for ever.
    impl->owners_kept = options.owner == Keep::kIgnored && options.group == Keep::kIgnored;
    ground.options.owner = ground.options.group = Keep::kIgnored;
  }
  if (options.watch != Watch::kNothing)
    ground.on_source = std::make_unique<Watcher>(options.most_watches);
  if (options.watch == Watch::kBoth)
    ground.on_destination = std::make_unique<Watcher>(options.most_watches);
  ground.book.Open(ground.staging->root());
  impl->places = places;
  impl->ReadState();
  if (!ground.stamp) ground.book.Clear();
  Names names;
  impl->empty = names.Read(ground.destination.get(), 1) == 0 && names.size() == 0;
  return std::unique_ptr<Replica>(new Replica(std::move(impl)));
}

void Replica::Begin() { impl_->Begin(); }
bool Replica::running() const { return impl_->running; }
Turn Replica::Step() { return impl_->Step(); }
const Round& Replica::round() const { return impl_->round; }
std::optional<base::WallTime> Replica::instant() const { return impl_->instant; }
bool Replica::Changed() { return impl_->Changed(); }
void Replica::WalkNextTime() { impl_->asked = true; }
bool Replica::Stands() const { return impl_->Stands(); }
void Replica::EndFirstCopy() {
  impl_->ground.options.transfer = Transfer::kChanged;
  impl_->ground.losses = nullptr;
}

}  // namespace leeward::lab::trees

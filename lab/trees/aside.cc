// Directories that the copy does not have yet. One is filled aside, in the work folder, where each
// file has its name from the first moment on and nobody sees it, and comes to its place with all
// that is in it by one rename: a rename for each file would be half as much work again.
#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "lab/trees/unlocked.h"
#include "lab/trees/worker.h"

namespace leeward::lab::trees {
namespace {

// What a kill may cost: the work folder is swept at the next start. A directory that has more in it
// comes to its place half full, and its other files come one by one.
constexpr std::size_t kMostNames = 1000;
constexpr std::uint64_t kMostBytes = 64 << 20;

}  // namespace

void Worker::MakeDirectoryAside(const Spot& spot) {
  FinishLater();
  Task task;
  task.path = spot.path;
  task.floor = Doubt::kContent;
  task.fresh = true;
  task.aside = true;
  Push(std::move(task));
}

// What comes into the open directory when its visit is over gives it other times: its own metadata
// has its turn after that.
void Worker::FinishLater() {
  if (visit_->finish_later) return;
  visit_->finish_later = true;
  Task after;
  after.scope = Scope::kNames;
  after.path = visit_->task.path;
  after.fresh = visit_->task.fresh;
  after.metadata_only = true;
  Push(std::move(after));
}

bool Worker::OpenAside(Visit& visit) {
  std::string made = ground_.staging->NextName();
  int error = ::mkdirat(ground_.staging->folder(), made.c_str(), S_IRWXU) == 0 ? 0 : errno;
  if (error == 0) {
    Opened opened = OpenDirectory(ground_.staging->folder(), made);
    error = opened.error;
    visit.destination = std::move(opened.handle);
  }
  if (error != 0) {
    Missed(visit.task, "cannot make the directory", error);
    return false;
  }
  visit.made = std::move(made);
  visit.bytes_before = round_.bytes;
  return true;
}

bool Worker::IsFullAside() const {
  return !visit_->made.empty() &&
         (visit_->next_from >= kMostNames || round_.bytes - visit_->bytes_before >= kMostBytes);
}

// False when it could not be, which has been said.
bool Worker::BringIn() {
  Visit& visit = *visit_;
  const std::string& path = visit.task.path;
  const auto [parent, name] = Split(path);
  const Opened above = OpenDirectory(ground_.destination.get(), parent);
  int error = above.error;
  if (error == 0) {
    const Unlocked unlocked(above.handle.get());
    Expect(path, IN_MOVED_TO);
    error = ground_.staging->Publish(visit.made, above.handle.get(), name.c_str());
  }
  if (error != 0) {
    static_cast<void>(ground_.staging->Remove(visit.made));
    // Somebody took away what it belongs into: whoever makes that makes this as well.
    if (Gone(above.error)) {
      MakeAgain(path);
    } else {
      Missed(visit.task, "cannot make the directory", error);
    }
    return false;
  }
  visit.made.clear();
  ++round_.directories;
  if (ground_.on_destination) ground_.on_destination->Add(path, visit.destination.get());
  // Closed to all but reading from its first moment on; it could not have moved like that.
  if (ground_.withheld != nullptr && ::fchmod(visit.destination.get(), S_IRUSR | S_IXUSR) != 0)
    Failed(path, "cannot withhold the permissions", errno);
  return true;
}

}  // namespace leeward::lab::trees

// The content of one file: read into the work folder, read again when it changed meanwhile,
// published when it is whole.
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "lab/trees/metadata.h"
#include "lab/trees/worker.h"

namespace leeward::lab::trees {
namespace {

bool SameBefore(const Entry& before, const Entry& after) {
  return before.inode == after.inode && before.size == after.size &&
         before.mtime_ns == after.mtime_ns && before.ctime_ns == after.ctime_ns;
}

// The file systems do not share blocks at all, or not between these two.
bool NeverClones(int error) {
  return error == EOPNOTSUPP || error == EXDEV || error == EINVAL || error == ENOTTY ||
         error == ENOSYS;
}

}  // namespace

void Worker::StartFile(const Spot& spot) {
  job_.emplace();
  job_->name = spot.name;
  job_->path = spot.path;
  job_->over_directory = spot.seen.destination && spot.seen.destination->kind == Kind::kDirectory;
  if (!OpenJob()) DropJob();
}

// False when there is nothing to read, or that has been said.
bool Worker::OpenJob() {
  Job& job = *job_;
  Opened from = OpenFile(visit_->source.get(), job.name.c_str());
  if (from.error == ENOENT || from.error == ELOOP || from.error == ENXIO) return false;
  int error = from.error != 0 ? from.error : LookAt(from.handle.get(), job.source);
  if (error != 0) {
    Failed(job.path, "cannot read it", error);
    return false;
  }
  if (job.source.kind != Kind::kFile) return false;  // another thing by now, which has been told
  if (job.source.device != ground_.source_root.device) {
    Failed(job.path, "another file system is mounted here", EXDEV);
    return false;
  }
  LeaveForeignRights(job.source);
  Withhold(job.source);
  job.from = std::move(from.handle);
  error = OpenMade();
  if (error != 0) Failed(job.path, "cannot make the copy", error);
  return error == 0;
}

int Worker::OpenMade() {
  Job& job = *job_;
  const bool resumes = job.source.size >= ground_.options.resumed_from;
  job.in_place = !resumes && !visit_->made.empty();
  job.made = resumes        ? ground_.staging->PartialName(job.source)
             : job.in_place ? job.name
                            : ground_.staging->NextName();
  const int folder = job.in_place ? visit_->destination.get() : ground_.staging->folder();
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (resumes ? 0 : O_EXCL);
  job.to = Handle(::openat(folder, job.made.c_str(), flags, 0600));
  if (!job.to.valid()) return errno;
  std::uint64_t begin = 0;
  if (resumes) {
    Entry partial;
    if (const int error = LookAt(job.to.get(), partial); error != 0) return error;
    begin = std::min(partial.size, job.source.size);
    if (begin > 0) ++round_.resumed;
  }
  if (begin == 0 && ground_.channel == nullptr && ground_.clones && job.source.size > 0) {
    const int error = CloneContent(job.from.get(), job.to.get());
    if (error == 0) begin = job.source.size;
    if (NeverClones(error)) ground_.clones = false;
  }
  job.copy.emplace(job.from.get(), job.to.get(), job.source, begin);
  return 0;
}

void Worker::UnmakeJob() {
  const Job& job = *job_;
  if (job.in_place) {
    static_cast<void>(::unlinkat(visit_->destination.get(), job.made.c_str(), 0));
  } else {
    static_cast<void>(ground_.staging->Remove(job.made));
  }
}

Worker::Pace Worker::RunJob() {
  if (job_->copy) return RunCopy();
  RunComparison();
  return Pace::kOn;
}

Worker::Pace Worker::RunCopy() {
  Job& job = *job_;
  std::uint64_t allowed = bytes_left_;
  if (ground_.channel != nullptr) {
    // No more than a step's, nor than the file may need: what is left over would be for others.
    const std::uint64_t wanted = std::min(bytes_left_, job.copy->left());
    if (credit_ == 0 && wanted > 0) {
      const auto more = ground_.channel->Take(wanted);
      if (!more.ok()) {
        round_.waits_for = more.error().message();
        return Pace::kWait;
      }
      credit_ = *more;
    }
    if (credit_ == 0 && wanted > 0) {
      round_.waits_for = "room on the way";
      return Pace::kWait;
    }
    allowed = std::min(allowed, credit_);
  }
  std::uint64_t moved = 0;
  const Copying copying = job.copy->Step(allowed, moved);
  CHECK(moved <= allowed);
  round_.bytes += moved;
  bytes_left_ -= moved;
  if (ground_.channel != nullptr) credit_ -= moved;
  switch (copying) {
    case Copying::kMore:
      if (GoesOnChanging()) ReadAgain(Why::kBusy);
      break;
    case Copying::kDone:
      AfterCopy();
      break;
    case Copying::kShrank:
      ReadAgain(Why::kBusy);
      break;
    case Copying::kFailed: {
      const int error = job.copy->error();
      Failed(job.path, "cannot copy it", error);
      UnmakeJob();
      DropJob();
      break;
    }
  }
  return Pace::kOn;
}

// It has changed since it was opened, so that reading to its end would be for nothing: unless it is
// taken as it is this time.
bool Worker::GoesOnChanging() const {
  const Job& job = *job_;
  const bool is_last = job.reads + 1 >= ground_.options.reads_of_a_busy_file;
  if (is_last && ground_.options.busy == Busy::kTakeAsRead) return false;
  Entry now;
  return LookAt(job.from.get(), now) != 0 || !SameBefore(job.source, now);
}

void Worker::AfterCopy() {
  Job& job = *job_;
  job.copy.reset();
  Entry after;
  if (LookAt(job.from.get(), after) != 0 || !SameBefore(job.source, after))
    return ReadAgain(Why::kBusy);
  if (ground_.options.verify == Verify::kNothing) return PublishJob();
  job.comparison.emplace(job.from.get(), job.to.get());
}

void Worker::RunComparison() {
  Job& job = *job_;
  const Comparing comparing = job.comparison->Step(bytes_left_);
  bytes_left_ = 0;  // reading both sides is a step's worth
  if (comparing == Comparing::kMore) return;
  const int error = job.comparison->error();
  job.comparison.reset();
  if (job.standing.valid()) return LossFound(comparing);
  if (comparing == Comparing::kFailed) {
    Failed(job.path, "cannot read it back", error);
    if (!job.only_compares) UnmakeJob();
    return DropJob();
  }
  if (comparing == Comparing::kSame) {
    ++round_.verified;
    return job.only_compares ? DropJob() : PublishJob();
  }
  if (!job.only_compares) return ReadAgain(Why::kDiffers);
  Say(job.path, Why::kDiffers, fmt::format("{}: the copy has other bytes", Printable(job.path)));
  DropJob();
}

void Worker::ReadAgain(Why why) {
  Job& job = *job_;
  job.copy.reset();
  if (++job.reads < ground_.options.reads_of_a_busy_file) {
    ++round_.retaken;
    UnmakeJob();
    if (!OpenJob()) DropJob();
    return;
  }
  if (why == Why::kBusy && ground_.options.busy == Busy::kTakeAsRead) {
    Say(job.path, Why::kBusyTaken,
        fmt::format("{}: changed each of the {} times it was read; taken as it was read last",
                    Printable(job.path), job.reads));
    return PublishJob();
  }
  Say(job.path, why,
      fmt::format("{}: {} each of the {} times it was read; the last copy stays",
                  Printable(job.path), why == Why::kBusy ? "changed" : "came out differently",
                  job.reads));
  UnmakeJob();
  DropJob();
}

// Before a copy comes in the place of a file that was the destination's own: whether that held
// something else.
void Worker::LookForLoss() {
  Job& job = *job_;
  job.loss_is_told = true;
  Opened standing = OpenFile(visit_->destination.get(), job.name.c_str());
  if (standing.error == ENOENT || standing.error == ELOOP) return PublishJob();
  Entry before;
  Entry after;
  const bool seen = standing.error == 0 && LookAt(standing.handle.get(), before) == 0 &&
                    LookAt(job.to.get(), after) == 0;
  // What nobody can read may be anything.
  if (!seen || before.size != after.size) return LossFound(Comparing::kDiffer);
  job.standing = std::move(standing.handle);
  job.comparison.emplace(job.standing.get(), job.to.get());
}

void Worker::LossFound(Comparing comparing) {
  Job& job = *job_;
  job.standing.Close();
  if (comparing == Comparing::kSame) return PublishJob();
  const base::Status told = ground_.losses->Overwrites(job.path);
  if (told.ok()) return PublishJob();
  Say(job.path, Why::kFailed, told.error().message());
  UnmakeJob();
  DropJob();
}

void Worker::PublishJob() {
  Job& job = *job_;
  if (ground_.losses != nullptr && !job.loss_is_told) return LookForLoss();
  int error =
      ground_.options.attributes == Keep::kKept ? AddAttributes(job.from.get(), job.to.get()) : 0;
  Options how = ground_.options;
  how.permissions = Keep::kKept;
  const Entry wanted = Wanted(job.source);
  Entry made;
  if (error == 0 && ground_.withheld != nullptr) error = LookAt(job.to.get(), made);
  if (error == 0) error = KeepOf(made.inode, wanted);
  // The times are those from before it was read: what has been written since looks newer.
  if (error == 0) error = ApplyMetadata(job.to.get(), wanted, Mine(Kind::kFile), how);
  job.to.Close();
  if (error == 0 && !job.in_place)
    error = Publish(job.made, job.name.c_str(), job.over_directory, Kind::kFile);
  if (error != 0) {
    Failed(job.path, "cannot publish the copy", error);
    UnmakeJob();
  } else {
    ++round_.files;
    if (job.source.links > 1) ground_.links.Lead(job.source.inode, job.path);
  }
  DropJob();
}

void Worker::DropJob() { job_.reset(); }

}  // namespace leeward::lab::trees

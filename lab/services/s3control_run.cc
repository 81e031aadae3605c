// A job from its beginning to its end. Others change its status meanwhile: after each wait it is
// looked at again.
#include <fmt/format.h>

#include <set>

#include "lab/services/region_links.h"
#include "lab/services/s3control.h"

namespace leeward::lab::s3control {

using s3::AgainState;
using s3::AgainTask;

s3::CopiesAgain* S3Control::Buckets() { return FindSibling<s3::CopiesAgain>(host_, "s3"); }

void S3Control::Enter(Job& job, JobStatus status) {
  job.status = status;
  const base::WallTime now = host_.clock().Now();
  if (status == JobStatus::kSuspended) job.suspended = now;
  if (status == JobStatus::kActive && !job.active) job.active = now;
  if (HasEnded(status)) {
    job.ended = now;
    job.tasks.clear();
  }
  Save();
}

void S3Control::Fail(Job& job, std::string code, std::string reason) {
  job.failure_code = std::move(code);
  job.failure_reason = std::move(reason);
  Enter(job, JobStatus::kFailed);
}

// The manifest: once, of what is there at this moment.
bool S3Control::Prepare(Job& job) {
  s3::CopiesAgain* buckets = Buckets();
  if (buckets == nullptr) {
    Fail(job, "InternalError", "There is no S3 here.");
    return false;
  }
  const auto listed = buckets->WhatToCopy(SourceBucket(job), FilterOf(job));
  if (const auto* error = std::get_if<ApiError>(&listed)) {
    Fail(job, error->code, error->message);
    return false;
  }
  const auto& tasks = std::get<std::vector<AgainTask>>(listed);
  if (tasks.empty()) {
    Fail(job, "ManifestGenerationFailed",
         "Manifest generation found no keys matching the filter criteria.");
    return false;
  }
  if (tasks.size() > limits.tasks) {
    Fail(job, "ManifestGenerationFailed",
         fmt::format("The lab has jobs of at most {} objects.", limits.tasks));
    return false;
  }
  for (const AgainTask& task : tasks) job.tasks.push_back({task, AgainState::kWaiting});
  job.total = static_cast<std::int64_t>(tasks.size());
  Enter(job, job.confirmed ? JobStatus::kReady : JobStatus::kSuspended);
  return job.confirmed;
}

Flow<> S3Control::Run(std::string id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) co_return;
  Job& job = found->second;
  if (HasEnded(job.status) || job.status == JobStatus::kSuspended) co_return;
  if (job.status == JobStatus::kNew) Enter(job, JobStatus::kPreparing);
  if (job.status == JobStatus::kPreparing) {
    const bool slowly = host_.pace() == Pace::kAws;
    const base::Duration wait = slowly ? limits.prepare : base::Duration::zero();
    co_await Sleep(host_, wait);
    // Where it was cancelled meanwhile it may be gone as well.
    const auto still = jobs_.find(id);
    if (still == jobs_.end() || still->second.status != JobStatus::kPreparing) co_return;
    if (!Prepare(still->second)) co_return;
  }
  co_await Work(id);
}

Await<AgainState> S3Control::LineUp(std::string bucket, AgainTask task) {
  return Await<AgainState>(
      [this, bucket = std::move(bucket), task = std::move(task)](Await<AgainState>::Done done) {
        s3::CopiesAgain* buckets = Buckets();
        if (buckets == nullptr) return done(AgainState::kFailed);
        buckets->CopyAgain(bucket, task, std::move(done));
      });
}

void S3Control::Settle(Job& job, std::size_t task, AgainState state) {
  job.tasks[task].state = state;
  ++(state == AgainState::kSucceeded ? job.succeeded : job.failed);
}

// One that is Ready, or was under way when the process was killed.
Flow<> S3Control::Work(std::string id) {
  Job& job = jobs_.at(id);
  if (job.status == JobStatus::kReady) Enter(job, JobStatus::kActive);
  const std::string bucket = SourceBucket(job);
  std::set<std::size_t> in_line;
  std::size_t next = 0;
  base::WallTime saved = host_.clock().Now();
  while (job.status == JobStatus::kActive) {
    while (next < job.tasks.size() && in_line.size() < limits.at_once &&
           job.status == JobStatus::kActive) {
      const std::size_t task = next++;
      if (job.tasks[task].state != AgainState::kWaiting) continue;
      const AgainTask what = job.tasks[task].what;
      const AgainState state = co_await LineUp(bucket, what);
      if (state == AgainState::kWaiting) {
        in_line.insert(task);
      } else {
        Settle(job, task, state);
      }
    }
    for (auto each = in_line.begin(); each != in_line.end();) {
      const AgainState state = Buckets()->StateOf(bucket, job.tasks[*each].what);
      if (state == AgainState::kWaiting) {
        ++each;
        continue;
      }
      Settle(job, *each, state);
      each = in_line.erase(each);
    }
    if (in_line.empty() && next == job.tasks.size()) break;
    const base::WallTime now = host_.clock().Now();
    if (now.since_epoch - saved.since_epoch >= limits.save) {
      Save();
      saved = now;
    }
    co_await Sleep(host_, limits.look);
  }
  if (job.status == JobStatus::kActive) Enter(job, JobStatus::kCompleting);
  const bool whole = job.status == JobStatus::kCompleting;
  Enter(job, whole ? JobStatus::kComplete : JobStatus::kCancelled);
}

}  // namespace leeward::lab::s3control

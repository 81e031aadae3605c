#include "lab/services/s3control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/region_links.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::s3control {
namespace {

using shapes::Value;

ApiError NoSuchJob() { return {"NoSuchJobException", "The specified job does not exist", 404, {}}; }

// What of a request makes it another one.
Value WithoutToken(const Value& input) {
  Value out = input;
  out.Erase("ClientRequestToken");
  return out;
}

}  // namespace

std::span<const OperationRow<S3Control>> S3Control::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<S3Control>>({
      {"CreateJob", &S3Control::CreateJob},
      {"DescribeJob", &S3Control::DescribeJob},
      {"ListJobs", &S3Control::ListJobs},
      {"UpdateJobPriority", &S3Control::UpdateJobPriority},
      {"UpdateJobStatus", &S3Control::UpdateJobStatus},
  });
  return kTable;
}

void S3Control::Handle(const Call& call, Reply reply) {
  if (call.input.String("AccountId") != host_.account())
    return reply(ApiError{"AccessDenied", "Access Denied", 403, {}});
  RunOperation(*this, Table(), call, std::move(reply));
}

// Random, and of version 4 in its form.
std::string S3Control::NewJobId() {
  ports::Random& random = host_.random();
  return fmt::format("{}-{}-4{}-a{}-{}", random.Hex(8), random.Hex(4), random.Hex(3), random.Hex(3),
                     random.Hex(12));
}

Answer S3Control::MakeRoom() {
  if (jobs_.size() < limits.jobs) return Value::Struct();
  auto oldest = jobs_.end();
  for (auto each = jobs_.begin(); each != jobs_.end(); ++each) {
    if (!HasEnded(each->second.status)) continue;
    if (oldest == jobs_.end() || each->second.created < oldest->second.created) oldest = each;
  }
  if (oldest == jobs_.end())
    return ApiError{"TooManyRequestsException", "There are too many jobs.", 400, {}};
  jobs_.erase(oldest);
  return Value::Struct();
}

Answer S3Control::CreateJob(const Value& input) {
  if (auto problem = CheckJob(input, host_.account())) return *problem;
  const std::string token(input.String("ClientRequestToken"));
  const Value asked = WithoutToken(input);
  for (const auto& [id, job] : jobs_) {
    if (job.token != token) continue;
    if (job.asked == asked) return Value::Struct({{"JobId", id}});
    return ApiError{
        "IdempotencyException", "The ClientRequestToken was used for another job.", 400, {}};
  }
  const Answer room = MakeRoom();
  if (IsError(room)) return room;
  Job job;
  job.id = NewJobId();
  job.asked = asked;
  job.token = token;
  job.priority = input.Int("Priority");
  job.created = host_.clock().Now();
  // S3 asks for a confirmation unless it is told not to.
  job.confirmed = !input.Flag("ConfirmationRequired", true);
  const std::string id = job.id;
  jobs_.emplace(id, std::move(job));
  Save();
  host_.Post([this, id] { Run(id).Detach(); });
  return Value::Struct({{"JobId", id}});
}

Job* S3Control::FindJob(const Value& input) {
  const auto found = jobs_.find(input.String("JobId"));
  return found == jobs_.end() ? nullptr : &found->second;
}

Answer S3Control::DescribeJob(const Value& input) {
  const Job* job = FindJob(input);
  if (job == nullptr) return NoSuchJob();
  const JobPlace place{host_.region(), host_.account(), host_.clock().Now()};
  return Value::Struct({{"Job", Describe(*job, place)}});
}

// The newest first.
Answer S3Control::ListJobs(const Value& input) {
  std::vector<const Job*> jobs;
  const Value::List& statuses = input.Items("JobStatuses");
  for (const auto& [id, job] : jobs_) {
    const bool wanted = std::any_of(statuses.begin(), statuses.end(), [&](const Value& status) {
      return status.str() == NameOf(job.status);
    });
    if (statuses.empty() || wanted) jobs.push_back(&job);
  }
  std::sort(jobs.begin(), jobs.end(), [](const Job* one, const Job* other) {
    return std::pair(other->created, one->id) < std::pair(one->created, other->id);
  });
  const JobPlace place{host_.region(), host_.account(), host_.clock().Now()};
  Value::List told;
  for (const Job* job : jobs) told.push_back(DescribeBriefly(*job, place));
  const auto most =
      static_cast<std::size_t>(input.Int("MaxResults", static_cast<std::int64_t>(limits.page)));
  Page page;
  if (!TakePage(told, input.String("NextToken"), std::min(most, limits.page), page))
    return ApiError{"InvalidNextTokenException", "The NextToken is not valid.", 400, {}};
  Value out = Value::Struct({{"Jobs", Value(std::move(page.items))}});
  if (!page.next_token.empty()) out.Set("NextToken", page.next_token);
  return out;
}

Answer S3Control::UpdateJobStatus(const Value& input) {
  Job* job = FindJob(input);
  if (job == nullptr) return NoSuchJob();
  const bool run = input.String("RequestedJobStatus") == "Ready";
  const bool fits = run ? job->status == JobStatus::kSuspended
                        : !HasEnded(job->status) && job->status != JobStatus::kCompleting;
  if (!fits) {
    return ApiError{"JobStatusException",
                    fmt::format("A job that is {} cannot become {}.", NameOf(job->status),
                                input.String("RequestedJobStatus")),
                    400,
                    {}};
  }
  job->update_reason = input.String("StatusUpdateReason");
  if (run) {
    job->confirmed = true;
    Enter(*job, JobStatus::kReady);
    host_.Post([this, id = job->id] { Run(id).Detach(); });
  } else if (job->status == JobStatus::kActive || job->status == JobStatus::kCancelling) {
    Enter(*job, JobStatus::kCancelling);  // whoever works on it sees to the rest
  } else {
    Enter(*job, JobStatus::kCancelled);
  }
  Value out = Value::Struct({{"JobId", job->id}, {"Status", NameOf(job->status)}});
  if (!job->update_reason.empty()) out.Set("StatusUpdateReason", job->update_reason);
  return out;
}

Answer S3Control::UpdateJobPriority(const Value& input) {
  Job* job = FindJob(input);
  if (job == nullptr) return NoSuchJob();
  if (HasEnded(job->status)) {
    return ApiError{
        "BadRequestException",
        fmt::format("The priority of a job that is {} cannot be changed.", NameOf(job->status)),
        400,
        {}};
  }
  job->priority = input.Int("Priority");
  Save();
  return Value::Struct({{"JobId", job->id}, {"Priority", job->priority}});
}

base::Status S3Control::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "s3control"));
  for (const Value& saved : state.Items("Jobs")) {
    Job job = LoadJob(saved);
    const std::string id = job.id;
    const bool goes_on = !HasEnded(job.status) && job.status != JobStatus::kSuspended;
    jobs_.emplace(id, std::move(job));
    if (goes_on) host_.Post([this, id] { Run(id).Detach(); });
  }
  return base::Ok();
}

void S3Control::Save() {
  Value::List jobs;
  for (const auto& [id, job] : jobs_) jobs.push_back(s3control::Save(job));
  SaveState(host_, "s3control", Value::Struct({{"Jobs", Value(std::move(jobs))}}),
            StateReaders::kOwner);
}

}  // namespace leeward::lab::s3control

namespace leeward::lab {

std::unique_ptr<Service> MakeS3Control(Host& host) {
  return std::make_unique<s3control::S3Control>(host);
}

}  // namespace leeward::lab

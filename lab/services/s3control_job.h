// A job of S3 Control as a value: what was asked, what is refused of it, how far it is, and how it
// is written down and told. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/s3_again.h"

namespace leeward::lab::s3control {

using Problem = std::optional<ApiError>;

enum class JobStatus : std::uint8_t {
  kNew,
  kPreparing,
  kSuspended,
  kReady,
  kActive,
  kCompleting,
  kComplete,
  kCancelling,
  kCancelled,
  kFailed,
};
std::string_view NameOf(JobStatus status);
bool HasEnded(JobStatus status);

struct Task {
  s3::AgainTask what;
  s3::AgainState state = s3::AgainState::kWaiting;
};

struct Job {
  std::string id;
  shapes::Value asked;  // the request, without its token
  std::string token;
  JobStatus status = JobStatus::kNew;
  std::int64_t priority = 0;
  base::WallTime created{};
  std::optional<base::WallTime> suspended, active, ended;
  std::vector<Task> tasks;  // until it has ended
  std::int64_t total = 0, succeeded = 0, failed = 0;
  std::string failure_code, failure_reason;
  std::string update_reason;
  bool confirmed = false;
};

// The bucket that a job is over, and what of it.
std::string SourceBucket(const Job& job);
s3::AgainFilter FilterOf(const Job& job);

// Of a CreateJob: what is wrong in it, and what the lab has not, which is refused by name.
Problem CheckJob(const shapes::Value& input, std::string_view account);

struct JobPlace {
  std::string region;
  std::string account;
  base::WallTime now;
};
// As DescribeJob and ListJobs tell of it.
shapes::Value Describe(const Job& job, const JobPlace& place);
shapes::Value DescribeBriefly(const Job& job, const JobPlace& place);

shapes::Value Save(const Job& job);
Job LoadJob(const shapes::Value& saved);

}  // namespace leeward::lab::s3control

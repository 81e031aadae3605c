#include "lab/services/s3control_job.h"

#include <fmt/format.h>

#include <array>

namespace leeward::lab::s3control {
namespace {

using s3::AgainState;
using s3::AgainTask;
using shapes::Value;

constexpr std::string_view kBucketArn = "arn:aws:s3:::";
constexpr std::string_view kReplicate = "S3ReplicateObject";

constexpr auto kNames = std::to_array<std::string_view>({"New", "Preparing", "Suspended", "Ready",
                                                         "Active", "Completing", "Complete",
                                                         "Cancelling", "Cancelled", "Failed"});

ApiError BadJob(std::string message) {
  return {"BadRequestException", std::move(message), 400, {}};
}

ApiError NoSuchPart(std::string_view what) {
  return {"NotImplemented", fmt::format("The lab does not serve {} of a job", what), 501, {}};
}

const Value& GeneratorOf(const Value& asked) {
  return asked.Sub("ManifestGenerator").Sub("S3JobManifestGenerator");
}

Problem CheckOperation(const Value& operation) {
  if (!operation.is_members() || operation.members().size() != 1)
    return BadJob("A job must have exactly one operation.");
  const std::string& name = operation.members().front().first;
  if (name != kReplicate) return NoSuchPart(name);
  return std::nullopt;
}

Problem CheckGenerator(const Value& generator, std::string_view account) {
  if (generator.String("ExpectedBucketOwner", account) != account)
    return ApiError{"AccessDenied", "Access Denied", 403, {}};
  if (!generator.String("SourceBucket").starts_with(kBucketArn))
    return BadJob("The source bucket must be the ARN of a bucket.");
  if (generator.Flag("EnableManifestOutput", false) || generator.Has("ManifestOutputLocation"))
    return NoSuchPart("the manifest as an object (EnableManifestOutput)");
  for (const char* member : {"MatchAnySuffix", "MatchAnySubstring"}) {
    if (generator.Sub("Filter").Sub("KeyNameConstraint").Has(member))
      return NoSuchPart(fmt::format("a filter by {}", member));
  }
  for (const char* member : {"ObjectSizeGreaterThanBytes", "ObjectSizeLessThanBytes",
                             "MatchAnyStorageClass", "MatchAnyObjectEncryption"}) {
    if (generator.Sub("Filter").Has(member))
      return NoSuchPart(fmt::format("a filter by {}", member));
  }
  return std::nullopt;
}

std::optional<base::WallTime> TimeAt(const Value& value, std::string_view member) {
  const Value* time = value.Find(member);
  if (time == nullptr || !time->is_time()) return std::nullopt;
  return time->time();
}

void SetTime(Value& value, std::string_view member, const std::optional<base::WallTime>& time) {
  if (time) value.Set(member, *time);
}

Value Progress(const Job& job, const JobPlace& place) {
  Value progress = Value::Struct({{"TotalNumberOfTasks", job.total},
                                  {"NumberOfTasksSucceeded", job.succeeded},
                                  {"NumberOfTasksFailed", job.failed}});
  if (job.active) {
    const base::WallTime until = job.ended.value_or(place.now);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(until.since_epoch -
                                                                          job.active->since_epoch);
    progress.Set("Timers",
                 Value::Struct({{"ElapsedTimeInActiveSeconds", std::int64_t{seconds.count()}}}));
  }
  return progress;
}

Value SaveTasks(const std::vector<Task>& tasks) {
  Value::List list;
  list.reserve(tasks.size());
  for (const Task& task : tasks) {
    list.push_back(Value::Struct({{"Key", task.what.key},
                                  {"Version", task.what.version},
                                  {"State", static_cast<int>(task.state)}}));
  }
  return Value(std::move(list));
}

}  // namespace

std::string_view NameOf(JobStatus status) { return kNames.at(static_cast<std::size_t>(status)); }

bool HasEnded(JobStatus status) {
  return status == JobStatus::kComplete || status == JobStatus::kCancelled ||
         status == JobStatus::kFailed;
}

std::string SourceBucket(const Job& job) {
  return std::string(GeneratorOf(job.asked).String("SourceBucket").substr(kBucketArn.size()));
}

s3::AgainFilter FilterOf(const Job& job) {
  const Value& filter = GeneratorOf(job.asked).Sub("Filter");
  s3::AgainFilter out;
  for (const Value& status : filter.Items("ObjectReplicationStatuses"))
    out.statuses.insert(status.str());
  for (const Value& prefix : filter.Sub("KeyNameConstraint").Items("MatchAnyPrefix"))
    out.prefixes.push_back(prefix.str());
  out.after = TimeAt(filter, "CreatedAfter");
  out.before = TimeAt(filter, "CreatedBefore");
  if (filter.Flag("EligibleForReplication", false)) out.rules = s3::AgainFilter::Rules::kWithRule;
  return out;
}

Problem CheckJob(const Value& input, std::string_view account) {
  if (auto problem = CheckOperation(input.Sub("Operation"))) return problem;
  if (input.Has("Manifest") == input.Has("ManifestGenerator"))
    return BadJob("A job must have either a Manifest or a ManifestGenerator.");
  if (input.Has("Manifest")) return NoSuchPart("a Manifest");
  if (input.Sub("Report").Flag("Enabled", false)) return NoSuchPart("a completion Report");
  if (!input.Items("Tags").empty()) return NoSuchPart("Tags");
  return CheckGenerator(GeneratorOf(input), account);
}

Value Describe(const Job& job, const JobPlace& place) {
  Value out = Value::Struct(
      {{"JobId", job.id},
       {"JobArn", fmt::format("arn:aws:s3:{}:{}:job/{}", place.region, place.account, job.id)},
       {"Status", NameOf(job.status)},
       {"Priority", job.priority},
       {"CreationTime", job.created},
       {"ProgressSummary", Progress(job, place)}});
  for (const char* member : {"ConfirmationRequired", "Description", "Operation", "Report",
                             "RoleArn", "ManifestGenerator"}) {
    if (const Value* asked = job.asked.Find(member)) out.Set(member, *asked);
  }
  SetTime(out, "TerminationDate", job.ended);
  if (job.status == JobStatus::kSuspended) {
    SetTime(out, "SuspendedDate", job.suspended);
    out.Set("SuspendedCause", "AwaitingConfirmation");
  }
  if (!job.update_reason.empty()) out.Set("StatusUpdateReason", job.update_reason);
  if (!job.failure_code.empty()) {
    out.Set("FailureReasons",
            Value(Value::List{Value::Struct(
                {{"FailureCode", job.failure_code}, {"FailureReason", job.failure_reason}})}));
  }
  return out;
}

Value DescribeBriefly(const Job& job, const JobPlace& place) {
  Value out = Value::Struct({{"JobId", job.id},
                             {"Operation", kReplicate},
                             {"Priority", job.priority},
                             {"Status", NameOf(job.status)},
                             {"CreationTime", job.created},
                             {"ProgressSummary", Progress(job, place)}});
  if (const Value* described = job.asked.Find("Description")) out.Set("Description", *described);
  SetTime(out, "TerminationDate", job.ended);
  return out;
}

Value Save(const Job& job) {
  Value out = Value::Struct({{"Id", job.id},
                             {"Asked", job.asked},
                             {"Token", job.token},
                             {"Status", static_cast<int>(job.status)},
                             {"Priority", job.priority},
                             {"Created", job.created},
                             {"Tasks", SaveTasks(job.tasks)},
                             {"Total", job.total},
                             {"Succeeded", job.succeeded},
                             {"Failed", job.failed},
                             {"FailureCode", job.failure_code},
                             {"FailureReason", job.failure_reason},
                             {"UpdateReason", job.update_reason},
                             {"Confirmed", job.confirmed}});
  SetTime(out, "Suspended", job.suspended);
  SetTime(out, "Active", job.active);
  SetTime(out, "Ended", job.ended);
  return out;
}

Job LoadJob(const Value& saved) {
  Job job;
  job.id = saved.String("Id");
  job.asked = saved.Sub("Asked");
  job.token = saved.String("Token");
  job.status = static_cast<JobStatus>(saved.Int("Status"));
  job.priority = saved.Int("Priority");
  job.created = TimeAt(saved, "Created").value_or(base::WallTime{});
  job.suspended = TimeAt(saved, "Suspended");
  job.active = TimeAt(saved, "Active");
  job.ended = TimeAt(saved, "Ended");
  for (const Value& task : saved.Items("Tasks")) {
    job.tasks.push_back(
        {AgainTask{std::string(task.String("Key")), std::string(task.String("Version"))},
         static_cast<AgainState>(task.Int("State"))});
  }
  job.total = saved.Int("Total");
  job.succeeded = saved.Int("Succeeded");
  job.failed = saved.Int("Failed");
  job.failure_code = saved.String("FailureCode");
  job.failure_reason = saved.String("FailureReason");
  job.update_reason = saved.String("UpdateReason");
  job.confirmed = saved.Flag("Confirmed", false);
  return job;
}

}  // namespace leeward::lab::s3control

// What S3 copies only when it is told to: a job of S3 Batch Replication in the Region of the bucket
// that has it. The job goes on by itself; it is waited for as long as the step has time, and what
// became of it is told, whatever that is.
#include "base/bytes.h"
#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

constexpr int kPriority = 10;
// The rest of the step's time is for saying what came of it.
constexpr int kPartForWaiting = 2;

// One job for an execution's step, however often it is tried.
std::string JobToken(const Work& work) {
  return base::Sha256Hex(work.context().execution.str() + "/" + work.step().id.str());
}

std::string AccountOf(const std::string& role) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) at = role.find(':', at) + 1;
  return role.substr(at, role.find(':', at) - at);
}

std::string PartitionOfRole(const std::string& role) {
  const std::size_t at = role.find(':') + 1;
  return role.substr(at, role.find(':', at) - at);
}

// The same for the same step, or the token would be refused.
Value JobFor(const Work& work, const S3& s3, const std::string& role, const Region& source) {
  Value filter = Value::Struct({{"EligibleForReplication", true},
                                {"ObjectReplicationStatuses", Value::List{"NONE", "FAILED"}}});
  if (!s3.prefix.empty())
    filter.Set("KeyNameConstraint", Value::Struct({{"MatchAnyPrefix", Value::List{s3.prefix}}}));
  const std::string bucket =
      "arn:" + PartitionOfRole(role) + ":s3:::" + s3.bucket(work.application().regions, source);
  const Value listed = Value::Struct(
      {{"SourceBucket", bucket}, {"EnableManifestOutput", false}, {"Filter", filter}});
  return Value::Struct(
      {{"AccountId", AccountOf(role)},
       {"Operation", Value::Struct({{"S3ReplicateObject", Value::Struct()}})},
       {"Report", Value::Struct({{"Enabled", false}})},
       {"ClientRequestToken", JobToken(work)},
       {"Description",
        "leeward " + work.application().name.str() + " " + work.step().component.str()},
       {"Priority", kPriority},
       {"RoleArn", role},
       // Said, since S3 waits for a confirmation of what does not say so.
       {"ConfirmationRequired", false},
       {"ManifestGenerator", Value::Struct({{"S3JobManifestGenerator", listed}})}});
}

bool HasJobEnded(std::string_view status) {
  return status == "Complete" || status == "Failed" || status == "Cancelled";
}

// As it is when it has ended, or when there is no more time to wait for that.
Result<Value> FollowJob(const Work& work, const Value& named, const Region& source) {
  const base::MonotonicTime until = work.Within(work.Left() / kPartForWaiting);
  std::string last;
  return work.Await<Value>(
      "a job of S3 Batch Replication", work.ApiPace(), [&]() -> Result<std::optional<Value>> {
        ASSIGN_OR_RETURN(const Value told, work.Call(source, "s3control", "DescribeJob", named));
        const Value& job = told.Sub("Job");
        const std::string status(job.String("Status"));
        if (status != last) work.Say("the job of S3 Batch Replication is " + status);
        last = status;
        const bool late = work.tools().clock.Monotonic() >= until;
        if (HasJobEnded(status) || late) return std::optional<Value>(job);
        return std::optional<Value>();
      });
}

std::string WhyJobFailed(const Value& job) {
  std::string why;
  for (const Value& reason : job.Items("FailureReasons")) {
    why += (why.empty() ? "" : "; ") + std::string(reason.String("FailureCode")) + ": " +
           std::string(reason.String("FailureReason"));
  }
  return why.empty() ? "S3 does not say why" : why;
}

std::string JobTold(const Value& job) {
  const Value& progress = job.Sub("ProgressSummary");
  const std::int64_t failed = progress.Int("NumberOfTasksFailed");
  return std::to_string(progress.Int("NumberOfTasksSucceeded")) + " of " +
         std::to_string(progress.Int("TotalNumberOfTasks")) + " objects" +
         (failed == 0 ? "" : ", " + std::to_string(failed) + " failed");
}

Result<StepOutcome> Conclude(const Work& work, const S3& s3, const Region& source,
                             const Value& job) {
  const std::string id(job.String("JobId"));
  const std::string status(job.String("Status"));
  const std::string name = "job " + id + " of S3 Batch Replication in " + source.str();
  ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, s3, source));
  const std::string left = GapTold(gap, BucketPlace(work, s3, source), work.region());
  StepOutcome outcome{
      "", {{"job", id}, {"job_status", status}, {"not_copied", std::to_string(gap.count())}}};
  if (status == "Complete") {
    outcome.detail = name + " copied " + JobTold(job) + "; " + left;
    return outcome;
  }
  if (!HasJobEnded(status)) {
    outcome.detail = name + " is " + status + " and goes on by itself (" + JobTold(job) +
                     " until now): look at it with `aws s3control describe-job`; " + left;
    return outcome;
  }
  const std::string why = status == "Failed" ? " failed: " + WhyJobFailed(job) : " was cancelled";
  if (gap.given_up() > 0) return base::WrongState(name + why + "; " + left);
  outcome.detail = name + why + "; " + left;
  return outcome;
}

}  // namespace

Result<StepOutcome> S3Backfill(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const std::string role, work.Parameter("batch-role"));
  const Region& source = work.Other(work.region());
  ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, *s3, source));
  if (!NeedsJob(gap)) {
    return StepOutcome{GapTold(gap, BucketPlace(work, *s3, source), work.region()) +
                           "; no job of S3 Batch Replication is needed",
                       {{"not_copied", std::to_string(gap.count())}}};
  }
  work.Say("starting S3 Batch Replication of " + BucketPlace(work, *s3, source));
  ASSIGN_OR_RETURN(const Value made, work.CallPatiently(source, "s3control", "CreateJob",
                                                        JobFor(work, *s3, role, source)));
  const Value named =
      Value::Struct({{"AccountId", AccountOf(role)}, {"JobId", made.String("JobId")}});
  ASSIGN_OR_RETURN(const Value job, FollowJob(work, named, source));
  return Conclude(work, *s3, source, job);
}

}  // namespace leeward::steps

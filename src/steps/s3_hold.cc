// Ending those who write to a bucket, and proving that all of theirs has come over.
//
// A bucket has no door that could be shut in time: its policy is changed in us-east-1 alone. What
// is sure is that a task which has ended writes no more.
#include "probe/canary.h"
#include "steps/files.h"
#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

constexpr char kNotEcs[] = "; what writes to the bucket besides is not known here";

}  // namespace

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> S3Fence(const Work& work) {
  ASSIGN_OR_RETURN(StepOutcome outcome, FenceFiles(work));
  if (outcome.outputs["proof"] == "closed")
    outcome.detail = "no task is left that writes to it" + std::string(kNotEcs);
  return outcome;
}

// What would stop the move is asked before the writers are ended, since they would have been ended
// for nothing.
Result<StepOutcome> S3Quiesce(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, *s3, work.region()));
  RETURN_IF_ERROR(CheckNothingGivenUp(work, *s3, work.region(), gap));
  ASSIGN_OR_RETURN(StepOutcome outcome, QuiesceFiles(work));
  outcome.detail = "no task is left that writes to it" + std::string(kNotEcs);
  return outcome;
}

Result<StepOutcome> S3DrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const base::WallTime end, EndOfWrites(work));
  const Region& source = work.Other(work.region());
  const base::WallTime stamp = work.tools().clock.Now();
  RETURN_IF_ERROR(PutStamp(BucketIn(work, *s3, source, work.limits().call),
                           probe::CanaryOf(source.str()), stamp));
  RETURN_IF_ERROR(AwaitCanary(work, *s3, work.region(), stamp));
  RETURN_IF_ERROR(AwaitCopied(work, *s3, end + work.limits().clock_margin));
  return StepOutcome{"complete: a canary behind the last write came over, and nothing of " +
                         BucketPlace(work, *s3, source) + " is left to copy",
                     {{"complete", "yes"}, {"last_canary", base::FormatIso8601(stamp)}}};
}

Result<StepOutcome> S3Open(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  const std::string place = BucketPlace(work, *s3, work.region());
  ASSIGN_OR_RETURN(StepOutcome outcome, StartWriters(work, place));
  outcome.detail = place + " was never closed, and who writes to it is told to run again";
  return outcome;
}

}  // namespace leeward::steps

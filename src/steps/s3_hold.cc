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

// Whether nothing is under way by CloudWatch's word, which is of after the end; absent: it has none
// of then.
Result<std::optional<bool>> NothingUnderWay(const Work& work, const S3& s3, base::WallTime end) {
  ASSIGN_OR_RETURN(const std::optional<CopyLag> lag, LagInto(work, s3));
  if (!lag || lag->at < end) return std::optional<bool>();
  return std::optional<bool>(lag->operations == 0);
}

// All of the bucket is copied: by each object's own word where they can all be asked, else by
// CloudWatch's for those that were not.
Status AwaitCopied(const Work& work, const S3& s3, const Region& source, base::WallTime end) {
  const std::string place = BucketPlace(work, s3, source);
  const auto copied = work.Await<bool>(
      "every object of " + place + " to be copied", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, s3, source));
        if (gap.failed + gap.never > 0) {
          return base::WrongState(GapTold(gap, place, work.region()) +
                                  "; then run the same command again, or go back with `leeward "
                                  "abandon`");
        }
        if (gap.pending > 0) return std::optional<bool>();
        if (gap.whole) return std::optional<bool>(true);
        ASSIGN_OR_RETURN(const std::optional<bool> nothing, NothingUnderWay(work, s3, end));
        if (nothing && *nothing) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return copied.ok() ? base::Ok() : Status(copied.error());
}

}  // namespace

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> S3Fence(const Work& work) {
  ASSIGN_OR_RETURN(StepOutcome outcome, FenceFiles(work));
  if (outcome.outputs["proof"] == "closed")
    outcome.detail = "no task is left that writes to it" + std::string(kNotEcs);
  return outcome;
}

Result<StepOutcome> S3Quiesce(const Work& work) {
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
  RETURN_IF_ERROR(AwaitCopied(work, *s3, source, end));
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

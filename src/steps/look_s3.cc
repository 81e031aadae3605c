// Looks at buckets that are to be copied, measured, closed and opened.
#include "probe/canary.h"
#include "steps/files.h"
#include "steps/look.h"
#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

// "the canary of us-east-1 in shop-pictures in us-west-2 is 0.3 s old".
std::string CanaryTold(const Work& work, const S3& s3, const Region& of, const Region& in) {
  const auto seen = GetStamp(BucketIn(work, s3, in, work.limits().call), probe::CanaryOf(of.str()));
  if (!seen.ok()) return seen.error().message();
  const std::string place = BucketPlace(work, s3, in);
  if (!*seen) return "no canary of " + of.str() + " is in " + place;
  return "the canary of " + of.str() + " in " + place + " is " +
         base::HumanDuration(work.tools().clock.Now() - (*seen)->stamp) + " old";
}

// What would be set of a bucket; empty: nothing.
Result<std::string> WouldSet(const Work& work, const S3& s3, const Region& from) {
  RETURN_IF_ERROR(NeedBucket(work, s3, from));
  const std::string& bucket = s3.bucket(work.application().regions, from);
  ASSIGN_OR_RETURN(const std::string versioning, VersioningOf(work, bucket, from));
  const WantedRule wanted = RuleFrom(work, s3, from);
  ASSIGN_OR_RETURN(const Value now, BucketReplication(work, bucket, from));
  ASSIGN_OR_RETURN(const std::optional<Value> with, WithRule(now, wanted, bucket));
  std::string would;
  if (versioning != "Enabled")
    would = "turn on the versioning of " + Place(bucket, from) + " (" + versioning + ")";
  if (with)
    would += (would.empty() ? "" : " and ") + std::string("put rule ") + wanted.id + " into " +
             Place(bucket, from);
  return would;
}

}  // namespace

Result<Finding> LookAtBucketSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, S3CheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtBucketReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const Region source(from);
  ASSIGN_OR_RETURN(const std::string there, WouldSet(work, *s3, source));
  ASSIGN_OR_RETURN(const std::string here, WouldSet(work, *s3, work.region()));
  if (there.empty() && here.empty())
    return Nothing("rules are there both ways; " + CanaryTold(work, *s3, source, work.region()));
  return Act("would " + there + (there.empty() || here.empty() ? "" : ", and ") + here);
}

Result<Finding> LookAtBucketBackfill(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  const Region& source = work.Other(work.region());
  ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, *s3, source));
  const std::string place = BucketPlace(work, *s3, source);
  if (!NeedsJob(gap)) return Nothing(place + " has nothing that had no rule, or failed");
  return Act("would start S3 Batch Replication in " + source.str() + " for " +
             std::to_string(gap.given_up()) + " objects of " + place +
             (gap.whole ? "" : " and those that were not looked at") + " and wait for it");
}

Result<Finding> LookAtBucketMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, S3Measure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtBucketFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work));
  const Result<std::int64_t> left = TasksLeft(work, writers);
  if (!left.ok()) {
    return Finding{Would::kPass,
                   "its tasks could not be asked for: " + left.error().message(),
                   {},
                   {{"proof", "unreachable"}}};
  }
  Finding finding = Act("would wait until no task writes to it; now " + std::to_string(*left));
  finding.outputs["proof"] = "closed";
  return finding;
}

Result<Finding> LookAtBucketDrain(const Look& look) {
  const Work& work = look.work();
  const Region& source = work.Other(work.region());
  ASSIGN_OR_RETURN(const StepOutcome measured, S3Measure(work));
  Finding finding = Act("would send a last canary from " + source.str() + " and wait for it; now " +
                        measured.detail);
  finding.outputs = measured.outputs;
  return finding;
}

Result<Finding> LookAtBucketReady(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  RETURN_IF_ERROR(NeedBucket(work, *s3, work.region()));
  return Nothing("takes writes as it is; only an object of Leeward's own would be written");
}

Result<Finding> LookAtBucketConverge(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  return Act("would send a canary each way and wait for both; now " +
             CanaryTold(work, *s3, Region(writer), work.region()) + ", and " +
             CanaryTold(work, *s3, work.region(), Region(writer)));
}

Result<Finding> LookAtBucketGap(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending({{"s3.converge"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(StepOutcome found, S3Gap(work));
  return Pass(std::move(found));
}

Result<Finding> LookAtBucketQuiesce(const Look& look) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(look.work()));
  ASSIGN_OR_RETURN(const std::int64_t left, TasksLeft(look.work(), writers));
  ASSIGN_OR_RETURN(const S3* s3, look.work().Component<S3>());
  ASSIGN_OR_RETURN(const CopyGap gap, GapOf(look.work(), *s3, look.work().region()));
  RETURN_IF_ERROR(CheckNothingGivenUp(look.work(), *s3, look.work().region(), gap));
  Finding finding = Act("would end the " + std::to_string(left) + " tasks that write to it");
  finding.outputs["proof"] = "closed";
  return finding;
}

Result<Finding> LookAtBucketDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  const Region& source = work.Other(work.region());
  const std::string now = CanaryTold(work, *s3, source, work.region());
  const model::Step* quiesce = look.Pending({{"s3.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, now);
  return Act("would wait until every object of " + source.str() + " is copied; now " + now);
}

Result<Finding> LookAtBucketOpen(const Look& look) {
  ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(look.work()));
  return Act("would have " + std::to_string(writers.size()) + " services run at their active size");
}

}  // namespace leeward::steps

// Laying the way there and back: both buckets versioned, a rule in each, and a canary that has gone
// the way.
#include "probe/canary.h"
#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

constexpr char kVersioned[] = "Enabled";

Status EnsureVersioned(const Work& work, const S3& s3, const Region& region) {
  const std::string& bucket = s3.bucket(work.application().regions, region);
  ASSIGN_OR_RETURN(const std::string now, VersioningOf(work, bucket, region));
  if (now == kVersioned) return base::Ok();
  work.Say("turning on the versioning of " + Place(bucket, region));
  const auto put = work.CallPatiently(
      region, "s3", "PutBucketVersioning",
      Value::Struct({{"Bucket", bucket},
                     {"VersioningConfiguration", Value::Struct({{"Status", kVersioned}})}}));
  if (!put.ok()) return put.error();
  const auto on = work.Await<bool>(Place(bucket, region) + " to be versioned", work.ApiPace(),
                                   [&]() -> Result<std::optional<bool>> {
                                     ASSIGN_OR_RETURN(const std::string state,
                                                      VersioningOf(work, bucket, region));
                                     if (state == kVersioned) return std::optional<bool>(true);
                                     return std::optional<bool>();
                                   });
  return on.ok() ? base::Ok() : Status(on.error());
}

// S3 answers with the old configuration for a while after a put, and none of its own is told from
// another's; a rule that is seen is there.
Status AwaitRule(const Work& work, const std::string& bucket, const Region& region,
                 const WantedRule& wanted) {
  const auto seen = work.Await<bool>(
      "rule " + wanted.id + " of " + Place(bucket, region), work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Value now, BucketReplication(work, bucket, region));
        ASSIGN_OR_RETURN(const std::optional<Value> missing, WithRule(now, wanted, bucket));
        if (!missing) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return seen.ok() ? base::Ok() : Status(seen.error());
}

// Whether it was there already.
Result<bool> EnsureRule(const Work& work, const S3& s3, const Region& from) {
  const std::string& bucket = s3.bucket(work.application().regions, from);
  const WantedRule wanted = RuleFrom(work, s3, from);
  ASSIGN_OR_RETURN(const Value now, BucketReplication(work, bucket, from));
  ASSIGN_OR_RETURN(const std::optional<Value> with, WithRule(now, wanted, bucket));
  if (!with) return true;
  work.Say("putting rule " + wanted.id + " into " + Place(bucket, from));
  const auto put =
      work.CallPatiently(from, "s3", "PutBucketReplication",
                         Value::Struct({{"Bucket", bucket}, {"ReplicationConfiguration", *with}}));
  if (!put.ok()) return put.error();
  RETURN_IF_ERROR(AwaitRule(work, bucket, from, wanted));
  return false;
}

// Both are read before either is changed: what is in the way of one is no half work.
Status CheckRules(const Work& work, const S3& s3, const std::vector<Region>& both) {
  for (const Region& region : both) {
    const std::string& bucket = s3.bucket(work.application().regions, region);
    ASSIGN_OR_RETURN(const Value now, BucketReplication(work, bucket, region));
    const auto with = WithRule(now, RuleFrom(work, s3, region), bucket);
    if (!with.ok()) return with.error();
  }
  return base::Ok();
}

}  // namespace

Result<StepOutcome> S3Replicate(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const Region source(from);
  const std::vector<Region> both = {source, work.region()};
  for (const Region& region : both) RETURN_IF_ERROR(NeedBucket(work, *s3, region));
  RETURN_IF_ERROR(CheckRules(work, *s3, both));
  // A rule needs two versioned buckets.
  for (const Region& region : both) RETURN_IF_ERROR(EnsureVersioned(work, *s3, region));
  bool there = true;
  for (const Region& region : both) {
    ASSIGN_OR_RETURN(const bool was, EnsureRule(work, *s3, region));
    there = there && was;
  }
  const base::WallTime stamp = work.tools().clock.Now();
  RETURN_IF_ERROR(PutStamp(BucketIn(work, *s3, source, work.limits().call),
                           probe::CanaryOf(source.str()), stamp));
  RETURN_IF_ERROR(AwaitCanary(work, *s3, work.region(), stamp));
  StepOutcome outcome{there ? "rules are there both ways, and a canary came over"
                            : "rules are put in place both ways, and a canary came over",
                      {{"rule", RuleFrom(work, *s3, source).id}}};
  // A bucket that cannot be listed is copied all the same.
  const Result<CopyGap> gap = GapOf(work, *s3, source);
  if (!gap.ok() && gap.error().code() == base::ErrorCode::kCancelled) return gap.error();
  const std::string place = BucketPlace(work, *s3, source);
  outcome.outputs["not_copied"] = gap.ok() ? std::to_string(gap->count()) : "unknown";
  if (!gap.ok()) outcome.detail += "; what it lacks is not known: " + gap.error().message();
  if (gap.ok() && (gap->count() > 0 || !gap->whole))
    outcome.detail += "; " + GapTold(*gap, place, work.region());
  return outcome;
}

}  // namespace leeward::steps

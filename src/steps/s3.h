// Steps of the component kind `s3`, and what they share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/objects.h"
#include "steps/work.h"

namespace leeward::steps {

// s3.cc
Result<StepOutcome> S3CheckSource(const Work& work);
Result<StepOutcome> S3Ready(const Work& work);
// s3_replicate.cc
Result<StepOutcome> S3Replicate(const Work& work);
// s3_backfill.cc
Result<StepOutcome> S3Backfill(const Work& work);
// s3_lag.cc
Result<StepOutcome> S3Measure(const Work& work);
Result<StepOutcome> S3Drain(const Work& work);
Result<StepOutcome> S3Converge(const Work& work);
// s3_hold.cc
Result<StepOutcome> S3Fence(const Work& work);
Result<StepOutcome> S3Quiesce(const Work& work);
Result<StepOutcome> S3DrainTo(const Work& work);
Result<StepOutcome> S3Open(const Work& work);
// s3_gap.cc
Result<StepOutcome> S3Gap(const Work& work);

// "shop-pictures in us-west-2".
std::string BucketPlace(const Work& work, const model::S3& s3, const Region& region);
// Calls end by `limit`.
Bucket BucketIn(const Work& work, const model::S3& s3, const Region& region, base::Duration limit);
// kNotFound: there is no such bucket. kWrongState: it is in another Region.
Status NeedBucket(const Work& work, const model::S3& s3, const Region& region);
// What HeadBucket answered of a bucket that is to be in `region`: empty, or what is wrong.
std::string WhyNotInRegion(const Result<Value>& head, const Region& region);

// s3_lag.cc: with what is known of how far the step's Region is behind the other one.
Result<StepOutcome> S3Bound(const Work& work, const model::S3& s3);
// CloudWatch's word in the step's Region of what the other one sends; nullopt: it has none.
Result<std::optional<CopyLag>> LagInto(const Work& work, const model::S3& s3);
// Waits in `in` until the other Region's canary of `stamp` is there, or a later one.
Status AwaitCanary(const Work& work, const model::S3& s3, const Region& in, base::WallTime stamp);

// s3_rules.cc: a bucket's replication as GetBucketReplication tells of it, with a rule of
// Leeward's.
struct WantedRule {
  std::string id, role, destination, prefix;
  model::TimeControl time_control = model::TimeControl::kOn;
};
WantedRule RuleFrom(const Work& work, const model::S3& s3, const Region& from);
// The configuration with the rule in it, and all else as it was; nullopt: it is so already.
// kWrongState: a rule that is there is in the way, by its name. `bucket` is for the message.
Result<std::optional<Value>> WithRule(const Value& configuration, const WantedRule& wanted,
                                      const std::string& bucket);
// An absent Value: the bucket has none.
Result<Value> BucketReplication(const Work& work, const std::string& bucket, const Region& region);
// S3's word for the state of a bucket's versioning: "Enabled", "Suspended", "never enabled".
Result<std::string> VersioningOf(const Work& work, const std::string& bucket, const Region& region);

// s3_gap.cc: what of a bucket its other Region has not, by S3's own word.
struct CopyGap {
  std::int64_t listed = 0, asked = 0;
  bool whole = true;  // every version was looked at
  std::int64_t pending = 0, failed = 0, never = 0;
  std::vector<std::string> names;  // "a.png (FAILED)", the newest first; bounded
  std::string cure;                // what brings over what waiting does not

  std::int64_t count() const { return pending + failed + never; }
  std::int64_t given_up() const { return failed + never; }
};
// Of what was written by then; absent: of everything.
Result<CopyGap> GapOf(const Work& work, const model::S3& s3, const Region& region,
                      std::optional<base::WallTime> before = {});
// kWrongState: what no waiting brings over, by name.
Status CheckNothingGivenUp(const Work& work, const model::S3& s3, const Region& region,
                           const CopyGap& gap);
// Whether a job of S3 Batch Replication has something to do, as far as is known.
inline bool NeedsJob(const CopyGap& gap) { return gap.given_up() > 0 || !gap.whole; }
// Waits until all that was written to the other Region's bucket by then is in the step's.
Status AwaitCopied(const Work& work, const model::S3& s3, base::WallTime before);
// "3 objects of shop-pictures in us-east-1 are not in us-west-2: ...".
std::string GapTold(const CopyGap& gap, const std::string& place, const Region& other);

}  // namespace leeward::steps

#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

// A bucket of another Region is told of by a redirect or a refusal, both without a body.
bool IsElsewhere(const base::Error& error) {
  return error.code() == base::ErrorCode::kInvalid || error.code() == base::ErrorCode::kService;
}

}  // namespace

std::string BucketPlace(const Work& work, const S3& s3, const Region& region) {
  return Place(s3.bucket(work.application().regions, region), region);
}

Bucket BucketIn(const Work& work, const S3& s3, const Region& region, base::Duration limit) {
  return {s3.bucket(work.application().regions, region), s3.prefix,
          [&work, region, limit](std::string_view operation, const Value& input) {
            return work.CallFor(limit, region, "s3", operation, input);
          }};
}

std::string WhyNotInRegion(const Result<Value>& head, const Region& region) {
  if (!head.ok()) {
    return IsElsewhere(head.error())
               ? "is not in " + region.str() + " (" + head.error().message() + ")"
               : "";
  }
  const std::string_view told = head->String("BucketRegion");
  if (told.empty() || told == region.str()) return "";
  return "is in " + std::string(told) + ", not in " + region.str();
}

Status NeedBucket(const Work& work, const S3& s3, const Region& region) {
  const bool home = region == work.application().regions.home;
  const std::string& name = s3.bucket(work.application().regions, region);
  const std::string key = home ? "home-bucket" : "recovery-bucket";
  const Result<Value> head =
      work.Call(region, "s3", "HeadBucket", Value::Struct({{"Bucket", name}}));
  if (!head.ok() && head.error().code() == base::ErrorCode::kNotFound) {
    return base::NotFound("there is no bucket '" + name + "' in " + region.str() +
                          "; make it there, or check `" + key + "` in the spec");
  }
  if (const std::string why = WhyNotInRegion(head, region); !why.empty())
    return base::WrongState("bucket '" + name + "' " + why + "; check `" + key + "` in the spec");
  return head.ok() ? base::Ok() : Status(head.error());
}

Result<StepOutcome> S3CheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  RETURN_IF_ERROR(NeedBucket(work, *s3, work.region()));
  return StepOutcome{BucketPlace(work, *s3, work.region()) + " is there", {}};
}

Result<StepOutcome> S3Ready(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  const Bucket bucket = BucketIn(work, *s3, work.region(), work.limits().call);
  const std::string probe = "probe:" + work.region().str();
  const base::WallTime now = work.tools().clock.Now();
  RETURN_IF_ERROR(PutStamp(bucket, probe, now));
  ASSIGN_OR_RETURN(const std::optional<ObjectStamp> read, GetStamp(bucket, probe));
  // Another's probe may have come after it.
  if (!read || read->stamp < now) {
    return base::WrongState("what was written to " + BucketPlace(work, *s3, work.region()) +
                            " is not what is read there; see to it in S3");
  }
  ASSIGN_OR_RETURN(StepOutcome outcome, S3Bound(work, *s3));
  outcome.detail = "an object was written and read in " + BucketPlace(work, *s3, work.region());
  if (const auto newest = outcome.outputs.find("newest_visible"); newest != outcome.outputs.end())
    outcome.outputs["parted"] = newest->second;
  return outcome;
}

}  // namespace leeward::steps

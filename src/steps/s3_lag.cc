// How far a bucket is behind the other Region's, and waiting for what is under way.
//
// S3 copies in no order, so a canary that came over says that copies flow, not that all before it
// have come; CloudWatch knows what has not, some minutes late. Each is believed for what it knows.
#include <algorithm>

#include "decide/decide.h"
#include "probe/canary.h"
#include "steps/gates.h"
#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

StepOutcome UnknownCopies(const Work& work, const S3& s3, const Region& source) {
  return {"unknown: no canary of " + source.str() + " was ever visible in " +
              BucketPlace(work, s3, work.region()) +
              ", and CloudWatch there has no datapoint of its rule",
          {}};
}

struct Newest {
  base::WallTime at;
  std::string source;
};

std::optional<Newest> NewestOf(const std::optional<ObjectStamp>& canary,
                               const std::optional<CopyLag>& lag) {
  if (!canary && !lag) return std::nullopt;
  if (!canary) return Newest{lag->whole_until(), "CloudWatch"};
  const bool behind = lag && lag->operations > 0 && lag->whole_until() < canary->stamp;
  if (behind) return Newest{lag->whole_until(), "CloudWatch"};
  return Newest{canary->stamp, "newest canary"};
}

void TellLag(const std::optional<CopyLag>& lag, StepOutcome& outcome) {
  if (!lag) return;
  outcome.outputs["pending_operations"] = std::to_string(lag->operations);
  outcome.outputs["pending_bytes"] = std::to_string(lag->bytes);
  outcome.outputs["pending_at"] = base::FormatIso8601(lag->at);
  if (lag->operations > 0) {
    outcome.detail += "; copies under way at " + base::FormatIso8601(lag->at) + ": " +
                      std::to_string(lag->operations) + ", of " + std::to_string(lag->bytes) +
                      " bytes";
  }
}

// Half of what is left: the rest is for saying what was found.
base::Duration HalfOfWhatIsLeft(const Work& work) { return work.Left() / 2; }

}  // namespace

Result<std::optional<CopyLag>> LagInto(const Work& work, const S3& s3) {
  const model::Regions& regions = work.application().regions;
  const CopyRoute route{s3.bucket(regions, work.Other(work.region())),
                        s3.bucket(regions, work.region()),
                        ReplicationRuleId(work.application().name, work.step().component)};
  ASSIGN_OR_RETURN(const Value told, work.Call(work.region(), "cloudwatch", "GetMetricData",
                                               LagQuestion(route, work.tools().clock.Now())));
  return ReadLag(told);
}

Result<StepOutcome> S3Bound(const Work& work, const S3& s3) {
  const Region& source = work.Other(work.region());
  const auto canary = GetStamp(BucketIn(work, s3, work.region(), work.limits().call),
                               probe::CanaryOf(source.str()));
  if (!canary.ok()) return canary.error();
  // The metrics are one more word, not the only one: without them the canary is left.
  const Result<std::optional<CopyLag>> asked = LagInto(work, s3);
  if (!asked.ok() && asked.error().code() == base::ErrorCode::kCancelled) return asked.error();
  const std::optional<CopyLag> lag = asked.ok() ? *asked : std::nullopt;
  const std::optional<Newest> newest = NewestOf(*canary, lag);
  if (!newest) return UnknownCopies(work, s3, source);
  model::StoreLag store;
  store.component = work.step().component;
  store.read_at = NoWritesAfter(work);
  store.newest_visible = newest->at;
  const decide::LossBound bound = decide::BoundOf(store, store.read_at, work.limits().clock_margin);
  StepOutcome outcome{
      "at most " + base::HumanDuration(*bound.bound) + " of writes, by " +
          (newest->source == "CloudWatch" ? newest->source : "the " + newest->source),
      {{"read_at", base::FormatIso8601(store.read_at)},
       {"clock_margin_ns", std::to_string(work.limits().clock_margin.count())},
       {"newest_visible", base::FormatIso8601(newest->at)},
       {"source", newest->source},
       {"bound_ns", std::to_string(bound.bound->count())}}};
  if (!asked.ok()) outcome.detail += "; CloudWatch did not tell: " + asked.error().message();
  TellLag(lag, outcome);
  return outcome;
}

Status AwaitCanary(const Work& work, const S3& s3, const Region& in, base::WallTime stamp) {
  const Region& of = work.Other(in);
  const Bucket bucket = BucketIn(work, s3, in, work.limits().call);
  const auto seen = work.Await<bool>(
      "the canary of " + of.str() + " of " + base::FormatIso8601(stamp) + " in " +
          BucketPlace(work, s3, in),
      work.ApiPace(), [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const auto now, GetStamp(bucket, probe::CanaryOf(of.str())));
        if (now && now->stamp >= stamp) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return seen.ok() ? base::Ok() : Status(seen.error());
}

Result<StepOutcome> S3Measure(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  return S3Bound(work, *s3);
}

// The old Region is asked for one thing, and not waited for when it does not do it.
Result<StepOutcome> S3Drain(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  const Region& source = work.Other(work.region());
  const std::string canary = probe::CanaryOf(source.str());
  const base::WallTime stamp = work.tools().clock.Now();
  const Status sent =
      PutStamp(BucketIn(work, *s3, source, work.limits().old_region), canary, stamp);
  std::string waited = source.str() + " takes no canary, so nothing more is waited for";
  if (sent.ok()) {
    const base::MonotonicTime until = work.Within(HalfOfWhatIsLeft(work));
    const Bucket here = BucketIn(work, *s3, work.region(), work.limits().call);
    bool came = false;
    while (!came && work.tools().clock.Monotonic() < until) {
      const auto seen = GetStamp(here, canary);
      came = seen.ok() && *seen && (*seen)->stamp >= stamp;
      if (!came) RETURN_IF_ERROR(work.Pause(work.limits().http_poll));
    }
    waited = came ? "a last canary of " + source.str() + " came over"
                  : "a last canary of " + source.str() + " did not come over in time";
  }
  ASSIGN_OR_RETURN(StepOutcome outcome, S3Bound(work, *s3));
  outcome.detail = waited + "; " + outcome.detail;
  return outcome;
}

Result<StepOutcome> S3Converge(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  ASSIGN_OR_RETURN(const std::string writer_region, work.Parameter("writer-region"));
  const Region writer(writer_region);
  // From the Region that takes writes: a canary written now.
  const base::WallTime stamp = work.tools().clock.Now();
  RETURN_IF_ERROR(PutStamp(BucketIn(work, *s3, writer, work.limits().call),
                           probe::CanaryOf(writer.str()), stamp));
  RETURN_IF_ERROR(AwaitCanary(work, *s3, work.region(), stamp));
  // A canary overtakes what is large.
  RETURN_IF_ERROR(AwaitCopied(work, *s3, stamp));
  // From the one that was lost: the last canary that it took before.
  ASSIGN_OR_RETURN(const auto last, GetStamp(BucketIn(work, *s3, work.region(), work.limits().call),
                                             probe::CanaryOf(work.region().str())));
  if (last) RETURN_IF_ERROR(AwaitCanary(work, *s3, writer, last->stamp));
  return StepOutcome{
      "all of " + writer.str() + " came over, and the last canary of " + work.region().str() +
          (last ? ", of " + base::FormatIso8601(last->stamp) + ", is there" : " was never written"),
      {{"last_ns", last ? std::to_string(last->stamp.since_epoch.count()) : ""}}};
}

}  // namespace leeward::steps

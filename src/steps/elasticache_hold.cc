// How old a secondary is; and holding a primary's writes, and letting them go on.
//
// Nobody but AWS changes a node's role, and nobody is its superuser. What every client may do is to
// ask Redis to let all writes wait (CLIENT PAUSE ... WRITE): in one transaction with a marker, so
// that the marker is the last write there is. It ends by itself when its time is over.
#include <charconv>

#include "decide/decide.h"
#include "probe/canary.h"
#include "steps/elasticache.h"
#include "steps/promoted.h"

namespace leeward::steps {
namespace {

using model::Elasticache;
using probe::RedisSession;
using Stamp = std::optional<base::WallTime>;

// What may follow a fence before the old Region's nodes are made to follow: a day.
constexpr base::Duration kFenceHolds = std::chrono::hours(24);

StepOutcome BoundBy(const Work& work, const Region& source, const Stamp& canary) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = work.tools().clock.Now();
  lag.newest_visible = canary;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail =
        "unknown: no canary of " + source.str() + " was ever visible in " + work.region().str();
    return outcome;
  }
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*canary);
  outcome.outputs["source"] = "newest canary";
  outcome.detail =
      "at most " + base::HumanDuration(*bound.bound) + " of writes, by the newest canary";
  return outcome;
}

Result<base::WallTime> TimeOutput(const Work& work, const char* kind, const char* name) {
  const std::string text = work.Output(kind, name);
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, count).ptr != end)
    return base::Invalid("the plan holds no writes whose last one could be waited for");
  return base::WallTime{base::Duration(count)};
}

std::string Text(base::WallTime time) { return std::to_string(time.since_epoch.count()); }

}  // namespace

std::string HoldOf(const Region& region) { return "hold:" + region.str(); }

Result<Hold> HoldIn(const Work& work, const probe::RedisAddress& address, const Region& region,
                    base::Duration duration, base::Duration limit) {
  const base::WallTime now = work.tools().clock.Now();
  return OnCache(
      work, address, limit,
      [&](RedisSession& session, base::MonotonicTime deadline) -> Result<Hold> {
        // A hold of an earlier run would let this one's marker wait.
        RETURN_IF_ERROR(probe::ReleaseWrites(session, deadline));
        RETURN_IF_ERROR(probe::HoldWrites(session, {HoldOf(region), now, duration}, deadline));
        return Hold{now, now + duration};
      });
}

Status AwaitMarker(const Work& work, const probe::RedisAddress& address, const std::string& what,
                   base::WallTime stamp) {
  const auto seen = work.Await<bool>(
      what + " of " + base::FormatIso8601(stamp) + " at " + address.Text(), work.SqlPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Stamp now,
                         OnCache(work, address, work.limits().sql,
                                 [&](RedisSession& session, base::MonotonicTime deadline) {
                                   return probe::GetStamp(session, what, deadline);
                                 }));
        if (now && *now >= stamp) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return seen.ok() ? base::Ok() : Status(seen.error());
}

Status OpenCache(const Work& work, const probe::RedisAddress& address) {
  return OnCache(work, address, work.limits().sql,
                 [&](RedisSession& session, base::MonotonicTime deadline) -> Status {
                   RETURN_IF_ERROR(probe::ReleaseWrites(session, deadline));
                   return probe::PutStamp(session, "probe", work.tools().clock.Now(), deadline);
                 });
}

Result<StepOutcome> ElasticacheMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  return OnCache(work, address, work.limits().sql,
                 [&](RedisSession& session, base::MonotonicTime deadline) -> Result<StepOutcome> {
                   ASSIGN_OR_RETURN(const probe::RedisStanding standing,
                                    probe::ReadStanding(session, deadline));
                   if (standing.primary)
                     return TakesWritesAlready(work,
                                               Place(cache->replication_group, work.region()));
                   ASSIGN_OR_RETURN(const Stamp canary,
                                    probe::GetStamp(session, probe::CanaryOf(source), deadline));
                   return Measurable(work, BoundBy(work, Region(source), canary));
                 });
}

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> ElasticacheFence(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  const std::string place = Place(cache->replication_group, work.region());
  // Only from the inventory: nothing may wait for the old Region's control plane.
  if (work.Fact(work.step().component, work.region(), "endpoint.address").empty()) {
    return StepOutcome{place + " has no known address; nothing was held",
                       {{"proof", "unreachable"}}};
  }
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  const Result<Hold> held =
      HoldIn(work, address, work.region(), kFenceHolds, work.limits().old_region);
  if (held.ok()) {
    return StepOutcome{"its writes wait until " + base::FormatIso8601(held->until),
                       {{"proof", "closed"}, {"final_ns", Text(held->marker)}}};
  }
  if (held.error().code() == base::ErrorCode::kCancelled) return held.error();
  return StepOutcome{place + " could not be held: " + held.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> ElasticacheQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  ASSIGN_OR_RETURN(const Hold hold, HoldIn(work, address, work.region(), work.limits().writes_held,
                                           work.limits().sql));
  return StepOutcome{
      "its writes wait, at most until " + base::FormatIso8601(hold.until),
      {{"final_ns", Text(hold.marker)}, {"until_ns", Text(hold.until)}, {"proof", "closed"}}};
}

Result<StepOutcome> ElasticacheDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const base::WallTime last, TimeOutput(work, "elasticache.quiesce", "final_ns"));
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  RETURN_IF_ERROR(AwaitMarker(work, address, HoldOf(Region(source)), last));
  return StepOutcome{"complete: the last write of " + source + " arrived", {}};
}

Result<StepOutcome> ElasticacheOpen(const Work& work) {
  ASSIGN_OR_RETURN(const Elasticache* cache, work.Component<Elasticache>());
  ASSIGN_OR_RETURN(const probe::RedisAddress address, CacheIn(work, *cache, work.region()));
  RETURN_IF_ERROR(OpenCache(work, address));
  return StepOutcome{"open; a write was made", {}};
}

}  // namespace leeward::steps

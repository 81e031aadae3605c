// What a replica has of its source's log: the loss bound, and replaying what was received.
#include <algorithm>

#include "decide/decide.h"
#include "probe/late_writes.h"
#include "steps/gates.h"
#include "steps/promoted.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using Found = std::optional<StepOutcome>;

// The newest canary through the application's own database; nothing when that one cannot be
// entered.
Result<std::optional<base::WallTime>> CanaryAt(const Work& work, const probe::SqlAddress& address) {
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  auto newest = work.shared().sessions.With(
      address, deadline, [&] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return session.NewestCanary(deadline); });
  if (!newest.ok() && (newest.error().code() == base::ErrorCode::kWrongState ||
                       newest.error().code() == base::ErrorCode::kNotFound)) {
    return std::optional<base::WallTime>();
  }
  return newest;
}

StepOutcome Measured(const Work& work, const model::StoreLag& lag,
                     std::optional<base::WallTime> canary) {
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["received_lsn"] = lag.received;
  outcome.outputs["replayed_lsn"] = lag.replayed;
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: no commit and no canary of " + work.step().component.str() +
                     " was ever visible in " + work.region().str();
    return outcome;
  }
  const bool by_canary = canary && lag.newest_visible == canary;
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*lag.newest_visible);
  outcome.outputs["source"] = by_canary ? "newest canary" : "newest replayed commit";
  outcome.detail = "at most " + base::HumanDuration(*bound.bound) + " of writes, by the " +
                   outcome.outputs["source"];
  if (lag.received != lag.replayed) outcome.detail += "; log is still being replayed";
  return outcome;
}

// Remembers where the replica's numbers part from its source's, for the list of late writes. That
// is not worth a promotion: without it the old writer is still kept, only not compared.
StepOutcome Parting(const Work& work, const probe::SqlAddress& address, StepOutcome done) {
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  const auto parted = work.shared().sessions.With(
      probe::ControlOf(address), deadline, [&] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return session.Parting(deadline); });
  if (parted.ok()) {
    done.outputs["parted"] = *parted;
  } else {
    done.detail += "; late writes will not be listed: " + parted.error().message();
  }
  return done;
}

model::StoreLag LagOf(const Work& work, const probe::SqlPosition& position,
                      std::optional<base::WallTime> canary) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = NoWritesAfter(work);
  lag.received = position.received;
  lag.replayed = position.replayed;
  lag.standby_reachable = true;
  lag.newest_visible = position.last_replayed;
  if (canary && (!lag.newest_visible || *lag.newest_visible < *canary)) lag.newest_visible = canary;
  return lag;
}

// The bound that holds: the old Region may have taken writes from the first measurement until the
// time that its proof of fence names, and none since. It does not grow while this is waited for.
Result<Found> WithBound(const Work& work, const probe::SqlAddress& address,
                        const probe::SqlPosition& position, StepOutcome done) {
  ASSIGN_OR_RETURN(const std::optional<base::WallTime> canary, CanaryAt(work, address));
  done.outputs.merge(Measured(work, LagOf(work, position, canary), canary).outputs);
  return Found(Measurable(work, std::move(done)));
}

}  // namespace

Result<StepOutcome> RdsMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  // Both sessions are kept and used again by the promotion.
  ASSIGN_OR_RETURN(const probe::SqlPosition position, PositionAt(work, probe::ControlOf(address)));
  ASSIGN_OR_RETURN(const std::optional<base::WallTime> canary, CanaryAt(work, address));
  if (!position.replica) {
    return TakesWritesAlready(work, Place(rds->instance, work.region()));
  }
  return Measurable(work, Measured(work, LagOf(work, position, canary), canary));
}

Result<StepOutcome> RdsDrain(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  std::string received_then, last_seen;
  base::MonotonicTime moved = work.tools().clock.Monotonic();
  return work.Await<StepOutcome>(
      "replay in " + Place(rds->instance, work.region()), work.SqlPace(), [&]() -> Result<Found> {
        ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, probe::ControlOf(address)));
        if (!at.replica)
          return Found(TakesWritesAlready(work, Place(rds->instance, work.region())));
        // What arrives while this waits is not waited for: a source that lives would never be done.
        if (received_then.empty()) received_then = at.received;
        ASSIGN_OR_RETURN(const probe::LogGap lacking,
                         probe::GapBetween(rds->engine, at.replayed, received_then));
        StepOutcome done{"replayed to " + at.replayed,
                         {{"received_lsn", at.received}, {"replayed_lsn", at.replayed}}};
        if (lacking.size == 0)
          return WithBound(work, address, at, Parting(work, address, std::move(done)));
        const base::MonotonicTime now = work.tools().clock.Monotonic();
        if (at.replayed != last_seen) moved = now;
        last_seen = at.replayed;
        const bool comes = at.rest == probe::SqlPosition::Rest::kComes;
        if (comes || now - moved < work.limits().drain_still) return Found();
        // The source died in the middle of a record, or the replica cannot go on; promotion passes
        // over such a rest, and the bound says what is visible.
        const bool stopped = at.rest == probe::SqlPosition::Rest::kStopped;
        done.detail += "; the last " + lacking.Text() + " received " +
                       (stopped ? "will not be: it has stopped" : "are no whole record");
        return WithBound(work, address, at, Parting(work, address, std::move(done)));
      });
}

Result<StepOutcome> RdsDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const std::string final_lsn = work.Output("rds.quiesce", "final_lsn");
  if (final_lsn.empty()) return base::Invalid("the plan says no last write to replay to");
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds->instance));
  const probe::SqlAddress address =
      probe::ControlOf(DatabaseAt(work, *rds, instance.address, instance.port));
  return work.Await<StepOutcome>(
      Place(rds->instance, work.region()) + " to replay to " + final_lsn, work.SqlPace(),
      [&]() -> Result<Found> {
        ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, address));
        if (!at.replica && instance.source.empty()) {
          return Found(StepOutcome{"takes writes already", {{"replayed_lsn", at.replayed}}});
        }
        ASSIGN_OR_RETURN(const probe::LogGap lacking,
                         probe::GapBetween(rds->engine, at.replayed, final_lsn));
        if (lacking.size > 0) return Found();
        return Found(StepOutcome{
            "complete: replayed to " + at.replayed + ", the last write was at " + final_lsn,
            {{"replayed_lsn", at.replayed}}});
      });
}

}  // namespace leeward::steps

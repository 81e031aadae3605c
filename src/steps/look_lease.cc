// Looks at the writer lease. Whether it can be taken the taker itself decides, on a store that it
// can only read.
#include <algorithm>

#include "lease/in_store.h"
#include "lease/record.h"
#include "steps/lease.h"
#include "steps/look.h"
#include "steps/read_only.h"

namespace leeward::steps {
namespace {

constexpr int kWaits = 2;  // a holder that renews in so many waits is alive
constexpr base::Duration kFirstLook = std::chrono::seconds(2);

Finding WouldTake(const lease::Record& record) {
  Finding act =
      Act("would take epoch " + std::to_string(record.epoch) + " for " + record.holder.str());
  act.outputs = {{"epoch", std::to_string(record.epoch)},
                 {"ground", std::string(lease::Name(record.how))}};
  if (record.how == lease::How::kFirst) {
    act.detail += ": nobody has ever had it";
    return act;
  }
  act.outputs["from"] = record.from.str();
  act.outputs["from_epoch"] = std::to_string(record.from_epoch);
  act.detail += ": epoch " + std::to_string(record.from_epoch) + " of " + record.from.str() +
                " is " + act.outputs["ground"];
  return act;
}

base::Error IsHeld(const lease::Taker& taker) {
  const auto& seen = taker.last_seen();
  if (!seen) return base::Unreachable("the lease cannot be read: " + taker.why());
  return base::Refused("the lease is " + lease::Describe(seen->record) +
                       ", which is alive; have its guard hand it over (SIGUSR1), or say "
                       "--override-fence \"NAME: REASON\" once it cannot write");
}

// What the taker would do next at the store it may only read.
Result<Finding> WatchTaker(const Work& work, LeaseStore at) {
  ReadOnlyStore store(std::move(at.store));
  const std::string key = lease::Key(work.application().name);
  const ports::Clock& clock = work.tools().clock;
  lease::Taker taker({at.terms, work.region(), "dry-run"});
  const base::MonotonicTime start = clock.Monotonic();
  std::optional<lease::Seen> ours = lease::Give(taker, lease::AskTake{}, store, key, clock);
  while (!ours && !store.refused()) {
    const auto& seen = taker.last_seen();
    const base::Duration patience =
        kFirstLook +
        (seen ? kWaits * lease::TakerWait(at.terms, seen->record.ttl) : base::Duration(0));
    if (clock.Monotonic() >= start + patience) {
      const model::Plan& plan = work.context().plan;
      const model::Step* asks = HandOverOf(plan);
      if (asks != nullptr && seen && seen->record.guarded && seen->record.holder == plan.from)
        return Later(*asks, "the lease is " + lease::Describe(seen->record));
      return IsHeld(taker);
    }
    RETURN_IF_ERROR(work.Pause(
        std::clamp(taker.NextWake() - clock.Monotonic(), base::Duration(1), at.terms.renew_every)));
    ours = lease::Give(taker, lease::Tick{}, store, key, clock);
  }
  if (ours) {
    return Nothing("the lease is " + work.region().str() +
                   "'s already: " + lease::Describe(ours->record));
  }
  ASSIGN_OR_RETURN(const lease::Record record, lease::RecordFromJson(*store.refused()));
  return WouldTake(record);
}

// Whether the guard of this record renews it, within the time after which a taker takes it for
// ended.
Result<bool> IsRenewed(const Work& work, const LeaseStore& at, const lease::Seen& first) {
  const ports::Clock& clock = work.tools().clock;
  const std::string key = lease::Key(work.application().name);
  const base::MonotonicTime until =
      clock.Monotonic() + lease::TakerWait(at.terms, first.record.ttl);
  while (clock.Monotonic() < until) {
    RETURN_IF_ERROR(work.Pause(at.terms.renew_every));
    ASSIGN_OR_RETURN(const std::optional<lease::Seen> now,
                     lease::ReadFrom(*at.store, key, clock.Monotonic() + at.terms.store_timeout));
    if (!now || now->revision != first.revision) return true;
  }
  return false;
}

}  // namespace

Result<Finding> LookAtLeaseHandOver(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const LeaseStore at, OpenLeaseStore(work));
  ASSIGN_OR_RETURN(const std::optional<lease::Seen> seen,
                   lease::ReadFrom(*at.store, lease::Key(work.application().name),
                                   work.tools().clock.Monotonic() + at.terms.store_timeout));
  if (!seen) return Nothing("there is no lease yet");
  const lease::Record& record = seen->record;
  const std::string lease = lease::Describe(record);
  if (record.holder != work.region()) return Nothing("the lease is " + lease + " already");
  if (record.released) return Nothing("given up: " + lease);
  if (!record.guarded) return Nothing("no guard obeys the lease, so none is asked: " + lease);
  ASSIGN_OR_RETURN(const bool renewed, IsRenewed(work, at, *seen));
  if (!renewed) return Nothing("its lease has ended: " + lease);
  return Act("would ask the guard of " + lease +
             ", which renews, to close its stores and give the lease up");
}

Result<Finding> LookAtLeaseTake(const Look& look) {
  const Work& work = look.work();
  if (const model::Step* asked = look.Pending({{"lease.hand-over"}, {}, {}})) return Later(*asked);
  auto watched = [&]() -> Result<Finding> {
    ASSIGN_OR_RETURN(LeaseStore at, OpenLeaseStore(work));
    return WatchTaker(work, std::move(at));
  }();
  if (watched.ok() || !work.step().parameters.contains("override")) return watched;
  if (watched.error().code() == base::ErrorCode::kCancelled) return watched;
  return Pass({"would not be taken, and is overridden: " + watched.error().message(), {}});
}

}  // namespace leeward::steps

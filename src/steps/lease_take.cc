// Taking the writer lease for the Region that the plan moves to.
#include <algorithm>

#include "lease/in_store.h"
#include "steps/lease.h"

namespace leeward::steps {
namespace {

constexpr int kNameDigits = 12;
constexpr base::Duration kFirstLook = std::chrono::seconds(2);

// Runs a lease::Taker on the calling thread.
class Taking {
 public:
  Taking(const Work& work, ports::SharedStore& store, lease::TakerOptions options)
      : work_(work),
        store_(store),
        terms_(options.terms),
        key_(lease::Key(work.application().name)),
        taker_(std::move(options)) {}

  struct Took {
    lease::Seen seen;
    std::optional<base::WallTime> ended;  // the lease that it replaced, where its end was seen
  };

  Result<Took> Run() {
    const ports::Clock& clock = work_.tools().clock;
    const base::MonotonicTime start = clock.Monotonic();
    std::optional<lease::Seen> taken = Give(lease::AskTake{});
    while (!taken) {
      if (work_.Cancelled()) return base::Cancelled("taking the lease was stopped");
      if (clock.Monotonic() >= End(start)) return GiveUp();
      const base::Duration wait = taker_.NextWake() - clock.Monotonic();
      if (wait > base::Duration(0)) {
        work_.Say(taker_.why());
        RETURN_IF_ERROR(work_.Pause(std::min(wait, terms_.renew_every)));
      }
      taken = Give(lease::Tick{});
    }
    return Took{*taken, EndBefore(*taken)};
  }

 private:
  // When the lease that was replaced had surely run out, by the wall clock: the monotonic one may
  // have counted more than went by since.
  std::optional<base::WallTime> EndBefore(const lease::Seen& taken) const {
    const ports::Clock& clock = work_.tools().clock;
    const auto free = taker_.FreeAt();
    if (!free || taker_.last_seen()->revision == taken.revision) return std::nullopt;
    return clock.Now() - lease::SurelyPassed(terms_, clock.Monotonic() - *free);
  }

  base::MonotonicTime End(base::MonotonicTime start) const {
    const auto& seen = taker_.last_seen();
    const base::Duration wait =
        seen ? kLeaseWaits * lease::TakerWait(terms_, seen->record.ttl) : base::Duration(0);
    return std::min(work_.context().deadline, start + kFirstLook + wait);
  }

  base::Error GiveUp() const {
    const auto& seen = taker_.last_seen();
    if (!seen) return base::Unreachable("the lease was not taken: " + taker_.why());
    return base::Refused("the lease is " + lease::Describe(seen->record) +
                         ", which is alive or came back (" + taker_.why() +
                         "); have its guard hand it over (SIGUSR1), or make sure that it cannot "
                         "write and run again with --override-fence \"NAME: REASON\"");
  }

  std::optional<lease::Seen> Give(const lease::TakerEvent& event) {
    return lease::Give(taker_, event, store_, key_, work_.tools().clock);
  }

  const Work& work_;
  ports::SharedStore& store_;
  const lease::Terms terms_;
  const std::string key_;
  lease::Taker taker_;
};

Result<Taking::Took> TakeOnce(const Work& work) {
  ASSIGN_OR_RETURN(const LeaseStore at, OpenLeaseStore(work));
  return Taking(work, *at.store,
                {at.terms, work.region(), "controller-" + work.tools().random.Hex(kNameDigits),
                 work.tools().lease_sighting})
      .Run();
}

Result<Taking::Took> Take(const Work& work) {
  Result<Taking::Took> taken = TakeOnce(work);
  const model::Plan& plan = work.context().plan;
  if (taken.ok() || taken.error().code() != base::ErrorCode::kRefused ||
      HandOverOf(plan) == nullptr)
    return taken;
  const auto handed = AskToHandOver(work, plan.from);
  return handed.ok() ? TakeOnce(work) : taken;
}

}  // namespace

Result<LeaseStore> OpenLeaseStore(const Work& work) {
  const auto& place = work.application().failover.store;
  if (!place) return base::Invalid("the plan needs a lease, but the spec names no store for it");
  if (!work.tools().open_store) return base::Invalid("this runner has no shared store");
  ASSIGN_OR_RETURN(auto store, work.tools().open_store(*place));
  const lease::Terms terms = lease::TermsFor(work.application().failover.lease);
  RETURN_IF_ERROR(lease::Validate(terms));
  return LeaseStore{std::move(store), terms};
}

Result<StepOutcome> LeaseTake(const Work& work) {
  const Result<Taking::Took> taken = Take(work);
  if (!taken.ok()) {
    const bool overridden = work.step().parameters.contains("override");
    if (!overridden || taken.error().code() == base::ErrorCode::kCancelled) return taken.error();
    return StepOutcome{"not taken, and overridden: " + taken.error().message(), {}};
  }
  const lease::Record& record = taken->seen.record;
  std::string ground(lease::Name(record.how));
  StepOutcome outcome{"epoch " + std::to_string(record.epoch) + " is " + record.holder.str() + "'s",
                      {{"epoch", std::to_string(record.epoch)}, {"ground", ground}}};
  if (record.how == lease::How::kFirst) return outcome;
  outcome.outputs["from"] = record.from.str();
  outcome.outputs["from_epoch"] = std::to_string(record.from_epoch);
  if (taken->ended) outcome.outputs["ended_ns"] = std::to_string(taken->ended->since_epoch.count());
  outcome.detail += "; epoch " + std::to_string(record.from_epoch) + " of " + record.from.str() +
                    " was " + ground;
  return outcome;
}

}  // namespace leeward::steps

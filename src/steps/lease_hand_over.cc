// Having the guard of the Region that is left give its writer lease up.
#include <algorithm>
#include <utility>

#include "lease/hand_over.h"
#include "lease/in_store.h"
#include "steps/lease.h"

namespace leeward::steps {
namespace {

constexpr int kNameDigits = 12;
constexpr base::Duration kFirstLook = std::chrono::seconds(2);

class Asking {
 public:
  Asking(const Work& work, const LeaseStore& at, Region region)
      : work_(work),
        region_(std::move(region)),
        store_(*at.store),
        terms_(at.terms),
        clock_(work.tools().clock),
        lease_key_(lease::Key(work.application().name)),
        key_(lease::HandOverKey(work.application().name)),
        who_("controller-" + work.tools().random.Hex(kNameDigits)) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime start = clock_.Monotonic();
    while (clock_.Monotonic() < End(start)) {
      Look();
      if (const std::string ready = Ready(); !ready.empty()) return Done(ready);
      if (seen_) Ask(seen_->record);
      work_.Say(seen_ ? "asked " + lease::Describe(seen_->record) + " to hand over" : failure_);
      const Status paused = work_.Pause(terms_.renew_every);
      if (!paused.ok()) {
        (void)Withdraw();
        return paused.error();
      }
    }
    return GiveUp();
  }

 private:
  base::MonotonicTime Call() const { return clock_.Monotonic() + terms_.store_timeout; }
  base::Duration Wait() const {
    return lease::TakerWait(terms_, seen_ ? seen_->record.ttl : terms_.ttl);
  }
  base::MonotonicTime End(base::MonotonicTime start) const {
    return std::min(work_.context().deadline, start + kFirstLook + kLeaseWaits * Wait());
  }

  // What the record says now; what it said before stands when the store does not answer.
  void Look() {
    base::Result<std::optional<lease::Seen>> read = lease::ReadFrom(store_, lease_key_, Call());
    known_ = read.ok();
    if (!read.ok()) {
      failure_ = read.error().message();
      return;
    }
    if (!seen_ || !*read || seen_->revision != (*read)->revision) since_ = clock_.Monotonic();
    seen_ = std::move(*read);
  }

  // Why the lease can be taken; empty: it cannot.
  std::string Ready() const {
    if (!known_) return "";
    if (!seen_) return "there is no lease yet";
    const std::string lease = lease::Describe(seen_->record);
    if (seen_->record.holder != region_) return "the lease is " + lease + " already";
    if (seen_->record.released) return "given up: " + lease;
    if (!seen_->record.guarded) return "no guard obeys the lease, so none is asked: " + lease;
    if (clock_.Monotonic() - since_ >= Wait()) return "its lease has ended: " + lease;
    return "";
  }

  // Puts the request, or puts it again: a guard obeys one that it has seen renewed.
  void Ask(const lease::Record& record) {
    const lease::HandOver request{record.holder, record.epoch, who_, ++asked_};
    Result<std::uint64_t> put = store_.Put(key_, lease::ToJson(request), revision_, Call());
    if (put.ok()) {
      revision_ = *put;
      return;
    }
    // Another's, or ours of a put that was not answered: over that one next time.
    const auto entry = store_.Get(key_, Call());
    if (entry.ok()) revision_ = *entry ? (*entry)->revision : ports::kAbsent;
  }

  Status Withdraw() {
    const auto entry = store_.Get(key_, Call());
    if (!entry.ok()) return entry.error();
    if (!*entry) return base::Ok();
    const auto request = lease::HandOverFromJson((*entry)->value);
    if (request.ok() && request->who != who_) return base::Ok();  // another asks now
    return store_.Remove(key_, (*entry)->revision, Call());
  }

  Result<StepOutcome> Done(const std::string& ready) {
    // Left behind it means nothing: it names an epoch that is over.
    (void)Withdraw();
    return StepOutcome{ready, {}};
  }

  // A guard may have read the request just before it was withdrawn, so it is watched for the time
  // that obeying takes.
  Result<StepOutcome> GiveUp() {
    const Status withdrawn = Withdraw();
    const base::MonotonicTime until =
        std::min(work_.context().deadline, clock_.Monotonic() + terms_.store_timeout + Wait());
    while (clock_.Monotonic() < until) {
      Look();
      if (const std::string ready = Ready(); !ready.empty()) return Done(ready);
      RETURN_IF_ERROR(work_.Pause(terms_.renew_every));
    }
    if (!known_ || !seen_) return base::Unreachable("the lease could not be read: " + failure_);
    return base::Refused("the guard of " + lease::Describe(seen_->record) +
                         " goes on renewing and does not hand the lease over" +
                         (withdrawn.ok() ? ""
                                         : " (and the request could not be withdrawn: " +
                                               withdrawn.error().message() + ")") +
                         "; send it SIGUSR1, or restart it, and run this again");
  }

  const Work& work_;
  const Region region_;
  ports::SharedStore& store_;
  const lease::Terms terms_;
  const ports::Clock& clock_;
  const std::string lease_key_, key_, who_;
  bool known_ = false;  // the last read was answered
  std::optional<lease::Seen> seen_;
  base::MonotonicTime since_;  // when this revision was first answered
  std::string failure_ = "the lease was not read yet";
  std::uint64_t asked_ = 0;
  std::uint64_t revision_ = ports::kAbsent;  // of the request, as far as it is known
};

}  // namespace

Result<StepOutcome> AskToHandOver(const Work& work, const Region& region) {
  ASSIGN_OR_RETURN(const LeaseStore at, OpenLeaseStore(work));
  return Asking(work, at, region).Run();
}

Result<StepOutcome> LeaseHandOver(const Work& work) { return AskToHandOver(work, work.region()); }

const model::Step* HandOverOf(const model::Plan& plan) {
  const auto found =
      std::find_if(plan.steps.begin(), plan.steps.end(),
                   [](const model::Step& step) { return step.kind.str() == "lease.hand-over"; });
  return found == plan.steps.end() ? nullptr : &*found;
}

}  // namespace leeward::steps

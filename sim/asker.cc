#include "sim/asker.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace leeward::sim {
namespace {

constexpr Duration kFirstLook = std::chrono::seconds(2);
constexpr int kLeaseWaits = 3;

}  // namespace

Asker::Asker(SharedStore& store, Process& process, Place place, Options options, Done done)
    : store_(store),
      process_(process),
      place_(place),
      options_(std::move(options)),
      done_(std::move(done)),
      key_(lease::HandOverKey(options_.application)),
      start_(process.Monotonic()) {
  Look();
}

std::function<bool()> Asker::StillHere() const {
  return [here = std::weak_ptr<bool>(here_)] { return !here.expired(); };
}

SharedStore::Asker Asker::Asking() { return {process_, place_, options_.terms.store_timeout}; }

base::Duration Asker::Wait() const {
  return lease::TakerWait(options_.terms, seen_ ? seen_->record.ttl : options_.terms.ttl);
}

void Asker::Look() {
  store_.Get(Asking(), LeaseKey::kWriters,
             [this, here = StillHere()](const base::Result<SharedStore::Found>& found) {
               if (here()) Saw(found);
             });
}

void Asker::Saw(const base::Result<SharedStore::Found>& found) {
  known_ = found.ok();
  if (found.ok()) {
    const bool same = seen_ && *found && seen_->revision == (*found)->revision;
    if (!same) since_ = process_.Monotonic();
    seen_ = *found;
  }
  Consider();
}

std::string Asker::Ready() const {
  if (!known_) return "";
  if (!seen_) return "there is no lease yet";
  const std::string lease = lease::Describe(seen_->record);
  if (seen_->record.holder != options_.holder) return "the lease is " + lease + " already";
  if (seen_->record.released) return "given up: " + lease;
  if (!seen_->record.guarded) return "no guard obeys the lease: " + lease;
  if (process_.Monotonic() - since_ >= Wait()) return "its lease has ended: " + lease;
  return "";
}

void Asker::Consider() {
  if (const std::string ready = Ready(); !ready.empty()) {
    Withdraw();
    return Finish(ports::StepOutcome{ready, {}});
  }
  const base::MonotonicTime now = process_.Monotonic();
  const base::MonotonicTime end =
      std::min(options_.deadline, start_ + kFirstLook + kLeaseWaits * Wait());
  if (until_ && now >= *until_) {
    if (!known_) return Finish(base::Unreachable("the lease could not be read"));
    return Finish(base::Refused("the guard of " + lease::Describe(seen_->record) +
                                " goes on renewing and does not hand the lease over"));
  }
  if (!until_ && now >= end) {
    Withdraw();
    until_ = std::min(options_.deadline, now + options_.terms.store_timeout + Wait());
  } else if (!until_ && seen_) {
    Ask();
  }
  Again();
}

void Asker::Again() {
  process_.After(options_.terms.renew_every, [this, here = std::weak_ptr<bool>(here_)] {
    if (!here.expired()) Look();
  });
}

void Asker::Ask() {
  options_.effect();
  const lease::HandOver request{seen_->record.holder, seen_->record.epoch, options_.who, ++asked_};
  store_.Put(Asking(), {key_, lease::ToJson(request), revision_},
             [this, here = StillHere()](const base::Result<std::uint64_t>& put) {
               if (!here()) return;
               if (put.ok()) {
                 revision_ = *put;
                 return;
               }
               store_.Get(Asking(), key_,
                          [this, here](const base::Result<SharedStore::Entry>& entry) {
                            if (here() && entry.ok())
                              revision_ = *entry ? (*entry)->revision : ports::kAbsent;
                          });
             });
}

void Asker::Withdraw() {
  if (asked_ > 0) store_.Remove(Asking(), key_);
}

void Asker::Finish(const base::Result<ports::StepOutcome>& outcome) {
  const Done done = std::exchange(done_, nullptr);
  if (done) done(outcome);  // may be the end of this
}

}  // namespace leeward::sim

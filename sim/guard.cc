#include "sim/guard.h"

#include <algorithm>

namespace leeward::sim {
namespace {

constexpr Duration kPatience{400'000'000};  // with one question to the store

}  // namespace

// What was true before a crash is not known to be true now: close first, then ask.
void Guard::OnStart() {
  releasing_ = false;
  if (options_.assumes_it_holds && started_before_) {
    state_ = State::kHolds;
    site_.permitted = site_.database.open = true;
    site_.Changed();
  } else {
    Fence();
  }
  started_before_ = true;
  Look();
}

// Nobody answers the application any more; it goes by the last answer for a while.
void Guard::OnCrash() {
  agenda().After(options_.heard_for, [this] {
    if (running() && state_ == State::kHolds) return;
    site_.permitted = false;
    site_.Changed();
  });
}

void Guard::Look() {
  store_.Get(*this, site_.place(), kLeaseKey, kPatience,
             [this](base::Result<SharedStore::Found> found) { Heard(found); });
  After(options_.terms.renew_every, [this] { Look(); });
}

void Guard::Heard(const base::Result<SharedStore::Found>& found) {
  if (!found.ok() || !found->has_value()) return;
  const ports::SharedEntry& entry = **found;
  LeaseRecord record = LeaseFromText(entry.value);
  const bool mine = record.holder == site_.place() && !record.released;
  if (!mine) {
    releasing_ = false;
    if (state_ == State::kHolds) Fence();
    return;
  }
  // A database that is still being closed must not be opened in between.
  if (state_ == State::kFencing) return;
  record.released = releasing_;
  Renew(entry, record);
}

void Guard::Renew(const ports::SharedEntry& entry, LeaseRecord record) {
  ++record.renewals;
  const base::MonotonicTime sent = Monotonic();
  store_.Put(*this, site_.place(), kLeaseKey, ToText(record), entry.revision, kPatience,
             [this, sent, epoch = record.epoch](base::Result<std::uint64_t> written) {
               if (written.ok()) Renewed(sent, epoch);
             });
}

void Guard::Renewed(base::MonotonicTime sent, std::uint64_t epoch) {
  const base::MonotonicTime until = sent + options_.terms.HeldFor();
  if (state_ == State::kFencing || releasing_) return;
  // An answer that comes so late is worth nothing: the fence would have to begin at once.
  if (until - Monotonic() <= options_.terms.fence_budget) return;
  held_until_ = std::max(held_until_, until);
  // A database that somebody else has closed meanwhile stays closed.
  if (state_ != State::kHolds) site_.permitted = site_.database.open = true;
  state_ = State::kHolds;
  site_.epoch = epoch;
  site_.Changed();
  CheckTime();
}

void Guard::CheckTime() {
  if (state_ != State::kHolds) return;
  const Duration left = held_until_ - Monotonic() - options_.terms.fence_budget;
  if (left <= Duration(0)) return Fence();
  After(left, [this] { CheckTime(); });
}

void Guard::Fence() {
  state_ = State::kFencing;
  // The answer changes at once; the application has to ask to hear it.
  After(options_.heard_for, [this] {
    if (state_ == State::kHolds) return;
    site_.permitted = false;
    site_.Changed();
  });
  After(options_.close_takes, [this] { Closed(); });
}

void Guard::Closed() {
  // A replica takes no writes; it stays open for those who read it.
  if (site_.database.role == Role::kWriter) site_.database.open = false;
  site_.permitted = false;
  site_.Changed();
  state_ = State::kFenced;
}

void Guard::Release() {
  if (!running() || releasing_) return;
  releasing_ = true;
  if (state_ == State::kHolds) Fence();
}

}  // namespace leeward::sim

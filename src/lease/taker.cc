#include "lease/taker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace leeward::lease {

std::optional<Sighting> Sight(const std::optional<Sighting>& before,
                              const std::optional<Seen>& seen, base::MonotonicTime answered) {
  if (!seen) return std::nullopt;
  if (before && before->seen.revision == seen->revision) return before;
  return Sighting{*seen, answered};
}

Taker::Taker(TakerOptions options) : options_(std::move(options)) {
  CHECK(!options_.region.empty() && !options_.who.empty());
}

std::vector<TakerAction> Taker::On(const TakerEvent& event, base::MonotonicTime now) {
  CHECK_MSG(!started_ || now >= now_, "time went back");
  now_ = now;
  if (!started_) {
    started_ = true;
    next_store_ = now;
  }
  if (done_) return {};
  std::visit([this](const auto& each) { Handle(each); }, event);
  Advance();
  return std::exchange(actions_, {});
}

base::MonotonicTime Taker::NextWake() const {
  if (pending_) return pending_->deadline;
  const auto free = FreeAt();
  return wanted_ && known_ && free && *free > now_ ? std::min(next_store_, *free) : next_store_;
}

std::optional<base::MonotonicTime> Taker::FreeAt() const {
  if (!seen_ || seen_->record.released) return std::nullopt;
  return seen_first_ + TakerWait(options_.terms, seen_->record.ttl);
}

void Taker::Handle(const ReadDone& done) {
  if (!pending_ || pending_->put || pending_->request != done.request) return;
  pending_.reset();
  if (!done.result.ok()) {
    known_ = false;
    next_store_ = now_ + options_.terms.renew_every / 4;
    why_ = "the lease could not be read: " + done.result.error().message();
    return;
  }
  const std::optional<Seen>& seen = *done.result;
  // `now_` was read after the answer arrived: the wait never begins before the renewal it is about.
  if (!seen || !seen_ || seen->revision != seen_->revision) {
    const auto& before = options_.sighting;
    const bool known = !seen_ && seen && before && before->seen.revision == seen->revision;
    seen_first_ = known ? std::min(before->since, now_) : now_;
  }
  seen_ = seen;
  known_ = true;
  next_store_ = now_ + options_.terms.renew_every;
}

void Taker::Handle(const PutDone& done) {
  if (!pending_ || !pending_->put || pending_->request != done.request) return;
  const Pending pending = *std::exchange(pending_, std::nullopt);
  if (done.revision.ok()) {
    Finish({*pending.put, *done.revision});
    return;
  }
  known_ = false;
  next_store_ = now_ + options_.terms.renew_every / 4;
  why_ = "the lease could not be taken: " + done.revision.error().message();
}

void Taker::Advance() {
  if (done_) return;
  if (pending_ && now_ >= pending_->deadline) {
    pending_.reset();
    known_ = false;
    next_store_ = now_;
  }
  if (!pending_ && wanted_ && known_) Consider();
  if (!done_ && !pending_ && now_ >= next_store_) SendRead();
}

void Taker::Consider() {
  if (!seen_) {
    SendPut(How::kFirst);
    return;
  }
  const Record& record = seen_->record;
  if (record.released) {
    SendPut(How::kReleased);
    return;
  }
  if (record.holder == options_.region) {
    Finish(*seen_);
    return;
  }
  // Also without a guard the wait is kept: a guard may be about to adopt it.
  const base::MonotonicTime free = *FreeAt();
  if (now_ >= free) {
    SendPut(record.guarded ? How::kExpired : How::kUnguarded);
    return;
  }
  why_ = Describe(record) + " is free in " + base::HumanDuration(free - now_) +
         " unless it is renewed";
}

void Taker::SendRead() {
  pending_ = Pending{++last_request_, now_ + options_.terms.store_timeout, std::nullopt};
  actions_.push_back(Read{last_request_, pending_->deadline});
}

void Taker::SendPut(How how) {
  Record record;
  record.epoch = seen_ ? seen_->record.epoch + 1 : 1;
  record.holder = options_.region;
  record.who = options_.who;
  record.ttl = options_.terms.ttl;
  renewal_ = std::max(renewal_, seen_ ? seen_->record.renewal : 0) + 1;
  record.renewal = renewal_;
  record.how = how;
  if (seen_) {
    record.from = seen_->record.holder;
    record.from_epoch = seen_->record.epoch;
  }
  const std::uint64_t expected = seen_ ? seen_->revision : 0;
  pending_ = Pending{++last_request_, now_ + options_.terms.store_timeout, record};
  actions_.push_back(Put{last_request_, std::move(record), expected, pending_->deadline});
}

void Taker::Finish(const Seen& seen) {
  done_ = true;
  why_ = "taken: " + Describe(seen.record);
  actions_.push_back(Taken{seen});
}

}  // namespace leeward::lease

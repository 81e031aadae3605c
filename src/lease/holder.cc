#include "lease/holder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace leeward::lease {
namespace {

// More attempts than go out in one lease; an older one that lands counts for nothing.
constexpr std::size_t kMaxAttempts = 64;

}  // namespace

std::string_view Name(HolderPhase phase) {
  switch (phase) {
    case HolderPhase::kFencing:
      return "fencing";
    case HolderPhase::kClosed:
      return "closed";
    case HolderPhase::kOpening:
      return "opening";
    case HolderPhase::kOpen:
      return "open";
  }
  CHECK_NEVER("HolderPhase outside its enum");
}

Holder::Holder(HolderOptions options) : options_(std::move(options)) {
  CHECK(!options_.region.empty() && !options_.who.empty());
}

std::vector<HolderAction> Holder::On(const HolderEvent& event, base::MonotonicTime now) {
  CHECK_MSG(!started_ || now >= now_, "time went back");
  now_ = now;
  if (!started_) {
    started_ = true;
    StartFence("a guard that starts does not know what an earlier one left open");
  }
  // The time comes first: an answer that arrives after the door has to close does not keep it open.
  Advance();
  std::visit([this](const auto& each) { Handle(each); }, event);
  Advance();
  return std::exchange(actions_, {});
}

base::MonotonicTime Holder::NextWake() const {
  base::MonotonicTime wake = pending_ ? pending_->deadline : next_store_;
  if (phase_ == HolderPhase::kFencing) wake = door_ ? door_->deadline : next_door_;
  if (phase_ == HolderPhase::kOpening) {
    wake = std::min(wake, door_ ? door_->deadline : next_door_);
  }
  if (Holding()) wake = std::min(wake, FenceTime());
  return wake;
}

std::optional<std::uint64_t> Holder::Writable(base::MonotonicTime now) const {
  if (phase_ != HolderPhase::kOpen || now >= FenceTime()) return std::nullopt;
  return held_->seen.record.epoch;
}

std::optional<std::uint64_t> Holder::Epoch() const {
  if (!Holding()) return std::nullopt;
  return held_->seen.record.epoch;
}

void Holder::Advance() {
  if (Holding() && now_ >= FenceTime()) StartFence("the lease could not be renewed in time");
  AdvanceStore();
  AdvanceDoor();
}

void Holder::AdvanceStore() {
  if (phase_ == HolderPhase::kFencing)
    return;  // nothing may be taken or released before it is done
  if (pending_ && now_ >= pending_->deadline) {
    pending_.reset();
    must_read_ = true;
    next_store_ = now_;
  }
  if (pending_ || now_ < next_store_) return;
  if (!Holding() || must_read_) {
    SendRead();
    return;
  }
  Record record = held_->seen.record;
  record.ttl = options_.terms.ttl;
  PutAfter(std::move(record), held_->seen.revision);
}

void Holder::AdvanceDoor() {
  if (door_ && now_ >= door_->deadline) {
    door_.reset();
    next_door_ = now_;
  }
  if (door_ || now_ < next_door_) return;
  if (phase_ == HolderPhase::kFencing) SendFence();
  if (phase_ == HolderPhase::kOpening) {
    door_ = Door{++last_request_, FenceTime()};
    actions_.push_back(Open{door_->request, held_->seen.record.epoch, FenceTime()});
  }
}

void Holder::Handle(const Tick&) {}

void Holder::Handle(const ReadDone& done) {
  if (!pending_ || pending_->put || pending_->request != done.request) return;
  pending_.reset();
  if (!done.result.ok()) {
    must_read_ = true;
    next_store_ = now_ + Retry();
    if (!Holding()) why_ = "the lease could not be read: " + done.result.error().message();
    return;
  }
  must_read_ = false;
  Learn(*done.result);
}

void Holder::Handle(const PutDone& done) {
  if (!pending_ || !pending_->put || pending_->request != done.request) return;
  const Pending pending = *std::exchange(pending_, std::nullopt);
  if (!done.revision.ok()) {
    must_read_ = true;
    next_store_ = now_ + Retry();
    if (done.revision.error().code() == base::ErrorCode::kWrongState) may_supersede_ = false;
    if (!Holding()) why_ = "the lease could not be taken: " + done.revision.error().message();
    return;
  }
  const Seen seen{*pending.put, *done.revision};
  if (seen.record.released) {
    Learn(seen);
    return;
  }
  Hold(seen, pending.sent);
}

void Holder::Handle(const FenceDone& done) {
  if (phase_ != HolderPhase::kFencing || !door_ || door_->request != done.request) return;
  door_.reset();
  if (!done.status.ok()) {
    next_door_ = now_ + Retry();
    why_ = "the door could not be closed: " + done.status.error().message();
    return;
  }
  if (ended_ && now_ > *ended_) {
    ++late_fences_;
    latest_fence_ = std::max(latest_fence_, now_ - *ended_);
  }
  ended_.reset();
  phase_ = HolderPhase::kClosed;
  next_store_ = now_;
}

void Holder::Handle(const OpenDone& done) {
  if (phase_ != HolderPhase::kOpening || !door_ || door_->request != done.request) return;
  door_.reset();
  if (!done.status.ok()) {
    next_door_ = now_ + Retry();
    why_ = "the door could not be opened: " + done.status.error().message();
    return;
  }
  phase_ = HolderPhase::kOpen;
  why_ = "this Region holds the lease";
  actions_.push_back(Extend{held_->seen.record.epoch, FenceTime()});
}

void Holder::Handle(const AskRelease&) {
  releasing_ = true;
  if (Holding()) StartFence("the lease is handed over");
  if (phase_ == HolderPhase::kClosed && !pending_) next_store_ = now_;
}

void Holder::Learn(const std::optional<Seen>& seen) {
  if (!seen || !seen_ || seen->revision != seen_->revision) seen_first_ = now_;
  seen_ = seen;
  if (Holding()) {
    LearnAsHolder(seen);
  } else {
    next_store_ = now_ + options_.terms.renew_every;
    LearnWhileClosed(seen);
  }
}

void Holder::LearnAsHolder(const std::optional<Seen>& seen) {
  if (seen && Ours(seen->record)) {
    if (const Attempt* attempt = AttemptOf(seen->record)) {
      Hold(*seen, attempt->sent);
      next_store_ = now_;
      return;
    }
  }
  const bool same_region = seen && seen->record.holder == options_.region && !seen->record.released;
  if (!same_region || Ours(seen->record) || !seen->record.guarded) {
    StartFence(seen ? "the lease was lost: it is " + Describe(seen->record)
                    : "the lease was lost: its record is gone");
    return;
  }
  // The newer guard closed the door before it took the lease, and may have opened it again: it is
  // no longer ours to close.
  why_ = "another guard of this Region took over: " + Describe(seen->record);
  phase_ = HolderPhase::kClosed;
  held_.reset();
  door_.reset();
  attempts_.clear();
  may_supersede_ = false;
  next_store_ = now_ + options_.terms.renew_every;
}

void Holder::LearnWhileClosed(const std::optional<Seen>& seen) {
  released_ = seen && seen->record.released && seen->record.holder == options_.region;
  if (!seen || seen->record.holder != options_.region || released_) {
    why_ = !seen ? "there is no lease" : "the lease is " + Describe(seen->record);
    const bool create = !seen && options_.may_create && !releasing_;
    releasing_ = false;
    if (create) ClaimFirst();
    return;
  }
  if (!MayTake(*seen)) {
    why_ = "another guard of this Region holds the lease: " + Describe(seen->record);
    releasing_ = false;
    return;
  }
  Claim(*seen);
}

// The door of this Region is closed by our own hand. What is left to respect is a guard of this
// Region that lives beside us: two must not take the lease from one another in turns.
bool Holder::MayTake(const Seen& seen) const {
  return Ours(seen.record) || !seen.record.guarded || may_supersede_ ||
         now_ >= seen_first_ + TakerWait(options_.terms, seen.record.ttl);
}

void Holder::Claim(const Seen& seen) {
  const Attempt* attempt = Ours(seen.record) ? AttemptOf(seen.record) : nullptr;
  if (attempt != nullptr && !releasing_ && now_ < attempt->sent + FenceAfter(options_.terms)) {
    Hold(seen, attempt->sent);
    return;
  }
  Record record = seen.record;
  // Adopting what a controller took keeps its epoch; so does giving up.
  if (record.guarded && !releasing_) ++record.epoch;
  record.ttl = options_.terms.ttl;
  record.guarded = true;
  record.released = releasing_;
  PutAfter(std::move(record), seen.revision);
}

void Holder::ClaimFirst() {
  Record record;
  record.epoch = 1;
  record.ttl = options_.terms.ttl;
  record.guarded = true;
  PutAfter(std::move(record), 0);
}

// `now_` is the time before anything of this put is sent: what the lease is counted from.
void Holder::PutAfter(Record record, std::uint64_t expected) {
  record.holder = options_.region;
  record.who = options_.who;
  renewal_ = std::max(renewal_, record.renewal) + 1;
  record.renewal = renewal_;
  attempts_.push_back({renewal_, now_});
  if (attempts_.size() > kMaxAttempts) attempts_.pop_front();
  base::MonotonicTime deadline = now_ + options_.terms.store_timeout;
  if (Holding()) deadline = std::min(deadline, FenceTime());
  pending_ = Pending{++last_request_, now_, deadline, record};
  actions_.push_back(Put{last_request_, std::move(record), expected, deadline});
}

void Holder::SendRead() {
  base::MonotonicTime deadline = now_ + options_.terms.store_timeout;
  if (Holding()) deadline = std::min(deadline, FenceTime());
  pending_ = Pending{++last_request_, now_, deadline, std::nullopt};
  actions_.push_back(Read{last_request_, deadline});
}

void Holder::Hold(const Seen& seen, base::MonotonicTime from) {
  const bool opened_before = Holding();
  seen_ = seen;
  seen_first_ = now_;
  held_ = Held{seen, from};
  while (!attempts_.empty() && attempts_.front().renewal < seen.record.renewal) {
    attempts_.pop_front();
  }
  may_supersede_ = false;
  must_read_ = false;
  released_ = false;
  next_store_ = std::max(now_, from + options_.terms.renew_every);
  if (!opened_before) {
    phase_ = HolderPhase::kOpening;
    why_ = "the lease is held, the door is being opened";
    next_door_ = now_;
  } else if (phase_ == HolderPhase::kOpen) {
    actions_.push_back(Extend{seen.record.epoch, FenceTime()});
  }
}

void Holder::StartFence(std::string reason) {
  if (held_) ended_ = EndTime();
  why_ = std::move(reason);
  phase_ = HolderPhase::kFencing;
  held_.reset();
  attempts_.clear();
  pending_.reset();
  must_read_ = true;
  SendFence();
}

void Holder::SendFence() {
  const base::MonotonicTime by = now_ + options_.terms.fence_budget;
  door_ = Door{++last_request_, by};
  actions_.push_back(Fence{door_->request, by, why_});
}

const Holder::Attempt* Holder::AttemptOf(const Record& record) const {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& attempt) {
    return attempt.renewal == record.renewal;
  });
  return found == attempts_.end() ? nullptr : &*found;
}

}  // namespace leeward::lease

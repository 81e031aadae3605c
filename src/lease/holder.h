// Holder: the guard's side of the lease. Keeps it for one Region and says when the door of that
// Region is opened and closed; docs/failover-protocol.md, "The holder", is its contract.
#pragma once

#include <deque>

#include "lease/machine.h"
#include "lease/terms.h"

namespace leeward::lease {

using HolderEvent = std::variant<Tick, ReadDone, PutDone, FenceDone, OpenDone, AskRelease>;
using HolderAction = std::variant<Read, Put, Fence, Open, Extend>;

struct HolderOptions {
  Terms terms;  // validated
  model::Region region;
  std::string who;          // new at each start
  bool may_create = false;  // the application's home: makes the record when there is none
};

enum class HolderPhase {
  kFencing,  // the door is being closed
  kClosed,   // the door is closed; the record is watched
  kOpening,  // the lease is held; the door is being opened
  kOpen,     // the lease is held and the door is open
};
std::string_view Name(HolderPhase phase);

class Holder {
 public:
  explicit Holder(HolderOptions options);

  // The first call starts the machine, whatever the event: it closes first.
  std::vector<HolderAction> On(const HolderEvent& event, base::MonotonicTime now);

  // When On(Tick) has something to do again, if nothing else happens before.
  base::MonotonicTime NextWake() const;

  // The epoch, while writes are allowed at `now`.
  std::optional<std::uint64_t> Writable(base::MonotonicTime now) const;
  // The epoch, while the lease is held, whether the door is open yet or not.
  std::optional<std::uint64_t> Epoch() const;
  HolderPhase phase() const { return phase_; }
  // True once the lease was given up; stays so until a plan gives it to this Region again.
  bool released() const { return released_; }
  // Fences that were confirmed after the lease had ended, and by how much at most.
  int late_fences() const { return late_fences_; }
  base::Duration latest_fence() const { return latest_fence_; }
  const std::string& why() const { return why_; }  // why the door is as it is
  const std::optional<Seen>& last_seen() const { return seen_; }

 private:
  struct Attempt {
    std::uint64_t renewal = 0;
    base::MonotonicTime sent;
  };
  // A call to the store on its way; `put` is absent for a read.
  struct Pending {
    Request request = 0;
    base::MonotonicTime sent, deadline;
    std::optional<Record> put;
  };
  // An Open or a Fence whose answer counts.
  struct Door {
    Request request = 0;
    base::MonotonicTime deadline;
  };
  // The lease as it is counted: the newest of our attempts that surely is the record.
  struct Held {
    Seen seen;
    base::MonotonicTime from;
  };

  void Handle(const Tick&);
  void Handle(const ReadDone& done);
  void Handle(const PutDone& done);
  void Handle(const FenceDone& done);
  void Handle(const OpenDone& done);
  void Handle(const AskRelease&);

  void Advance();  // what the time alone asks for
  void AdvanceStore();
  void AdvanceDoor();

  void Learn(const std::optional<Seen>& seen);
  void LearnAsHolder(const std::optional<Seen>& seen);
  void LearnWhileClosed(const std::optional<Seen>& seen);
  bool MayTake(const Seen& seen) const;
  void Claim(const Seen& seen);
  void ClaimFirst();
  void PutAfter(Record record, std::uint64_t expected);
  void SendRead();
  void Hold(const Seen& seen, base::MonotonicTime from);
  void StartFence(std::string reason);
  void SendFence();
  const Attempt* AttemptOf(const Record& record) const;

  bool Holding() const { return phase_ == HolderPhase::kOpening || phase_ == HolderPhase::kOpen; }
  bool Ours(const Record& record) const {
    return record.holder == options_.region && record.who == options_.who;
  }
  base::MonotonicTime FenceTime() const { return held_->from + FenceAfter(options_.terms); }
  base::MonotonicTime EndTime() const { return held_->from + HolderLimit(options_.terms); }
  base::Duration Retry() const { return options_.terms.renew_every / 4; }

  const HolderOptions options_;
  HolderPhase phase_ = HolderPhase::kFencing;
  bool started_ = false;
  bool releasing_ = false;
  bool released_ = false;
  bool must_read_ = true;      // what the record says now is not known
  bool may_supersede_ = true;  // take from another guard of this Region without waiting
  base::MonotonicTime now_;
  base::MonotonicTime next_store_;  // the next call to the store goes out then
  base::MonotonicTime next_door_;   // the next try at the door
  Request last_request_ = 0;
  std::optional<Pending> pending_;
  std::optional<Door> door_;
  std::uint64_t renewal_ = 0;  // of the newest attempt
  std::deque<Attempt> attempts_;
  std::optional<Held> held_;
  std::optional<base::MonotonicTime> ended_;  // of the lease that the running fence belongs to
  std::optional<Seen> seen_;                  // what the last answer said
  base::MonotonicTime seen_first_;            // when that revision was first answered
  int late_fences_ = 0;
  base::Duration latest_fence_{0};
  std::string why_ = "starting";
  std::vector<HolderAction> actions_;
};

}  // namespace leeward::lease

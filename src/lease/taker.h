// Taker: a controller's side of the lease. Watches the record, and takes the lease for a Region
// when it is free; docs/failover-protocol.md, "The taker", is its contract.
//
// Watching costs nothing but reads and may begin long before anybody wants the lease: what was seen
// unchanged by then counts.
#pragma once

#include "lease/machine.h"
#include "lease/terms.h"

namespace leeward::lease {

struct AskTake {};  // from now on the lease is wanted

// The lease is this Region's. The ground is in the record: it is the evidence for the fence.
struct Taken {
  Seen seen;
};

using TakerEvent = std::variant<Tick, ReadDone, PutDone, AskTake>;
using TakerAction = std::variant<Read, Put, Taken>;

// A record, and when the answer that first showed it was there.
struct Sighting {
  Seen seen;
  base::MonotonicTime since;
};
// What is known after one more read was answered at `answered`.
std::optional<Sighting> Sight(const std::optional<Sighting>& before,
                              const std::optional<Seen>& seen, base::MonotonicTime answered);

struct TakerOptions {
  Terms terms;           // validated; the ttl that counts is the record's
  model::Region region;  // that the lease is taken for
  std::string who;       // new at each start
  // What this process saw before, by the clock that the taker is given: it counts while the record
  // is still the same.
  std::optional<Sighting> sighting = {};
};

class Taker {
 public:
  explicit Taker(TakerOptions options);

  // The first call starts the watching. After Taken nothing happens any more.
  std::vector<TakerAction> On(const TakerEvent& event, base::MonotonicTime now);
  base::MonotonicTime NextWake() const;

  bool done() const { return done_; }
  // Why the lease is not taken yet, for people.
  const std::string& why() const { return why_; }
  // The newest record seen; absent: none seen, or none there.
  const std::optional<Seen>& last_seen() const { return seen_; }
  // When the lease that was last seen will be free unless it is renewed; absent: free now, or not
  // known.
  std::optional<base::MonotonicTime> FreeAt() const;

 private:
  struct Pending {
    Request request = 0;
    base::MonotonicTime deadline;
    std::optional<Record> put;
  };

  void Handle(const Tick&) {}
  void Handle(const ReadDone& done);
  void Handle(const PutDone& done);
  void Handle(const AskTake&) { wanted_ = true; }
  void Advance();
  void Consider();
  void SendRead();
  void SendPut(How how);
  void Finish(const Seen& seen);

  const TakerOptions options_;
  bool started_ = false;
  bool wanted_ = false;
  bool done_ = false;
  bool known_ = false;  // what the record says is known from an answer, and no put is unsettled
  base::MonotonicTime now_;
  base::MonotonicTime next_store_;
  Request last_request_ = 0;
  std::optional<Pending> pending_;
  std::uint64_t renewal_ = 0;
  std::optional<Seen> seen_;
  base::MonotonicTime seen_first_;  // when the read that first returned this revision was answered
  std::string why_ = "the lease was not read yet";
  std::vector<TakerAction> actions_;
};

}  // namespace leeward::lease

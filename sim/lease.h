// Lease: the writer lease as the guards and controllers of the simulation keep it.
//
// The holder counts from before it sent the renewal and has ended its writes when the lease ends on
// its own clock. A taker waits until it has seen the same record unchanged for the lease's length,
// the clocks' drift and a margin, on its own clock, counted from when that record's first answer
// had come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "sim/history.h"

namespace leeward::sim {

inline constexpr char kLeaseKey[] = "leeward/shop/lease";

struct LeaseTerms {
  Duration ttl{2'000'000'000};
  double drift = 0.02;  // by which any clock may run fast or slow
  Duration margin{50'000'000};
  Duration renew_every{500'000'000};
  Duration fence_budget{400'000'000};  // from the beginning of a fence to its end

  Duration HeldFor() const { return Scaled(1 - drift); }
  Duration TakenAfter() const { return Scaled(1 + drift) + margin; }

 private:
  Duration Scaled(double by) const {
    return Duration(static_cast<std::int64_t>(static_cast<double>(ttl.count()) * by));
  }
};

struct LeaseRecord {
  std::uint64_t epoch = 0;
  Place holder = Place::kHome;
  std::uint64_t renewals = 0;
  bool released = false;
};
std::string ToText(const LeaseRecord& record);
LeaseRecord LeaseFromText(const std::string& text);

// Watches one record until it may be taken.
class Taker {
 public:
  explicit Taker(const LeaseTerms& terms) : terms_(terms) {}
  // A read was answered with this revision, at `now` on the taker's clock. True: it may be taken by
  // writing over exactly this revision.
  bool Saw(std::uint64_t revision, const LeaseRecord& record, base::MonotonicTime now);

 private:
  LeaseTerms terms_;
  std::optional<std::uint64_t> revision_;
  base::MonotonicTime first_seen_;
};

}  // namespace leeward::sim

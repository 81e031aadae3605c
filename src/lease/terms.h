// Terms: the spans that the writer lease counts in. docs/failover-protocol.md says why each is
// there.
#pragma once

#include "base/result.h"
#include "base/time.h"

namespace leeward::lease {

struct Terms {
  base::Duration ttl{};            // 100 ms to 10 min: life of the lease after a renewal
  int drift_ppm = 0;               // 0 to 200 000: how far off any counting clock may be
  base::Duration margin{};         // 0 to ttl: added to the taker's wait
  base::Duration renew_every{};    // pause between a holder's renewals, a taker's reads
  base::Duration fence_budget{};   // within which closing the door is done
  base::Duration store_timeout{};  // of one call to the store

  friend bool operator==(const Terms&, const Terms&) = default;
};

// The defaults for a lease of that length.
Terms TermsFor(base::Duration ttl);

// kInvalid with what does not fit and what to change. Passing says that one lost answer from the
// store does not close the door.
base::Status Validate(const Terms& terms);

// ttl·(1 − drift): after a renewal was sent, a holder's door is closed by then.
base::Duration HolderLimit(const Terms& terms);
// HolderLimit − fence_budget: a holder begins to close then.
base::Duration FenceAfter(const Terms& terms);
// ttl·(1 + drift) + margin, for a lease that lives `ttl`: how long a taker sees a record unchanged.
base::Duration TakerWait(const Terms& terms, base::Duration ttl);

// span·(1 − drift): of what a counting clock says has gone by, what surely has. Not below zero.
base::Duration SurelyPassed(const Terms& terms, base::Duration span);

}  // namespace leeward::lease

#include "lease/terms.h"

#include <algorithm>

namespace leeward::lease {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
// chrony slews by up to 8.3 % while it corrects an offset; a quartz by itself is a thousand times
// better.
constexpr int kDriftPpm = 100'000;
constexpr int kMaxDriftPpm = 200'000;
constexpr base::Duration kMinTtl = std::chrono::milliseconds(100);
constexpr base::Duration kMaxTtl = std::chrono::minutes(10);

// drift · span, rounded up: a rounding is never in favour of whoever counts.
base::Duration Drift(const Terms& terms, base::Duration span) {
  return base::Duration((span.count() / kMillion + 1) * terms.drift_ppm);
}

base::Error Bad(const std::string& what) { return base::Invalid("lease terms: " + what); }

std::string Text(base::Duration span) { return base::HumanDuration(span); }

}  // namespace

Terms TermsFor(base::Duration ttl) {
  return {.ttl = ttl,
          .drift_ppm = kDriftPpm,
          .margin = ttl / 20,
          .renew_every = ttl * 3 / 20,
          .fence_budget = ttl / 4,
          .store_timeout = ttl * 9 / 40};
}

base::Duration HolderLimit(const Terms& terms) { return terms.ttl - Drift(terms, terms.ttl); }

base::Duration FenceAfter(const Terms& terms) { return HolderLimit(terms) - terms.fence_budget; }

base::Duration TakerWait(const Terms& terms, base::Duration ttl) {
  return ttl + Drift(terms, ttl) + terms.margin;
}

base::Status Validate(const Terms& terms) {
  if (terms.ttl < kMinTtl || terms.ttl > kMaxTtl) {
    return Bad("a ttl of " + Text(terms.ttl) + "; take " + Text(kMinTtl) + " to " + Text(kMaxTtl));
  }
  if (terms.drift_ppm < 0 || terms.drift_ppm > kMaxDriftPpm) {
    return Bad("a drift of " + std::to_string(terms.drift_ppm) + " ppm; take 0 to " +
               std::to_string(kMaxDriftPpm));
  }
  const base::Duration none{0};
  if (terms.margin < none || terms.margin > terms.ttl) {
    return Bad("a margin of " + Text(terms.margin) + "; take 0 to the ttl");
  }
  if (terms.renew_every <= none || terms.fence_budget <= none || terms.store_timeout <= none) {
    return Bad("renewals, fence budget and store time-out each need a time above 0");
  }
  const base::Duration used = terms.renew_every + 2 * terms.store_timeout;
  if (used > FenceAfter(terms)) {
    return Bad("a renewal and one lost answer take " + Text(used) + ", but fencing begins " +
               Text(FenceAfter(terms)) +
               " after a renewal; lengthen the ttl or shorten the others");
  }
  return base::Ok();
}

base::Duration SurelyPassed(const Terms& terms, base::Duration span) {
  return std::max(span - Drift(terms, span), base::Duration(0));
}

}  // namespace leeward::lease

#include "lab/tables/bucket.h"

#include <algorithm>

namespace leeward::lab::tables {

void Bucket::SetRate(double rate, base::WallTime now) {
  const bool first = rate_ < 0;
  Refill(now);
  rate_ = rate;
  const double most = rate * kBurstSeconds;
  units_ = first ? most : std::min(units_, most);
  filled_ = now;
}

bool Bucket::Open(base::WallTime now) {
  if (!limited()) return true;
  Refill(now);
  return units_ > 0;
}

void Bucket::Take(double units) {
  if (limited()) units_ -= units;
}

void Bucket::Refill(base::WallTime now) {
  if (!limited()) return;
  const double seconds = std::max(0.0, base::Seconds(now - filled_));
  units_ = std::min(units_ + seconds * rate_, rate_ * kBurstSeconds);
  filled_ = now;
}

}  // namespace leeward::lab::tables

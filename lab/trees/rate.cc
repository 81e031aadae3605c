#include "lab/trees/rate.h"

#include <algorithm>

#include "base/check.h"

namespace leeward::lab::trees {
namespace {

// What may cross at once after a pause: a tenth of a second's worth.
constexpr double kBurstSeconds = 0.1;
constexpr double kSmallestBurst = 1;

}  // namespace

Rate::Rate(const ports::Clock& clock, std::uint64_t bytes_a_second, Channel* behind)
    : clock_(clock), behind_(behind), filled_(clock.Monotonic()) {
  Set(bytes_a_second);
}

void Rate::Set(std::uint64_t bytes_a_second) {
  CHECK(bytes_a_second > 0);
  Refill();
  bytes_a_second_ = bytes_a_second;
}

void Rate::Refill() {
  const base::MonotonicTime now = clock_.Monotonic();
  const auto rate = static_cast<double>(bytes_a_second_);
  room_ += base::Seconds(now - filled_) * rate;
  room_ = std::min(room_, std::max(rate * kBurstSeconds, kSmallestBurst));
  filled_ = now;
}

base::Result<std::uint64_t> Rate::Take(std::uint64_t wanted) {
  Refill();
  const auto allowed = std::min(wanted, static_cast<std::uint64_t>(room_));
  if (allowed == 0) return allowed;
  std::uint64_t taken = allowed;
  if (behind_ != nullptr) {
    ASSIGN_OR_RETURN(taken, behind_->Take(allowed));
  }
  room_ -= static_cast<double>(taken);
  return taken;
}

}  // namespace leeward::lab::trees

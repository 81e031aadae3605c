#include "lab/services/efs_permits.h"

#include <algorithm>

namespace leeward::lab::efs {

void Permits::Grant(std::uint64_t bytes, base::Duration valid) {
  const std::lock_guard lock(mutex_);
  granted_ = left_ = bytes;
  valid_ = valid;
  until_ = clock_.Monotonic() + valid;
}

base::Result<std::uint64_t> Permits::Take(std::uint64_t wanted) {
  const std::lock_guard lock(mutex_);
  if (clock_.Monotonic() >= until_) left_ = 0;
  const std::uint64_t taken = std::min(wanted, left_);
  left_ -= taken;
  return taken;
}

bool Permits::RunLow() const {
  const std::lock_guard lock(mutex_);
  return left_ <= granted_ / 2 || clock_.Monotonic() >= until_ - valid_ / 2;
}

}  // namespace leeward::lab::efs

// The way between two trees that are both on this machine, as the lab's network has it: what the
// source's Region has let through, by answers that travel through the network.
//
// An answer lets so many bytes cross in so short a time. Where none comes, because a Region is
// dark, killed or cut off, nothing crosses; where they are slow, so is the copy.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/time.h"
#include "lab/trees/channel.h"
#include "ports/clock.h"

namespace leeward::lab::efs {

class Permits : public trees::Channel {
 public:
  // The clock outlives this, and may be asked by any thread, as this may.
  explicit Permits(const ports::Clock& clock) : clock_(clock) {}

  // From now on; what is left of an earlier one is forfeited.
  void Grant(std::uint64_t bytes, base::Duration valid);
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override;
  // Half of it is gone, of the bytes or of the time: whoever wants to go on asks for more.
  bool RunLow() const;

 private:
  const ports::Clock& clock_;
  mutable std::mutex mutex_;
  std::uint64_t granted_ = 0;
  std::uint64_t left_ = 0;
  base::Duration valid_{0};
  base::MonotonicTime until_;
};

}  // namespace leeward::lab::efs

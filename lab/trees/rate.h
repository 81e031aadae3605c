// A channel with so many bytes a second, and whatever lies behind it.
#pragma once

#include <cstdint>

#include "lab/trees/channel.h"
#include "ports/clock.h"

namespace leeward::lab::trees {

class Rate : public Channel {
 public:
  // `behind` null: nothing more is in the way. Both outlive this. At least one byte a second.
  Rate(const ports::Clock& clock, std::uint64_t bytes_a_second, Channel* behind);

  base::Result<std::uint64_t> Take(std::uint64_t wanted) override;
  // From now on.
  void Set(std::uint64_t bytes_a_second);

 private:
  void Refill();

  const ports::Clock& clock_;
  Channel* const behind_;
  std::uint64_t bytes_a_second_ = 1;
  double room_ = 0;
  base::MonotonicTime filled_;
};

}  // namespace leeward::lab::trees

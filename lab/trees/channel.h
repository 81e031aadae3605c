// What lies between a source and its destination: how much may cross, and when.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace leeward::lab::trees {

class Channel {
 public:
  virtual ~Channel() = default;
  // Of `wanted` bytes (at least one), how many may cross at this moment. None: not now, ask again
  // later. An error: the way is cut; the round waits as it does for room, and says what stood in
  // its way. Never waits itself.
  virtual base::Result<std::uint64_t> Take(std::uint64_t wanted) = 0;
};

}  // namespace leeward::lab::trees

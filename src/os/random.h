// Chance from the kernel.
#pragma once

#include "ports/random.h"

namespace leeward::os {

class SystemRandom : public ports::Random {
 public:
  std::uint64_t Next() override;
};

}  // namespace leeward::os

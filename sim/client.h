// Client: the load of a drill in a rehearsal. It writes to where the public name led when it last
// asked, and asks again when the life of that answer is over.
#pragma once

#include <optional>

#include "sim/world.h"

namespace leeward::sim {

class Client {
 public:
  struct Times {
    Duration begins{0}, write_every{0};
    Duration asks{0}, ttl{0};  // for the first time after the fault, and again
    Duration late{0};          // after it was told another address, until it goes there
  };
  Client(World& world, const Times& times);

  // When the recovery Region first acknowledged a write.
  std::optional<Duration> recovered() const { return recovered_; }

 private:
  void WriteHome();
  void Ask();
  void WriteRecovery();

  World& world_;
  const Times times_;
  std::uint64_t writes_ = 0;
  std::optional<Duration> recovered_;
};

}  // namespace leeward::sim

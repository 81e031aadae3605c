#include "sim/network.h"

namespace leeward::sim {

Duration Network::Delay(Place from, Place to) {
  const Link& one = link(from, to);
  // Between the stated delay and half as much again.
  const auto jitter =
      static_cast<std::int64_t>(static_cast<double>(one.delay.count()) * random_.Unit() * 0.5);
  return one.delay + one.slow_by + Duration(jitter);
}

}  // namespace leeward::sim

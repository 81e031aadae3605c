#include "sim/network.h"

namespace leeward::sim {

Duration Network::Delay(Place from, Place to) {
  const Link& one = link(from, to);
  // Between the stated delay and half as much again.
  const auto jitter =
      static_cast<std::int64_t>(static_cast<double>(one.delay.count()) * random_.Unit() * 0.5);
  return one.delay + one.slow_by + Duration(jitter);
}

void Network::Send(Place from, Place to, std::function<void()> arrives) {
  const Link& one = link(from, to);
  if (!Arrives(from, to)) return;
  const auto deliver = [this, from, to, arrives = std::move(arrives)] {
    // What is under way when a line is cut or its end dies does not get there.
    if (Carries(from, to)) arrives();
  };
  if (one.doubled > 0 && random_.Unit() < one.doubled) agenda_.After(Delay(from, to), deliver);
  agenda_.After(Delay(from, to), deliver);
}

}  // namespace leeward::sim

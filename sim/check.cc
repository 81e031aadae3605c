#include "sim/check.h"

namespace leeward::sim {

std::string At(const Fact& fact) { return "at " + base::HumanDuration(fact.at) + " "; }

Violations CheckAll(const History& history) {
  constexpr int kReplaySamples = 2;
  Violations violations;
  CheckWriters(history, &violations);
  CheckLoss(history, &violations);
  CheckReturn(history, &violations);
  CheckIntent(history, &violations);
  CheckHands(history, &violations);
  CheckKept(history, &violations);
  CheckHeld(history, &violations);
  CheckEnd(history, &violations);
  CheckReplay(history, kReplaySamples, &violations);
  return violations;
}

}  // namespace leeward::sim

// Decider: whoever is called when a failover is held (docs/decisions/loss-judged-twice.md), and has
// the controller that acts go on with it, with how much may be lost.
#pragma once

#include <functional>

#include "sim/controller.h"

namespace leeward::sim {

class Decider {
 public:
  // `acting`: the controller that acts and does nothing by itself; nullptr: there is none now.
  Decider(World& world, std::function<Controller*()> acting);
  Decider(const Decider&) = delete;
  Decider& operator=(const Decider&) = delete;

  void Start();
  // Has something left to say.
  bool waits() const;

 private:
  void Tick();
  void Look();

  World& world_;
  const std::function<Controller*()> acting_;
  int said_ = 0;
  Duration not_before_{0};
};

}  // namespace leeward::sim

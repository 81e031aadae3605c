// Run: one seed from its first instant to its end, and what the checkers say of it.
#pragma once

#include <string>

#include "sim/check.h"
#include "sim/history.h"
#include "sim/scenario.h"

namespace leeward::sim {

struct Outcome {
  std::string end;  // "moved", "home", "refused", "asked", "stuck"
  std::string reason;
  History history;
  Violations violations;
};

Outcome Run(const ScenarioOptions& options);

}  // namespace leeward::sim

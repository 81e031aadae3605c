// What is said of a store that takes writes already where a failover would promote it.
#pragma once

#include <string>

#include "steps/work.h"

namespace leeward::steps {

// Why a bound cannot be told, as output of a step that measures; empty: it is told, or was never
// read.
inline constexpr char kUnknownBecause[] = "unknown_because";

// Only of a promotion that the plan knows of was the loss decided. `place` is "orders in
// us-west-2".
StepOutcome TakesWritesAlready(const Work& work, const std::string& place);
// The store is a replica now. What an earlier run of this step said otherwise holds no longer.
StepOutcome Measurable(const Work& work, StepOutcome outcome);

}  // namespace leeward::steps

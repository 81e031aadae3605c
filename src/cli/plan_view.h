// The plan as standard output can show it.
#pragma once

#include <string>

#include "cli/terminal.h"
#include "model/plan.h"

namespace leeward::cli {

// The table; the list on a terminal that is too narrow for it.
std::string PlanText(const model::Plan& plan, const Terminal& terminal);

}  // namespace leeward::cli

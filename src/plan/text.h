// What the table and the list of a plan have in common.
#pragma once

#include <map>
#include <string>

#include "model/plan.h"

namespace leeward::plan {

// The undo of steps that only look.
inline constexpr char kNothingToUndo[] = "nothing to take back";

std::string Title(const model::Plan& plan);
// The steps it waits for, by number.
std::string Numbers(const model::Step& step, const std::map<model::StepId, int>& number);
std::string Undo(const model::Step& step);
// Names of services on the recovery path are long; people know them by shorter ones.
std::string ShortService(const std::string& service);
// Whose loss would stop the plan.
std::string Dependencies(const model::Plan& plan);

}  // namespace leeward::plan

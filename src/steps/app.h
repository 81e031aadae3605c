// Steps of the whole application.
#pragma once

#include "steps/work.h"

namespace leeward::steps {

// app.cc
Result<StepOutcome> AppVerify(const Work& work);
// inventory.cc
Result<StepOutcome> InventoryRefresh(const Work& work);
// What it saves.
Result<model::Inventory> LearnInventory(const Work& work);

}  // namespace leeward::steps

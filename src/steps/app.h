// Steps of the whole application.
#pragma once

#include "steps/work.h"

namespace leeward::steps {

// app.cc
// The application's logins are let in, where a guard holds them, and its data is whole.
Result<StepOutcome> AppVerify(const Work& work);
// The spec's checks alone.
Result<StepOutcome> VerifyData(const Work& work);
// inventory.cc
Result<StepOutcome> InventoryRefresh(const Work& work);
// What it saves.
Result<model::Inventory> LearnInventory(const Work& work);

}  // namespace leeward::steps

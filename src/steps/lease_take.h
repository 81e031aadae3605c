// The step of the writer lease.
#pragma once

#include "steps/work.h"

namespace leeward::steps {

// Takes the lease for the step's Region, or finds it taken. Its ground, which may be proof of fence,
// is what it learns: epoch, ground, from, from_epoch. kRefused when the holder is alive.
Result<StepOutcome> LeaseTake(const Work& work);

}  // namespace leeward::steps

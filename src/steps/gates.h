// Gates: steps that look at what earlier steps learned and say yes or no.
#pragma once

#include "steps/work.h"

namespace leeward::steps {

Result<StepOutcome> GateLoss(const Work& work);
Result<StepOutcome> GateFenceProof(const Work& work);

}  // namespace leeward::steps

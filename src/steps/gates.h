// Gates: steps that look at what earlier steps learned and say yes or no.
#pragma once

#include "decide/decide.h"
#include "steps/work.h"

namespace leeward::steps {

// What may be lost, compared with the RPO. Where that is to be asked about, people are.
Result<StepOutcome> GateLoss(const Work& work);
// What the gate says by itself.
Result<decide::GateAnswer> JudgeLoss(const Work& work);
// Passes when people have approved of the move. It stands before anything is measured: a loss over
// the RPO is another question, with its own number.
Result<StepOutcome> GateApproval(const Work& work);
Result<StepOutcome> GateFenceProof(const Work& work);

}  // namespace leeward::steps

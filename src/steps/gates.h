// Gates: steps that look at what earlier steps learned and say yes or no.
#pragma once

#include "decide/decide.h"
#include "steps/work.h"

namespace leeward::steps {

// What may be lost, compared with the RPO. Where that is to be asked about, people are.
Result<StepOutcome> GateLoss(const Work& work);
// What the gate says by itself.
Result<decide::GateAnswer> JudgeLoss(const Work& work);
// The same behind the fence, of the loss that holds: the old Region writes no more, nothing is
// promoted yet. docs/decisions/loss-judged-twice.md.
Result<StepOutcome> GateFinalLoss(const Work& work);
Result<decide::GateAnswer> JudgeFinalLoss(const Work& work);
// From when on the proof of fence says that nothing is written; now, where there is none yet.
base::WallTime NoWritesAfter(const Work& work);
// Passes when people have approved of the move. It stands before anything is measured: a loss over
// the RPO is another question, with its own number.
Result<StepOutcome> GateApproval(const Work& work);
// Whether the old Region cannot write. A refusal says what is closed by now, and what to do.
Result<StepOutcome> GateFenceProof(const Work& work);
// The same without a word of what is closed: for who only looks.
Result<StepOutcome> ProveFence(const Work& work);

}  // namespace leeward::steps

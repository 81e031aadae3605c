// Asking people, where they can be reached: in a store that whoever approves reaches too.
#pragma once

#include <optional>
#include <string>

#include "decide/approvals.h"
#include "ports/clock.h"
#include "ports/shared_store.h"
#include "steps/work.h"

namespace leeward::steps {

// Until when people are asked: while what it was asked for is so, or whatever comes.
enum class Wanted { kUntilMoot, kWhateverComes };

// Asks about `question` and waits until enough people have approved it. kRefused when time is up,
// or when it is not wanted any longer. The step's parameters say how many, and how long.
// What it learns is who: "approval.1" → "NAME: REASON". A run that was cut off and goes on finds
// what was given before.
Result<StepOutcome> AwaitApproval(const Work& work, const std::string& question,
                                  Wanted wanted = Wanted::kUntilMoot);

// Whether people are asked at this step.
bool AsksPeople(const Work& work);

// The request that stands there; absent: nobody is asked anything. kUnreachable by `deadline`.
Result<std::optional<decide::ApprovalRequest>> ReadRequest(
    ports::SharedStore& store, const model::ApplicationName& application,
    base::MonotonicTime deadline);

// Adds one person's approval to the request of that execution; empty: of whatever is asked now.
// kNotFound: nothing is asked, or it is of another execution; otherwise as decide::Approve. Ends
// within a few seconds.
Result<decide::ApprovalRequest> GiveApproval(ports::SharedStore& store,
                                             const model::ApplicationName& application,
                                             const ports::Clock& clock,
                                             const decide::Approval& approval,
                                             const model::ExecutionId& execution);

}  // namespace leeward::steps

// Event: one line of the journal. What was decided, intended, done, and why; the evidence and the
// recovery.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "model/ids.h"

namespace leeward::model {

enum class EventKind {
  kExecutionStarted,   // fields: action, from, to, actor, reason, plan (its JSON)
  kExecutionResumed,   // fields: actor
  kExecutionFinished,  // fields: outcome (done | failed | refused | aborted | abandoned), reason
  kStepIntended,       // fields: attempt. Durable before the step acts
  kStepDone,           // fields: detail, and what it learned under "out.<name>"
  kStepFailed,         // fields: attempt, code, message, final (yes | no)
  kStepSkipped,        // fields: reason (a step before it failed for good)
  kGatePassed,         // fields: gate, reason
  kGateRefused,        // fields: gate, reason
  kLossBound,          // fields: component, bound_ns, read_at, source, budget_ns
  kVerdict,            // fields: region, health, votes, fresh, reason
  kFault,              // drill: fields: fault, region, at
  kLoad,      // drill: fields: what happened to the workload (first-loss, first-recovered, ...)
  kMeasured,  // drill: fields: what, value
  kApproval,  // fields: who, reason
  kNote,      // fields: text
  kCompensationIntended,  // fields: saga, reference, names, compensation. Durable before it is
                          // begun
  kCompensationEnded,     // the same, outcome (done | failed | settled), detail
};

// "step-intended", ... as in the journal and JSON. Stable.
std::string_view Name(EventKind kind);
// False when no kind has that name.
bool FromName(std::string_view name, EventKind* kind);

struct Event {
  std::uint64_t sequence = 0;  // given by the journal
  base::WallTime at;
  EventKind kind = EventKind::kNote;
  ExecutionId execution;  // empty outside an execution
  StepId step;            // empty where there is none
  std::map<std::string, std::string> fields;

  std::string_view Field(std::string_view name) const {
    const auto found = fields.find(std::string(name));
    return found == fields.end() ? std::string_view{} : std::string_view(found->second);
  }
};

}  // namespace leeward::model

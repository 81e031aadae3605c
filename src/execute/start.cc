// How executions begin, go on, and are found again.
#include "execute/execute.h"
#include "model/names.h"

namespace leeward::execute {

using model::Event;
using model::EventKind;

Event Started(const model::Plan& plan, const Start& start, base::WallTime now) {
  Event event;
  event.at = now;
  event.kind = EventKind::kExecutionStarted;
  event.execution = start.execution;
  event.fields = {{"action", std::string(Name(plan.action))},
                  {"application", plan.application.str()},
                  {"from", plan.from.str()},
                  {"to", plan.to.str()},
                  {"actor", start.actor},
                  {"reason", plan.reason},
                  {"plan", start.plan_json}};
  return event;
}

Event Resumed(const model::Plan& plan, const model::ExecutionId& execution,
              const std::string& actor, base::WallTime now) {
  Event event;
  event.at = now;
  event.kind = EventKind::kExecutionResumed;
  event.execution = execution;
  event.fields = {{"action", std::string(Name(plan.action))}, {"actor", actor}};
  return event;
}

std::optional<Unfinished> FindUnfinished(const std::vector<Event>& events) {
  std::optional<Unfinished> open;
  for (const Event& event : events) {
    if (event.kind == EventKind::kExecutionStarted) {
      open = Unfinished{event.execution, std::string(event.Field("plan")), false};
    } else if (open && event.execution == open->execution) {
      if (event.kind == EventKind::kExecutionResumed) open->finished_as_failed = false;
      if (event.kind != EventKind::kExecutionFinished) continue;
      const std::string_view outcome = event.Field("outcome");
      if (outcome == Name(Outcome::kDone) || outcome == Name(Outcome::kRefused)) {
        open.reset();
      } else {
        open->finished_as_failed = true;
      }
    }
  }
  return open;
}

}  // namespace leeward::execute

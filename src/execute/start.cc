// How executions begin, go on, and are found again.
#include "base/check.h"
#include "execute/execute.h"
#include "model/names.h"

namespace leeward::execute {
namespace {

bool IsOver(std::string_view outcome) {
  return outcome == Name(Outcome::kDone) || outcome == Name(Outcome::kRefused) ||
         outcome == Name(Outcome::kAbandoned);
}

bool MovesWritersOrTraffic(model::Phase phase) {
  return phase == model::Phase::kPromote || phase == model::Phase::kTraffic ||
         phase == model::Phase::kVerify || phase == model::Phase::kReprotect;
}

// A gate, or a wait for what was written before: stands among promotions and promotes nothing.
bool OnlyWaits(const model::Step& step) {
  const std::string& kind = step.kind.str();
  return kind.starts_with("gate.") || kind.ends_with(".drain") || kind.ends_with(".drain-to");
}

// Tried at least once: it may have done what it does.
bool Begun(const State& state, const model::StepId& step) {
  const auto found = state.steps.find(step);
  return found != state.steps.end() && found->second.attempts > 0;
}

}  // namespace

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

Event Abandoned(const model::ExecutionId& execution, const std::string& actor,
                const std::string& reason, base::WallTime now) {
  Event event;
  event.at = now;
  event.kind = EventKind::kExecutionFinished;
  event.execution = execution;
  event.fields = {
      {"outcome", std::string(Name(Outcome::kAbandoned))}, {"actor", actor}, {"reason", reason}};
  return event;
}

std::optional<model::StepId> KeepsFromAbandoning(const model::Plan& plan, const State& state) {
  // The gate that holds it stands before everything that a Region serves by.
  if (state.outcome == Outcome::kHeld) return std::nullopt;
  for (const model::Step& step : plan.steps) {
    if (OnlyWaits(step) || !MovesWritersOrTraffic(step.phase)) continue;
    if (Begun(state, step.id)) return step.id;
  }
  return std::nullopt;
}

bool CannotGoOnWithout(const model::Plan& plan, const model::Region& lost) {
  switch (plan.action) {
    case model::Action::kProtect:
      return false;
    case model::Action::kFailover:
      return lost == plan.to;
    case model::Action::kSwitchover:
    case model::Action::kFailback:
    case model::Action::kCallOff:
      return lost == plan.to || lost == plan.from;
  }
  CHECK_NEVER("Action outside its enum");
}

std::optional<model::StepId> KeepsFromCallingOff(const model::Plan& plan, const State& state) {
  for (const model::Step& step : plan.steps) {
    const bool final = step.undo.empty() || step.phase == model::Phase::kTraffic;
    if (final && Begun(state, step.id)) return step.id;
  }
  return std::nullopt;
}

std::optional<Unfinished> FindUnfinished(const std::vector<Event>& events) {
  std::optional<Unfinished> open;
  for (const Event& event : events) {
    if (event.kind == EventKind::kExecutionStarted) {
      open = Unfinished{event.execution, std::string(event.Field("plan")), false};
    } else if (open && event.execution == open->execution) {
      if (event.kind == EventKind::kExecutionResumed) open->finished_as_failed = false;
      if (event.kind != EventKind::kExecutionFinished) continue;
      if (IsOver(event.Field("outcome"))) {
        open.reset();
      } else {
        open->finished_as_failed = true;
      }
    }
  }
  return open;
}

}  // namespace leeward::execute

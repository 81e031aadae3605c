#include "driver/conductor.h"

#include <string>
#include <utility>

#include "base/check.h"

namespace leeward::driver {

using base::Result;
using base::Status;
using model::Event;

Conductor::Conductor(const model::Plan& plan, execute::State state, journal::Journal& journal,
                     EventSink& sink, const execute::Limits& limits)
    : plan_(plan), state_(std::move(state)), journal_(journal), sink_(sink), limits_(limits) {}

void Conductor::Note(std::vector<Event> events) {
  for (Event& event : events) {
    state_ = execute::Apply(std::move(state_), plan_, event);
    unrecorded_.push_back(std::move(event));
  }
}

void Conductor::Hear(const model::StepId& step, const Result<ports::StepOutcome>& outcome,
                     base::WallTime now) {
  CHECK_MSG(running_.erase(step) == 1, "a step ended that was not started");
  Note(outcome.ok()
           ? execute::Succeeded(plan_, state_, step, now, outcome->detail, outcome->outputs)
           : execute::Failed(plan_, state_, step, now, outcome.error()));
}

// Outcomes and the intents that follow from them become durable together: one sync for both.
Status Conductor::Record() {
  if (unrecorded_.empty()) return base::Ok();
  ASSIGN_OR_RETURN(const std::vector<Event> recorded,
                   journal_.Append(std::exchange(unrecorded_, {})));
  for (const Event& event : recorded) sink_.OnEvent(event);
  return base::Ok();
}

Result<std::vector<execute::Command>> Conductor::Advance(base::WallTime now) {
  execute::Batch batch = execute::Next(plan_, state_, running_, now, limits_);
  wake_at_ = batch.wake_at;
  Note(std::move(batch.records));
  RETURN_IF_ERROR(Record());
  for (const execute::Command& command : batch.commands) running_.insert(command.step);
  return std::move(batch.commands);
}

Status Conductor::Stop(base::WallTime now) {
  CHECK_MSG(running_.empty(), "an execution that is stopped with steps under way");
  Event event;
  event.at = now;
  event.kind = model::EventKind::kExecutionFinished;
  event.execution = state_.execution;
  event.fields = {{"outcome", std::string(execute::Name(execute::Outcome::kAborted))},
                  {"reason", "stopped on request"}};
  Note({std::move(event)});
  return Record();
}

}  // namespace leeward::driver

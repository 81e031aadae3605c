#include "driver/execution.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "driver/inbox.h"
#include "driver/workers.h"

namespace leeward::driver {
namespace {

using base::Result;
using base::Status;
using model::Event;
using model::StepId;

struct Ended {
  StepId step;
  Result<ports::StepOutcome> outcome;
};

class Loop {
 public:
  Loop(const Setting& setting, const model::Plan& plan, execute::State state)
      : setting_(setting),
        plan_(plan),
        state_(std::move(state)),
        ended_(plan.steps.size() + 1),
        workers_(setting.limits.parallel) {}
  ~Loop() { halt_.request_stop(); }

  Result<Finish> Run(Event first);

 private:
  Status Advance();
  Status Record();
  void Note(std::vector<Event> events);
  void Hear(const Ended& ended);
  void Launch(const execute::Command& command);
  Status WindDown();
  std::optional<base::Duration> Patience() const;
  std::stop_token ToldToEnd() const { return halt_.get_token(); }

  const Setting& setting_;
  const model::Plan& plan_;
  execute::State state_;
  std::vector<Event>
      unrecorded_;  // already in state_, not yet durable: nothing may be started on them
  execute::Batch batch_;
  std::set<StepId> running_;
  Inbox<Ended> ended_;
  std::stop_source halt_;
  Workers workers_;  // the last member: its threads use the others
};

void Loop::Note(std::vector<Event> events) {
  for (Event& event : events) {
    state_ = execute::Apply(std::move(state_), plan_, event);
    unrecorded_.push_back(std::move(event));
  }
}

// Outcomes and the intents that follow from them become durable together: one sync for both.
Status Loop::Record() {
  if (unrecorded_.empty()) return base::Ok();
  ASSIGN_OR_RETURN(const std::vector<Event> recorded,
                   setting_.journal.Append(std::exchange(unrecorded_, {})));
  for (const Event& event : recorded) setting_.sink.OnEvent(event);
  return base::Ok();
}

Status Loop::Advance() {
  batch_ = execute::Next(plan_, state_, running_, setting_.clock.Now(), setting_.limits);
  Note(std::exchange(batch_.records, {}));
  RETURN_IF_ERROR(Record());
  for (const execute::Command& command : batch_.commands) Launch(command);
  return base::Ok();
}

void Loop::Launch(const execute::Command& command) {
  const model::Step* step = plan_.Find(command.step);
  CHECK_MSG(step != nullptr, "a command for a step outside the plan");
  running_.insert(command.step);
  workers_.Start([this, step, command, outputs = state_.outputs, told = ToldToEnd()] {
    ports::StepContext context{setting_.application, setting_.inventory, plan_, *step, outputs};
    context.attempt = command.attempt;
    context.deadline = setting_.clock.Monotonic() + command.timeout;
    context.cancelled = [told] { return told.stop_requested(); };
    context.progress = [this, step](std::string_view line) {
      setting_.sink.OnProgress(step->id, line);
    };
    ended_.Push({step->id, setting_.steps.Run(context)});
  });
}

void Loop::Hear(const Ended& ended) {
  running_.erase(ended.step);
  const base::WallTime now = setting_.clock.Now();
  Note(ended.outcome.ok() ? execute::Succeeded(plan_, state_, ended.step, now,
                                               ended.outcome->detail, ended.outcome->outputs)
                          : execute::Failed(plan_, state_, ended.step, now, ended.outcome.error()));
}

std::optional<base::Duration> Loop::Patience() const {
  if (!batch_.wake_at) return std::nullopt;
  return std::max(base::Duration(0), *batch_.wake_at - setting_.clock.Now());
}

// A stop was asked for: running steps end, their outcomes are kept, and the execution can be gone
// on with.
Status Loop::WindDown() {
  halt_.request_stop();
  while (!running_.empty()) {
    for (const Ended& ended : ended_.Take(std::nullopt, {})) Hear(ended);
  }
  Event event;
  event.at = setting_.clock.Now();
  event.kind = model::EventKind::kExecutionFinished;
  event.execution = state_.execution;
  event.fields = {{"outcome", std::string(execute::Name(execute::Outcome::kAborted))},
                  {"reason", "stopped on request"}};
  Note({event});
  return Record();
}

Result<Finish> Loop::Run(Event first) {
  setting_.sink.OnPlan(plan_, state_);
  Note({std::move(first)});
  while (true) {
    if (setting_.stop.stop_requested()) {
      RETURN_IF_ERROR(WindDown());
      break;
    }
    RETURN_IF_ERROR(Advance());
    if (state_.outcome) break;
    CHECK_MSG(!running_.empty() || batch_.wake_at, "an execution that waits for nothing");
    for (const Ended& ended : ended_.Take(Patience(), setting_.stop)) Hear(ended);
  }
  CHECK_MSG(running_.empty(), "an execution that finished with steps under way");
  return Finish{*state_.outcome, state_.reason, state_};
}

}  // namespace

Result<Finish> Begin(const Setting& setting, const model::Plan& plan, const execute::Start& start) {
  execute::State state;
  state.execution = start.execution;
  return Loop(setting, plan, execute::Replay(plan, start.execution, {}))
      .Run(execute::Started(plan, start, setting.clock.Now()));
}

Result<Finish> GoOn(const Setting& setting, const model::Plan& plan,
                    const model::ExecutionId& execution, const std::string& actor,
                    const std::vector<Event>& history) {
  return Loop(setting, plan, execute::Replay(plan, execution, history))
      .Run(execute::Resumed(plan, execution, actor, setting.clock.Now()));
}

}  // namespace leeward::driver

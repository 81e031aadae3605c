#include "driver/execution.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "driver/conductor.h"
#include "driver/inbox.h"
#include "driver/workers.h"
#include "plan/plan.h"

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
        digest_(base::Sha256Hex(plan::ToJson(plan))),
        conductor_(plan, std::move(state), setting.journal, setting.sink, setting.limits),
        ended_(plan.steps.size() + 1),
        workers_(setting.limits.parallel) {}
  ~Loop() { halt_.request_stop(); }

  Result<Finish> Run(Event first);

 private:
  Status Advance();
  void Hear(const Ended& ended);
  void Launch(const execute::Command& command);
  Status WindDown();
  std::optional<base::Duration> Patience() const;
  std::stop_token ToldToEnd() const { return halt_.get_token(); }

  const Setting& setting_;
  const model::Plan& plan_;
  const std::string digest_;
  Conductor conductor_;
  Inbox<Ended> ended_;
  std::stop_source halt_;
  Workers workers_;  // the last member: its threads use the others
};

Status Loop::Advance() {
  ASSIGN_OR_RETURN(const std::vector<execute::Command> commands,
                   conductor_.Advance(setting_.clock.Now()));
  for (const execute::Command& command : commands) Launch(command);
  return base::Ok();
}

void Loop::Launch(const execute::Command& command) {
  const model::Step* step = plan_.Find(command.step);
  CHECK_MSG(step != nullptr, "a command for a step outside the plan");
  workers_.Start([this, step, command, outputs = conductor_.state().outputs, told = ToldToEnd(),
                  execution = conductor_.state().execution] {
    ports::StepContext context{setting_.application, setting_.inventory, plan_, *step, outputs};
    context.execution = execution;
    context.plan_digest = digest_;
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
  conductor_.Hear(ended.step, ended.outcome, setting_.clock.Now());
}

std::optional<base::Duration> Loop::Patience() const {
  if (!conductor_.wake_at()) return std::nullopt;
  return std::max(base::Duration(0), *conductor_.wake_at() - setting_.clock.Now());
}

// A stop was asked for: running steps end, their outcomes are kept, and the execution can be gone
// on with.
Status Loop::WindDown() {
  halt_.request_stop();
  while (!conductor_.running().empty()) {
    for (const Ended& ended : ended_.Take(std::nullopt, {})) Hear(ended);
  }
  return conductor_.Stop(setting_.clock.Now());
}

Result<Finish> Loop::Run(Event first) {
  setting_.sink.OnPlan(plan_, conductor_.state());
  conductor_.Note({std::move(first)});
  while (true) {
    if (setting_.stop.stop_requested()) {
      RETURN_IF_ERROR(WindDown());
      break;
    }
    RETURN_IF_ERROR(Advance());
    if (conductor_.state().outcome) break;
    CHECK_MSG(!conductor_.running().empty() || conductor_.wake_at(),
              "an execution that waits for nothing");
    for (const Ended& ended : ended_.Take(Patience(), setting_.stop)) Hear(ended);
  }
  CHECK_MSG(conductor_.running().empty(), "an execution that finished with steps under way");
  const execute::State& state = conductor_.state();
  return Finish{*state.outcome, state.reason, state};
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

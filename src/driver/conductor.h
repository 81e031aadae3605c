// Conductor: the order of duty of one execution, without threads and without waiting: first what
// happened and what follows from it is durable, then commands are handed out to be started. The
// loop with its threads (driver/execution.cc) and the simulator are built on this one piece.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "base/result.h"
#include "driver/event_sink.h"
#include "execute/execute.h"
#include "journal/journal.h"
#include "model/plan.h"
#include "ports/step_runner.h"

namespace leeward::driver {

class Conductor {
 public:
  // `state`: of the records that are durable already. The plan, journal and sink outlive it.
  Conductor(const model::Plan& plan, execute::State state, journal::Journal& journal,
            EventSink& sink, const execute::Limits& limits);

  // The records count from now on and become durable with the next Advance or Stop.
  void Note(std::vector<model::Event> events);
  // A step that was started has ended.
  void Hear(const model::StepId& step, const base::Result<ports::StepOutcome>& outcome,
            base::WallTime now);
  // Makes durable what was noted and what comes next, and returns what is to be started now. After
  // an error the journal could not take a record: nothing may be started any more.
  base::Result<std::vector<execute::Command>> Advance(base::WallTime now);
  // Ends the execution so that it can be gone on with. Every started step has been heard of.
  base::Status Stop(base::WallTime now);

  const execute::State& state() const { return state_; }
  const std::set<model::StepId>& running() const { return running_; }
  // When to call Advance again although no step ended; absent: not before one does.
  std::optional<base::WallTime> wake_at() const { return wake_at_; }

 private:
  base::Status Record();

  const model::Plan& plan_;
  execute::State state_;
  journal::Journal& journal_;
  EventSink& sink_;
  const execute::Limits limits_;
  // Already in state_, not yet durable: nothing may be started on them.
  std::vector<model::Event> unrecorded_;
  std::set<model::StepId> running_;
  std::optional<base::WallTime> wake_at_;
};

}  // namespace leeward::driver

// Execute: journal events to the next batch. Pure: the driver makes the records durable, then
// starts the commands, in that order and without changing either.
//
//   State state = Replay(plan, execution, events);
//   Batch batch = Next(plan, state, running, now, limits);
//   journal.Append(batch.records); state = Apply each; start batch.commands;
//   when a step ends: records = Succeeded(...) or Failed(...); journal.Append(records); Apply each;
//   Next again
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/event.h"
#include "model/plan.h"

namespace leeward::execute {

enum class StepState {
  kWaiting,   // for steps before it, or to be started
  kIntended,  // intent is durable; the outcome is not known (running, or cut off by a crash)
  kRetrying,  // failed, may be tried again
  kDone,
  kFailed,   // for good
  kSkipped,  // a step before it failed for good
};
std::string_view Name(StepState state);

struct StepProgress {
  StepState state = StepState::kWaiting;
  int attempts = 0;  // intents
  int failures = 0;  // outcomes that were failures; interrupted attempts are not
  base::WallTime first_intended, ended;
  base::WallTime not_before;  // of the next attempt
  std::string detail;         // of the last outcome
};

enum class Outcome {
  kDone,
  kFailed,     // may be gone on with
  kRefused,    // by a gate, with nothing changed
  kHeld,       // by a gate behind a fence that has acted: what is closed stays closed; is gone on
               // with when a person decides
  kAborted,    // stopped on request; may be gone on with
  kAbandoned,  // given up by a person; is not gone on with
};
std::string_view Name(Outcome outcome);

struct State {
  model::ExecutionId execution;
  std::map<model::StepId, StepProgress> steps;
  std::map<std::string, std::string> outputs;  // "<step id>.<name>" → value
  bool started = false;
  std::optional<Outcome> outcome;  // set when finished
  std::string reason;              // of the outcome
  bool refused = false;            // a gate said no; nothing more is started
  bool fenced = false;             // when it did, something may have been closed
};

struct Limits {
  int parallel = 16;  // steps at once; 1 to 64
  base::Duration backoff{
      200'000'000};  // before the second attempt, doubled for each further one; 0 to 1 min
  base::Duration backoff_max{5'000'000'000};  // 0 to 10 min
};

struct Command {
  model::StepId step;
  int attempt = 1;
  base::Duration timeout{};
};

struct Batch {
  std::vector<model::Event> records;  // first make these durable
  std::vector<Command> commands;      // then start these
  // When nothing is running and nothing is due: ask again at this time (a retry waits). Absent: ask
  // again when a step ends; or never, when the last record finishes the execution.
  std::optional<base::WallTime> wake_at;
};

// How an execution begins. `plan_json` is plan::ToJson of the plan; it makes the journal enough to
// go on.
struct Start {
  model::ExecutionId execution;
  std::string actor;  // who asked: "cli:root", "drill", "serve"
  std::string plan_json;
};
model::Event Started(const model::Plan& plan, const Start& start, base::WallTime now);
// Going on after a crash, an abort, a failure, or a gate that held it. Steps that failed for good
// or were skipped may run again; with a gate that said no, so do the steps that it rests on.
model::Event Resumed(const model::Plan& plan, const model::ExecutionId& execution,
                     const std::string& actor, base::WallTime now);

// Given up by a person, so that it is not in the way of another action. `actor` and `reason` are
// for the record.
model::Event Abandoned(const model::ExecutionId& execution, const std::string& actor,
                       const std::string& reason, base::WallTime now);
// The first step that speaks against it: from the first promotion on, only going on makes whole
// what was begun. A gate, or a wait for what was written last, promotes nothing. Absent: it may be
// abandoned, with what its begun steps did left as it is.
std::optional<model::StepId> KeepsFromAbandoning(const model::Plan& plan, const State& state);
// Whether nobody can go on with it while `lost` is down, so that it may be abandoned all the same:
// a planned move needs both of its Regions to its end, a failover the one that it goes to.
bool CannotGoOnWithout(const model::Plan& plan, const model::Region& lost);

// The first step that keeps a planned move from being called off: it has begun, and cannot be taken
// back or moves traffic. Absent: the Region that it leaves can be opened again.
std::optional<model::StepId> KeepsFromCallingOff(const model::Plan& plan, const State& state);

// The state after these events; those of other executions are passed over.
State Replay(const model::Plan& plan, const model::ExecutionId& execution,
             const std::vector<model::Event>& events);
State Apply(State state, const model::Plan& plan, const model::Event& event);

// What to do now. `running` are the steps that this process has started and not yet heard of; an
// intended step outside it was cut off by a crash and is run again with the next attempt number.
Batch Next(const model::Plan& plan, const State& state, const std::set<model::StepId>& running,
           base::WallTime now, const Limits& limits);

// The records of a step's success: gate-passed for gates, loss-bound for measures, and step-done.
std::vector<model::Event> Succeeded(const model::Plan& plan, const State& state,
                                    const model::StepId& step, base::WallTime now,
                                    const std::string& detail,
                                    const std::map<std::string, std::string>& outputs);
// The records of a failure: final when its attempts are used up or trying again cannot help;
// gate-refused for a refusal. kCancelled is not counted against the step.
std::vector<model::Event> Failed(const model::Plan& plan, const State& state,
                                 const model::StepId& step, base::WallTime now,
                                 const base::Error& error);

// The newest execution in the events that started and did not end as done, refused or abandoned,
// with its plan's JSON.
struct Unfinished {
  model::ExecutionId execution;
  std::string plan_json;
  bool finished_as_failed = false;  // it ended, but may be gone on with
};
std::optional<Unfinished> FindUnfinished(const std::vector<model::Event>& events);

}  // namespace leeward::execute

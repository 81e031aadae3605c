#include "execute/execute.h"

#include <algorithm>

#include "base/check.h"

namespace leeward::execute {
namespace {

using model::Event;
using model::EventKind;
using model::Plan;
using model::Step;
using model::StepId;

bool IsGate(const Step& step) { return step.kind.str().starts_with("gate."); }

// What behind this step may still run.
bool LetsOthersPass(const Step& step, StepState state) {
  if (state == StepState::kDone) return true;
  return state == StepState::kFailed && step.on_failure == model::OnFailure::kContinue;
}

// What behind this step can never run.
bool BlocksOthers(const Step& step, StepState state) {
  if (state == StepState::kSkipped) return true;
  return state == StepState::kFailed && step.on_failure == model::OnFailure::kStop;
}

const Step& StepOf(const Plan& plan, const StepId& id) {
  const Step* step = plan.Find(id);
  CHECK_MSG(step != nullptr, id.str().c_str());
  return *step;
}

Event Record(const State& state, EventKind kind, const StepId& step, base::WallTime now) {
  Event event;
  event.at = now;
  event.kind = kind;
  event.execution = state.execution;
  event.step = step;
  return event;
}

void ApplyToStep(State* state, const Plan& plan, const Event& event) {
  const Step* step = plan.Find(event.step);
  if (step == nullptr)
    return;  // a plan that was changed by hand; its unknown steps have no state here
  StepProgress& progress = state->steps[event.step];
  switch (event.kind) {
    case EventKind::kStepIntended:
      progress.state = StepState::kIntended;
      if (progress.attempts++ == 0) progress.first_intended = event.at;
      break;
    case EventKind::kStepDone:
      progress.state = StepState::kDone;
      progress.ended = event.at;
      progress.detail = std::string(event.Field("detail"));
      for (const auto& [name, value] : event.fields) {
        if (name.starts_with("out."))
          state->outputs[event.step.str() + "." + name.substr(4)] = value;
      }
      break;
    case EventKind::kStepFailed:
      if (event.Field("code") != Name(base::ErrorCode::kCancelled)) ++progress.failures;
      progress.state = event.Field("final") == "yes" ? StepState::kFailed : StepState::kRetrying;
      progress.ended = event.at;
      progress.detail = std::string(event.Field("message"));
      break;
    case EventKind::kStepSkipped:
      progress.state = StepState::kSkipped;
      progress.ended = event.at;
      progress.detail = std::string(event.Field("reason"));
      break;
    default:
      break;
  }
}

// What a gate that said no rests on: the world may have changed since it was looked at.
void LookAgain(State* state, const Step& gate) {
  for (const StepId& before : gate.after) {
    StepProgress& progress = state->steps.at(before);
    if (progress.state == StepState::kDone) progress.state = StepState::kWaiting;
  }
}

// A run goes on: what had failed for good, and what waited for it, gets another chance.
void ApplyResumed(State* state, const Plan& plan) {
  state->outcome.reset();
  state->reason.clear();
  state->refused = false;
  state->fenced = false;
  for (const Step& step : plan.steps) {
    StepProgress& progress = state->steps.at(step.id);
    if (progress.state != StepState::kFailed && progress.state != StepState::kSkipped) continue;
    if (IsGate(step) && progress.state == StepState::kFailed) LookAgain(state, step);
    progress.state = StepState::kWaiting;
    progress.failures = 0;
  }
}

// A step that closes or takes something was tried: it may have done so, also without an answer.
bool FenceHasActed(const State& state, const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
    return step.phase == model::Phase::kFence && !IsGate(step) &&
           state.steps.at(step.id).attempts > 0;
  });
}

// Where something is closed a refusal is not the end: it stays closed until somebody decides.
void ApplyRefused(State* state, const Plan& plan, const Event& event) {
  const Step* gate = plan.Find(event.step);
  const bool behind = gate != nullptr && gate->phase == model::Phase::kPromote;
  state->refused = true;
  state->fenced = state->fenced || behind || FenceHasActed(*state, plan);
  state->reason = std::string(event.Field("reason"));
}

Outcome OutcomeOf(std::string_view name) {
  for (Outcome outcome : {Outcome::kDone, Outcome::kFailed, Outcome::kRefused, Outcome::kHeld,
                          Outcome::kAborted, Outcome::kAbandoned}) {
    if (Name(outcome) == name) return outcome;
  }
  return Outcome::kFailed;  // a word of a later version: not done is the safe reading
}

base::Duration Backoff(const Limits& limits, int failures) {
  base::Duration wait = limits.backoff;
  for (int i = 1; i < failures && wait < limits.backoff_max; ++i) wait *= 2;
  return std::min(wait, limits.backoff_max);
}

// One pass over the plan: what is ready, what is blocked, what is still on its way.
class Survey {
 public:
  Survey(const Plan& plan, const State& state, const std::set<StepId>& running, base::WallTime now,
         const Limits& limits)
      : plan_(plan), state_(state), running_(running), now_(now), limits_(limits) {
    settled_.reserve(plan_.steps.size());
    // Plans list each step after those it waits for, so one walk settles chains of skips.
    for (const Step& step : plan_.steps) Look(step);
  }

  Batch TakeBatch() {
    if (state_.refused) {
      batch_.commands.clear();
      batch_.wake_at.reset();
    }
    return std::move(batch_);
  }
  bool everything_settled() const { return open_ == 0; }
  const std::vector<std::string>& failed() const { return failed_; }

 private:
  void Look(const Step& step) {
    const StepProgress& progress = state_.steps.at(step.id);
    StepState state = progress.state;
    if (state == StepState::kWaiting || state == StepState::kRetrying) {
      if (const Step* blocker = Blocker(step)) {
        state = StepState::kSkipped;
        Event event = Record(state_, EventKind::kStepSkipped, step.id, now_);
        event.fields["reason"] = blocker->id.str() + " did not succeed";
        batch_.records.push_back(std::move(event));
      }
    }
    settled_.push_back(state);
    if (state == StepState::kFailed && step.on_failure == model::OnFailure::kStop) {
      failed_.push_back(step.id.str() + ": " + progress.detail);
    }
    const bool is_open = state == StepState::kWaiting || state == StepState::kRetrying ||
                         state == StepState::kIntended;
    if (!is_open) return;
    ++open_;
    if (running_.contains(step.id) || state_.refused || !Ready(step)) return;
    StartOrWait(step, progress);
  }

  void StartOrWait(const Step& step, const StepProgress& progress) {
    if (progress.state == StepState::kRetrying && progress.failures > 0) {
      const base::Duration wait = Backoff(limits_, progress.failures);
      const base::WallTime due = progress.ended + wait;
      // The failure's time is a wall clock's, perhaps another machine's: one that lies so far ahead
      // tells of a clock that was set back, and is no reason to wait.
      if (due > now_ && due - now_ <= wait) {
        if (!batch_.wake_at || due < *batch_.wake_at) batch_.wake_at = due;
        return;
      }
    }
    if (static_cast<int>(running_.size() + batch_.commands.size()) >= limits_.parallel) return;
    const int attempt = progress.attempts + 1;
    Event event = Record(state_, EventKind::kStepIntended, step.id, now_);
    event.fields["attempt"] = std::to_string(attempt);
    batch_.records.push_back(std::move(event));
    batch_.commands.push_back({step.id, attempt, step.timeout});
  }

  const Step* Blocker(const Step& step) const {
    for (const StepId& before : step.after) {
      const Step& other = StepOf(plan_, before);
      if (BlocksOthers(other, Settled(other))) return &other;
    }
    return nullptr;
  }

  bool Ready(const Step& step) const {
    return std::all_of(step.after.begin(), step.after.end(), [this](const StepId& before) {
      const Step& other = StepOf(plan_, before);
      return LetsOthersPass(other, Settled(other));
    });
  }

  StepState Settled(const Step& step) const {
    return settled_.at(static_cast<std::size_t>(&step - plan_.steps.data()));
  }

  const Plan& plan_;
  const State& state_;
  const std::set<StepId>& running_;
  const base::WallTime now_;
  const Limits& limits_;
  Batch batch_;
  std::vector<StepState> settled_;  // of the steps that were looked at, in the plan's order
  std::vector<std::string> failed_;
  int open_ = 0;
};

Event Finished(const State& state, base::WallTime now, Outcome outcome, const std::string& reason) {
  Event event = Record(state, EventKind::kExecutionFinished, StepId(), now);
  event.fields["outcome"] = Name(outcome);
  event.fields["reason"] = reason;
  return event;
}

bool TryingAgainCannotHelp(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalid:
    case base::ErrorCode::kRefused:
    case base::ErrorCode::kDenied:
    case base::ErrorCode::kCorrupt:
      return true;
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kAlready:
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kThrottled:
    case base::ErrorCode::kUnreachable:
    case base::ErrorCode::kService:
    case base::ErrorCode::kExhausted:
    case base::ErrorCode::kCancelled:
      return false;
  }
  CHECK_NEVER("ErrorCode outside its enum");
}

// What a gate that asked people learned, as records: who said yes, why, when, and to which plan.
std::vector<Event> Approvals(const State& state, const StepId& id, base::WallTime now,
                             const std::map<std::string, std::string>& outputs) {
  constexpr std::string_view kApproval = "approval.";
  std::vector<Event> records;
  for (const auto& [name, value] : outputs) {
    if (!name.starts_with(kApproval)) continue;
    Event approval = Record(state, EventKind::kApproval, id, now);
    const std::size_t colon = std::min(value.find(": "), value.size());
    approval.fields = {{"who", value.substr(0, colon)},
                       {"reason", value.substr(std::min(colon + 2, value.size()))}};
    for (const auto& [field, output] :
         {std::pair{"given", "approved-at." + name.substr(kApproval.size())},
          std::pair{"plan_sha256", std::string("approved-plan")}}) {
      if (const auto found = outputs.find(output); found != outputs.end())
        approval.fields[field] = found->second;
    }
    records.push_back(std::move(approval));
  }
  return records;
}

}  // namespace

std::string_view Name(StepState state) {
  switch (state) {
    case StepState::kWaiting:
      return "waiting";
    case StepState::kIntended:
      return "running";
    case StepState::kRetrying:
      return "retrying";
    case StepState::kDone:
      return "done";
    case StepState::kFailed:
      return "failed";
    case StepState::kSkipped:
      return "skipped";
  }
  CHECK_NEVER("StepState outside its enum");
}

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kHeld:
      return "held";
    case Outcome::kAborted:
      return "aborted";
    case Outcome::kAbandoned:
      return "abandoned";
  }
  CHECK_NEVER("Outcome outside its enum");
}

State Replay(const Plan& plan, const model::ExecutionId& execution,
             const std::vector<Event>& events) {
  State state;
  state.execution = execution;
  for (const Step& step : plan.steps) state.steps[step.id];
  for (const Event& event : events) state = Apply(std::move(state), plan, event);
  return state;
}

State Apply(State state, const Plan& plan, const Event& event) {
  if (event.execution != state.execution) return state;
  switch (event.kind) {
    case EventKind::kExecutionStarted:
      state.started = true;
      break;
    case EventKind::kExecutionResumed:
      ApplyResumed(&state, plan);
      break;
    case EventKind::kExecutionFinished:
      state.outcome = OutcomeOf(event.Field("outcome"));
      state.reason = std::string(event.Field("reason"));
      break;
    case EventKind::kGateRefused:
      ApplyRefused(&state, plan, event);
      break;
    case EventKind::kStepIntended:
    case EventKind::kStepDone:
    case EventKind::kStepFailed:
    case EventKind::kStepSkipped:
      ApplyToStep(&state, plan, event);
      break;
    case EventKind::kGatePassed:
    case EventKind::kLossBound:
    case EventKind::kVerdict:
    case EventKind::kFault:
    case EventKind::kLoad:
    case EventKind::kMeasured:
    case EventKind::kApproval:
    case EventKind::kNote:
    case EventKind::kCompensationIntended:
    case EventKind::kCompensationEnded:
      break;
  }
  return state;
}

Batch Next(const Plan& plan, const State& state, const std::set<StepId>& running,
           base::WallTime now, const Limits& limits) {
  if (state.outcome) return {};
  Survey survey(plan, state, running, now, limits);
  const bool over = survey.everything_settled() || (state.refused && running.empty());
  const std::vector<std::string> failed = survey.failed();
  Batch batch = survey.TakeBatch();
  if (!over) return batch;
  if (state.refused) {
    // Skips are not told apart from refusals by anyone: the refusal is the whole story.
    const Outcome outcome = state.fenced ? Outcome::kHeld : Outcome::kRefused;
    batch.records = {Finished(state, now, outcome, state.reason)};
  } else if (failed.empty()) {
    batch.records.push_back(Finished(state, now, Outcome::kDone, "every step is done"));
  } else {
    batch.records.push_back(Finished(state, now, Outcome::kFailed, failed.front()));
  }
  return batch;
}

std::vector<Event> Succeeded(const Plan& plan, const State& state, const StepId& id,
                             base::WallTime now, const std::string& detail,
                             const std::map<std::string, std::string>& outputs) {
  const Step& step = StepOf(plan, id);
  std::vector<Event> records;
  if (IsGate(step)) {
    Event passed = Record(state, EventKind::kGatePassed, id, now);
    passed.fields = {{"gate", step.kind.str()}, {"reason", detail}};
    records.push_back(std::move(passed));
  }
  for (Event& approval : Approvals(state, id, now, outputs)) records.push_back(std::move(approval));
  if (const auto bound = outputs.find("bound_ns"); bound != outputs.end()) {
    Event loss = Record(state, EventKind::kLossBound, id, now);
    loss.fields = {{"component", step.component.str()}, {"bound_ns", bound->second}};
    for (const char* name : {"read_at", "source"}) {
      if (const auto found = outputs.find(name); found != outputs.end())
        loss.fields[name] = found->second;
    }
    if (const auto budget = step.parameters.find("budget-ns"); budget != step.parameters.end()) {
      loss.fields["budget_ns"] = budget->second;
    }
    records.push_back(std::move(loss));
  }
  Event done = Record(state, EventKind::kStepDone, id, now);
  done.fields["detail"] = detail;
  for (const auto& [name, value] : outputs) done.fields["out." + name] = value;
  records.push_back(std::move(done));
  return records;
}

std::vector<Event> Failed(const Plan& plan, const State& state, const StepId& id,
                          base::WallTime now, const base::Error& error) {
  const Step& step = StepOf(plan, id);
  const StepProgress& progress = state.steps.at(id);
  const bool cancelled = error.code() == base::ErrorCode::kCancelled;
  const bool used_up = progress.failures + 1 >= step.max_attempts;
  const bool final = !cancelled && (used_up || TryingAgainCannotHelp(error.code()));
  std::vector<Event> records;
  if (IsGate(step) && error.code() == base::ErrorCode::kRefused) {
    Event refused = Record(state, EventKind::kGateRefused, id, now);
    refused.fields = {{"gate", step.kind.str()}, {"reason", error.message()}};
    records.push_back(std::move(refused));
  }
  Event failed = Record(state, EventKind::kStepFailed, id, now);
  failed.fields = {{"attempt", std::to_string(std::max(1, progress.attempts))},
                   {"code", std::string(Name(error.code()))},
                   {"message", error.message()},
                   {"final", final ? "yes" : "no"}};
  if (!error.service_code().empty()) failed.fields["service-code"] = error.service_code();
  records.push_back(std::move(failed));
  return records;
}

}  // namespace leeward::execute

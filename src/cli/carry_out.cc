#include "cli/carry_out.h"

#include <utility>

#include "cli/exit_code.h"
#include "execute/execute.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

using model::Event;
using model::EventKind;

// Hands everything on, and keeps what the end of the run has to tell of.
class FailureKeeper : public driver::EventSink {
 public:
  FailureKeeper(driver::EventSink& next, Carried& carried) : next_(next), carried_(carried) {}
  void OnPlan(const model::Plan& plan, const execute::State& state) override {
    next_.OnPlan(plan, state);
  }
  void OnEvent(const Event& event) override {
    if (event.kind == EventKind::kStepFailed && event.Field("final") == "yes" &&
        !carried_.failure) {
      carried_.failure = CodeOf(event);
    }
    carried_.events.push_back(event);
    next_.OnEvent(event);
  }
  void OnProgress(const model::StepId& step, std::string_view line) override {
    next_.OnProgress(step, line);
  }

 private:
  static base::ErrorCode CodeOf(const Event& event) {
    for (const base::ErrorCode code :
         {base::ErrorCode::kNotFound, base::ErrorCode::kDenied, base::ErrorCode::kThrottled,
          base::ErrorCode::kUnreachable, base::ErrorCode::kExhausted, base::ErrorCode::kCorrupt}) {
      if (base::Name(code) == event.Field("code")) return code;
    }
    return base::ErrorCode::kWrongState;
  }

  driver::EventSink& next_;
  Carried& carried_;
};

driver::Setting SettingFor(const Carrier& carrier, driver::EventSink& sink) {
  return {carrier.project.application,
          carrier.inventory,
          carrier.journal,
          carrier.steps,
          carrier.world.clock,
          sink,
          carrier.world.stop,
          execute::Limits{}};
}

bool IsMove(model::Action action) { return action != model::Action::kProtect; }

}  // namespace

int Carried::ExitCode() const {
  switch (finish.outcome) {
    case execute::Outcome::kDone:
      return kDone;
    case execute::Outcome::kRefused:
    case execute::Outcome::kHeld:
      return kGateRefused;
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      return kFailed;
    case execute::Outcome::kFailed:
      return failure ? ExitCodeFor(*failure) : kFailed;
  }
  return kFailed;
}

base::Result<std::optional<Interrupted>> FindInterrupted(const std::vector<Event>& events,
                                                         model::Action wanted) {
  const std::optional<execute::Unfinished> unfinished = execute::FindUnfinished(events);
  if (!unfinished) return std::optional<Interrupted>();
  base::Result<model::Plan> plan = plan::FromJson(unfinished->plan_json);
  if (!plan.ok())
    return std::move(plan).error().Context("the journal's plan of " + unfinished->execution.str());
  if (plan->action == wanted)
    return std::optional<Interrupted>({unfinished->execution, std::move(*plan)});
  if (!IsMove(plan->action)) return std::optional<Interrupted>();
  const std::string other(model::Name(plan->action));
  return base::WrongState("a " + other + " from " + plan->from.str() + " to " + plan->to.str() +
                          " was begun and has not ended; run `leeward " + other +
                          "` again to end it first, or `leeward abandon` to give it up");
}

std::optional<Interrupted> FoundDone(const std::vector<Event>& before,
                                     const std::vector<Event>& now, model::Action wanted) {
  const std::optional<execute::Unfinished> unfinished = execute::FindUnfinished(before);
  if (!unfinished) return std::nullopt;
  base::Result<model::Plan> plan = plan::FromJson(unfinished->plan_json);
  if (!plan.ok() || plan->action != wanted) return std::nullopt;
  const execute::State state = execute::Replay(*plan, unfinished->execution, now);
  if (state.outcome != execute::Outcome::kDone) return std::nullopt;
  return Interrupted{unfinished->execution, std::move(*plan)};
}

base::Result<std::optional<Interrupted>> FindCallableOff(const std::vector<Event>& events) {
  const std::optional<execute::Unfinished> unfinished = execute::FindUnfinished(events);
  if (!unfinished) {
    return base::WrongState("everything that was begun has ended; there is nothing to call off");
  }
  base::Result<model::Plan> plan = plan::FromJson(unfinished->plan_json);
  if (!plan.ok())
    return std::move(plan).error().Context("the journal's plan of " + unfinished->execution.str());
  const std::string name(model::Name(plan->action));
  if (plan->action == model::Action::kCallOff) return std::optional<Interrupted>();
  if (plan->action != model::Action::kSwitchover && plan->action != model::Action::kFailback) {
    return base::WrongState("a " + name + " was begun, which is not called off; run `leeward " +
                            name + "` again");
  }
  const execute::State state = execute::Replay(*plan, unfinished->execution, events);
  if (const auto step = execute::KeepsFromCallingOff(*plan, state)) {
    return base::Refused("the " + name + " from " + plan->from.str() + " to " + plan->to.str() +
                         " has begun " + step->str() + ", which is not taken back; run `leeward " +
                         name + "` again, which goes on from there");
  }
  return std::optional<Interrupted>({unfinished->execution, std::move(*plan)});
}

base::Result<Carried> CarryOut(const Carrier& carrier, const model::Plan& plan) {
  Carried carried;
  carried.plan = plan;
  FailureKeeper keeper(carrier.sink, carried);
  const execute::Start start{model::ExecutionId(carrier.world.random.Hex(16)), carrier.actor,
                             plan::ToJson(plan)};
  ASSIGN_OR_RETURN(carried.finish, driver::Begin(SettingFor(carrier, keeper), plan, start));
  return carried;
}

base::Result<Carried> GoOnWith(const Carrier& carrier, const Interrupted& interrupted,
                               const std::vector<Event>& history) {
  Carried carried;
  carried.plan = interrupted.plan;
  FailureKeeper keeper(carrier.sink, carried);
  ASSIGN_OR_RETURN(carried.finish, driver::GoOn(SettingFor(carrier, keeper), interrupted.plan,
                                                interrupted.execution, carrier.actor, history));
  return carried;
}

base::Result<journal::Journal::Opened> OpenJournal(ports::Files& files, const Project& project) {
  base::Status made = files.MakeDirectories(project.state + "/journal");
  if (!made.ok()) {
    return base::Error(made.error().code(),
                       "no journal, so nothing is done: " + made.error().message() +
                           "; say with --state DIRECTORY where state is kept");
  }
  return journal::Journal::Open(files, project.JournalPath());
}

std::string Actor(const World& world) {
  const std::string user = world.Variable("USER");
  return "cli:" + (user.empty() ? std::string("unknown") : user);
}

}  // namespace leeward::cli

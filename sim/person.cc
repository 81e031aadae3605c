#include "sim/person.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "journal/mirror_head.h"
#include "plan/plan.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(500);
constexpr Duration kTryAgain = seconds(2);
constexpr Duration kStoreCall = seconds(2);
constexpr Duration kPatience = seconds(6);  // with a step that waits for a database
constexpr int kAttempts = 2;                // of a step
constexpr int kMostTries = 2;               // of one command, before another is tried
constexpr int kLastTries = 4;               // of one that nothing else is left for

bool Planned(model::Action action) {
  return action == model::Action::kSwitchover || action == model::Action::kFailback;
}

}  // namespace

Person::Person(World& world, std::function<bool()> settled)
    : Mover(world, Hand::kPerson, world.scenario().terminal), settled_(std::move(settled)) {}

void Person::OnStart() {
  Mover::OnStart();
  Tick();
}

void Person::Tick() {
  After(kTick, [this] { Tick(); });
  Look();
}

bool Person::Possible(const Order& order) const {
  if (!Answers(Place::kHome) || !Answers(Place::kRecovery)) return false;
  const Place from = order.action == model::Action::kFailback ? Place::kRecovery : Place::kHome;
  return world().site(from).Accepts() && world().traffic == from;
}

void Person::Look() {
  const Duration now = world().agenda.now();
  if (moving() || now < not_before_ || !waits()) return;
  if (!command_) {
    const Order& order = orders()[next_];
    if (now < order.from) return;
    if (!Possible(order)) {
      // What has not come by now will not come any more.
      if (now > world().scenario().faults_over && settled_()) ++next_;
      return;
    }
    command_ = Command::kMove;
    tries_ = 0;
  }
  if (tries_ >= kMostTries) Escalate();
  if (!command_) return;
  ++tries_;
  not_before_ = world().agenda.now() + kTryAgain;
  const base::Status tried = Try();
  if (!tried.ok()) Tell(tried.error().message());
}

void Person::Over() {
  command_.reset();
  tries_ = 0;
  ++next_;
}

void Person::Ended(const Finish& finish) {
  not_before_ = world().agenda.now() + kTryAgain;
  if (finish.outcome == execute::Outcome::kDone) Over();
}

// What is unfinished is in the person's own journal by now.
void Person::Escalate() {
  base::Result<std::vector<model::Event>> events = Open();
  if (!events.ok()) {
    if (tries_ < kLastTries) return;
    gave_up_ = events.error().message();
    return Over();
  }
  Close();
  const auto unfinished = execute::FindUnfinished(*events);
  if (!unfinished) return Over();
  const model::Plan plan = *plan::FromJson(unfinished->plan_json);
  const execute::State state = execute::Replay(plan, unfinished->execution, *events);
  const Place left = PlaceOf(world().scenario().application, plan.from);
  const bool can_call_off = Planned(plan.action) && Answers(left) &&
                            !execute::KeepsFromCallingOff(plan, state).has_value();
  if (command_ == Command::kMove && can_call_off) {
    command_ = Command::kCallOff;
    tries_ = 0;
  } else if (!execute::KeepsFromAbandoning(plan, state)) {
    // One of theirs when they have given it up.
    if (plan.action != model::Action::kFailover || settled_()) command_ = Command::kAbandon;
  } else if (tries_ >= kLastTries) {
    gave_up_ = reason();
    Over();
  }
}

// Controllers that act are left to it.
base::Status Person::CheckHands() {
  const model::ApplicationName& name = world().scenario().application.name;
  ASSIGN_OR_RETURN(const auto entry,
                   store().Get(journal::MirrorKey(name), Monotonic() + kStoreCall));
  if (!entry) return base::Ok();
  ASSIGN_OR_RETURN(const journal::MirrorHead head, journal::HeadFromText(entry->value));
  NoteEnd(head);
  if (head.over() || !head.writer.starts_with("serve:")) return base::Ok();
  return base::WrongState("controller " + head.writer + " carries this failover out");
}

base::Status Person::Try() {
  if (command_ != Command::kAbandon) RETURN_IF_ERROR(CheckHands());
  ASSIGN_OR_RETURN(const std::vector<model::Event> events, Open());
  base::Status moved = Move(events);
  if (!moving()) Close();
  return moved;
}

base::Status Person::Move(const std::vector<model::Event>& events) {
  const auto unfinished = execute::FindUnfinished(events);
  if (unfinished) {
    ASSIGN_OR_RETURN(const model::Plan plan, plan::FromJson(unfinished->plan_json));
    if (*command_ == Command::kAbandon) {
      RETURN_IF_ERROR(Append(
          execute::Abandoned(unfinished->execution, Actor(), "person: it does not end", Now())));
      Over();
      return base::Ok();
    }
    if (*command_ == Command::kCallOff && Planned(plan.action)) {
      return CallOff(*unfinished, plan, events);
    }
    if (plan.action == model::Action::kFailover) {
      return base::WrongState("a failover was begun and has not ended");
    }
    GoOn(*unfinished, events);
    return base::Ok();
  }
  if (*command_ != Command::kMove || tries_ > 1) {
    const bool ended = *command_ != Command::kMove || HasEnded(events);
    if (ended) {
      Over();
      return base::Ok();
    }
  }
  ASSIGN_OR_RETURN(const model::Snapshot snapshot, LookAround(Needs::kBoth));
  ASSIGN_OR_RETURN(model::Plan plan,
                   plan::Make(orders()[next_].action, world().scenario().application, {}, snapshot,
                              Options("asked for by a person")));
  Begin(std::move(plan));
  return base::Ok();
}

// The newest move, begun by this person: the last try came to its end, and the process did not.
bool Person::HasEnded(const std::vector<model::Event>& events) const {
  const model::Event* last = nullptr;
  for (const model::Event& event : events) {
    if (event.kind == model::EventKind::kExecutionStarted) last = &event;
  }
  return last != nullptr && last->execution == newest();
}

plan::Options Person::Options(std::string reason) const {
  plan::Options options = PlanOptions(std::move(reason));
  options.attempts = kAttempts;
  options.timeouts.drain = options.timeouts.create = options.timeouts.scale = kPatience;
  return options;
}

base::Status Person::CallOff(const execute::Unfinished& unfinished, const model::Plan& plan,
                             const std::vector<model::Event>& events) {
  const execute::State state = execute::Replay(plan, unfinished.execution, events);
  if (const auto step = execute::KeepsFromCallingOff(plan, state)) {
    command_ = Command::kMove;
    return base::Refused("the move has begun " + step->str() + ", which is not taken back");
  }
  ASSIGN_OR_RETURN(const model::Snapshot snapshot, LookAround(Needs::kEither));
  plan::Options options = Options("to call off " + unfinished.execution.str());
  options.to = plan.from;
  ASSIGN_OR_RETURN(
      model::Plan back,
      plan::Make(model::Action::kCallOff, world().scenario().application, {}, snapshot, options));
  Begin(std::move(back));
  return base::Ok();
}

base::Result<model::Snapshot> Person::LookAround(Needs needs) const {
  model::Snapshot snapshot;
  snapshot.at = Now();
  snapshot.active = world().ActiveNow();
  for (const Place place : {Place::kHome, Place::kRecovery}) {
    const model::Region region = RegionOf(world().scenario().application, place);
    if (needs == Needs::kBoth && !Answers(place))
      return base::Unreachable(region.str() + " does not answer");
    model::Verdict verdict;
    verdict.region = region;
    verdict.health = Answers(place) ? model::Health::kUp : model::Health::kDown;
    verdict.at = snapshot.at;
    snapshot.verdicts.push_back(verdict);
  }
  return snapshot;
}

}  // namespace leeward::sim

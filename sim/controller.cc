#include "sim/controller.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "execute/promoted.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kRehearsedTick = milliseconds(200);
constexpr Duration kRefreshEvery = seconds(2);
constexpr Duration kTryAgain = seconds(5);
constexpr Duration kStoreCall = seconds(1);
constexpr char kController[] = "serve:";

bool IsCalm(decide::Goal goal) {
  return goal == decide::Goal::kStay || goal == decide::Goal::kAskFailback;
}

serve::MoveState StateOf(execute::Outcome outcome) {
  switch (outcome) {
    case execute::Outcome::kDone:
      return serve::MoveState::kDone;
    case execute::Outcome::kRefused:
    case execute::Outcome::kHeld:
      return serve::MoveState::kRefused;
    case execute::Outcome::kFailed:
      return serve::MoveState::kFailed;
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      return serve::MoveState::kAborted;
  }
  CHECK_NEVER("Outcome outside its enum");
}

// Begun and written last by a controller, and not over: any other may go on with it.
bool IsControllers(const journal::MirrorHead& head) {
  return !head.over() && head.action == "failover" && head.actor.starts_with(kController) &&
         head.writer.starts_with(kController);
}

}  // namespace

Controller::Controller(World& world, Hand hand) : Mover(world, hand, PlaceOf(hand)) {
  baton_ = std::make_unique<Baton>(
      world, place(), Baton::Hooks{[this] { Stop(); }, [this] { move_known_ = false; }});
}

void Controller::OnStart() {
  Mover::OnStart();
  lookout_ = std::make_unique<driver::Lookout>(world().scenario().application);
  move_known_ = false;
  journal_ = {};
  mirror_revision_ = 0;
  mirror_.reset();
  next_ = {};
  tries_ = 0;
  calm_ = false;
  not_before_ = {};
  order_.reset();
  if (world().scenario().shared) baton_->Start();
  Tick();
}

void Controller::OnCrash() {
  baton_->Crash();
  Mover::OnCrash();
  lookout_.reset();
}

void Controller::PauseAll(Duration until) {
  Pause(until);
  baton_->Pause(until);
}

bool Controller::leads() const {
  return running() && (baton_->Held() || ForItself() || !world().scenario().shared);
}

bool Controller::settled() const {
  return leads() && !moving() && move_known_ && next_.what == serve::Do::kNothing;
}

bool Controller::gave_up() const {
  const bool wanted = goal_ == decide::Goal::kFailover;
  if (world().scenario().measured) return !moving() && tries_ > 1;
  return settled() && wanted;
}

const std::string& Controller::why() const { return next_.why; }

void Controller::Hear(const std::shared_ptr<const Seen>& seen) {
  if (!running()) return;
  Bound([this, seen] {
    for (const model::Observation& one : *seen) lookout_->Take(one);
    if (world().scenario().measured) Look();
  })();
}

void Controller::Tick() {
  const Scenario& scenario = world().scenario();
  const Duration every =
      scenario.measured ? kRehearsedTick : scenario.application.detection.probe_every;
  After(every, [this] { Tick(); });
  Look();
}

driver::Ruling Controller::Rule() const {
  std::optional<base::WallTime> last = journal_.last_failover_end;
  if (move_ && move_->state == serve::MoveState::kDone)
    last = std::max(last.value_or(move_->at), move_->at);
  return lookout_->Look(Now(), world().ActiveNow(), last);
}

void Controller::Note(const driver::Ruling& ruling) {
  if (ruling.decision.goal == goal_) return;
  goal_ = ruling.decision.goal;
  Tell(ruling.decision.reason);
  Fact fact{world().agenda.now(),
            FactKind::kDecided,
            place(),
            0,
            0,
            std::string(decide::Name(goal_)),
            ruling.decision.reason,
            hand()};
  world().history.facts.push_back(std::move(fact));
}

void Controller::Look() {
  if (moving() || !leads()) return;
  const driver::Ruling ruling = Rule();
  Note(ruling);
  if (world().scenario().measured) return Rehearse(ruling);
  SightLease();
  Consider(ruling);
}

void Controller::Consider(const driver::Ruling& ruling) {
  if (IsCalm(ruling.decision.goal)) {
    calm_ = true;
    tries_ = 0;
  }
  const bool stale = Monotonic() - refreshed_ > kRefreshEvery;
  if ((!move_known_ || stale) && !Refresh().ok()) return;
  next_ = serve::Choose(FactsFor(ruling));
  if (next_.what == serve::Do::kNothing || Monotonic() < not_before_) return;
  Act(ruling, next_.what);
}

serve::Facts Controller::FactsFor(const driver::Ruling& ruling) const {
  serve::Facts facts;
  facts.leading = true;
  facts.move_known = true;
  facts.controller = sim::Name(place());
  facts.tries = tries_;
  facts.calm = calm_;
  facts.well_in = serve::WellIn(ruling.decision.row, world().scenario().application.regions);
  facts.goal = ruling.decision.goal;
  facts.goal_reason = ruling.decision.reason;
  facts.unfinished = journal_.unfinished;
  facts.foreign_work = journal_.foreign_work;
  facts.whole_since_leading = true;
  facts.ordered = order_.has_value();
  if (ForItself()) return facts;
  facts.move = move_;
  facts.mirrored = mirror_ && IsControllers(*mirror_);
  if (mirror_ && !mirror_->over() && !facts.mirrored) facts.hand = mirror_->writer;
  return facts;
}

// What the store says of the last move, and the journal where it was written since.
base::Status Controller::Refresh() {
  move_known_ = false;
  refreshed_ = Monotonic();
  const model::ApplicationName& name = world().scenario().application.name;
  ASSIGN_OR_RETURN(const auto move, store().Get(serve::MoveKey(name), Monotonic() + kStoreCall));
  if (move && move->revision != move_revision_) {
    ASSIGN_OR_RETURN(move_, serve::MoveFromJson(move->value));
  }
  move_revision_ = move ? move->revision : ports::kAbsent;
  RETURN_IF_ERROR(ReadJournal());
  if (world().scenario().shared) RETURN_IF_ERROR(ReadMirror());
  move_known_ = true;
  return base::Ok();
}

base::Status Controller::ReadMirror() {
  const model::ApplicationName& name = world().scenario().application.name;
  ASSIGN_OR_RETURN(const auto head,
                   store().Get(journal::MirrorKey(name), Monotonic() + kStoreCall));
  if (head && head->revision != mirror_revision_) {
    ASSIGN_OR_RETURN(mirror_, journal::HeadFromText(head->value));
    NoteEnd(*mirror_);
  }
  mirror_revision_ = head ? head->revision : ports::kAbsent;
  return TakeOverEnd();
}

// Another controller went on with what is unfinished here: opening the journal ends it there.
base::Status Controller::TakeOverEnd() {
  const bool here = journal_.unfinished || journal_.foreign_work;
  if (!here || ForItself() || !mirror_ ||
      (!mirror_->over() && mirror_->execution == journal_.execution)) {
    return base::Ok();
  }
  ASSIGN_OR_RETURN(const std::vector<model::Event> events, Open());
  Close();
  return ReadJournal();
}

base::Status Controller::ReadJournal() {
  ASSIGN_OR_RETURN(const bool exists, disk().Exists(kJournalPath));
  if (!exists || disk().Bytes(kJournalPath).size() == journal_.bytes) return base::Ok();
  ASSIGN_OR_RETURN(const journal::Contents contents, journal::Read(disk(), kJournalPath));
  journal_ = {};
  journal_.bytes = disk().Bytes(kJournalPath).size();
  std::map<model::ExecutionId, const model::Event*> started;
  for (const model::Event& event : contents.events) {
    if (event.kind == model::EventKind::kExecutionStarted) started[event.execution] = &event;
    const auto found = started.find(event.execution);
    if (event.kind == model::EventKind::kExecutionFinished && found != started.end() &&
        found->second->Field("action") == "failover" && event.Field("outcome") == "done") {
      journal_.last_failover_end = event.at;
    }
  }
  if (const auto unfinished = execute::FindUnfinished(contents.events)) {
    const model::Event& start = *started.at(unfinished->execution);
    journal_.unfinished =
        start.Field("action") == "failover" && start.Field("actor").starts_with(kController);
    journal_.foreign_work = !journal_.unfinished;
    journal_.execution = unfinished->execution;
  }
  return base::Ok();
}

base::Status Controller::Mark(serve::MoveState state, const std::string& why) {
  if (ForItself()) return base::Ok();
  const model::Application& application = world().scenario().application;
  const serve::Move move{sim::Name(place()),
                         application.regions.home,
                         application.regions.recovery,
                         state,
                         why,
                         Now()};
  const auto put = store().Put(serve::MoveKey(application.name), serve::ToJson(move),
                               move_revision_, Monotonic() + kStoreCall);
  if (!put.ok()) {
    move_known_ = false;  // it may have happened
    return put.error();
  }
  move_ = move;
  move_revision_ = *put;
  return base::Ok();
}

void Controller::Act(const driver::Ruling& ruling, serve::Do what) {
  // What it rests on is read once more.
  if (!Refresh().ok()) return;
  next_ = serve::Choose(FactsFor(ruling));
  if (next_.what != what || !Mark(serve::MoveState::kRunning, next_.why).ok()) return;
  ++tries_;
  calm_ = false;
  bool began = false;
  const base::Status carried = Carry(ruling, &began);
  if (!began && !carried.ok()) {
    Ended({std::nullopt, carried.error().code(), carried.error().message()});
  }
}

base::Status Controller::Carry(const driver::Ruling& ruling, bool* began) {
  ASSIGN_OR_RETURN(const std::vector<model::Event> events, Open());
  const auto unfinished = ForItself() ? std::nullopt : execute::FindUnfinished(events);
  const std::optional<Duration> accepted = std::exchange(order_, std::nullopt);
  if (unfinished) {
    *began = true;
    if (accepted)
      GoOnAccepting(*accepted, *unfinished, events);
    else
      GoOn(*unfinished, events);
    return base::Ok();
  }
  plan::Options options = PlanOptions(ruling.decision.reason);
  options.promoted = execute::PromotionsNotDone(events);
  base::Result<model::Plan> made = plan::Make(
      model::Action::kFailover, world().scenario().application, {}, ruling.snapshot, options);
  if (!made.ok()) {
    Close();
    return made.error();
  }
  *began = true;
  Begin(*std::move(made));
  return base::Ok();
}

void Controller::Ended(const Finish& finish) {
  if (world().scenario().measured) {
    if (finish.outcome != execute::Outcome::kDone) tries_ = 2;
    return;
  }
  not_before_ = Monotonic() + kTryAgain;
  move_known_ = false;
  const bool left = !finish.outcome && finish.error == base::ErrorCode::kCancelled;
  const serve::MoveState state =
      finish.outcome ? StateOf(*finish.outcome) : serve::MoveState::kFailed;
  if (state == serve::MoveState::kDone) tries_ = 0;
  if (!left) (void)Mark(state, finish.reason);
}

// Without a store, a journal's mirror or a baton: none of them takes a time that was measured.
void Controller::Rehearse(const driver::Ruling& ruling) {
  if (ruling.decision.goal != decide::Goal::kFailover || tries_ > 0) return;
  tries_ = 1;  // nothing else is begun meanwhile
  After(world().scenario().measured->planning, [this, ruling] {
    bool began = false;
    const base::Status carried = Carry(ruling, &began);
    if (carried.ok()) return;
    tries_ = 2;
    Tell(carried.error().message());
  });
}

}  // namespace leeward::sim

#include "sim/mover.h"

#include <utility>

#include "base/check.h"
#include "driver/join.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::sim {
namespace {

using std::chrono::seconds;

bool IsFenced(const World& world) { return world.scenario().bug != Bug::kUnfencedMirror; }

std::string Told(const model::Event& event) {
  std::string text(model::Name(event.kind));
  for (const std::string_view more :
       {std::string_view(event.step.str()), event.Field("action"), event.Field("outcome")}) {
    if (!more.empty()) text += " " + std::string(more);
  }
  return text;
}

}  // namespace

Mover::Mover(World& world, Hand hand, Place place)
    : Process(world.agenda, world.scenario().clocks[static_cast<std::size_t>(Index(place))]),
      world_(world),
      hand_(hand),
      place_(place),
      store_(world.store, *this, place, IsFenced(world)) {
  disk_.LieAboutSyncs(world.scenario().bug == Bug::kEffectBeforeIntent);
}

void Mover::OnStart() { store_.Begin(); }

void Mover::OnCrash() {
  Drop();
  Close();
  sighting_.reset();
}

void Mover::StartAgain() {
  if (!gone_ && world_.network.alive(place_)) Start();
}

void Mover::EndForGood() {
  gone_ = true;
  Crash();
}

void Mover::CrashAtRecord(std::uint64_t ahead, Duration away) {
  crash_in_ = ahead;
  crash_away_ = away;
}

std::string Mover::Actor() const {
  if (hand_ == Hand::kPerson) return "cli:person";
  return std::string("serve:") + sim::Name(place_);
}

plan::Options Mover::PlanOptions(std::string reason) const {
  plan::Options options;
  options.reason = std::move(reason);
  if (world_.scenario().measured) return options;
  // Look, create, fence, drain, promote, scale, shift, lease, confirm: each far longer than it
  // takes when nothing is wrong, and short enough for all tries to be over within a run's patience.
  options.timeouts = {seconds(10), seconds(60), seconds(2),  seconds(10), seconds(10),
                      seconds(10), seconds(10), seconds(15), seconds(10)};
  return options;
}

void Mover::NoteRecord(const model::Event& event) {
  world_.Hear(event);
  world_.history.facts.push_back({world_.agenda.now(), FactKind::kRecorded, place_, 0,
                                  event.sequence, Told(event), event.execution.str(), hand_});
}

// That an execution is over may be in the mirror alone until now.
void Mover::NoteEnds(const std::vector<model::Event>& events, std::size_t from) {
  for (std::size_t i = from; i < events.size(); ++i) {
    const std::string_view outcome = events[i].Field("outcome");
    const bool over = outcome == "done" || outcome == "refused" || outcome == "abandoned";
    if (over && events[i].kind == model::EventKind::kExecutionFinished) NoteRecord(events[i]);
  }
}

// A put may have happened though its answer was lost: then the one who made it has no such record.
void Mover::NoteEnd(const journal::MirrorHead& head) {
  if (!head.over() || head.execution == ended_) return;
  ended_ = head.execution;
  model::Event event;
  event.kind = model::EventKind::kExecutionFinished;
  event.execution = head.execution;
  event.fields["outcome"] = head.outcome;
  NoteRecord(event);
}

void Mover::OnEvent(const model::Event& event) {
  NoteRecord(event);
  if (crash_in_ == 0 || --crash_in_ > 0) return;
  // The next entry of this instant, before those of the commands that are about to be started.
  world_.agenda.After(Duration(0), [this] {
    world_.Note(FactKind::kFault, place_, "crashes after a record");
    Crash();
    world_.agenda.After(crash_away_, [this] { StartAgain(); });
  });
}

base::Result<std::vector<model::Event>> Mover::Open() {
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, journal::Journal::Open(disk_, kJournalPath));
  if (world_.scenario().shared) {
    journal::Mirror::Options options;
    options.application = world_.scenario().application.name;
    options.writer = Actor();
    options.pause = [](base::Duration) { return false; };  // it comes again by itself
    mirror_ = std::make_unique<journal::Mirror>(store_, *this, std::move(options));
    const std::size_t before = opened.events.size();
    const base::Result<std::string> joined = driver::Join(opened, *mirror_, Now());
    if (!joined.ok()) {
      if (joined.error().code() == base::ErrorCode::kCorrupt) {
        world_.Note(FactKind::kBroken, place_, joined.error().message());
      }
      return joined.error();
    }
    NoteEnds(opened.events, before);
  }
  journal_ = std::move(opened.journal);
  return std::move(opened.events);
}

void Mover::Close() {
  journal_.reset();
  mirror_.reset();
}

base::Status Mover::Append(model::Event event) {
  ASSIGN_OR_RETURN(const std::vector<model::Event> written, journal_->Append({std::move(event)}));
  for (const model::Event& one : written) OnEvent(one);
  return base::Ok();
}

void Mover::Begin(model::Plan plan) {
  const model::ExecutionId id(std::string(model::Name(plan.action)) + "-" + sim::Name(place_) +
                              (hand_ == Hand::kPerson ? "-person-" : "-") +
                              std::to_string(++executions_));
  const model::Event first = execute::Started(plan, {id, Actor(), plan::ToJson(plan)}, Now());
  execute::State state = execute::Replay(plan, id, {});
  CarryOut(std::move(plan), std::move(state), first);
}

void Mover::GoOn(const execute::Unfinished& unfinished, const std::vector<model::Event>& history) {
  base::Result<model::Plan> saved = plan::FromJson(unfinished.plan_json);
  CHECK_MSG(saved.ok(), "a plan from a whole journal cannot be read");
  const model::Event first = execute::Resumed(*saved, unfinished.execution, Actor(), Now());
  execute::State state = execute::Replay(*saved, unfinished.execution, history);
  CarryOut(*std::move(saved), std::move(state), first);
}

void Mover::GoOnAccepting(Duration loss, const execute::Unfinished& unfinished,
                          const std::vector<model::Event>& history) {
  accepted_ = loss;
  GoOn(unfinished, history);
  if (!moving()) return;
  world_.history.facts.push_back({world_.agenda.now(), FactKind::kAccepted, place_, 0,
                                  static_cast<std::uint64_t>(loss.count()), kAcceptLoss,
                                  unfinished.execution.str(), hand_});
}

void Mover::CarryOut(model::Plan plan, execute::State state, model::Event first) {
  CHECK_MSG(journal_ != nullptr && !moving(), "carried out without a journal, or beside another");
  plan_ = std::make_shared<const model::Plan>(std::move(plan));
  conductor_ = std::make_unique<driver::Conductor>(*plan_, std::move(state), *journal_, *this,
                                                   execute::Limits{});
  ++serial_;
  newest_ = first.execution;
  conductor_->Note({std::move(first)});
  Advance();
}

void Mover::Advance() {
  const base::Result<std::vector<execute::Command>> commands = conductor_->Advance(Now());
  if (!commands.ok()) {
    // The loop of the product ends with this error.
    End({std::nullopt, commands.error().code(), commands.error().message()});
    return;
  }
  for (const execute::Command& command : *commands) Launch(command);
  if (conductor_->state().outcome) {
    End({conductor_->state().outcome, {}, conductor_->state().reason});
  } else if (conductor_->wake_at()) {
    After(std::max(Duration(0), *conductor_->wake_at() - Now()), [this, serial = serial_] {
      if (conductor_ && serial == serial_) Advance();
    });
  }
}

void Mover::Stop() {
  if (!moving()) return;
  const std::set<model::StepId> running = conductor_->running();
  for (const model::StepId& step : running) {
    conductor_->Hear(step, base::Cancelled("stopped on request"), Now());
  }
  (void)conductor_->Stop(Now());
  End({std::nullopt, base::ErrorCode::kCancelled, "stopped on request"});
}

void Mover::End(const Finish& finish) {
  reason_ = finish.reason;
  Drop();
  Close();
  Ended(finish);
}

void Mover::Drop() {
  ++serial_;
  taking_.reset();
  taker_.reset();
  asker_.reset();
  conductor_.reset();
  accepted_.reset();
  if (plan_) last_plan_ = std::exchange(plan_, nullptr);
}

}  // namespace leeward::sim

#include "sim/controller.h"

#include <utility>

#include "base/check.h"
#include "plan/plan.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(200);
constexpr Duration kReopenAfter = milliseconds(700);  // a journal that could not be used
constexpr Duration kGoOnAfter = milliseconds(1500);   // an execution that failed
constexpr int kMostTries = 8;                         // of one execution in one life

plan::Options PlanOptions(const Scenario& scenario, const driver::Ruling& ruling) {
  plan::Options options;
  options.reason = ruling.decision.reason;
  if (scenario.measured) return options;
  options.timeouts = {seconds(10), seconds(60), seconds(2),  seconds(30),
                      seconds(30), seconds(30), seconds(15), seconds(20)};
  return options;
}

}  // namespace

Controller::Controller(World& world, Place place)
    : Process(world.agenda, world.scenario().clocks[static_cast<std::size_t>(Index(place))]),
      world_(world),
      place_(place) {
  disk_.LieAboutSyncs(world.scenario().bug == Bug::kEffectBeforeIntent);
}

void Controller::OnStart() {
  lookout_ = std::make_unique<driver::Lookout>(world_.scenario().application);
  last_failover_end_.reset();
  gave_up_ = false;
  tries_ = 0;
  OpenJournal();
  Tick();
  if (!world_.scenario().measured) StartTaker();
}

void Controller::OnCrash() {
  DropExecution();
  journal_.reset();
  lookout_.reset();
  taker_.reset();
}

void Controller::Hear(const std::shared_ptr<const Seen>& seen) {
  if (!running()) return;
  Bound([this, seen] {
    for (const model::Observation& one : *seen) lookout_->Take(one);
    if (world_.scenario().measured) Look();
  })();
}

void Controller::CrashAtRecord(std::uint64_t ahead, Duration away) {
  crash_in_ = ahead;
  crash_away_ = away;
}

void Controller::OnEvent(const model::Event& event) {
  std::string text(model::Name(event.kind));
  if (!event.step.empty()) text += " " + event.step.str();
  world_.Note(FactKind::kRecorded, place_, std::move(text), event.execution.str(), event.sequence);
  if (crash_in_ == 0 || --crash_in_ > 0) return;
  // The next entry of this instant, before those of the commands that are about to be started.
  world_.agenda.After(Duration(0), [this] {
    world_.Note(FactKind::kFault, place_, "crashes after a record");
    Crash();
    world_.agenda.After(crash_away_, [this] {
      if (world_.network.alive(place_)) Start();
    });
  });
}

// A journal that cannot be opened now (a full disk) may be later; nothing is done without it.
void Controller::OpenJournal() {
  base::Result<journal::Journal::Opened> opened = journal::Journal::Open(disk_, kJournalPath);
  if (!opened.ok()) {
    After(kReopenAfter, [this] { OpenJournal(); });
    return;
  }
  journal_ = std::move(opened->journal);
  const auto unfinished = execute::FindUnfinished(opened->events);
  if (unfinished) {
    Resume(*unfinished, opened->events);
  } else {
    tries_ = 0;
  }
}

std::map<model::ComponentName, model::Region> Controller::ActiveNow() const {
  const model::Application& application = world_.scenario().application;
  const bool promoted = world_.site(Place::kRecovery).database.role == Role::kWriter;
  const model::Region store = RegionOf(application, promoted ? Place::kRecovery : Place::kHome);
  const model::Region traffic = RegionOf(application, world_.traffic);
  std::map<model::ComponentName, model::Region> active;
  for (const model::Component& component : application.components) {
    if (std::holds_alternative<model::Rds>(component.kind)) active[component.name] = store;
    if (std::holds_alternative<model::Route53>(component.kind)) active[component.name] = traffic;
  }
  return active;
}

void Controller::Tick() {
  After(kTick, [this] { Tick(); });
  Look();
}

void Controller::Look() {
  if (!journal_ || conductor_) return;
  const driver::Ruling ruling = lookout_->Look(Now(), ActiveNow(), last_failover_end_);
  if (ruling.decision.goal != goal_) {
    goal_ = ruling.decision.goal;
    reason_ = ruling.decision.reason;
    world_.Note(FactKind::kDecided, place_, std::string(decide::Name(goal_)), reason_);
    // What was refused is thought over when the situation is another one.
    if (goal_ != decide::Goal::kFailover) gave_up_ = false;
  }
  Consider(ruling);
}

void Controller::Consider(const driver::Ruling& ruling) {
  if (gave_up_ || tries_ > 0) return;
  if (ruling.decision.goal != decide::Goal::kFailover) return;
  const auto& measured = world_.scenario().measured;
  if (!measured) return Begin(ruling);
  tries_ = 1;  // nothing else is begun meanwhile
  After(measured->planning, [this, ruling] { Begin(ruling); });
}

void Controller::Begin(const driver::Ruling& ruling) {
  base::Result<model::Plan> made =
      plan::Make(model::Action::kFailover, world_.scenario().application, {}, ruling.snapshot,
                 PlanOptions(world_.scenario(), ruling));
  if (!made.ok()) {
    gave_up_ = true;
    reason_ = made.error().message();
    return;
  }
  plan_ = std::make_shared<const model::Plan>(*std::move(made));
  const model::ExecutionId id(std::string(Name(place_)) + "-" + std::to_string(++executions_));
  conductor_ = std::make_unique<driver::Conductor>(*plan_, execute::Replay(*plan_, id, {}),
                                                   *journal_, *this, execute::Limits{});
  ++serial_;
  tries_ = 1;
  conductor_->Note({execute::Started(*plan_, {id, "controller", plan::ToJson(*plan_)}, Now())});
  Advance();
}

void Controller::Resume(const execute::Unfinished& unfinished,
                        const std::vector<model::Event>& history) {
  base::Result<model::Plan> saved = plan::FromJson(unfinished.plan_json);
  CHECK_MSG(saved.ok(), "a plan from a whole journal cannot be read");
  plan_ = std::make_shared<const model::Plan>(*std::move(saved));
  conductor_ = std::make_unique<driver::Conductor>(
      *plan_, execute::Replay(*plan_, unfinished.execution, history), *journal_, *this,
      execute::Limits{});
  ++serial_;
  ++tries_;
  conductor_->Note({execute::Resumed(*plan_, unfinished.execution, "controller", Now())});
  Advance();
}

void Controller::Advance() {
  const base::Result<std::vector<execute::Command>> commands = conductor_->Advance(Now());
  if (!commands.ok()) {
    // The process would end here with this error and be started again.
    DropExecution();
    journal_.reset();
    After(kReopenAfter, [this] { OpenJournal(); });
    return;
  }
  for (const execute::Command& command : *commands) Launch(command);
  if (conductor_->state().outcome) {
    Finish();
  } else if (conductor_->wake_at()) {
    After(std::max(Duration(0), *conductor_->wake_at() - Now()), [this, serial = serial_] {
      if (conductor_ && serial == serial_) Advance();
    });
  }
}

void Controller::Finish() {
  last_outcome_ = conductor_->state().outcome;
  reason_ = conductor_->state().reason;
  DropExecution();
  switch (*last_outcome_) {
    case execute::Outcome::kDone:
      last_failover_end_ = Now();
      tries_ = 0;
      return;
    case execute::Outcome::kRefused:
      gave_up_ = true;
      tries_ = 0;
      return;
    case execute::Outcome::kFailed:
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      GoOnLater();
      return;
  }
}

void Controller::GoOnLater() {
  if (tries_ >= kMostTries) {
    gave_up_ = true;
    return;
  }
  journal_.reset();
  After(kGoOnAfter, [this] { OpenJournal(); });
}

void Controller::DropExecution() {
  ++serial_;
  taking_.reset();
  conductor_.reset();
  if (plan_) last_plan_ = std::exchange(plan_, nullptr);
}

}  // namespace leeward::sim

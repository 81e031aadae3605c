#include "sim/run.h"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "journal/record.h"
#include "model/event_json.h"
#include "sim/controller.h"
#include "sim/decider.h"
#include "sim/observer.h"
#include "sim/person.h"
#include "sim/world.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds(500);
// After the last fault, until the run must have ended: by itself, or with a person who tries what
// may help.
constexpr Duration kPatience = seconds(150), kPatienceWithPeople = seconds(400);
constexpr Duration kBeforeWatching = milliseconds(1200);
constexpr std::uint64_t kMostSteps = 1'000'000;
constexpr std::uint64_t kMostRecordsAhead = 30;  // an execution has about as many
constexpr int kCalmLooks = 4;                    // an end counts when it is still one so much later

class Simulation {
 public:
  Simulation(const Scenario& scenario, ports::Random& random);

  void RunToEnd();
  History TakeHistory();

 private:
  void Schedule();
  void Begin(const Fault& fault);
  void End(const Fault& fault);
  void Lose(Place place);
  void Return(Place place);
  void Tell(Place from, const std::shared_ptr<const Seen>& seen);
  Mover& MoverOf(Hand hand);
  void Pause(const Fault& fault);
  // How the run stands, when that may be its end: "moved", "home", ... People aside.
  std::string Standing();
  Controller* Acting();
  std::string Serving();
  std::string Reason() const;

  const Scenario& scenario_;
  World world_;
  std::vector<std::unique_ptr<Controller>> controllers_;
  std::unique_ptr<Person> person_;
  Decider decider_{world_, [this] { return Acting(); }};
  std::array<std::unique_ptr<Observer>, kPlaces> observers_;
};

Simulation::Simulation(const Scenario& scenario, ports::Random& random)
    : scenario_(scenario), world_(scenario, random) {
  world_.history.rpo = scenario.application.objectives.rpo;
  world_.history.policy = scenario.application.failover.when_loss_over_rpo;
  for (int controller = 0; controller < scenario.controllers; ++controller) {
    controllers_.push_back(std::make_unique<Controller>(world_, static_cast<Hand>(controller + 1)));
  }
  if (!scenario.orders.empty()) {
    person_ = std::make_unique<Person>(world_, [this] { return !Standing().empty(); });
  }
  for (std::size_t place = 0; place < kPlaces; ++place) {
    const Place here = static_cast<Place>(place);
    observers_[place] = std::make_unique<Observer>(
        world_, here, [this, here](const std::shared_ptr<const Seen>& seen) { Tell(here, seen); });
  }
}

void Simulation::Tell(Place from, const std::shared_ptr<const Seen>& seen) {
  for (const auto& controller : controllers_) {
    world_.network.Send(from, controller->place(),
                        [to = controller.get(), seen] { to->Hear(seen); });
  }
}

Mover& Simulation::MoverOf(Hand hand) {
  if (hand == Hand::kPerson) return *person_;
  return *controllers_[static_cast<std::size_t>(Index(hand) - 1)];
}

void Simulation::Pause(const Fault& fault) {
  if (fault.hand == Hand::kPerson) return person_->Pause(*fault.until);
  controllers_[static_cast<std::size_t>(Index(fault.hand) - 1)]->PauseAll(*fault.until);
}

void Simulation::Schedule() {
  for (const Fault& fault : scenario_.faults) {
    world_.agenda.At(fault.from, [this, &fault] { Begin(fault); });
    if (fault.until) world_.agenda.At(*fault.until, [this, &fault] { End(fault); });
  }
}

void Simulation::Lose(Place place) {
  world_.LoseRegion(place);
  observers_[static_cast<std::size_t>(Index(place))]->Crash();
  for (const auto& controller : controllers_) {
    if (controller->place() == place) controller->Crash();
  }
  if (person_ && person_->place() == place) person_->Crash();
}

void Simulation::Return(Place place) {
  world_.ReturnRegion(place);
  observers_[static_cast<std::size_t>(Index(place))]->Start();
  for (const auto& controller : controllers_) {
    if (controller->place() == place) controller->StartAgain();
  }
  if (person_ && person_->place() == place) person_->StartAgain();
}

void Simulation::Begin(const Fault& fault) {
  world_.Note(FactKind::kFault, fault.place, std::string(Name(fault.kind)) + " begins",
              Name(fault.other));
  world_.Replicate();
  Network& network = world_.network;
  switch (fault.kind) {
    case FaultKind::kRegionLoss:
      return Lose(fault.place);
    case FaultKind::kCut:
      network.link(fault.place, fault.other).cut = true;
      return;
    case FaultKind::kIsolation:
      for (int other = 0; other < kPlaces; ++other) {
        if (other == Index(fault.place)) continue;
        network.link(fault.place, static_cast<Place>(other)).cut = true;
        network.link(static_cast<Place>(other), fault.place).cut = true;
      }
      return;
    case FaultKind::kSlow:
      network.link(fault.place, fault.other).slow_by = fault.amount;
      return;
    case FaultKind::kLossyLink:
      network.link(fault.place, fault.other).lost = 0.3;
      network.link(fault.other, fault.place).doubled = 0.3;
      return;
    case FaultKind::kApiErrors:
      world_.api_failing[static_cast<std::size_t>(Index(fault.place))] = true;
      return;
    case FaultKind::kControllerCrash:
      if (!fault.until) return MoverOf(fault.hand).EndForGood();
      MoverOf(fault.hand).Crash();
      return;
    case FaultKind::kCrashAtRecord:
      MoverOf(fault.hand)
          .CrashAtRecord(1 + world_.random.Below(kMostRecordsAhead), *fault.until - fault.from);
      return;
    case FaultKind::kTornJournal:
      MoverOf(fault.hand).disk().SetSpace(world_.random.Below(600));
      MoverOf(fault.hand).disk().FailTruncates(1);
      return;
    case FaultKind::kPowerLoss:
      MoverOf(fault.hand).Crash();
      MoverOf(fault.hand).disk().LosePower(world_.random.Below(200));
      return;
    case FaultKind::kGuardCrash:
      if (Index(fault.place) < kSites) world_.guard(fault.place).Crash();
      return;
    case FaultKind::kGuardPause:
      if (Index(fault.place) < kSites) world_.guard(fault.place).Pause(*fault.until);
      return;
    case FaultKind::kControllerPause:
      return Pause(fault);
    case FaultKind::kDiskFull:
      MoverOf(fault.hand).disk().SetSpace(world_.random.Below(600));
      return;
  }
}

void Simulation::End(const Fault& fault) {
  world_.Note(FactKind::kFault, fault.place, std::string(Name(fault.kind)) + " ends",
              Name(fault.other));
  world_.Replicate();
  Network& network = world_.network;
  const bool alive = network.alive(fault.place);
  switch (fault.kind) {
    case FaultKind::kRegionLoss:
      return Return(fault.place);
    case FaultKind::kCut:
      network.link(fault.place, fault.other).cut = false;
      return;
    case FaultKind::kIsolation:
      for (int other = 0; other < kPlaces; ++other) {
        network.link(fault.place, static_cast<Place>(other)).cut = false;
        network.link(static_cast<Place>(other), fault.place).cut = false;
      }
      return;
    case FaultKind::kSlow:
      network.link(fault.place, fault.other).slow_by = Duration(0);
      return;
    case FaultKind::kLossyLink:
      network.link(fault.place, fault.other).lost = 0;
      network.link(fault.other, fault.place).doubled = 0;
      return;
    case FaultKind::kApiErrors:
      world_.api_failing[static_cast<std::size_t>(Index(fault.place))] = false;
      return;
    case FaultKind::kControllerCrash:
    case FaultKind::kPowerLoss:
      MoverOf(fault.hand).StartAgain();
      return;
    case FaultKind::kGuardCrash:
      if (alive && Index(fault.place) < kSites) world_.guard(fault.place).Start();
      return;
    case FaultKind::kGuardPause:
    case FaultKind::kControllerPause:
    case FaultKind::kCrashAtRecord:
      return;  // it goes on by itself
    case FaultKind::kTornJournal:
      MoverOf(fault.hand).Crash();
      MoverOf(fault.hand).disk().LosePower(world_.random.Below(400));
      MoverOf(fault.hand).disk().FailTruncates(0);
      MoverOf(fault.hand).disk().SetSpace(std::nullopt);
      MoverOf(fault.hand).StartAgain();
      return;
    case FaultKind::kDiskFull:
      MoverOf(fault.hand).disk().SetSpace(std::nullopt);
      return;
  }
}

std::string Simulation::Serving() {
  if (world_.site(Place::kRecovery).Accepts() && world_.traffic == Place::kRecovery) return "moved";
  if (world_.site(Place::kHome).Accepts() && world_.traffic == Place::kHome) return "home";
  return {};
}

// The controller that acts, when it has nothing left to do by itself.
Controller* Simulation::Acting() {
  for (const auto& controller : controllers_) {
    if (controller->running() && controller->settled()) return controller.get();
  }
  return nullptr;
}

std::string Simulation::Standing() {
  const Controller* acts = nullptr;
  bool watched = false;
  for (const auto& controller : controllers_) {
    if (!controller->running()) continue;
    watched = true;
    if (controller->moving()) return {};
    if (controller->leads()) acts = controller.get();
  }
  // An application that serves does not need a controller whose Region is lost.
  if (!watched) return Serving();
  if (acts == nullptr || !acts->settled()) return {};
  if (std::string serving = Serving(); !serving.empty()) return serving;
  if (!world_.held().execution.empty()) return "held";
  if (person_ && !person_->gave_up().empty()) return "refused";
  switch (acts->goal()) {
    case decide::Goal::kFailover:
      return "refused";
    case decide::Goal::kAskFailover:
    case decide::Goal::kAskFailback:
    case decide::Goal::kAlarm:
      return "asked";
    default:
      return {};
  }
}

std::string Simulation::Reason() const {
  if (person_ && !person_->gave_up().empty()) return person_->gave_up();
  for (const auto& controller : controllers_) {
    if (controller->leads()) return controller->why();
  }
  return controllers_.front()->reason();
}

void Simulation::RunToEnd() {
  world_.Start();
  // The application serves before anybody watches it.
  while (world_.agenda.Step(kBeforeWatching)) {
  }
  for (auto& observer : observers_) observer->Start();
  for (auto& controller : controllers_) controller->Start();
  if (person_) person_->Start();
  decider_.Start();
  Schedule();
  std::string standing;
  int calm = 0;
  Duration look = scenario_.faults_over;
  const Duration end = scenario_.faults_over + (person_ ? kPatienceWithPeople : kPatience);
  while (calm < kCalmLooks && look < end) {
    look += kLook;
    while (world_.agenda.steps() < kMostSteps && world_.agenda.Step(look)) {
    }
    const bool waits = (person_ && person_->waits()) || decider_.waits();
    std::string now = waits ? "" : Standing();
    calm = !now.empty() && now == standing ? calm + 1 : 0;
    standing = std::move(now);
  }
  if (calm < kCalmLooks) standing = "stuck";
  world_.Note(FactKind::kEnded, Place::kWitness, standing, Reason());
  world_.NoteSurvivors();
}

std::vector<History::Entry> JournalOf(ports::testing::MemoryFiles& disk) {
  std::vector<History::Entry> entries;
  if (!disk.Exists(kJournalPath).value()) return entries;
  std::uint64_t offset = journal::FileHeader().size();
  const auto walk = journal::WalkRecords(
      disk.Bytes(kJournalPath), [&](const journal::Record& record) -> base::Status {
        offset += journal::kRecordHeaderBytes + record.payload.size();
        ASSIGN_OR_RETURN(model::Event event, model::EventFromJson(record.payload));
        entries.push_back({std::move(event), offset});
        return base::Ok();
      });
  CHECK_MSG(walk.ok(), "the journal of a run is corrupt");
  return entries;
}

History Simulation::TakeHistory() {
  History history = std::move(world_.history);
  const auto take = [&](Mover& mover) {
    history.journals[static_cast<std::size_t>(Index(mover.hand()))] = JournalOf(mover.disk());
  };
  for (const auto& controller : controllers_) take(*controller);
  if (person_) take(*person_);
  return history;
}

}  // namespace

Outcome Run(const ScenarioOptions& options) {
  ports::SeededRandom random(options.seed);
  const Scenario scenario = Draw(options, random);
  Simulation simulation(scenario, random);
  simulation.RunToEnd();
  Outcome outcome;
  outcome.history = simulation.TakeHistory();
  outcome.end = outcome.history.facts.back().text;
  outcome.reason = outcome.history.facts.back().detail;
  outcome.violations = CheckAll(outcome.history);
  return outcome;
}

}  // namespace leeward::sim

#include "sim/run.h"

#include <array>
#include <memory>
#include <utility>

#include "base/check.h"
#include "journal/record.h"
#include "sim/controller.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds(500);
constexpr Duration kPatience = seconds(120);  // after the last fault, until the run must have ended
constexpr Duration kBeforeWatching = milliseconds(1200);
constexpr std::uint64_t kMostSteps = 1'000'000;
constexpr std::uint64_t kMostRecordsAhead = 30;  // an execution has about as many
constexpr int kCalmLooks = 4;                    // an end counts when it is still one so much later

class Simulation {
 public:
  Simulation(const Scenario& scenario, ports::Random& random)
      : scenario_(scenario), world_(scenario, random), controller_(world_, Place::kRecovery) {
    for (std::size_t place = 0; place < kPlaces; ++place) {
      const Place here = static_cast<Place>(place);
      observers_[place] =
          std::make_unique<Observer>(world_, here, [this, here](std::shared_ptr<const Seen> seen) {
            world_.network.Send(here, controller_.place(),
                                [this, seen = std::move(seen)] { controller_.Hear(seen); });
          });
    }
  }

  void RunToEnd();
  History TakeHistory();

 private:
  void Schedule();
  void Begin(const Fault& fault);
  void End(const Fault& fault);
  void Lose(Place place);
  void Return(Place place);
  // How the run stands, when that may be its end: "moved", "home", ...
  std::string Standing();

  const Scenario& scenario_;
  World world_;
  Controller controller_;
  std::array<std::unique_ptr<Observer>, kPlaces> observers_;
};

void Simulation::Schedule() {
  for (const Fault& fault : scenario_.faults) {
    world_.agenda.At(fault.from, [this, &fault] { Begin(fault); });
    if (fault.until) world_.agenda.At(*fault.until, [this, &fault] { End(fault); });
  }
}

void Simulation::Lose(Place place) {
  world_.LoseRegion(place);
  observers_[static_cast<std::size_t>(Index(place))]->Crash();
  if (place == controller_.place()) controller_.Crash();
}

void Simulation::Return(Place place) {
  world_.ReturnRegion(place);
  observers_[static_cast<std::size_t>(Index(place))]->Start();
  if (place == controller_.place()) controller_.Start();
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
      controller_.Crash();
      return;
    case FaultKind::kCrashAtRecord:
      controller_.CrashAtRecord(1 + world_.random.Below(kMostRecordsAhead),
                                *fault.until - fault.from);
      return;
    case FaultKind::kTornJournal:
      controller_.disk().SetSpace(world_.random.Below(600));
      controller_.disk().FailTruncates(1);
      return;
    case FaultKind::kPowerLoss:
      controller_.Crash();
      controller_.disk().LosePower(world_.random.Below(200));
      return;
    case FaultKind::kGuardCrash:
      if (Index(fault.place) < kSites) world_.guard(fault.place).Crash();
      return;
    case FaultKind::kGuardPause:
      if (Index(fault.place) < kSites) world_.guard(fault.place).Pause(*fault.until);
      return;
    case FaultKind::kControllerPause:
      controller_.Pause(*fault.until);
      return;
    case FaultKind::kDiskFull:
      controller_.disk().SetSpace(world_.random.Below(600));
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
      if (network.alive(controller_.place())) controller_.Start();
      return;
    case FaultKind::kGuardCrash:
      if (alive && Index(fault.place) < kSites) world_.guard(fault.place).Start();
      return;
    case FaultKind::kGuardPause:
    case FaultKind::kControllerPause:
    case FaultKind::kCrashAtRecord:
      return;  // it goes on by itself
    case FaultKind::kTornJournal:
      controller_.Crash();
      controller_.disk().LosePower(world_.random.Below(400));
      controller_.disk().FailTruncates(0);
      controller_.disk().SetSpace(std::nullopt);
      if (network.alive(controller_.place())) controller_.Start();
      return;
    case FaultKind::kDiskFull:
      controller_.disk().SetSpace(std::nullopt);
      return;
  }
}

std::string Simulation::Standing() {
  // An application at home does not need a controller whose Region is lost.
  const bool watched = world_.network.alive(controller_.place());
  if (watched && !controller_.idle()) return {};
  if (world_.site(Place::kRecovery).Accepts() && world_.traffic == Place::kRecovery) return "moved";
  if (controller_.gave_up()) return "refused";
  if (world_.site(Place::kHome).Accepts() && world_.traffic == Place::kHome) return "home";
  if (!watched) return {};
  switch (controller_.goal()) {
    case decide::Goal::kAskFailover:
    case decide::Goal::kAskFailback:
    case decide::Goal::kAlarm:
      return "asked";
    default:
      return {};
  }
}

void Simulation::RunToEnd() {
  world_.Start();
  // The application serves before anybody watches it.
  while (world_.agenda.Step(kBeforeWatching)) {
  }
  for (auto& observer : observers_) observer->Start();
  controller_.Start();
  Schedule();
  std::string standing;
  int calm = 0;
  Duration look = scenario_.faults_over;
  const Duration end = scenario_.faults_over + kPatience;
  while (calm < kCalmLooks && look < end) {
    look += kLook;
    while (world_.agenda.steps() < kMostSteps && world_.agenda.Step(look)) {
    }
    std::string now = Standing();
    calm = !now.empty() && now == standing ? calm + 1 : 0;
    standing = std::move(now);
  }
  if (calm < kCalmLooks) standing = "stuck";
  world_.Note(FactKind::kEnded, controller_.place(), standing, controller_.reason());
}

History Simulation::TakeHistory() {
  History history = std::move(world_.history);
  if (!controller_.disk().Exists(kJournalPath).value()) return history;
  const auto bytes = controller_.disk().Read(kJournalPath, journal::kMaxFileBytes);
  CHECK(bytes.ok());
  const auto contents = journal::Read(controller_.disk(), kJournalPath);
  CHECK_MSG(contents.ok(), "the journal of a run is corrupt");
  std::uint64_t offset = journal::FileHeader().size();
  std::size_t next = 0;
  const auto walk =
      journal::WalkRecords(*bytes, [&](std::uint64_t, std::string_view payload) -> base::Status {
        offset += journal::kRecordHeaderBytes + payload.size();
        history.journal.push_back({contents->events[next++], offset});
        return base::Ok();
      });
  CHECK(walk.ok());
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

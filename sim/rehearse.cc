#include "sim/rehearse.h"

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "journal/journal.h"
#include "sim/client.h"
#include "sim/controller.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace leeward::sim {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Duration kPatience = hours(24);  // after the fault
constexpr std::uint64_t kMostSteps = 20'000'000;
constexpr int kCalmProbes = 6;                  // of everything, before the fault
constexpr Duration kWritesBefore = seconds(1);  // the fault, beyond what may be lost

// The first beginning of a slot of probes by which all is known to be well and the load has written
// long enough; and the phase.
Duration FaultAt(const model::Detection& detection, const forecast::Latencies& latencies) {
  const Duration every = detection.probe_every;
  const Duration writes = 2 * latencies.replication_lag + kWritesBefore;
  return (writes / every + kCalmProbes) * every + latencies.fault_phase;
}

// No message takes time of its own: what was measured has its messages in it.
Scenario ScenarioOf(const model::Application& application, const forecast::Latencies& latencies) {
  Scenario scenario;
  scenario.application = application;
  // A drill acts at once also where people would be asked.
  scenario.application.failover.mode = model::FailoverMode::kAutomatic;
  scenario.terms = lease::TermsFor(seconds(2));  // of a lease that nobody holds
  scenario.replication_lag = latencies.replication_lag;
  scenario.measured = latencies;
  return scenario;
}

class Stage {
 public:
  Stage(const Scenario& scenario, const forecast::Terms& terms, ports::Random& random);

  base::Result<Rehearsal> Run();

 private:
  Duration Origin() const { return controller_.Now().since_epoch - world_.agenda.now(); }
  bool Over() const;
  void Lose();
  base::Result<report::Report> Report();
  Duration Lost() const;

  const Scenario& scenario_;
  const Duration fault_at_;
  World world_;
  Controller controller_;
  Client client_;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::string refused_by_;  // a gate
};

Client::Times ClientTimes(const Scenario& scenario, const forecast::Terms& terms,
                          Duration fault_at) {
  const forecast::Latencies& measured = *scenario.measured;
  const Duration begins = fault_at - 2 * measured.replication_lag - kWritesBefore;
  return {begins, terms.write_every, fault_at + measured.client_phase, terms.ttl,
          measured.client_late};
}

Stage::Stage(const Scenario& scenario, const forecast::Terms& terms, ports::Random& random)
    : scenario_(scenario),
      fault_at_(FaultAt(scenario.application.detection, *scenario.measured)),
      world_(scenario, random),
      controller_(world_, Hand::kRecovery),
      client_(world_, ClientTimes(scenario, terms, fault_at_)) {
  world_.site(Place::kRecovery).tasks = terms.standby;
  // The vantage points of a drill.
  const bool witness = !scenario.application.regions.witness.empty();
  for (const Place place : {Place::kRecovery, Place::kWitness}) {
    if (place == Place::kWitness && !witness) continue;
    observers_.push_back(std::make_unique<Observer>(
        world_, place,
        [this](const std::shared_ptr<const Seen>& seen) { controller_.Hear(seen); }));
  }
}

bool Stage::Over() const {
  return client_.recovered() || !world_.unmeasured.empty() || controller_.gave_up();
}

void Stage::Lose() {
  world_.Note(FactKind::kFault, Place::kHome, "region-loss begins");
  world_.LoseRegion(Place::kHome);
}

base::Result<Rehearsal> Stage::Run() {
  world_.Start();
  controller_.Start();
  for (auto& observer : observers_) observer->Start();
  world_.agenda.At(fault_at_, [this] { Lose(); });
  const Duration end = fault_at_ + kPatience;
  while (!Over() && world_.agenda.steps() < kMostSteps && world_.agenda.Step(end)) {
  }
  if (!world_.unmeasured.empty()) {
    return base::Invalid("the step " + world_.unmeasured +
                         ", which the spec's plan has, was not measured; drill again");
  }
  ASSIGN_OR_RETURN(const report::Report made, Report());
  Rehearsal rehearsal;
  for (const auto& [name, store] : made.components) {
    if (store.bound)
      rehearsal.bound = std::max(rehearsal.bound.value_or(Duration(0)), *store.bound);
  }
  if (made.rto) {
    rehearsal.rto = *made.rto;
    rehearsal.lost = Lost();
  } else if (!refused_by_.empty()) {
    rehearsal.refused = refused_by_ + ": " + controller_.reason();
  } else {
    return base::WrongState("the rehearsal did not recover: " + controller_.reason());
  }
  return rehearsal;
}

// As a drill's journal tells it, so that every figure is defined as in a drill's report.
base::Result<report::Report> Stage::Report() {
  const Duration origin = Origin();
  report::Input input;
  input.application = scenario_.application;
  const model::Region& home = input.application.regions.home;
  input.events.push_back(report::Fault("region-loss", home, {origin + fault_at_}));
  for (const Fact& fact : world_.history.facts) {
    if (fact.kind != FactKind::kDecided || fact.text != decide::Name(decide::Goal::kFailover)) {
      continue;
    }
    model::Verdict verdict;
    verdict.region = home;
    verdict.health = model::Health::kDown;
    verdict.at = {origin + fact.at};
    input.events.push_back(report::Judged(verdict));
  }
  ASSIGN_OR_RETURN(journal::Contents contents, journal::Read(controller_.disk(), kJournalPath));
  for (model::Event& event : contents.events) {
    if (event.kind == model::EventKind::kExecutionStarted) {
      input.plans[event.execution] = *controller_.last_plan();
    }
    if (event.kind == model::EventKind::kGateRefused) refused_by_ = event.Field("gate");
    input.events.push_back(std::move(event));
  }
  if (client_.recovered()) {
    input.events.push_back(report::Load(report::kFirstRecovered, {origin + *client_.recovered()}));
  }
  return report::Make(input);
}

Duration Stage::Lost() const {
  std::optional<std::uint64_t> kept;
  for (const Fact& fact : world_.history.facts) {
    if (fact.kind == FactKind::kPromoted) kept = fact.number;
  }
  CHECK_MSG(kept.has_value(), "a rehearsal recovered without a promotion");
  for (const Fact& fact : world_.history.facts) {
    if (fact.kind == FactKind::kAcknowledged && fact.place == Place::kHome && fact.number > *kept) {
      return fault_at_ - fact.at;
    }
  }
  return Duration(0);
}

}  // namespace

base::Result<Rehearsal> Rehearse(const model::Application& application,
                                 const forecast::Latencies& latencies, std::uint64_t seed) {
  ASSIGN_OR_RETURN(const forecast::Terms terms, forecast::TermsOf(application));
  ports::SeededRandom random(seed);
  const Scenario scenario = ScenarioOf(application, latencies);
  return Stage(scenario, terms, random).Run();
}

}  // namespace leeward::sim

#include "sim/world.h"

#include <utility>

#include "execute/execute.h"
#include "lease/hand_over.h"
#include "lease/record.h"

namespace leeward::sim {
namespace {

// A door that no guard holds open.
constexpr Duration kForGood = std::chrono::hours(24 * 366);
constexpr std::array kSitePlaces = {Place::kHome, Place::kRecovery};

}  // namespace

World::World(const Scenario& scenario, ports::Random& seeded)
    : random(seeded), network(agenda, seeded), store(agenda, network, seeded), scenario_(scenario) {
  constexpr std::size_t kUsualFacts = 600;
  history.facts.reserve(kUsualFacts);
  for (std::size_t from = 0; from < kPlaces; ++from) {
    for (std::size_t to = 0; to < kPlaces; ++to) {
      network.link(static_cast<Place>(from), static_cast<Place>(to)).delay =
          scenario.delays[from][to];
    }
  }
  for (const Place place : kSitePlaces) {
    const auto slot = static_cast<std::size_t>(Index(place));
    machines_[slot] = std::make_unique<Machine>(agenda, scenario.door_clocks[slot]);
    sites_[slot] =
        std::make_unique<Site>(place, *machines_[slot], scenario.shut_takes[slot], agenda, history);
    lease::HolderOptions options;
    options.terms = scenario.terms;
    options.region = RegionOf(scenario.application, place);
    options.may_create = place == Place::kHome;
    guards_[slot] = std::make_unique<Guard>(
        *sites_[slot], store, agenda, scenario.clocks[slot], options,
        scenario.orders.empty() ? "" : lease::HandOverKey(scenario.application.name));
  }
}

void World::Start() {
  site(Place::kHome).database.role = Role::kWriter;
  site(Place::kRecovery).database.role = Role::kReplica;
  for (const Place place : kSitePlaces) site(place).database.timeline = timelines_;
  site(Place::kHome).tasks = 3;
  if (scenario_.measured) {
    for (const Place place : kSitePlaces) {
      Door& door = site(place).door;
      door.Open(1, door.Now() + kForGood);
    }
    return;
  }
  store.OnWrite([this](const lease::Record& record) { LeaseWritten(record); });
  for (const Place place : kSitePlaces) {
    guard(place).Start();
    ClientWrites(place);
  }
}

void World::LeaseWritten(const lease::Record& record) {
  if (record.epoch == epoch_) return;
  epoch_ = record.epoch;
  history.facts.push_back({agenda.now(),
                           FactKind::kLeaseTaken,
                           PlaceOf(scenario_.application, record.holder),
                           record.epoch,
                           0,
                           std::string(lease::Name(record.how)),
                           {}});
}

void World::ClientWrites(Place place) {
  Site& here = site(place);
  FinishPromotion(place);
  if (here.Write(writes_ + 1)) ++writes_;
  agenda.After(scenario_.write_every, [this, place] { ClientWrites(place); });
}

bool World::FollowsOther(Place place) const {
  const Database& copy = sites_[static_cast<std::size_t>(Index(place))]->database;
  const Database& source = sites_[static_cast<std::size_t>(Index(OtherSite(place)))]->database;
  return copy.role == Role::kReplica && source.role == Role::kWriter &&
         copy.timeline == source.timeline;
}

void World::ReplicateTo(Place place) {
  const Place source = OtherSite(place);
  if (!FollowsOther(place) || !network.Carries(source, place)) return;
  const Duration lag = scenario_.replication_lag + network.link(source, place).slow_by;
  const std::vector<Commit>& log = site(source).database.log;
  std::vector<Commit>& copy = site(place).database.log;
  while (copy.size() < log.size() && log[copy.size()].at + lag <= agenda.now()) {
    copy.push_back(log[copy.size()]);
  }
}

void World::Replicate() {
  for (const Place place : kSitePlaces) ReplicateTo(place);
}

std::size_t World::Replayed(Place place) {
  Replicate();
  const std::vector<Commit>& copy = site(place).database.log;
  const Duration behind = scenario_.replication_lag + scenario_.replay_lag;
  std::size_t replayed = copy.size();
  while (replayed > 0 && copy[replayed - 1].at + behind > agenda.now()) --replayed;
  return replayed;
}

// Two that say they are the writer are told apart by the traffic; where there is none, what was
// seen before stands.
const std::map<model::ComponentName, model::Region>& World::ActiveNow() {
  const bool home = site(Place::kHome).database.role == Role::kWriter;
  const bool recovery = site(Place::kRecovery).database.role == Role::kWriter;
  if (!home && !recovery) return active_;
  const Place writer = home && recovery ? traffic : home ? Place::kHome : Place::kRecovery;
  for (const model::Component& component : scenario_.application.components) {
    if (std::holds_alternative<model::Rds>(component.kind))
      active_[component.name] = RegionOf(scenario_.application, writer);
    if (std::holds_alternative<model::Route53>(component.kind))
      active_[component.name] = RegionOf(scenario_.application, traffic);
  }
  return active_;
}

void World::CreateReplica(Place place) {
  Database& database = site(place).database;
  if (!database.creating) {
    database.creating = true;
    database.created_at = agenda.now() + scenario_.creation_takes;
  }
  if (agenda.now() < database.created_at) return;
  database.creating = false;
  database.role = Role::kReplica;
  database.timeline = site(OtherSite(place)).database.timeline;
  Replicate();
  site(place).Changed();
}

void World::SetAside(Place place) {
  Replicate();
  Database& database = site(place).database;
  database.aside.push_back(std::exchange(database.log, {}));
  database.role = Role::kNone;
  database.promoting = false;
  site(place).Changed();
}

void World::BeginPromotion(Place place) {
  Replicate();
  Database& database = site(place).database;
  database.promoting = true;
  database.promoting_until = agenda.now() + scenario_.promotion_takes;
}

void World::FinishPromotion(Place place) {
  Site& here = site(place);
  Database& database = here.database;
  if (!database.promoting || !here.alive || agenda.now() < database.promoting_until) return;
  database.promoting = false;
  database.role = Role::kWriter;
  database.timeline = ++timelines_;
  const std::uint64_t kept = database.log.empty() ? 0 : database.log.back().id;
  Note(FactKind::kPromoted, place, {}, {}, kept);
  here.Changed();
}

void World::Hear(const model::Event& event) {
  const std::string_view bound = event.Field("bound_ns");
  if (event.kind == model::EventKind::kLossBound && !bound.empty())
    held_.bound = Duration(std::stoll(std::string(bound)));
  const bool ends = event.kind == model::EventKind::kExecutionFinished;
  if (ends && event.Field("outcome") == execute::Name(execute::Outcome::kHeld)) {
    held_.execution = event.execution.str();
    held_.since = agenda.now();
  } else if ((ends || event.kind == model::EventKind::kExecutionResumed) &&
             event.execution.str() == held_.execution) {
    held_.execution.clear();
  }
}

Duration World::AskedAt(const std::string& question) {
  return asked_.try_emplace(question, agenda.now()).first->second;
}

void World::LoseRegion(Place place) {
  Replicate();
  network.SetAlive(place, false);
  if (Index(place) >= kSites) return;
  site(place).alive = false;
  guard(place).Crash();
  site(place).Changed();
}

void World::ReturnRegion(Place place) {
  Replicate();
  network.SetAlive(place, true);
  if (Index(place) >= kSites) return;
  Site& here = site(place);
  here.alive = true;
  guard(place).Start();
  if (scenario_.bug == Bug::kAutoReturn && here.door.epoch() != 0) {
    here.door.Open(here.door.epoch(), here.door.Now() + scenario_.terms.ttl);
  }
  here.Changed();
}

void World::Note(FactKind kind, Place place, std::string text, std::string detail,
                 std::uint64_t number) {
  history.facts.push_back(
      {agenda.now(), kind, place, 0, number, std::move(text), std::move(detail)});
}

void World::NoteSurvivors() {
  history.survivors.assign(writes_ + 1, false);
  const auto keep = [this](const std::vector<Commit>& log) {
    for (const Commit& commit : log) history.survivors[commit.id] = true;
  };
  for (const Place place : kSitePlaces) {
    keep(site(place).database.log);
    for (const std::vector<Commit>& log : site(place).database.aside) keep(log);
  }
}

}  // namespace leeward::sim

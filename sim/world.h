// World: what the processes of a simulation act upon: Regions, stores, traffic, the network, and
// the history of what happened.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ports/random.h"
#include "sim/agenda.h"
#include "sim/guard.h"
#include "sim/history.h"
#include "sim/network.h"
#include "sim/scenario.h"
#include "sim/shared_store.h"
#include "sim/site.h"

namespace leeward::sim {

// A machine that only has a clock.
class Machine : public Process {
 public:
  using Process::Process;

 private:
  void OnStart() override {}
  void OnCrash() override {}
};

class World {
 public:
  World(const Scenario& scenario, ports::Random& random);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Guards and clients begin; the lease is home's. In a rehearsal there is neither: doors are open,
  // and who writes is its owner's to say.
  void Start();

  Site& site(Place place) { return *sites_[static_cast<std::size_t>(Index(place))]; }
  Guard& guard(Place place) { return *guards_[static_cast<std::size_t>(Index(place))]; }
  const Scenario& scenario() const { return scenario_; }

  // Every replica has what has reached it by now. Before every look at one, and before everything
  // that changes what will reach it.
  void Replicate();
  // How many of the received commits the replica there has replayed.
  std::size_t Replayed(Place place);
  // A replica whose promotion is due takes writes from now on.
  void FinishPromotion(Place place);
  void BeginPromotion(Place place);
  // The database there becomes a replica of the other one's, when it was asked for long enough ago.
  bool FollowsOther(Place place) const;
  void CreateReplica(Place place);
  // The database there is renamed and kept, as it is.
  void SetAside(Place place);

  // Where each component takes writes and traffic, as a look at both Regions tells it.
  const std::map<model::ComponentName, model::Region>& ActiveNow();

  // Everything in a Region ends, or begins again with what its disks hold. Controllers and
  // observers are their owner's to end.
  void LoseRegion(Place place);
  void ReturnRegion(Place place);

  // A record that became durable somewhere: whether a failover is held, and by how much.
  void Hear(const model::Event& event);
  struct Held {
    std::string execution;  // empty: none is held
    Duration since{0};
    Duration bound{0};  // as it was journalled last
  };
  const Held& held() const { return held_; }
  // When people were first asked this.
  Duration AskedAt(const std::string& question);

  // At the end: which acknowledged writes are in any database, also one that was set aside.
  void NoteSurvivors();

  void Note(FactKind kind, Place place, std::string text, std::string detail = {},
            std::uint64_t number = 0);

  ports::Random& random;
  Agenda agenda;
  History history;
  Network network;
  SharedStore store;
  Place traffic = Place::kHome;             // where the public name leads
  std::array<bool, kPlaces> api_failing{};  // by a fault
  std::string unmeasured;                   // a step of a rehearsal that no drill measured

 private:
  void ClientWrites(Place place);
  void ReplicateTo(Place place);
  void LeaseWritten(const lease::Record& record);

  const Scenario& scenario_;
  // Databases have clocks of their own: a door may count faster or slower than its guard.
  std::array<std::unique_ptr<Machine>, kSites> machines_;
  std::array<std::unique_ptr<Site>, kSites> sites_;
  std::array<std::unique_ptr<Guard>, kSites> guards_;
  std::uint64_t writes_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t timelines_ = 1;
  std::map<model::ComponentName, model::Region> active_;
  Held held_;
  std::map<std::string, Duration> asked_;
};

constexpr Place OtherSite(Place place) {
  return place == Place::kHome ? Place::kRecovery : Place::kHome;
}

}  // namespace leeward::sim

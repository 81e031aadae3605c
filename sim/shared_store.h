// SharedStore: the simulated store that controllers and guards agree in: one member in each
// Region, linearizable, there while a leader reaches a majority. Answers may be lost after the
// write happened. The calls are those of ports::SharedStore without the waiting.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "ports/shared_store.h"
#include "sim/network.h"

namespace leeward::sim {

class SharedStore {
 public:
  using Found = std::optional<ports::SharedEntry>;

  SharedStore(Agenda& agenda, Network& network, ports::Random& random)
      : agenda_(agenda), network_(network), random_(random) {}

  void Get(Process& caller, Place from, const std::string& key, Duration patience,
           std::function<void(base::Result<Found>)> done);
  void Put(Process& caller, Place from, const std::string& key, const std::string& value,
           std::uint64_t expected, Duration patience,
           std::function<void(base::Result<std::uint64_t>)> done);

  // As it stands; for the world around the processes.
  Found Peek(const std::string& key) const;
  void Set(const std::string& key, const std::string& value);
  // Called after each write, at the instant at which it counts.
  void OnWrite(std::function<void(const ports::SharedEntry&)> hear) { hear_ = std::move(hear); }

 private:
  // The member that leads now; absent while there is no majority, or a new leader is being chosen.
  std::optional<Place> Leader();
  bool Leads(Place member) const;
  base::Result<std::uint64_t> Write(const std::string& key, const std::string& value,
                                    std::uint64_t expected);

  Agenda& agenda_;
  Network& network_;
  ports::Random& random_;
  std::map<std::string, ports::SharedEntry> entries_;
  std::uint64_t revision_ = 0;
  std::function<void(const ports::SharedEntry&)> hear_;
  Place leader_ = Place::kWitness;
  Duration chosen_at_{0};  // the leader leads from then on
};

}  // namespace leeward::sim

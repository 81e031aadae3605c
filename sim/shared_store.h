// SharedStore: the simulated store that guards and controllers agree in: one member in each
// Region, linearizable, there while a leader reaches a majority. Answers may be lost after the
// write happened. It keeps the one record that the simulation needs, the writer lease, as
// ports::SharedStore would, without the waiting and without the text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.h"
#include "lease/record.h"
#include "sim/network.h"

namespace leeward::sim {

class SharedStore {
 public:
  using Found = std::optional<lease::Seen>;

  SharedStore(Agenda& agenda, Network& network, ports::Random& random)
      : agenda_(agenda), network_(network), random_(random) {}

  void Get(Process& caller, Place from, Duration patience,
           std::function<void(base::Result<Found>)> done);
  // kWrongState: the revision is not `expected` (0: there is no record) any more.
  void Put(Process& caller, Place from, const lease::Record& record, std::uint64_t expected,
           Duration patience, std::function<void(base::Result<std::uint64_t>)> done);

  // Called after each write, at the instant at which it counts.
  void OnWrite(std::function<void(const lease::Record&)> hear) { hear_ = std::move(hear); }

 private:
  // The member that leads now; absent while there is no majority, or a new leader is being chosen.
  std::optional<Place> Leader();
  bool Leads(Place member) const;
  base::Result<std::uint64_t> Write(const lease::Record& record, std::uint64_t expected);

  Agenda& agenda_;
  Network& network_;
  ports::Random& random_;
  Found record_;
  std::uint64_t revision_ = 0;
  std::function<void(const lease::Record&)> hear_;
  Place leader_ = Place::kWitness;
  Duration chosen_at_{0};  // the leader leads from then on
};

}  // namespace leeward::sim

// SharedStore: the simulated store that guards and controllers agree in: one member in each
// Region, linearizable, there while a leader reaches a majority. Answers may be lost after the
// write happened. It keeps leases without their text, and everything else as ports::SharedStore
// does; those who wait for each answer see it as a BlockingStore.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "lease/record.h"
#include "ports/shared_store.h"
#include "sim/network.h"

namespace leeward::sim {

enum class LeaseKey : std::uint8_t { kWriters, kControllers };

class SharedStore {
 public:
  using Found = std::optional<lease::Seen>;
  using Entry = std::optional<ports::SharedEntry>;
  template <typename T>
  using Hear = std::function<void(base::Result<T>)>;

  // Who asks, from where, and for how long it waits for the answer.
  struct Asker {
    Process& process;
    Place from;
    Duration patience;
  };

  SharedStore(Agenda& agenda, Network& network, ports::Random& random)
      : agenda_(agenda), network_(network), random_(random) {}

  void Get(const Asker& asker, LeaseKey key, Hear<Found> done);
  // kWrongState: the revision is not `expected` (0: there is no record) any more.
  void Put(const Asker& asker, LeaseKey key, const lease::Record& record, std::uint64_t expected,
           Hear<std::uint64_t> done);
  void Get(const Asker& asker, const std::string& key, Hear<Entry> done);
  void Put(const Asker& asker, ports::SharedEntry entry, Hear<std::uint64_t> done);
  void Remove(const Asker& asker, const std::string& key);

  // Called after each write of the writers' lease, at the instant at which it counts.
  void OnWrite(std::function<void(const lease::Record&)> hear) { hear_ = std::move(hear); }

 private:
  friend class BlockingStore;

  // The member that leads now; absent while there is no majority, or a new leader is being chosen.
  std::optional<Place> Leader();
  bool Leads(Place member) const;
  template <typename T, typename Serve>
  void Ask(const Asker& asker, Serve serve, Hear<T> done);

  base::Result<std::uint64_t> Write(LeaseKey key, const lease::Record& record,
                                    std::uint64_t expected);
  Entry Read(const std::string& key) const;
  base::Result<std::uint64_t> Write(const std::string& key, std::string value,
                                    std::uint64_t expected);
  base::Status Erase(const std::string& key, std::uint64_t expected);

  Agenda& agenda_;
  Network& network_;
  ports::Random& random_;
  std::array<Found, 2> leases_;
  std::map<std::string, ports::SharedEntry> entries_;
  std::uint64_t revision_ = 0;
  std::function<void(const lease::Record&)> hear_;
  Place leader_ = Place::kWitness;
  Duration chosen_at_{0};  // the leader leads from then on
};

}  // namespace leeward::sim

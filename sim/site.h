// Site: the application in one Region: its tasks, its database, and the clients that stubbornly
// write to this Region whether they should or not.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "sim/history.h"
#include "sim/process.h"

namespace leeward::sim {

struct Commit {
  std::uint64_t id = 0;
  Duration at{0};        // true time of the acknowledgement
  base::WallTime stamp;  // as the writer's clock says it
};

enum class Role : std::uint8_t { kWriter, kReplica };

struct Database {
  Role role = Role::kReplica;
  bool open = true;             // takes connections of the application
  std::vector<Commit> log;      // of a writer; of a replica: what it has received
  Duration promoting_until{0};  // a replica whose promotion was accepted leaves recovery then
  bool promoting = false;
};

class Site {
 public:
  // `clock`: of the machines of this Region.
  Site(Place place, const ports::Clock& clock, Agenda& agenda, History& history)
      : place_(place), clock_(clock), agenda_(agenda), history_(history) {}

  // Whether a write that arrives now is taken.
  bool Accepts() const {
    return alive && tasks > 0 && permitted && database.open && database.role == Role::kWriter;
  }
  // Every change of what Accepts looks at is followed by a call of this.
  void Changed();
  // A client writes. True when it was acknowledged.
  bool Write(std::uint64_t id);
  // What probes of the front address and of the database see.
  bool FrontAnswers() const;
  bool StoreAnswers() const { return alive && database.open; }

  Place place() const { return place_; }

  bool alive = true;
  int tasks = 1;
  bool permitted = false;   // the guard answers that this Region may write, and is heard
  std::uint64_t epoch = 0;  // of the lease in whose name it was permitted
  Database database;

 private:
  const Place place_;
  const ports::Clock& clock_;
  Agenda& agenda_;
  History& history_;
  bool accepted_ = false;
  std::uint64_t accepted_epoch_ = 0;
};

}  // namespace leeward::sim

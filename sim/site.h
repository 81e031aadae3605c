// Site: the application in one Region: its tasks, its database behind a door, and the clients that
// stubbornly write to this Region whether they should or not.
#pragma once

#include <cstdint>
#include <functional>
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

enum class Role : std::uint8_t { kNone, kWriter, kReplica };

struct Database {
  Role role = Role::kNone;
  std::uint64_t timeline = 0;   // of a writer: its own; of a replica: its source's when it was made
  std::vector<Commit> log;      // of a writer; of a replica: what it has received
  bool promoting = false;       // a promotion was accepted
  Duration promoting_until{0};  // it leaves recovery then
  bool creating = false;        // a replica is asked for
  Duration created_at{0};       // it follows its source from then on
  std::vector<std::vector<Commit>> aside;  // databases that were renamed and kept
};

// The database's admission of sessions that write. It is opened until a time on its own clock, when
// it begins to shut by itself, whether or not anybody who opened it still lives.
class Door {
 public:
  Door(Agenda& agenda, Process& machine, Duration shut_takes, std::function<void()> changed)
      : agenda_(agenda), machine_(machine), shut_takes_(shut_takes), changed_(std::move(changed)) {}

  base::MonotonicTime Now() const { return machine_.Monotonic(); }
  void Open(std::uint64_t epoch, base::MonotonicTime until);
  // Has no effect on one that is just shutting; one that has shut by itself is opened anew.
  void Extend(std::uint64_t epoch, base::MonotonicTime until);
  // `done` when the last session is gone.
  void Shut(std::function<void()> done);
  bool open() const { return open_; }
  std::uint64_t epoch() const { return epoch_; }

 private:
  void WatchEnd();

  Agenda& agenda_;
  Process& machine_;
  const Duration shut_takes_;
  const std::function<void()> changed_;
  bool open_ = false, shutting_ = false;
  std::uint64_t epoch_ = 0;
  base::MonotonicTime until_;
  std::uint64_t order_ = 0;  // of openings and extensions; an older watch is over
};

class Site {
 public:
  // `machine`: the clocks of this Region. `shut_takes`: the door.
  Site(Place place, Process& machine, Duration shut_takes, Agenda& agenda, History& history);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // Whether a write that arrives now is taken.
  bool Accepts() const {
    return alive && tasks > 0 && door.open() && database.role == Role::kWriter;
  }
  // Every change of what Accepts looks at is followed by a call of this.
  void Changed();
  // A client writes. True when it was acknowledged.
  bool Write(std::uint64_t id);
  // What probes of the front address and of the database see.
  bool FrontAnswers() const { return tasks > 0 && StoreAnswers(); }
  bool StoreAnswers() const {
    return alive &&
           (database.role == Role::kReplica || (database.role == Role::kWriter && door.open()));
  }

  Place place() const { return place_; }

 private:
  const Place place_;
  const ports::Clock& clock_;
  Agenda& agenda_;
  History& history_;
  bool accepted_ = false;
  std::uint64_t accepted_epoch_ = 0;

 public:
  bool alive = true;
  int tasks = 1;
  Database database;
  Door door;
};

}  // namespace leeward::sim

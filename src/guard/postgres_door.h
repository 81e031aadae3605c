// PostgresDoor: a database that lets nobody in unless a session inside its own server, the
// watchdog, keeps it open.
//
// The watchdog opens the database, sleeps until its time is over, closes it and ends every session.
// It runs in the server: a guard that is stopped, killed or cut off takes nothing with it. The time
// is on the server's clock. The guard's other session carries it in its application_name, which no
// other session can change, so that neither a table nor a right to make one is needed.
//
// A server that is killed takes its watchdog along and comes back with its catalogue as it was:
// open. So logins that are members of probe::kHeldRole are valid only until the door's time, moved
// on by the watchdog: a server that comes back later lets none of them in, whoever is there to
// close it.
//
// Needs a login that owns the database and may signal others' sessions (RDS: the master user).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "guard/door.h"
#include "ports/clock.h"
#include "probe/database.h"
#include "probe/dns.h"
#include "probe/postgres.h"

namespace leeward::guard {

class PostgresDoor : public Door {
 public:
  // `address` names the application's database; `call` bounds one exchange with the server.
  PostgresDoor(probe::PostgresAddress address, base::Duration call, const probe::Resolver& resolver,
               const ports::Clock& clock);
  // Leaves the door as it is: the watchdog goes on in the server.
  ~PostgresDoor() override;

  base::Status Open(base::MonotonicTime until, const Cancelled& cancelled) override;
  base::Status Extend(base::MonotonicTime until, const Cancelled& cancelled) override;
  base::Status Close(base::MonotonicTime deadline) override;

 private:
  struct Watchdog {
    std::unique_ptr<probe::PostgresSession> session;
    std::string pid;                 // in the server
    std::atomic<bool> gone{false};   // its statement has ended
    std::atomic<bool> leave{false};  // stop listening to it
    std::thread listener;
  };

  // A session of our own, whatever limits others have set for it.
  base::Result<std::unique_ptr<probe::PostgresSession>> Session(base::MonotonicTime deadline);
  base::Result<probe::PostgresSession*> Control(base::MonotonicTime deadline);
  // `until` on the server's clock, in microseconds since 1970, by a reading taken now.
  base::Result<std::int64_t> OnServerClock(base::MonotonicTime until, base::MonotonicTime deadline);
  base::Status Tell(std::int64_t until_us, base::MonotonicTime deadline);
  base::Status StartWatchdog(std::int64_t until_us, base::MonotonicTime deadline);
  base::Result<bool> IsWatched(base::MonotonicTime deadline);
  static base::Status Name(probe::PostgresSession& session, const std::string& name,
                           base::MonotonicTime deadline);
  void StopListening();

  const probe::PostgresAddress address_, control_address_;
  const base::Duration call_;
  const probe::Resolver& resolver_;
  const ports::Clock& clock_;
  std::unique_ptr<probe::PostgresSession> control_;
  std::string control_pid_;
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace leeward::guard

// What Leeward asks of an application's PostgreSQL database: where its log is, how fresh it is,
// canaries, probe writes, and closing and opening it to others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "probe/postgres.h"

namespace leeward::probe {

struct LogPosition {
  bool in_recovery = false;
  std::string received;  // replica: last position received; writer: its current position
  std::string replayed;  // replica: last position replayed; writer: its current position
  // Stamp of the newest source commit that was replayed, by the source's clock; absent: none since
  // start.
  std::optional<base::WallTime> last_replayed;
};

base::Result<LogPosition> ReadLogPosition(PostgresSession& session, base::MonotonicTime deadline);

// Writes a mark to the log of a writer and waits until it is on its disk; the position behind it.
// All that was written before is before it, and a replica that has the log until there replays to
// it. What ReadLogPosition says of a writer need not be so: the log is written out by pages, and
// may end in the middle of a record whose rest leaves with the next commit, if one ever comes.
base::Result<std::string> MarkLog(PostgresSession& session, base::MonotonicTime deadline);

// Order of two positions "16/B374D848". kInvalid when one is not a position.
base::Result<std::uint64_t> LogOffset(const std::string& position);

// Makes the schema `leeward` with the tables `canary` and `probe` where they are not there.
base::Status EnsureTables(PostgresSession& session, base::MonotonicTime deadline);

struct Canary {
  std::string observer;
  std::uint64_t sequence = 0;
  base::WallTime stamp;  // the observer's clock, read before the write is sent
};

// Replaces the observer's canary. Every commit that was acknowledged before its stamp is in the log
// before it, so a replica that shows it has all of them.
base::Status WriteCanary(PostgresSession& session, const Canary& canary,
                         base::MonotonicTime deadline);

// The newest stamp of all observers; nullopt when there is no canary or no table.
base::Result<std::optional<base::WallTime>> NewestCanary(PostgresSession& session,
                                                         base::MonotonicTime deadline);

// Commits a row. kWrongState while the database is read-only. Makes the table when it is missing.
base::Status ProbeWrite(PostgresSession& session, const std::string& key,
                        base::MonotonicTime deadline);

// Both through a session in the server's database `postgres`, because the closed one lets nobody
// in. Closes the database to new sessions and ends the others' sessions in it; done when none is
// left.
base::Status CloseDatabase(PostgresSession& session, const std::string& database,
                           base::MonotonicTime deadline, const Cancelled& cancelled = {});
// New sessions of the database are read-only, unless they say otherwise.
base::Status MakeReadOnly(PostgresSession& session, const std::string& database,
                          base::MonotonicTime deadline);
base::Status OpenDatabase(PostgresSession& session, const std::string& database,
                          base::MonotonicTime deadline);
// Whether new sessions are let in. kNotFound: no such database.
base::Result<bool> IsDatabaseOpen(PostgresSession& session, const std::string& database,
                                  base::MonotonicTime deadline);

// Logins that may be let in for a time only are members of this role (an operator's choice, see
// docs/failover-protocol.md). PostgreSQL looks at a login's VALID UNTIL whenever a password is
// checked, so a server that was killed and comes back lets none of them in by itself.
inline constexpr const char* kHeldRole = "leeward_held";

// Through any session of the server.
struct HeldLogins {
  int count = 0;         // members of kHeldRole that may log in, without this session's own
  int administered = 0;  // of these: this session's user has ADMIN OPTION on them
  bool superuser = false, create_role = false;  // what this session's user is
  int server_version = 0;                       // 150004: 15.4
};
// Whether this session's user may say until when each of them is let in. From PostgreSQL 16 on
// CREATEROLE alone is not enough.
bool MayHold(const HeldLogins& held);
base::Result<HeldLogins> LookAtHeldLogins(PostgresSession& session, base::MonotonicTime deadline);
// Held logins may log in again whenever they like: for an application that no guard holds.
base::Status LiftHold(PostgresSession& session, base::MonotonicTime deadline);
// Held logins whose time is over by the server's clock: nobody comes in by them now.
base::Result<std::vector<std::string>> LoginsShutOut(PostgresSession& session,
                                                     base::MonotonicTime deadline);
// The query of the held logins' names, for statements that run inside the server.
std::string HeldLoginsQuery();

// What closing a database would meet, through a session in the server's database `postgres`.
struct DoorSeen {
  bool open = false;       // new sessions are let in
  bool may_close = false;  // this user owns it, or is of the owner's role
  int sessions = 0;        // of others, that closing would end
};
// kNotFound: no such database.
base::Result<DoorSeen> LookAtDoor(PostgresSession& session, const std::string& database,
                                  base::MonotonicTime deadline);

// Whether all that EnsureTables makes is there.
base::Result<bool> HasTables(PostgresSession& session, base::MonotonicTime deadline);

// The timeline a writer writes on; kWrongState on a replica.
base::Result<std::uint32_t> WriterTimeline(PostgresSession& session, base::MonotonicTime deadline);

}  // namespace leeward::probe

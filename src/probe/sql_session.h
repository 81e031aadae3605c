// SqlSession: what Leeward asks of an application's database, whatever its engine. The engines
// behind it are database.h (PostgreSQL) and mysql_database.h (MySQL, MariaDB); whoever needs one of
// them by name includes that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "ports/clock.h"
#include "probe/canary.h"
#include "probe/database.h"
#include "probe/dns.h"
#include "probe/late_writes.h"
#include "probe/mysql.h"
#include "probe/postgres.h"
#include "probe/wait.h"

namespace leeward::probe {

struct SqlAddress {
  model::Engine engine = model::Engine::kPostgres;
  std::string host;  // name, literal address, or a path that the engine takes for a Unix socket
  int port = 0;
  std::string database;  // the application's
  std::string user;
  std::string password;
  Access access = Access::kReadWrite;
  friend auto operator<=>(const SqlAddress&, const SqlAddress&) = default;

  // "orders.example:5432/shop", for messages: never the password.
  std::string Text() const;
};

// Where the engine listens when nobody says otherwise.
int DefaultPort(model::Engine engine);
PostgresAddress AsPostgres(const SqlAddress& address);
// Of Leeward's own sessions: none of them is in the application's database, so that one that is
// belongs to somebody else.
MySqlAddress AsMySql(const SqlAddress& address);
// For what is done while the application's database is closed.
SqlAddress ControlOf(SqlAddress address);

// Of a door that says that the address's login may not close it, and what to do.
base::Error MayNotClose(const SqlAddress& address);

// What a replica that has `has` lacks of `wanted`, both as its engine prints a position.
struct LogGap {
  std::uint64_t size = 0;
  const char* unit = "";  // "B", "transactions"

  std::string Text() const;  // "128 B", "1 transaction"
};
// kInvalid when one is no position.
base::Result<LogGap> GapBetween(model::Engine engine, const std::string& has,
                                const std::string& wanted);

// How a replica stands, or a writer.
struct SqlPosition {
  bool replica = false;  // it takes no writes
  std::string received;  // replica: all it has got; writer: its last write
  std::string replayed;  // replica: all that can be read in it; writer: its last write
  // Stamp of the newest source commit that was replayed, by the source's clock; absent: not known.
  std::optional<base::WallTime> last_replayed;
  // Whether what was received and not replayed is still to come. A piece: its end was perhaps never
  // sent, and then it stays as it is.
  enum class Rest { kComes, kMayBePiece, kStopped };
  Rest rest = Rest::kComes;
};

// What tells that a writer has left its source: the name of the output of a promotion, and its
// value, such as "timeline" and "2".
struct WriterMark {
  std::string name, value;
};

// A query of the user's own, for its rows.
struct RowQuestion {
  std::string sql;       // one statement that answers rows
  std::string at;        // the column with the time that a row was written at; empty: none
  std::size_t most = 0;  // rows; what is more is left in the database
};
inline constexpr std::size_t kMaxColumnText = 2048;  // characters of a value; the rest is left out
struct AnswerRow {
  std::map<std::string, std::optional<std::string>> columns;  // as text; absent: NULL
  std::optional<base::WallTime> at;
};

// Not safe for several threads at once. All may answer kUnreachable; then it is broken.
class SqlSession {
 public:
  // As PostgresSession::Open and MySqlSession::Open.
  static base::Result<std::unique_ptr<SqlSession>> Open(const SqlAddress& address,
                                                        const Resolver& resolver,
                                                        base::MonotonicTime deadline,
                                                        const ports::Clock& clock,
                                                        const Cancelled& cancelled = {});
  virtual ~SqlSession() = default;
  SqlSession(const SqlSession&) = delete;
  SqlSession& operator=(const SqlSession&) = delete;

  const SqlAddress& address() const { return address_; }
  virtual bool broken() const = 0;
  virtual base::Status Ping(base::MonotonicTime deadline) = 0;
  // By the cheapest question that a server answers of its data.
  virtual base::Result<bool> TakesWrites(base::MonotonicTime deadline) = 0;

  virtual base::Result<SqlPosition> Position(base::MonotonicTime deadline) = 0;
  // A position of a writer that everything written before is before, and that a replica gets to.
  virtual base::Result<std::string> Mark(base::MonotonicTime deadline) = 0;
  // kWrongState on a replica.
  virtual base::Result<WriterMark> ReadWriterMark(base::MonotonicTime deadline) = 0;
  // On a replica that has replayed all it will replay: where it parts from its source, for
  // FindLateWritesIn.
  virtual base::Result<std::string> Parting(base::MonotonicTime deadline) = 0;

  virtual base::Status EnsureTables(base::MonotonicTime deadline) = 0;
  virtual base::Result<bool> HasTables(base::MonotonicTime deadline) = 0;
  virtual base::Status WriteCanary(const Canary& canary, base::MonotonicTime deadline) = 0;
  virtual base::Result<std::optional<base::WallTime>> NewestCanary(
      base::MonotonicTime deadline) = 0;
  virtual base::Status ProbeWrite(const std::string& key, base::MonotonicTime deadline) = 0;

  // Closing the application's database keeps everybody out but Leeward, and ends who is in; done
  // when nobody is left. All of them through a session at ControlOf the address.
  virtual base::Status CloseDoor(const std::string& database, base::MonotonicTime deadline,
                                 const Cancelled& cancelled) = 0;
  virtual base::Status OpenDoor(const std::string& database, base::MonotonicTime deadline) = 0;
  virtual base::Result<bool> IsDoorOpen(const std::string& database,
                                        base::MonotonicTime deadline) = 0;
  virtual base::Result<DoorSeen> LookAtDoor(const std::string& database,
                                            base::MonotonicTime deadline) = 0;
  // kWrongState when closing could not keep the application out; nothing is changed.
  virtual base::Status CheckCanClose(base::MonotonicTime deadline) = 0;
  // Logins that a guard held may log in again.
  virtual base::Status LiftHold(base::MonotonicTime deadline) = 0;
  // Logins that a guard holds and that nobody comes in by now.
  virtual base::Result<std::vector<std::string>> LoginsShutOut(base::MonotonicTime deadline) = 0;

  // What a statement of the user's own says of the application's data: "true", "false", or what it
  // said instead. kInvalid when it does not answer one row of one column.
  virtual base::Result<std::string> Verdict(const std::string& sql, base::MonotonicTime deadline,
                                            const Cancelled& cancelled) = 0;
  // At most `most` rows of a query of the user's own, in whatever order it has. A time without a
  // zone is taken for the session's.
  virtual base::Result<std::vector<AnswerRow>> Rows(const RowQuestion& question,
                                                    base::MonotonicTime deadline,
                                                    const Cancelled& cancelled) = 0;
  // An instant as a literal of the engine's.
  virtual std::string Literal(base::WallTime at) const = 0;

 protected:
  // The statement without what would end it inside of another.
  static std::string Inner(std::string sql);
  // Microseconds since the epoch, as a number in text.
  static std::optional<base::WallTime> FromMicroseconds(const std::optional<std::string>& text);
  explicit SqlSession(SqlAddress address) : address_(std::move(address)) {}
  static base::Error NoVerdict() {
    return base::Invalid("it has to answer one row with one true/false column");
  }

 private:
  const SqlAddress address_;
};

// Canaries into a database of any engine. `resolver` and `clock` outlive what it returns.
WriteOne IntoSql(const SqlAddress& address, const Resolver& resolver, const ports::Clock& clock);

// What the old writer holds that the new one never got, by what Parting said. The old writer may be
// closed, and is again afterwards.
base::Result<std::vector<LateTable>> FindLateWritesIn(
    const SqlAddress& old_writer, const SqlAddress& new_writer, const std::string& parting,
    const std::function<base::Status(const LateRow&)>& take, const LateReader& reader);

}  // namespace leeward::probe

// PostgresSession: a libpq connection in which nothing waits past its deadline.
//
// libpq cannot bind a source address, so a session always leaves from where the process stands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/wait.h"

struct pg_conn;

namespace leeward::probe {

// What a session may do. Read-only ones refuse every statement that changes something; the server
// holds to it from the first statement on.
enum class Access { kReadWrite, kReadOnly };

struct PostgresAddress {
  std::string host;  // name, literal address, or the directory of a Unix socket
  int port = 5432;
  std::string database;
  std::string user;
  std::string password;  // empty: libpq's own ways
  Access access = Access::kReadWrite;
  friend auto operator<=>(const PostgresAddress&, const PostgresAddress&) = default;

  // "orders.example:5432/shop", for messages: never the password.
  std::string Text() const;
};

// SQLSTATE of a server that lets nobody in for now.
inline constexpr const char* kCannotConnectNow = "57P03";
// Whether the server itself said that it starts, stops or recovers: that passes.
bool SaysItRestarts(const base::Error& error);

// One row's columns as text; nullopt is NULL.
using Row = std::vector<std::optional<std::string>>;

// Not safe for several threads at once.
class PostgresSession {
 public:
  // kUnreachable when the host does not answer by the deadline; kDenied, kNotFound (no such
  // database), kWrongState (the database is closed) and kService (starting up, full) when it
  // answers no; one that starts, stops or recovers with kCannotConnectNow as service code.
  static base::Result<std::unique_ptr<PostgresSession>> Open(const PostgresAddress& address,
                                                             const Resolver& resolver,
                                                             base::MonotonicTime deadline,
                                                             const ports::Clock& clock,
                                                             const Cancelled& cancelled = {});
  ~PostgresSession();
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;

  // Runs one statement with text parameters $1, $2, ... The error carries the SQLSTATE as its
  // service code. After kUnreachable the session is broken and every further query fails at once;
  // whether the statement took effect is then unknown.
  base::Result<std::vector<Row>> Query(const std::string& sql,
                                       const std::vector<std::string>& parameters,
                                       base::MonotonicTime deadline,
                                       const Cancelled& cancelled = {});
  bool broken() const { return broken_; }
  const PostgresAddress& address() const { return address_; }

 private:
  PostgresSession(pg_conn* connection, PostgresAddress address, const ports::Clock& clock)
      : connection_(connection), address_(std::move(address)), clock_(clock) {}
  base::Status Connect(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Status Flush(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Status AwaitResult(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Error Break(base::Error error);

  pg_conn* connection_;
  PostgresAddress address_;
  const ports::Clock& clock_;
  bool broken_ = false;
};

}  // namespace leeward::probe

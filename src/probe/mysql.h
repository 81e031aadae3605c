// MySqlSession: a connection to MySQL or MariaDB in which nothing waits past its deadline.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/postgres.h"
#include "probe/wait.h"

struct st_mysql;
struct st_mysql_res;

namespace leeward::probe {

struct MySqlAddress {
  std::string host;  // name, literal address, or the path of a Unix socket
  int port = 3306;
  std::string database;  // empty: none
  std::string user;
  std::string password;
  Access access = Access::kReadWrite;
  friend auto operator<=>(const MySqlAddress&, const MySqlAddress&) = default;

  // "orders.example:3306/shop", for messages: never the password.
  std::string Text() const;
};

// One row by the names of its columns; nullopt is NULL.
using NamedRow = std::map<std::string, std::optional<std::string>>;

// The server's error number for what it refuses because it is read-only.
inline constexpr const char* kServerIsReadOnly = "1290";

// Not safe for several threads at once.
class MySqlSession {
 public:
  // kUnreachable when the host does not answer by the deadline; kDenied, kNotFound (no such
  // database), kExhausted (full) and kService when it answers no.
  static base::Result<std::unique_ptr<MySqlSession>> Open(const MySqlAddress& address,
                                                          const Resolver& resolver,
                                                          base::MonotonicTime deadline,
                                                          const ports::Clock& clock,
                                                          const Cancelled& cancelled = {});
  ~MySqlSession();
  MySqlSession(const MySqlSession&) = delete;
  MySqlSession& operator=(const MySqlSession&) = delete;

  // Runs one statement; each `?` in it stands for a parameter, as text. The error carries the
  // server's number as its service code. After kUnreachable the session is broken and every further
  // query fails at once; whether the statement took effect is then unknown.
  base::Result<std::vector<NamedRow>> Query(std::string_view sql,
                                            const std::vector<std::string>& parameters,
                                            base::MonotonicTime deadline,
                                            const Cancelled& cancelled = {});
  bool broken() const { return broken_; }
  const MySqlAddress& address() const { return address_; }

 private:
  MySqlSession(st_mysql* connection, MySqlAddress address, const ports::Clock& clock)
      : connection_(connection), address_(std::move(address)), clock_(clock) {}
  base::Status Connect(const std::string& literal, base::MonotonicTime deadline,
                       const Cancelled& cancelled);
  // Waits for what the client library asked for; what it is to be told has happened.
  base::Result<int> Await(int wanted, base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Result<st_mysql_res*> Store(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Result<std::string> Fill(std::string_view sql, const std::vector<std::string>& parameters);
  base::Error ServerError() const;
  base::Error Break(base::Error error);

  st_mysql* connection_;
  MySqlAddress address_;
  const ports::Clock& clock_;
  bool broken_ = false;
};

}  // namespace leeward::probe

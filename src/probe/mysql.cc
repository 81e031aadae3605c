#include "probe/mysql.h"

#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace leeward::probe {
namespace {

using base::ErrorCode;

constexpr unsigned kFirstClientError = 2000;  // the library's own: the server said nothing
constexpr unsigned kLastClientError = 2999;

// The ways to prove that one knows a password without telling it to whoever listens; a server may
// ask for others.
constexpr const char* kProofs = "mysql_native_password,client_ed25519,caching_sha2_password";

// Error numbers of MySQL and MariaDB.
ErrorCode CodeOf(unsigned number) {
  static constexpr std::pair<unsigned, ErrorCode> kNumbers[] = {
      {1007, ErrorCode::kAlready},      // database exists
      {1040, ErrorCode::kExhausted},    // too many connections
      {1044, ErrorCode::kDenied},       // to this database
      {1045, ErrorCode::kDenied},       // with this password
      {1049, ErrorCode::kNotFound},     // database
      {1050, ErrorCode::kAlready},      // table exists
      {1053, ErrorCode::kUnreachable},  // the server shuts down
      {1062, ErrorCode::kAlready},      // duplicate key
      {1064, ErrorCode::kInvalid},      // syntax
      {1142, ErrorCode::kDenied},       // to this table
      {1146, ErrorCode::kNotFound},     // table
      {1226, ErrorCode::kExhausted},    // this user's share
      {1227, ErrorCode::kDenied},       // a privilege is missing
      {1290, ErrorCode::kWrongState},   // the server is read-only
      {1317, ErrorCode::kCancelled},    // killed query
      {1792, ErrorCode::kWrongState},   // the session is read-only
      {1836, ErrorCode::kWrongState},   // the server is read-only
      {1927, ErrorCode::kUnreachable},  // killed connection
      {3118, ErrorCode::kDenied},       // MySQL: the account is locked
      {4151, ErrorCode::kDenied},       // MariaDB: the account is locked
  };
  if (number >= kFirstClientError && number <= kLastClientError) return ErrorCode::kUnreachable;
  for (const auto& [known, code] : kNumbers) {
    if (known == number) return code;
  }
  return ErrorCode::kService;
}

struct MySqlResultFree {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using MySqlResult = std::unique_ptr<MYSQL_RES, MySqlResultFree>;

std::vector<NamedRow> ReadNamedRows(MYSQL_RES* result) {
  std::vector<NamedRow> rows;
  if (result == nullptr) return rows;
  const unsigned columns = mysql_num_fields(result);
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    NamedRow named;
    for (unsigned i = 0; i < columns; ++i) {
      auto& value = named[fields[i].name];
      if (row[i] != nullptr) value.emplace(row[i], lengths[i]);
    }
    rows.push_back(std::move(named));
  }
  return rows;
}

MYSQL* MakeConnection() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  MYSQL* connection = mysql_init(nullptr);
  if (connection == nullptr) return nullptr;
  mysql_options(connection, MYSQL_OPT_NONBLOCK, nullptr);
  const unsigned none = 0;  // of the files that a server may ask for instead of answering
  mysql_options(connection, MYSQL_OPT_LOCAL_INFILE, &none);
  mysql_optionsv(connection, MARIADB_OPT_RESTRICTED_AUTH, kProofs);
  return connection;
}

}  // namespace

std::string MySqlAddress::Text() const {
  return host + ":" + std::to_string(port) + "/" + database;
}

base::Result<std::unique_ptr<MySqlSession>> MySqlSession::Open(const MySqlAddress& address,
                                                               const Resolver& resolver,
                                                               base::MonotonicTime deadline,
                                                               const ports::Clock& clock,
                                                               const Cancelled& cancelled) {
  std::string literal;
  if (!address.host.starts_with('/')) {
    // The library would ask the system's resolver, which knows no deadline.
    ASSIGN_OR_RETURN(const DnsAnswer answer, resolver.Resolve(address.host, deadline, cancelled));
    literal = answer.addresses.front();
  }
  MYSQL* connection = MakeConnection();
  if (connection == nullptr) return base::Exhausted("no memory for a MySQL connection");
  std::unique_ptr<MySqlSession> session(new MySqlSession(connection, address, clock));
  RETURN_IF_ERROR(session->Connect(literal, deadline, cancelled));
  if (address.access == Access::kReadOnly) {
    const auto held = session->Query("SET SESSION TRANSACTION READ ONLY", {}, deadline, cancelled);
    if (!held.ok()) return held.error();
  }
  return session;
}

MySqlSession::~MySqlSession() { mysql_close(connection_); }

base::Error MySqlSession::Break(base::Error error) {
  // What the library has begun it would else end when it closes, however long that takes.
  const auto socket = mysql_get_socket(connection_);
  if (!broken_ && socket != MARIADB_INVALID_SOCKET) shutdown(socket, SHUT_RDWR);
  broken_ = true;
  return error;
}

base::Error MySqlSession::ServerError() const {
  const unsigned number = mysql_errno(connection_);
  return base::Error(CodeOf(number),
                     "MySQL at " + address_.Text() + ": " + mysql_error(connection_))
      .WithServiceCode(std::to_string(number));
}

base::Result<int> MySqlSession::Await(int wanted, base::MonotonicTime deadline,
                                      const Cancelled& cancelled) {
  const Ready ready = (wanted & MYSQL_WAIT_READ) != 0 ? Ready::kRead : Ready::kWrite;
  RETURN_IF_ERROR(WaitFor(mysql_get_socket(connection_), ready, deadline, clock_, cancelled));
  return ready == Ready::kRead ? MYSQL_WAIT_READ : MYSQL_WAIT_WRITE;
}

base::Status MySqlSession::Connect(const std::string& literal, base::MonotonicTime deadline,
                                   const Cancelled& cancelled) {
  const bool local = literal.empty();
  MYSQL* connected = nullptr;
  int wanted = mysql_real_connect_start(
      &connected, connection_, local ? "localhost" : literal.c_str(), address_.user.c_str(),
      address_.password.c_str(), address_.database.empty() ? nullptr : address_.database.c_str(),
      static_cast<unsigned>(address_.port), local ? address_.host.c_str() : nullptr, 0);
  while (wanted != 0) {
    const base::Result<int> ready = Await(wanted, deadline, cancelled);
    if (!ready.ok())
      return Break(base::Error(ready.error()).Context("MySQL at " + address_.Text()));
    wanted = mysql_real_connect_cont(&connected, connection_, *ready);
  }
  if (connected == nullptr) return Break(ServerError());
  return base::Ok();
}

base::Result<std::string> MySqlSession::Fill(std::string_view sql,
                                             const std::vector<std::string>& parameters) {
  std::string filled;
  std::size_t next = 0;
  for (const char c : sql) {
    if (c != '?') {
      filled += c;
      continue;
    }
    if (next == parameters.size()) return base::Invalid("a statement has too few parameters");
    const std::string& text = parameters[next++];
    std::string quoted(2 * text.size() + 1, '\0');
    quoted.resize(mysql_real_escape_string(connection_, quoted.data(), text.data(), text.size()));
    filled += "'" + quoted + "'";
  }
  if (next != parameters.size()) return base::Invalid("a statement has too many parameters");
  return filled;
}

base::Result<MYSQL_RES*> MySqlSession::Store(base::MonotonicTime deadline,
                                             const Cancelled& cancelled) {
  MYSQL_RES* result = nullptr;
  int wanted = mysql_store_result_start(&result, connection_);
  while (wanted != 0) {
    ASSIGN_OR_RETURN(const int ready, Await(wanted, deadline, cancelled));
    wanted = mysql_store_result_cont(&result, connection_, ready);
  }
  return result;
}

base::Result<std::vector<NamedRow>> MySqlSession::Query(std::string_view sql,
                                                        const std::vector<std::string>& parameters,
                                                        base::MonotonicTime deadline,
                                                        const Cancelled& cancelled) {
  const std::string where = "MySQL at " + address_.Text();
  if (broken_) return base::Unreachable(where + ": the connection was lost");
  ASSIGN_OR_RETURN(const std::string text, Fill(sql, parameters));
  int failed = 0;
  int wanted = mysql_real_query_start(&failed, connection_, text.data(), text.size());
  while (wanted != 0) {
    const base::Result<int> ready = Await(wanted, deadline, cancelled);
    if (!ready.ok()) return Break(base::Error(ready.error()).Context(where));
    wanted = mysql_real_query_cont(&failed, connection_, *ready);
  }
  if (failed == 0) {
    const base::Result<MYSQL_RES*> stored = Store(deadline, cancelled);
    if (!stored.ok()) return Break(base::Error(stored.error()).Context(where));
    const MySqlResult result(*stored);
    if (mysql_errno(connection_) == 0) return ReadNamedRows(result.get());
  }
  base::Error refused = ServerError();
  if (refused.code() == ErrorCode::kUnreachable) return Break(std::move(refused));
  return refused;
}

}  // namespace leeward::probe

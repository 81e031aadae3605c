#include "lab/services/rds_mariadb_sql.h"

#include <fmt/format.h>
#include <mysql.h>
#include <poll.h>

#include <algorithm>
#include <mutex>

namespace leeward::lab::rds {
namespace {

constexpr unsigned kFirstClientError = 2000;  // the client's own: nothing was answered
constexpr unsigned kLastClientError = 2999;
constexpr unsigned kAccessDenied = 1045;
constexpr unsigned kNoConnection = 2002;
constexpr int kBusySocketLooks = 60;
constexpr int kBusySocketPauseMillis = 50;

base::Error ToError(MYSQL* connection) {
  const unsigned number = mysql_errno(connection);
  std::string message = mysql_error(connection);
  if (number == kAccessDenied) return base::Denied(std::move(message));
  if (number >= kFirstClientError && number <= kLastClientError) {
    return base::Unreachable(std::move(message));
  }
  return base::ServiceBroken(std::move(message)).WithServiceCode(std::to_string(number));
}

// A server that is short of time lets its queue of new connections fill up; the kernel says so at
// once. That passes.
bool SocketQueueWasFull(MYSQL* connection) {
  return mysql_errno(connection) == kNoConnection &&
         std::string_view(mysql_error(connection)).find("(11)") != std::string_view::npos;
}

void InitialiseLibrary() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
}

}  // namespace

struct MariaDbConnection::Handle {
  MYSQL* connection = nullptr;
};

MariaDbConnection::MariaDbConnection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

MariaDbConnection::~MariaDbConnection() { mysql_close(handle_->connection); }

base::Result<std::unique_ptr<MariaDbConnection>> MariaDbConnection::Open(
    const MariaDbTarget& target) {
  InitialiseLibrary();
  auto handle = std::make_unique<Handle>();
  // Takes over the handle at once, so that every way out closes it.
  std::unique_ptr<MariaDbConnection> opened(new MariaDbConnection(std::move(handle)));
  const unsigned seconds = static_cast<unsigned>(std::max(base::Seconds(target.timeout), 1.0));
  for (int look = 0; look < kBusySocketLooks; ++look) {
    MYSQL*& connection = opened->handle_->connection;
    mysql_close(connection);
    connection = mysql_init(nullptr);
    if (connection == nullptr) return base::Exhausted("no memory for a connection");
    for (const auto option :
         {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT}) {
      mysql_options(connection, option, &seconds);
    }
    if (!target.proxy_header.empty()) {
      mysql_optionsv(connection, MARIADB_OPT_PROXY_HEADER, target.proxy_header.data(),
                     target.proxy_header.size());
    }
    const char* database = target.database.empty() ? nullptr : target.database.c_str();
    if (mysql_real_connect(connection, "localhost", target.user.c_str(), target.password.c_str(),
                           database, 0, target.socket.c_str(), CLIENT_MULTI_RESULTS) != nullptr) {
      return opened;
    }
    if (!SocketQueueWasFull(connection)) break;
    poll(nullptr, 0, kBusySocketPauseMillis);
  }
  return ToError(opened->handle_->connection);
}

namespace {

using ResultPtr = std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)>;

std::vector<std::string> ToColumns(MYSQL_RES* result, MYSQL_ROW row) {
  std::vector<std::string> columns;
  const unsigned long* lengths = mysql_fetch_lengths(result);
  for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
    columns.emplace_back(row[i] == nullptr ? "" : row[i], row[i] == nullptr ? 0 : lengths[i]);
  }
  return columns;
}

}  // namespace

base::Result<Rows> MariaDbConnection::Query(const std::string& sql) {
  MYSQL* connection = handle_->connection;
  if (mysql_real_query(connection, sql.data(), sql.size()) != 0) return ToError(connection);
  Rows rows;
  // A procedure answers with several results; the last one is its own "done".
  for (int next = 0; next == 0; next = mysql_next_result(connection)) {
    const ResultPtr result(mysql_store_result(connection), &mysql_free_result);
    if (mysql_errno(connection) != 0) return ToError(connection);
    if (result == nullptr) continue;
    rows.clear();
    while (MYSQL_ROW row = mysql_fetch_row(result.get())) {
      rows.push_back(ToColumns(result.get(), row));
    }
  }
  if (mysql_errno(connection) != 0) return ToError(connection);
  return rows;
}

base::Result<std::map<std::string, std::string>> MariaDbConnection::QueryRow(
    const std::string& sql) {
  MYSQL* connection = handle_->connection;
  if (mysql_real_query(connection, sql.data(), sql.size()) != 0) return ToError(connection);
  const ResultPtr result(mysql_store_result(connection), &mysql_free_result);
  if (result == nullptr) return ToError(connection);
  std::map<std::string, std::string> named;
  if (MYSQL_ROW row = mysql_fetch_row(result.get())) {
    const std::vector<std::string> columns = ToColumns(result.get(), row);
    for (unsigned i = 0; i < columns.size(); ++i) {
      named[mysql_fetch_field_direct(result.get(), i)->name] = columns[i];
    }
  }
  return named;
}

base::Result<Rows> RunMariaDb(const MariaDbTarget& target,
                              const std::vector<std::string>& statements) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MariaDbConnection> connection,
                   MariaDbConnection::Open(target));
  Rows last;
  for (const std::string& statement : statements) {
    ASSIGN_OR_RETURN(last, connection->Query(statement));
  }
  return last;
}

std::string MariaDbLiteral(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string MariaDbIdentifier(std::string_view text) {
  std::string quoted = "`";
  for (const char c : text) {
    quoted += c;
    if (c == '`') quoted += c;
  }
  return quoted + "`";
}

}  // namespace leeward::lab::rds

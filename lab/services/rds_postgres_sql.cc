#include "lab/services/rds_postgres_sql.h"

#include <errno.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include <array>

namespace leeward::lab::rds {
namespace {

constexpr const char* kConnectSeconds = "3";
constexpr int kFullQueueLooks = 60;
constexpr int kFullQueuePauseMillis = 50;

base::Error ConnectError(PGconn* connection) {
  std::string message = PQerrorMessage(connection);
  while (!message.empty() && message.back() == '\n') message.pop_back();
  if (PQconnectionNeedsPassword(connection) != 0 || PQconnectionUsedPassword(connection) != 0) {
    return base::Denied(std::move(message));
  }
  return base::Unreachable(std::move(message));
}

std::string Doubled(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    quoted += c;
    if (c == quote) quoted += c;
  }
  return quoted + quote;
}

// A server that is short of time lets its queue of new connections fill up; the kernel says so at
// once. That passes.
bool QueueWasFull(PGconn* connection) {
  return PQstatus(connection) != CONNECTION_OK &&
         std::string_view(PQerrorMessage(connection)).find(strerror(EAGAIN)) !=
             std::string_view::npos;
}

}  // namespace

struct SqlConnection::Handle {
  PGconn* connection = nullptr;
};

SqlConnection::SqlConnection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

SqlConnection::~SqlConnection() { PQfinish(handle_->connection); }

base::Result<std::unique_ptr<SqlConnection>> SqlConnection::Open(const SqlTarget& target) {
  const std::string options =
      fmt::format("-c statement_timeout={}", base::Millis(target.statement_timeout));
  const std::array<const char*, 11> keys = {
      "host",    "port",    "user",       "password",         "dbname", "connect_timeout",
      "options", "sslmode", "gssencmode", "application_name", nullptr};
  const std::array<const char*, 11> values = {target.socket_directory.c_str(),
                                              "5432",
                                              target.user.c_str(),
                                              target.password.c_str(),
                                              target.database.c_str(),
                                              kConnectSeconds,
                                              options.c_str(),
                                              "disable",
                                              "disable",
                                              "rds control plane",
                                              nullptr};
  auto handle = std::make_unique<Handle>();
  handle->connection = PQconnectdbParams(keys.data(), values.data(), 0);
  for (int i = 0; i < kFullQueueLooks && QueueWasFull(handle->connection); ++i) {
    poll(nullptr, 0, kFullQueuePauseMillis);
    PQreset(handle->connection);
  }
  // Takes over the handle at once, so that every way out closes it.
  std::unique_ptr<SqlConnection> opened(new SqlConnection(std::move(handle)));
  if (PQstatus(opened->handle_->connection) != CONNECTION_OK) {
    return ConnectError(opened->handle_->connection);
  }
  return opened;
}

base::Result<Rows> SqlConnection::Query(const std::string& sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(handle_->connection, sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    if (state == nullptr) return base::Unreachable(PQerrorMessage(handle_->connection));
    return base::ServiceBroken(PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY))
        .WithServiceCode(state);
  }
  Rows rows;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    std::vector<std::string> columns;
    columns.reserve(static_cast<std::size_t>(PQnfields(result.get())));
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      columns.emplace_back(PQgetvalue(result.get(), row, column));
    }
    rows.push_back(std::move(columns));
  }
  return rows;
}

base::Result<Rows> RunSql(const SqlTarget& target, const std::vector<std::string>& statements) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqlConnection> connection, SqlConnection::Open(target));
  Rows last;
  for (const std::string& statement : statements) {
    ASSIGN_OR_RETURN(last, connection->Query(statement));
  }
  return last;
}

std::string QuoteLiteral(std::string_view text) {
  // standard_conforming_strings is on in every server of ours, so a backslash is itself.
  return Doubled(text, '\'');
}

std::string QuoteIdentifier(std::string_view text) { return Doubled(text, '"'); }

}  // namespace leeward::lab::rds

#include "probe/postgres.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace leeward::probe {
namespace {

using base::ErrorCode;

constexpr const char* kKeepAliveIdleSeconds = "5";
constexpr const char* kKeepAliveIntervalSeconds = "2";
constexpr const char* kKeepAliveCount = "3";

struct ResultFree {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, ResultFree>;

std::string OneLine(const char* message) {
  std::string line;
  for (const char c : std::string_view(message)) {
    if (c != '\n')
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// A server that says so of itself lets nobody in for now: it starts, stops or recovers.
bool SaysComeBackLater(std::string_view message) {
  static constexpr std::array<std::string_view, 3> kWords = {"starting up", "shutting down",
                                                             "recovery mode"};
  return message.find("FATAL") != std::string_view::npos &&
         std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) {
           return message.find(words) != std::string_view::npos;
         });
}

// libpq gives no SQLSTATE for a refused connection, so the server's words have to do.
ErrorCode RefusalCode(std::string_view message) {
  static constexpr std::pair<std::string_view, ErrorCode> kWords[] = {
      {"not currently accepting connections", ErrorCode::kWrongState},
      {"password", ErrorCode::kDenied},
      {"no pg_hba.conf entry", ErrorCode::kDenied},
      {"permission denied", ErrorCode::kDenied},
      {"does not exist", ErrorCode::kNotFound},
      {"starting up", ErrorCode::kService},
      {"shutting down", ErrorCode::kService},
      {"recovery mode", ErrorCode::kService},
      {"too many", ErrorCode::kService},
      {"remaining connection slots", ErrorCode::kService},
  };
  if (message.find("FATAL") == std::string_view::npos) {
    return message.find("password") == std::string_view::npos ? ErrorCode::kUnreachable
                                                              : ErrorCode::kDenied;
  }
  for (const auto& [words, code] : kWords) {
    if (message.find(words) != std::string_view::npos) return code;
  }
  return ErrorCode::kService;
}

// SQLSTATE classes and states (PostgreSQL manual, appendix A); the first prefix that fits.
ErrorCode StateCode(std::string_view state) {
  static constexpr std::pair<std::string_view, ErrorCode> kStates[] = {
      {"42501", ErrorCode::kDenied},     {"42P01", ErrorCode::kNotFound},
      {"3F000", ErrorCode::kNotFound},   {"3D000", ErrorCode::kNotFound},
      {"42704", ErrorCode::kNotFound},   {"42P07", ErrorCode::kAlready},
      {"42P06", ErrorCode::kAlready},    {"23505", ErrorCode::kAlready},
      {"25006", ErrorCode::kWrongState}, {"55", ErrorCode::kWrongState},
      {"28", ErrorCode::kDenied},        {"08", ErrorCode::kUnreachable},
      {"57P0", ErrorCode::kUnreachable}, {"57014", ErrorCode::kCancelled},
      {"42", ErrorCode::kInvalid},       {"22", ErrorCode::kInvalid},
      {"53", ErrorCode::kExhausted},
  };
  for (const auto& [prefix, code] : kStates) {
    if (state.starts_with(prefix)) return code;
  }
  return ErrorCode::kService;
}

std::vector<Row> ReadRows(const PGresult* result) {
  std::vector<Row> rows;
  for (int r = 0; r < PQntuples(result); ++r) {
    Row row;
    for (int c = 0; c < PQnfields(result); ++c) {
      if (PQgetisnull(result, r, c)) {
        row.emplace_back();
      } else {
        row.emplace_back(std::in_place, PQgetvalue(result, r, c),
                         static_cast<std::size_t>(PQgetlength(result, r, c)));
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

pg_conn* Start(const PostgresAddress& address, const std::string& literal) {
  const std::string port = std::to_string(address.port);
  std::vector<const char*> names = {"host",
                                    "port",
                                    "dbname",
                                    "user",
                                    "sslmode",
                                    "gssencmode",
                                    "keepalives",
                                    "keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "application_name"};
  std::vector<const char*> values = {address.host.c_str(),
                                     port.c_str(),
                                     address.database.c_str(),
                                     address.user.c_str(),
                                     "prefer",
                                     "disable",
                                     "1",
                                     kKeepAliveIdleSeconds,
                                     kKeepAliveIntervalSeconds,
                                     kKeepAliveCount,
                                     "leeward"};
  const auto add = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    names.push_back(name);
    values.push_back(value.c_str());
  };
  add("hostaddr", literal);
  add("password", address.password);
  static const std::string kReadOnly = "-c default_transaction_read_only=on";
  if (address.access == Access::kReadOnly) add("options", kReadOnly);
  names.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(names.data(), values.data(), 0);
}

}  // namespace

bool SaysItRestarts(const base::Error& error) {
  static constexpr std::array<std::string_view, 3> kStates = {"57P01", "57P02", kCannotConnectNow};
  return std::find(kStates.begin(), kStates.end(), error.service_code()) != kStates.end();
}

std::string PostgresAddress::Text() const {
  return host + ":" + std::to_string(port) + "/" + database;
}

base::Result<std::unique_ptr<PostgresSession>> PostgresSession::Open(const PostgresAddress& address,
                                                                     const Resolver& resolver,
                                                                     base::MonotonicTime deadline,
                                                                     const ports::Clock& clock,
                                                                     const Cancelled& cancelled) {
  std::string literal;
  if (!address.host.starts_with('/')) {
    // libpq would ask the system's resolver, which knows no deadline.
    ASSIGN_OR_RETURN(const DnsAnswer answer, resolver.Resolve(address.host, deadline, cancelled));
    literal = answer.addresses.front();
  }
  pg_conn* connection = Start(address, literal);
  if (connection == nullptr) return base::Exhausted("no memory for a PostgreSQL connection");
  // By default libpq prints the server's notices to standard error.
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  std::unique_ptr<PostgresSession> session(new PostgresSession(connection, address, clock));
  RETURN_IF_ERROR(session->Connect(deadline, cancelled));
  return session;
}

PostgresSession::~PostgresSession() { PQfinish(connection_); }

base::Error PostgresSession::Break(base::Error error) {
  broken_ = true;
  return error;
}

base::Status PostgresSession::Connect(base::MonotonicTime deadline, const Cancelled& cancelled) {
  const std::string where = "PostgreSQL at " + address_.Text();
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
         next != PGRES_POLLING_FAILED) {
    const Ready ready = next == PGRES_POLLING_READING ? Ready::kRead : Ready::kWrite;
    const base::Status waited = WaitFor(PQsocket(connection_), ready, deadline, clock_, cancelled);
    if (!waited.ok()) return Break(base::Error(waited.error()).Context(where));
    next = PQconnectPoll(connection_);
  }
  if (next == PGRES_POLLING_OK && PQsetnonblocking(connection_, 1) == 0) return base::Ok();
  const std::string message = OneLine(PQerrorMessage(connection_));
  base::Error refused(RefusalCode(message), where + ": " + message);
  if (SaysComeBackLater(message)) refused = std::move(refused).WithServiceCode(kCannotConnectNow);
  return Break(std::move(refused));
}

base::Status PostgresSession::Flush(base::MonotonicTime deadline, const Cancelled& cancelled) {
  while (true) {
    const int left = PQflush(connection_);
    if (left == 0) return base::Ok();
    if (left < 0) return base::Unreachable(OneLine(PQerrorMessage(connection_)));
    RETURN_IF_ERROR(WaitFor(PQsocket(connection_), Ready::kWrite, deadline, clock_, cancelled));
  }
}

base::Status PostgresSession::AwaitResult(base::MonotonicTime deadline,
                                          const Cancelled& cancelled) {
  while (PQisBusy(connection_) != 0) {
    RETURN_IF_ERROR(WaitFor(PQsocket(connection_), Ready::kRead, deadline, clock_, cancelled));
    if (PQconsumeInput(connection_) == 0) {
      return base::Unreachable(OneLine(PQerrorMessage(connection_)));
    }
  }
  return base::Ok();
}

base::Result<std::vector<Row>> PostgresSession::Query(const std::string& sql,
                                                      const std::vector<std::string>& parameters,
                                                      base::MonotonicTime deadline,
                                                      const Cancelled& cancelled) {
  const std::string where = "PostgreSQL at " + address_.Text();
  if (broken_) return base::Unreachable(where + ": the connection was lost");
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    return Break(base::Unreachable(where + ": " + OneLine(PQerrorMessage(connection_))));
  }
  base::Status status = Flush(deadline, cancelled);
  std::vector<Row> rows;
  std::optional<base::Error> refused;
  while (status.ok()) {
    status = AwaitResult(deadline, cancelled);
    if (!status.ok()) break;
    const ResultPointer result(PQgetResult(connection_));
    if (!result) break;
    const ExecStatusType got = PQresultStatus(result.get());
    if (got == PGRES_TUPLES_OK) {
      rows = ReadRows(result.get());
    } else if (got != PGRES_COMMAND_OK) {
      const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      const std::string code = state == nullptr ? "" : state;
      refused = base::Error(code.empty() ? ErrorCode::kUnreachable : StateCode(code),
                            where + ": " + OneLine(PQresultErrorMessage(result.get())))
                    .WithServiceCode(code);
    }
  }
  if (!status.ok()) return Break(base::Error(status.error()).Context(where));
  if (PQstatus(connection_) == CONNECTION_BAD) broken_ = true;
  if (refused) return *std::move(refused);
  return rows;
}

}  // namespace leeward::probe

#include "probe/sql_session.h"

#include <charconv>

#include "probe/gtid.h"
#include "probe/mysql_late.h"
#include "probe/sql_session_engines.h"

namespace leeward::probe {
namespace {

constexpr int kPortOfPostgres = 5432;
constexpr int kPortOfMySql = 3306;
constexpr char kControl[] = "postgres";
// There on every server, and written by nobody.
constexpr char kNobodysDatabase[] = "information_schema";

base::Result<std::uint64_t> BytesBetween(const std::string& has, const std::string& wanted) {
  ASSIGN_OR_RETURN(const std::uint64_t from, LogOffset(has));
  ASSIGN_OR_RETURN(const std::uint64_t to, LogOffset(wanted));
  return to > from ? to - from : 0;
}

// MySQL names its servers by UUIDs, and puts a colon behind them; MariaDB has neither.
base::Result<std::uint64_t> TransactionsBetween(const std::string& has, const std::string& wanted) {
  if ((has + wanted).find(':') == std::string::npos) {
    ASSIGN_OR_RETURN(const GtidPosition from, GtidPosition::Parse(has));
    ASSIGN_OR_RETURN(const GtidPosition to, GtidPosition::Parse(wanted));
    return from.Missing(to);
  }
  ASSIGN_OR_RETURN(const GtidSet from, GtidSet::Parse(has));
  ASSIGN_OR_RETURN(const GtidSet to, GtidSet::Parse(wanted));
  return from.Missing(to);
}

base::Result<std::vector<LateTable>> FindInPostgres(
    const PostgresAddress& old_writer, const PostgresAddress& new_writer,
    const std::string& parting, const std::function<base::Status(const LateRow&)>& take,
    const LateReader& reader) {
  ASSIGN_OR_RETURN(const Divergence divergence, ParseDivergence(parting));
  const auto open = [&](const PostgresAddress& address) {
    return PostgresSession::Open(address, reader.resolver, reader.deadline, reader.clock,
                                 reader.cancelled);
  };
  auto session = open(old_writer);
  if (!session.ok() && session.error().code() == base::ErrorCode::kWrongState)
    return FindLateWritesOfClosed(old_writer, new_writer, divergence, take, reader);
  if (!session.ok()) return session.error();
  ASSIGN_OR_RETURN(const auto other, open(new_writer));
  return FindLateWrites(**session, *other, divergence, take, reader.deadline);
}

}  // namespace

std::string SqlSession::Inner(std::string sql) {
  const auto last = sql.find_last_not_of("; \t\r\n");
  sql.erase(last == std::string::npos ? 0 : last + 1);
  return sql;
}

std::optional<base::WallTime> SqlSession::FromMicroseconds(const std::optional<std::string>& text) {
  std::int64_t count = 0;
  if (!text) return std::nullopt;
  // What MariaDB calculates may have a fraction.
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc() || end == text->data()) return std::nullopt;
  return base::WallTime{std::chrono::microseconds(count)};
}

std::string SqlAddress::Text() const { return host + ":" + std::to_string(port) + "/" + database; }

int DefaultPort(model::Engine engine) {
  return engine == model::Engine::kPostgres ? kPortOfPostgres : kPortOfMySql;
}

PostgresAddress AsPostgres(const SqlAddress& address) {
  return {address.host, address.port,     address.database,
          address.user, address.password, address.access};
}

MySqlAddress AsMySql(const SqlAddress& address) {
  return {address.host, address.port,     kNobodysDatabase,
          address.user, address.password, address.access};
}

SqlAddress ControlOf(SqlAddress address) {
  if (address.engine == model::Engine::kPostgres) address.database = kControl;
  return address;
}

base::Error MayNotClose(const SqlAddress& address) {
  const bool owns = address.engine == model::Engine::kPostgres;
  return base::Denied("user " + address.user +
                      (owns ? " does not own " : " may not lock and end others at ") +
                      address.Text() + " and cannot close or open it; " +
                      (owns ? "make it the owner" : "grant it CREATE USER and PROCESS"));
}

std::string LogGap::Text() const {
  std::string text = std::to_string(size) + " " + unit;
  if (size == 1 && text.ends_with('s')) text.pop_back();
  return text;
}

base::Result<LogGap> GapBetween(model::Engine engine, const std::string& has,
                                const std::string& wanted) {
  if (engine == model::Engine::kPostgres) {
    ASSIGN_OR_RETURN(const std::uint64_t bytes, BytesBetween(has, wanted));
    return LogGap{bytes, "B"};
  }
  ASSIGN_OR_RETURN(const std::uint64_t transactions, TransactionsBetween(has, wanted));
  return LogGap{transactions, "transactions"};
}

base::Result<std::unique_ptr<SqlSession>> SqlSession::Open(const SqlAddress& address,
                                                           const Resolver& resolver,
                                                           base::MonotonicTime deadline,
                                                           const ports::Clock& clock,
                                                           const Cancelled& cancelled) {
  if (address.engine == model::Engine::kPostgres) {
    ASSIGN_OR_RETURN(auto session, PostgresSession::Open(AsPostgres(address), resolver, deadline,
                                                         clock, cancelled));
    return Adapt(address, std::move(session));
  }
  ASSIGN_OR_RETURN(auto session,
                   MySqlSession::Open(AsMySql(address), resolver, deadline, clock, cancelled));
  return Adapt(address, std::move(session));
}

WriteOne IntoSql(const SqlAddress& address, const Resolver& resolver, const ports::Clock& clock) {
  if (address.engine == model::Engine::kPostgres)
    return IntoPostgres(AsPostgres(address), resolver, clock);
  return IntoMySql(AsMySql(address), resolver, clock);
}

base::Result<std::vector<LateTable>> FindLateWritesIn(
    const SqlAddress& old_writer, const SqlAddress& new_writer, const std::string& parting,
    const std::function<base::Status(const LateRow&)>& take, const LateReader& reader) {
  if (old_writer.engine == model::Engine::kPostgres) {
    return FindInPostgres(AsPostgres(old_writer), AsPostgres(new_writer), parting, take, reader);
  }
  ASSIGN_OR_RETURN(const GtidPosition parted, GtidPosition::Parse(parting));
  ASSIGN_OR_RETURN(const auto session,
                   MySqlSession::Open(AsMySql(old_writer), reader.resolver, reader.deadline,
                                      reader.clock, reader.cancelled));
  return FindLateTransactions(*session, parted, take, reader);
}

}  // namespace leeward::probe

#include "probe/database.h"

#include <array>
#include <charconv>
#include <string_view>

#include "base/last_moment.h"

namespace leeward::probe {
namespace {

constexpr base::Duration kSessionsPoll = std::chrono::milliseconds(10);

// Microseconds since 1970, as the statements below print stamps.
std::optional<base::WallTime> ReadStamp(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::int64_t micros = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), micros);
  const std::chrono::microseconds stamp(micros);
  if (error != std::errc{} || stamp < -base::kLastMoment || stamp > base::kLastMoment)
    return std::nullopt;
  return base::WallTime{stamp};
}

std::string PrintStamp(base::WallTime stamp) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::microseconds>(stamp.since_epoch).count());
}

base::Error Malformed(const PostgresSession& session, std::string_view what) {
  return base::ServiceBroken("PostgreSQL at " + session.address().Text() +
                             " gave no usable answer about " + std::string(what));
}

std::string QuoteName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

bool IsMissingTable(const base::Error& error) {
  return error.service_code() == "42P01" || error.service_code() == "3F000";
}

// Sessions of others in the database that its owner can end.
constexpr const char* kOthers =
    " from pg_stat_activity a join pg_roles r on r.oid = a.usesysid"
    " where a.datname = $1 and a.pid <> pg_backend_pid() and not r.rolsuper";

}  // namespace

base::Result<LogPosition> ReadLogPosition(PostgresSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      session.Query("select pg_is_in_recovery()::int,"
                    " case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else "
                    "pg_current_wal_lsn() end,"
                    " case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else "
                    "pg_current_wal_lsn() end,"
                    " (extract(epoch from pg_last_xact_replay_timestamp()) * 1000000)::bigint",
                    {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 4 || !rows[0][0]) {
    return Malformed(session, "its log position");
  }
  const Row& row = rows[0];
  LogPosition position;
  position.in_recovery = *row[0] == "1";
  // A replica that has only replayed from its base backup has received nothing over the wire yet.
  position.replayed = row[2].value_or("");
  position.received = row[1].value_or(position.replayed);
  if (position.in_recovery) position.last_replayed = ReadStamp(row[3]);
  return position;
}

base::Result<std::string> MarkLog(PostgresSession& session, base::MonotonicTime deadline) {
  // A transaction that logs something waits for the disk when it commits, whatever the server's own
  // setting; `local`: and for no standby.
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("select pg_logical_emit_message(true, 'leeward', '')"
                                 " from set_config('synchronous_commit', 'local', true)",
                                 {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 1 || !rows[0][0]) {
    return Malformed(session, "the mark in its log");
  }
  return *rows[0][0];
}

base::Result<std::uint64_t> LogOffset(const std::string& position) {
  const char* const begin = position.data();
  const char* const end = begin + position.size();
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  const auto first = std::from_chars(begin, end, high, 16);
  if (first.ec == std::errc{} && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, low, 16);
    if (second.ec == std::errc{} && second.ptr == end) {
      return std::uint64_t{high} << 32 | low;
    }
  }
  return base::Invalid("'" + position + "' is not a PostgreSQL log position");
}

base::Status EnsureTables(PostgresSession& session, base::MonotonicTime deadline) {
  for (const char* statement :
       {"create schema if not exists leeward",
        "create table if not exists leeward.canary (observer text primary key, sequence bigint not "
        "null, stamp_us bigint not null)",
        "create table if not exists leeward.probe (key text primary key, written timestamptz not "
        "null default clock_timestamp())"}) {
    const auto made = session.Query(statement, {}, deadline);
    // Two that make the same thing at the same time collide in the catalogue; it is there then.
    if (!made.ok() && made.error().code() != base::ErrorCode::kAlready) return made.error();
  }
  return base::Ok();
}

base::Status WriteCanary(PostgresSession& session, const Canary& canary,
                         base::MonotonicTime deadline) {
  const auto written = session.Query(
      "insert into leeward.canary (observer, sequence, stamp_us) values ($1, $2, $3)"
      " on conflict (observer) do update set sequence = excluded.sequence, stamp_us = "
      "excluded.stamp_us",
      {canary.observer, std::to_string(canary.sequence), PrintStamp(canary.stamp)}, deadline);
  if (!written.ok()) return written.error();
  return base::Ok();
}

base::Result<std::optional<base::WallTime>> NewestCanary(PostgresSession& session,
                                                         base::MonotonicTime deadline) {
  auto rows = session.Query("select max(stamp_us) from leeward.canary", {}, deadline);
  if (!rows.ok()) {
    if (IsMissingTable(rows.error())) return std::optional<base::WallTime>();
    return std::move(rows).error();
  }
  if (rows->size() != 1 || (*rows)[0].size() != 1) return Malformed(session, "canaries");
  return ReadStamp((*rows)[0][0]);
}

base::Status ProbeWrite(PostgresSession& session, const std::string& key,
                        base::MonotonicTime deadline) {
  const std::string upsert =
      "insert into leeward.probe (key) values ($1)"
      " on conflict (key) do update set written = clock_timestamp()";
  auto written = session.Query(upsert, {key}, deadline);
  if (!written.ok() && IsMissingTable(written.error())) {
    RETURN_IF_ERROR(EnsureTables(session, deadline));
    written = session.Query(upsert, {key}, deadline);
  }
  if (!written.ok()) return written.error();
  return base::Ok();
}

base::Status CloseDatabase(PostgresSession& session, const std::string& database,
                           base::MonotonicTime deadline, const Cancelled& cancelled) {
  const auto closed =
      session.Query("alter database " + QuoteName(database) + " with allow_connections false", {},
                    deadline, cancelled);
  if (!closed.ok()) return closed.error();
  // A session that was let in just before the change may show up just after it, so one empty look
  // is not enough.
  int empty_looks = 0;
  while (empty_looks < 2) {
    const auto ended = session.Query(std::string("select pg_terminate_backend(a.pid)") + kOthers,
                                     {database}, deadline, cancelled);
    if (!ended.ok()) return ended.error();
    empty_looks = ended->empty() ? empty_looks + 1 : 0;
    const auto paused =
        session.Query("select pg_sleep($1::float8)", {std::to_string(base::Seconds(kSessionsPoll))},
                      deadline, cancelled);
    if (!paused.ok()) return paused.error();
  }
  return base::Ok();
}

base::Status MakeReadOnly(PostgresSession& session, const std::string& database,
                          base::MonotonicTime deadline) {
  const auto altered = session.Query(
      "alter database " + QuoteName(database) + " set default_transaction_read_only = on", {},
      deadline);
  return altered.ok() ? base::Ok() : base::Status(altered.error());
}

base::Status OpenDatabase(PostgresSession& session, const std::string& database,
                          base::MonotonicTime deadline) {
  const auto opened = session.Query(
      "alter database " + QuoteName(database) + " with allow_connections true", {}, deadline);
  if (!opened.ok()) return opened.error();
  return base::Ok();
}

std::string HeldLoginsQuery() {
  return std::string(
             "select m.rolname from pg_auth_members a join pg_roles h on h.oid = a.roleid") +
         " join pg_roles m on m.oid = a.member where h.rolname = '" + kHeldRole +
         "' and m.rolcanlogin and not m.rolsuper and m.rolname <> current_user";
}

bool MayHold(const HeldLogins& held) {
  constexpr int kAdminOptionNeeded = 160000;
  if (held.superuser) return true;
  if (!held.create_role) return false;
  return held.server_version < kAdminOptionNeeded || held.administered == held.count;
}

base::Result<HeldLogins> LookAtHeldLogins(PostgresSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      session.Query(
          "select h.count, h.administered, r.rolsuper::int, r.rolcreaterole::int,"
          " current_setting('server_version_num') from pg_roles r, (select count(*) as count,"
          " count(*) filter (where pg_has_role(rolname, 'member with admin option')) as "
          "administered"
          " from (" +
              HeldLoginsQuery() + ") held) h where r.rolname = current_user",
          {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 5) return Malformed(session, "the logins it holds");
  std::array<int, 5> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string text = rows[0][i].value_or("");
    if (std::from_chars(text.data(), text.data() + text.size(), numbers[i]).ec != std::errc{})
      return Malformed(session, "the logins it holds");
  }
  return HeldLogins{numbers[0], numbers[1], numbers[2] == 1, numbers[3] == 1, numbers[4]};
}

base::Status LiftHold(PostgresSession& session, base::MonotonicTime deadline) {
  const auto lifted =
      session.Query("do $leeward$ declare held name; begin for held in " + HeldLoginsQuery() +
                        " and m.rolvaliduntil < 'infinity' loop"
                        " execute format('alter role %I valid until ''infinity''', held);"
                        " end loop; end $leeward$",
                    {}, deadline);
  return lifted.ok() ? base::Ok() : base::Status(lifted.error());
}

base::Result<std::vector<std::string>> LoginsShutOut(PostgresSession& session,
                                                     base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      session.Query(HeldLoginsQuery() + " and m.rolvaliduntil <= clock_timestamp() order by 1", {},
                    deadline));
  std::vector<std::string> logins;
  for (const Row& row : rows) {
    if (row.size() != 1 || !row[0]) return Malformed(session, "the logins it holds");
    logins.push_back(*row[0]);
  }
  return logins;
}

base::Result<bool> IsDatabaseOpen(PostgresSession& session, const std::string& database,
                                  base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("select datallowconn::int from pg_database where datname = $1",
                                 {database}, deadline));
  if (rows.empty()) {
    return base::NotFound("no database '" + database + "' on " + session.address().host);
  }
  return rows[0][0] == "1";
}

base::Result<DoorSeen> LookAtDoor(PostgresSession& session, const std::string& database,
                                  base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      session.Query(
          "select d.datallowconn::int, pg_has_role(d.datdba, 'usage')::int, (select count(*)" +
              std::string(kOthers) + ") from pg_database d where d.datname = $1",
          {database}, deadline));
  if (rows.empty()) {
    return base::NotFound("no database '" + database + "' on " + session.address().host);
  }
  const Row& row = rows[0];
  if (row.size() != 3 || !row[0] || !row[1] || !row[2]) return Malformed(session, "its door");
  DoorSeen seen{*row[0] == "1", *row[1] == "1", 0};
  std::from_chars(row[2]->data(), row[2]->data() + row[2]->size(), seen.sessions);
  return seen;
}

base::Result<bool> HasTables(PostgresSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("select (to_regclass('leeward.canary') is not null and "
                                 "to_regclass('leeward.probe') is not null)::int",
                                 {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 1) return Malformed(session, "Leeward's tables");
  return rows[0][0] == "1";
}

base::Result<std::uint32_t> WriterTimeline(PostgresSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("select case when pg_is_in_recovery() then null else "
                                 "pg_walfile_name(pg_current_wal_lsn()) end",
                                 {}, deadline));
  if (rows.size() != 1 || rows[0].size() != 1) return Malformed(session, "its timeline");
  if (!rows[0][0]) return base::WrongState(session.address().Text() + " is still a replica");
  std::uint32_t timeline = 0;
  const std::string& file = *rows[0][0];
  if (file.size() < 8 ||
      std::from_chars(file.data(), file.data() + 8, timeline, 16).ec != std::errc{}) {
    return Malformed(session, "its timeline");
  }
  return timeline;
}

}  // namespace leeward::probe

// PostgreSQL's log for automated backups: kept by a slot until it is copied, and read where the
// server's own senders read it.
#include <fmt/format.h>

#include <charconv>

#include "lab/services/rds_postgres.h"

namespace leeward::lab::rds {
namespace {

// Not one of "rds_", which are the replicas'.
constexpr std::string_view kLogSlot = "rdsbackups";

std::string DropLogSlot() {
  return fmt::format(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = {} "
      "AND NOT active",
      QuoteLiteral(kLogSlot));
}

template <typename Number>
bool ReadNumber(const std::string& text, Number& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

// Of microseconds since 1970, a position and the file that is written now.
base::Result<LogMark> ToMark(const Rows& rows) {
  LogMark mark;
  std::int64_t micros = 0;
  if (rows.size() != 1 || rows.front().size() != 3 || !ReadNumber(rows.front()[0], micros) ||
      !ReadNumber(rows.front()[1], mark.end.position)) {
    return base::ServiceBroken("PostgreSQL did not say where its log ends");
  }
  mark.time = base::WallTime{std::chrono::microseconds(micros)};
  mark.end.timeline = TimelineOf(rows.front()[2]);
  return mark;
}

// What was copied may go; then a commit of the lab's own, so that the log always holds one that is
// newer than the time it is restorable to: recovery to a time wants to see that it went by.
std::vector<std::string> MarkStatements(std::uint64_t copied) {
  return {"SET synchronous_commit = 'on'",
          "SET default_transaction_read_only = 'off'",
          fmt::format("SELECT pg_replication_slot_advance(slot_name, '0/0'::pg_lsn + {0}) "
                      "FROM pg_replication_slots WHERE slot_name = {1} AND NOT active "
                      "AND restart_lsn < '0/0'::pg_lsn + {0}",
                      copied, QuoteLiteral(kLogSlot)),
          "SELECT set_config('leeward.mark', "
          "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text, false)",
          "SELECT pg_logical_emit_message(true, 'rdsbackups', '')",
          "SELECT current_setting('leeward.mark'), pg_current_wal_flush_lsn() - '0/0'::pg_lsn, "
          "pg_walfile_name(pg_current_wal_flush_lsn())"};
}

}  // namespace

Flow<base::Result<LogPlace>> PostgresEngine::KeepLog() {
  std::vector<std::string> statements = {
      DropLogSlot(),
      fmt::format("SELECT pg_create_physical_replication_slot({}, true)", QuoteLiteral(kLogSlot)),
      fmt::format("SELECT 0, restart_lsn - '0/0'::pg_lsn, "
                  "pg_walfile_name(pg_current_wal_flush_lsn()) FROM pg_replication_slots "
                  "WHERE slot_name = {}",
                  QuoteLiteral(kLogSlot))};
  const base::Result<Rows> rows = co_await Sql(std::move(statements));
  if (!rows.ok()) co_return rows.error();
  const base::Result<LogMark> from = ToMark(*rows);
  if (!from.ok()) co_return from.error();
  co_return from->end.At(SegmentStart(from->end.position));
}

Flow<base::Status> PostgresEngine::LetLogGo() {
  std::vector<std::string> statements(1, DropLogSlot());
  const base::Result<Rows> rows = co_await Sql(std::move(statements));
  if (!rows.ok()) co_return rows.error();
  co_return base::Ok();
}

Flow<base::Result<LogMark>> PostgresEngine::MarkLog(std::uint64_t copied) {
  const base::Result<Rows> rows = co_await Sql(MarkStatements(copied));
  if (!rows.ok()) co_return rows.error();
  co_return ToMark(*rows);
}

}  // namespace leeward::lab::rds

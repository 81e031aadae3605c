#include "probe/mysql_database.h"

#include <charconv>
#include <string_view>

#include "base/last_moment.h"

namespace leeward::probe {
namespace {

constexpr std::string_view kNoDatabase = "1049";
constexpr std::string_view kNoTable = "1146";

bool IsTableUnknown(const base::Error& error) {
  return error.service_code() == kNoTable || error.service_code() == kNoDatabase;
}

std::string TextOf(const NamedRow& row, const std::string& column) {
  const auto found = row.find(column);
  return found == row.end() ? "" : found->second.value_or("");
}

template <typename Number>
std::optional<Number> NumberIn(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Microseconds since 1970.
std::optional<base::WallTime> StampOf(std::string_view text) {
  const auto micros = NumberIn<std::int64_t>(text);
  if (!micros) return std::nullopt;
  const std::chrono::microseconds stamp(*micros);
  if (stamp < -base::kLastMoment || stamp > base::kLastMoment) return std::nullopt;
  return base::WallTime{stamp};
}

std::string MicrosOf(base::WallTime stamp) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::microseconds>(stamp.since_epoch).count());
}

base::Error NoUse(std::string_view what) {
  return base::ServiceBroken("MySQL gave no usable answer about " + std::string(what));
}

base::Status Execute(MySqlSession& session, std::string_view sql,
                     const std::vector<std::string>& parameters, base::MonotonicTime deadline) {
  const auto done = session.Query(sql, parameters, deadline);
  return done.ok() ? base::Ok() : base::Status(done.error());
}

}  // namespace

base::Result<ReplicaPosition> ToReplicaPosition(const NamedRow& status, const NamedRow& variables) {
  ReplicaPosition position;
  position.read_only = TextOf(variables, "read_only") != "0";
  position.replica = !status.empty();
  if (!position.replica) {
    position.received = position.applied = TextOf(variables, "written");
    position.to_apply = 0;
    return position;
  }
  position.receiving = TextOf(status, "Slave_IO_Running") == "Yes";
  position.applying = TextOf(status, "Slave_SQL_Running") == "Yes";
  position.applied = TextOf(variables, "applied");
  position.received = TextOf(status, "Gtid_IO_Pos");
  const auto received = GtidPosition::Parse(position.received);
  const auto applied = GtidPosition::Parse(position.applied);
  if (!received.ok()) return NoUse("what it has received");
  if (!applied.ok()) return NoUse("what it has applied");
  // A replica that has not reached its source since it started has received nothing it can name.
  if (!received->domains.empty() || applied->domains.empty()) {
    position.to_apply = applied->Missing(*received);
  }
  const auto seconds = NumberIn<std::int64_t>(TextOf(status, "Seconds_Behind_Master"));
  if (seconds && *seconds >= 0) position.lag = std::chrono::seconds(*seconds);
  return position;
}

base::Result<ReplicaPosition> ReadReplicaPosition(MySqlSession& session,
                                                  base::MonotonicTime deadline) {
  // Received before applied: in between, what was received may be applied, never the other way.
  ASSIGN_OR_RETURN(const auto status, session.Query("SHOW SLAVE STATUS", {}, deadline));
  ASSIGN_OR_RETURN(
      const auto variables,
      session.Query("SELECT @@global.read_only AS read_only, @@global.gtid_slave_pos AS applied, "
                    "@@global.gtid_binlog_pos AS written",
                    {}, deadline));
  if (variables.size() != 1) return NoUse("its variables");
  return ToReplicaPosition(status.empty() ? NamedRow() : status.front(), variables.front());
}

base::Status EnsureTables(MySqlSession& session, base::MonotonicTime deadline) {
  for (const char* statement :
       {"CREATE DATABASE IF NOT EXISTS leeward",
        "CREATE TABLE IF NOT EXISTS leeward.canary (observer VARCHAR(190) PRIMARY KEY, sequence "
        "BIGINT UNSIGNED NOT NULL, stamp_us BIGINT NOT NULL) ENGINE=InnoDB",
        "CREATE TABLE IF NOT EXISTS leeward.probe (name VARCHAR(190) PRIMARY KEY, written "
        "TIMESTAMP(6) NOT NULL) ENGINE=InnoDB"}) {
    RETURN_IF_ERROR(Execute(session, statement, {}, deadline));
  }
  return base::Ok();
}

base::Status WriteCanary(MySqlSession& session, const Canary& canary,
                         base::MonotonicTime deadline) {
  return Execute(session,
                 "INSERT INTO leeward.canary (observer, sequence, stamp_us) VALUES (?, ?, ?) ON "
                 "DUPLICATE KEY UPDATE sequence = VALUES(sequence), stamp_us = VALUES(stamp_us)",
                 {canary.observer, std::to_string(canary.sequence), MicrosOf(canary.stamp)},
                 deadline);
}

base::Result<std::optional<base::WallTime>> NewestCanary(MySqlSession& session,
                                                         base::MonotonicTime deadline) {
  auto rows = session.Query("SELECT max(stamp_us) AS newest FROM leeward.canary", {}, deadline);
  if (!rows.ok()) {
    if (IsTableUnknown(rows.error())) return std::optional<base::WallTime>();
    return std::move(rows).error();
  }
  if (rows->size() != 1) return NoUse("canaries");
  return StampOf(TextOf(rows->front(), "newest"));
}

base::Status ProbeWrite(MySqlSession& session, const std::string& key,
                        base::MonotonicTime deadline) {
  const auto write = [&] {
    return Execute(session,
                   "INSERT INTO leeward.probe (name, written) VALUES (?, now(6)) ON DUPLICATE KEY "
                   "UPDATE written = VALUES(written)",
                   {key}, deadline);
  };
  base::Status written = write();
  if (!written.ok() && IsTableUnknown(written.error())) {
    RETURN_IF_ERROR(EnsureTables(session, deadline));
    written = write();
  }
  return written;
}

}  // namespace leeward::probe

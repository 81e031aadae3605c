// MariaDB's binary log for automated backups: where it ends, and replaying what was kept of it. It
// is replayed by the server itself, whose replication thread is given the files as if it had
// received them from a source.
#include <fmt/format.h>

#include <charconv>

#include "lab/services/rds_binlog.h"
#include "lab/services/rds_gtid.h"
#include "lab/services/rds_mariadb.h"

namespace leeward::lab::rds {
namespace {

constexpr std::uint32_t kOnlyTimeline = 1;
constexpr std::string_view kRelayName = "relaylog";
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

// "1763800000.123456"
std::optional<base::WallTime> EpochTime(std::string_view text) {
  std::int64_t seconds = 0;
  std::int64_t micros = 0;
  const char* const end = text.data() + text.size();
  const auto whole = std::from_chars(text.data(), end, seconds);
  if (whole.ec != std::errc() || whole.ptr == end || *whole.ptr != '.') return std::nullopt;
  const auto part = std::from_chars(whole.ptr + 1, end, micros);
  if (part.ec != std::errc() || part.ptr != end) return std::nullopt;
  return base::WallTime{std::chrono::microseconds(seconds * kMicrosPerSecond + micros)};
}

// Of "mysql-bin-changelog.000002", "389".
std::optional<LogPlace> PlaceOf(const Rows& rows) {
  if (rows.size() != 1 || rows.front().size() < 2) return std::nullopt;
  const std::optional<std::uint32_t> file = BinlogNumber(rows.front()[0]);
  const std::string& text = rows.front()[1];
  std::uint64_t offset = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (!file || read.ec != std::errc()) return std::nullopt;
  return LogPlace{kOnlyTimeline, BinlogPosition(*file, offset)};
}

// The time is asked first: whatever was acknowledged by then is in the log before where it ends.
base::Result<LogMark> MarkServer(const MariaDbTarget& target, bool rotates) {
  ASSIGN_OR_RETURN(const auto connection, MariaDbConnection::Open(target));
  // Without it the hour that a time zone repeats in autumn would be told twice.
  RETURN_IF_ERROR(connection->Query("SET time_zone = '+00:00'"));
  if (rotates) RETURN_IF_ERROR(connection->Query("FLUSH NO_WRITE_TO_BINLOG BINARY LOGS"));
  ASSIGN_OR_RETURN(const Rows now, connection->Query("SELECT unix_timestamp(sysdate(6))"));
  ASSIGN_OR_RETURN(const Rows end, connection->Query("SHOW MASTER STATUS"));
  const auto time = now.size() == 1 ? EpochTime(now.front().front()) : std::nullopt;
  const std::optional<LogPlace> place = PlaceOf(end);
  if (!time || !place) return base::ServiceBroken("MariaDB did not say where its log ends");
  return LogMark{*time, *place};
}

}  // namespace

Flow<base::Result<LogPlace>> MariaDbEngine::KeepLog() {
  const base::Result<LogMark> mark = co_await MarkLog(0);
  if (!mark.ok()) co_return mark.error();
  co_return mark->end.At(MariaDbLog().Begin(mark->end.position));
}

bool MariaDbEngine::RotatesNow() {
  const base::MonotonicTime now = host_.clock().Monotonic();
  if (rotated_ == base::MonotonicTime{}) rotated_ = now;
  if (now - rotated_ < limits.log_file) return false;
  rotated_ = now;
  return true;
}

Flow<base::Result<LogMark>> MariaDbEngine::MarkLog(std::uint64_t /*copied*/) {
  auto marked = Offload<base::Result<LogMark>>(
      host_, [target = Target(), rotates = RotatesNow()] { return MarkServer(target, rotates); });
  co_return co_await marked;
}

Flow<base::Status> MariaDbEngine::Replay(std::uint64_t from, Recovery recovery) {
  auto laying = Offload<base::Result<LaidBinlog>>(
      host_, [from, recovery = std::move(recovery), data = data()]() -> base::Result<LaidBinlog> {
        ASSIGN_OR_RETURN(const BinlogRun run, PlanReplay(recovery.log, from, recovery.until));
        if (run.gtids.empty()) return LaidBinlog{};
        return LayOutReplay(run, recovery.log, data, kRelayName);
      });
  const base::Result<LaidBinlog> laid = co_await laying;
  if (!laid.ok()) co_return laid.error();
  if (laid->files.empty()) co_return base::Ok();
  for (const std::string& file : laid->files) {
    const base::Status given = host_.GiveToEngine(data() / file);
    if (!given.ok()) co_return given;
  }
  // There is no such source; only the thread that applies what was received is started.
  std::vector<std::string> begin = {
      fmt::format("CHANGE MASTER TO MASTER_HOST='localhost', MASTER_USE_GTID=no, "
                  "RELAY_LOG_FILE={}, RELAY_LOG_POS={}",
                  MariaDbLiteral(laid->files.front()), from - MariaDbLog().Begin(from)),
      "START SLAVE SQL_THREAD"};
  base::Status outcome = co_await Run(std::move(begin));
  if (outcome.ok()) outcome = co_await AwaitReplayed(laid->gtids);
  if (!outcome.ok()) co_return outcome;
  std::vector<std::string> end = {"STOP SLAVE", "RESET SLAVE ALL"};
  outcome = co_await Run(std::move(end));
  // With the settings that were held back until now.
  if (outcome.ok()) outcome = co_await Reload();
  co_return outcome;
}

Flow<base::Status> MariaDbEngine::AwaitReplayed(std::string gtids) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.replay;
  while (host_.clock().Monotonic() < deadline) {
    base::Result<std::map<std::string, std::string>> status = co_await ReplicaStatus();
    if (!status.ok()) co_return status.error();
    if (GtidCovers((*status)["Applied"], gtids)) co_return base::Ok();
    if ((*status)["Slave_SQL_Running"] != "Yes") {
      co_return base::ServiceBroken("the log cannot be replayed: " + (*status)["Last_SQL_Error"]);
    }
    co_await Sleep(host_, limits.poll);
  }
  co_return base::Unreachable("the log was not replayed in time");
}

}  // namespace leeward::lab::rds

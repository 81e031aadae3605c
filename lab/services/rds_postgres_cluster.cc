// What is asked of PostgreSQL in SQL, and the roles that every cluster begins with.
#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <system_error>

#include "lab/services/rds_postgres.h"

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

// Everything that reaches the socket came through the network, so a password is always asked for.
constexpr std::string_view kAccess =
    "local replication rdsrepladmin scram-sha-256\n"
    "local all rdsrepladmin reject\n"
    "local all rdsadmin scram-sha-256\n"
    "local rdsadmin all reject\n"
    "local all all scram-sha-256\n";

enum Column : std::size_t { kStreaming, kLag, kConnections, kSlotLag, kLogBytes };
// ReplicaLag is PostgreSQL's: now less the last replayed commit, so it grows on an idle or cut-off
// source.
constexpr std::string_view kLook =
    "SELECT (SELECT status = 'streaming' FROM pg_stat_wal_receiver), "
    "CASE WHEN pg_is_in_recovery() THEN "
    "  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "  AND usename <> 'rdsadmin'), "
    "CASE WHEN NOT pg_is_in_recovery() THEN "
    "  (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots "
    "    WHERE slot_name LIKE 'rds\\_%') END, "
    "(SELECT sum(size) FROM pg_ls_waldir())";

std::vector<std::string> RoleStatements(const Secrets& secrets) {
  return {
      fmt::format("CREATE ROLE {} LOGIN REPLICATION PASSWORD {}", kReplicationUser,
                  QuoteLiteral(secrets.replication)),
      "CREATE ROLE rds_replication",
      "CREATE ROLE rds_password",
      "CREATE ROLE rds_superuser",
      "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION",
      "GRANT pg_read_all_data, pg_write_all_data TO rds_superuser WITH ADMIN OPTION",
      "GRANT rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION",
  };
}

std::optional<double> Number(const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

EngineLook ToLook(const std::vector<std::string>& row) {
  EngineLook look;
  look.following = row[kStreaming] == "t";
  look.lag = Number(row[kLag]);
  const auto add = [&look](std::string_view name, std::string_view unit, const std::string& text) {
    if (const auto value = Number(text)) look.metrics.push_back({name, unit, *value});
  };
  add("DatabaseConnections", "Count", row[kConnections]);
  add("TransactionLogsDiskUsage", "Bytes", row[kLogBytes]);
  add("OldestReplicationSlotLag", "Bytes", row[kSlotLag]);
  return look;
}

}  // namespace

Flow<base::Status> PostgresEngine::InitDb() {
  std::error_code error;
  const fs::path password = directory_ / "password";
  base::Status outcome = WriteFile(password, secrets_.admin + "\n");
  if (outcome.ok()) outcome = host_.GiveToEngine(password);
  if (!outcome.ok()) co_return outcome;
  ChildSpec spec;
  spec.argv = {Tool("initdb"),
               "-D",
               data().string(),
               "-U",
               std::string(kAdminUser),
               "-E",
               "UTF8",
               "--locale=C.UTF-8",
               "-A",
               "scram-sha-256",
               "--wal-segsize=4",
               "--no-sync",
               "--pwfile=" + password.string()};
  spec.directory = directory_;
  spec.log = directory_ / "initdb.log";
  const base::Result<ExitStatus> ended = co_await RunChild(host_, spec);
  if (!ended.ok()) co_return ended.error();
  if (ended->code != 0) co_return base::ServiceBroken("initdb failed; see " + spec.log.string());
  fs::remove(password, error);
  std::ofstream(data() / "postgresql.conf", std::ios::app) << "include_if_exists 'leeward.conf'\n";
  std::ofstream(data() / "pg_hba.conf", std::ios::trunc) << kAccess;
  co_return base::Ok();
}

Flow<base::Status> PostgresEngine::Initialise() {
  base::Status outcome = co_await EmptyData();
  if (outcome.ok()) outcome = co_await InitDb();
  if (outcome.ok()) outcome = Configure({});
  if (outcome.ok()) outcome = co_await Start();
  if (!outcome.ok()) co_return outcome;
  const base::Status roles = co_await Run(RoleStatements(secrets_));
  outcome = co_await Stop();
  if (!roles.ok()) co_return roles;
  co_return outcome;
}

Flow<base::Status> PostgresEngine::Run(std::vector<std::string> statements) {
  const base::Result<Rows> rows = co_await Sql(std::move(statements));
  if (!rows.ok()) co_return rows.error();
  co_return base::Ok();
}

Flow<base::Status> PostgresEngine::CreateMaster(MasterUser master) {
  const std::string user = QuoteIdentifier(master.name);
  std::vector<std::string> statements = {
      fmt::format("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {} VALID UNTIL 'infinity'",
                  user, QuoteLiteral(master.password)),
      fmt::format("GRANT rds_superuser TO {}", user),
      fmt::format("ALTER DATABASE postgres OWNER TO {}", user)};
  if (!master.database.empty() && master.database != "postgres") {
    statements.push_back(
        fmt::format("CREATE DATABASE {} OWNER {}", QuoteIdentifier(master.database), user));
  }
  co_return co_await Run(std::move(statements));
}

Flow<base::Status> PostgresEngine::SetMasterPassword(std::string user, std::string password) {
  std::vector<std::string> statements(
      1, fmt::format("ALTER ROLE {} PASSWORD {}", QuoteIdentifier(user), QuoteLiteral(password)));
  co_return co_await Run(std::move(statements));
}

Flow<base::Status> PostgresEngine::AddFollower(std::string slot) {
  std::vector<std::string> statements(
      1, fmt::format("SELECT pg_create_physical_replication_slot({}, true)", QuoteLiteral(slot)));
  co_return co_await Run(std::move(statements));
}

Flow<base::Status> PostgresEngine::DropFollower(std::string slot) {
  // A sender that does not know yet that its standby is gone still holds the slot.
  std::vector<std::string> statements = {
      fmt::format("SELECT pg_terminate_backend(active_pid, 1000) FROM pg_replication_slots "
                  "WHERE slot_name = {} AND active_pid IS NOT NULL",
                  QuoteLiteral(slot)),
      fmt::format("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
                  "slot_name = {} AND NOT active",
                  QuoteLiteral(slot))};
  co_return co_await Run(std::move(statements));
}

// Each would keep its log for ever.
Flow<base::Status> PostgresEngine::KeepFollowers(std::vector<std::string> slots) {
  std::string known = "''";
  for (const std::string& slot : slots) known += ", " + QuoteLiteral(slot);
  std::vector<std::string> statements(
      1, fmt::format("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                     "WHERE NOT active AND slot_name LIKE 'rds\\_%' AND slot_name NOT IN ({})",
                     known));
  co_return co_await Run(std::move(statements));
}

Flow<base::Result<EngineLook>> PostgresEngine::Look() {
  SqlTarget target = Target();
  target.statement_timeout = limits.look;
  auto look = Offload<base::Result<Rows>>(
      host_, [target] { return RunSql(target, std::vector<std::string>(1, std::string(kLook))); });
  const base::Result<Rows> rows = co_await look;
  if (!rows.ok()) co_return rows.error();
  if (rows->size() != 1) co_return base::ServiceBroken("PostgreSQL did not answer a look");
  co_return ToLook(rows->front());
}

}  // namespace leeward::lab::rds

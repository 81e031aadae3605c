// What is asked of MariaDB in SQL: the users and procedures that every cluster begins with, the
// customer's user, and how a server is.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "lab/services/rds_mariadb.h"

namespace leeward::lab::rds {
namespace {

constexpr std::string_view kInstaller = "/usr/bin/mariadb-install-db";

// Rights on the server as a whole. No SUPER, FILE or SHUTDOWN, as on RDS.
constexpr std::string_view kServerRights =
    "RELOAD, PROCESS, SHOW DATABASES, BINLOG MONITOR, SLAVE MONITOR, REPLICATION SLAVE, CREATE "
    "USER";
// Rights on each database but `mysql`: whoever writes there is whoever they like. RDS grants these
// on *.* and guards `mysql` inside its server; here the narrower grant on `mysql` counts.
constexpr std::string_view kDatabaseRights =
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY "
    "TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, "
    "TRIGGER";
constexpr std::string_view kSystemRights = "SELECT, EXECUTE";

std::vector<std::string> RightsOf(const std::string& grantee) {
  return {fmt::format("GRANT {} ON *.* TO {} WITH GRANT OPTION", kServerRights, grantee),
          fmt::format("GRANT {} ON `%`.* TO {} WITH GRANT OPTION", kDatabaseRights, grantee),
          fmt::format("GRANT {} ON mysql.* TO {} WITH GRANT OPTION", kSystemRights, grantee)};
}

// Ends what a customer without CONNECTION ADMIN could not end; never a session of the lab's own.
std::string KillProcedure(std::string_view name, std::string_view column, std::string_view kill) {
  return fmt::format(
      "CREATE DEFINER = {0}@'{5}' PROCEDURE mysql.{1}(IN target BIGINT) READS SQL DATA SQL "
      "SECURITY DEFINER BEGIN DECLARE owner VARCHAR(128); SELECT user INTO owner FROM "
      "information_schema.processlist WHERE {2} = target; IF owner IN ('{0}', '{3}', '{6}', "
      "'system user', 'event_scheduler') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ERROR "
      "(RDS): "
      "CANNOT KILL RDSADMIN SESSION'; ELSE {4} target; END IF; END",
      kAdminUser, name, column, kReplicationUser, kill, kAdminOrigin, kBackupUser);
}

std::string ReplicationProcedure(std::string_view name, std::string_view statement) {
  return fmt::format(
      "CREATE DEFINER = {}@'{}' PROCEDURE mysql.{}() SQL SECURITY DEFINER BEGIN {}; END",
      kAdminUser, kAdminOrigin, name, statement);
}

std::vector<std::string> FirstStatements(const Secrets& secrets) {
  const std::string admin = fmt::format("{}@'{}'", kAdminUser, kAdminOrigin);
  const std::string backup = fmt::format("{}@localhost", kBackupUser);
  const std::string replication = fmt::format("{}@'%'", kReplicationUser);
  const auto create = [](const std::string& user, const std::string& password) {
    return fmt::format("CREATE USER {} IDENTIFIED BY {}", user, MariaDbLiteral(password));
  };
  return {create(admin, secrets.admin),
          fmt::format("GRANT ALL PRIVILEGES ON *.* TO {} WITH GRANT OPTION", admin),
          create(backup, secrets.admin),
          fmt::format("GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, SLAVE MONITOR ON *.* "
                      "TO {}",
                      backup),
          create(replication, secrets.replication),
          fmt::format("GRANT REPLICATION SLAVE ON *.* TO {}", replication),
          KillProcedure("rds_kill", "id", "KILL"),
          KillProcedure("rds_kill_query", "id", "KILL QUERY"),
          KillProcedure("rds_kill_query_id", "query_id", "KILL QUERY ID"),
          ReplicationProcedure("rds_stop_replication", "STOP SLAVE"),
          ReplicationProcedure("rds_start_replication", "START SLAVE"),
          // The installer's own users, who have no passwords.
          "DELETE FROM mysql.proxies_priv",
          fmt::format("DELETE FROM mysql.global_priv WHERE User NOT IN ('{}', '{}', '{}', "
                      "'mariadb.sys')",
                      kAdminUser, kReplicationUser, kBackupUser),
          "FLUSH PRIVILEGES"};
}

std::optional<double> DoubleIn(const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

// SHOW SLAVE STATUS, and what has been applied beside what was received.
base::Result<std::map<std::string, std::string>> ReadStatus(MariaDbConnection& connection) {
  ASSIGN_OR_RETURN(auto status, connection.QueryRow("SHOW SLAVE STATUS"));
  if (status.empty()) return status;
  ASSIGN_OR_RETURN(const Rows applied, connection.Query("SELECT @@GLOBAL.gtid_slave_pos"));
  status["Applied"] = applied.front().front();
  return status;
}

constexpr std::string_view kCountConnections =
    "SELECT count(*) FROM information_schema.processlist WHERE user NOT IN ('rdsadmin', "
    "'rdsrepladmin', 'rdsbackup', 'system user', 'event_scheduler', 'unauthenticated "
    "user')";

base::Result<EngineLook> LookAtServer(const MariaDbTarget& target) {
  ASSIGN_OR_RETURN(const auto connection, MariaDbConnection::Open(target));
  EngineLook look;
  ASSIGN_OR_RETURN(auto status, ReadStatus(*connection));
  if (!status.empty()) {
    look.following = status["Slave_IO_Running"] == "Yes" && status["Slave_SQL_Running"] == "Yes";
    // RDS reports -1 for a replica that does not replicate.
    look.lag = look.following ? DoubleIn(status["Seconds_Behind_Master"]).value_or(-1) : -1;
  }
  ASSIGN_OR_RETURN(const Rows connections, connection->Query(std::string(kCountConnections)));
  look.metrics.push_back(
      {"DatabaseConnections", "Count", DoubleIn(connections.front().front()).value_or(0)});
  ASSIGN_OR_RETURN(const Rows logs, connection->Query("SHOW BINARY LOGS"));
  double bytes = 0;
  for (const auto& log : logs) bytes += DoubleIn(log[1]).value_or(0);
  look.metrics.push_back({"BinLogDiskUsage", "Bytes", bytes});
  return look;
}

}  // namespace

Flow<base::Status> MariaDbEngine::Initialise() {
  base::Status outcome = co_await EmptyData();
  if (outcome.ok()) outcome = WriteConfig(Log::kNone);
  if (!outcome.ok()) co_return outcome;
  std::vector<std::string> install = {std::string(kInstaller),
                                      "--defaults-file=" + ConfigFile().string(),
                                      "--datadir=" + data().string(),
                                      "--auth-root-authentication-method=normal",
                                      "--skip-test-db",
                                      "--skip-name-resolve"};
  outcome = co_await RunTool(std::move(install), "mariadb-install-db");
  if (outcome.ok()) outcome = co_await Start();
  if (!outcome.ok()) co_return outcome;
  MariaDbTarget target = Target();
  target.user = "root";
  target.password.clear();
  target.proxy_header.clear();
  auto first = Offload<base::Result<Rows>>(host_, [target, statements = FirstStatements(secrets_)] {
    return RunMariaDb(target, statements);
  });
  const base::Result<Rows> made = co_await first;
  outcome = co_await Stop();
  if (!made.ok()) co_return made.error();
  co_return outcome;
}

Flow<base::Result<Rows>> MariaDbEngine::Sql(std::vector<std::string> statements) {
  auto asked =
      Offload<base::Result<Rows>>(host_, [target = Target(), statements = std::move(statements)] {
        return RunMariaDb(target, statements);
      });
  co_return co_await asked;
}

Flow<base::Status> MariaDbEngine::Run(std::vector<std::string> statements) {
  const base::Result<Rows> rows = co_await Sql(std::move(statements));
  if (!rows.ok()) co_return rows.error();
  co_return base::Ok();
}

Flow<base::Result<std::map<std::string, std::string>>> MariaDbEngine::ReplicaStatus() {
  using Status = base::Result<std::map<std::string, std::string>>;
  auto asked = Offload<Status>(host_, [target = Target()]() -> Status {
    ASSIGN_OR_RETURN(const auto connection, MariaDbConnection::Open(target));
    return ReadStatus(*connection);
  });
  co_return co_await asked;
}

Flow<base::Status> MariaDbEngine::CreateMaster(MasterUser master) {
  const std::string user = MariaDbIdentifier(master.name) + "@'%'";
  std::vector<std::string> statements(
      1, fmt::format("CREATE USER {} IDENTIFIED BY {}", user, MariaDbLiteral(master.password)));
  for (std::string& grant : RightsOf(user)) statements.push_back(std::move(grant));
  if (face_ == MariaDbFace::kMySql) {
    statements.emplace_back("CREATE ROLE rds_superuser_role");
    for (std::string& grant : RightsOf("rds_superuser_role")) {
      statements.push_back(std::move(grant));
    }
    statements.push_back(fmt::format("GRANT rds_superuser_role TO {} WITH ADMIN OPTION", user));
    statements.push_back(fmt::format("SET DEFAULT ROLE rds_superuser_role FOR {}", user));
  }
  if (!master.database.empty()) {
    statements.push_back("CREATE DATABASE " + MariaDbIdentifier(master.database));
  }
  co_return co_await Run(std::move(statements));
}

Flow<base::Status> MariaDbEngine::SetMasterPassword(std::string user, std::string password) {
  std::vector<std::string> statements(
      1, fmt::format("ALTER USER {}@'%' IDENTIFIED BY {}", MariaDbIdentifier(user),
                     MariaDbLiteral(password)));
  co_return co_await Run(std::move(statements));
}

Flow<base::Status> MariaDbEngine::AddFollower(std::string /*slot*/) {
  std::vector<std::string> answers(1, "SELECT 1");
  co_return co_await Run(std::move(answers));
}

Flow<base::Status> MariaDbEngine::DropFollower(std::string /*slot*/) { co_return base::Ok(); }

Flow<base::Status> MariaDbEngine::KeepFollowers(std::vector<std::string> /*slots*/) {
  co_return base::Ok();
}

Flow<base::Result<EngineLook>> MariaDbEngine::Look() {
  MariaDbTarget target = Target();
  target.timeout = limits.look;
  auto look = Offload<base::Result<EngineLook>>(host_, [target] { return LookAtServer(target); });
  co_return co_await look;
}

}  // namespace leeward::lab::rds

#include "probe/mysql_door.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leeward::probe {
namespace {

constexpr char kNoSuchThread[] = "1094";
constexpr char kNotOwnerOfThread[] = "1095";
constexpr char kNoSuchDatabase[] = "1049";
constexpr char kNoSuchTable[] = "1146";

// Logins but those that are not the customer's (RDS's own, the server's, who may do everything),
// and those that may read the log and nothing else: a replica comes by one of them.
constexpr std::string_view kMayBeLocked =
    " u.Super_priv <> 'Y' AND u.user NOT IN ('', 'root', 'PUBLIC', 'mariadb.sys', 'mysql.sys',"
    " 'mysql.session', 'mysql.infoschema', 'rdsadmin', 'rdsrepladmin', 'rdsbackup', 'rdstopmgr',"
    " 'rds_superuser_role') AND u.is_role = 'N'"
    " AND concat(u.user, '@', u.host) <> current_user()"
    " AND NOT (u.Repl_slave_priv = 'Y' AND concat(u.Insert_priv, u.Update_priv, u.Delete_priv,"
    " u.Execute_priv, u.Create_priv, u.Drop_priv, u.Alter_priv, u.Create_user_priv) NOT LIKE '%Y%'"
    " AND u.user NOT IN (SELECT user FROM mysql.db UNION SELECT user FROM mysql.tables_priv UNION"
    " SELECT user FROM mysql.columns_priv UNION SELECT user FROM mysql.procs_priv UNION SELECT user"
    " FROM mysql.roles_mapping))";
constexpr std::string_view kIsLocked =
    "ifnull((SELECT json_value(g.Priv, '$.account_locked') FROM mysql.global_priv g"
    " WHERE g.user = u.user AND g.host = u.host), '0') IN ('1', 'true')";
// Sessions that are nobody's to end: a replica reads the log, and the server works by itself.
constexpr std::string_view kAtWork =
    " p.command NOT IN ('Binlog Dump', 'Daemon', 'Slave_IO', 'Slave_SQL', 'Slave_worker')";

base::Result<std::vector<std::string>> TextsOf(MySqlSession& session, std::string_view sql,
                                               base::MonotonicTime deadline,
                                               const Cancelled& cancelled = {}) {
  ASSIGN_OR_RETURN(const std::vector<NamedRow> rows, session.Query(sql, {}, deadline, cancelled));
  std::vector<std::string> texts;
  for (const NamedRow& row : rows) {
    const auto found = row.find("text");
    if (found == row.end() || !found->second) {
      return base::ServiceBroken("MySQL at " + session.address().Text() +
                                 " gave no usable answer about its logins");
    }
    texts.push_back(*found->second);
  }
  return texts;
}

base::Status Do(MySqlSession& session, std::string_view sql,
                const std::vector<std::string>& parameters, base::MonotonicTime deadline) {
  const auto done = session.Query(sql, parameters, deadline);
  return done.ok() ? base::Ok() : base::Status(done.error());
}

// A statement with a login as the server quotes it. A question mark in it is no parameter.
base::Status Alter(MySqlSession& session, const std::string& login, const char* how,
                   base::MonotonicTime deadline) {
  const std::string statement =
      std::string(kOwnStatement) + "ALTER USER IF EXISTS " + login + " ACCOUNT " + how;
  return Do(session, "EXECUTE IMMEDIATE ?", {statement}, deadline);
}

std::string OpenLogins() {
  return "SELECT concat(quote(u.user), '@', quote(u.host)) AS text FROM mysql.user u WHERE" +
         std::string(kMayBeLocked) + " AND NOT " + std::string(kIsLocked);
}

// Sessions of logins that closing locks.
std::string OthersSessions() {
  return "SELECT p.id AS text FROM information_schema.processlist p WHERE p.user IN (SELECT u.user"
         " FROM mysql.user u WHERE" +
         std::string(kMayBeLocked) + ") AND p.user <> substring_index(current_user(), '@', 1) AND" +
         std::string(kAtWork);
}

// Sessions that came by this login and are in a database where none of Leeward's own is.
constexpr char kStrangers[] =
    "SELECT p.id AS text FROM information_schema.processlist p"
    " WHERE p.user = substring_index(current_user(), '@', 1) AND p.id <> connection_id()"
    " AND ifnull(p.db, '') <> 'information_schema' AND p.command NOT IN ('Connect', 'Killed')";

base::Status Remember(MySqlSession& session, const std::string& login,
                      base::MonotonicTime deadline) {
  constexpr std::string_view kInsert = "INSERT IGNORE INTO leeward.closed (login) VALUES (?)";
  const base::Status kept = Do(session, kInsert, {login}, deadline);
  if (kept.ok()) return kept;
  const std::string& code = kept.error().service_code();
  if (code != kNoSuchTable && code != kNoSuchDatabase) return kept;
  RETURN_IF_ERROR(Do(session, "CREATE DATABASE IF NOT EXISTS leeward", {}, deadline));
  RETURN_IF_ERROR(Do(session,
                     "CREATE TABLE IF NOT EXISTS leeward.closed (login VARCHAR(500) PRIMARY KEY)"
                     " ENGINE=InnoDB",
                     {}, deadline));
  return Do(session, kInsert, {login}, deadline);
}

// RDS gives its master user a procedure in place of the right to end others' sessions.
base::Status Kill(MySqlSession& session, const std::string& id, base::MonotonicTime deadline) {
  base::Status killed = Do(session, "KILL " + id, {}, deadline);
  if (!killed.ok() && killed.error().service_code() == kNotOwnerOfThread)
    killed = Do(session, "CALL mysql.rds_kill(" + id + ")", {}, deadline);
  const bool gone = !killed.ok() && killed.error().service_code() == kNoSuchThread;
  return gone ? base::Ok() : killed;
}

// A session that was let in just before its login was locked may show up just after it, so one
// empty look is not enough. One that is being ended counts: its statement has not ended yet.
base::Status EndOthers(MySqlSession& session, base::MonotonicTime deadline,
                       const Cancelled& cancelled) {
  int empty_looks = 0;
  while (empty_looks < 2) {
    ASSIGN_OR_RETURN(const auto ids, TextsOf(session, OthersSessions(), deadline, cancelled));
    for (const std::string& id : ids) RETURN_IF_ERROR(Kill(session, id, deadline));
    empty_looks = ids.empty() ? empty_looks + 1 : 0;
    const auto paused = session.Query("SELECT sleep(0.01) AS text", {}, deadline, cancelled);
    if (!paused.ok()) return paused.error();
  }
  return base::Ok();
}

base::Result<std::vector<std::string>> ClosedLogins(MySqlSession& session,
                                                    base::MonotonicTime deadline) {
  auto logins = TextsOf(session, "SELECT login AS text FROM leeward.closed", deadline);
  if (logins.ok()) return logins;
  const std::string& code = logins.error().service_code();
  if (code == kNoSuchTable || code == kNoSuchDatabase) return std::vector<std::string>();
  return logins;
}

}  // namespace

base::Status CheckCanCloseServer(MySqlSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const auto strangers, TextsOf(session, kStrangers, deadline));
  if (strangers.empty()) return base::Ok();
  const std::string& user = session.address().user;
  return base::WrongState(
      "somebody else is logged in as " + user + " at " + session.address().Text() +
      "; closing this engine locks every login but Leeward's own, so give the application another "
      "than " +
      user + ", and end those sessions");
}

base::Status CloseServer(MySqlSession& session, base::MonotonicTime deadline,
                         const Cancelled& cancelled) {
  RETURN_IF_ERROR(CheckCanCloseServer(session, deadline));
  ASSIGN_OR_RETURN(const auto logins, TextsOf(session, OpenLogins(), deadline, cancelled));
  for (const std::string& login : logins) {
    RETURN_IF_ERROR(Remember(session, login, deadline));
    RETURN_IF_ERROR(Alter(session, login, "LOCK", deadline));
  }
  // A server whose only login is Leeward's is closed, too, and has to say so.
  if (logins.empty()) RETURN_IF_ERROR(Remember(session, "", deadline));
  RETURN_IF_ERROR(EndOthers(session, deadline, cancelled));
  return CheckCanCloseServer(session, deadline);
}

base::Status OpenServer(MySqlSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const auto logins, ClosedLogins(session, deadline));
  for (const std::string& login : logins) {
    if (!login.empty()) RETURN_IF_ERROR(Alter(session, login, "UNLOCK", deadline));
    RETURN_IF_ERROR(Do(session, "DELETE FROM leeward.closed WHERE login = ?", {login}, deadline));
  }
  return base::Ok();
}

base::Result<bool> IsServerOpen(MySqlSession& session, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const auto logins, ClosedLogins(session, deadline));
  return logins.empty();
}

base::Result<DoorSeen> LookAtServerDoor(MySqlSession& session, const std::string& database,
                                        base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<NamedRow> there,
                   session.Query("SELECT schema_name FROM information_schema.schemata WHERE "
                                 "schema_name = ?",
                                 {database}, deadline));
  if (there.empty())
    return base::NotFound("no database '" + database + "' on " + session.address().host);
  DoorSeen seen;
  ASSIGN_OR_RETURN(seen.open, IsServerOpen(session, deadline));
  ASSIGN_OR_RETURN(const std::vector<NamedRow> grants,
                   session.Query("SHOW GRANTS FOR CURRENT_USER()", {}, deadline));
  for (const NamedRow& grant : grants) {
    for (const auto& [column, text] : grant) {
      const std::string rights = text.value_or("");
      if (rights.find(" ON *.* ") == std::string::npos) continue;
      seen.may_close = seen.may_close || rights.find("ALL PRIVILEGES") != std::string::npos ||
                       (rights.find("CREATE USER") != std::string::npos &&
                        rights.find("PROCESS") != std::string::npos);
    }
  }
  if (!seen.may_close) return seen;
  ASSIGN_OR_RETURN(const auto sessions, TextsOf(session, OthersSessions(), deadline));
  seen.sessions = static_cast<int>(sessions.size());
  return seen;
}

}  // namespace leeward::probe

#include "guard/postgres_door.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace leeward::guard {
namespace {

constexpr char kControlDatabase[] = "postgres";
// The names by which the two sessions of a guard are known in the server.
constexpr char kControlName[] = "leeward-door/";
constexpr char kWatchdogName[] = "leeward-watchdog/";
constexpr base::Duration kPoll = std::chrono::milliseconds(5);
// The watchdog lives as long as it is told to; its listener waits as long.
constexpr base::Duration kForEver = std::chrono::hours(24 * 365);
// A server, a database or a login may set these for every session. Each of them can end the
// watchdog, or keep it waiting, while the door is open: by its time; because its guard is gone,
// which a word to nobody finds out too; by waiting for whoever changes the same entry of the
// catalogue. A version that lacks one is not asked.
constexpr char kOwnLimits[] =
    "select set_config(s.name, o.value, false) from pg_settings s join (values"
    " ('statement_timeout', '0'), ('transaction_timeout', '0'), ('idle_session_timeout', '0'),"
    " ('client_connection_check_interval', '0'), ('client_min_messages', 'error'),"
    " ('lock_timeout', '50ms')) o (name, value) on o.name = s.name";

std::string Quoted(const std::string& text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    quoted += c;
    if (c == quote) quoted += c;
  }
  return quoted + quote;
}

// An application_name is cut at 63 bytes.
std::string WatchdogName(const std::string& database) {
  return kWatchdogName + database.substr(0, 40);
}

// Lets the held logins in until `ends`, whenever that adds a quarter to what is left: not at each
// renewal, because each is a commit. One that fails (another session alters the same role) is tried
// again at the next turn; until then the logins' time is shorter, never longer.
std::string HoldLogins() {
  return "    if ends - held_until > greatest((ends - "
         "(extract(epoch from clock_timestamp()) * 1000000)::bigint) / 4, 0) then\n"
         "      begin\n"
         "        for held in " +
         probe::HeldLoginsQuery() +
         " loop\n"
         "          execute format('alter role %I valid until %L', held,\n"
         "            timestamptz 'epoch' + ends * interval '1 microsecond');\n"
         "        end loop;\n"
         "        held_until := ends;\n"
         "      exception when others then null;\n"
         "      end;\n"
         "    end if;\n";
}

// Closes, and ends who is there. Whoever changes the database's entry just then makes the closing
// fail: it is tried until it is done, or there is no such database any more. Meanwhile each session
// is ended as it comes, and the held logins do not come any more.
std::string Shut(const std::string& database) {
  const std::string name = Quoted(database, '\'');
  return "  while quiet < 2 loop\n"
         "    if not shut then\n"
         "      begin\n"
         "        execute " +
         Quoted("alter database " + Quoted(database, '"') + " with allow_connections false", '\'') +
         ";\n"
         "        shut := true;\n"
         "      exception when others then\n"
         "        exit when not exists (select from pg_database where datname = " +
         name +
         ");\n"
         "      end;\n"
         "      commit;\n"
         "    end if;\n"
         "    begin\n"
         "      perform pg_terminate_backend(a.pid) from pg_stat_activity a\n"
         "        join pg_roles r on r.oid = a.usesysid\n"
         "        where a.datname = " +
         name +
         " and a.pid <> pg_backend_pid() and not r.rolsuper;\n"
         "      if found or not shut then quiet := 0; else quiet := quiet + 1; end if;\n"
         "    exception when others then quiet := 0;\n"
         "    end;\n"
         "    commit;\n"
         "    perform pg_sleep(0.01);\n"
         "  end loop;\n";
}

// Opens, unless it is too late for that already; waits; closes; ends who is there. Commits between,
// so that others see each part at once and nothing is held while it sleeps.
std::string WatchdogStatement(const std::string& database, const std::string& control_pid,
                              std::int64_t until_us) {
  const std::string alter = "alter database " + Quoted(database, '"') + " with allow_connections ";
  return "do $leeward$\n"
         "declare\n"
         "  ends bigint := " +
         std::to_string(until_us) +
         ";\n"
         "  told bigint;\n"
         "  left_us bigint;\n"
         "  shut boolean := false;\n"
         "  quiet int := 0;\n"
         "  held name;\n"
         "  held_until bigint := 0;\n"
         "begin\n"
         "  if (extract(epoch from clock_timestamp()) * 1000000)::bigint < ends then\n" +
         HoldLogins() + "    execute " + Quoted(alter + "true", '\'') +
         ";\n"
         "    commit;\n"
         "  end if;\n"
         "  loop\n"
         "    select nullif(substr(application_name, " +
         std::to_string(sizeof(kControlName)) +
         "), '')::bigint into told\n"
         "      from pg_stat_activity where pid = " +
         control_pid +
         "\n"
         "      and usename = current_user and application_name ~ '^" +
         kControlName +
         "[0-9]+$';\n"
         "    ends := greatest(ends, coalesce(told, 0));\n"
         "    left_us := ends - (extract(epoch from clock_timestamp()) * 1000000)::bigint;\n"
         "    exit when left_us <= 0;\n" +
         HoldLogins() +
         "    commit;\n"
         "    perform pg_sleep(least(left_us, 20000) / 1000000.0);\n"
         "  end loop;\n" +
         Shut(database) + "end $leeward$";
}

}  // namespace

PostgresDoor::PostgresDoor(probe::PostgresAddress address, base::Duration call,
                           const probe::Resolver& resolver, const ports::Clock& clock)
    : address_(std::move(address)),
      control_address_([this] {
        probe::PostgresAddress control = address_;
        control.database = kControlDatabase;
        return control;
      }()),
      call_(call),
      resolver_(resolver),
      clock_(clock) {}

PostgresDoor::~PostgresDoor() { StopListening(); }

void PostgresDoor::StopListening() {
  if (!watchdog_) return;
  watchdog_->leave = true;
  watchdog_->listener.join();
  watchdog_.reset();
}

base::Result<std::unique_ptr<probe::PostgresSession>> PostgresDoor::Session(
    base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(std::unique_ptr<probe::PostgresSession> session,
                   probe::PostgresSession::Open(control_address_, resolver_, deadline, clock_));
  const auto limited = session->Query(kOwnLimits, {}, deadline);
  if (!limited.ok()) return limited.error();
  return session;
}

base::Result<probe::PostgresSession*> PostgresDoor::Control(base::MonotonicTime deadline) {
  if (control_ && !control_->broken()) return control_.get();
  control_.reset();
  ASSIGN_OR_RETURN(control_, Session(deadline));
  const auto pid = control_->Query("select pg_backend_pid()", {}, deadline);
  if (!pid.ok()) {
    control_.reset();
    return pid.error();
  }
  control_pid_ = (*pid)[0][0].value_or("0");
  return control_.get();
}

base::Result<std::int64_t> PostgresDoor::OnServerClock(base::MonotonicTime until,
                                                       base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(
      const std::vector<probe::Row> rows,
      control->Query("select (extract(epoch from clock_timestamp()) * 1000000)::bigint", {},
                     deadline));
  // Read after the answer: the server's reading is older, so the door's time ends sooner, not
  // later.
  const base::Duration left = until - clock_.Monotonic();
  const std::string text = rows[0][0].value_or("");
  std::int64_t server_us = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), server_us).ec != std::errc{}) {
    return base::ServiceBroken("PostgreSQL at " + control_address_.Text() + " told no time");
  }
  return server_us + std::chrono::duration_cast<std::chrono::microseconds>(left).count();
}

base::Status PostgresDoor::Tell(std::int64_t until_us, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  const auto told = control->Query(
      "set application_name = '" + (kControlName + std::to_string(until_us)) + "'", {}, deadline);
  if (!told.ok()) return told.error();
  return base::Ok();
}

base::Status PostgresDoor::StartWatchdog(std::int64_t until_us, base::MonotonicTime deadline) {
  auto watchdog = std::make_unique<Watchdog>();
  ASSIGN_OR_RETURN(watchdog->session, Session(deadline));
  const auto named = watchdog->session->Query(
      "set application_name = " + Quoted(WatchdogName(address_.database), '\''), {}, deadline);
  if (!named.ok()) return named.error();
  watchdog_ = std::move(watchdog);
  watchdog_->listener =
      std::thread([dog = watchdog_.get(), deadline = clock_.Monotonic() + kForEver,
                   statement = WatchdogStatement(address_.database, control_pid_, until_us)] {
        // However it ends: Extend and Open find out that nobody watches any more.
        (void)dog->session->Query(statement, {}, deadline, [dog] { return dog->leave.load(); });
        dog->gone = true;
      });
  return base::Ok();
}

base::Status PostgresDoor::Open(base::MonotonicTime until, const Cancelled& cancelled) {
  const base::MonotonicTime deadline = std::min(until, clock_.Monotonic() + call_);
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(const std::vector<probe::Row> rows,
                   control->Query("select pg_is_in_recovery()::int", {}, deadline));
  if (rows[0][0] == "1") return base::WrongState(address_.Text() + " is a replica");
  ASSIGN_OR_RETURN(const probe::HeldLogins held, probe::LookAtHeldLogins(*control, deadline));
  if (held.count > 0 && !held.may_alter) {
    return base::Denied(address_.user + " may not alter the logins in " + probe::kHeldRole +
                        " at " + address_.Text() +
                        "; give it CREATEROLE, or take them out of that role");
  }
  ASSIGN_OR_RETURN(const std::int64_t until_us, OnServerClock(until, deadline));
  StopListening();
  RETURN_IF_ERROR(EndWatchdogs(deadline));
  RETURN_IF_ERROR(Tell(until_us, deadline));
  RETURN_IF_ERROR(StartWatchdog(until_us, deadline));
  while (clock_.Monotonic() < deadline) {
    if (cancelled && cancelled()) return base::Cancelled("opening was given up");
    ASSIGN_OR_RETURN(const bool open, probe::IsDatabaseOpen(*control, address_.database, deadline));
    if (watchdog_->gone) return base::Unreachable("the watchdog of " + address_.Text() + " ended");
    if (open) return base::Ok();
    const auto paused = control->Query("select pg_sleep($1::float8)",
                                       {std::to_string(base::Seconds(kPoll))}, deadline);
    if (!paused.ok()) return paused.error();
  }
  return base::Unreachable(address_.Text() + " did not open in time");
}

base::Status PostgresDoor::Extend(base::MonotonicTime until, const Cancelled& cancelled) {
  if (!watchdog_ || watchdog_->gone || !control_ || control_->broken()) {
    return Open(until, cancelled);  // what watched is gone: begin anew
  }
  const base::MonotonicTime deadline = std::min(until, clock_.Monotonic() + call_);
  ASSIGN_OR_RETURN(const std::int64_t until_us, OnServerClock(until, deadline));
  return Tell(until_us, deadline);
}

base::Status PostgresDoor::EndWatchdogs(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<probe::Row> ended,
                     control->Query("select pg_terminate_backend(pid) from pg_stat_activity where"
                                    " application_name = $1 and usename = current_user",
                                    {WatchdogName(address_.database)}, deadline));
    if (ended.empty()) return base::Ok();
    const auto paused = control->Query("select pg_sleep($1::float8)",
                                       {std::to_string(base::Seconds(kPoll))}, deadline);
    if (!paused.ok()) return paused.error();
  }
}

base::Status PostgresDoor::Close(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(const std::vector<probe::Row> rows,
                   control->Query("select pg_is_in_recovery()::int", {}, deadline));
  if (rows[0][0] == "1") return base::Ok();  // nothing can be written to a replica
  // Watchdogs end first: one that has just begun would open behind our back.
  StopListening();
  RETURN_IF_ERROR(EndWatchdogs(deadline));
  return probe::CloseDatabase(*control, address_.database, deadline);
}

}  // namespace leeward::guard

#include "guard/postgres_door.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "guard/watchdog.h"

namespace leeward::guard {
namespace {

constexpr char kControlDatabase[] = "postgres";
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

// Whether it was only that another changed the same entry of the catalogue: "tuple concurrently
// updated", or a lock that it kept.
bool PassesByItself(const base::Error& error) {
  return error.service_code() == "XX000" || error.service_code() == "55P03";
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

base::Status PostgresDoor::Name(probe::PostgresSession& session, const std::string& name,
                                base::MonotonicTime deadline) {
  const auto named =
      session.Query("select set_config('application_name', $1, false)", {name}, deadline);
  return named.ok() ? base::Ok() : base::Status(named.error());
}

base::Status PostgresDoor::Tell(std::int64_t until_us, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  return Name(*control, kControlName + std::to_string(until_us), deadline);
}

base::Status PostgresDoor::StartWatchdog(std::int64_t until_us, base::MonotonicTime deadline) {
  auto watchdog = std::make_unique<Watchdog>();
  ASSIGN_OR_RETURN(watchdog->session, Session(deadline));
  ASSIGN_OR_RETURN(const std::vector<probe::Row> pid,
                   watchdog->session->Query("select pg_backend_pid()", {}, deadline));
  watchdog->pid = pid[0][0].value_or("0");
  RETURN_IF_ERROR(Name(*watchdog->session, WatchdogName(address_.database), deadline));
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

// Whether our watchdog runs in the server, and no other does.
base::Result<bool> PostgresDoor::IsWatched(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(
      const std::vector<probe::Row> rows,
      control->Query(
          "select (count(*) = 1 and bool_and(pid::text = $2 and state = 'active'))::int"
          " from pg_stat_activity where application_name = $1 and usename = current_user",
          {WatchdogName(address_.database), watchdog_->pid}, deadline));
  return rows[0][0] == "1";
}

base::Status PostgresDoor::Open(base::MonotonicTime until, const Cancelled& cancelled) {
  const base::MonotonicTime deadline = std::min(until, clock_.Monotonic() + call_);
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(const std::vector<probe::Row> rows,
                   control->Query("select pg_is_in_recovery()::int", {}, deadline));
  if (rows[0][0] == "1") return base::WrongState(address_.Text() + " is a replica");
  ASSIGN_OR_RETURN(const probe::HeldLogins held, probe::LookAtHeldLogins(*control, deadline));
  if (held.count > 0 && !probe::MayHold(held)) {
    return base::Denied(address_.user + " may not alter the logins in " + probe::kHeldRole +
                        " at " + address_.Text() +
                        "; give it CREATEROLE (from PostgreSQL 16 on also ADMIN OPTION on each of"
                        " them), or take them out of that role");
  }
  ASSIGN_OR_RETURN(const std::int64_t until_us, OnServerClock(until, deadline));
  StopListening();
  RETURN_IF_ERROR(Tell(until_us, deadline));
  RETURN_IF_ERROR(StartWatchdog(until_us, deadline));
  while (clock_.Monotonic() < deadline) {
    if (cancelled && cancelled()) return base::Cancelled("opening was given up");
    ASSIGN_OR_RETURN(const bool open, probe::IsDatabaseOpen(*control, address_.database, deadline));
    if (watchdog_->gone) return base::Unreachable("the watchdog of " + address_.Text() + " ended");
    // One that was open before says nothing of who will shut it.
    ASSIGN_OR_RETURN(const bool watched, IsWatched(deadline));
    if (open && watched) return base::Ok();
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

base::Status PostgresDoor::Close(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(probe::PostgresSession * control, Control(deadline));
  ASSIGN_OR_RETURN(const std::vector<probe::Row> rows,
                   control->Query("select pg_is_in_recovery()::int", {}, deadline));
  if (rows[0][0] == "1") return base::Ok();  // nothing can be written to a replica
  StopListening();
  // Watchdogs stand while it is being closed: were they ended first, a guard that is lost or cut
  // off just then would leave an open door behind that nobody shuts.
  base::Status closed = probe::CloseDatabase(*control, address_.database, deadline);
  if (!closed.ok() && !PassesByItself(closed.error())) return closed;
  // One that has just begun would open behind our back. The server ends it and shuts in one go, and
  // goes on with that when it hears no more of us: until then this session is a watchdog, too.
  RETURN_IF_ERROR(Name(*control, WatchdogName(address_.database), deadline));
  const auto shut = control->Query(ShutStatement(address_.database), {}, deadline);
  if (!shut.ok()) return shut.error();
  return Name(*control, kControlName, deadline);
}

}  // namespace leeward::guard

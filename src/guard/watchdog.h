// The watchdog of a PostgresDoor, and what shuts a door at once: one statement each, because a
// server carries a statement out to its end whatever becomes of the guard that sent it.
//
// The names of sessions (application_name) say what they are: other guards find a watchdog by its
// name, and a watchdog the time that its guard tells it.
#pragma once

#include <cstdint>
#include <string>

namespace leeward::guard {

// A guard's own session is called this and the time until which the door is open, in microseconds
// since 1970 on the server's clock.
inline constexpr char kControlName[] = "leeward-door/";
// A watchdog's, and while it shuts the door a guard's own.
std::string WatchdogName(const std::string& database);

// Ends the watchdogs before it; opens, unless it is too late for that already; waits until
// `until_us`, or what the session `control_pid` says by then; closes, and ends who is there.
std::string WatchdogStatement(const std::string& database, const std::string& control_pid,
                              std::int64_t until_us);
// Ends every watchdog; closes, and ends who is there.
std::string ShutStatement(const std::string& database);

}  // namespace leeward::guard

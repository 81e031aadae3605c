#include "guard/watchdog.h"

#include <algorithm>

#include "base/bytes.h"
#include "probe/database.h"

namespace leeward::guard {
namespace {

constexpr char kPrefix[] = "leeward-watchdog/";
// An application_name is cut at 63 bytes, and what is not plain ASCII in it is replaced: of two
// databases whose names become the same, each guard would end the other's watchdog.
constexpr std::size_t kNameKept = 63 - (sizeof kPrefix - 1);

std::string Quoted(const std::string& text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    quoted += c;
    if (c == quote) quoted += c;
  }
  return quoted + quote;
}

// The command as an SQL string, for EXECUTE.
std::string Alter(const std::string& database, const char* allow) {
  return Quoted("alter database " + Quoted(database, '"') + " with allow_connections " + allow,
                '\'');
}

// Two that begin at once must not end each other: of them the later one stays.
constexpr char kOlderThanThis[] =
    "      and (query_start, pid) < (statement_timestamp(), pg_backend_pid())";
constexpr char kAnyButThis[] = "      and pid <> pg_backend_pid()";

std::string EndWatchdogs(const std::string& database, const std::string& which) {
  return "  loop\n"
         "    perform pg_terminate_backend(pid) from pg_stat_activity\n"
         "      where application_name = " +
         Quoted(WatchdogName(database), '\'') +
         "\n"
         "      and usename = current_user\n" +
         which +
         ";\n"
         "    exit when not found;\n"
         "    commit;\n"
         "    perform pg_sleep(0.005);\n"
         "  end loop;\n"
         "  commit;\n";
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

// Only when the logins are held; whoever changes the database's entry just then costs a turn, and
// must not end a watchdog that may have taken over an open door.
std::string OpenOnce(const std::string& database) {
  return "    if held_until > 0 and not opened then\n"
         "      begin\n"
         "        execute " +
         Alter(database, "true") +
         ";\n"
         "        opened := true;\n"
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
         Alter(database, "false") +
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

}  // namespace

std::string WatchdogName(const std::string& database) {
  const bool kept =
      database.size() <= kNameKept &&
      std::all_of(database.begin(), database.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return kPrefix + (kept ? database : base::Sha256Hex(database).substr(0, kNameKept));
}

// Commits between, so that others see each part at once and nothing is held while it sleeps. The
// older ones end from in here: were it the guard that ended them, one that is lost just then would
// leave an open door behind that nobody shuts.
std::string WatchdogStatement(const std::string& database, const std::string& control_pid,
                              std::int64_t until_us) {
  return "do $leeward$\n"
         "declare\n"
         "  ends bigint := " +
         std::to_string(until_us) +
         ";\n"
         "  told bigint;\n"
         "  left_us bigint;\n"
         "  opened boolean := false;\n"
         "  shut boolean := false;\n"
         "  quiet int := 0;\n"
         "  held name;\n"
         "  held_until bigint := 0;\n"
         "begin\n" +
         EndWatchdogs(database, kOlderThanThis) +
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
         HoldLogins() + OpenOnce(database) +
         "    commit;\n"
         "    perform pg_sleep(least(left_us, 20000) / 1000000.0);\n"
         "  end loop;\n" +
         Shut(database) + "end $leeward$";
}

std::string ShutStatement(const std::string& database) {
  return "do $leeward$\n"
         "declare\n"
         "  shut boolean := false;\n"
         "  quiet int := 0;\n"
         "begin\n" +
         EndWatchdogs(database, kAnyButThis) + Shut(database) + "end $leeward$";
}

}  // namespace leeward::guard

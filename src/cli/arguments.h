// What the command line says, as plain data. The only other file that knows of CLI11 is
// arguments.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"

namespace leeward::cli {

enum class Command {
  kValidate,
  kSchema,
  kPlan,
  kProtect,
  kFailover,
  kSwitchover,
  kFailback,
  kCallOff,
  kStatus,
  kStage,
  kDrill,
  kJournalVerify,
  kReport,
  kForecast,
  kAbandon,
  kApprove,
  kLateWrites,
  kRepairList,
  kCompensate,
  kGuard,
  kObserve,
  kServe,
  kSession,
  kVersion,
};

// session
struct SessionArguments {
  std::string mode;                      // "redis", "dynamodb", "sync", "tokens"
  std::string listen;                    // of the application
  std::string peer_listen;               // "HOST:PORT" of the other Regions; empty: none
  std::vector<std::string> peers;        // "http://HOST:PORT", the other Regions' peer listeners
  std::string redis;                     // "HOST:PORT" of the Region's own; empty: none
  std::vector<std::string> redis_other;  // of the other Regions
  std::string table;                     // DynamoDB's; empty: none
  std::string secret_file;               // of the services; empty: $LEEWARD_SESSION_SECRET
  std::string algorithm = "EdDSA";
  std::string audience;  // empty: the application's name
  std::optional<base::Duration> idle, life, skew, rotate, lead;
};

struct Arguments {
  Command command = Command::kVersion;
  std::string spec;             // the spec's path; for `journal verify` a spec or a journal
  std::string action;           // plan
  std::string format = "text";  // plan
  std::string to;               // Region to move to; empty: the other one
  bool dry_run = false;
  bool yes = false;
  std::optional<base::Duration> accept_loss;
  std::string override_fence;     // "NAME: REASON"
  std::string forgo_late_writes;  // the same
  std::string state;              // directory; empty: the default one
  std::string resolver;           // "HOST:PORT"; empty: the system's
  bool json = false;
  bool watch = false;  // status
  // drill
  bool lab = false;
  std::string lab_state;  // directory of the private lab; empty: a temporary one
  std::string fault = "region-loss";
  bool keep = false;  // the lab is left running
  bool no_failback = false;
  std::optional<double> rate;      // writes per second; absent: the spec's
  std::string report;              // HTML file; empty: none
  std::string region;              // guard, observe
  std::string listen;              // guard, serve
  std::string source;              // observe: local address to ask from; empty: the system's choice
  std::vector<std::string> specs;  // serve
  std::string token_file;          // serve
  std::string export_file;         // late-writes: JSON lines; empty: none
  int runs = 10'000;               // forecast
  std::uint64_t seed = 1;          // forecast
  std::vector<std::string> from;   // forecast: documents of drills; empty: the state's journals
  std::string by;                  // abandon, approve: "NAME: REASON"
  std::string settled;             // compensate: "NAME: REASON"
  std::string hash;                // journal verify: to be found in it; empty: none
  std::string quoted_by;           // journal verify: a report that quotes one; empty: none
  SessionArguments session;
  std::string execution;  // approve: only that one; empty: whatever asks
};

// The arguments, or what to print and the exit code: help is 0, a mistake 2.
struct Leave {
  int code = 0;
  std::string out;  // for standard output
  std::string err;  // for standard error
};
std::variant<Arguments, Leave> ParseArguments(int argc, const char* const* argv);

}  // namespace leeward::cli

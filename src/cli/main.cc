// leeward: the command line.
#include <cstdio>
#include <variant>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"

namespace leeward::cli {
namespace {

int Run(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::kValidate:
      return RunValidate(arguments);
    case Command::kSchema:
      return RunSchema(arguments);
    case Command::kPlan:
      return RunPlan(arguments);
    case Command::kProtect:
    case Command::kFailover:
    case Command::kSwitchover:
    case Command::kFailback:
    case Command::kCallOff:
      return RunAction(arguments);
    case Command::kStatus:
      return RunStatus(arguments);
    case Command::kStage:
      return RunStageCommand(arguments);
    case Command::kDrill:
      return RunDrill(arguments);
    case Command::kJournalVerify:
      return RunJournalVerify(arguments);
    case Command::kApprove:
      return RunApprove(arguments);
    case Command::kAbandon:
      return RunAbandon(arguments);
    case Command::kReport:
      return RunReport(arguments);
    case Command::kForecast:
      return RunForecast(arguments);
    case Command::kLateWrites:
      return RunLateWrites(arguments);
    case Command::kRepairList:
      return RunRepairList(arguments);
    case Command::kCompensate:
      return RunCompensate(arguments);
    case Command::kGuard:
      return RunGuard(arguments);
    case Command::kObserve:
      return RunObserve(arguments);
    case Command::kServe:
      return RunServe(arguments);
    case Command::kSession:
      return RunSession(arguments);
    case Command::kVersion:
      return RunVersion(arguments);
  }
  return kBadUsage;
}

}  // namespace
}  // namespace leeward::cli

int main(int argc, char** argv) {
  using namespace leeward::cli;  // NOLINT: main is all of it
  const auto parsed = ParseArguments(argc, argv);
  int code = kDone;
  if (const Leave* leave = std::get_if<Leave>(&parsed)) {
    Write(stdout, leave->out);
    Write(stderr, leave->err);
    code = leave->code;
  } else {
    code = Run(std::get<Arguments>(parsed));
  }
  if (AllTaken()) return code;
  Write(stderr, "leeward: standard output did not take all that was to be said\n");
  return code == kDone ? kCannotReach : code;
}

// stage: the calls that put an example application in place, in a lab that is up.
#include "cli/before.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/signals.h"
#include "cli/stage_run.h"

namespace leeward::cli {
namespace {

// Whether the calls stay on this machine.
bool IsLocal(const std::string& endpoint) {
  return endpoint.starts_with("http://127.") || endpoint.starts_with("http://localhost:");
}

base::Result<int> PutInPlace(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(const Project project, ReadProject(world.files, arguments));
  if (!IsLocal(world.Variable("AWS_ENDPOINT_URL")) && !arguments.yes) {
    return base::Invalid(
        "stage makes resources, and AWS_ENDPOINT_URL is not a lab on this machine; set it, or say "
        "--yes to make them "
        "on AWS");
  }
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  RETURN_IF_ERROR(CheckPasswords(world, project));
  const base::Result<std::size_t> calls = RunStage(world, project, "", [](const StageCall& call) {
    Emit("{} {}\n", call.service, call.operation);
    std::fflush(stdout);
  });
  if (!calls.ok()) return WithAdvice(calls.error(), world);
  Emit("{} calls put {} in place\n", *calls, project.application.name.str());
  return kDone;
}

}  // namespace

int RunStageCommand(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = PutInPlace(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

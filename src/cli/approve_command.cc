// approve: one person's agreement to what an execution waits for.
#include "cli/approvals_store.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "steps/approval.h"

namespace leeward::cli {
namespace {

base::Result<int> Approve(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(const decide::Approval approval,
                   decide::ApprovalFrom(arguments.by, world.clock.Now()));
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  ASSIGN_OR_RETURN(const auto store, FindApprovals(world, project));
  if (!store) return base::WrongState("nothing waits for an approval");
  const auto given = steps::GiveApproval(*store, project.application.name, world.clock, approval,
                                         model::ExecutionId(arguments.execution));
  if (!given.ok()) {
    // Not that something is missing which could be reached for: there is nothing to approve.
    if (given.error().code() != base::ErrorCode::kNotFound) return given.error();
    return base::WrongState(given.error().message());
  }
  Emit("approved: {}\nexecution {} {}\n", Printable(given->question), given->execution.str(),
       Printable(decide::Describe(*given, world.clock.Now())));
  return kDone;
}

}  // namespace

int RunApprove(const Arguments& arguments) {
  base::Result<std::unique_ptr<World>> world = World::Make(WorldOptions{});
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = Approve(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

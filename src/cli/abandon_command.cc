// abandon: gives up an execution that was begun and has not ended, so that it is not in the way of
// another. A record in the journal; nothing else is changed.
#include <fmt/format.h>

#include "cli/before.h"
#include "cli/carry_out.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/mirroring.h"
#include "cli/project.h"
#include "cli/world.h"
#include "execute/execute.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

// What its steps did stays so; each is named with what would take it back.
std::string Left(const model::Plan& plan, const execute::State& state) {
  std::string text;
  for (const model::Step& step : plan.steps) {
    const execute::StepProgress& progress = state.steps.at(step.id);
    if (progress.attempts == 0) continue;
    const char* how = progress.state == execute::StepState::kDone ? "done" : "begun";
    text += fmt::format("  {}: {}; to take it back: {}\n", how, step.title,
                        step.undo.empty() ? "it cannot be" : step.undo);
  }
  return text.empty() ? "" : "What it did stays as it is:\n" + text;
}

// The Region of the plan that does not answer from here, while the other one does; empty: neither
// or both are so, and who sees nothing at all cannot say which is lost.
base::Result<model::Region> LostOf(World& world, const Project& project, const model::Plan& plan) {
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  InventoryKeeper inventory(world.files, project.InventoryPath());
  RETURN_IF_ERROR(inventory.Load());
  const model::Snapshot snapshot =
      SnapshotOf(LookAround(world, project, inventory.current()), project, inventory.current());
  std::vector<model::Region> down;
  for (const model::Region& region : {plan.from, plan.to}) {
    const model::Verdict* verdict = snapshot.Of(region);
    if (verdict != nullptr && verdict->health == model::Health::kDown) down.push_back(region);
  }
  return down.size() == 1 ? down.front() : model::Region();
}

// How the application is served again; empty: the Regions answer.
std::string After(const model::Plan& plan, const model::Region& lost) {
  if (lost.empty()) return "";
  const model::Region& left = lost == plan.from ? plan.to : plan.from;
  return fmt::format(
      "{} does not answer from here. To serve in {}, also what is not promoted there yet: "
      "`leeward failover --to {}`\n",
      lost.str(), left.str(), left.str());
}

base::Result<int> Abandon(const Arguments& arguments, World& world) {
  RETURN_IF_ERROR(CheckSigned("--by", arguments.by, "who gives it up"));
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  // What another machine began may be in the store.
  if (!exists && !project.application.failover.store)
    return base::WrongState("nothing was carried out yet; there is nothing to give up");
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, project));
  ASSIGN_OR_RETURN(const Mirroring mirroring,
                   StartMirroring(world, project, Actor(world), nullptr, opened));
  const auto unfinished = execute::FindUnfinished(opened.events);
  if (!unfinished)
    return base::WrongState("everything that was begun has ended; there is nothing to give up");
  ASSIGN_OR_RETURN(const model::Plan plan, plan::FromJson(unfinished->plan_json));
  const execute::State state = execute::Replay(plan, unfinished->execution, opened.events);
  const std::string what =
      fmt::format("{} from {} to {}", model::Name(plan.action), plan.from.str(), plan.to.str());
  model::Region lost;
  if (const auto step = execute::KeepsFromAbandoning(plan, state)) {
    ASSIGN_OR_RETURN(lost, LostOf(world, project, plan));
    if (!execute::CannotGoOnWithout(plan, lost)) {
      return base::Refused(
          fmt::format("the {} has begun {}; run `leeward {}` again, which goes on from there", what,
                      step->str(), model::Name(plan.action)));
    }
  }
  ASSIGN_OR_RETURN(const auto recorded,
                   opened.journal->Append({execute::Abandoned(unfinished->execution, Actor(world),
                                                              arguments.by, world.clock.Now())}));
  Emit("{} is abandoned and will not be gone on with.\n{}{}", what, Left(plan, state),
       After(plan, lost));
  return kDone;
}

}  // namespace

int RunAbandon(const Arguments& arguments) {
  base::Result<std::unique_ptr<World>> world = World::Make(WorldOptions{});
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = Abandon(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

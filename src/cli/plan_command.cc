#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/plan_view.h"
#include "cli/project.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

// The state in which people want the action: a lost Region for a failover, a living one for the
// rest.
model::Snapshot Supposed(model::Action action, const model::Application& application,
                         base::WallTime now) {
  const model::Regions& regions = application.regions;
  const model::Region& active =
      action == model::Action::kFailback ? regions.recovery : regions.home;
  model::Snapshot snapshot;
  snapshot.at = now;
  for (const model::Region& region : {regions.home, regions.recovery}) {
    const bool lost = action == model::Action::kFailover && region == active;
    snapshot.verdicts.push_back(
        {region, lost ? model::Health::kDown : model::Health::kUp, 2, 2, now, "supposed"});
  }
  for (const model::Component& component : application.components)
    snapshot.active[component.name] = active;
  return snapshot;
}

base::Result<model::Plan> MakePlan(const Arguments& arguments, World& world,
                                   const Project& project) {
  model::Action action = model::Action::kProtect;
  if (!model::FromName(arguments.action, &action))
    return base::Invalid("no such action: " + arguments.action);
  ASSIGN_OR_RETURN(const model::Inventory inventory,
                   ReadInventory(world.files, project.InventoryPath()));
  plan::Options options;
  options.reason = "shown by leeward plan, supposing that ";
  options.reason +=
      action == model::Action::kFailover ? "the active Region is lost" : "both Regions answer";
  return plan::Make(action, project.application, inventory,
                    Supposed(action, project.application, world.clock.Now()), options);
}

base::Result<int> Plan(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::unique_ptr<World> world, World::Make({}));
  ASSIGN_OR_RETURN(const Project project, OpenProject(world->files, arguments));
  ASSIGN_OR_RETURN(const model::Plan plan, MakePlan(arguments, *world, project));
  const std::string text = arguments.format == "json"  ? plan::ToJson(plan) + "\n"
                           : arguments.format == "dot" ? plan::ToDot(plan)
                                                       : PlanText(plan, LookAtTerminal());
  Emit("{}", text);
  return kDone;
}

}  // namespace

int RunPlan(const Arguments& arguments) {
  const base::Result<int> code = Plan(arguments);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

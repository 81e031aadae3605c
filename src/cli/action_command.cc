// protect, failover, switchover and failback: look, plan, ask, carry out.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/carry_out.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/live_view.h"
#include "cli/look.h"
#include "cli/result_json.h"
#include "cli/signals.h"
#include "cli/step_runners.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

model::Action ActionOf(Command command) {
  switch (command) {
    case Command::kFailover:
      return model::Action::kFailover;
    case Command::kSwitchover:
      return model::Action::kSwitchover;
    case Command::kFailback:
      return model::Action::kFailback;
    default:
      return model::Action::kProtect;
  }
}

struct Acting {
  const Arguments& arguments;
  World& world;
  Project project;
  InventoryKeeper& inventory;
  model::Action action;
};

base::Result<model::Plan> MakePlan(Acting& acting) {
  const Seen seen = Look(acting.world, acting.project, acting.inventory.current());
  const model::Snapshot snapshot = SnapshotOf(seen, acting.project, acting.inventory.current());
  plan::Options options;
  options.accept_loss = acting.arguments.accept_loss;
  options.override_fence = acting.arguments.override_fence;
  options.reason = fmt::format("asked for by {}", Actor(acting.world));
  ASSIGN_OR_RETURN(model::Plan plan, plan::Make(acting.action, acting.project.application,
                                                acting.inventory.current(), snapshot, options));
  if (!acting.arguments.to.empty() && plan.to.str() != acting.arguments.to) {
    return base::WrongState(
        fmt::format("{} would go to {}, not {}; the application is active in {}",
                    model::Name(plan.action), plan.to.str(), acting.arguments.to, plan.from.str()));
  }
  return plan;
}

// Asks on a terminal; without one --yes is needed, so that no script moves an application by
// accident.
base::Status Confirm(const Arguments& arguments, const model::Plan& plan) {
  if (arguments.yes) return base::Ok();
  const std::string what =
      fmt::format("{} of {}: {} steps, from {} to {}", model::Name(plan.action),
                  plan.application.str(), plan.steps.size(), plan.from.str(), plan.to.str());
  if (isatty(STDIN_FILENO) != 1 || arguments.json) {
    return base::Invalid(what +
                         "; nobody to ask here, say --yes to carry it out or --dry-run to see it");
  }
  fmt::print(stderr, "{}\nType yes to carry it out: ", what);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "yes") return base::Ok();
  return base::Cancelled("not carried out; nothing was changed");
}

// The sink for people or, for --json, none.
std::unique_ptr<driver::EventSink> MakeSink(const Acting& acting, StandardOutput& output) {
  if (acting.arguments.json) return std::make_unique<Quiet>();
  return std::make_unique<LiveView>(acting.world.clock, LookAtTerminal(), output);
}

base::Result<Carried> Carry(Acting& acting, journal::Journal::Opened& opened,
                            driver::EventSink& sink) {
  ASSIGN_OR_RETURN(const std::optional<Interrupted> interrupted,
                   FindInterrupted(opened.events, acting.action));
  const std::unique_ptr<steps::Runner> steps = MakeStepRunners(acting.world, acting.inventory);
  const Carrier carrier{acting.world,    acting.project, acting.inventory.current(), *steps,
                        *opened.journal, sink,           Actor(acting.world)};
  if (interrupted) return GoOnWith(carrier, *interrupted, opened.events);
  ASSIGN_OR_RETURN(const model::Plan plan, MakePlan(acting));
  RETURN_IF_ERROR(Confirm(acting.arguments, plan));
  return CarryOut(carrier, plan);
}

int Tell(const Acting& acting, const Carried& carried, const journal::Journal& journal) {
  if (acting.arguments.json) {
    fmt::print("{}", ResultJson(carried, journal));
    return carried.ExitCode();
  }
  const std::string what =
      fmt::format("{} of {} from {} to {}", model::Name(carried.plan.action),
                  carried.plan.application.str(), carried.plan.from.str(), carried.plan.to.str());
  if (carried.finish.outcome == execute::Outcome::kDone) {
    fmt::print("{}: done\n", what);
  } else {
    fmt::print(stderr, "leeward: {} {}: {}; the same command goes on from here\n", what,
               execute::Name(carried.finish.outcome), Printable(carried.finish.reason));
  }
  return carried.ExitCode();
}

base::Result<int> Act(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(Project project, OpenProject(world.files, arguments));
  InventoryKeeper inventory(world.files, project.InventoryPath());
  RETURN_IF_ERROR(inventory.Load());
  Acting acting{arguments, world, std::move(project), inventory, ActionOf(arguments.command)};
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  if (arguments.dry_run) {
    ASSIGN_OR_RETURN(const model::Plan plan, MakePlan(acting));
    fmt::print("{}", arguments.json ? plan::ToJson(plan) : plan::ToText(plan));
    return kDone;
  }
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, acting.project));
  StandardOutput output;
  std::unique_ptr<driver::EventSink> sink = MakeSink(acting, output);
  ASSIGN_OR_RETURN(const Carried carried, Carry(acting, opened, *sink));
  sink.reset();
  return Tell(acting, carried, *opened.journal);
}

}  // namespace

int RunAction(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.resolver = arguments.resolver;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = Act(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

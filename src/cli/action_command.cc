// protect, failover, switchover and failback: look, plan, ask, carry out.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
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

// What the action cannot do without has to answer, so that nothing is begun that cannot go
// anywhere. A failover needs nothing of the Region it leaves.
base::Status CheckReach(const Seen& seen, const model::Snapshot& snapshot, model::Action action) {
  for (const auto& [region, answer] : seen.control_planes) {
    const bool left = std::any_of(snapshot.active.begin(), snapshot.active.end(),
                                  [&](const auto& active) { return active.second == region; });
    if (answer.ok() || (action == model::Action::kFailover && left)) continue;
    return base::Error(answer.error()).Context(region.str());
  }
  return base::Ok();
}

base::Result<model::Plan> MakePlan(Acting& acting) {
  const Seen seen = Look(acting.world, acting.project, acting.inventory.current());
  const model::Snapshot snapshot = SnapshotOf(seen, acting.project, acting.inventory.current());
  RETURN_IF_ERROR(CheckReach(seen, snapshot, acting.action));
  plan::Options options;
  options.accept_loss = acting.arguments.accept_loss;
  options.override_fence = acting.arguments.override_fence;
  options.reason = fmt::format("asked for by {}", Actor(acting.world));
  base::Result<model::Plan> plan = plan::Make(acting.action, acting.project.application,
                                              acting.inventory.current(), snapshot, options);
  if (!plan.ok()) return plan;
  if (!acting.arguments.to.empty() && plan->to.str() != acting.arguments.to) {
    return base::WrongState(fmt::format(
        "{} would go to {}, not {}; the application is active in {}", model::Name(plan->action),
        plan->to.str(), acting.arguments.to, plan->from.str()));
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

// What is to be carried out: a new plan, or one that was interrupted.
struct Intent {
  std::optional<Interrupted> interrupted;
  model::Plan plan;
  std::uint64_t records = 0;  // of the journal when this was decided
};

base::Result<Intent> Decide(Acting& acting) {
  Intent intent;
  ASSIGN_OR_RETURN(const bool exists, acting.world.files.Exists(acting.project.JournalPath()));
  if (exists) {
    ASSIGN_OR_RETURN(const journal::Contents contents,
                     journal::Read(acting.world.files, acting.project.JournalPath()));
    intent.records = contents.summary.records;
    ASSIGN_OR_RETURN(intent.interrupted, FindInterrupted(contents.events, acting.action));
  }
  if (intent.interrupted) {
    intent.plan = intent.interrupted->plan;
  } else {
    ASSIGN_OR_RETURN(intent.plan, MakePlan(acting));
  }
  return intent;
}

base::Result<Carried> Carry(Acting& acting, const Intent& intent,
                            journal::Journal::Opened& opened) {
  if (opened.events.size() != intent.records) {
    return base::WrongState(
        "another leeward wrote to the journal meanwhile; look with `leeward status` and try again");
  }
  StandardOutput output;
  const std::unique_ptr<driver::EventSink> sink = MakeSink(acting, output);
  const std::unique_ptr<steps::Runner> steps = MakeStepRunners(acting.world, acting.inventory);
  const Carrier carrier{acting.world,    acting.project, acting.inventory.current(), *steps,
                        *opened.journal, *sink,          Actor(acting.world)};
  if (intent.interrupted) return GoOnWith(carrier, *intent.interrupted, opened.events);
  return CarryOut(carrier, intent.plan);
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
  ASSIGN_OR_RETURN(const Intent intent, Decide(acting));
  if (arguments.dry_run) {
    fmt::print("{}", arguments.json ? plan::ToJson(intent.plan) + "\n" : plan::ToText(intent.plan));
    return kDone;
  }
  if (!intent.interrupted) RETURN_IF_ERROR(Confirm(arguments, intent.plan));
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, acting.project));
  ASSIGN_OR_RETURN(const Carried carried, Carry(acting, intent, opened));
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

// protect, failover, switchover and failback: look, plan, ask, carry out.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <set>

#include "cli/before.h"
#include "cli/carry_out.h"
#include "cli/commands.h"
#include "cli/dry_run.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/going_on.h"
#include "cli/history.h"
#include "cli/live_view.h"
#include "cli/look.h"
#include "cli/mirroring.h"
#include "cli/result_json.h"
#include "cli/signals.h"
#include "cli/step_runners.h"
#include "execute/promoted.h"
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
    case Command::kCallOff:
      return model::Action::kCallOff;
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

// Whether what was seen says in which one Region the application is active.
bool IsKnown(const model::Snapshot& snapshot) {
  std::set<model::Region> active;
  for (const auto& each : snapshot.active) active.insert(each.second);
  return active.size() == 1;
}

// What a way home looks for late writes by.
base::Status SetParted(const Acting& acting, const std::vector<model::Event>& history,
                       plan::Options& options) {
  const std::string& forgone = acting.arguments.forgo_late_writes;
  if (!forgone.empty()) {
    RETURN_IF_ERROR(CheckSigned("--forgo-late-writes", forgone, "who goes home so"));
    options.reason += "; without late writes, by " + forgone;
    return base::Ok();
  }
  if (acting.action == model::Action::kFailback)
    RETURN_IF_ERROR(CheckKnowsLateWrites(acting.world, acting.project, history, "failback"));
  options.parted = PartedOf(history);
  return base::Ok();
}

// The Region that need not answer besides the one that is known to be left: where a move that is
// called off was to go, or what a failover of stores that tell no writer leaves by --to.
model::Region SparedOf(const Acting& acting, const model::Snapshot& snapshot,
                       const std::optional<Interrupted>& called_off) {
  if (called_off) return called_off->plan.to;
  if (acting.action != model::Action::kFailover || IsKnown(snapshot)) return {};
  const model::Regions& regions = acting.project.application.regions;
  if (acting.arguments.to == regions.recovery.str()) return regions.home;
  return acting.arguments.to == regions.home.str() ? regions.recovery : model::Region();
}

base::Result<model::Plan> MakePlan(Acting& acting, const std::vector<model::Event>& history,
                                   const std::optional<Interrupted>& called_off) {
  RETURN_IF_ERROR(CheckProtected(acting.project, acting.inventory.current(), acting.action));
  const Seen seen = LookAround(acting.world, acting.project, acting.inventory.current());
  const model::Snapshot snapshot = SnapshotOf(seen, acting.project, acting.inventory.current());
  const model::Region spared = SparedOf(acting, snapshot, called_off);
  RETURN_IF_ERROR(CheckReach(acting.world, seen, snapshot, acting.action, spared));
  RETURN_IF_ERROR(CheckNamed(acting.world, acting.project, snapshot, acting.action));
  plan::Options options;
  options.accept_loss = acting.arguments.accept_loss;
  options.override_fence = acting.arguments.override_fence;
  options.reason = fmt::format("asked for by {}", Actor(acting.world));
  options.promoted = execute::PromotionsNotDone(history);
  RETURN_IF_ERROR(SetParted(acting, history, options));
  if (!IsKnown(snapshot)) options.to = model::Region(acting.arguments.to);
  if (called_off) {
    options.to = called_off->plan.from;
    options.reason += fmt::format(", to call off the {} {}", model::Name(called_off->plan.action),
                                  called_off->execution.str());
  }
  base::Result<model::Plan> plan = plan::Make(acting.action, acting.project.application,
                                              acting.inventory.current(), snapshot, options);
  if (!plan.ok()) return plan;
  RETURN_IF_ERROR(
      CheckTo(acting.arguments.to, *plan, "the application is active in " + plan->from.str()));
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
  Emit(stderr, "{}\nType yes to carry it out: ", what);
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
  std::vector<model::Event> history;
  std::string vouched;        // who vouches for the interrupted one's fence anew
  std::uint64_t records = 0;  // of the journal when this was decided
};

base::Result<std::vector<model::Event>> ReadHistory(const Acting& acting) {
  ASSIGN_OR_RETURN(const bool exists, acting.world.files.Exists(acting.project.JournalPath()));
  if (!exists) return std::vector<model::Event>();
  ASSIGN_OR_RETURN(journal::Contents contents,
                   journal::Read(acting.world.files, acting.project.JournalPath()));
  return std::move(contents.events);
}

base::Result<Intent> Decide(Acting& acting) {
  Intent intent;
  ASSIGN_OR_RETURN(intent.history, ReadHistory(acting));
  intent.records = intent.history.size();
  if (acting.arguments.dry_run) {
    RETURN_IF_ERROR(AddMirrored(acting.world, acting.project, &intent.history));
  }
  std::optional<Interrupted> called_off;
  if (acting.action == model::Action::kCallOff) {
    ASSIGN_OR_RETURN(called_off, FindCallableOff(intent.history));
  }
  if (!called_off) {
    ASSIGN_OR_RETURN(intent.interrupted, FindInterrupted(intent.history, acting.action));
  }
  if (intent.interrupted) {
    intent.vouched = Vouch(acting.arguments.override_fence, intent.interrupted->plan);
    intent.plan = intent.interrupted->plan;
    RETURN_IF_ERROR(
        CheckTo(acting.arguments.to, intent.plan, "that one was begun and has not ended"));
  } else {
    ASSIGN_OR_RETURN(intent.plan, MakePlan(acting, intent.history, called_off));
  }
  return intent;
}

base::Result<Mirroring> Mirror(Acting& acting, journal::Journal::Opened& opened) {
  if (acting.action == model::Action::kProtect) return Mirroring();
  ASSIGN_OR_RETURN(Mirroring mirroring,
                   MirrorUnlessVouched(acting.world, acting.project, Actor(acting.world), nullptr,
                                       acting.arguments.override_fence, opened));
  if (mirroring.told.empty()) return mirroring;
  return base::WrongState("another leeward went on meanwhile (" + mirroring.told +
                          "); look with `leeward status` and try again");
}

base::Result<Carried> Carry(Acting& acting, const Intent& intent,
                            journal::Journal::Opened& opened) {
  if (opened.events.size() != intent.records) {
    return base::WrongState(
        "another leeward wrote to the journal meanwhile; look with `leeward status` and try again");
  }
  StandardOutput output;
  const std::unique_ptr<driver::EventSink> sink = MakeSink(acting, output);
  ASSIGN_OR_RETURN(const Mirroring mirroring, Mirror(acting, opened));
  const std::unique_ptr<steps::Runner> steps =
      MakeStepRunners(acting.world, acting.inventory, acting.project,
                      {.accepted_loss = acting.arguments.accept_loss});
  const Carrier carrier{acting.world,    acting.project, acting.inventory.current(), *steps,
                        *opened.journal, *sink,          Actor(acting.world)};
  if (!intent.interrupted) return CarryOut(carrier, intent.plan);
  RETURN_IF_ERROR(
      NoteVouched(intent.vouched, *intent.interrupted, acting.world.clock.Now(), *opened.journal));
  return GoOnWith(carrier, *intent.interrupted, opened.events);
}

std::string WhatNext(const Carried& carried) {
  const bool planned = carried.plan.action == model::Action::kSwitchover ||
                       carried.plan.action == model::Action::kFailback;
  const bool back =
      planned && !execute::KeepsFromCallingOff(carried.plan, carried.finish.state).has_value();
  return back ? "; the same command goes on from here, `leeward call-off` puts it back"
              : "; the same command goes on from here";
}

int Tell(const Acting& acting, const Carried& carried, const journal::Journal& journal) {
  if (acting.arguments.json) {
    Emit("{}", ResultJson(carried, journal));
    return carried.ExitCode();
  }
  const std::string what =
      fmt::format("{} of {} from {} to {}", model::Name(carried.plan.action),
                  carried.plan.application.str(), carried.plan.from.str(), carried.plan.to.str());
  if (carried.finish.outcome == execute::Outcome::kDone) {
    Emit("{}: done\n", what);
  } else {
    // A refusal says itself what would let it pass.
    const bool refused = carried.finish.outcome == execute::Outcome::kRefused ||
                         carried.finish.outcome == execute::Outcome::kHeld;
    Emit(stderr, "leeward: {} {}: {}{}\n", what, execute::Name(carried.finish.outcome),
         Printable(carried.finish.reason), refused ? "" : WhatNext(carried));
  }
  return carried.ExitCode();
}

// Fetches what the store has of a move that was begun. The action that turns out to have ended, as
// it was asked for, is told of: there is nothing more to carry out.
base::Result<std::optional<int>> FindOutWhatEnded(const Acting& acting) {
  ASSIGN_OR_RETURN(const std::vector<model::Event> before, ReadHistory(acting));
  RETURN_IF_ERROR(CatchUp(acting.world, acting.project, Actor(acting.world)));
  ASSIGN_OR_RETURN(std::vector<model::Event> now, ReadHistory(acting));
  const std::optional<Interrupted> done = FoundDone(before, now, acting.action);
  if (!done) return std::optional<int>();
  ASSIGN_OR_RETURN(const journal::Journal::Opened opened,
                   OpenJournal(acting.world.files, acting.project));
  Carried carried;
  carried.plan = done->plan;
  carried.finish.state = execute::Replay(done->plan, done->execution, now);
  carried.finish.outcome = execute::Outcome::kDone;
  carried.finish.reason = carried.finish.state.reason;
  return std::optional(Tell(acting, carried, *opened.journal));
}

base::Result<int> Act(const Arguments& arguments, World& world) {
  if (!arguments.override_fence.empty())
    RETURN_IF_ERROR(CheckSigned("--override-fence", arguments.override_fence, "who vouches"));
  ASSIGN_OR_RETURN(Project project, OpenProject(world.files, arguments));
  InventoryKeeper inventory(world.files, project.InventoryPath());
  RETURN_IF_ERROR(inventory.Load());
  Acting acting{arguments, world, std::move(project), inventory, ActionOf(arguments.command)};
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  RETURN_IF_ERROR(CheckPasswords(world, acting.project));
  const bool is_move = acting.action != model::Action::kProtect;
  if (is_move && !arguments.dry_run) {
    ASSIGN_OR_RETURN(const std::optional<int> ended, FindOutWhatEnded(acting));
    if (ended) return *ended;
  }
  ASSIGN_OR_RETURN(const Intent intent, Decide(acting));
  if (arguments.dry_run) {
    return TellDryRun(RunDry(world, acting.project, inventory.current(), intent.plan,
                             intent.interrupted, intent.history),
                      arguments);
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

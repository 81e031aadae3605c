#include "cli/failover_run.h"

#include <map>

#include "cli/before.h"
#include "cli/going_on.h"
#include "cli/history.h"
#include "cli/inventory_file.h"
#include "cli/mirroring.h"
#include "cli/step_runners.h"
#include "execute/execute.h"
#include "execute/promoted.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

using model::Event;
using model::EventKind;

std::vector<Event> VerdictEvents(const model::Snapshot& snapshot) {
  std::vector<Event> events;
  for (const model::Verdict& verdict : snapshot.verdicts) {
    Event event;
    event.at = snapshot.at;
    event.kind = EventKind::kVerdict;
    event.fields = {{"region", verdict.region.str()},
                    {"health", std::string(model::Name(verdict.health))},
                    {"votes", std::to_string(verdict.votes)},
                    {"fresh", std::to_string(verdict.fresh)},
                    {"reason", verdict.reason}};
    events.push_back(std::move(event));
  }
  return events;
}

base::Result<model::Plan> MakePlan(const Project& project, const model::Inventory& inventory,
                                   const FailoverAsk& ask, const std::vector<Event>& history) {
  RETURN_IF_ERROR(CheckProtected(project, inventory, model::Action::kFailover));
  plan::Options options;
  options.accept_loss = ask.order.accept_loss;
  options.override_fence = ask.order.override_fence;
  options.reason = ask.reason;
  options.starter = plan::Starter::kDaemon;
  options.parted = PartedOf(history);
  options.promoted = execute::PromotionsNotDone(history);
  return plan::Make(model::Action::kFailover, project.application, inventory, ask.snapshot,
                    options);
}

}  // namespace

base::Result<JournalFacts> ReadJournalFacts(ports::Files& files, const Project& project) {
  JournalFacts facts;
  ASSIGN_OR_RETURN(const bool exists, files.Exists(project.JournalPath()));
  if (!exists) return facts;
  ASSIGN_OR_RETURN(const journal::Contents contents, journal::Read(files, project.JournalPath()));
  std::map<model::ExecutionId, const Event*> started;
  for (const Event& event : contents.events) {
    if (event.kind == EventKind::kExecutionStarted) started[event.execution] = &event;
    const auto found = started.find(event.execution);
    if (event.kind == EventKind::kExecutionFinished && found != started.end() &&
        found->second->Field("action") == model::Name(model::Action::kFailover) &&
        event.Field("outcome") == execute::Name(execute::Outcome::kDone)) {
      facts.last_failover_end = event.at;
    }
  }
  const std::optional<execute::Unfinished> unfinished = execute::FindUnfinished(contents.events);
  if (!unfinished) return facts;
  const auto found = started.find(unfinished->execution);
  if (found == started.end()) return facts;
  const std::string_view action = found->second->Field("action");
  if (action == model::Name(model::Action::kProtect)) return facts;
  // Another controller's came from the mirror.
  facts.unfinished = action == model::Name(model::Action::kFailover) &&
                     found->second->Field("actor").starts_with("serve:");
  facts.foreign_work = !facts.unfinished;
  facts.execution = unfinished->execution;
  facts.mirrored = found->second->Field(journal::kMirroredField) == "yes";
  return facts;
}

base::Result<model::Plan> PlanFailover(World& world, const Project& project, const FailoverAsk& ask,
                                       const std::vector<Event>& history) {
  ASSIGN_OR_RETURN(const model::Inventory inventory,
                   ReadInventory(world.files, project.InventoryPath()));
  return MakePlan(project, inventory, ask, history);
}

base::Result<Carried> RunFailover(World& world, const Project& project, const FailoverAsk& ask,
                                  driver::EventSink& sink) {
  InventoryKeeper inventory(world.files, project.InventoryPath());
  RETURN_IF_ERROR(inventory.Load());
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, project));
  ASSIGN_OR_RETURN(
      const Mirroring mirroring,
      MirrorUnlessVouched(world, project, ask.actor, ask.store, ask.order.override_fence, opened));
  if (!mirroring.told.empty() && ask.say) ask.say(mirroring.told);
  ASSIGN_OR_RETURN(std::optional<Interrupted> interrupted,
                   FindInterrupted(opened.events, model::Action::kFailover));
  const auto steps =
      MakeStepRunners(world, inventory, project, {ask.sighting, ask.moot, ask.order.accept_loss});
  const Carrier carrier{world, project,  inventory.current(), *steps, *opened.journal,
                        sink,  ask.actor};
  if (interrupted) {
    const std::string vouched = Vouch(ask.order.override_fence, interrupted->plan);
    RETURN_IF_ERROR(NoteVouched(vouched, *interrupted, world.clock.Now(), *opened.journal));
    return GoOnWith(carrier, *interrupted, opened.events);
  }
  ASSIGN_OR_RETURN(const model::Plan plan,
                   MakePlan(project, inventory.current(), ask, opened.events));
  RETURN_IF_ERROR(opened.journal->Append(VerdictEvents(ask.snapshot)));
  return CarryOut(carrier, plan);
}

}  // namespace leeward::cli

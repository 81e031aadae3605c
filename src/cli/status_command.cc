// status: roles, replication and health at a glance, as seen from here.
#include <fmt/format.h>

#include <algorithm>

#include "cli/carry_out.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/signals.h"
#include "cli/status_json.h"
#include "cli/step_table.h"
#include "model/names.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kAgain{1'000'000'000};

std::string Role(const Status& status, const model::ComponentName& component,
                 const model::Region& region) {
  const auto active = status.snapshot.active.find(component);
  if (active == status.snapshot.active.end()) return "unknown";
  return active->second == region ? "active" : "standby";
}

std::string StoreText(const Status& status, const StoreSeen& store) {
  if (!store.position) return "no answer: " + Printable(store.failure);
  if (!store.position->in_recovery) return "takes writes";
  std::string text = "replica";
  const std::optional<base::WallTime> newest =
      std::max(store.newest_canary, store.position->last_replayed);
  text +=
      newest ? ", newest write visible is " + base::HumanDuration(status.seen.at - *newest) + " old"
             : ", age of its newest write unknown";
  if (store.position->received != store.position->replayed) text += ", log left to replay";
  return text;
}

void PrintRegion(const Status& status, const model::Region& region, const Terminal& terminal) {
  const model::Verdict* verdict = status.snapshot.Of(region);
  const bool up = verdict != nullptr && verdict->health == model::Health::kUp;
  fmt::print(
      "  {}  {}\n", Paint(terminal, Colour::kBold, Fit(terminal, region.str(), 14)),
      Paint(terminal, up ? Colour::kGood : Colour::kBad, up ? "answers" : "does not answer"));
  for (const model::Component& component : status.application.components) {
    std::string text(model::KindName(component.kind));
    for (const StoreSeen& store : status.seen.stores) {
      if (store.component == component.name && store.region == region)
        text += ", " + StoreText(status, store);
    }
    const auto routing = status.seen.routing_on.find(region);
    if (std::holds_alternative<model::Route53>(component.kind)) {
      text += routing == status.seen.routing_on.end() ? ", routing control unknown"
              : routing->second                       ? ", routing control on"
                                                      : ", routing control off";
    }
    const std::string role = Role(status, component.name, region);
    fmt::print(
        "    {} {} {}\n", Fit(terminal, component.name.str(), 12),
        Paint(terminal, role == "active" ? Colour::kGood : Colour::kFaint, Fit(terminal, role, 8)),
        Fit(terminal, text, terminal.width - 26, Pad::kNo));
  }
}

void Print(const Status& status) {
  const Terminal terminal = LookAtTerminal();
  fmt::print("{}  {}\n", Paint(terminal, Colour::kBold, status.application.name.str()),
             base::FormatIso8601(status.seen.at));
  PrintRegion(status, status.application.regions.home, terminal);
  PrintRegion(status, status.application.regions.recovery, terminal);
  fmt::print("  inventory     {}\n", status.inventory.facts.empty()
                                         ? "none; run `leeward protect` first"
                                         : "of " + base::FormatIso8601(status.inventory.refreshed));
  fmt::print("  last          {}\n", status.last);
  std::fflush(stdout);
}

base::Result<std::string> LastExecution(World& world, const Project& project) {
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  if (!exists) return std::string("nothing was carried out yet");
  ASSIGN_OR_RETURN(const journal::Contents contents,
                   journal::Read(world.files, project.JournalPath()));
  std::string last = "nothing was carried out yet";
  for (const model::Event& event : contents.events) {
    if (event.kind == model::EventKind::kExecutionStarted) {
      last = fmt::format("{} from {} to {}: begun {}, not ended", event.Field("action"),
                         event.Field("from"), event.Field("to"), base::FormatIso8601(event.at));
    } else if (event.kind == model::EventKind::kExecutionFinished) {
      last = last.substr(0, last.find(':')) +
             fmt::format(": {} {}", event.Field("outcome"), base::FormatIso8601(event.at));
    }
  }
  return last;
}

base::Result<Status> Take(World& world, const Project& project) {
  Status status;
  status.application = project.application;
  ASSIGN_OR_RETURN(status.inventory, ReadInventory(world.files, project.InventoryPath()));
  ASSIGN_OR_RETURN(status.last, LastExecution(world, project));
  status.seen = Look(world, project, status.inventory);
  status.snapshot = SnapshotOf(status.seen, project, status.inventory);
  return status;
}

base::Result<int> Show(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  do {
    ASSIGN_OR_RETURN(const Status status, Take(world, project));
    if (arguments.json) {
      fmt::print("{}", StatusJson(status));
      std::fflush(stdout);
    } else {
      Print(status);
    }
  } while (arguments.watch && world.Pause(kAgain));
  return kDone;
}

}  // namespace

int RunStatus(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.resolver = arguments.resolver;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = Show(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli

// status: roles, replication and health at a glance, as seen from here.
#include "cli/approvals_store.h"
#include "cli/before.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/history.h"
#include "cli/inventory_file.h"
#include "cli/look.h"
#include "cli/signals.h"
#include "cli/status_json.h"
#include "cli/status_view.h"
#include "cli/terminal.h"
#include "journal/journal.h"
#include "model/names.h"
#include "steps/approval.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kAgain{1'000'000'000};
constexpr base::Duration kReadApproval = std::chrono::seconds(1);
constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

base::Result<std::string> LastExecution(World& world, const Project& project) {
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  if (!exists) return LastTold({});
  ASSIGN_OR_RETURN(const journal::Contents contents,
                   journal::Read(world.files, project.JournalPath()));
  return LastTold(contents.events);
}

// What people are asked for now; where that cannot be read, nothing.
std::optional<decide::ApprovalRequest> AskedNow(World& world, const Project& project) {
  if (!project.application.failover.approval) return std::nullopt;
  const auto store = FindApprovals(world, project);
  if (!store.ok() || !*store) return std::nullopt;
  auto request = steps::ReadRequest(**store, project.application.name,
                                    world.clock.Monotonic() + kReadApproval);
  if (!request.ok() || !*request) return std::nullopt;
  const bool waits = decide::StandingOf(**request, world.clock.Now()) == decide::Standing::kWaits;
  return waits ? *std::move(request) : std::nullopt;
}

base::Result<Status> Take(World& world, const Project& project, QuorumLook* quorum) {
  Status status;
  status.application = project.application;
  ASSIGN_OR_RETURN(status.inventory, ReadInventory(world.files, project.InventoryPath()));
  ASSIGN_OR_RETURN(status.last, LastExecution(world, project));
  status.approval = AskedNow(world, project);
  status.seen = LookAround(world, project, status.inventory);
  if (quorum != nullptr) status.quorum = quorum->Look();
  status.snapshot = SnapshotOf(status.seen, project, status.inventory);
  return status;
}

void Print(const Status& status, const Arguments& arguments) {
  if (arguments.json) {
    Emit("{}", StatusJson(status));
  } else {
    const Terminal terminal = LookAtTerminal();
    if (arguments.watch && terminal.live) Emit("{}", kClearScreen);
    Emit("{}", StatusText(status, arguments.spec, terminal));
  }
  std::fflush(stdout);
}

// What is seen when no Region answers is hardly more than nothing.
base::Status SomethingAnswered(const Status& status, const World& world) {
  std::string regions;
  for (const auto& [region, answer] : status.seen.control_planes) {
    if (answer.ok()) return base::Ok();
    regions += (regions.empty() ? "" : " and ") + region.str();
  }
  const base::Error& first = status.seen.control_planes.begin()->second.error();
  return WithAdvice(first, world).Context(regions + " give no answer");
}

base::Result<int> Show(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  std::unique_ptr<QuorumLook> quorum;
  if (project.application.failover.store) {
    ASSIGN_OR_RETURN(quorum, QuorumLook::Make(world, project));
  }
  base::Status answered = base::Ok();
  do {
    ASSIGN_OR_RETURN(const Status status, Take(world, project, quorum.get()));
    Print(status, arguments);
    answered = SomethingAnswered(status, world);
  } while (arguments.watch && AllTaken() && world.Pause(kAgain));
  RETURN_IF_ERROR(answered);
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

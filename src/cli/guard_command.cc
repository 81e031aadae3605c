// guard: beside the application in one Region; holds its writes open only while the Region holds
// the lease.
#include <fmt/format.h>
#include <signal.h>

#include <optional>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/inventory_file.h"
#include "cli/open_store.h"
#include "cli/project.h"
#include "cli/store_address.h"
#include "cli/terminal.h"
#include "cli/world.h"
#include "guard/child_program.h"
#include "guard/doors.h"
#include "guard/fence_hook.h"
#include "guard/guard.h"
#include "guard/postgres_door.h"
#include "lease/hand_over.h"
#include "os/event_loop.h"
#include "os/http_server.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kGuardLook = std::chrono::milliseconds(50);  // between looks for a change
constexpr int kGuardNameDigits = 12;

base::Result<model::Region> RegionOf(const Arguments& arguments,
                                     const model::Application& application) {
  const model::Region region(arguments.region);
  if (region == application.regions.home || region == application.regions.recovery) return region;
  return base::Invalid(fmt::format(
      "{} takes no writes for {}; --region is {} or {}", arguments.region, application.name.str(),
      application.regions.home.str(), application.regions.recovery.str()));
}

base::Result<std::unique_ptr<guard::Doors>> DoorsOf(World& world, const Project& project,
                                                    const model::Region& region,
                                                    const lease::Terms& terms) {
  ASSIGN_OR_RETURN(const model::Inventory inventory,
                   ReadInventory(world.files, project.InventoryPath()));
  auto doors = std::make_unique<guard::Doors>();
  for (const model::Component& component : project.application.components) {
    const auto* rds = std::get_if<model::Rds>(&component.kind);
    if (rds == nullptr) continue;
    const probe::SqlAddress address = StoreAddress(world, *rds, inventory, component.name, region);
    if (address.host.empty()) {
      return base::NotFound(
          fmt::format("the inventory has no address of {} in {}; run `leeward protect {}` first",
                      component.name.str(), region.str(), project.spec_path));
    }
    doors->Add(std::make_unique<guard::PostgresDoor>(probe::AsPostgres(address), terms.fence_budget,
                                                     *world.resolver, world.clock));
  }
  return doors;
}

// What the guard does besides, when it fences.
class Beside {
 public:
  Beside(const World& world, const model::Application& application, const model::Region& region)
      : program_(world.clock) {
    if (!application.guard.on_fence) return;
    hook_.emplace(*application.guard.on_fence, guard::FenceHook::Of{application.name, region},
                  program_, world.clock, [](const std::string& line) {
                    Emit("{}\n", Printable(line));
                    std::fflush(stdout);
                  });
  }
  void Run(const guard::Fencing& fencing) {
    if (hook_) hook_->Run(fencing);
  }
  std::optional<guard::HookStatus> Status() const {
    return hook_ ? std::optional(hook_->Status()) : std::nullopt;
  }

 private:
  guard::ChildProgram program_;
  std::optional<guard::FenceHook> hook_;
};

void Answer(os::HttpExchange& exchange, const guard::GuardStatus& status,
            const model::Region& region) {
  const os::HttpServerRequest& request = exchange.request();
  ports::HttpResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  if (request.target != "/writable") {
    response.status = 404;
    response.body = "{\"error\":\"there is only /writable\"}\n";
  } else if (request.method != "GET" && request.method != "HEAD") {
    response.status = 405;
    response.headers.emplace_back("Allow", "GET, HEAD");
  } else {
    response.status = status.epoch ? 200 : 503;
    if (request.method == "GET") response.body = guard::WritableJson(status, region);
  }
  exchange.Reply(std::move(response));
}

// One line at each change, until stopped.
class Teller {
 public:
  Teller(os::EventLoop& loop, const guard::Guard& guard) : loop_(loop), guard_(guard) { Look(); }

 private:
  void Look() {
    const guard::GuardStatus status = guard_.Status();
    const std::string line = status.epoch
                                 ? fmt::format("open, epoch {}", *status.epoch)
                                 : fmt::format("{}: {}", lease::Name(status.phase), status.why);
    if (line != last_) Emit("{}\n", line);
    std::fflush(stdout);
    last_ = line;
    loop_.After(kGuardLook, [this] { Look(); });
  }

  os::EventLoop& loop_;
  const guard::Guard& guard_;
  std::string last_;
};

base::Status ServeGuard(const Arguments& arguments) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const Project project, OpenProject(files, arguments));
  WorldOptions options;
  options.resolver = arguments.resolver;
  ASSIGN_OR_RETURN(const std::unique_ptr<World> world, World::Make(options));
  ASSIGN_OR_RETURN(const model::Region region, RegionOf(arguments, project.application));
  ASSIGN_OR_RETURN(const os::Address listen, os::Address::ParseHostPort(arguments.listen));
  const lease::Terms terms = lease::TermsFor(project.application.failover.lease);
  RETURN_IF_ERROR(lease::Validate(terms));
  ASSIGN_OR_RETURN(const auto store, OpenSharedStore(*world, project, "the lease"));
  ASSIGN_OR_RETURN(const auto doors, DoorsOf(*world, project, region, terms));

  const model::ApplicationName& name = project.application.name;
  os::EventLoop loop;
  loop.OnSignals({SIGINT, SIGTERM, SIGHUP}, [&](int) { loop.Stop(); });
  Beside beside(*world, project.application, region);
  // Begins behind everything that may fail, because it begins by closing: one that cannot listen
  // must not end the sessions of the guard that has its port. Nobody is answered before `Run`.
  std::optional<guard::Guard> guard;
  loop.OnSignals({SIGUSR1}, [&](int) { guard->Release(); });
  ASSIGN_OR_RETURN(const auto server,
                   os::HttpServer::Start(loop, listen, [&](std::shared_ptr<os::HttpExchange> each) {
                     guard::GuardStatus status = guard->Status();
                     status.hook = beside.Status();
                     Answer(*each, status, region);
                   }));
  guard.emplace(lease::HolderOptions{terms, region, "guard-" + world->random.Hex(kGuardNameDigits),
                                     region == project.application.regions.home},
                guard::Guard::Keys{lease::Key(name), lease::HandOverKey(name)}, *store, *doors,
                world->clock, [&](const guard::Fencing& fencing) { beside.Run(fencing); });
  Emit("guarding {} in {}: http://{}/writable\n", project.application.name.str(), region.str(),
       server->address().ToString());
  const Teller teller(loop, *guard);
  loop.Run();
  Emit("stopped; the door shuts by itself when the lease is over\n");
  return base::Ok();
}

}  // namespace

int RunGuard(const Arguments& arguments) {
  // Who reads what it says may end, and then the application's writes must not.
  signal(SIGPIPE, SIG_IGN);
  const base::Status served = ServeGuard(arguments);
  if (served.ok()) return kDone;
  return AlreadyTold(served.error()) ? ExitCodeFor(served.error().code())
                                     : Complain(served.error());
}

}  // namespace leeward::cli

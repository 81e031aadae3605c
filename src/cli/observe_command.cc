// observe: a vantage point; watches both Regions from one place and publishes what it sees.
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "cli/before.h"
#include "cli/canaries.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/inventory_file.h"
#include "cli/open_store.h"
#include "cli/project.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/vantage.h"
#include "cli/world.h"
#include "model/names.h"
#include "observe/publisher.h"

namespace leeward::cli {
namespace {

constexpr int kObserverNameDigits = 12;
constexpr base::Duration kCanaryLook = std::chrono::seconds(1);

base::Result<model::Region> RegionOf(const Arguments& arguments, const model::Regions& regions) {
  const model::Region region(arguments.region);
  if (region == regions.home || region == regions.recovery ||
      (region == regions.witness && !region.empty()))
    return region;
  return base::Invalid(fmt::format("an observer in {} has no voice; --region is {}, {}{}",
                                   arguments.region, regions.home.str(), regions.recovery.str(),
                                   regions.witness.empty() ? "" : " or " + regions.witness.str()));
}

// What a person or a program reads.
class VerdictTeller {
 public:
  explicit VerdictTeller(const Arguments& arguments) : json_(arguments.json) {}

  void Published(const observe::View& view) {
    const std::lock_guard lock(mutex_);
    if (json_) {
      Emit("{}\n", observe::ToJson(view));
    } else {
      for (const observe::Look& look : view.looks) TellChange(look);
    }
    std::fflush(stdout);
  }
  void Say(const std::string& line) {
    if (line.empty()) return;
    const std::lock_guard lock(mutex_);
    Emit(json_ ? stderr : stdout, "{}\n", Printable(line));
    std::fflush(json_ ? stderr : stdout);
  }
  void Trouble(const std::string& trouble) {
    const std::lock_guard lock(mutex_);
    Emit(stderr, "leeward: {}\n",
         trouble.empty() ? "views are published again" : Printable(trouble));
  }

 private:
  void TellChange(const observe::Look& look) {
    model::Health& known = known_[look.target];
    if (known == look.health) return;
    known = look.health;
    Emit("{} {} {}: {}, {}\n", look.target.region.str(), model::Name(look.target.signal),
         look.target.component.str(), model::Name(look.health), Printable(look.reason));
  }

  const bool json_;
  std::mutex mutex_;
  std::map<model::Target, model::Health> known_;
};

base::Result<std::vector<probe::ProbeTarget>> Targets(World& world, const Project& project,
                                                      const model::Inventory& inventory,
                                                      const Standing& place) {
  std::vector<probe::ProbeTarget> targets;
  const model::Regions& regions = project.application.regions;
  for (const model::Region& region : {regions.home, regions.recovery}) {
    for (probe::ProbeTarget& target :
         TargetsOf(world, project.application, inventory, region, place)) {
      targets.push_back(std::move(target));
    }
  }
  if (targets.size() <= probe::Watcher::kMaxTargets) return targets;
  return base::Exhausted(fmt::format("{} has {} things to watch, one observer takes {}",
                                     project.spec_path, targets.size(),
                                     probe::Watcher::kMaxTargets));
}

base::Result<probe::Resolver::Options> Resolving(const Arguments& arguments,
                                                 const Standing& place) {
  probe::Resolver::Options options;
  options.source_address = place.source_address;
  if (arguments.resolver.empty()) return options;
  ASSIGN_OR_RETURN(probe::DnsServer server, probe::ParseDnsServer(arguments.resolver));
  options.servers.push_back(std::move(server));
  return options;
}

base::Status Observe(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  const model::Application& application = project.application;
  ASSIGN_OR_RETURN(const model::Region region, RegionOf(arguments, application.regions));
  const Standing place{region, arguments.source};
  RETURN_IF_ERROR(world.aws->CheckCredentials());
  RETURN_IF_ERROR(CheckPasswords(world, project));
  ASSIGN_OR_RETURN(const auto store, OpenSharedStore(world, project, "an observer's views"));
  ASSIGN_OR_RETURN(const model::Inventory inventory,
                   ReadInventory(world.files, project.InventoryPath()));
  if (inventory.facts.empty()) {
    return base::NotFound(fmt::format("there is no {}; run `leeward protect {}` first",
                                      project.InventoryPath(), project.spec_path));
  }
  ASSIGN_OR_RETURN(std::vector<probe::ProbeTarget> targets,
                   Targets(world, project, inventory, place));
  ASSIGN_OR_RETURN(probe::Resolver::Options resolving, Resolving(arguments, place));
  const probe::Resolver resolver(std::move(resolving), world.clock, world.random);

  VerdictTeller teller(arguments);
  const std::string who = "observer-" + world.random.Hex(kObserverNameDigits);
  teller.Say(fmt::format("{} watches {} from {}: {} targets", who, application.name.str(),
                         region.str(), targets.size()));
  observe::Publisher publisher(application, {region, who}, *store, world.clock,
                               {[&](const observe::View& view) { teller.Published(view); },
                                [&](const std::string& trouble) { teller.Trouble(trouble); }});
  probe::Watcher watcher(
      std::move(targets),
      {model::ObserverId("observer-" + region.str()), region, place.source_address},
      {application.detection.probe_every, application.detection.probe_timeout}, resolver,
      world.clock, [&](const model::Observation& seen) { publisher.Take(seen); });
  watcher.Start();
  Canaries canaries(world, project, inventory, region, resolver, *store);
  do {
    teller.Say(canaries.Look());
  } while (world.Pause(kCanaryLook));
  return base::Ok();
}

}  // namespace

int RunObserve(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.resolver = arguments.resolver;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Status observed = Observe(arguments, **world);
  if (observed.ok()) return kDone;
  return AlreadyTold(observed.error()) ? ExitCodeFor(observed.error().code())
                                       : Complain(observed.error());
}

}  // namespace leeward::cli

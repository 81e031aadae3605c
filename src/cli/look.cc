#include "cli/look.h"

#include <future>
#include <utility>

#include "cli/store_address.h"
#include "probe/postgres.h"
#include "shapes/value.h"

namespace leeward::cli {
namespace {

using model::Region;
using shapes::Value;

constexpr base::Duration kPatience{2'000'000'000};
constexpr int kMaxClusterEndpoints = 8;

StoreSeen LookAtStore(World& world, const model::Inventory& inventory,
                      const model::Component& component, const Region& region) {
  const model::Rds& rds = std::get<model::Rds>(component.kind);
  StoreSeen seen{component.name, region, std::nullopt, std::nullopt, ""};
  probe::PostgresAddress address = StoreAddress(world, rds, inventory, component.name, region);
  address.access = probe::Access::kReadOnly;
  if (address.host.empty()) {
    seen.failure = "its address is not in the inventory; run `leeward protect` first";
    return seen;
  }
  const base::MonotonicTime deadline = world.clock.Monotonic() + kPatience;
  auto session = probe::PostgresSession::Open(address, *world.resolver, deadline, world.clock);
  if (!session.ok()) {
    seen.failure = session.error().message();
    return seen;
  }
  const base::Result<probe::LogPosition> position = probe::ReadLogPosition(**session, deadline);
  if (!position.ok()) {
    seen.failure = position.error().message();
    return seen;
  }
  seen.position = *position;
  const auto canary = probe::NewestCanary(**session, deadline);
  if (canary.ok()) seen.newest_canary = *canary;
  return seen;
}

base::Status LookAtControlPlane(World& world, const Region& region) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kPatience;
  options.max_attempts = 1;
  const auto answer = world.aws->Call("sts", "GetCallerIdentity", Value::Struct(), options);
  if (!answer.ok()) return answer.error();
  return base::Ok();
}

// The state of one routing control, from the first of its cluster's endpoints that answers.
std::optional<bool> LookAtControl(World& world, const model::Inventory& inventory,
                                  const model::ComponentName& traffic, const Region& region) {
  const std::string_view control = inventory.Fact(traffic, region, "routing-control.arn");
  if (control.empty()) return std::nullopt;
  for (int i = 0; i < kMaxClusterEndpoints; ++i) {
    const std::string n = std::to_string(i);
    const std::string_view endpoint = inventory.Fact(traffic, Region(), "cluster-endpoint." + n);
    if (endpoint.empty()) break;
    aws::CallOptions options;
    options.endpoint_url = std::string(endpoint);
    options.region = std::string(inventory.Fact(traffic, Region(), "cluster-endpoint-region." + n));
    options.deadline = kPatience / 4;
    options.max_attempts = 1;
    const auto answer = world.aws->Call("route53-recovery-cluster", "GetRoutingControlState",
                                        Value::Struct({{"RoutingControlArn", control}}), options);
    if (answer.ok()) return answer->String("RoutingControlState") == "On";
  }
  return std::nullopt;
}

// The Region that a store says takes its writes. The standby following it says the same of a silent
// source.
std::optional<Region> WriterOf(const Seen& seen, const model::ComponentName& store,
                               const model::Regions& regions) {
  std::optional<bool> home, recovery;  // whether it is writable
  for (const StoreSeen& look : seen.stores) {
    if (look.component != store || !look.position) continue;
    (look.region == regions.home ? home : recovery) = !look.position->in_recovery;
  }
  if (home == true && recovery != true) return regions.home;
  if (recovery == true && home != true) return regions.recovery;
  if (recovery == false && !home) return regions.home;
  if (home == false && !recovery) return regions.recovery;
  return std::nullopt;
}

std::optional<Region> RoutedTo(const Seen& seen, const model::Regions& regions) {
  const auto on = [&](const Region& region) {
    const auto found = seen.routing_on.find(region);
    return found != seen.routing_on.end() && found->second;
  };
  if (on(regions.home) == on(regions.recovery)) return std::nullopt;
  return on(regions.home) ? regions.home : regions.recovery;
}

model::Verdict VerdictFromHere(const Seen& seen, const Region& region) {
  model::Verdict verdict{
      region, model::Health::kDown, 1, 1, seen.at, "seen from here only: nothing answers"};
  for (const StoreSeen& store : seen.stores) {
    if (store.region == region && store.position) verdict.health = model::Health::kUp;
  }
  const auto control = seen.control_planes.find(region);
  // A refusal is an answer, too: who refuses is not lost.
  if (control != seen.control_planes.end() &&
      (control->second.ok() || control->second.error().code() == base::ErrorCode::kDenied))
    verdict.health = model::Health::kUp;
  if (verdict.health == model::Health::kUp) verdict.reason = "seen from here only: it answers";
  return verdict;
}

}  // namespace

Seen Look(World& world, const Project& project, const model::Inventory& inventory) {
  Seen seen;
  seen.at = world.clock.Now();
  std::vector<std::future<StoreSeen>> stores;
  std::map<Region, std::future<std::optional<bool>>> controls;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery}) {
    for (const model::Component& component : project.application.components) {
      if (std::holds_alternative<model::Rds>(component.kind)) {
        stores.push_back(std::async(std::launch::async, [&world, &inventory, &component, region] {
          return LookAtStore(world, inventory, component, region);
        }));
      } else if (std::holds_alternative<model::Route53>(component.kind)) {
        controls[region] = std::async(std::launch::async, [&world, &inventory, &component, region] {
          return LookAtControl(world, inventory, component.name, region);
        });
      }
    }
  }
  for (auto& store : stores) seen.stores.push_back(store.get());
  for (auto& [region, control] : controls) {
    if (const std::optional<bool> on = control.get()) seen.routing_on[region] = *on;
  }
  return seen;
}

Seen LookAround(World& world, const Project& project, const model::Inventory& inventory) {
  std::map<Region, std::future<base::Status>> planes;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery}) {
    planes[region] = std::async(std::launch::async,
                                [&world, region] { return LookAtControlPlane(world, region); });
  }
  Seen seen = Look(world, project, inventory);
  for (auto& [region, plane] : planes) seen.control_planes.emplace(region, plane.get());
  return seen;
}

model::Snapshot SnapshotOf(const Seen& seen, const Project& project,
                           const model::Inventory& inventory) {
  model::Snapshot snapshot;
  snapshot.at = seen.at;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery})
    snapshot.verdicts.push_back(VerdictFromHere(seen, region));
  if (inventory.facts
          .empty()) {  // nothing is protected yet: the application is where the spec says it lives
    for (const model::Component& component : project.application.components)
      snapshot.active[component.name] = regions.home;
    return snapshot;
  }
  const std::optional<Region> routed = RoutedTo(seen, regions);
  std::optional<Region> writer;
  for (const model::Component& component : project.application.components) {
    if (!std::holds_alternative<model::Rds>(component.kind)) continue;
    std::optional<Region> own = WriterOf(seen, component.name, regions);
    if (!own)
      own = routed;  // both Regions say they are the writer: a lost one came back; traffic tells
                     // them apart
    if (own) snapshot.active[component.name] = *own;
    if (own && !writer) writer = own;
  }
  const std::optional<Region> serving = routed ? routed : writer;
  for (const model::Component& component : project.application.components) {
    if (std::holds_alternative<model::Rds>(component.kind) || !serving) continue;
    snapshot.active[component.name] = *serving;
  }
  return snapshot;
}

}  // namespace leeward::cli

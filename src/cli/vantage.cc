#include "cli/vantage.h"

#include <fmt/format.h>

#include <utility>

#include "cli/look.h"
#include "cli/store_address.h"
#include "probe/canary.h"
#include "steps/items.h"

namespace leeward::cli {
namespace {

using model::Region;
using model::Signal;

// Reads who asks: the cheapest call a Region's control plane answers.
probe::CustomProbe ControlPlane(World& world, const Region& region,
                                const std::string& source_address) {
  return {[&world, region, source_address](base::MonotonicTime deadline) -> base::Status {
    aws::CallOptions options;
    options.region = region.str();
    options.deadline = deadline - world.clock.Monotonic();
    options.max_attempts = 1;
    options.source_address = source_address;
    const auto answer =
        world.aws->Call("sts", "GetCallerIdentity", shapes::Value::Struct(), options);
    if (answer.ok() || IsAnswer(answer.error())) return base::Ok();
    return answer.error();
  }};
}

// Reads the Region's own canary: the data plane, as a client would meet it.
probe::CustomProbe Items(World& world, const model::Dynamodb& dynamodb,
                         const model::Inventory& inventory, const model::ComponentName& component,
                         const Standing& of) {
  return {
      [&world, dynamodb, inventory, component, of](base::MonotonicTime deadline) -> base::Status {
        aws::CallOptions options;
        options.deadline = deadline - world.clock.Monotonic();
        options.max_attempts = 1;
        options.source_address = of.source_address;
        const auto read =
            steps::GetStamp(ItemsOf(world, dynamodb, inventory, component, of.region, options),
                            probe::CanaryOf(of.region.str()));
        if (read.ok() || IsAnswer(read.error())) return base::Ok();
        return read.error();
      }};
}

}  // namespace

std::vector<probe::ProbeTarget> TargetsOf(World& world, const model::Application& application,
                                          const model::Inventory& inventory, const Region& region,
                                          const Standing& place) {
  std::vector<probe::ProbeTarget> targets;
  for (const model::Component& component : application.components) {
    if (const auto* ecs = std::get_if<model::Ecs>(&component.kind)) {
      const std::string front(inventory.Fact(component.name, region, "load-balancer.address"));
      if (front.empty()) continue;
      const std::string url = fmt::format("http://{}:{}{}", front, ecs->port, ecs->health_path);
      targets.push_back(
          {{region, Signal::kApplication, component.name}, probe::HttpProbe{url, ""}});
    } else if (const auto* rds = std::get_if<model::Rds>(&component.kind)) {
      probe::SqlAddress address = StoreAddress(world, *rds, inventory, component.name, region);
      if (address.host.empty()) continue;
      targets.push_back(
          {{region, Signal::kStore, component.name}, probe::SqlProbe{std::move(address)}});
    } else if (const auto* cache = std::get_if<model::Elasticache>(&component.kind)) {
      probe::RedisAddress address = CacheAddress(world, *cache, inventory, component.name, region);
      if (address.host.empty()) continue;
      targets.push_back(
          {{region, Signal::kStore, component.name}, probe::RedisProbe{std::move(address)}});
    } else if (const auto* dynamodb = std::get_if<model::Dynamodb>(&component.kind)) {
      if (!steps::KeyOf(inventory, component.name, region)) continue;
      targets.push_back(
          {{region, Signal::kStore, component.name},
           Items(world, *dynamodb, inventory, component.name, {region, place.source_address})});
    }
  }
  targets.push_back(
      {{region, Signal::kControlPlane, {}}, ControlPlane(world, region, place.source_address)});
  return targets;
}

Vantage::Vantage(World& world, const model::Application& application,
                 const model::Inventory& inventory, const std::vector<Standing>& places,
                 const std::string& resolver, driver::Watch& watch) {
  for (const Standing& place : places) {
    probe::Resolver::Options resolving;
    resolving.source_address = place.source_address;
    if (const auto server = probe::ParseDnsServer(resolver); server.ok())
      resolving.servers.push_back(*server);
    resolvers_.push_back(
        std::make_unique<probe::Resolver>(std::move(resolving), world.clock, world.random));
    std::vector<probe::ProbeTarget> targets;
    for (const Region& region : {application.regions.home, application.regions.recovery}) {
      for (probe::ProbeTarget& target : TargetsOf(world, application, inventory, region, place)) {
        targets.push_back(std::move(target));
      }
    }
    const probe::Standpoint standpoint{model::ObserverId("observer-" + place.region.str()),
                                       place.region, place.source_address};
    watchers_.push_back(std::make_unique<probe::Watcher>(
        std::move(targets), standpoint,
        probe::Watcher::Options{application.detection.probe_every,
                                application.detection.probe_timeout},
        *resolvers_.back(), world.clock,
        [&watch](const model::Observation& seen) { watch.Observe(seen); }));
    watchers_.back()->Start();
  }
}

}  // namespace leeward::cli

#include "cli/canary_writers.h"

#include <utility>

#include "cli/store_address.h"
#include "steps/items.h"
#include "steps/objects.h"

namespace leeward::cli {
namespace {

// How one kind of store gets a canary; empty: its place is not known, or it is no store.
struct Into {
  World& world;
  const model::Inventory& inventory;
  const model::ComponentName& component;
  const model::Region& region;
  const probe::Resolver& resolver;

  probe::WriteOne operator()(const model::Rds& rds) const {
    const probe::SqlAddress address = StoreAddress(world, rds, inventory, component, region);
    if (address.host.empty()) return {};
    return probe::IntoSql(address, resolver, world.clock);
  }
  probe::WriteOne operator()(const model::Elasticache& cache) const {
    probe::RedisAddress address = CacheAddress(world, cache, inventory, component, region);
    if (address.host.empty()) return {};
    return probe::IntoRedis(std::move(address), region.str(), resolver, world.clock);
  }
  probe::WriteOne operator()(const model::Dynamodb& dynamodb) const {
    if (!steps::KeyOf(inventory, component, region)) return {};
    return [this_world = &world, dynamodb, known = inventory, name = component, where = region](
               const probe::Canary& canary, base::MonotonicTime deadline,
               const probe::Cancelled&) -> base::Status {
      aws::CallOptions options;
      options.deadline = deadline - this_world->clock.Monotonic();
      options.max_attempts = 1;
      return steps::PutStamp(ItemsOf(*this_world, dynamodb, known, name, where, options),
                             probe::CanaryOf(where.str()), canary.stamp);
    };
  }
  probe::WriteOne operator()(const model::S3& s3) const {
    const std::string name(inventory.Fact(component, region, "bucket.name"));
    if (name.empty()) return {};
    return [this_world = &world, name, prefix = s3.prefix, where = region](
               const probe::Canary& canary, base::MonotonicTime deadline,
               const probe::Cancelled&) -> base::Status {
      aws::CallOptions options;
      options.region = where.str();
      options.deadline = deadline - this_world->clock.Monotonic();
      options.max_attempts = 1;
      const steps::Bucket bucket{name, prefix,
                                 [&](std::string_view operation, const shapes::Value& input) {
                                   return this_world->aws->Call("s3", operation, input, options);
                                 }};
      return steps::PutStamp(bucket, probe::CanaryOf(where.str()), canary.stamp);
    };
  }
  // A canary would be a file, and nobody here mounts the file system; EFS and DataSync tell how
  // old its copy is.
  probe::WriteOne operator()(const model::Efs&) const { return {}; }
  probe::WriteOne operator()(const model::DataSync&) const { return {}; }
  // Nor does anybody here write to a volume; a set of snapshots tells its age itself.
  probe::WriteOne operator()(const model::Ebs&) const { return {}; }
  probe::WriteOne operator()(const model::Secret&) const { return {}; }
  probe::WriteOne operator()(const model::Kms&) const { return {}; }
  probe::WriteOne operator()(const model::Ecs&) const { return {}; }
  probe::WriteOne operator()(const model::Route53&) const { return {}; }
};

// Each canary of a bucket is a version in two buckets, and paid for.
constexpr probe::CanaryWriter::Options kIntoBuckets{std::chrono::seconds(10),
                                                    std::chrono::seconds(5)};

}  // namespace

std::vector<std::unique_ptr<probe::CanaryWriter>> StartCanaries(
    World& world, const model::Application& application, const model::Inventory& inventory,
    const model::Region& region, const std::string& observer, const probe::Resolver& resolver) {
  std::vector<std::unique_ptr<probe::CanaryWriter>> writers;
  for (const model::Component& component : application.components) {
    probe::WriteOne write =
        std::visit(Into{world, inventory, component.name, region, resolver}, component.kind);
    if (!write) continue;
    const bool bucket = std::holds_alternative<model::S3>(component.kind);
    writers.push_back(std::make_unique<probe::CanaryWriter>(
        std::move(write), observer, bucket ? kIntoBuckets : probe::CanaryWriter::Options{},
        world.clock));
  }
  return writers;
}

}  // namespace leeward::cli

// Looks at every running server: the replication link's state, and the metrics of AWS/RDS.
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

constexpr std::string_view kNamespace = "AWS/RDS";

}  // namespace

Flow<> Rds::Monitor() {
  for (;;) {
    ExpireBackups();
    for (const auto& [id, instance] : instances_) {
      const bool busy = instance->status == InstanceStatus::kCreating || instance->cancelled;
      if (!instance->engine->running() || busy) continue;
      LookAt(instance).Detach();
      BackUpDaily(instance);
    }
    co_await Sleep(host_, host_.pace() == Pace::kAws ? limits.monitor_aws : limits.monitor);
  }
}

Flow<> Rds::LookAt(InstancePtr instance) {
  if (instance->looking) co_return;
  instance->looking = true;
  const base::Result<EngineLook> look = co_await instance->engine->Look();
  instance->looking = false;
  if (look.ok() && !instance->cancelled) TakeLook(*instance, *look);
}

void Rds::TakeLook(Instance& instance, const EngineLook& look) {
  const base::MonotonicTime now = host_.clock().Monotonic();
  if (instance.is_replica() && !instance.promoting && instance.link != LinkState::kTerminated) {
    const LinkState before = instance.link;
    if (instance.link_seen == base::MonotonicTime{}) instance.link_seen = now;
    if (look.following) {
      instance.link_seen = now;
      instance.link = LinkState::kReplicating;
    } else if (now - instance.link_seen > limits.link_error) {
      instance.link = LinkState::kError;
    }
    if (before != instance.link) Save();
  }
  auto* sink = FindSibling<MetricSink>(host_, "cloudwatch");
  if (sink == nullptr) return;
  const Dimensions dimensions = {{"DBInstanceIdentifier", instance.id}};
  for (const EngineMetric& metric : look.metrics) {
    sink->Publish(kNamespace, metric.name, dimensions, metric.unit, metric.value);
  }
  if (instance.is_replica() && look.lag) {
    sink->Publish(kNamespace, "ReplicaLag", dimensions, "Seconds", *look.lag);
  }
}

}  // namespace leeward::lab::rds

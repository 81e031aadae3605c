// Looks at services that are to be sized.
#include "steps/ecs.h"
#include "steps/look.h"

namespace leeward::steps {
namespace {

std::string Tasks(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " task" : " tasks");
}

base::Error NoService(const Work& work, const model::Ecs& ecs) {
  return base::NotFound("there is no service " + ecs.cluster + "/" + ecs.service + " in " +
                        work.region().str() + "; run `leeward protect` first");
}

// The step before this one that makes the service in its Region.
const model::Step* ServiceNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending({{"ecs.replicate"}, step.region, step.component});
}

// "1 of 3 tasks run", now.
Result<std::string> Running(const Work& work, const model::Ecs& ecs, std::int64_t wanted) {
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), ecs));
  if (!service) return NoService(work, ecs);
  return std::to_string(service->Int("runningCount")) + " of " + std::to_string(wanted) +
         " tasks run";
}

// Whether the Region's front serves, in words.
Result<std::string> Serving(const Work& work, const model::Ecs& ecs) {
  std::string address(work.Fact(work.step().component, work.region(), "load-balancer.address"));
  if (address.empty()) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer,
                     FindLoadBalancer(work, work.region(), ecs.load_balancer));
    address = balancer.dns_name;
  }
  const Status served = AskHealth(work, address, ecs.port, ecs.health_path);
  return address + (served.ok() ? " answers 200" : ": " + served.error().message());
}

}  // namespace

// As the step itself, one that does not succeed is no failure: the gate judges the fence.
Result<Finding> LookAtEcsQuiesce(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  const auto answer = work.CallFor(
      work.limits().old_region, work.region(), "ecs", "DescribeServices",
      Value::Struct({{"cluster", ecs->cluster}, {"services", Value::List{ecs->service}}}));
  if (!answer.ok()) {
    return Finding{Would::kPass,
                   "could not be stopped: " + answer.error().message(),
                   {},
                   {{"proof", "unreachable"}}};
  }
  for (const Value& service : answer->Items("services")) {
    if (service.String("status") == "INACTIVE") continue;
    const std::int64_t desired = service.Int("desiredCount");
    if (desired == 0) return Nothing("wants no task already");
    return Act("would stop " + Tasks(desired));
  }
  return Nothing("there is no service " + ecs->cluster + "/" + ecs->service + " in " +
                 work.region().str());
}

Result<Finding> LookAtEcsScale(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  if (const model::Step* behind = ServiceNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), *ecs));
  if (!service) return NoService(work, *ecs);
  const std::int64_t before = service->Int("desiredCount");
  if (before == desired) return Nothing("wants " + Tasks(desired) + " already");
  return Act("would go from " + std::to_string(before) + " to " + Tasks(desired));
}

Result<Finding> LookAtEcsReady(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  if (const model::Step* behind = ServiceNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const std::int64_t wanted, work.IntParameter("healthy"));
  ASSIGN_OR_RETURN(std::string now, Running(work, *ecs, wanted));
  if (!ecs->load_balancer.empty()) {
    ASSIGN_OR_RETURN(const std::string group,
                     TargetGroupArn(work, work.region(), ecs->target_group));
    ASSIGN_OR_RETURN(const std::int64_t healthy, HealthyTargets(work, group));
    ASSIGN_OR_RETURN(const std::string serving, Serving(work, *ecs));
    now =
        std::to_string(healthy) + " of " + std::to_string(wanted) + " targets healthy, " + serving;
  }
  // Tasks are judged on the store that they will have.
  const model::Step* behind = look.Pending(
      {{"rds.promote", "rds.restore", "rds.open", "rds.drain-to", "ecs.scale", "gate.fence-proof"},
       {},
       {}});
  if (behind != nullptr) return Later(*behind, now);
  return Act("would wait until it serves; now " + now);
}

Result<Finding> LookAtEcsSettle(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  if (const model::Step* behind = ServiceNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const std::string now, Running(work, *ecs, desired));
  const model::Step* scale = look.Pending({{"ecs.scale"}, work.region(), work.step().component});
  if (scale != nullptr) return Later(*scale, now);
  return Act("would wait until all run; now " + now);
}

}  // namespace leeward::steps

#include "steps/ecs.h"

#include "probe/http.h"

namespace leeward::steps {
namespace {

std::string ServicePlace(const Work& work, const model::Ecs& ecs) {
  return "service " + ecs.cluster + "/" + ecs.service + " in " + work.region().str();
}

Status SetDesired(const Work& work, base::Duration limit, const model::Ecs& ecs,
                  std::int64_t desired) {
  const Value input = Value::Struct(
      {{"cluster", ecs.cluster}, {"service", ecs.service}, {"desiredCount", desired}});
  const auto updated = work.CallFor(limit, work.region(), "ecs", "UpdateService", input);
  return updated.ok() ? base::Ok() : Status(updated.error());
}

// "3 of 4 tasks run", and while some are missing what ECS told last, which is why. A task has no id
// in it, so that a service that tries again and again says the same.
std::string HowManyRun(const Value& service, std::int64_t wanted) {
  constexpr std::string_view kTask = "(task ", kSome = "(a task)";
  const std::int64_t running = service.Int("runningCount");
  std::string text = std::to_string(running) + " of " + std::to_string(wanted) + " tasks run";
  const Value::List& events = service.Items("events");
  if (running >= wanted || events.empty()) return text;
  std::string event(events.front().String("message"));
  for (auto at = event.find(kTask); at != std::string::npos; at = event.find(kTask, at)) {
    const auto end = event.find(')', at);
    event.replace(at, end == std::string::npos ? end : end + 1 - at, kSome);
    at += kSome.size();
  }
  return text + "; ECS says: " + event;
}

// Looks once. How many run when that are `wanted`; until then an error that says why, told once.
Result<std::optional<std::int64_t>> EnoughRun(const Work& work, const model::Ecs& ecs,
                                              std::int64_t wanted, std::string& said) {
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), ecs));
  // One that was just made may not be listed yet.
  if (!service) return base::ServiceBroken("there is no " + ServicePlace(work, ecs));
  const std::string text = HowManyRun(*service, wanted);
  if (text != said) work.Say(text);
  said = text;
  const std::int64_t running = service->Int("runningCount");
  if (running < wanted) return base::ServiceBroken(text);
  return std::optional<std::int64_t>(running);
}

}  // namespace

Result<std::optional<Value>> DescribeService(const Work& work, const Region& region,
                                             const model::Ecs& ecs) {
  const Value input =
      Value::Struct({{"cluster", ecs.cluster}, {"services", Value::List{ecs.service}}});
  auto answer = work.Call(region, "ecs", "DescribeServices", input);
  if (!answer.ok() && answer.error().service_code() == "ClusterNotFoundException") {
    return std::optional<Value>();
  }
  if (!answer.ok()) return std::move(answer).error();
  for (const Value& service : answer->Items("services")) {
    if (service.String("status") != "INACTIVE") return std::optional<Value>(service);
  }
  return std::optional<Value>();
}

Result<LoadBalancer> FindLoadBalancer(const Work& work, const Region& region,
                                      const std::string& name) {
  const auto missing = [&] {
    return base::NotFound("there is no load balancer '" + name + "' in " + region.str() +
                          "; traffic needs one of this name in both Regions");
  };
  const auto answer = work.Call(region, "elbv2", "DescribeLoadBalancers",
                                Value::Struct({{"Names", Value::List{name}}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound) return missing();
  if (!answer.ok()) return answer.error();
  const Value::List& found = answer->Items("LoadBalancers");
  if (found.empty()) return missing();
  LoadBalancer balancer;
  balancer.arn = found.front().String("LoadBalancerArn");
  balancer.dns_name = found.front().String("DNSName");
  balancer.zone_id = found.front().String("CanonicalHostedZoneId");
  for (const Value& zone : found.front().Items("AvailabilityZones")) {
    if (zone.Has("SubnetId")) balancer.subnets.emplace_back(zone.String("SubnetId"));
  }
  return balancer;
}

Result<std::string> TargetGroupArn(const Work& work, const Region& region,
                                   const std::string& name) {
  const auto answer = work.Call(region, "elbv2", "DescribeTargetGroups",
                                Value::Struct({{"Names", Value::List{name}}}));
  if (!answer.ok() && answer.error().code() != base::ErrorCode::kNotFound) return answer.error();
  if (!answer.ok() || answer->Items("TargetGroups").empty()) {
    return base::NotFound("there is no target group '" + name + "' in " + region.str() +
                          "; make it there as it is in the home Region");
  }
  return std::string(answer->Items("TargetGroups").front().String("TargetGroupArn"));
}

Status AskHealth(const Work& work, const std::string& address, int port, const std::string& path) {
  const std::string url = "http://" + address + ":" + std::to_string(port) + path;
  ASSIGN_OR_RETURN(
      const probe::HttpReply reply,
      probe::AskHttp({.url = url, .source_address = work.tools().source_address},
                     work.tools().resolver, work.Within(work.limits().http), work.tools().clock));
  if (reply.status == 200) return base::Ok();
  return base::ServiceBroken(url + " answers " + std::to_string(reply.status));
}

Result<std::int64_t> HealthyTargets(const Work& work, const std::string& target_group) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Call(work.region(), "elbv2", "DescribeTargetHealth",
                             Value::Struct({{"TargetGroupArn", target_group}})));
  std::int64_t healthy = 0;
  for (const Value& target : answer.Items("TargetHealthDescriptions")) {
    if (target.Sub("TargetHealth").String("State") == "healthy") ++healthy;
  }
  return healthy;
}

Result<StepOutcome> EcsQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  const Status done = SetDesired(work, work.limits().old_region, *ecs, 0);
  if (done.ok())
    return StepOutcome{ServicePlace(work, *ecs) + " is told to stop", {{"proof", "asked"}}};
  if (done.error().code() == base::ErrorCode::kCancelled) return done.error();
  return StepOutcome{ServicePlace(work, *ecs) + " could not be stopped: " + done.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> EcsScale(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), *ecs));
  if (!service) {
    return base::NotFound("there is no " + ServicePlace(work, *ecs) +
                          "; run `leeward protect` first");
  }
  const std::int64_t before = service->Int("desiredCount");
  if (before == desired) return StepOutcome{"wants " + std::to_string(desired) + " already", {}};
  RETURN_IF_ERROR(SetDesired(work, work.limits().call, *ecs, desired));
  return StepOutcome{"from " + std::to_string(before) + " to " + std::to_string(desired) + " tasks",
                     {{"before", std::to_string(before)}}};
}

Result<StepOutcome> EcsReady(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::int64_t wanted, work.IntParameter("healthy"));
  std::string said;
  if (ecs->load_balancer.empty()) {
    ASSIGN_OR_RETURN(
        const std::int64_t running,
        work.Await<std::int64_t>("tasks of " + ServicePlace(work, *ecs), work.ApiPace(),
                                 [&] { return EnoughRun(work, *ecs, wanted, said); }));
    return StepOutcome{std::to_string(running) + " tasks run", {}};
  }
  const model::ComponentName& name = work.step().component;
  std::string group(work.Fact(name, work.region(), "target-group.arn"));
  if (group.empty()) {
    ASSIGN_OR_RETURN(group, TargetGroupArn(work, work.region(), ecs->target_group));
  }
  std::string address(work.Fact(name, work.region(), "load-balancer.address"));
  if (address.empty()) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer,
                     FindLoadBalancer(work, work.region(), ecs->load_balancer));
    address = balancer.dns_name;
  }
  ASSIGN_OR_RETURN(const std::int64_t healthy,
                   work.Await<std::int64_t>(
                       std::to_string(wanted) + " healthy targets of " + ServicePlace(work, *ecs),
                       work.ApiPace(), [&]() -> Result<std::optional<std::int64_t>> {
                         ASSIGN_OR_RETURN(const std::int64_t now, HealthyTargets(work, group));
                         return now >= wanted ? std::optional<std::int64_t>(now) : std::nullopt;
                       }));
  const auto served = work.Await<bool>(
      "a healthy answer of " + ServicePlace(work, *ecs),
      {work.limits().http_poll, work.limits().http_poll}, [&]() -> Result<std::optional<bool>> {
        RETURN_IF_ERROR(AskHealth(work, address, ecs->port, ecs->health_path));
        return std::optional<bool>(true);
      });
  if (!served.ok()) return served.error();
  return StepOutcome{std::to_string(healthy) + " healthy, " + address + " answers 200",
                     {{"address", address}}};
}

Result<StepOutcome> EcsSettle(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  std::string said;
  ASSIGN_OR_RETURN(
      const std::int64_t running,
      work.Await<std::int64_t>("all tasks of " + ServicePlace(work, *ecs), work.ApiPace(),
                               [&]() -> Result<std::optional<std::int64_t>> {
                                 ASSIGN_OR_RETURN(const std::optional<std::int64_t> now,
                                                  EnoughRun(work, *ecs, desired, said));
                                 // More than are wanted are on their way out.
                                 return now == desired ? now : std::nullopt;
                               }));
  return StepOutcome{std::to_string(running) + " of " + std::to_string(desired) + " tasks run", {}};
}

}  // namespace leeward::steps

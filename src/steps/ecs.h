// Steps of the component kind `ecs`, and what others need to know of load balancers.
#pragma once

#include <optional>
#include <string>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

// ecs_replicate.cc
Result<StepOutcome> EcsReplicate(const Work& work);
Result<StepOutcome> EcsReaddress(const Work& work);
// ecs.cc
Result<StepOutcome> EcsQuiesce(const Work& work);
Result<StepOutcome> EcsScale(const Work& work);
Result<StepOutcome> EcsReady(const Work& work);
Result<StepOutcome> EcsSettle(const Work& work);

// nullopt: no such service, or it is gone (INACTIVE).
Result<std::optional<Value>> DescribeService(const Work& work, const Region& region,
                                             const model::Ecs& ecs);

// A front address, as DescribeLoadBalancers tells of it.
struct LoadBalancer {
  std::string arn, dns_name, zone_id;
  std::vector<std::string> subnets;
};
Result<LoadBalancer> FindLoadBalancer(const Work& work, const Region& region,
                                      const std::string& name);
Result<std::string> TargetGroupArn(const Work& work, const Region& region, const std::string& name);

// Targets of the group that are healthy.
Result<std::int64_t> HealthyTargets(const Work& work, const std::string& target_group);

// Asks the health path at the address; ok when it answers 200.
Status AskHealth(const Work& work, const std::string& address, int port, const std::string& path);

}  // namespace leeward::steps

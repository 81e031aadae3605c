// ECS: a service of the same name in both Regions, scaled down in the one that stands by.
#include <algorithm>

#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

const std::vector<StepTemplate> kTemplates = {
    {"ecs.replicate",
     Phase::kPrepare,
     "run {component} in {region} as in {other}, at its standby size",
     "images, task definition and targets are in {region} before {other} is lost",
     "delete the service in {region}",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices", Where::kOther},
      {"ecs", "DescribeTaskDefinition", Where::kOther},
      {"ecs", "DescribeTaskDefinition"},
      {"ecs", "RegisterTaskDefinition"},
      {"ecs", "DescribeClusters"},
      {"ecs", "CreateCluster"},
      {"ecs", "DescribeServices"},
      {"ecs", "CreateService"},
      {"ecs", "UpdateService"},
      {"rds", "DescribeDBInstances"},
      {"elasticache", "DescribeReplicationGroups"},
      {"efs", "DescribeFileSystems", Where::kOther},
      {"efs", "DescribeFileSystems"},
      {"ec2", "DescribeSecurityGroups", Where::kOther},
      {"ec2", "DescribeSecurityGroups"},
      {"elbv2", "DescribeLoadBalancers"},
      {"elbv2", "DescribeTargetGroups"},
      {"elbv2", "DescribeTargetHealth"}}},
    {"ecs.readdress",
     Phase::kScale,
     "tell {component} in {region} the addresses of what was restored",
     "tasks carry the addresses of their stores, and a restored one had none before",
     "UpdateService to the former task definition",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"},
      {"ecs", "DescribeTaskDefinition"},
      {"ecs", "RegisterTaskDefinition"},
      {"ecs", "UpdateService"},
      {"rds", "DescribeDBInstances"},
      {"efs", "DescribeFileSystems"}}},
    {"ecs.quiesce",
     Phase::kFence,
     "stop {component} in {region}",
     "{region} may still answer; its tasks would write to the old store",
     "UpdateService to the active size again",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{"ecs", "UpdateService"}},
     Part::kStops},
    {"ecs.scale",
     Phase::kScale,
     "size {component} in {region}",
     "capacity is there when the traffic comes, and no larger than needed elsewhere",
     "UpdateService to the former size",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"}, {"ecs", "UpdateService"}},
     Part::kChanges},
    {"ecs.ready",
     Phase::kScale,
     "wait until {component} serves in {region}",
     "traffic moves only to targets that are healthy on the promoted store",
     "nothing to take back",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"},
      {"elbv2", "DescribeLoadBalancers"},
      {"elbv2", "DescribeTargetGroups"},
      {"elbv2", "DescribeTargetHealth"}},
     Part::kServes},
    {"ecs.settle",
     Phase::kVerify,
     "wait until all tasks of {component} run in {region}",
     "a recovery is over when the full size serves",
     "nothing to take back",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"ecs", "DescribeServices"}}},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"rds.restore@to", "ecs.readdress@to", Scope::kAll},
      {"dynamodb.restore@to", "ecs.readdress@to", Scope::kAll},
      {"efs.restore@to", "ecs.readdress@to", Scope::kAll},
      {"ecs.readdress@to", "ecs.scale@to", Scope::kSame},
      {"ecs.readdress@to", "ecs.ready@to", Scope::kSame},
      // One whose tasks start last is made as early as the others.
      {"ecs.replicate@to", ":closes@from", Scope::kAll},
      {"ecs.replicate@to", "lease.hand-over", Scope::kAll},
      {"ecs.scale@to", "ecs.ready@to", Scope::kSame},
      {"ecs.ready@to", "ecs.settle@to", Scope::kSame},
  };
  return kOrder;
}

using model::Ecs;

const Ecs& Of(const model::Component& component) { return std::get<model::Ecs>(component.kind); }

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["cluster"] = Of(component).cluster;
  step.parameters["service"] = Of(component).service;
  return step;
}

model::Step& Scale(const model::Component& component, const model::Region& region, int desired,
                   Draft& draft) {
  model::Step& step = EmitFor("ecs.scale", component, region, draft);
  step.parameters["desired"] = std::to_string(desired);
  step.title += " to " + std::to_string(desired);
  return step;
}

void Ready(const model::Component& component, const model::Region& region, Draft& draft) {
  // Active may be waited for later; what stood by is enough to serve the first request.
  const int healthy = std::max(1, Of(component).standby);
  EmitFor("ecs.ready", component, region, draft).parameters["healthy"] = std::to_string(healthy);
}

void Settle(const model::Component& component, const model::Region& region, Draft& draft) {
  EmitFor("ecs.settle", component, region, draft).parameters["desired"] =
      std::to_string(Of(component).active);
}

void Replicate(const model::Component& component, const model::Region& into, int desired,
               Draft& draft) {
  model::Step& step = TellSource(draft, EmitFor("ecs.replicate", component, into, draft));
  step.parameters["desired"] = std::to_string(desired);
  step.title = "run " + component.name.str() + " in " + into.str() + " as in " +
               draft.Other(into).str() + ", with " + std::to_string(desired) + " tasks";
}

void Protect(const model::Component& component, Draft& draft) {
  Replicate(component, draft.plan.to, Of(component).standby, draft);
}

// The file systems that its tasks mount, and which are there only once they are restored: without
// them no task starts.
std::string MountedFor(const model::Component& component, const Draft& draft) {
  std::string names;
  for (const model::ComponentName& needed : component.needs) {
    const model::Component* found = draft.application.Find(needed);
    if (found == nullptr || model::FilesOf(found->kind) == nullptr) continue;
    if (model::Restores(found->kind)) names += (names.empty() ? "" : ",") + needed.str();
  }
  return names;
}

// Besides them, the stores whose addresses its tasks carry, and which are there only then.
std::string RestoredFor(const model::Component& component, const Draft& draft) {
  std::string names = MountedFor(component, draft);
  for (const auto& [variable, store] : Of(component).environment) {
    const model::Component* found = draft.application.Find(store);
    if (found == nullptr || !model::Restores(found->kind)) continue;
    const auto& needs = component.needs;
    const bool mounted = model::FilesOf(found->kind) != nullptr &&
                         std::find(needs.begin(), needs.end(), store) != needs.end();
    if (!mounted) names += (names.empty() ? "" : ",") + store.str();
  }
  return names;
}

model::Step& Readdress(const model::Component& component, const std::string& stores, Draft& draft) {
  model::Step& step = EmitFor("ecs.readdress", component, draft.plan.to, draft);
  step.parameters["stores"] = stores;
  return step;
}

void Failover(const model::Component& component, Draft& draft) {
  if (draft.from_may_answer)
    EmitFor("ecs.quiesce", component, draft.plan.from, draft).parameters["desired"] = "0";
  if (const std::string stores = RestoredFor(component, draft); !stores.empty())
    Readdress(component, stores, draft);
  Scale(component, draft.plan.to, Of(component).active, draft);
  Ready(component, draft.plan.to, draft);
  Settle(component, draft.plan.to, draft);
}

void Move(const model::Component& component, Draft& draft) {
  const Ecs& ecs = Of(component);
  // New instances may have new addresses, which tasks carry; and what was deployed while away comes
  // along.
  const bool moved_here = !RestoredFor(component, draft).empty();
  // What it mounts is there at the end of the move alone, and so are its tasks.
  const std::string mounted = MountedFor(component, draft);
  if (draft.plan.action == model::Action::kFailback || moved_here) {
    Replicate(component, draft.plan.to, mounted.empty() ? ecs.active : 0, draft);
  }
  if (mounted.empty()) {
    Scale(component, draft.plan.to, ecs.active, draft);
  } else {
    Readdress(component, mounted, draft).parameters["desired"] = std::to_string(ecs.active);
  }
  Ready(component, draft.plan.to, draft);
  Settle(component, draft.plan.to, draft);
  Scale(component, draft.plan.from, ecs.standby, draft).phase = Phase::kReprotect;
  Replicate(component, draft.plan.from, ecs.standby, draft);
  draft.plan.steps.back().phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  model::Step& step = Scale(component, draft.plan.from, Of(component).standby, draft);
  step.phase = Phase::kReprotect;
  // Its loss may be why the move is called off.
  step.on_failure = OnFailure::kContinue;
}

}  // namespace

const Recipe& EcsRecipe() {
  static const Recipe kRecipe = {"ecs",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"ecs.replicate", "ecs.replicate"},
                                 {"ecs.ready", "ecs.ready"},
                                 {"ecs.ready", "ecs.ready"}};
  return kRecipe;
}

}  // namespace leeward::plan

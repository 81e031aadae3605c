// Route 53: failover records whose health checks are ARC routing controls. Moving traffic uses
// ARC's data plane only.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kConfig[] = "route53-recovery-control-config";
constexpr char kCluster[] = "route53-recovery-cluster";

const std::vector<StepTemplate>& Templates() {
  static const std::vector<StepTemplate> kTemplates = {
      {"route53.protect",
       Phase::kPrepare,
       "give {component} records that routing controls switch",
       "traffic must be movable without Route 53's control plane, which us-east-1 takes with it",
       "delete the records, health checks and routing controls",
       &Timeouts::scale,
       Attempts::kSeveral,
       OnFailure::kStop,
       {{kConfig, "DescribeCluster", Where::kGlobal},
        {kConfig, "ListControlPanels", Where::kGlobal},
        {kConfig, "ListRoutingControls", Where::kGlobal},
        {kConfig, "CreateRoutingControl", Where::kGlobal},
        {kConfig, "DescribeRoutingControl", Where::kGlobal},
        {kConfig, "ListSafetyRules", Where::kGlobal},
        {kConfig, "CreateSafetyRule", Where::kGlobal},
        {kCluster, "GetRoutingControlState", Where::kData},
        {kCluster, "UpdateRoutingControlStates", Where::kData},
        {"elbv2", "DescribeLoadBalancers"},
        {"elbv2", "DescribeLoadBalancers", Where::kOther},
        {"route53", "ListHostedZonesByName", Where::kGlobal},
        {"route53", "ListHealthChecks", Where::kGlobal},
        {"route53", "CreateHealthCheck", Where::kGlobal},
        {"route53", "ListResourceRecordSets", Where::kGlobal},
        {"route53", "ChangeResourceRecordSets", Where::kGlobal},
        {"route53", "GetChange", Where::kGlobal}}},
      {"route53.shift",
       Phase::kTraffic,
       "send {component} to {region}",
       "one atomic change, at any of five endpoints; no control plane takes part",
       "the same change the other way round",
       &Timeouts::shift,
       Attempts::kSeveral,
       OnFailure::kStop,
       {{kCluster, "GetRoutingControlState", Where::kData},
        {kCluster, "UpdateRoutingControlStates", Where::kData}},
       Part::kChanges},
      {"route53.confirm",
       Phase::kTraffic,
       "see {component} answered by {region}",
       "a switch counts when resolvers and the front address say so",
       "nothing to take back",
       &Timeouts::confirm,
       Attempts::kSeveral,
       OnFailure::kStop,
       {}},
  };
  return kTemplates;
}

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {{"route53.shift", "route53.confirm", Scope::kSame}};
  return kOrder;
}

void Protect(const model::Component& component, Draft& draft) {
  model::Step& step = draft.Emit("route53.protect", component.name, draft.plan.to);
  step.parameters["active-region"] = draft.plan.from.str();
  step.parameters["home-region"] = draft.application.regions.home.str();
  step.parameters["recovery-region"] = draft.application.regions.recovery.str();
}

void Shift(const model::Component& component, Draft& draft) {
  model::Step& shift = draft.Emit("route53.shift", component.name, draft.plan.to);
  shift.parameters["on"] = draft.plan.to.str();
  shift.parameters["off"] = draft.plan.from.str();
  draft.Emit("route53.confirm", component.name, draft.plan.to).parameters["region"] =
      draft.plan.to.str();
}

// Traffic is the last to move, and a move whose traffic has begun to is not called off.
void Stay(const model::Component&, Draft&) {}

}  // namespace

const Recipe& Route53Recipe() {
  static const Recipe kRecipe = {"route53",
                                 Templates,
                                 Order,
                                 Protect,
                                 Shift,
                                 Shift,
                                 Stay,
                                 {"route53.protect", "route53.protect"},
                                 {"route53.confirm", "route53.shift"},
                                 {"route53.confirm", "route53.shift"}};
  return kRecipe;
}

}  // namespace leeward::plan

// Steps of the whole application: the gates, the verification, the inventory; and the order between
// kinds.
#include <algorithm>
#include <iterator>

#include "model/names.h"
#include "plan/draft.h"

namespace leeward::plan {

using model::Action;
using model::OnFailure;
using model::Phase;

const std::vector<StepTemplate>& GateTemplates() {
  static const std::vector<StepTemplate> kTemplates = {
      {"gate.loss",
       Phase::kDecide,
       "compare the loss with the RPO",
       "no loss over budget is accepted in silence",
       "nothing to take back",
       &Timeouts::look,
       Attempts::kOnce,
       OnFailure::kStop,
       {}},
      {"gate.approval",
       Phase::kDecide,
       "wait for people to approve",
       "the spec says that people agree before {other} is left",
       "nothing to take back",
       &Timeouts::look,
       Attempts::kOnce,
       OnFailure::kStop,
       {}},
      {"gate.final-loss",
       Phase::kPromote,
       "compare the loss that holds with the RPO",
       "{other} may have taken writes until its fence was proven; nothing is promoted over budget "
       "in silence",
       "nothing to take back",
       &Timeouts::look,
       Attempts::kOnce,
       OnFailure::kStop,
       {}},
      {"gate.fence-proof",
       Phase::kFence,
       "prove that {other} cannot write",
       "two Regions must never write at once",
       "nothing to take back",
       &Timeouts::look,
       Attempts::kOnce,
       OnFailure::kStop,
       {}},
  };
  return kTemplates;
}

namespace {

const std::vector<StepTemplate> kCommonTemplates = {
    {"lease.hand-over",
     Phase::kFence,
     "have the guard of {region} close its stores and give the writer lease up",
     "a writer that stops by itself leaves nothing half done",
     "take the lease for {region} again",
     &Timeouts::lease,
     Attempts::kSeveral,
     OnFailure::kStop,
     {}},
    {"lease.take",
     Phase::kFence,
     "take the writer lease for {region}",
     "one Region at a time may write; the end of {other}'s lease is proof of fence",
     "take it for {other} again",
     &Timeouts::lease,
     Attempts::kSeveral,
     OnFailure::kStop,
     {}},
    {"app.verify",
     Phase::kVerify,
     "check the recovered data in {region}",
     "the spec's own checks decide whether the data is whole",
     "nothing to take back",
     &Timeouts::confirm,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"}}},
    {"app.consistency",
     Phase::kVerify,
     "look for what rows name beyond the recovery line in {region}",
     "stores stop at different instants; what points beyond is listed, never deleted",
     "nothing to take back",
     &Timeouts::scale,
     Attempts::kSeveral,
     OnFailure::kContinue,
     {{"rds", "DescribeDBInstances"},
      {"dynamodb", "DescribeTable"},
      {"dynamodb", "BatchGetItem"},
      {"elasticache", "DescribeReplicationGroups"},
      {"elbv2", "DescribeLoadBalancers"}}},
    {"inventory.refresh",
     Phase::kPrepare,
     "save what a failover needs to know",
     "in an emergency nothing may have to be asked of a Region that is lost",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{"rds", "DescribeDBInstances"},
      {"rds", "DescribeDBInstances", Where::kOther},
      {"ecs", "DescribeServices"},
      {"ecs", "DescribeServices", Where::kOther},
      {"elbv2", "DescribeLoadBalancers"},
      {"elbv2", "DescribeLoadBalancers", Where::kOther},
      {"elbv2", "DescribeTargetGroups"},
      {"elbv2", "DescribeTargetGroups", Where::kOther},
      {"dynamodb", "DescribeTable"},
      {"dynamodb", "DescribeTable", Where::kOther},
      {"elasticache", "DescribeReplicationGroups"},
      {"elasticache", "DescribeReplicationGroups", Where::kOther},
      {"efs", "DescribeFileSystems"},
      {"efs", "DescribeFileSystems", Where::kOther},
      {"datasync", "ListLocations"},
      {"datasync", "ListLocations", Where::kOther},
      {"datasync", "ListTasks"},
      {"datasync", "ListTasks", Where::kOther},
      {"datasync", "DescribeTask"},
      {"datasync", "DescribeTask", Where::kOther},
      {"ec2", "DescribeVolumes", Where::kHere, "ebs"},
      {"ec2", "DescribeVolumes", Where::kOther, "ebs"},
      {"ec2", "DescribeSnapshots", Where::kHere, "ebs"},
      {"ec2", "DescribeSnapshots", Where::kOther, "ebs"},
      {"secretsmanager", "DescribeSecret"},
      {"secretsmanager", "DescribeSecret", Where::kOther},
      {"kms", "DescribeKey"},
      {"kms", "DescribeKey", Where::kOther},
      {"s3", "HeadBucket"},
      {"s3", "HeadBucket", Where::kOther},
      {"route53-recovery-control-config", "DescribeCluster", Where::kGlobal},
      {"route53-recovery-control-config", "ListControlPanels", Where::kGlobal},
      {"route53-recovery-control-config", "ListRoutingControls", Where::kGlobal}}},
};

}  // namespace

const std::vector<StepTemplate>& CommonTemplates() { return kCommonTemplates; }

// Between component kinds; what one component needs of another is in the pass `order`.
const std::vector<OrderRule>& CommonOrder() {
  static const std::vector<OrderRule> kOrder = {
      // Nothing of the old Region is touched before the loss is known and accepted.
      {":measures", "gate.loss", Scope::kAll},
      // What may be lost is measured when people have agreed: while they think it may grow.
      {"gate.approval", ":measures", Scope::kAll},
      {"gate.approval", "gate.loss", Scope::kAll},
      {"gate.loss", ":fences", Scope::kAll},
      {"gate.loss", ":stops", Scope::kAll},
      {"gate.loss", "lease.take", Scope::kAll},
      {"lease.take", "gate.fence-proof", Scope::kAll},
      {"gate.loss", "gate.fence-proof", Scope::kAll},
      {":fences", "gate.fence-proof", Scope::kAll},
      {":stops", "gate.fence-proof", Scope::kAll},
      // Nothing of the new Region is changed before both gates have passed.
      {"gate.loss", ":changes", Scope::kAll},
      {"gate.fence-proof", ":changes", Scope::kAll},
      // No store is promoted before the loss that holds for all of them is known and accepted.
      {"gate.fence-proof", "gate.final-loss", Scope::kAll},
      {":restates", "gate.final-loss", Scope::kAll},
      {"gate.final-loss", ":serves@to", Scope::kAll},
      // A planned move: tasks are there, and every copy, before the first writer is closed.
      {":replicates@to", ":closes@from", Scope::kAll},
      // Service ends with the hand-over, so all that can be prepared is there by then.
      {":replicates@to", "lease.hand-over", Scope::kAll},
      {":keeps@to", "lease.hand-over", Scope::kAll},
      {"ecs.scale@to", "lease.hand-over", Scope::kAll},
      // Without the lease nothing of the move begins.
      {"lease.hand-over", "lease.take", Scope::kAll},
      // Every store is complete before the first one serves: should the old Region be lost until
      // then, nothing is promoted and the move can be given up.
      {":completes@to", ":serves@to", Scope::kAll},
      {"lease.take", ":closes@from", Scope::kAll},
      {"lease.take", ":opens@to", Scope::kAll},
      {":replicates@to", "ecs.replicate@to", Scope::kAll},
      {"ecs.replicate@to", "ecs.scale@to", Scope::kSame},
      {":replicates@to", "ecs.scale@to", Scope::kAll},
      {"ecs.scale@to", ":closes@from", Scope::kAll},
      // Traffic moves last, to what is ready, whether the spec says `needs` or not.
      {":serves@to", "route53.shift", Scope::kAll},
      {"route53.confirm", "ecs.settle@to", Scope::kAll},
      {":serves@to", "app.verify", Scope::kAll},
      {"route53.confirm", "app.verify", Scope::kAll},
      // The application serves by then: looking takes a while, and is asked of what serves.
      {":serves@to", "app.consistency", Scope::kAll},
      {"route53.confirm", "app.consistency", Scope::kAll},
      // The old side is put away only when the new side is proven.
      {"app.verify", "ecs.scale@from", Scope::kAll},
      {"app.verify", ":retires@from", Scope::kAll},
      {":replicates@from", "ecs.replicate@from", Scope::kAll},
      {"ecs.scale@from", "ecs.replicate@from", Scope::kSame},
      {"app.verify", "rds.check-source@to", Scope::kAll},
      // The inventory describes what is there in the end.
      {":replicates", "inventory.refresh", Scope::kAll},
      {"ecs.replicate", "inventory.refresh", Scope::kAll},
      {"ecs.scale", "inventory.refresh", Scope::kAll},
      {"route53.protect", "inventory.refresh", Scope::kAll},
      {"route53.confirm", "inventory.refresh", Scope::kAll},
      {"app.verify", "inventory.refresh", Scope::kAll},
  };
  return kOrder;
}

namespace {

// The ids of the steps that play a part, in the plan's order.
std::string StepIds(const Draft& draft, std::string_view part) {
  std::string ids;
  for (const model::Step& step : draft.plan.steps) {
    if (IsMeant(part, step.kind))
      ids += (ids.empty() ? "" : ",") + step.kind.str() + "/" + step.component.str();
  }
  return ids;
}

std::string Stores(const Draft& draft) {
  std::string names;
  for (const model::Component& component : draft.application.components) {
    if (!model::IsStore(component.kind)) continue;
    names += (names.empty() ? "" : ",") + component.name.str();
  }
  return names;
}

// Stores that no guard closes.
std::string WithoutDoor(const Draft& draft) {
  std::string names;
  for (const model::Component& component : draft.application.components) {
    if (!model::IsStore(component.kind)) continue;
    if (RecipeOf(component).door == Recipe::Door::kGuarded) continue;
    names += (names.empty() ? "" : ",") + component.name.str();
  }
  return names;
}

// The step's id for the gate; empty when the application has no lease.
std::string EmitLease(Draft& draft) {
  if (!draft.application.failover.store) return "";
  if (draft.plan.action != Action::kFailover) draft.Emit("lease.hand-over", {}, draft.plan.from);
  model::Step& take = draft.Emit("lease.take", {}, draft.plan.to);
  if (!draft.options.override_fence.empty())
    take.parameters["override"] = draft.options.override_fence;
  return "lease.take";
}

void AddApproval(const model::ApprovalTerms& terms, model::Step& step) {
  step.parameters["approval-people"] = std::to_string(terms.people);
  step.parameters["approval-within-ns"] = std::to_string(terms.within.count());
}

// A gate that compares what may be lost with the RPO, before the fence or behind it.
model::Step& EmitLoss(Draft& draft, const char* kind) {
  const auto& approval = draft.application.failover.approval;
  const auto& accepted = draft.options.accept_loss;
  model::Step& loss = draft.Emit(kind, {}, draft.plan.to);
  loss.parameters = {
      {"budget-ns", std::to_string(draft.application.objectives.rpo.count())},
      {"policy", std::string(model::Name(draft.application.failover.when_loss_over_rpo))},
      {"measures", StepIds(draft, ":measures")}};
  if (accepted) loss.parameters["accept-loss-ns"] = std::to_string(accepted->count());
  // Whoever says how much may be lost has answered the gate's question.
  const bool asks = draft.application.failover.when_loss_over_rpo == model::OverRpo::kAsk;
  if (approval && asks && !accepted) AddApproval(*approval, loss);
  return loss;
}

void EmitGates(Draft& draft) {
  const auto& approval = draft.application.failover.approval;
  const Options& options = draft.options;
  EmitLoss(draft, "gate.loss");
  if (approval && options.starter == Starter::kDaemon)
    AddApproval(*approval, draft.Emit("gate.approval", {}, draft.plan.to));
  const std::string lease = EmitLease(draft);
  model::Step& fence = draft.Emit("gate.fence-proof", {}, draft.plan.to);
  fence.parameters = {{"old-region", draft.plan.from.str()},
                      {"stores", Stores(draft)},
                      {"fences", StepIds(draft, ":fences")}};
  if (!lease.empty()) fence.parameters["lease"] = lease;
  const std::string without_door = WithoutDoor(draft);
  if (!lease.empty() && !without_door.empty()) fence.parameters["without-door"] = without_door;
  if (!options.override_fence.empty()) fence.parameters["override"] = options.override_fence;
  if (options.killed) {
    fence.parameters["killed-region"] = options.killed->region.str();
    fence.parameters["killed-at-ns"] = std::to_string(options.killed->at.since_epoch.count());
  }
  EmitLoss(draft, "gate.final-loss").parameters["restates"] = StepIds(draft, ":restates");
  // Steps that may come in any order stay in this one: what every promotion waits for is told of
  // with them, and not behind what goes on beside it.
  std::rotate(draft.plan.steps.begin(), std::prev(draft.plan.steps.end()), draft.plan.steps.end());
}

// Only a failover leaves stores at different instants.
void EmitConsistency(Draft& draft) {
  if (draft.application.references.empty()) return;
  model::Step& step = draft.Emit("app.consistency", {}, draft.plan.to);
  step.parameters = {{"measures", StepIds(draft, ":measures")},
                     {"restates", StepIds(draft, ":restates")}};
}

}  // namespace

base::Status EmitCommon(Draft& draft) {
  switch (draft.plan.action) {
    case Action::kProtect:
      draft.Emit("inventory.refresh", {}, draft.plan.to);
      break;
    case Action::kFailover:
      EmitGates(draft);
      draft.Emit("app.verify", {}, draft.plan.to);
      EmitConsistency(draft);
      break;
    case Action::kSwitchover:
    case Action::kFailback:
      EmitLease(draft);
      draft.Emit("app.verify", {}, draft.plan.to);
      draft.Emit("inventory.refresh", {}, draft.plan.to).phase = Phase::kReprotect;
      break;
    case Action::kCallOff:
      EmitLease(draft);
      draft.Emit("app.verify", {}, draft.plan.to);
      break;
  }
  return base::Ok();
}

base::Status EmitComponents(Draft& draft) {
  for (const model::Component& component : draft.application.components) {
    const Recipe& recipe = RecipeOf(component);
    switch (draft.plan.action) {
      case Action::kProtect:
        recipe.protect(component, draft);
        break;
      case Action::kFailover:
        recipe.failover(component, draft);
        break;
      case Action::kSwitchover:
      case Action::kFailback:
        recipe.move(component, draft);
        break;
      case Action::kCallOff:
        recipe.call_off(component, draft);
        break;
    }
  }
  return base::Ok();
}

}  // namespace leeward::plan

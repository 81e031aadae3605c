// ElastiCache: a replication group of the same id in both Regions, members of one Global Datastore.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kCache[] = "elasticache";

const std::vector<StepTemplate> kTemplates = {
    {"elasticache.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can lead a Global Datastore",
     "its engine, state and shards decide whether it can be copied to another Region",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"}}},
    {"elasticache.replicate",
     Phase::kPrepare,
     "make {component} in {region} follow {other}",
     "the keys must be in {region} before {other} is lost",
     "disassociate and delete the replication group in {region}",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups", Where::kOther},
      {kCache, "DescribeGlobalReplicationGroups", Where::kOther},
      {kCache, "CreateGlobalReplicationGroup", Where::kOther},
      {"ec2", "DescribeSecurityGroups"},
      {kCache, "DescribeReplicationGroups"},
      {"kms", "DescribeKey", Where::kHere, kCache, "kms-key"},
      {kCache, "CreateReplicationGroup"}},
     Part::kReplicates},
    {"elasticache.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"}},
     Part::kMeasures},
    {"elasticache.fence",
     Phase::kFence,
     "hold the writes of {component} in {region}",
     "{region} may still answer; no two Regions may write",
     "CLIENT UNPAUSE",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {},
     Part::kFences},
    {"elasticache.promote",
     Phase::kPromote,
     "promote {component} in {region}",
     "the secondary becomes the primary; only {region} is needed for it",
     "",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"},
      {kCache, "FailoverGlobalReplicationGroup"},
      {kCache, "DisassociateGlobalReplicationGroup"}},
     Part::kChanges | Part::kServes},
    {"elasticache.preserve-old",
     Phase::kReprotect,
     "keep what the old {component} in {region} holds",
     "AWS wipes a group that is to follow again; what it alone holds is listed and kept first",
     "nothing to take back",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"},
      {kCache, "DescribeGlobalReplicationGroups"},
      {kCache, "DisassociateGlobalReplicationGroup"},
      {kCache, "DeleteGlobalReplicationGroup"},
      {kCache, "DeleteReplicationGroup"},
      {kCache, "DescribeReplicationGroups", Where::kOther}},
     Part::kKeeps},
    {"elasticache.quiesce",
     Phase::kFence,
     "hold the writes of {component} in {region}",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "CLIENT UNPAUSE; it ends by itself",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"}},
     Part::kCloses},
    {"elasticache.drain-to",
     Phase::kPromote,
     "wait for the last write to {component} of {other}",
     "a planned move promotes only what is complete",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"}},
     Part::kCompletes},
    {"elasticache.open",
     Phase::kPromote,
     "let {component} in {region} take writes",
     "writes that were held go on",
     "hold them again: CLIENT PAUSE",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kCache, "DescribeReplicationGroups"}},
     Part::kOpens | Part::kServes},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"elasticache.check-source@from", "elasticache.replicate@to", Scope::kSame},
      {"elasticache.preserve-old@to", "elasticache.replicate@to", Scope::kSame},
      {"elasticache.replicate@to", "elasticache.quiesce@from", Scope::kSame},
      {"elasticache.quiesce@from", "elasticache.drain-to@to", Scope::kSame},
      {"elasticache.drain-to@to", "elasticache.promote@to", Scope::kSame},
      {"elasticache.promote@to", "elasticache.open@to", Scope::kSame},
      {"app.verify", "elasticache.replicate@from", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["replication-group"] =
      std::get<model::Elasticache>(component.kind).replication_group;
  const std::string key = model::KmsKeyOf(component.kind);
  if (!key.empty()) step.parameters["kms-key"] = key;
  return step;
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  return TellSource(draft, EmitFor("elasticache.replicate", component, into, draft));
}

model::Step& Promote(const model::Component& component, const char* how, Draft& draft) {
  model::Step& step = EmitFor("elasticache.promote", component, draft.plan.to, draft);
  step.parameters["how"] = how;
  return TellSource(draft, step);
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("elasticache.check-source", component, draft.plan.from, draft);
  Replicate(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  TellBudget(draft, EmitFor("elasticache.measure", component, draft.plan.to, draft));
  if (draft.from_may_answer) EmitFor("elasticache.fence", component, draft.plan.from, draft);
  Promote(component, "unplanned", draft);
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback) {
    TellWriter(draft, EmitFor("elasticache.preserve-old", component, to, draft));
    Replicate(component, to, draft);
  }
  EmitFor("elasticache.quiesce", component, from, draft);
  TellSource(draft, EmitFor("elasticache.drain-to", component, to, draft));
  Promote(component, "planned", draft);
  EmitFor("elasticache.open", component, to, draft);
  // AWS turns the old primary round by itself; it is looked at until it follows.
  Replicate(component, from, draft).phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("elasticache.open", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& ElasticacheRecipe() {
  static const Recipe kRecipe = {"elasticache",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"elasticache.replicate", "elasticache.check-source"},
                                 {"elasticache.promote", "elasticache.promote"},
                                 {"elasticache.open", "elasticache.promote"}};
  return kRecipe;
}

}  // namespace leeward::plan

// KMS: a multi-Region key has the same material in both Regions, and each works without the other.
// So nothing is done with one in a failover, and the plan says so by a step that looks alone. Which
// Region has the primary matters for making replicas and nothing else; it is moved by hand.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kKms[] = "kms";

const std::vector<StepTemplate> kTemplates = {
    {"kms.check-source",
     Phase::kPrepare,
     "check that {component} in {region} is a multi-Region key",
     "a key of one Region cannot become one",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kKms, "DescribeKey"}}},
    {"kms.replicate",
     Phase::kPrepare,
     "see that {component} and its alias are in {region}, and make what is not",
     "what is encrypted under it in {other} must be read in {region}",
     "schedule the deletion of the replica, and delete its alias",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kKms, "DescribeKey"},
      {kKms, "DescribeKey", Where::kOther},
      {kKms, "GetKeyPolicy", Where::kOther},
      {kKms, "ReplicateKey", Where::kOther},
      {kKms, "CreateAlias"}},
     Part::kReplicates},
    // What it finds is told; a failover is not held up by a look.
    {"kms.ready",
     Phase::kPromote,
     "nothing to do for {component} but see that the key in {region} is enabled",
     "each Region's key works without the others; its primary is moved by hand alone",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kContinue,
     {{kKms, "DescribeKey"}}},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"kms.check-source@from", "kms.replicate@to", Scope::kSame},
      {"kms.replicate@to", "kms.ready@to", Scope::kSame},
      // A key is there before anything is encrypted under it.
      {"kms.replicate@to", "secretsmanager.replicate@to", Scope::kAll},
      {"kms.replicate@to", "rds.replicate@to", Scope::kAll},
      {"kms.replicate@to", "rds.copy-backups@to", Scope::kAll},
      {"kms.replicate@to", "efs.replicate@to", Scope::kAll},
      {"kms.replicate@to", "ebs.replicate@to", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["key"] = std::get<model::Kms>(component.kind).key;
  return step;
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("kms.check-source", component, draft.plan.from, draft);
  TellSource(draft, EmitFor("kms.replicate", component, draft.plan.to, draft));
}

void Failover(const model::Component& component, Draft& draft) {
  EmitFor("kms.ready", component, draft.plan.to, draft);
}

void Move(const model::Component& component, Draft& draft) {
  TellSource(draft, EmitFor("kms.replicate", component, draft.plan.to, draft));
  EmitFor("kms.ready", component, draft.plan.to, draft);
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("kms.ready", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& KmsRecipe() {
  static const Recipe kRecipe = {"kms",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"kms.replicate", "kms.check-source"},
                                 {"kms.ready", "kms.ready"},
                                 {"kms.replicate", "kms.replicate"}};
  return kRecipe;
}

}  // namespace leeward::plan

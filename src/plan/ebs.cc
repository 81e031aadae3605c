// EBS: volumes with one tag, whose snapshots are taken as a set and copied to the other Region.
// They are closed when no instance has them attached, and recovered by making new volumes of the
// newest complete set.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kEc2[] = "ec2";

const std::vector<StepTemplate> kTemplates = {
    {"ebs.check-source",
     Phase::kPrepare,
     "check that {component} in {region} can be taken as one set",
     "volumes of several instances have no instant in common",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}}},
    {"ebs.replicate",
     Phase::kPrepare,
     "take a set of snapshots of {component} in {other} and copy it to {region}",
     "a complete set must be in {region} before {other} is lost",
     "delete the snapshots of the set in both Regions",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes", Where::kOther},
      {kEc2, "DescribeSnapshots", Where::kOther},
      {kEc2, "CreateSnapshots", Where::kOther},
      {kEc2, "CreateSnapshot", Where::kOther},
      {kEc2, "DescribeSnapshots"},
      {kEc2, "CopySnapshot"},
      {"kms", "DescribeKey", Where::kHere, "ebs", "kms-key"},
      {kEc2, "DeleteSnapshot", Where::kOther},
      {kEc2, "DeleteSnapshot"}},
     Part::kReplicates},
    {"ebs.measure",
     Phase::kDecide,
     "measure what {component} would lose",
     "the loss bound is journalled and compared with the RPO before anything is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}, {kEc2, "DescribeSnapshots"}},
     Part::kMeasures},
    {"ebs.fence",
     Phase::kFence,
     "see that no instance in {region} has {component} attached",
     "{region} may still answer; no two Regions may write",
     "nothing to take back",
     &Timeouts::fence,
     Attempts::kOnce,
     OnFailure::kContinue,
     {{kEc2, "DescribeVolumes"}},
     Part::kFences},
    {"ebs.promote",
     Phase::kPromote,
     "make the volumes of {component} in {region}",
     "of the newest set that is complete in {region}",
     "delete the volumes",
     &Timeouts::promote,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"},
      {kEc2, "DescribeSnapshots"},
      {kEc2, "CreateTags"},
      {kEc2, "DeleteTags"},
      {kEc2, "CreateVolume"}},
     Part::kChanges | Part::kServes},
    {"ebs.preserve-old",
     Phase::kReprotect,
     "put the old volumes of {component} in {region} aside",
     "they keep what they alone hold, and the way home gets new ones",
     "give the old volumes their tag back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}, {kEc2, "CreateTags"}, {kEc2, "DeleteTags"}},
     Part::kKeeps},
    {"ebs.quiesce",
     Phase::kFence,
     "see that no instance in {region} has {component} attached",
     "a planned move loses nothing: writes end here before they begin in {other}",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}},
     Part::kCloses},
    {"ebs.drain-to",
     Phase::kPromote,
     "take the last set of {component} in {other} and copy it to {region}",
     "a planned move makes its volumes of what was written last",
     "delete the snapshots of the set in both Regions",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes", Where::kOther},
      {kEc2, "DescribeSnapshots", Where::kOther},
      {kEc2, "CreateSnapshots", Where::kOther},
      {kEc2, "CreateSnapshot", Where::kOther},
      {kEc2, "DescribeSnapshots"},
      {kEc2, "CopySnapshot"},
      {"kms", "DescribeKey", Where::kHere, "ebs", "kms-key"},
      {kEc2, "DeleteSnapshot"}},
     Part::kCompletes},
    {"ebs.retire-old",
     Phase::kReprotect,
     "put the left volumes of {component} in {region} aside",
     "they hold what has moved; nothing is deleted, and the tag is free for the way back",
     "give the old volumes their tag back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}, {kEc2, "CreateTags"}, {kEc2, "DeleteTags"}},
     Part::kRetires},
    {"ebs.open",
     Phase::kPromote,
     "see that the volumes of {component} in {region} are there",
     "they stay where they are for a move that does not come",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kEc2, "DescribeVolumes"}},
     Part::kOpens | Part::kServes},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"ebs.check-source@from", "ebs.replicate@to", Scope::kSame},
      {"ebs.preserve-old@to", "ebs.replicate@to", Scope::kSame},
      {"ebs.replicate@to", "ebs.quiesce@from", Scope::kSame},
      {"ebs.quiesce@from", "ebs.drain-to@to", Scope::kSame},
      {"ebs.drain-to@to", "ebs.promote@to", Scope::kSame},
      // Whoever has them attached is told to end before anybody looks whether they have.
      {"ecs.quiesce@from", "ebs.fence@from", Scope::kAll},
      {"app.verify", "ebs.replicate@from", Scope::kAll},
      {"ebs.promote@to", "ebs.replicate@from", Scope::kSame},
      {"app.verify", "ebs.retire-old@from", Scope::kAll},
  };
  return kOrder;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["tag"] = std::get<model::Ebs>(component.kind).tag;
  const std::string key = model::KmsKeyOf(component.kind);
  if (!key.empty()) step.parameters["kms-key"] = key;
  return step;
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  return TellSource(draft, EmitFor("ebs.replicate", component, into, draft));
}

void Protect(const model::Component& component, Draft& draft) {
  EmitFor("ebs.check-source", component, draft.plan.from, draft);
  Replicate(component, draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  TellBudget(draft, EmitFor("ebs.measure", component, draft.plan.to, draft));
  if (draft.from_may_answer) EmitFor("ebs.fence", component, draft.plan.from, draft);
  EmitFor("ebs.promote", component, draft.plan.to, draft);
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (draft.plan.action == model::Action::kFailback)
    TellParting(draft, EmitFor("ebs.preserve-old", component, to, draft));
  Replicate(component, to, draft);
  EmitFor("ebs.quiesce", component, from, draft);
  TellSource(draft, EmitFor("ebs.drain-to", component, to, draft));
  EmitFor("ebs.promote", component, to, draft);
  Replicate(component, from, draft).phase = Phase::kReprotect;
  EmitFor("ebs.retire-old", component, from, draft);
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("ebs.open", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& EbsRecipe() {
  static const Recipe kRecipe = {"ebs",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"ebs.replicate", "ebs.check-source"},
                                 {"ebs.promote", "ebs.promote"},
                                 {"ebs.promote", "ebs.promote"}};
  return kRecipe;
}

}  // namespace leeward::plan

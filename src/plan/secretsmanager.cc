// Secrets: a replica in the other Region follows the primary. A failover makes it a secret of its
// own, so that what uses it can change it there, unless the spec says that its primary stays. What
// the old Region alone holds is kept there under another name before anything replaces it.
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::OnFailure;
using model::Phase;

constexpr char kSecrets[] = "secretsmanager";

const std::vector<StepTemplate> kTemplates = {
    {"secretsmanager.check-source",
     Phase::kPrepare,
     "check that {component} in {region} is a primary",
     "a replica can be given no replica",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"}}},
    {"secretsmanager.replicate",
     Phase::kPrepare,
     "make {component} in {region} a replica of that in {other}",
     "{region} must have it before {other} is lost",
     "delete the replica",
     &Timeouts::create,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"},
      {kSecrets, "ListSecretVersionIds"},
      {kSecrets, "DescribeSecret", Where::kOther},
      {kSecrets, "ListSecretVersionIds", Where::kOther},
      {kSecrets, "ReplicateSecretToRegions", Where::kOther},
      {"kms", "DescribeKey", Where::kHere, kSecrets, "kms-key"}},
     Part::kReplicates},
    {"secretsmanager.drain-to",
     Phase::kPromote,
     "see that {component} in {region} has all that {other} has",
     "a planned move loses nothing",
     "nothing to take back",
     &Timeouts::drain,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"}, {kSecrets, "DescribeSecret", Where::kOther}},
     Part::kCompletes},
    {"secretsmanager.promote",
     Phase::kPromote,
     "make {component} in {region} a secret of its own",
     "a replica cannot be changed, and its primary is not where the application is",
     "replicate it again",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"}, {kSecrets, "StopReplicationToReplica"}},
     Part::kChanges | Part::kServes},
    {"secretsmanager.ready",
     Phase::kPromote,
     "see that {component} is in {region}",
     "it can be read as it is: nothing is promoted",
     "nothing to take back",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"}}},
    {"secretsmanager.preserve-old",
     Phase::kReprotect,
     "keep what {component} in {region} alone holds under another name",
     "it becomes a replica, and a replica has nothing of its own",
     "delete the copies",
     &Timeouts::look,
     Attempts::kSeveral,
     OnFailure::kStop,
     {{kSecrets, "DescribeSecret"},
      {kSecrets, "ListSecretVersionIds"},
      {kSecrets, "ListSecretVersionIds", Where::kOther},
      {kSecrets, "GetSecretValue"},
      {kSecrets, "CreateSecret"}},
     Part::kKeeps},
};

const std::vector<StepTemplate>& Templates() { return kTemplates; }

const std::vector<OrderRule>& Order() {
  static const std::vector<OrderRule> kOrder = {
      {"secretsmanager.check-source", "secretsmanager.replicate", Scope::kSame},
      {"secretsmanager.preserve-old@to", "secretsmanager.replicate@to", Scope::kSame},
      {"secretsmanager.replicate@to", "secretsmanager.drain-to@to", Scope::kSame},
      // Whoever changes it has ended by then.
      {":closes@from", "secretsmanager.drain-to@to", Scope::kAll},
      {"lease.take", "secretsmanager.drain-to@to", Scope::kAll},
      {"secretsmanager.drain-to@to", "secretsmanager.promote@to", Scope::kSame},
      {"gate.final-loss", "secretsmanager.promote@to", Scope::kAll},
      {"secretsmanager.promote@to", "secretsmanager.preserve-old@from", Scope::kSame},
      {"app.verify", "secretsmanager.preserve-old@from", Scope::kAll},
      {"secretsmanager.preserve-old@from", "secretsmanager.replicate@from", Scope::kSame},
  };
  return kOrder;
}

const model::Secret& SecretOf(const model::Component& component) {
  return std::get<model::Secret>(component.kind);
}

bool Stays(const model::Component& component) {
  return SecretOf(component).primary == model::SecretPrimary::kStays;
}

model::Step& EmitFor(const char* kind, const model::Component& component,
                     const model::Region& region, Draft& draft) {
  model::Step& step = draft.Emit(kind, component.name, region);
  step.parameters["secret"] = SecretOf(component).secret;
  return step;
}

model::Step& Replicate(const model::Component& component, const model::Region& into, Draft& draft) {
  const std::string& key = SecretOf(component).kms_key;
  model::Step& step =
      TellSource(draft, EmitFor("secretsmanager.replicate", component, into, draft));
  if (!key.empty()) step.parameters["kms-key"] = key;
  return step;
}

// One whose primary stays is replicated from there, wherever the application is.
void Protect(const model::Component& component, Draft& draft) {
  const model::Regions& regions = draft.application.regions;
  const bool stays = Stays(component);
  EmitFor("secretsmanager.check-source", component, stays ? regions.home : draft.plan.from, draft);
  Replicate(component, stays ? regions.recovery : draft.plan.to, draft);
}

void Failover(const model::Component& component, Draft& draft) {
  EmitFor(Stays(component) ? "secretsmanager.ready" : "secretsmanager.promote", component,
          draft.plan.to, draft);
}

void Move(const model::Component& component, Draft& draft) {
  const model::Region& from = draft.plan.from;
  const model::Region& to = draft.plan.to;
  if (Stays(component)) {
    EmitFor("secretsmanager.ready", component, to, draft);
    return;
  }
  if (draft.plan.action == model::Action::kFailback)
    TellSource(draft, EmitFor("secretsmanager.preserve-old", component, to, draft));
  Replicate(component, to, draft);
  TellSource(draft, EmitFor("secretsmanager.drain-to", component, to, draft));
  EmitFor("secretsmanager.promote", component, to, draft);
  TellSource(draft, EmitFor("secretsmanager.preserve-old", component, from, draft));
  Replicate(component, from, draft).phase = Phase::kReprotect;
}

void CallOff(const model::Component& component, Draft& draft) {
  EmitFor("secretsmanager.ready", component, draft.plan.to, draft);
}

}  // namespace

const Recipe& SecretsManagerRecipe() {
  static const Recipe kRecipe = {"secretsmanager",
                                 Templates,
                                 Order,
                                 Protect,
                                 Failover,
                                 Move,
                                 CallOff,
                                 {"secretsmanager.replicate", "secretsmanager.check-source"},
                                 {"secretsmanager.promote", "secretsmanager.promote"},
                                 {"secretsmanager.promote", "secretsmanager.promote"}};
  return kRecipe;
}

}  // namespace leeward::plan

// Looks at secrets that are to be replicated, made their own and kept.
#include "steps/kms_keys.h"
#include "steps/look.h"
#include "steps/secretsmanager.h"

namespace leeward::steps {

using model::Secret;

Result<Finding> LookAtSecretSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, SecretCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtSecretReplicate(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending(
      {{"secretsmanager.promote", "secretsmanager.preserve-old"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  if (!secret->kms_key.empty()) RETURN_IF_ERROR(NeedKmsKey(work, work.region(), secret->kms_key));
  ASSIGN_OR_RETURN(const SecretSeen primary, NeedSecret(work, Region(from), *secret));
  ASSIGN_OR_RETURN(const std::optional<SecretSeen> here, FindSecret(work, work.region(), *secret));
  const SecretSync sync = CompareSecrets(primary, here, work.region());
  if (sync.state == SecretSync::State::kInSync) return Nothing("InSync, with the same labels");
  const bool asks =
      sync.state == SecretSync::State::kNone || sync.state == SecretSync::State::kFailed;
  if (!asks) return Act("would wait until it is in sync; now " + sync.told);
  return Act("would replicate " + SecretPlace(*secret, Region(from)) + " to " +
             work.region().str() + (here ? ", in the place of what has the name there" : ""));
}

Result<Finding> LookAtSecretDrainTo(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind =
      look.Pending({{"secretsmanager.replicate"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  return Act("would wait until it has all that " + work.Other(work.region()).str() + " has");
}

Result<Finding> LookAtSecretPromote(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind =
      look.Pending({{"secretsmanager.replicate"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const SecretSeen seen, NeedSecret(work, work.region(), *secret));
  if (!seen.IsReplicaIn(work.region())) return Nothing("it is no replica already");
  return Act("would make " + SecretPlace(*secret, work.region()) + " a secret of its own");
}

Result<Finding> LookAtSecretReady(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, SecretReady(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtSecretPreserveOld(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending({{"secretsmanager.promote"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const std::optional<SecretSeen> old, FindSecret(work, work.region(), *secret));
  if (!old || old->IsReplicaIn(work.region())) return Nothing("there is nothing of its own");
  ASSIGN_OR_RETURN(const std::vector<std::string> alone, AloneIn(work, work.region(), *secret));
  if (alone.empty()) return Nothing("there is nothing of its own");
  return Act("would keep " + std::to_string(alone.size()) +
             " versions of it under other names in " + work.region().str());
}

}  // namespace leeward::steps

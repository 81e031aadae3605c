// Putting a replica in place, and seeing that it has what its primary has.
#include "steps/kms_keys.h"
#include "steps/secretsmanager.h"

namespace leeward::steps {
namespace {

using model::Secret;
using State = SecretSync::State;

struct BothSecrets {
  SecretSeen primary;
  std::optional<SecretSeen> replica;
  SecretSync sync;
};

Result<SecretSeen> NeedPrimary(const Work& work, const Region& region, const Secret& secret) {
  ASSIGN_OR_RETURN(SecretSeen seen, NeedSecret(work, region, secret));
  if (!seen.IsReplicaIn(region)) return seen;
  return base::WrongState(SecretPlace(secret, region) + " is itself the replica of " +
                          seen.primary_region + "'s, and a replica has none");
}

Result<BothSecrets> SeeBoth(const Work& work, const Region& from, const Secret& secret) {
  BothSecrets both;
  ASSIGN_OR_RETURN(both.primary, NeedPrimary(work, from, secret));
  ASSIGN_OR_RETURN(both.replica, FindSecret(work, work.region(), secret));
  both.sync = CompareSecrets(both.primary, both.replica, work.region());
  return both;
}

std::string ListIds(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

// What is there under the name is replaced only when the primary has all of it, or a copy is kept.
Result<bool> MayReplace(const Work& work, const Region& from, const Secret& secret,
                        const std::optional<SecretSeen>& here) {
  if (!here) return false;
  const std::string place = SecretPlace(secret, work.region());
  if (here->deleted)
    return base::WrongState(place + " is to be deleted; restore it, or wait until it is gone");
  if (here->primary_region == from.str()) return true;
  if (here->IsReplicaIn(work.region()))
    return base::WrongState(place + " is the replica of " + here->primary_region + "'s");
  for (const SecretSeen::Replica& other : here->replicas) {
    if (other.region == from.str()) continue;
    return base::WrongState(place + " is itself replicated to " + other.region +
                            "; remove that replica first");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> alone, AloneIn(work, work.region(), secret));
  if (alone.empty()) return true;
  return base::WrongState(place + " has versions that " + from.str() + " has not (" +
                          ListIds(alone) +
                          "), and a replica has nothing of its own: copy what you want of them to "
                          "another name and delete the secret there, or correct 'secret' of " +
                          work.step().component.str());
}

Status Ask(const Work& work, const Region& from, const Secret& secret, const BothSecrets& both) {
  ASSIGN_OR_RETURN(const bool replace, MayReplace(work, from, secret, both.replica));
  Value into = Value::Struct({{"Region", work.region().str()}});
  if (!secret.kms_key.empty()) into.Set("KmsKeyId", secret.kms_key);
  Value input =
      Value::Struct({{"SecretId", secret.secret}, {"AddReplicaRegions", Value::List{into}}});
  if (replace) input.Set("ForceOverwriteReplicaSecret", true);
  work.Say("replicating " + SecretPlace(secret, from) + " to " + work.region().str());
  const auto asked = work.CallPatiently(from, "secretsmanager", "ReplicateSecretToRegions", input);
  if (asked.ok()) return base::Ok();
  // Asked by a run of this step that was cut off: the look that follows tells.
  ASSIGN_OR_RETURN(const BothSecrets now, SeeBoth(work, from, secret));
  const bool runs = now.sync.state != State::kNone && now.sync.state != State::kFailed;
  return runs ? base::Ok() : Status(asked.error());
}

Result<BothSecrets> AwaitInSync(const Work& work, const Region& from, const Secret& secret) {
  std::string said;
  return work.Await<BothSecrets>(
      "the replica of " + SecretPlace(secret, from) + " in " + work.region().str() +
          " to be in sync",
      work.ApiPace(), [&]() -> Result<std::optional<BothSecrets>> {
        ASSIGN_OR_RETURN(BothSecrets now, SeeBoth(work, from, secret));
        if (now.sync.told != said)
          work.Say(SecretPlace(secret, work.region()) + ": " + now.sync.told);
        said = now.sync.told;
        if (now.sync.state == State::kFailed || now.sync.state == State::kNone) {
          return base::WrongState("the replication of " + SecretPlace(secret, from) + " to " +
                                  work.region().str() + ": " + now.sync.told +
                                  "; put that right, then run the same command again");
        }
        if (now.sync.state != State::kInSync) return std::optional<BothSecrets>();
        return std::optional(std::move(now));
      });
}

StepOutcome InSync(const Work& work, const BothSecrets& both) {
  const std::string current = both.primary.current();
  return {"InSync, with the same labels on " + std::to_string(both.primary.labels.size()) +
              " versions in " + work.region().str() +
              (current.empty() ? "" : "; AWSCURRENT is " + current),
          {{"complete", "yes"}, {"arn", both.replica->arn}, {"version", current}}};
}

}  // namespace

Result<StepOutcome> SecretCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const SecretSeen seen, NeedPrimary(work, work.region(), *secret));
  if (seen.current().empty())
    return base::WrongState(SecretPlace(*secret, work.region()) + " has no value yet");
  return StepOutcome{"a primary with " + std::to_string(seen.labels.size()) + " labelled versions",
                     {{"arn", seen.arn}, {"version", seen.current()}}};
}

Result<StepOutcome> SecretReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  if (!secret->kms_key.empty()) RETURN_IF_ERROR(NeedKmsKey(work, work.region(), secret->kms_key));
  ASSIGN_OR_RETURN(const BothSecrets both, SeeBoth(work, Region(from), *secret));
  if (both.sync.state == State::kNone || both.sync.state == State::kFailed)
    RETURN_IF_ERROR(Ask(work, Region(from), *secret, both));
  ASSIGN_OR_RETURN(const BothSecrets done, AwaitInSync(work, Region(from), *secret));
  return InSync(work, done);
}

// After a run that was cut off behind the promotion there is nothing to wait for.
Result<StepOutcome> SecretDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const SecretSeen here, NeedSecret(work, work.region(), *secret));
  if (!here.IsReplicaIn(work.region()))
    return StepOutcome{"it is no replica any longer", {{"complete", "yes"}}};
  ASSIGN_OR_RETURN(const BothSecrets done, AwaitInSync(work, Region(from), *secret));
  return InSync(work, done);
}

}  // namespace leeward::steps

#include "steps/secretsmanager.h"

#include <algorithm>

namespace leeward::steps {
namespace {

using model::Secret;

constexpr char kLive[] = "AWSCURRENT";

std::string SecretVersion(const SecretSeen& seen) {
  const std::string current = seen.current();
  if (current.empty()) return "no version of it is " + std::string(kLive);
  std::string told = std::string(kLive) + " is " + current;
  if (seen.changed) told += ", changed " + base::FormatIso8601(*seen.changed);
  return told;
}

StepOutcome OwnSecret(const Work& work, const SecretSeen& seen, const std::string& how) {
  return {how + "; " + SecretVersion(seen),
          {{"arn", seen.arn},
           {"version", seen.current()},
           {"promoted_at", base::FormatIso8601(work.tools().clock.Now())}}};
}

}  // namespace

const SecretSeen::Replica* SecretSeen::In(const Region& region) const {
  const auto found = std::find_if(replicas.begin(), replicas.end(),
                                  [&](const Replica& one) { return one.region == region.str(); });
  return found == replicas.end() ? nullptr : &*found;
}

std::string SecretSeen::current() const {
  for (const auto& [version, stages] : labels) {
    if (stages.contains(kLive)) return version;
  }
  return "";
}

SecretSeen ReadSecret(const Value& described) {
  SecretSeen seen;
  seen.arn = described.String("ARN");
  seen.primary_region = described.String("PrimaryRegion");
  seen.kms_key = described.String("KmsKeyId");
  seen.deleted = described.Has("DeletedDate");
  if (const Value* changed = described.Find("LastChangedDate")) seen.changed = changed->time();
  if (const Value* labels = described.Find("VersionIdsToStages")) {
    for (const auto& [version, stages] : labels->members()) {
      for (const Value& stage : stages.list()) seen.labels[version].insert(stage.str());
    }
  }
  for (const Value& one : described.Items("ReplicationStatus")) {
    seen.replicas.push_back({std::string(one.String("Region")), std::string(one.String("Status")),
                             std::string(one.String("StatusMessage"))});
  }
  return seen;
}

Result<std::optional<SecretSeen>> FindSecret(const Work& work, const Region& region,
                                             const Secret& secret) {
  const auto told = work.CallPatiently(region, "secretsmanager", "DescribeSecret",
                                       Value::Struct({{"SecretId", secret.secret}}));
  if (told.ok()) return std::optional(ReadSecret(*told));
  if (told.error().code() == base::ErrorCode::kNotFound) return std::optional<SecretSeen>();
  return told.error();
}

Result<SecretSeen> NeedSecret(const Work& work, const Region& region, const Secret& secret) {
  ASSIGN_OR_RETURN(const std::optional<SecretSeen> found, FindSecret(work, region, secret));
  if (!found) return base::NotFound("there is no " + SecretPlace(secret, region));
  if (found->deleted) {
    return base::WrongState(SecretPlace(secret, region) +
                            " is to be deleted; restore it (aws secretsmanager restore-secret), "
                            "then run the same command again");
  }
  return *found;
}

SecretSync CompareSecrets(const SecretSeen& primary, const std::optional<SecretSeen>& replica,
                          const Region& region) {
  using State = SecretSync::State;
  const SecretSeen::Replica* told = primary.In(region);
  if (told == nullptr) return {State::kNone, "not replicated to " + region.str()};
  if (told->status == "Failed") return {State::kFailed, "Failed: " + told->message};
  if (told->status == "InProgress") return {State::kInProgress, told->status};
  if (told->status != "InSync") return {State::kUnknown, "unknown status '" + told->status + "'"};
  if (!replica) return {State::kUnknown, "InSync, but " + region.str() + " does not tell"};
  if (replica->labels != primary.labels)
    return {State::kDiffers, "InSync, but the versions' labels differ"};
  return {State::kInSync, told->status};
}

std::string SecretPlace(const Secret& secret, const Region& region) {
  return "secret " + Place(secret.secret, region);
}

// The one call that needs nothing of the primary's Region. What that Region changed and did not
// send is not known here; the way home keeps it.
Result<StepOutcome> SecretPromote(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  const Region& region = work.region();
  ASSIGN_OR_RETURN(const SecretSeen before, NeedSecret(work, region, *secret));
  if (!before.IsReplicaIn(region)) return OwnSecret(work, before, "it is no replica already");
  work.Say("making " + SecretPlace(*secret, region) + " a secret of its own");
  const auto stopped = work.CallPatiently(region, "secretsmanager", "StopReplicationToReplica",
                                          Value::Struct({{"SecretId", secret->secret}}));
  if (!stopped.ok()) {
    // A run that was cut off may have done it: what is there counts.
    ASSIGN_OR_RETURN(const SecretSeen now, NeedSecret(work, region, *secret));
    if (now.IsReplicaIn(region)) return stopped.error();
  }
  ASSIGN_OR_RETURN(
      const SecretSeen after,
      work.Await<SecretSeen>(SecretPlace(*secret, region) + " to be no replica", work.ApiPace(),
                             [&]() -> Result<std::optional<SecretSeen>> {
                               ASSIGN_OR_RETURN(SecretSeen now, NeedSecret(work, region, *secret));
                               if (now.IsReplicaIn(region)) return std::optional<SecretSeen>();
                               return std::optional(std::move(now));
                             }));
  return OwnSecret(work, after, "a replica of " + before.primary_region + "'s no longer");
}

Result<StepOutcome> SecretReady(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  const Region& region = work.region();
  ASSIGN_OR_RETURN(const SecretSeen seen, NeedSecret(work, region, *secret));
  if (seen.current().empty())
    return base::WrongState(SecretPlace(*secret, region) + ": " + SecretVersion(seen));
  const std::string what = seen.IsReplicaIn(region)
                               ? "a replica of " + seen.primary_region + "'s, which stays so"
                               : "a secret that can be changed here";
  return StepOutcome{what + "; " + SecretVersion(seen),
                     {{"arn", seen.arn}, {"version", seen.current()}}};
}

}  // namespace leeward::steps

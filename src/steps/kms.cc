#include "steps/kms.h"

#include "steps/kms_keys.h"

namespace leeward::steps {
namespace {

using model::Kms;

bool IsAlias(const std::string& key) { return key.starts_with("alias/"); }

Status StateProblem(const std::string& key, const Region& region, const KeyTold& told) {
  return base::WrongState(KeyPlace(key, region) + " is " + told.state +
                          (told.state == "Disabled"
                               ? "; enable it (aws kms enable-key)"
                               : "; cancel its deletion (aws kms cancel-key-deletion), or make "
                                 "another") +
                          ", then run the same command again");
}

// The policy is each Region's own: the replica begins with that of the primary.
Status MakeReplica(const Work& work, const Kms& kms, const KeyTold& source) {
  const Region primary(source.primary_region);
  ASSIGN_OR_RETURN(
      const Value policy,
      work.CallPatiently(primary, "kms", "GetKeyPolicy",
                         Value::Struct({{"KeyId", source.id}, {"PolicyName", "default"}})));
  work.Say("replicating " + KeyPlace(kms.key, primary) + " to " + work.region().str());
  const auto made = work.CallPatiently(primary, "kms", "ReplicateKey",
                                       Value::Struct({{"KeyId", source.id},
                                                      {"ReplicaRegion", work.region().str()},
                                                      {"Policy", policy.String("Policy")}}));
  // Made by a run of this step that was cut off: the look that follows finds it.
  if (made.ok() || made.error().code() == base::ErrorCode::kAlready) return base::Ok();
  return made.error();
}

// Only what passes by itself is waited for.
Result<KeyTold> AwaitUsable(const Work& work, const Kms& kms, const std::string& id) {
  return work.Await<KeyTold>(KeyPlace(id, work.region()) + " to be enabled", work.ApiPace(),
                             [&]() -> Result<std::optional<KeyTold>> {
                               ASSIGN_OR_RETURN(const std::optional<KeyTold> now,
                                                FindKey(work, work.region(), id));
                               if (!now || now->state == "Creating")
                                 return std::optional<KeyTold>();
                               if (!now->Usable())
                                 return StateProblem(kms.key, work.region(), *now).error();
                               return now;
                             });
}

// Never moved from another key: what was encrypted under that one would be looked for under this.
Result<bool> EnsureAlias(const Work& work, const Kms& kms, const KeyTold& replica) {
  if (!IsAlias(kms.key)) return false;
  ASSIGN_OR_RETURN(const std::optional<KeyTold> named, FindKey(work, work.region(), kms.key));
  if (named && named->id == replica.id) return false;
  if (named) {
    return base::WrongState(KeyPlace(kms.key, work.region()) + " is another key, " + named->id +
                            ", and " + replica.id + " in " + work.Other(work.region()).str() +
                            "; give one of them another alias");
  }
  const auto made =
      work.CallPatiently(work.region(), "kms", "CreateAlias",
                         Value::Struct({{"AliasName", kms.key}, {"TargetKeyId", replica.id}}));
  if (!made.ok() && made.error().code() != base::ErrorCode::kAlready) return made.error();
  return true;
}

}  // namespace

bool KeyTold::Usable() const { return state == "Enabled" || state == "Updating"; }

KeyTold ReadKey(const Value& described) {
  const Value& metadata = described.Sub("KeyMetadata");
  KeyTold told;
  told.id = metadata.String("KeyId");
  told.arn = metadata.String("Arn");
  told.state = metadata.String("KeyState", "in no known state");
  told.multi_region = metadata.Flag("MultiRegion", false);
  told.primary_region = metadata.Sub("MultiRegionConfiguration").Sub("PrimaryKey").String("Region");
  return told;
}

Result<std::optional<KeyTold>> FindKey(const Work& work, const Region& region,
                                       const std::string& key) {
  const auto told =
      work.CallPatiently(region, "kms", "DescribeKey", Value::Struct({{"KeyId", key}}));
  if (told.ok()) return std::optional(ReadKey(*told));
  if (told.error().code() == base::ErrorCode::kNotFound) return std::optional<KeyTold>();
  return told.error();
}

Result<KeyTold> NeedMultiRegionKey(const Work& work, const Region& region, const std::string& key) {
  ASSIGN_OR_RETURN(const std::optional<KeyTold> told, FindKey(work, region, key));
  if (!told) return base::NotFound("there is no " + KeyPlace(key, region));
  if (!told->multi_region) {
    return base::WrongState(KeyPlace(key, region) + " is a key of one Region (" + told->id +
                            ") and cannot become another; make one with "
                            "`aws kms create-key --multi-region` and encrypt under it");
  }
  if (!told->Usable()) return StateProblem(key, region, *told).error();
  return *told;
}

std::string KeyPlace(const std::string& key, const Region& region) {
  return "KMS key " + Place(key, region);
}

Result<StepOutcome> KmsCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Kms* kms, work.Component<Kms>());
  ASSIGN_OR_RETURN(const KeyTold told, NeedMultiRegionKey(work, work.region(), kms->key));
  return StepOutcome{told.id + " is " + told.state + ", its primary in " + told.primary_region,
                     {{"key", told.id}, {"arn", told.arn}}};
}

Result<StepOutcome> KmsReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Kms* kms, work.Component<Kms>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const KeyTold source, NeedMultiRegionKey(work, Region(from), kms->key));
  ASSIGN_OR_RETURN(const std::optional<KeyTold> here, FindKey(work, work.region(), source.id));
  if (!here) RETURN_IF_ERROR(MakeReplica(work, *kms, source));
  ASSIGN_OR_RETURN(const KeyTold replica, AwaitUsable(work, *kms, source.id));
  ASSIGN_OR_RETURN(const bool named, EnsureAlias(work, *kms, replica));
  return StepOutcome{replica.id + " in " + work.region().str() + " is " + replica.state +
                         (here ? "" : ", made now") + (named ? "; " + kms->key + " made now" : ""),
                     {{"key", replica.id}, {"arn", replica.arn}}};
}

Result<StepOutcome> KmsReady(const Work& work) {
  ASSIGN_OR_RETURN(const Kms* kms, work.Component<Kms>());
  ASSIGN_OR_RETURN(const KeyTold told, NeedMultiRegionKey(work, work.region(), kms->key));
  std::string detail = told.id + " in " + work.region().str() + " is " + told.state +
                       " and works alone: there is nothing to do";
  if (told.primary_region != work.region().str())
    detail += "; its primary stays in " + told.primary_region;
  return StepOutcome{detail, {{"key", told.id}, {"arn", told.arn}}};
}

}  // namespace leeward::steps

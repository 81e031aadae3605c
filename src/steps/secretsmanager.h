// Steps of the component kind `secretsmanager`, and what they share. They never ask for a value,
// but to keep a version under another name; no value is told, logged or saved.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

// secretsmanager_replicate.cc
Result<StepOutcome> SecretCheckSource(const Work& work);
Result<StepOutcome> SecretReplicate(const Work& work);
Result<StepOutcome> SecretDrainTo(const Work& work);
// secretsmanager.cc
Result<StepOutcome> SecretPromote(const Work& work);
Result<StepOutcome> SecretReady(const Work& work);
// secretsmanager_aside.cc
Result<StepOutcome> SecretPreserveOld(const Work& work);

// A secret as one Region tells of it, without its value.
struct SecretSeen {
  using Labels = std::map<std::string, std::set<std::string>>;  // by the version that has them
  struct Replica {
    std::string region, status, message;
  };
  std::string arn, primary_region;  // the latter empty: it has no replica and is none
  std::string kms_key;              // as it was named; empty: the one that AWS manages
  bool deleted = false;
  std::optional<base::WallTime> changed;
  Labels labels;
  std::vector<Replica> replicas;

  bool IsReplicaIn(const Region& region) const {
    return !primary_region.empty() && primary_region != region.str();
  }
  const Replica* In(const Region& region) const;
  std::string current() const;  // the version that has AWSCURRENT; empty: none
};
SecretSeen ReadSecret(const Value& described);
// nullopt: there is none.
Result<std::optional<SecretSeen>> FindSecret(const Work& work, const Region& region,
                                             const model::Secret& secret);
// kNotFound without one, kWrongState when it is to be deleted.
Result<SecretSeen> NeedSecret(const Work& work, const Region& region, const model::Secret& secret);

// How a replica stands to its primary, which alone says whether it is in sync; that the labels are
// the same is seen in both.
struct SecretSync {
  enum class State { kInSync, kInProgress, kFailed, kDiffers, kNone, kUnknown };
  State state = State::kUnknown;
  std::string told;  // "InSync", or what is wrong
};
// `replica` absent: its Region did not tell.
SecretSync CompareSecrets(const SecretSeen& primary, const std::optional<SecretSeen>& replica,
                          const Region& region);

// secretsmanager_aside.cc: ids of versions that the secret has in `region` and neither the other
// Region's nor a copy that was put aside.
Result<std::vector<std::string>> AloneIn(const Work& work, const Region& region,
                                         const model::Secret& secret);
// The name under which a version is kept.
std::string SecretAside(const model::Secret& secret, const std::string& version);

// "secret shop/login in us-east-1"
std::string SecretPlace(const model::Secret& secret, const Region& region);

}  // namespace leeward::steps

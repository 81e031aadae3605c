// What an old Region's secret alone holds: versions that the Region which takes writes never got,
// kept there as secrets of their own before a replica takes the name.
#include <algorithm>

#include "steps/secretsmanager.h"

namespace leeward::steps {
namespace {

using model::Secret;

// Also those without labels, as long as Secrets Manager has them.
Result<std::set<std::string>> VersionsIn(const Work& work, const Region& region,
                                         const Secret& secret) {
  ASSIGN_OR_RETURN(
      const Value told,
      work.Pages(region, "secretsmanager", "ListSecretVersionIds",
                 Value::Struct({{"SecretId", secret.secret}, {"IncludeDeprecated", true}})));
  std::set<std::string> versions;
  for (const Value& one : told.Items("Versions")) versions.emplace(one.String("VersionId"));
  return versions;
}

// The version's id is the token, so that a run that was cut off makes no second copy; a name in
// which somebody has put another value since is refused by Secrets Manager.
Status KeepVersion(const Work& work, const Region& region, const Secret& secret,
                   const SecretSeen& old, const std::string& version) {
  ASSIGN_OR_RETURN(
      const Value held,
      work.CallPatiently(region, "secretsmanager", "GetSecretValue",
                         Value::Struct({{"SecretId", secret.secret}, {"VersionId", version}})));
  const auto tag = [](const std::string& key, const std::string& value) {
    return Value::Struct({{"Key", key}, {"Value", value}});
  };
  Value input = Value::Struct(
      {{"Name", SecretAside(secret, version)},
       {"ClientRequestToken", version},
       {"Description", "A version of " + secret.secret + " that only " + region.str() + " had."},
       {"Tags", Value::List{tag("leeward:aside", secret.secret)}}});
  for (const char* content : {"SecretString", "SecretBinary"}) {
    if (const Value* value = held.Find(content)) input.Set(content, *value);
  }
  if (!old.kms_key.empty()) input.Set("KmsKeyId", old.kms_key);
  const auto made = work.CallPatiently(region, "secretsmanager", "CreateSecret", input);
  return made.ok() ? base::Ok() : Status(made.error());
}

}  // namespace

std::string SecretAside(const Secret& secret, const std::string& version) {
  return secret.secret + "/leeward-aside/" + version;
}

Result<std::vector<std::string>> AloneIn(const Work& work, const Region& region,
                                         const Secret& secret) {
  ASSIGN_OR_RETURN(const std::set<std::string> here, VersionsIn(work, region, secret));
  ASSIGN_OR_RETURN(const std::set<std::string> there, VersionsIn(work, work.Other(region), secret));
  std::vector<std::string> alone;
  for (const std::string& version : here) {
    if (there.contains(version)) continue;
    Secret aside = secret;
    aside.secret = SecretAside(secret, version);
    ASSIGN_OR_RETURN(const std::optional<SecretSeen> kept, FindSecret(work, region, aside));
    if (!kept || !kept->labels.contains(version)) alone.push_back(version);
  }
  return alone;
}

Result<StepOutcome> SecretPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const Secret* secret, work.Component<Secret>());
  const Region& region = work.region();
  ASSIGN_OR_RETURN(const std::optional<SecretSeen> old, FindSecret(work, region, *secret));
  if (!old) return StepOutcome{"there is no old " + SecretPlace(*secret, region), {}};
  if (old->IsReplicaIn(region))
    return StepOutcome{"it is a replica of " + old->primary_region + "'s, with nothing of its own",
                       {}};
  ASSIGN_OR_RETURN(const std::vector<std::string> alone, AloneIn(work, region, *secret));
  std::string names;
  for (const std::string& version : alone) {
    RETURN_IF_ERROR(KeepVersion(work, region, *secret, *old, version));
    names += (names.empty() ? "" : ", ") + SecretAside(*secret, version);
  }
  if (alone.empty()) {
    return StepOutcome{
        work.Other(region).str() + " has every version of it, or a copy is kept already", {}};
  }
  return StepOutcome{"kept in " + region.str() + " under another name: " + names,
                     {{"kept", names}}};
}

}  // namespace leeward::steps

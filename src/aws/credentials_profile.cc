// A profile: static keys, or a role assumed with another profile's credentials.
#include <fmt/format.h>

#include "aws/credentials.h"

namespace leeward::aws {
namespace {

constexpr int kMaxChain = 8;

Found Resolve(const SourceContext& context, const std::string& profile, int depth);

std::optional<Credentials> StaticKeys(const Section& section) {
  Credentials out;
  out.access_key_id = SettingOf(section, "aws_access_key_id");
  out.secret_access_key = SettingOf(section, "aws_secret_access_key");
  out.session_token = SettingOf(section, "aws_session_token");
  if (out.access_key_id.empty() || out.secret_access_key.empty()) return std::nullopt;
  return out;
}

// Where the credentials come from that may assume the role.
Found Signer(const SourceContext& context, const std::string& profile, const Section& section,
             int depth) {
  const std::string source_profile = SettingOf(section, "source_profile");
  const std::string source = SettingOf(section, "credential_source");
  if (!source_profile.empty()) {
    // A profile may name itself: its own keys assume its role.
    if (source_profile == profile) return StaticKeys(section);
    return Resolve(context, source_profile, depth + 1);
  }
  if (source == "Environment") return FromEnvironment(context);
  if (source == "EcsContainer") return FromContainer(context);
  if (source == "Ec2InstanceMetadata") return FromInstanceMetadata(context);
  return base::Denied(
      fmt::format("profile '{}' has role_arn but neither source_profile nor a credential_source of "
                  "Environment, "
                  "EcsContainer or Ec2InstanceMetadata",
                  profile));
}

Found AssumeRole(const SourceContext& context, const std::string& profile, const Section& section,
                 int depth) {
  ASSIGN_OR_RETURN(const std::optional<Credentials> signer,
                   Signer(context, profile, section, depth));
  if (!signer)
    return base::Denied(
        fmt::format("profile '{}' assumes a role, but its source has no keys", profile));
  const std::string session = SettingOf(section, "role_session_name");
  shapes::Value input =
      shapes::Value::Struct({{"RoleArn", SettingOf(section, "role_arn")},
                             {"RoleSessionName", session.empty() ? "leeward" : session}});
  const std::string external_id = SettingOf(section, "external_id");
  if (!external_id.empty()) input.Set("ExternalId", external_id);
  ASSIGN_OR_RETURN(Credentials credentials, AssumeThroughSts(context, "AssumeRole", input, signer));
  return std::optional(std::move(credentials));
}

Found Resolve(const SourceContext& context, const std::string& profile, int depth) {
  if (depth > kMaxChain) {
    return base::Denied(fmt::format(
        "profiles refer to each other through more than {} source_profiles", kMaxChain));
  }
  const auto entry = context.config->profiles.find(profile);
  if (entry == context.config->profiles.end()) {
    if (depth == 0) return std::optional<Credentials>();
    return base::Denied(fmt::format("source_profile '{}' does not exist", profile));
  }
  const Section& section = entry->second;
  if (!SettingOf(section, "web_identity_token_file").empty())
    return FromWebIdentity(context, section);
  if (!SettingOf(section, "role_arn").empty()) return AssumeRole(context, profile, section, depth);
  if (std::optional<Credentials> keys = StaticKeys(section)) return keys;
  for (const char* other : {"credential_process", "sso_session", "sso_start_url"}) {
    if (SettingOf(section, other).empty()) continue;
    return base::Denied(
        fmt::format("profile '{}' uses {}, which Leeward does not support; use keys, role_arn or "
                    "`aws configure export-credentials`",
                    profile, other));
  }
  return std::optional<Credentials>();
}

}  // namespace

Found FromProfile(const SourceContext& context, const std::string& profile) {
  return Resolve(context, profile, 0);
}

}  // namespace leeward::aws

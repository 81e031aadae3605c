// The shared configuration files (~/.aws/config, ~/.aws/credentials) and what they say for one
// profile.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/client.h"
#include "base/result.h"

namespace leeward::aws {

// Keys of one section; nested ones are joined by a dot ("rds.endpoint_url").
using Section = std::map<std::string, std::string>;

struct SharedConfig {
  std::map<std::string, Section> profiles;  // both files; the credentials file wins for its keys
  std::map<std::string, Section> services;  // [services NAME] of the config file
};

// Missing files are empty ones. kInvalid names the file and line that is not understood.
base::Result<SharedConfig> LoadSharedConfig(ports::Files& files, const Environment& environment);

enum class IniKind { kConfig, kCredentials };
base::Status ParseIni(std::string_view text, std::string_view file_name, IniKind kind,
                      SharedConfig& out);

// The variable's value; empty when it is not set.
std::string Variable(const Environment& environment, const std::string& name);
// The section's value; empty when it has none.
std::string SettingOf(const Section& section, const std::string& key);
// The profile to use: explicit, AWS_PROFILE, AWS_DEFAULT_PROFILE, "default".
std::string ProfileName(const Settings& settings);
// kInvalid when a profile that was asked for is in neither file; the default may be absent.
base::Result<Section> ProfileSection(const SharedConfig& config, const Settings& settings);
// The endpoint configured for a service, most special first; empty when there is none.
std::string ConfiguredEndpoint(const Environment& environment, const SharedConfig& config,
                               const Section& profile, std::string_view variable_suffix);

}  // namespace leeward::aws

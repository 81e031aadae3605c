#include "aws/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace leeward::aws {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1u << 20;

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// A comment after a value needs a blank before it.
std::string_view WithoutComment(std::string_view value) {
  for (const std::string_view mark : {" #", " ;", "\t#", "\t;"})
    value = value.substr(0, value.find(mark));
  return Trim(value);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

// "[profile dev]" → the section to fill; nullptr for kinds that do not concern us ("[sso-session
// x]").
Section* OpenSection(std::string_view header, IniKind kind, SharedConfig& out) {
  const std::string_view name = Trim(header);
  if (kind == IniKind::kCredentials || name == "default") return &out.profiles[std::string(name)];
  const std::size_t blank = name.find_first_of(" \t");
  if (blank == std::string_view::npos) return nullptr;
  const std::string rest(Trim(name.substr(blank)));
  if (name.substr(0, blank) == "profile") return &out.profiles[rest];
  if (name.substr(0, blank) == "services") return &out.services[rest];
  return nullptr;
}

base::Result<std::string> ReadOptional(ports::Files& files, const std::string& path) {
  base::Result<std::string> text = files.Read(path, kMaxFileBytes);
  if (!text.ok() && text.error().code() == base::ErrorCode::kNotFound) return std::string();
  return text;
}

std::string DefaultPath(const Environment& environment, const char* variable, const char* name) {
  std::string explicit_path = Variable(environment, variable);
  if (!explicit_path.empty()) return explicit_path;
  const std::string home = Variable(environment, "HOME");
  return home.empty() ? "" : home + "/.aws/" + name;
}

}  // namespace

std::string Variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::string SettingOf(const Section& section, const std::string& key) {
  const auto found = section.find(key);
  return found == section.end() ? "" : found->second;
}

base::Status ParseIni(std::string_view text, std::string_view file_name, IniKind kind,
                      SharedConfig& out) {
  Section* section = nullptr;
  std::string parent;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty() || trimmed.front() == '#' || trimmed.front() == ';') continue;
    if (trimmed.front() == '[') {
      const std::size_t close = trimmed.find(']');
      if (close == std::string_view::npos) {
        return base::Invalid(fmt::format("{}:{}: '[' without ']'", file_name, number));
      }
      section = OpenSection(trimmed.substr(1, close - 1), kind, out);
      parent.clear();
      continue;
    }
    const std::size_t equals = trimmed.find('=');
    if (equals == std::string_view::npos) {
      return base::Invalid(fmt::format("{}:{}: expected 'key = value'", file_name, number));
    }
    const std::string key = Lower(Trim(trimmed.substr(0, equals)));
    const std::string value(WithoutComment(trimmed.substr(equals + 1)));
    const bool nested =
        std::isspace(static_cast<unsigned char>(line.front())) != 0 && !parent.empty();
    if (!nested) parent = value.empty() ? key : "";
    if (section == nullptr) continue;
    (*section)[nested ? fmt::format("{}.{}", parent, key) : key] = value;
  }
  return base::Ok();
}

base::Result<SharedConfig> LoadSharedConfig(ports::Files& files, const Environment& environment) {
  SharedConfig out;
  const std::string config = DefaultPath(environment, "AWS_CONFIG_FILE", "config");
  const std::string credentials =
      DefaultPath(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  if (!config.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadOptional(files, config));
    RETURN_IF_ERROR(ParseIni(text, config, IniKind::kConfig, out));
  }
  if (!credentials.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadOptional(files, credentials));
    RETURN_IF_ERROR(ParseIni(text, credentials, IniKind::kCredentials, out));
  }
  return out;
}

std::string ProfileName(const Settings& settings) {
  if (!settings.profile.empty()) return settings.profile;
  for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    std::string value = Variable(settings.environment, name);
    if (!value.empty()) return value;
  }
  return "default";
}

base::Result<Section> ProfileSection(const SharedConfig& config, const Settings& settings) {
  const std::string name = ProfileName(settings);
  const auto found = config.profiles.find(name);
  if (found != config.profiles.end()) return found->second;
  if (name == "default") return Section{};
  return base::Invalid(
      fmt::format("profile '{}' is in neither ~/.aws/config nor ~/.aws/credentials", name));
}

std::string ConfiguredEndpoint(const Environment& environment, const SharedConfig& config,
                               const Section& profile, std::string_view variable_suffix) {
  if (Lower(Variable(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) == "true") return "";
  std::string special = Variable(environment, fmt::format("AWS_ENDPOINT_URL_{}", variable_suffix));
  if (!special.empty()) return special;
  std::string common = Variable(environment, "AWS_ENDPOINT_URL");
  if (!common.empty()) return common;
  const auto services = config.services.find(SettingOf(profile, "services"));
  if (services != config.services.end()) {
    std::string url = SettingOf(services->second, Lower(variable_suffix) + ".endpoint_url");
    if (!url.empty()) return url;
  }
  return SettingOf(profile, "endpoint_url");
}

}  // namespace leeward::aws

#include "lab/control/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/network/topology.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::uint64_t kMaxConfig = 1 << 20;

std::string ConfigFile(const std::string& state) { return state + "/lab.json"; }

}  // namespace

bool LabConfig::HasRegion(std::string_view name) const {
  return std::find(regions.begin(), regions.end(), name) != regions.end();
}

std::string LabConfig::Prefix(std::string_view party) const {
  if (party == kGlobal) return fmt::format("127.{}.254.", first_block);
  const auto found = std::find(regions.begin(), regions.end(), party);
  return fmt::format("127.{}.", first_block + (found - regions.begin()));
}

std::string LabConfig::ApiAddress(std::string_view party) const {
  return Prefix(party) + (party == kGlobal ? "10" : "0.10");
}

std::string LabConfig::ItemsAddress(std::string_view region) const {
  return fmt::format("{}0.{}", Prefix(region), kItemsNumber);
}

base::Status SaveConfig(const LabConfig& config, ports::Files& files) {
  Value::List regions;
  for (const std::string& region : config.regions) regions.emplace_back(region);
  const Value value = Value::Struct({{"first_block", config.first_block},
                                     {"regions", std::move(regions)},
                                     {"gateway", config.gateway},
                                     {"dns", config.dns},
                                     {"pace", config.pace == Pace::kAws ? "aws" : "fast"},
                                     {"account", config.credentials.account},
                                     {"access_key", config.credentials.access_key},
                                     {"secret_key", config.credentials.secret_key},
                                     {"root", config.credentials.root},
                                     {"internal_token", config.internal_token}});
  return files.WriteAtomically(ConfigFile(config.state), shapes::ToJson(value));
}

base::Result<LabConfig> LoadConfig(const std::string& state, ports::Files& files) {
  ASSIGN_OR_RETURN(const std::string text, files.Read(ConfigFile(state), kMaxConfig));
  ASSIGN_OR_RETURN(const Value value, shapes::FromJson(text));
  LabConfig config;
  config.state = state;
  config.first_block = static_cast<int>(value.Int("first_block"));
  for (const Value& region : value.Items("regions")) config.regions.push_back(region.str());
  config.gateway = value.String("gateway");
  config.dns = value.String("dns");
  config.pace = value.String("pace") == "aws" ? Pace::kAws : Pace::kFast;
  config.credentials = {std::string(value.String("account")),
                        std::string(value.String("access_key")),
                        std::string(value.String("secret_key")), std::string(value.String("root"))};
  config.internal_token = value.String("internal_token");
  if (config.regions.empty()) return base::Corrupt(ConfigFile(state) + " is not a lab's");
  return config;
}

}  // namespace leeward::lab

#include "lab/dynamo/options.h"

#include "shapes/value.h"

namespace leeward::lab::dynamo {
namespace {

using shapes::Value;

constexpr std::uint64_t kMaxOptions = 1 << 20;

}  // namespace

base::Status SaveItemsOptions(const ItemsOptions& options, const std::string& path,
                              ports::Files& files) {
  Value peers = Value::Struct();
  for (const auto& [region, address] : options.peers) peers.Set(region, address.ToString());
  const Value value = Value::Struct({{"peers", std::move(peers)},
                                     {"socket", options.listen.path},
                                     {"directory", options.directory},
                                     {"region", options.region},
                                     {"pace", options.pace == Pace::kAws ? "aws" : "fast"},
                                     {"account", options.credentials.account},
                                     {"access_key", options.credentials.access_key},
                                     {"secret_key", options.credentials.secret_key},
                                     {"root", options.credentials.root},
                                     {"internal_token", options.internal_token},
                                     {"faults", options.faults},
                                     {"keys", options.keys}});
  return files.WriteAtomically(path, shapes::ToJson(value));
}

base::Result<ItemsOptions> LoadItemsOptions(const std::string& path, ports::Files& files) {
  ASSIGN_OR_RETURN(const std::string text, files.Read(path, kMaxOptions));
  ASSIGN_OR_RETURN(const Value value, shapes::FromJson(text));
  const auto read = [&](std::string_view name) { return std::string(value.String(name)); };
  ItemsOptions options;
  options.listen = {"", 0, read("socket")};
  options.directory = read("directory");
  options.region = read("region");
  options.pace = read("pace") == "aws" ? Pace::kAws : Pace::kFast;
  options.credentials = {read("account"), read("access_key"), read("secret_key"), read("root")};
  options.internal_token = read("internal_token");
  options.faults = read("faults");
  options.keys = read("keys");
  for (const auto& [region, address] : value.Sub("peers").members()) {
    ASSIGN_OR_RETURN(options.peers[region], os::Address::ParseHostPort(address.str()));
  }
  if (options.listen.path.empty() || options.directory.empty())
    return base::Corrupt(path + " holds no options of an item store");
  return options;
}

}  // namespace leeward::lab::dynamo

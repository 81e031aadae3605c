#include "cli/inventory_file.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSchema[] = "leeward/inventory/v1";
constexpr std::uint64_t kMaxInventory = 16u << 20;

std::string TextMember(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::string InventoryJson(const model::Inventory& inventory) {
  Json json;
  json["schema"] = kSchema;
  json["refreshed"] = base::FormatIso8601(inventory.refreshed);
  json["facts"] = Json::array();
  for (const auto& [key, value] : inventory.facts) {
    json["facts"].push_back({{"component", key.component.str()},
                             {"region", key.region.str()},
                             {"name", key.name},
                             {"value", value}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

base::Result<model::Inventory> InventoryFromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || TextMember(json, "schema") != kSchema || !json.contains("facts") ||
      !json["facts"].is_array()) {
    return base::Corrupt(std::string("not a ") + kSchema);
  }
  model::Inventory inventory;
  ASSIGN_OR_RETURN(inventory.refreshed, base::ParseIso8601(TextMember(json, "refreshed")));
  for (const Json& fact : json["facts"]) {
    if (!fact.is_object() || TextMember(fact, "name").empty())
      return base::Corrupt("a fact without a name");
    inventory.facts[{model::ComponentName(TextMember(fact, "component")),
                     model::Region(TextMember(fact, "region")), TextMember(fact, "name")}] =
        TextMember(fact, "value");
  }
  return inventory;
}

base::Result<model::Inventory> ReadInventory(ports::Files& files, const std::string& path) {
  const base::Result<std::string> text = files.Read(path, kMaxInventory);
  if (!text.ok() && text.error().code() == base::ErrorCode::kNotFound) return model::Inventory{};
  if (!text.ok()) return text.error();
  base::Result<model::Inventory> inventory = InventoryFromJson(*text);
  if (inventory.ok()) return inventory;
  return base::Corrupt("inventory " + path + ": " + inventory.error().message() +
                       "; move it away and run `leeward protect` to make it anew");
}

base::Status InventoryKeeper::Load() {
  ASSIGN_OR_RETURN(current_, ReadInventory(files_, path_));
  saved_ = current_;
  return base::Ok();
}

base::Status InventoryKeeper::Save(const model::Inventory& inventory) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(files_.WriteAtomically(path_, InventoryJson(inventory)));
  saved_ = inventory;
  return base::Ok();
}

void InventoryKeeper::TakeUp() {
  std::lock_guard lock(mutex_);
  current_ = saved_;
}

}  // namespace leeward::cli

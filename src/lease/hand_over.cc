#include "lease/hand_over.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace leeward::lease {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 1024;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMembers = 4;

bool ReadName(const Json& value, std::string* name) {
  if (!value.is_string()) return false;
  *name = value.get<std::string>();
  return !name->empty() && name->size() <= kMaxName;
}

bool ReadCount(const Json& value, std::uint64_t* count) {
  if (!value.is_number_unsigned()) return false;
  *count = value.get<std::uint64_t>();
  return *count > 0;
}

bool ReadMember(const std::string& key, const Json& value, HandOver* request) {
  if (key == "epoch") return ReadCount(value, &request->epoch);
  if (key == "asked") return ReadCount(value, &request->asked);
  if (key == "who") return ReadName(value, &request->who);
  std::string region;
  if (key != "holder" || !ReadName(value, &region)) return false;
  request->holder = model::Region(std::move(region));
  return true;
}

}  // namespace

std::string HandOverKey(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/hand-over";
}

std::string ToJson(const HandOver& request) {
  Json json;
  json["holder"] = request.holder.str();
  json["epoch"] = request.epoch;
  json["who"] = request.who;
  json["asked"] = request.asked;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<HandOver> HandOverFromJson(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return base::Corrupt("hand-over request: longer than " + std::to_string(kMaxBytes) + " bytes");
  }
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Corrupt("hand-over request: not one JSON object");
  HandOver request;
  for (const auto& [key, value] : json.items()) {
    if (!ReadMember(key, value, &request))
      return base::Corrupt("hand-over request: '" + key + "' is unknown or out of range");
  }
  if (json.size() != kMembers) return base::Corrupt("hand-over request: a member is missing");
  return request;
}

bool HandOverWatch::Obeys(const std::optional<ports::SharedEntry>& entry,
                          const model::Region& region, std::uint64_t epoch) {
  const std::uint64_t revision = entry ? entry->revision : ports::kAbsent;
  const bool renewed = last_ && *last_ != revision;
  last_ = revision;
  if (!entry || !renewed) return false;
  const base::Result<HandOver> request = HandOverFromJson(entry->value);
  return request.ok() && request->holder == region && request->epoch == epoch;
}

}  // namespace leeward::lease

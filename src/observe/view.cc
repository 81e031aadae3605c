#include "observe/view.h"

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "model/names.h"

namespace leeward::observe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxBytes = 64u << 10;
constexpr std::size_t kMaxLooks = 64;
constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxReason = 512;
constexpr std::size_t kReasonKept = 160;  // bytes; each may take three when it is no UTF-8
constexpr std::uint64_t kMaxFailures = 1'000'000'000;
constexpr std::size_t kViewMembers = 6;
constexpr std::size_t kLookMembers = 7;

base::Error Wrong(const std::string& what) { return base::Corrupt("view: " + what); }

bool ReadText(const Json& value, std::size_t limit, std::string* text) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > limit) return false;
  *text = value.get<std::string>();
  return true;
}

bool ReadNumber(const Json& value, std::uint64_t limit, std::uint64_t* number) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit) return false;
  *number = value.get<std::uint64_t>();
  return true;
}

bool ReadRegion(const Json& value, model::Region* region) {
  std::string text;
  if (!ReadText(value, kMaxName, &text) || text.empty()) return false;
  *region = model::Region(std::move(text));
  return true;
}

bool ReadTime(const Json& value, base::WallTime* time) {
  std::string text;
  if (!ReadText(value, kMaxName, &text)) return false;
  const base::Result<base::WallTime> parsed = base::ParseIso8601(text);
  if (!parsed.ok()) return false;
  *time = *parsed;
  return true;
}

bool ReadFailures(const Json& value, int* failures) {
  std::uint64_t number = 0;
  if (!ReadNumber(value, kMaxFailures, &number)) return false;
  *failures = static_cast<int>(number);
  return true;
}

bool ReadLookMember(const std::string& key, const Json& value, Look* look) {
  std::string text;
  if (key == "region") return ReadRegion(value, &look->target.region);
  if (key == "signal") {
    return ReadText(value, kMaxName, &text) && model::FromName(text, &look->target.signal);
  }
  if (key == "component") {
    if (!ReadText(value, kMaxName, &text)) return false;
    look->target.component = model::ComponentName(std::move(text));
    return true;
  }
  if (key == "health") {
    return ReadText(value, kMaxName, &text) && model::FromName(text, &look->health) &&
           look->health != model::Health::kUnknown;
  }
  if (key == "failures") return ReadFailures(value, &look->failures);
  if (key == "probes") {
    return ReadNumber(value, std::numeric_limits<std::uint64_t>::max(), &look->probes);
  }
  return key == "reason" && ReadText(value, kMaxReason, &look->reason);
}

base::Status ReadLook(const Json& json, Look* look) {
  if (!json.is_object()) return Wrong("a target that is no object");
  for (const auto& [key, value] : json.items()) {
    if (!ReadLookMember(key, value, look)) {
      return Wrong("a target's '" + key + "' is unknown or out of range");
    }
  }
  if (json.size() != kLookMembers) return Wrong("a target lacks a member");
  return base::Ok();
}

base::Status ReadLooks(const Json& json, std::vector<Look>* looks) {
  if (!json.is_array() || json.size() > kMaxLooks) return Wrong("'targets' is out of range");
  std::set<model::Target> seen;
  for (const Json& each : json) {
    Look look;
    RETURN_IF_ERROR(ReadLook(each, &look));
    if (!seen.insert(look.target).second) return Wrong("a target is there twice");
    looks->push_back(std::move(look));
  }
  return base::Ok();
}

base::Status ReadMember(const std::string& key, const Json& value, View* view) {
  bool good = false;
  std::uint64_t version = 0;
  if (key == "v") {
    if (!ReadNumber(value, kMaxFailures, &version) || version != kVersion) {
      return Wrong("of a version that this program does not know; use the same program everywhere");
    }
    return base::Ok();
  }
  if (key == "targets") return ReadLooks(value, &view->looks);
  if (key == "who") good = ReadText(value, kMaxName, &view->who) && !view->who.empty();
  if (key == "from") good = ReadRegion(value, &view->from);
  if (key == "sequence") {
    good = ReadNumber(value, std::numeric_limits<std::uint64_t>::max() - 1, &view->sequence);
  }
  if (key == "at") good = ReadTime(value, &view->at);
  return good ? base::Ok() : base::Status(Wrong("'" + key + "' is unknown or out of range"));
}

// A key that is there twice would pass for one: the parser's own answer is the last of them.
class TwiceFinder {
 public:
  bool operator()(int, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second)
      twice = true;
    return true;
  }
  bool twice = false;

 private:
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

std::string KeyPrefix(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/view/";
}

std::string Key(const model::ApplicationName& application, const model::Region& from) {
  return KeyPrefix(application) + from.str();
}

std::string ToJson(const View& view) {
  Json json;
  json["v"] = kVersion;
  json["who"] = view.who;
  json["from"] = view.from.str();
  json["sequence"] = view.sequence;
  json["at"] = base::FormatIso8601(view.at);
  json["targets"] = Json::array();
  for (const Look& look : view.looks) {
    Json target;
    target["region"] = look.target.region.str();
    target["signal"] = model::Name(look.target.signal);
    target["component"] = look.target.component.str();
    target["health"] = model::Name(look.health);
    target["failures"] = look.failures;
    target["probes"] = look.probes;
    target["reason"] = look.reason.substr(0, kReasonKept);
    json["targets"].push_back(std::move(target));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<View> ViewFromJson(std::string_view text) {
  if (text.size() > kMaxBytes) return Wrong("longer than " + std::to_string(kMaxBytes) + " bytes");
  TwiceFinder finder;
  const Json json = Json::parse(text, std::ref(finder), /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong("not one JSON object");
  if (finder.twice) return Wrong("a member is there twice");
  View view;
  for (const auto& [key, value] : json.items()) RETURN_IF_ERROR(ReadMember(key, value, &view));
  if (json.size() != kViewMembers) return Wrong("a member is missing");
  return view;
}

}  // namespace leeward::observe

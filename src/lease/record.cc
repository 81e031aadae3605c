#include "lease/record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace leeward::lease {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 4096;
constexpr std::size_t kMaxName = 256;
constexpr std::int64_t kMaxTtlNs = 3'600'000'000'000;  // longer would hold a takeover for ever
constexpr std::array kHows = {How::kFirst, How::kReleased, How::kExpired, How::kUnguarded};
constexpr std::size_t kMembers = 10;

base::Error Wrong(const std::string& what) { return base::Corrupt("lease record: " + what); }

bool ReadHow(const std::string& name, How* how) {
  for (const How each : kHows) {
    if (Name(each) == name) {
      *how = each;
      return true;
    }
  }
  return false;
}

bool ReadText(const Json& value, std::string* text) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxName) return false;
  *text = value.get<std::string>();
  return true;
}

bool ReadRegion(const Json& value, model::Region* region) {
  std::string text;
  if (!ReadText(value, &text)) return false;
  *region = model::Region(std::move(text));
  return true;
}

bool ReadNumber(const Json& value, std::uint64_t* number) {
  if (!value.is_number_unsigned()) return false;
  *number = value.get<std::uint64_t>();
  return true;
}

bool ReadFlag(const Json& value, bool* flag) {
  if (!value.is_boolean()) return false;
  *flag = value.get<bool>();
  return true;
}

bool ReadTtl(const Json& value, base::Duration* ttl) {
  std::uint64_t ns = 0;
  if (!ReadNumber(value, &ns) || ns == 0 || ns > static_cast<std::uint64_t>(kMaxTtlNs)) {
    return false;
  }
  *ttl = base::Duration(static_cast<std::int64_t>(ns));
  return true;
}

bool ReadMember(const std::string& key, const Json& value, Record* record) {
  if (key == "epoch") return ReadNumber(value, &record->epoch) && record->epoch > 0;
  if (key == "holder") return ReadRegion(value, &record->holder) && !record->holder.empty();
  if (key == "who") return ReadText(value, &record->who) && !record->who.empty();
  if (key == "ttl_ns") return ReadTtl(value, &record->ttl);
  if (key == "renewal") return ReadNumber(value, &record->renewal);
  if (key == "guarded") return ReadFlag(value, &record->guarded);
  if (key == "released") return ReadFlag(value, &record->released);
  if (key == "from") return ReadRegion(value, &record->from);
  if (key == "from_epoch") return ReadNumber(value, &record->from_epoch);
  if (key == "how") return value.is_string() && ReadHow(value.get<std::string>(), &record->how);
  return false;
}

}  // namespace

std::string_view Name(How how) {
  switch (how) {
    case How::kFirst:
      return "first";
    case How::kReleased:
      return "released";
    case How::kExpired:
      return "expired";
    case How::kUnguarded:
      return "unguarded";
  }
  CHECK_NEVER("How outside its enum");
}

std::string Key(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/lease";
}

std::string ToJson(const Record& record) {
  Json json;
  json["epoch"] = record.epoch;
  json["holder"] = record.holder.str();
  json["who"] = record.who;
  json["ttl_ns"] = record.ttl.count();
  json["renewal"] = record.renewal;
  json["guarded"] = record.guarded;
  json["released"] = record.released;
  json["from"] = record.from.str();
  json["from_epoch"] = record.from_epoch;
  json["how"] = Name(record.how);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Record> RecordFromJson(std::string_view text) {
  if (text.size() > kMaxBytes) return Wrong("longer than " + std::to_string(kMaxBytes) + " bytes");
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong("not one JSON object");
  Record record;
  for (const auto& [key, value] : json.items()) {
    if (!ReadMember(key, value, &record)) return Wrong("'" + key + "' is unknown or out of range");
  }
  // Every key is known and a key is there once, so the count says that none is missing.
  if (json.size() != kMembers) return Wrong("a member is missing");
  return record;
}

std::string Describe(const Record& record) {
  return "epoch " + std::to_string(record.epoch) + ", " + record.holder.str() + " (" + record.who +
         ")" + (record.released ? ", released" : "");
}

}  // namespace leeward::lease

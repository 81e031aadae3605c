#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "shapes/value.h"

namespace leeward::shapes {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMaxDepth = 64;

Json Write(const Value& value) {
  if (value.is_bool()) return value.boolean();
  if (value.is_int()) return value.integer();
  if (value.is_double()) return value.number();
  if (value.is_string()) return value.str();
  if (value.is_blob()) return Json{{"$blob", base::Base64Encode(value.blob().bytes)}};
  if (value.is_time()) return Json{{"$time", base::FormatIso8601(value.time())}};
  if (value.is_list()) {
    Json out = Json::array();
    for (const Value& item : value.list()) out.push_back(Write(item));
    return out;
  }
  if (value.is_members()) {
    Json out = Json::object();
    for (const auto& [name, member] : value.members()) out[name] = Write(member);
    return out;
  }
  return nullptr;
}

base::Result<Value> Read(const Json& json, int depth) {
  if (depth > kMaxDepth) return base::Invalid("JSON is nested too deeply");
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return Value(json.get<std::string>());
    case Json::value_t::array: {
      Value::List list;
      for (const Json& item : json) {
        ASSIGN_OR_RETURN(Value read, Read(item, depth + 1));
        list.push_back(std::move(read));
      }
      return Value(std::move(list));
    }
    case Json::value_t::object:
      break;
    default:
      return Value();
  }
  if (json.size() == 1 && json.begin()->is_string()) {
    if (json.begin().key() == "$blob") {
      ASSIGN_OR_RETURN(std::string bytes, base::Base64Decode(json.begin()->get<std::string>()));
      return Value(Blob{std::move(bytes)});
    }
    if (json.begin().key() == "$time") {
      ASSIGN_OR_RETURN(const base::WallTime time,
                       base::ParseIso8601(json.begin()->get<std::string>()));
      return Value(time);
    }
  }
  Value out = Value::Struct();
  for (const auto& [name, member] : json.items()) {
    ASSIGN_OR_RETURN(Value read, Read(member, depth + 1));
    out.Set(name, std::move(read));
  }
  return out;
}

}  // namespace

std::string ToJson(const Value& value) {
  return Write(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Value> FromJson(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return base::Invalid(fmt::format("not JSON ({} bytes)", json.size()));
  return Read(parsed, 0);
}

}  // namespace leeward::shapes

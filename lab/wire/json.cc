#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "lab/wire/formats.h"
#include "lab/wire/inner_path.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using Json = nlohmann::ordered_json;
using shapes::Member;
using shapes::Shape;
using shapes::TimestampFormat;
using shapes::Type;
using shapes::Value;

base::Error Unexpected(std::string_view path, std::string_view wanted) {
  return base::Invalid(fmt::format("{} is not {}", path.empty() ? "the body" : path, wanted));
}

base::Result<Value> ReadDocument(const Json& json, int depth) {
  if (depth > kMaxDepth) return base::Invalid("the document is nested too deeply");
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) {
    Value::List list;
    for (const Json& item : json) {
      ASSIGN_OR_RETURN(Value value, ReadDocument(item, depth + 1));
      list.push_back(std::move(value));
    }
    return Value(std::move(list));
  }
  if (!json.is_object()) return Value();
  Value out = Value::Struct();
  for (const auto& [name, member] : json.items()) {
    ASSIGN_OR_RETURN(Value value, ReadDocument(member, depth + 1));
    out.Set(name, std::move(value));
  }
  return out;
}

base::Result<Value> Read(const Member& member, const Json& json, const std::string& path,
                         int depth);

base::Result<Value> ReadStructure(const Shape& shape, const Json& json, const std::string& path,
                                  int depth, Members members) {
  if (!json.is_object()) return Unexpected(path, "an object");
  Value out = Value::Struct();
  for (const Member& member : shape.members) {
    if (!InBody(member, members)) continue;
    const auto found = json.find(std::string(WireName(member)));
    if (found == json.end() || found->is_null()) continue;
    ASSIGN_OR_RETURN(Value value, Read(member, *found, InnerPath(path, member.name), depth + 1));
    out.Set(member.name, std::move(value));
  }
  return out;
}

base::Result<Value> ReadNumber(const Shape& shape, const Json& json, const std::string& path) {
  if (json.is_string()) {
    const auto number = NumberFromText(json.get<std::string>());
    if (number.ok() && !std::isfinite(*number)) return Value(*number);
  }
  if (!json.is_number()) return Unexpected(path, "a number");
  if (shape.type == Type::kFloat || shape.type == Type::kDouble) return Value(json.get<double>());
  const double number = json.get<double>();
  const bool whole = json.is_number_integer() || number == std::trunc(number);
  const double limit = shape.type == Type::kLong ? 9.3e18 : 2147483648.0;
  if (!whole || std::abs(number) > limit) return Unexpected(path, "an integer in range");
  return Value(json.is_number_integer() ? json.get<std::int64_t>()
                                        : static_cast<std::int64_t>(number));
}

base::Result<Value> ReadTime(const Member& member, const Json& json, const std::string& path) {
  const TimestampFormat format = FormatOf(member, TimestampFormat::kUnix);
  if (json.is_number()) return Value(TimeFromSeconds(json.get<double>()));
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    const auto time = TimeFromText(text, format);
    if (time.ok()) return Value(*time);
    const auto iso = base::ParseIso8601(text);
    if (iso.ok()) return Value(*iso);
  }
  return Unexpected(path, "a timestamp");
}

base::Result<Value> ReadList(const Shape& shape, const Json& json, const std::string& path,
                             int depth) {
  if (!json.is_array()) return Unexpected(path, "a list");
  Value::List list;
  for (const Json& item : json) {
    ASSIGN_OR_RETURN(Value value, Read(*shape.item, item,
                                       fmt::format("{}.{}", path, list.size() + 1), depth + 1));
    list.push_back(std::move(value));
  }
  return Value(std::move(list));
}

base::Result<Value> ReadMap(const Shape& shape, const Json& json, const std::string& path,
                            int depth) {
  if (!json.is_object()) return Unexpected(path, "an object");
  Value out = Value::Struct();
  for (const auto& [name, entry] : json.items()) {
    ASSIGN_OR_RETURN(Value value,
                     Read(*shape.value, entry, fmt::format("{}.{}", path, name), depth + 1));
    out.Set(name, std::move(value));
  }
  return out;
}

base::Result<Value> Read(const Member& member, const Json& json, const std::string& path,
                         int depth) {
  if (depth > kMaxDepth) return base::Invalid(fmt::format("{} is nested too deeply", path));
  const Shape& shape = *member.shape;
  if (shape.document) return ReadDocument(json, depth);
  if (json.is_null()) return Value();
  switch (shape.type) {
    case Type::kStructure:
      return ReadStructure(shape, json, path, depth, Members::kAll);
    case Type::kList:
      return ReadList(shape, json, path, depth);
    case Type::kMap:
      return ReadMap(shape, json, path, depth);
    case Type::kTimestamp:
      return ReadTime(member, json, path);
    case Type::kBoolean:
      if (!json.is_boolean()) return Unexpected(path, "a boolean");
      return Value(json.get<bool>());
    case Type::kString:
      if (!json.is_string()) return Unexpected(path, "a string");
      return Value(json.get<std::string>());
    case Type::kBlob: {
      if (!json.is_string()) return Unexpected(path, "a base64 string");
      auto bytes = base::Base64Decode(json.get<std::string>());
      if (!bytes.ok()) return Unexpected(path, "base64");
      return Value(shapes::Blob{std::move(*bytes)});
    }
    default:
      return ReadNumber(shape, json, path);
  }
}

Json WriteDocument(const Value& value) {
  if (value.is_bool()) return value.boolean();
  if (value.is_int()) return value.integer();
  if (value.is_double()) return value.number();
  if (value.is_string()) return value.str();
  if (value.is_list()) {
    Json out = Json::array();
    for (const Value& item : value.list()) out.push_back(WriteDocument(item));
    return out;
  }
  if (!value.is_members()) return nullptr;
  Json out = Json::object();
  for (const auto& [name, member] : value.members()) out[name] = WriteDocument(member);
  return out;
}

base::Result<Json> Write(const Member& member, const Value& value);

base::Result<Json> WriteStructure(const Shape& shape, const Value& value, Members members) {
  if (value.is_null()) return Json::object();
  if (!value.is_members()) return BadAnswer(shape, "is not a structure");
  Json out = Json::object();
  for (const auto& [name, part] : value.members()) {
    const Member* member = shape.FindMember(name);
    if (member == nullptr) return BadAnswer(shape, "has no member " + name);
    if (!InBody(*member, members) || part.is_null()) continue;
    ASSIGN_OR_RETURN(Json written, Write(*member, part));
    out[std::string(WireName(*member))] = std::move(written);
  }
  return out;
}

base::Result<Json> WriteNumber(const Shape& shape, const Value& value) {
  if (value.is_int()) return Json(value.integer());
  if (!value.is_double() || shape.type == Type::kInteger || shape.type == Type::kLong) {
    return BadAnswer(shape, "has a value of another type");
  }
  if (!std::isfinite(value.number())) return Json(NumberToText(value.number()));
  return Json(value.number());
}

base::Result<Json> WriteTime(const Member& member, const Value& value) {
  if (!value.is_time()) return BadAnswer(*member.shape, "is not a timestamp");
  const TimestampFormat format = FormatOf(member, TimestampFormat::kUnix);
  if (format != TimestampFormat::kUnix) return Json(TimeToText(value.time(), format));
  const std::int64_t millis = base::Millis(value.time().since_epoch);
  if (millis % 1000 == 0) return Json(millis / 1000);
  return Json(static_cast<double>(millis) / 1000);
}

base::Result<Json> Write(const Member& member, const Value& value) {
  const Shape& shape = *member.shape;
  if (shape.document) return WriteDocument(value);
  if (value.is_null()) return Json(nullptr);
  switch (shape.type) {
    case Type::kStructure:
      return WriteStructure(shape, value, Members::kAll);
    case Type::kList: {
      if (!value.is_list()) return BadAnswer(shape, "is not a list");
      Json out = Json::array();
      for (const Value& item : value.list()) {
        ASSIGN_OR_RETURN(Json written, Write(*shape.item, item));
        out.push_back(std::move(written));
      }
      return out;
    }
    case Type::kMap: {
      if (!value.is_members()) return BadAnswer(shape, "is not a map");
      Json out = Json::object();
      for (const auto& [name, entry] : value.members()) {
        ASSIGN_OR_RETURN(Json written, Write(*shape.value, entry));
        out[name] = std::move(written);
      }
      return out;
    }
    case Type::kTimestamp:
      return WriteTime(member, value);
    case Type::kBoolean:
      if (!value.is_bool()) return BadAnswer(shape, "is not a boolean");
      return Json(value.boolean());
    case Type::kString:
      if (!value.is_string()) return BadAnswer(shape, "is not a string");
      return Json(value.str());
    case Type::kBlob:
      if (!value.is_blob()) return BadAnswer(shape, "is not a blob");
      return Json(base::Base64Encode(value.blob().bytes));
    default:
      return WriteNumber(shape, value);
  }
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// nlohmann's parser recurses with the input: bound the depth before it sees the text.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > 4 * kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

base::Result<Value> DecodeJson(const Shape& shape, std::string_view text, Members members) {
  if (Trim(text).empty()) return Value::Struct();
  if (TooDeep(text)) return base::Invalid("the body is nested too deeply");
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Unexpected("", "JSON");
  if (shape.document) return ReadDocument(json, 0);
  return ReadStructure(shape, json, "", 0, members);
}

base::Result<std::string> EncodeJson(const Shape& shape, const Value& value, Members members) {
  if (shape.document) return Dump(WriteDocument(value));
  ASSIGN_OR_RETURN(const Json json, WriteStructure(shape, value, members));
  return Dump(json);
}

base::Result<std::string> EncodeJsonError(const Shape* shape, const Value& value,
                                          const Value& extra, Members members) {
  Json json = WriteDocument(extra);
  if (shape != nullptr && value.is_members()) {
    ASSIGN_OR_RETURN(const Json parts, WriteStructure(*shape, value, members));
    for (const auto& [name, part] : parts.items()) json[name] = part;
  }
  return Dump(json);
}

}  // namespace leeward::lab::wire

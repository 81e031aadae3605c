// Protocols JSON 1.0 and 1.1, and JSON documents for rest-json.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "aws/codec.h"
#include "base/bytes.h"

namespace leeward::aws::codec {
namespace {

using shapes::Type;
using Json = nlohmann::ordered_json;

base::Result<Json> Write(const Value& value, const Member& member, Part part, int depth);

base::Result<Json> WriteStructure(const Value& value, const Shape& shape, Part part, int depth) {
  Json out = Json::object();
  for (const Member& member : shape.members) {
    const Value* found = value.Find(member.name);
    if (found == nullptr || (part == Part::kBody && member.location != shapes::Location::kBody))
      continue;
    ASSIGN_OR_RETURN(Json written, Write(*found, member, Part::kWhole, depth + 1));
    out[std::string(WireName(member))] = std::move(written);
  }
  return out;
}

Json WriteDouble(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return number;
}

Json WriteTime(base::WallTime time, const Member& member) {
  const TimestampFormat format = FormatOf(member, TimestampFormat::kUnix);
  if (format != TimestampFormat::kUnix) return TimestampText(time, format);
  const std::int64_t millis = base::Millis(time.since_epoch);
  if (millis % 1000 == 0) return millis / 1000;
  return static_cast<double>(millis) / 1000;
}

Json WriteFree(const Value& value, int depth) {
  if (depth > kMaxDepth) return nullptr;
  if (value.is_bool()) return value.boolean();
  if (value.is_int()) return value.integer();
  if (value.is_double()) return WriteDouble(value.number());
  if (value.is_string()) return value.str();
  if (value.is_list()) {
    Json out = Json::array();
    for (const Value& item : value.list()) out.push_back(WriteFree(item, depth + 1));
    return out;
  }
  if (value.is_members()) {
    Json out = Json::object();
    for (const auto& [name, item] : value.members()) out[name] = WriteFree(item, depth + 1);
    return out;
  }
  return nullptr;
}

base::Result<Json> WriteList(const Value& value, const Shape& shape, int depth) {
  if (!value.is_list()) return base::Invalid(fmt::format("{} takes a list", shape.name));
  Json out = Json::array();
  for (const Value& item : value.list()) {
    ASSIGN_OR_RETURN(Json written, Write(item, *shape.item, Part::kWhole, depth + 1));
    out.push_back(std::move(written));
  }
  return out;
}

base::Result<Json> WriteMap(const Value& value, const Shape& shape, int depth) {
  if (!value.is_members()) return base::Invalid(fmt::format("{} takes a map", shape.name));
  Json out = Json::object();
  for (const auto& [name, item] : value.members()) {
    ASSIGN_OR_RETURN(Json written, Write(item, *shape.value, Part::kWhole, depth + 1));
    out[name] = std::move(written);
  }
  return out;
}

base::Result<Json> Write(const Value& value, const Member& member, Part part, int depth) {
  if (depth > kMaxDepth) return base::Invalid("input is nested too deeply");
  const Shape& shape = *member.shape;
  if (value.is_null()) return Json(nullptr);
  if (shape.document) return WriteFree(value, depth);
  switch (shape.type) {
    case Type::kStructure:
      return WriteStructure(value, shape, part, depth);
    case Type::kList:
      return WriteList(value, shape, depth);
    case Type::kMap:
      return WriteMap(value, shape, depth);
    default:
      break;
  }
  if (value.is_bool()) return Json(value.boolean());
  if (value.is_int()) return Json(value.integer());
  if (value.is_double()) return WriteDouble(value.number());
  if (value.is_time()) return WriteTime(value.time(), member);
  ASSIGN_OR_RETURN(std::string text, ScalarToText(value, shape, TimestampFormat::kIso8601));
  return Json(std::move(text));
}

Value ReadFree(const Json& json, int depth) {
  if (depth > kMaxDepth) return Value();
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number_float()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) {
    Value::List list;
    for (const Json& item : json) list.push_back(ReadFree(item, depth + 1));
    return Value(std::move(list));
  }
  if (!json.is_object()) return Value();
  Value out = Value::Struct();
  for (const auto& [name, item] : json.items())
    out.members().emplace_back(name, ReadFree(item, depth + 1));
  return out;
}

base::Result<Value> Read(const Json& json, const Member& member, int depth);

base::Error Mismatch(const Shape& shape, const Json& json) {
  return base::ServiceBroken(
      fmt::format("answer has a {} where {} belongs", json.type_name(), shape.name));
}

base::Result<Value> ReadStructure(const Json& json, const Shape& shape, int depth) {
  if (!json.is_object()) return Mismatch(shape, json);
  Value out = Value::Struct();
  for (const Member& member : shape.members) {
    const auto found = json.find(WireName(member));
    if (found == json.end() || found->is_null()) continue;
    ASSIGN_OR_RETURN(Value read, Read(*found, member, depth + 1));
    out.members().emplace_back(member.name, std::move(read));
  }
  return out;
}

base::Result<Value> ReadList(const Json& json, const Shape& shape, int depth) {
  if (!json.is_array()) return Mismatch(shape, json);
  Value::List list;
  for (const Json& item : json) {
    ASSIGN_OR_RETURN(Value read, Read(item, *shape.item, depth + 1));
    list.push_back(std::move(read));
  }
  return Value(std::move(list));
}

base::Result<Value> ReadMap(const Json& json, const Shape& shape, int depth) {
  if (!json.is_object()) return Mismatch(shape, json);
  Value out = Value::Struct();
  for (const auto& [name, item] : json.items()) {
    if (item.is_null()) continue;
    ASSIGN_OR_RETURN(Value read, Read(item, *shape.value, depth + 1));
    out.members().emplace_back(name, std::move(read));
  }
  return out;
}

base::Result<Value> ReadNumber(const Json& json, const Member& member) {
  if (member.shape->type == Type::kTimestamp)
    return Value(TimestampFromSeconds(json.get<double>()));
  const bool wants_double =
      member.shape->type == Type::kFloat || member.shape->type == Type::kDouble;
  if (wants_double) return Value(json.get<double>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  const double number = json.get<double>();
  // A whole number written as 1.0 or 1e3.
  if (std::abs(number) < 9e15 && number == std::floor(number))
    return Value(static_cast<std::int64_t>(number));
  return Value(number);
}

base::Result<Value> Read(const Json& json, const Member& member, int depth) {
  if (depth > kMaxDepth) return base::ServiceBroken("answer is nested too deeply");
  const Shape& shape = *member.shape;
  if (json.is_null()) return Value();
  if (shape.document) return ReadFree(json, depth);
  switch (shape.type) {
    case Type::kStructure:
      return ReadStructure(json, shape, depth);
    case Type::kList:
      return ReadList(json, shape, depth);
    case Type::kMap:
      return ReadMap(json, shape, depth);
    default:
      break;
  }
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number() && shape.type != Type::kString) return ReadNumber(json, member);
  if (json.is_number()) return Value(json.dump());
  if (!json.is_string()) return Mismatch(shape, json);
  return ScalarFromText(json.get_ref<const std::string&>(), shape,
                        FormatOf(member, TimestampFormat::kUnix));
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string FirstText(const Json& json, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = json.find(name);
    if (found != json.end() && found->is_string()) return found->get<std::string>();
  }
  return "";
}

}  // namespace

base::Result<std::string> WriteJson(const Value& value, const Member& member, Part part) {
  ASSIGN_OR_RETURN(const Json json, Write(value, member, part, 0));
  return Dump(json);
}

base::Result<Value> ReadJson(std::string_view text, const Member& member) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return base::ServiceBroken(fmt::format("answer is not JSON ({} bytes)", text.size()));
  return Read(json, member, 0);
}

JsonErrorText ReadJsonError(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return {};
  return {.code = FirstText(json, {"__type", "code", "Code", "ErrorCode", "errorCode"}),
          .message = FirstText(json, {"message", "Message", "errorMessage"})};
}

base::Result<WireRequest> EncodeJson(const Model& model, const Operation& operation,
                                     const Value& input) {
  WireRequest request;
  const bool old = model.protocols.front() == shapes::Protocol::kJson10;
  request.path = operation.request_uri;
  request.headers.emplace_back("Content-Type",
                               old ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1");
  request.headers.emplace_back("X-Amz-Target",
                               fmt::format("{}.{}", model.target_prefix, operation.name));
  if (model.query_compatible) request.headers.emplace_back("X-Amzn-Query-Mode", "true");
  request.body = "{}";
  if (operation.input != nullptr && !input.is_null()) {
    const Member whole{.name = operation.input->name, .shape = operation.input};
    ASSIGN_OR_RETURN(request.body, WriteJson(input, whole, Part::kWhole));
  }
  return request;
}

base::Result<Value> DecodeJson(const Operation& operation, const ports::HttpResponse& response) {
  if (operation.output == nullptr || response.body.empty()) return Value::Struct();
  const Member whole{.name = operation.output->name, .shape = operation.output};
  return ReadJson(response.body, whole);
}

}  // namespace leeward::aws::codec

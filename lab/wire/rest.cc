#include "lab/wire/rest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/wire/formats.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using shapes::Location;
using shapes::Member;
using shapes::Shape;
using shapes::TimestampFormat;
using shapes::Type;
using shapes::Value;

// "a, b" or "\"a,b\", c", and times of the form "Mon, 16 Dec 2019 ...", whose own comma is not a
// separator.
std::vector<std::string> SplitHeaderList(std::string_view text, bool http_dates) {
  std::vector<std::string> items;
  std::string item;
  bool quoted = false;
  int commas = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quoted && i + 1 < text.size()) {
      item += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted && (!http_dates || ++commas % 2 == 0)) {
      items.emplace_back(Trim(item));
      item.clear();
    } else {
      item += c;
    }
  }
  items.emplace_back(Trim(item));
  return items;
}

base::Result<Value> FromText(const Member& member, std::string_view text, TimestampFormat place) {
  if (member.json_value || (member.shape->type == Type::kString && member.shape->document)) {
    ASSIGN_OR_RETURN(std::string json, base::Base64Decode(text));
    return Value(std::move(json));
  }
  auto value = ScalarFromText(*member.shape, text, FormatOf(member, place));
  if (!value.ok()) return std::move(value).error().Context(WireName(member));
  return value;
}

base::Result<Value> FromHeader(const Member& member, std::string_view text) {
  const Shape& shape = *member.shape;
  if (shape.type != Type::kList) return FromText(member, text, TimestampFormat::kHttpDate);
  const bool dates =
      shape.item->shape->type == Type::kTimestamp &&
      FormatOf(*shape.item, TimestampFormat::kHttpDate) == TimestampFormat::kHttpDate;
  Value::List items;
  if (Trim(text).empty()) return Value(std::move(items));
  for (const std::string& part : SplitHeaderList(text, dates)) {
    ASSIGN_OR_RETURN(Value item, FromText(*shape.item, part, TimestampFormat::kHttpDate));
    items.push_back(std::move(item));
  }
  return Value(std::move(items));
}

Value FromHeaderMap(const Member& member, const Request& request) {
  Value out = Value::Struct();
  for (const auto& [name, value] : request.headers) {
    const std::string_view prefix = member.location_name;
    if (name.size() < prefix.size() ||
        !SameText(std::string_view(name).substr(0, prefix.size()), prefix))
      continue;
    out.Set(name.substr(prefix.size()), Value(value));
  }
  return out.members().empty() ? Value() : out;
}

base::Result<Value> ListFromQuery(const Member& item, std::string_view name, const Pairs& pairs) {
  Value::List items;
  for (const auto& [key, text] : pairs) {
    if (key != name) continue;
    ASSIGN_OR_RETURN(Value value, FromText(item, text, TimestampFormat::kIso8601));
    items.push_back(std::move(value));
  }
  return items.empty() ? Value() : Value(std::move(items));
}

// A map takes every parameter, also those that other members have.
base::Result<Value> MapFromQuery(const Member& member, const Pairs& pairs) {
  Value out = Value::Struct();
  for (const auto& [key, text] : pairs) {
    if (key.starts_with("X-Amz-")) continue;
    if (member.shape->value->shape->type == Type::kList) {
      ASSIGN_OR_RETURN(Value list, ListFromQuery(*member.shape->value->shape->item, key, pairs));
      out.Set(key, std::move(list));
    } else {
      out.Set(key, Value(text));
    }
  }
  return out.members().empty() ? Value() : out;
}

base::Result<Value> FromQuery(const Member& member, const Pairs& pairs) {
  if (member.shape->type == Type::kMap) return MapFromQuery(member, pairs);
  if (member.shape->type == Type::kList)
    return ListFromQuery(*member.shape->item, WireName(member), pairs);
  if (!Contains(pairs, WireName(member))) return Value();
  return FromText(member, ValueOf(pairs, WireName(member)), TimestampFormat::kIso8601);
}

base::Result<Value> FromPlace(const Member& member, const Route& route, const Request& request) {
  switch (member.location) {
    case Location::kUri:
      return FromText(member, ValueOf(route.labels, WireName(member)), TimestampFormat::kIso8601);
    case Location::kQuery:
      return FromQuery(member, route.parameters);
    case Location::kHeader:
      if (!request.HasHeader(WireName(member))) return Value();
      return FromHeader(member, request.Header(WireName(member)));
    case Location::kHeaderMap:
      return FromHeaderMap(member, request);
    case Location::kBody:
    case Location::kStatusCode:
      break;
  }
  return Value();
}

base::Result<std::string> ToHeader(const Member& member, const Value& value) {
  const Shape& shape = *member.shape;
  if (member.json_value) return base::Base64Encode(value.str());
  if (shape.type != Type::kList)
    return ScalarToText(shape, value, FormatOf(member, TimestampFormat::kHttpDate));
  std::string text;
  for (const Value& item : value.list()) {
    ASSIGN_OR_RETURN(
        std::string part,
        ScalarToText(*shape.item->shape, item, FormatOf(*shape.item, TimestampFormat::kHttpDate)));
    const bool quote =
        shape.item->shape->type == Type::kString && part.find_first_of(",\"") != std::string::npos;
    if (quote) {
      std::string escaped;
      for (const char c : part)
        escaped += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
      part = fmt::format("\"{}\"", escaped);
    }
    text += (text.empty() ? "" : ", ") + part;
  }
  return text;
}

}  // namespace

base::Status ReadPlaces(const Route& route, const Request& request, Value* input) {
  for (const Member& member : route.operation->input->members) {
    ASSIGN_OR_RETURN(Value value, FromPlace(member, route, request));
    if (!value.is_null()) input->Set(member.name, std::move(value));
  }
  return base::Ok();
}

base::Result<int> WritePlaces(const Shape& shape, const Value& output, int status,
                              ports::Headers* headers) {
  for (const Member& member : shape.members) {
    const Value* value = output.Find(member.name);
    if (value == nullptr) continue;
    if (member.location == Location::kStatusCode) status = static_cast<int>(value->integer());
    if (member.location == Location::kHeaderMap) {
      for (const auto& [name, text] : value->members())
        headers->emplace_back(std::string(member.location_name) + name, text.str());
    }
    if (member.location != Location::kHeader) continue;
    ASSIGN_OR_RETURN(std::string text, ToHeader(member, *value));
    headers->emplace_back(std::string(WireName(member)), std::move(text));
  }
  return status;
}

}  // namespace leeward::lab::wire

#include "lab/tables/members.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "lab/items/json.h"

namespace leeward::lab::tables {
namespace {

using items::Wanted;
using shapes::Member;
using shapes::Shape;
using shapes::Type;

constexpr std::size_t kMaxViolations = 10;
constexpr double kMostWhole = 9e18;  // fits 64 bits

// The service lists what an enum allows in an order of its own; clients compare whole messages.
struct EnumText {
  std::string_view shape;
  std::string_view set;
};
constexpr std::array kEnumTexts = {
    EnumText{"ScalarAttributeType", "B, N, S"},
    EnumText{"ProjectionType", "ALL, INCLUDE, KEYS_ONLY"},
    EnumText{"BillingMode", "PROVISIONED, PAY_PER_REQUEST"},
    EnumText{"Select", "SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES"},
    EnumText{"ReturnConsumedCapacity", "INDEXES, TOTAL, NONE"},
    EnumText{"ReturnItemCollectionMetrics", "SIZE, NONE"},
    EnumText{"ReturnValue", "ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW"},
    EnumText{"ReturnValuesOnConditionCheckFailure", "ALL_OLD, NONE"},
    EnumText{"ConditionalOperator", "OR, AND"},
    EnumText{"AttributeAction", "ADD, DELETE, PUT"},
    EnumText{"ComparisonOperator",
             "IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, "
             "CONTAINS"},
    EnumText{"ShardIteratorType",
             "AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON"},
};

std::string EnumSet(const Shape& shape) {
  for (const EnumText& text : kEnumTexts) {
    if (text.shape == shape.name) return std::string(text.set);
  }
  return fmt::format("{}", fmt::join(shape.enum_values, ", "));
}

std::string LowerFirst(std::string_view name) {
  std::string text(name);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

bool IsAttributeValue(const Shape& shape) { return shape.name == "AttributeValue"; }

// Where the walk is, as a chain on the stack: written out only when something is wrong there.
struct Place {
  const Place* outer = nullptr;
  std::string_view name;
  int index = 0;       // of a list's element, from 1; 0: a member
  bool inner = false;  // "member", what AWS puts behind an element's or entry's name
};
std::string PathOf(const Place* place) {
  if (place == nullptr) return "";
  std::string path = PathOf(place->outer);
  const bool first = path.empty();
  if (!first) path += '.';
  if (place->index > 0) return path + fmt::format("{}.member", place->index);
  if (place->inner) return path + fmt::format("{}.member", place->name);
  return path + LowerFirst(place->name);
}

// As Java writes a value into the message.
std::string ValueText(const Json& json) {
  if (json.IsString()) return std::string(TextOf(json));
  if (json.IsInt64()) return fmt::format("{}", json.GetInt64());
  if (json.IsNumber()) return fmt::format("{}", json.GetDouble());
  if (json.IsArray()) {
    std::vector<std::string> parts;
    for (const Json& part : json.GetArray()) parts.push_back(ValueText(part));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (!json.IsObject()) return "";
  std::vector<std::string> parts;
  for (const auto& member : json.GetObject()) {
    parts.push_back(fmt::format("{}={}", TextOf(member.name), ValueText(member.value)));
  }
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

class Checker {
 public:
  Verdict Check(const Shape& shape, const Json& body) {
    RETURN_IF_ERROR(Structure(shape, body, nullptr));
    if (violations_.empty()) return {};
    const std::size_t count = violations_.size();
    if (count > kMaxViolations) violations_.resize(kMaxViolations);
    return ValidationError(fmt::format("{} validation error{} detected: {}", violations_.size(),
                                       count == 1 ? "" : "s", fmt::join(violations_, "; ")));
  }

 private:
  void Add(const Json* value, const Place* place, std::string_view constraint) {
    const std::string shown = value == nullptr ? "null" : fmt::format("'{}'", ValueText(*value));
    violations_.push_back(fmt::format("Value {} at '{}' failed to satisfy constraint: {}", shown,
                                      PathOf(place), constraint));
  }

  Verdict Structure(const Shape& shape, const Json& json, const Place* place) {
    if (!json.IsObject()) {
      return items::WrongJsonType(
          json, Wanted::kStructure,
          "class com.amazonaws.dynamodb.v20120810." + std::string(shape.name));
    }
    for (const auto& entry : json.GetObject()) {
      if (entry.value.IsNull()) continue;
      const Member* member = shape.FindMember(TextOf(entry.name));
      if (member == nullptr) continue;
      const Place inner{place, member->name, 0, false};
      RETURN_IF_ERROR(Any(*member->shape, entry.value, &inner));
    }
    for (const Member& member : shape.members) {
      if (!member.required || Find(json, member.name) != nullptr) continue;
      const Place inner{place, member.name, 0, false};
      Add(nullptr, &inner, "Member must not be null");
    }
    return {};
  }

  Verdict Any(const Shape& shape, const Json& json, const Place* place) {
    switch (shape.type) {
      case Type::kStructure:
        if (IsAttributeValue(shape)) return items::CheckAttributeShape(json);
        return Structure(shape, json, place);
      case Type::kList:
        return List(shape, json, place);
      case Type::kMap:
        return Map(shape, json, place);
      case Type::kString:
        if (!json.IsString()) return items::WrongJsonType(json, Wanted::kString);
        String(shape, json, place);
        return {};
      case Type::kBoolean:
        if (!json.IsBool()) return items::WrongJsonType(json, Wanted::kBoolean);
        return {};
      case Type::kBlob:
        if (!json.IsString()) return items::WrongJsonType(json, Wanted::kBlob);
        return {};
      case Type::kInteger:
      case Type::kLong:
      case Type::kFloat:
      case Type::kDouble:
        return Number(shape, json, place);
      case Type::kTimestamp:
        if (!json.IsNumber()) return items::WrongJsonType(json, Wanted::kDouble);
        return {};
    }
    CHECK_NEVER("a type that shapes do not have");
  }

  Verdict List(const Shape& shape, const Json& json, const Place* place) {
    if (!json.IsArray()) return items::WrongJsonType(json, Wanted::kList);
    Size(shape, json, json.Size(), place);
    int index = 0;
    for (const Json& element : json.GetArray()) {
      const Place inner{place, "", ++index, false};
      if (element.IsNull()) {
        Add(nullptr, &inner, "Member must not be null");
        continue;
      }
      RETURN_IF_ERROR(Any(*shape.item->shape, element, &inner));
    }
    return {};
  }

  Verdict Map(const Shape& shape, const Json& json, const Place* place) {
    if (IsAttributeValue(*shape.value->shape)) return items::CheckItemShape(json);
    if (!json.IsObject()) {
      return items::WrongJsonType(
          json, Wanted::kMap,
          fmt::format("java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.{}>",
                      shape.value->shape->name));
    }
    Size(shape, json, json.MemberCount(), place);
    for (const auto& entry : json.GetObject()) {
      if (entry.value.IsNull()) continue;
      const Place inner{place, TextOf(entry.name), 0, true};
      RETURN_IF_ERROR(Entry(shape, entry.value, json, place, inner));
    }
    return {};
  }

  // A list that is a map's value has its length said of the map.
  Verdict Entry(const Shape& shape, const Json& value, const Json& map, const Place* place,
                const Place& inner) {
    const Shape& item = *shape.value->shape;
    if (item.type != Type::kList || !value.IsArray()) return Any(item, value, &inner);
    const bool within =
        (!item.has_min || value.Size() >= item.min) && (!item.has_max || value.Size() <= item.max);
    if (!within) {
      Add(&map, place,
          fmt::format("Map value must satisfy constraint: [Member must have length less than or "
                      "equal to {}, Member must have length greater than or equal to {}]",
                      item.max, item.min));
      return {};
    }
    return List(item, value, &inner);
  }

  static std::size_t Characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  }

  void String(const Shape& shape, const Json& json, const Place* place) {
    const std::string_view text = TextOf(json);
    if (shape.name == "TableArn" || shape.name == "TableName") return TableName(json, place);
    if (!shape.enum_values.empty() && std::find(shape.enum_values.begin(), shape.enum_values.end(),
                                                text) == shape.enum_values.end()) {
      Add(&json, place, fmt::format("Member must satisfy enum value set: [{}]", EnumSet(shape)));
    }
    if (shape.pattern == kNamePattern && !IsName(text)) AddPattern(json, place);
    if (shape.has_min || shape.has_max) Size(shape, json, Characters(text), place);
  }

  static constexpr std::string_view kNamePattern = "[a-zA-Z0-9_.-]+";
  static bool IsName(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '.' || c == '-';
    });
  }
  void AddPattern(const Json& json, const Place* place) {
    Add(&json, place,
        fmt::format("Member must satisfy regular expression pattern: {}", kNamePattern));
  }

  // A table's name, or its ARN. The model allows both in one member; the service tells them apart.
  void TableName(const Json& json, const Place* place) {
    const std::string_view text = TextOf(json);
    if (text.starts_with("arn:")) return;
    if (text.empty()) {
      return Add(&json, place, "Member must have length greater than or equal to 1");
    }
    if (!IsName(text)) AddPattern(json, place);
    if (text.size() < 3) Add(&json, place, "Member must have length greater than or equal to 3");
    if (text.size() > 255) Add(&json, place, "Member must have length less than or equal to 255");
  }

  void Size(const Shape& shape, const Json& json, std::size_t size, const Place* place) {
    const auto number = static_cast<double>(size);
    if (shape.has_min && number < shape.min) {
      Add(&json, place,
          fmt::format("Member must have length greater than or equal to {}", shape.min));
    }
    if (shape.has_max && number > shape.max) {
      Add(&json, place, fmt::format("Member must have length less than or equal to {}", shape.max));
    }
  }

  Verdict Number(const Shape& shape, const Json& json, const Place* place) {
    if (!json.IsNumber()) {
      const bool is_long = shape.type == Type::kLong;
      const bool whole = is_long || shape.type == Type::kInteger;
      return items::WrongJsonType(
          json, is_long ? Wanted::kLong : (whole ? Wanted::kInteger : Wanted::kDouble));
    }
    const double number = json.GetDouble();
    if (shape.has_min && number < shape.min) {
      Add(&json, place,
          fmt::format("Member must have value greater than or equal to {}", shape.min));
    }
    if (shape.has_max && number > shape.max) {
      Add(&json, place, fmt::format("Member must have value less than or equal to {}", shape.max));
    }
    return {};
  }

  std::vector<std::string> violations_;
};

}  // namespace

Verdict CheckMembers(const shapes::Shape& shape, const Json& body) {
  return Checker().Check(shape, body);
}

const Json* Find(const Json& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member) {
    if (TextOf(member->name) == name) {
      return member->value.IsNull() ? nullptr : &member->value;
    }
  }
  return nullptr;
}

std::string_view Text(const Json& object, std::string_view name, std::string_view fallback) {
  const Json* found = Find(object, name);
  return found != nullptr && found->IsString() ? TextOf(*found) : fallback;
}

std::int64_t Whole(const Json& object, std::string_view name, std::int64_t fallback) {
  const Json* found = Find(object, name);
  if (found == nullptr || !found->IsNumber()) return fallback;
  if (found->IsInt64()) return found->GetInt64();
  return static_cast<std::int64_t>(std::clamp(found->GetDouble(), -kMostWhole, kMostWhole));
}

Flag FlagOf(const Json& object, std::string_view name, Flag fallback) {
  const Json* found = Find(object, name);
  if (found == nullptr || !found->IsBool()) return fallback;
  return found->GetBool() ? Flag::kOn : Flag::kOff;
}

}  // namespace leeward::lab::tables

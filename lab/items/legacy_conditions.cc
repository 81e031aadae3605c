#include "lab/items/legacy_conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "lab/items/json.h"

namespace leeward::lab::items {
namespace {

using Json = rapidjson::Value;

constexpr std::array<std::string_view, 13> kOperators = {
    "EQ",   "NE",       "LE",           "LT",          "GE", "GT",     "NOT_NULL",
    "NULL", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH", "IN", "BETWEEN"};

std::string_view Name(LegacyOperator op) { return kOperators[static_cast<std::size_t>(op)]; }

// One entry as it came.
struct Raw {
  std::string name;
  std::optional<LegacyOperator> op;
  std::optional<bool> exists;
  std::optional<Attribute> value;
  std::optional<std::vector<Attribute>> list;
};

Outcome<LegacyOperator> ReadOperator(const Json& json) {
  if (!json.IsString()) return WrongJsonType(json, Wanted::kString);
  const auto place = std::find(kOperators.begin(), kOperators.end(), TextOf(json));
  if (place != kOperators.end()) return static_cast<LegacyOperator>(place - kOperators.begin());
  return ValidationError(fmt::format(
      "1 validation error detected: Value '{}' at 'comparisonOperator' failed to satisfy "
      "constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, "
      "NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]",
      TextOf(json)));
}

Outcome<std::vector<Attribute>> ReadList(const Json& json) {
  if (!json.IsArray()) return WrongJsonType(json, Wanted::kList);
  std::vector<Attribute> values;
  for (const Json& value : json.GetArray()) {
    ASSIGN_OR_RETURN(Attribute read, AttributeFromJson(value));
    values.push_back(std::move(read));
  }
  return values;
}

Outcome<Raw> ReadEntry(std::string_view name, const Json& json, std::string_view java_type) {
  if (!json.IsObject()) return WrongJsonType(json, Wanted::kStructure, java_type);
  Raw raw;
  raw.name = name;
  if (const Json* op = MemberOf(json, "ComparisonOperator")) {
    ASSIGN_OR_RETURN(raw.op, ReadOperator(*op));
  }
  if (const Json* exists = MemberOf(json, "Exists")) {
    if (!exists->IsBool()) return WrongJsonType(*exists, Wanted::kBoolean);
    raw.exists = exists->GetBool();
  }
  if (const Json* value = MemberOf(json, "Value")) {
    ASSIGN_OR_RETURN(raw.value, AttributeFromJson(*value));
  }
  if (const Json* list = MemberOf(json, "AttributeValueList")) {
    ASSIGN_OR_RETURN(raw.list, ReadList(*list));
  }
  return raw;
}

Outcome<std::vector<Raw>> ReadEntries(const Json& json, std::string_view class_name) {
  const std::string java_type = fmt::format("com.amazonaws.dynamodb.v20120810.{}", class_name);
  if (!json.IsObject()) {
    return WrongJsonType(json, Wanted::kMap,
                         fmt::format("java.util.Map<java.lang.String, {}>", java_type));
  }
  std::vector<Raw> entries;
  for (const auto& member : json.GetObject()) {
    ASSIGN_OR_RETURN(Raw raw, ReadEntry(TextOf(member.name), member.value, "class " + java_type));
    entries.push_back(std::move(raw));
  }
  return entries;
}

bool CountFits(LegacyOperator op, std::size_t count) {
  switch (op) {
    case LegacyOperator::kNull:
    case LegacyOperator::kNotNull:
      return count == 0;
    case LegacyOperator::kBetween:
      return count == 2;
    case LegacyOperator::kIn:
      return count > 0;
    default:
      return count == 1;
  }
}

bool TypeFits(LegacyOperator op, Type type) {
  switch (op) {
    case LegacyOperator::kBeginsWith:
      return type == Type::kS || type == Type::kB;
    case LegacyOperator::kContains:
    case LegacyOperator::kNotContains:
      return !IsSet(type) && type != Type::kL && type != Type::kM;
    case LegacyOperator::kLe:
    case LegacyOperator::kLt:
    case LegacyOperator::kGe:
    case LegacyOperator::kGt:
    case LegacyOperator::kIn:
    case LegacyOperator::kBetween:
      return type <= Type::kB;
    default:
      return true;
  }
}

Verdict CheckOperator(const LegacyCondition& condition) {
  const auto& values = condition.values;
  if (!CountFits(condition.op, values.size())) {
    return InvalidParameter(fmt::format(
        "Invalid number of argument(s) for the {} ComparisonOperator", Name(condition.op)));
  }
  for (const Attribute& value : values) {
    if (value.type() != values[0].type()) {
      return InvalidParameter("AttributeValues inside AttributeValueList must be of same type");
    }
  }
  for (const Attribute& value : values) {
    if (TypeFits(condition.op, value.type())) continue;
    return InvalidParameter(
        fmt::format("ComparisonOperator {} is not valid for {} AttributeValue type",
                    Name(condition.op), items::Name(value.type())));
  }
  if (condition.op == LegacyOperator::kBetween && Compare(values[0], values[1]) > 0) {
    return ValidationError(
        "The BETWEEN condition was provided a range where the lower bound is greater than the "
        "upper bound");
  }
  return {};
}

ApiError Refused(const Raw& raw, std::string_view what) {
  return InvalidParameter(fmt::format("{} for Attribute: {}", what, raw.name));
}

// Which of the members an entry of Expected may have together.
Verdict CheckMembers(const Raw& raw) {
  if (raw.value && raw.list) {
    return Refused(raw, "Value and AttributeValueList cannot be used together");
  }
  if (!raw.op) {
    if (raw.list)
      return Refused(raw, "AttributeValueList can only be used with a ComparisonOperator");
    if (raw.exists == false && raw.value) {
      return Refused(raw, "Value cannot be used when Exists is false");
    }
    if (raw.exists != false && !raw.value) {
      return Refused(raw, raw.exists ? "Value must be provided when Exists is true"
                                     : "Value must be provided when Exists is null");
    }
    return {};
  }
  if (raw.exists) return Refused(raw, "Exists and ComparisonOperator cannot be used together");
  const bool alone = *raw.op == LegacyOperator::kNull || *raw.op == LegacyOperator::kNotNull;
  if (!alone && !raw.value && !raw.list) {
    return Refused(raw, fmt::format("Value or AttributeValueList must be used with "
                                    "ComparisonOperator: {}",
                                    Name(*raw.op)));
  }
  return {};
}

LegacyCondition ConditionOf(Raw raw) {
  LegacyCondition condition;
  condition.name = std::move(raw.name);
  condition.op = raw.op.value_or(raw.exists == false ? LegacyOperator::kNull : LegacyOperator::kEq);
  if (raw.list) condition.values = std::move(*raw.list);
  if (raw.value) condition.values.push_back(std::move(*raw.value));
  return condition;
}

}  // namespace

const Json* MemberOf(const Json& json, std::string_view name) {
  const Json key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto member = json.FindMember(key);
  return member == json.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

Outcome<std::vector<LegacyCondition>> ReadExpected(const Json& expected) {
  ASSIGN_OR_RETURN(auto entries, ReadEntries(expected, "ExpectedAttributeValue"));
  std::vector<LegacyCondition> conditions;
  for (Raw& raw : entries) {
    RETURN_IF_ERROR(CheckMembers(raw));
    conditions.push_back(ConditionOf(std::move(raw)));
    RETURN_IF_ERROR(CheckOperator(conditions.back()));
  }
  return conditions;
}

Outcome<std::vector<LegacyCondition>> ReadFilter(const Json& filter) {
  ASSIGN_OR_RETURN(auto entries, ReadEntries(filter, "Condition"));
  std::vector<LegacyCondition> conditions;
  for (Raw& raw : entries) {
    if (!raw.op) {
      return ValidationError(
          "1 validation error detected: Value null at 'comparisonOperator' failed to satisfy "
          "constraint: Member must not be null");
    }
    raw.exists.reset();  // no members of a Condition
    raw.value.reset();
    conditions.push_back(ConditionOf(std::move(raw)));
    RETURN_IF_ERROR(CheckOperator(conditions.back()));
  }
  return conditions;
}

}  // namespace leeward::lab::items

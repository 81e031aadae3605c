// The conditions of Expected, QueryFilter, ScanFilter and KeyConditions: read and checked.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/outcome.h"

namespace leeward::lab::items {

enum class LegacyOperator {
  kEq,
  kNe,
  kLe,
  kLt,
  kGe,
  kGt,
  kNotNull,
  kNull,
  kContains,
  kNotContains,
  kBeginsWith,
  kIn,
  kBetween,
};

struct LegacyCondition {
  std::string name;
  LegacyOperator op = LegacyOperator::kEq;
  std::vector<Attribute> values;  // as many as the operator takes
};

// With the errors that legacy.h tells of.
Outcome<std::vector<LegacyCondition>> ReadExpected(const rapidjson::Value& expected);
Outcome<std::vector<LegacyCondition>> ReadFilter(const rapidjson::Value& filter);

// The member of an object, nullptr when it is missing or null.
const rapidjson::Value* MemberOf(const rapidjson::Value& json, std::string_view name);

}  // namespace leeward::lab::items

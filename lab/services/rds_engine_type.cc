#include "lab/services/rds_engine_type.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "lab/services/rds_mariadb.h"
#include "lab/services/rds_postgres.h"

namespace leeward::lab::rds {
namespace {

constexpr std::size_t kLongestNumber = 9;

bool IsOneOf(std::span<const std::string_view> words, std::string_view text) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool IsNumber(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty() && digits.size() <= kLongestNumber &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::span<const EngineType* const> EngineTypes() {
  static const std::array kTypes = {&PostgresType(), &MariaDbType(), &MySqlType()};
  return kTypes;
}

const EngineType* FindEngineType(std::string_view name) {
  for (const EngineType* type : EngineTypes()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

const EngineType* FindFamily(std::string_view family) {
  for (const EngineType* type : EngineTypes()) {
    if (type->family == family) return type;
  }
  return nullptr;
}

const EngineType& TypeOf(const shapes::Value& settings) {
  const EngineType* type = FindEngineType(settings.String("Engine"));
  CHECK_MSG(type != nullptr, "an instance of an engine that is not served");
  return *type;
}

bool MatchesVersion(const EngineType& type, std::string_view asked) {
  return asked == type.major || asked == type.version();
}

const ParameterRow* FindParameter(const EngineType& type, std::string_view name) {
  for (const ParameterRow& row : type.parameters) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

bool IsGoodValue(const ParameterRow& row, std::string_view value) {
  static constexpr std::array<std::string_view, 6> kBooleans = {"0",   "1",    "on",
                                                                "off", "true", "false"};
  switch (row.kind) {
    case ParameterKind::kBoolean:
      return IsOneOf(kBooleans, value);
    case ParameterKind::kInteger:
      return IsNumber(value);
    case ParameterKind::kWords:
      return IsOneOf(row.words, value);
  }
  CHECK_NEVER("ParameterKind outside its enum");
}

std::string_view DataTypeOf(const ParameterRow& row) {
  switch (row.kind) {
    case ParameterKind::kBoolean:
      return "boolean";
    case ParameterKind::kInteger:
      return "integer";
    case ParameterKind::kWords:
      return "string";
  }
  CHECK_NEVER("ParameterKind outside its enum");
}

}  // namespace leeward::lab::rds

// Placeholders: ExpressionAttributeNames and ExpressionAttributeValues of one request, and which
// were used.
//
// A request with expressions is checked in this order:
//   1. CheckNoMix (legacy.h): expression and non-expression parameters together
//   2. Placeholders::FromJson
//   3. each expression's Parse: Update, Condition, Filter, KeyCondition, Projection
//   4. CheckAllUsed
//   5. what needs the table
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/json.h"
#include "lab/items/outcome.h"

namespace leeward::lab::items {

class Placeholders {
 public:
  Placeholders() = default;  // none

  // From the JSON of the two parameters; nullptr (or JSON null) when they are not there. `present`
  // is about any expression of the request: a ProjectionExpression may use names. `absent` says
  // which expressions that may hold values the request has none of, as DynamoDB words it:
  // "ConditionExpression is null", "UpdateExpression and ConditionExpression are null"; empty when
  // there is one. ValidationExceptions, for names and then for values:
  //   "ExpressionAttributeNames can only be specified when using expressions"; for values with ": "
  //       and `absent` behind
  //   "ExpressionAttributeNames must not be empty"
  //   "ExpressionAttributeNames contains invalid key: Syntax error; key: "a""
  //   "ExpressionAttributeValues contains invalid value: <what json.h says> for key :a"
  enum class Expressions { kNone, kSome };
  static Outcome<Placeholders> FromJson(const rapidjson::Value* names,
                                        const rapidjson::Value* values, Expressions present,
                                        std::string_view absent);

  // For callers that have them as values. Keys with their '#' and ':'.
  Placeholders(std::vector<std::pair<std::string, std::string>> names, Item values);

  // What stands for "#a" or ":a", nullptr when nothing does; marks it used.
  const std::string* UseName(std::string_view key);
  const Attribute* UseValue(std::string_view key);

  // "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}", then the
  // same for Values.
  Verdict CheckAllUsed() const;

  // Keeps the values alive for what was parsed.
  const std::shared_ptr<const Item>& values() const { return values_; }

 private:
  struct NamePair {
    std::string key;
    std::string name;
    bool used = false;
  };
  std::vector<NamePair> names_;  // sorted by key
  std::shared_ptr<const Item> values_;
  std::vector<bool> used_values_;
};

}  // namespace leeward::lab::items

// KeyCondition: which partition a Query reads, and which range of its sort keys.
//
// Two steps, as DynamoDB has them: the text alone (before the table is looked up), then the text
// against the key schema of the table or index.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/key.h"
#include "lab/items/outcome.h"
#include "lab/items/placeholders.h"

namespace leeward::lab::items {

enum class KeyOperator {
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,
  kBeginsWith
};

struct SortCondition {
  KeyOperator op = KeyOperator::kEqual;
  Attribute value;
  Attribute high;  // kBetween: `value` to `high`, both included

  bool Holds(const Attribute& sort_key) const;
};

struct KeyCondition {
  Attribute hash;
  std::optional<SortCondition> range;

  // The bytes of the keys (key.h) that it takes: from `begin`, up to but without `end`. `prefix`
  // stands before the key's bytes. An empty `end` is no bound. begin >= end when nothing can be
  // there.
  struct Bytes {
    std::string begin;
    std::string end;
  };
  Bytes Range(std::string_view prefix) const;
};

// KeyConditionExpression or KeyConditions, read but not yet held against a key schema.
class KeyConditionForm {
 public:
  // "Invalid KeyConditionExpression: ..." as in condition.h, and: OR, NOT, IN, <>, other functions
  // and nested paths "Invalid operator used in KeyConditionExpression: OR", ...; a name twice
  // "KeyConditionExpressions must only contain one condition per key"; a condition without a path
  // or without a value.
  static Outcome<KeyConditionForm> Parse(std::string_view text, Placeholders& placeholders);

  struct Term {
    std::string name;
    KeyOperator op = KeyOperator::kEqual;
    Attribute value;
    Attribute high;
  };
  enum class Origin { kExpression, kLegacy };
  KeyConditionForm(std::vector<Term> terms, Origin origin);

  // Against the schema. ValidationExceptions, in order: "Conditions can be of length 1 or 2 only",
  // "Query condition missed key schema element: pk", "Query key condition not supported" (a hash
  // key not by =, or a second condition not on the range key), types "One or more parameter values
  // were invalid: Condition parameter type does not match schema type", empty key values "One or
  // more parameter values are not valid. The AttributeValue for a key attribute cannot contain an
  // empty string value. Key: pk", BETWEEN with its bounds in the wrong order "The BETWEEN condition
  // was provided a range where the lower bound is greater than the upper bound".
  Outcome<KeyCondition> For(const KeySchema& schema) const;

  const std::vector<Term>& terms() const { return terms_; }

 private:
  std::vector<Term> terms_;
  Origin origin_ = Origin::kExpression;
};

}  // namespace leeward::lab::items

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
  // "Invalid KeyConditionExpression: ..." as in condition.h. Then, from the left: "Invalid operator
  // used in KeyConditionExpression: OR" (also NOT, IN, <> and all functions but begins_with),
  // "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
  // "... No key attribute specified", "... BETWEEN operator must have the key attribute as its
  // first operand", "KeyConditionExpressions cannot have conditions on nested attributes". Last:
  // "KeyConditionExpressions must only contain one condition per key".
  static Outcome<KeyConditionForm> Parse(std::string_view text, Placeholders& placeholders);

  struct Term {
    std::string name;
    KeyOperator op = KeyOperator::kEqual;
    Attribute value;
    Attribute high;
  };
  explicit KeyConditionForm(std::vector<Term> terms);

  // Against the schema. ValidationExceptions, in order: more than two conditions "Conditions can be
  // of length 1 or 2 only"; "Query condition missed key schema element: pk" for the hash key; a
  // second condition where there is no range key "Query key condition not supported", or not on it
  // "Query condition missed key schema element: sk"; types "One or more parameter values were
  // invalid: Condition parameter type does not match schema type"; a hash key not by = "Query key
  // condition not supported"; empty key values (CheckKeyNotEmpty); of KeyConditions: "The BETWEEN
  // condition was provided a range where the lower bound is greater than the upper bound".
  Outcome<KeyCondition> For(const KeySchema& schema) const;

  const std::vector<Term>& terms() const { return terms_; }

 private:
  std::vector<Term> terms_;
};

}  // namespace leeward::lab::items

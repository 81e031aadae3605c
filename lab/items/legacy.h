// The parameters that expressions replaced: Expected, ConditionalOperator, AttributeUpdates,
// KeyConditions, QueryFilter, ScanFilter, AttributesToGet. Each becomes what its expression would,
// with its own messages.
//
// All take the parameter's JSON. What does not fit the model is refused with a
// SerializationException.
#pragma once

#include <rapidjson/document.h>

#include <string_view>
#include <vector>

#include "lab/items/condition.h"
#include "lab/items/key_condition.h"
#include "lab/items/outcome.h"
#include "lab/items/projection.h"
#include "lab/items/update.h"

namespace leeward::lab::items {

// "Can not use both expression and non-expression parameters in the same request: Non-expression
// parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}", when both lists
// have something. They name the parameters that the request has, and are written in their order.
Verdict CheckNoMix(const std::vector<std::string_view>& legacy,
                   const std::vector<std::string_view>& expressions);

// Expected. `conditional_operator` is "AND", "OR" or empty, which is AND. First the values, in the
// order of the text; then per attribute, all behind "One or more parameter values were invalid: ":
//   "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"
//   "Exists and ComparisonOperator cannot be used together for Attribute: a"
//   "Value and AttributeValueList cannot be used together for Attribute: a"
//   "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a"
//   "Value cannot be used when Exists is false for Attribute: a"
//   "Value must be provided when Exists is true for Attribute: a" ("null" when it is not there)
// and what ConditionFromFilter says of the operator.
Outcome<Condition> ConditionFromExpected(const rapidjson::Value& expected,
                                         std::string_view conditional_operator);

// QueryFilter or ScanFilter. Per attribute, behind "One or more parameter values were invalid: ":
//   "Invalid number of argument(s) for the EQ ComparisonOperator"
//   "AttributeValues inside AttributeValueList must be of same type" (IN, BETWEEN)
//   "ComparisonOperator LT is not valid for SS AttributeValue type"
// and without: "The BETWEEN condition was provided a range where the lower bound is greater than
// the upper bound".
Outcome<Condition> ConditionFromFilter(const rapidjson::Value& filter,
                                       std::string_view conditional_operator);

// "ConditionalOperator cannot be used without Filter or Expected" (elements is 0),
// "ConditionalOperator can only be used when Filter or Expected has two or more elements" (1).
// `elements` is the number of members of the filter or of Expected.
Verdict CheckConditionalOperator(std::string_view conditional_operator, std::size_t elements);

// AttributeUpdates. Per attribute: Action (PUT when it is missing) and Value: "One or more
// parameter values were invalid: Only DELETE action is allowed when no attribute value is
// specified", "... ADD action is not supported for the type S", "... DELETE action with value is
// not supported for the type N".
Outcome<Update> UpdateFromAttributeUpdates(const rapidjson::Value& updates);

// KeyConditions. As a filter; then "Attempted conditional constraint is not an indexable operation"
// for operators that no Query takes.
Outcome<KeyConditionForm> KeyConditionsFromJson(const rapidjson::Value& conditions);

// AttributesToGet: top-level names. "One or more parameter values were invalid: Duplicate value in
// attribute name: a".
Outcome<Projection> ProjectionFromAttributesToGet(const rapidjson::Value& names);

}  // namespace leeward::lab::items

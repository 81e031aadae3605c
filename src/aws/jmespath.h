// The part of JMESPath that waiters and paginators of the models use: fields, [], [*], [n],
// [?filter], |, ||,
// &&, !, comparisons, literals and length().
#pragma once

#include <string_view>

#include "base/result.h"
#include "shapes/value.h"

namespace leeward::aws {

// What the expression selects; an absent Value for nothing. kInvalid for an expression outside this
// subset.
base::Result<shapes::Value> SearchPath(std::string_view expression, const shapes::Value& root);

}  // namespace leeward::aws

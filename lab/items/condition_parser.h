// Parses ConditionExpression, FilterExpression and KeyConditionExpression.
#pragma once

#include <string_view>

#include "lab/items/parser.h"
#include "lab/items/tree.h"

namespace leeward::lab::items {

Outcome<tree::Node> ParseCondition(std::string_view parameter, std::string_view text,
                                   Placeholders& placeholders);

}  // namespace leeward::lab::items

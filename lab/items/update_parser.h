// Parses UpdateExpression.
#pragma once

#include <string_view>
#include <vector>

#include "lab/items/parser.h"
#include "lab/items/update.h"

namespace leeward::lab::items {

Outcome<std::vector<Update::Action>> ParseUpdate(std::string_view text, Placeholders& placeholders);

}  // namespace leeward::lab::items

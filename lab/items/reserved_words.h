// The words that cannot be attribute names in expressions, unless behind a #name: Amazon's list of
// 573.
#pragma once

#include <string_view>

namespace leeward::lab::items {

// In any case: "Status", "STATUS".
bool IsReservedWord(std::string_view word);

}  // namespace leeward::lab::items

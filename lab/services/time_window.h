// Times of day as RDS and ElastiCache take them in requests: "04:30", and "04:30-05:30" in UTC.
#pragma once

#include <optional>
#include <string_view>

namespace leeward::lab {

// Minutes since midnight of "hh:mm"; nothing for any other text.
std::optional<int> MinuteOfDay(std::string_view text);
// How many minutes "hh:mm-hh:mm" lasts, over midnight too; nothing for any other text.
std::optional<int> WindowMinutes(std::string_view window);

}  // namespace leeward::lab

// The bound of a time that is taken from outside: a clock that is right never reaches it, and sums
// beside it do not overflow.
#pragma once

#include <chrono>

namespace leeward::base {

// The start of the year 2250, since 1970. The nanoseconds of a WallTime reach into 2262.
inline constexpr std::chrono::seconds kLastMoment{8'835'955'200};

}  // namespace leeward::base

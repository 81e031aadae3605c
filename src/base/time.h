// Time as an argument. Durations are std::chrono nanoseconds; points on the wall clock and on the
// monotonic clock are different types, so that one cannot be compared with the other by accident.
// Only the room `os` asks the system for either.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::base {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: literals are the point

namespace internal {
template <typename Clock>
struct Point {
  Duration since_epoch{0};

  friend auto operator<=>(const Point&, const Point&) = default;
  friend Point operator+(Point p, Duration d) { return {p.since_epoch + d}; }
  friend Point operator-(Point p, Duration d) { return {p.since_epoch - d}; }
  friend Duration operator-(Point a, Point b) { return a.since_epoch - b.since_epoch; }
};
}  // namespace internal

// Nanoseconds since 1970-01-01T00:00:00Z on the machine's wall clock; may jump.
using WallTime = internal::Point<struct WallClock>;
// Nanoseconds since an arbitrary start in this boot; never goes back. Not comparable between
// machines.
using MonotonicTime = internal::Point<struct MonotonicClock>;

inline double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline std::int64_t Millis(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// "2026-11-23T08:20:53.123Z": UTC, milliseconds.
std::string FormatIso8601(WallTime time);
// "20261123T082053Z": the form of SigV4's x-amz-date.
std::string FormatAmzDate(WallTime time);
// "Mon, 23 Nov 2026 08:20:53 GMT" (RFC 9110 IMF-fixdate).
std::string FormatHttpDate(WallTime time);
// Accepts "2026-11-23T08:20:53[.fraction](Z|+hh:mm|-hh:mm)". kInvalid otherwise.
Result<WallTime> ParseIso8601(std::string_view text);
// Accepts the x-amz-date form. kInvalid otherwise.
Result<WallTime> ParseAmzDate(std::string_view text);
// Accepts the IMF-fixdate form. kInvalid otherwise.
Result<WallTime> ParseHttpDate(std::string_view text);

// "500ms", "5s", "15m", "2h", "1d"; also sums such as "1m30s". A bare number is refused: the unit
// is what people get wrong. kInvalid with what to write instead.
Result<Duration> ParseDuration(std::string_view text);
// The shortest exact text ParseDuration reads back: "1.5s" is never printed, "1500ms" is.
std::string FormatDuration(Duration duration);
// For people, three significant figures: "1.53 s", "48 ms", "2 min 5 s".
std::string HumanDuration(Duration duration);

}  // namespace leeward::base

#include "forecast/spread.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace leeward::forecast {
namespace {

constexpr double kLow = 0.05, kMiddle = 0.5, kHigh = 0.95;

// The smallest round number that is not below.
Duration RoundUp(Duration least) {
  for (std::int64_t power = 1;; power *= 10) {
    for (const std::int64_t digit : {1, 2, 5}) {
      if (Duration(digit * power) >= least) return Duration(digit * power);
    }
  }
}

}  // namespace

Duration Quantile(const std::vector<Duration>& sorted, double share) {
  CHECK(!sorted.empty() && share >= 0 && share <= 1);
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const auto gap = static_cast<double>((sorted[above] - sorted[below]).count());
  return sorted[below] + Duration(std::llround(gap * (place - std::floor(place))));
}

Spread SpreadOf(std::vector<Duration> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {Quantile(values, kLow), Quantile(values, kMiddle), Quantile(values, kHigh),
          values.back()};
}

Histogram HistogramOf(const std::vector<Duration>& values, int most_bins) {
  Histogram histogram;
  if (values.empty()) return histogram;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  // One bin is kept for a first one that begins below the least value.
  histogram.width = RoundUp(std::max((*most - *least) / std::max(1, most_bins - 1), Duration(1)));
  histogram.from = *least / histogram.width * histogram.width;
  histogram.counts.resize(static_cast<std::size_t>((*most - histogram.from) / histogram.width + 1));
  for (const Duration value : values) {
    ++histogram.counts[static_cast<std::size_t>((value - histogram.from) / histogram.width)];
  }
  return histogram;
}

}  // namespace leeward::forecast

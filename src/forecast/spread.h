// Spread: many values to the few that are shown.
#pragma once

#include <vector>

#include "base/time.h"

namespace leeward::forecast {

using base::Duration;

// Of sorted values, at least one; between two of them on the straight line. 0 <= share <= 1.
Duration Quantile(const std::vector<Duration>& sorted, double share);

struct Spread {
  Duration p5{}, p50{}, p95{}, max{};
};
// All zero for none.
Spread SpreadOf(std::vector<Duration> values);

// How many values fall into each of equal bins from `from`.
struct Histogram {
  Duration from{}, width{};
  std::vector<int> counts;
};
// At most `most_bins` whose width is a round number (1, 2 or 5 times a power of ten).
Histogram HistogramOf(const std::vector<Duration>& values, int most_bins);

}  // namespace leeward::forecast

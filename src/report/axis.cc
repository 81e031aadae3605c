#include "report/axis.h"

#include <fmt/format.h>

#include <cmath>

namespace leeward::report {

std::vector<double> Ticks(double low, double high, int wanted) {
  constexpr std::size_t kMost = 100;
  if (!(high > low) || wanted < 1) return {low};
  const double raw = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= raw) {
      step = power * factor;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step);
  while (ticks.size() <= kMost) {
    const double value = (first + static_cast<double>(ticks.size())) * step;
    if (value > high + step * 1e-9) break;
    ticks.push_back(std::abs(value) < step * 1e-6 ? 0 : value);  // -0 reads badly
  }
  return ticks;
}

std::string TickText(double value) { return fmt::format("{:g}", std::round(value * 1e6) / 1e6); }

}  // namespace leeward::report

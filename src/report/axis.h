// Axes: from values to places on a drawing, with round numbers as ticks.
#pragma once

#include <string>
#include <vector>

namespace leeward::report {

struct Axis {
  double low = 0, high = 1;   // values
  double start = 0, end = 1;  // where they are drawn

  double At(double value) const {
    return high > low ? start + (value - low) / (high - low) * (end - start) : start;
  }
};

// Round values from low to high, about `wanted` of them: steps of 1, 2 or 5 times a power of ten.
std::vector<double> Ticks(double low, double high, int wanted);
// "0.5", "20", "1500"
std::string TickText(double value);

}  // namespace leeward::report

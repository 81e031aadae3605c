#include "model/recovery_line.h"

#include <algorithm>
#include <utility>

namespace leeward::model {

RecoveryLine LineOf(std::vector<RecoveryPoint> points) {
  RecoveryLine line;
  line.points = std::move(points);
  // Of std::optional the one without a value is the least.
  const auto least =
      std::min_element(line.points.begin(), line.points.end(),
                       [](const RecoveryPoint& a, const RecoveryPoint& b) { return a.at < b.at; });
  if (least == line.points.end()) return line;
  line.at = least->at;
  line.store = least->store;
  return line;
}

}  // namespace leeward::model

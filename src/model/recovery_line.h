// The recovery line: stores stop at different instants, and up to the earliest of them all have
// everything. What was written behind it may name what never arrived.
#pragma once

#include <optional>
#include <vector>

#include "base/time.h"
#include "model/ids.h"

namespace leeward::model {

// Up to which instant a store has every write; absent: not known.
struct RecoveryPoint {
  ComponentName store;
  std::optional<base::WallTime> at;
};

struct RecoveryLine {
  std::vector<RecoveryPoint> points;
  std::optional<base::WallTime> at;  // the earliest; absent: one of them, or all, is not known
  ComponentName store;               // whose point it is, or the first that is not known
};

// One point that is not known may be the earliest, so that the line is not known either.
RecoveryLine LineOf(std::vector<RecoveryPoint> points);

}  // namespace leeward::model

// Task: one step that a mover has under way. Of its own files alone.
#pragma once

#include "sim/mover.h"

namespace leeward::sim {

struct Mover::Task {
  const model::Step* step = nullptr;
  Place where = Place::kHome;
  base::MonotonicTime deadline;
  Work work;
  int serial = 0;
  bool over = false;
  bool begun = false;  // of what goes on by itself
};

}  // namespace leeward::sim

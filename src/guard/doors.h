// Doors: all doors of a Region as one. It is open when all are, and closed when all are.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "guard/door.h"

namespace leeward::guard {

class Doors : public Door {
 public:
  void Add(std::unique_ptr<Door> door) { doors_.push_back(std::move(door)); }

  base::Status Open(base::MonotonicTime until, const Cancelled& cancelled) override {
    for (const auto& door : doors_) RETURN_IF_ERROR(door->Open(until, cancelled));
    return base::Ok();
  }
  base::Status Extend(base::MonotonicTime until, const Cancelled& cancelled) override {
    base::Status first;
    for (const auto& door : doors_) {
      base::Status extended = door->Extend(until, cancelled);
      if (!extended.ok() && first.ok()) first = std::move(extended);
    }
    return first;
  }
  base::Status Close(base::MonotonicTime deadline) override {
    base::Status first;
    for (const auto& door : doors_) {
      base::Status closed = door->Close(deadline);
      if (!closed.ok() && first.ok()) first = std::move(closed);
    }
    return first;
  }

 private:
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace leeward::guard

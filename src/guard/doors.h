// Doors: all doors of a Region as one. It is open when all are, and closed when all are.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
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
  // All at once: one that does not answer uses up its time, and must not keep the others open.
  base::Status Close(base::MonotonicTime deadline) override {
    std::vector<base::Status> closed(doors_.size());
    std::vector<std::thread> closing;
    for (std::size_t i = 1; i < doors_.size(); ++i)
      closing.emplace_back([&, i] { closed[i] = doors_[i]->Close(deadline); });
    if (!doors_.empty()) closed[0] = doors_[0]->Close(deadline);
    for (std::thread& each : closing) each.join();
    for (base::Status& each : closed) RETURN_IF_ERROR(std::move(each));
    return base::Ok();
  }

 private:
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace leeward::guard

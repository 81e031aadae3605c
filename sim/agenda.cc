#include "sim/agenda.h"

#include <algorithm>

#include "base/check.h"

namespace leeward::sim {

std::size_t Agenda::Enter(Duration when) {
  std::size_t slot = slots_.size();
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  CHECK(slot >> kSlotBits == 0);
  heap_.push_back({std::max(when, now_).count(), ++made_ << kSlotBits | slot});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
  return slot;
}

bool Agenda::Step(Duration until) {
  if (heap_.empty() || heap_.front().when > until.count()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  const Entry next = heap_.back();
  heap_.pop_back();
  const std::size_t slot = next.order & ((std::uint64_t{1} << kSlotBits) - 1);
  now_ = Duration(next.when);
  ++steps_;
  // It may make entries of its own: its slot is not free before it is over.
  slots_[slot].Happen();
  free_.push_back(slot);
  return true;
}

}  // namespace leeward::sim

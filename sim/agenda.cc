#include "sim/agenda.h"

#include <algorithm>

namespace leeward::sim {

std::size_t Agenda::Enter(Duration when) {
  std::size_t slot = slots_.size();
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  heap_.push_back({std::max(when, now_), ++made_, slot});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
  return slot;
}

bool Agenda::Step(Duration until) {
  if (heap_.empty() || heap_.front().when > until) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  const Entry next = heap_.back();
  heap_.pop_back();
  now_ = next.when;
  ++steps_;
  // It may make entries of its own: its slot is not free before it is over.
  slots_[next.slot].Happen();
  free_.push_back(next.slot);
  return true;
}

}  // namespace leeward::sim

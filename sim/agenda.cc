#include "sim/agenda.h"

#include <algorithm>
#include <utility>

namespace leeward::sim {

void Agenda::At(Duration when, std::function<void()> what) {
  std::size_t slot = slots_.size();
  if (free_.empty()) {
    slots_.push_back(std::move(what));
  } else {
    slot = free_.back();
    free_.pop_back();
    slots_[slot] = std::move(what);
  }
  heap_.push_back({std::max(when, now_), ++made_, slot});
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

bool Agenda::Step(Duration until) {
  if (heap_.empty() || heap_.front().when > until) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  const Entry next = heap_.back();
  heap_.pop_back();
  now_ = next.when;
  ++steps_;
  // It may make entries of its own, so it is out of the way before it happens.
  const std::function<void()> what = std::exchange(slots_[next.slot], nullptr);
  free_.push_back(next.slot);
  what();
  return true;
}

}  // namespace leeward::sim

#include "sim/agenda.h"

#include <algorithm>
#include <utility>

namespace leeward::sim {

void Agenda::At(Duration when, std::function<void()> what) {
  heap_.push_back({std::max(when, now_), ++made_, std::move(what)});
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

bool Agenda::Step(Duration until) {
  if (heap_.empty() || heap_.front().when > until) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  Entry next = std::move(heap_.back());
  heap_.pop_back();
  now_ = next.when;
  ++steps_;
  next.what();
  return true;
}

}  // namespace leeward::sim

// Agenda: virtual time. What will happen, in order; nothing passes but by the next entry.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sim/happening.h"

namespace leeward::sim {

using base::Duration;

class Agenda {
 public:
  // True time since the simulation began. No process of the simulation may look at it: they have
  // clocks of their own.
  Duration now() const { return now_; }
  // Entries of one instant happen in the order in which they were made.
  template <typename F>
  void At(Duration when, F what) {
    slots_[Enter(when)].Set(std::move(what));
  }
  template <typename F>
  void After(Duration delay, F what) {
    At(now_ + delay, std::move(what));
  }
  // Lets the next entry happen; false: there is none before `until`.
  bool Step(Duration until);
  std::uint64_t steps() const { return steps_; }

 private:
  static constexpr unsigned kSlotBits = 20;  // a million things under way at once
  struct Entry {
    std::int64_t when;    // nanoseconds
    std::uint64_t order;  // the entry's number, and in the last bits the slot of what happens
  };
  // Without a branch: which of two is the later one cannot be foretold.
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return static_cast<bool>(
          static_cast<int>(a.when > b.when) |
          (static_cast<int>(a.when == b.when) & static_cast<int>(a.order > b.order)));
    }
  };
  // The slot of a new entry.
  std::size_t Enter(Duration when);

  Duration now_{0};
  std::uint64_t made_ = 0, steps_ = 0;
  std::vector<Entry> heap_;
  std::deque<Happening> slots_;  // what happens stays where it is while more comes
  std::vector<std::size_t> free_;
};

}  // namespace leeward::sim

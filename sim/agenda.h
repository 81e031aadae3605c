// Agenda: virtual time. What will happen, in order; nothing passes but by the next entry.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.h"

namespace leeward::sim {

using base::Duration;

class Agenda {
 public:
  // True time since the simulation began. No process of the simulation may look at it: they have
  // clocks of their own.
  Duration now() const { return now_; }
  // Entries of one instant happen in the order in which they were made.
  void At(Duration when, std::function<void()> what);
  void After(Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }
  // Lets the next entry happen; false: there is none before `until`.
  bool Step(Duration until);
  std::uint64_t steps() const { return steps_; }

 private:
  struct Entry {
    Duration when;
    std::uint64_t number;
    std::size_t slot;  // of what happens
  };
  static bool Later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  Duration now_{0};
  std::uint64_t made_ = 0, steps_ = 0;
  std::vector<Entry> heap_;
  std::vector<std::function<void()>> slots_;
  std::vector<std::size_t> free_;
};

}  // namespace leeward::sim

// Inbox: a bounded queue from many threads to one, with a wait that a stop request ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/time.h"

namespace leeward::driver {

template <typename T>
class Inbox {
 public:
  explicit Inbox(std::size_t limit) : limit_(limit) {}

  // Past the limit the oldest item is dropped: what is newer says more.
  void Push(T item) {
    {
      std::lock_guard lock(mutex_);
      if (items_.size() >= limit_) items_.pop_front();
      items_.push_back(std::move(item));
    }
    arrived_.notify_one();
  }

  // Everything that is there, waiting for at most `patience` (absent: for ever) until something is,
  // or a stop is asked for.
  std::vector<T> Take(std::optional<base::Duration> patience, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !items_.empty(); };
    if (patience) {
      arrived_.wait_for(lock, stop, *patience, ready);
    } else {
      arrived_.wait(lock, stop, ready);
    }
    std::vector<T> taken(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.end()));
    items_.clear();
    return taken;
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<T> items_;
};

}  // namespace leeward::driver

#include "driver/workers.h"

#include <utility>

namespace leeward::driver {

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Start(std::function<void()> task) {
  bool grow = false;
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    grow = static_cast<int>(tasks_.size()) > idle_ && static_cast<int>(threads_.size()) < limit_;
  }
  if (grow) threads_.emplace_back([this] { Work(); });
  changed_.notify_one();
}

void Workers::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace leeward::driver

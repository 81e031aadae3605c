// Workers: a bounded number of threads that carry out steps.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace leeward::driver {

class Workers {
 public:
  // Threads are made as they are needed, at most `limit`.
  explicit Workers(int limit) : limit_(limit) {}
  // Waits for everything that was started.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Runs the task on a thread as soon as one is free. Not for several threads.
  void Start(std::function<void()> task);

 private:
  void Work();

  const int limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  int idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace leeward::driver

// A single-threaded event loop: timers, descriptors, signals, and work handed in from other
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"

namespace leeward::os {

class EventLoop {
 public:
  using TimerId = std::uint64_t;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs callbacks on the calling thread until Stop; not at all after a Stop since the last Run.
  void Run();
  // Ends Run after the callback at hand. From any thread.
  void Stop();
  // Runs `then` soon on the loop's thread. From any thread.
  void Post(std::function<void()> then);
  // Runs `then` after `delay`, unless cancelled before.
  TimerId After(base::Duration delay, std::function<void()> then);
  void Cancel(TimerId timer);
  // Runs `then` each time one of the signals arrives, in place of its default effect.
  void OnSignals(const std::vector<int>& signals, std::function<void(int)> then);

  struct Impl;
  const std::shared_ptr<Impl>& shared_impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;  // descriptors may outlive the loop
};

// An open descriptor in the loop; closed with this object, after which none of its callbacks runs.
class Descriptor {
 public:
  struct Impl;

  // Takes `descriptor` over and makes it non-blocking.
  Descriptor(EventLoop& loop, int descriptor);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const;
  // Once, when there is something to read (or the other side is gone), or room to write.
  void OnReadable(std::function<void()> then);
  void OnWritable(std::function<void()> then);

 private:
  std::shared_ptr<Impl> impl_;
};

// Threads for work that blocks; started as needed, joined by the destructor.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t max_threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Run(std::function<void()> work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace leeward::os

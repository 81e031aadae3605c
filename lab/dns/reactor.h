// Reactor: one thread that waits for sockets and timers, for the data planes (DNS, health probes,
// load balancers) which must not share the event thread of their process: a slow API call must not
// delay an answer.
//
// Everything but Post and the destructor is called on the reactor's own thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace leeward::lab {

class Reactor {
 public:
  using Task = std::function<void()>;
  using FdHandler = std::function<void(std::uint32_t epoll_events)>;
  using TimerId = std::uint64_t;  // 0 is none

  static base::Result<std::unique_ptr<Reactor>> Start();
  // Stops the thread and waits for it. Tasks not yet run are dropped.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // From any thread: runs `task` soon on the reactor's thread, in order.
  void Post(Task task);
  // Posts and waits until it has run. Not from the reactor's own thread.
  void Run(const Task& task);

  // One handler a descriptor; the caller keeps it open until Unwatch.
  void Watch(int fd, std::uint32_t epoll_events, FdHandler handler);
  void Modify(int fd, std::uint32_t epoll_events);
  void Unwatch(int fd);
  TimerId After(base::Duration delay, Task task);
  void Cancel(TimerId timer);

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace leeward::lab

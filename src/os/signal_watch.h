// Signals as events of a loop. For event_loop.cc.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "os/event_loop.h"

namespace leeward::os {

// While it lives, the signals do not have their default effect; `then` runs in the loop for each
// that arrives. Several may watch the same signal: all of them hear of it.
class SignalWatch {
 public:
  SignalWatch(EventLoop& loop, std::vector<int> signals, std::function<void(int)> then);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void Wait();
  void Read();

  std::vector<int> signals_;
  std::function<void(int)> then_;
  std::unique_ptr<Descriptor> reader_;
  int writer_ = -1;
  std::size_t slot_ = 0;
};

// Makes reads and writes of the descriptor return instead of wait.
void MakeNonBlocking(int descriptor);

}  // namespace leeward::os

// Messages between the lab's processes: one JSON value a line, over a stream socket.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "os/event_loop.h"
#include "os/socket.h"
#include "shapes/value.h"

namespace leeward::lab {

// In an event loop: receives and sends lines. Dropping it closes the socket.
class LineChannel {
 public:
  // `received` runs for each line; `closed` once, when the other side is gone or talks nonsense.
  LineChannel(os::EventLoop& loop, int socket, std::function<void(shapes::Value)> received,
              std::function<void()> closed);
  ~LineChannel();
  void Send(const shapes::Value& message);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

// Without an event loop: one question, one answer, within `limit`.
class LineCaller {
 public:
  static base::Result<std::unique_ptr<LineCaller>> Connect(const std::string& path,
                                                           base::Duration limit);
  explicit LineCaller(int socket) : socket_(socket) {}
  ~LineCaller();
  LineCaller(const LineCaller&) = delete;
  LineCaller& operator=(const LineCaller&) = delete;
  base::Result<shapes::Value> Ask(const shapes::Value& message, base::Duration limit);
  base::Result<shapes::Value> Receive(base::Duration limit);

 private:
  int socket_;
  std::string input_;
};

}  // namespace leeward::lab

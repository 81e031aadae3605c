// The network process: the carrier, told what to do over a Unix socket.
//
// Each line is one request, {"op": ..., ...}; each is answered by one line, {"ok": true, ...} or
// {"error": "..."}.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "lab/network/carrier.h"
#include "lab/network/line_channel.h"
#include "os/event_loop.h"

namespace leeward::lab {

class NetworkServer {
 public:
  static base::Result<std::unique_ptr<NetworkServer>> Start(os::EventLoop& loop, Carrier& carrier,
                                                            const std::string& path);
  NetworkServer(os::EventLoop& loop, Carrier& carrier, int listening);

  // One request, answered.
  shapes::Value Handle(std::string* party, const shapes::Value& request);

 private:
  struct Client {
    std::string party;  // set by "hello"
    std::unique_ptr<LineChannel> channel;
  };
  void Accept();
  base::Status Apply(std::string* party, const shapes::Value& request, shapes::Value* answer);
  base::Status ApplyFault(std::string_view op, const shapes::Value& request);

  os::EventLoop& loop_;
  Carrier& carrier_;
  os::Descriptor listening_;
  std::map<int, Client> clients_;
  int next_client_ = 1;
};

}  // namespace leeward::lab

// HTTP exchanges over connections that are kept: for one who asks the same few servers again and
// again, such as a gateway.
#pragma once

#include <memory>
#include <string_view>

#include "os/http_call.h"

namespace leeward::os {

struct HttpPoolOptions {
  std::size_t max_idle = 64;                               // connections kept for one server
  base::Duration max_idle_time{std::chrono::seconds(30)};  // less than servers keep them
};

// What is sent; views that need not outlive Start.
struct HttpForward {
  std::string_view method;
  std::string_view target;  // path and query as they shall be sent
  const ports::Headers&
      headers;  // without those of the connection and of the body's length, which the pool writes
  std::string_view body;
};

// A connection that the server closes while it is idle is dropped; one that breaks under a request
// is that request's failure, as it is not known what the server has done with it.
class HttpPool {
 public:
  explicit HttpPool(EventLoop& loop, HttpPoolOptions options = {});
  ~HttpPool();
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // As HttpCall::Start. A call that is dropped takes its connection along.
  std::unique_ptr<HttpCall> Start(const HttpCallOptions& options, const HttpForward& request,
                                  HttpCall::Done done);
  std::size_t idle() const;  // connections that are kept just now
  // Drops those kept for where these options lead: whoever is behind them is not who was sought.
  void Forget(const HttpCallOptions& options);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace leeward::os

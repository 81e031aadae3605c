// One HTTP exchange in an event loop, to a literal address or a Unix socket; no thread, no TLS, no
// redirects.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "os/event_loop.h"
#include "os/socket.h"
#include "ports/http.h"

namespace leeward::os {

struct HttpCallOptions {
  Address to;
  std::string source;                                 // local address to connect from
  base::Duration deadline{std::chrono::seconds(60)};  // to the last byte of the answer
  std::size_t max_body = 64 << 20;
};

// Dropping it gives the exchange up: `done` does not run then.
class HttpCall {
 public:
  using Done = std::function<void(base::Result<ports::HttpResponse>)>;

  // `request.url` is the target: path and query as they shall be sent. `done` runs once, on the
  // loop's thread, never inside Start.
  static std::unique_ptr<HttpCall> Start(EventLoop& loop, const HttpCallOptions& options,
                                         const ports::HttpRequest& request, Done done);
  virtual ~HttpCall() = default;
};

}  // namespace leeward::os

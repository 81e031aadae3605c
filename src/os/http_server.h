// An HTTP/1.1 server in an event loop, on TCP or a Unix socket.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/event_loop.h"
#include "os/socket.h"
#include "ports/http.h"

namespace leeward::os {

struct HttpServerRequest {
  std::string method;
  std::string target;  // path and query as sent, not decoded
  ports::Headers headers;
  std::string body;

  // First header of that name, compared without case; empty when absent.
  std::string_view Header(std::string_view name) const;
};

// One request and the way to answer it. Keep it to answer later; dropping it unanswered closes the
// connection.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpServerRequest& request() const = 0;
  // The whole answer. Content-Length is added. Exactly once, or Begin.
  virtual void Reply(ports::HttpResponse response) = 0;
  // An answer of unknown length, such as an event stream: Begin, then Send any number of times;
  // ends when the exchange is dropped. Send is false when the client is gone or more than a bounded
  // amount is unread.
  virtual void Begin(ports::HttpResponse head) = 0;
  virtual bool Send(std::string_view bytes) = 0;
  // Runs when the client goes away before the answer is complete.
  virtual void OnGone(std::function<void()> then) = 0;
};

struct HttpServerOptions {
  std::size_t max_head = 64 << 10;
  std::size_t max_body = 16 << 20;
  std::size_t max_connections = 1024;
  std::size_t max_unsent = 16 << 20;              // bytes queued for one slow reader
  base::Duration idle{std::chrono::seconds(75)};  // between requests, and within one
};

class HttpServer {
 public:
  using Handler = std::function<void(std::shared_ptr<HttpExchange>)>;

  // The handler runs on the loop's thread. A listening socket made with Listen is taken over.
  static base::Result<std::unique_ptr<HttpServer>> Start(EventLoop& loop, const Address& address,
                                                         Handler handler,
                                                         HttpServerOptions options = {});
  static std::unique_ptr<HttpServer> Adopt(EventLoop& loop, int listening, Handler handler,
                                           HttpServerOptions options = {});
  virtual ~HttpServer() = default;
  virtual Address address() const = 0;  // with the actual port
};

}  // namespace leeward::os

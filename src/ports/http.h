// HttpTransport: one HTTP exchange. Everything Leeward says to AWS goes through it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::ports {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // absolute: scheme, host, port, path and query, encoded as it shall be sent
  Headers headers;
  std::string body;
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;

  // First header of that name, compared without case; empty when absent.
  std::string_view Header(std::string_view name) const;
};

struct HttpLimits {
  base::Duration connect{1'000'000'000};  // time to a connection, TLS included
  base::Duration total{5'000'000'000};    // time to the last byte of the answer
  std::size_t max_body = 64u << 20;       // a longer answer is kExhausted
  std::string source_address;  // local address to connect from; empty: the system's choice
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Blocks until answered or past its limits. kUnreachable for DNS, connect, TLS, reset and
  // time-out (the message says which); an HTTP status, whatever it is, is a response. Safe to call
  // from several threads.
  virtual base::Result<HttpResponse> Send(const HttpRequest& request, const HttpLimits& limits) = 0;
};

}  // namespace leeward::ports
